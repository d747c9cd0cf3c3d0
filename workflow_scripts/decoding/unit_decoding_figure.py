"""All units: AUC at the subject against AUC at the attractor."""

from lstm_units.analyses.decoding.write_single_units_figure import write_unit_decoding_figure
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    write_unit_decoding_figure(
        snakemake.input.unit_decoding,
        snakemake.input.stimuli,
        snakemake.input.short_range,
        snakemake.input.long_range,
        list(snakemake.output),
    )
