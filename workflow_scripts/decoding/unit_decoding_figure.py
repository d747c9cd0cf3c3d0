"""All units: AUC at the subject against AUC at the attractor."""

from lstm_units.analyses.decoding.single_units_figure import unit_decoding_figure
from lstm_units.io.not_run import or_not_run
from lstm_units.io.results import read_result
from lstm_units.plots.style import write_figure, write_no_figure
from lstm_units.runtime.console import job
from lstm_units.stimuli.aligned_items import read_aligned_items

with job(snakemake.log[0]), or_not_run(snakemake.output, write_no_figure):
    figure = unit_decoding_figure(
        unit_decoding=read_result(snakemake.input.unit_decoding),
        items=read_aligned_items(snakemake.input.stimuli),
        short_range=read_result(snakemake.input.short_range),
        long_range=read_result(snakemake.input.long_range),
    )
    write_figure(figure, snakemake.output.figure)
