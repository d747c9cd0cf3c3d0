"""Figure 2, and the figures of further analyses of generalisation across time."""

from lstm_units.analyses.decoding.figure2 import figure2
from lstm_units.io.not_run import or_not_run
from lstm_units.io.results import read_result, read_results
from lstm_units.plots.style import write_figure, write_no_figure
from lstm_units.runtime.console import job
from lstm_units.stimuli.table import read_stimuli

with job(snakemake.log[0]), or_not_run(snakemake.output, write_no_figure):
    figure = figure2(
        by_kind=read_results(snakemake.params.kinds, snakemake.input.decoding),
        stimuli=read_stimuli(snakemake.input.stimuli),
        shown=read_result(snakemake.input.shown),
    )
    write_figure(figure, snakemake.output.figure)
