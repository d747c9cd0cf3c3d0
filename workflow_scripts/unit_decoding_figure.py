"""All units: AUC at the subject against AUC at the attractor."""

from lstm_units.console import job
from lstm_units.steps_unit_decoding_figure import write_unit_decoding_figure

with job(snakemake.log[0]):
    write_unit_decoding_figure(
        snakemake.input.unit_decoding,
        snakemake.input.stimuli,
        snakemake.input.short_range,
        snakemake.input.long_range,
        list(snakemake.output),
    )
