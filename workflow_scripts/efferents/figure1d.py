"""Figure 1d: efferent weights to verb forms."""

from lstm_units.analyses.efferents.figure import figure1d
from lstm_units.io.not_run import or_not_run
from lstm_units.io.results import read_result
from lstm_units.plots.style import write_figure, write_no_figure
from lstm_units.runtime.console import job

with job(snakemake.log[0]), or_not_run(snakemake.output, write_no_figure):
    figure = figure1d(
        weights=read_result(snakemake.input.weights),
        units=read_result(snakemake.input.units),
        shown=read_result(snakemake.input.shown),
    )
    write_figure(figure, snakemake.output.figure)
