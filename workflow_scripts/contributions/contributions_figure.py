"""Figure of the contributions of long- and short-range units to the verb margin."""

from lstm_units.analyses.contributions.figure import contributions_figure
from lstm_units.analyses.contributions.summary import COLUMNS
from lstm_units.io.not_run import or_not_run
from lstm_units.io.results import read_results
from lstm_units.plots.style import write_figure, write_no_figure
from lstm_units.runtime.console import job

with job(snakemake.log[0]), or_not_run(snakemake.output, write_no_figure):
    figure = contributions_figure(
        by_task=read_results(snakemake.params.tasks, snakemake.input.contributions, COLUMNS),
        labels=snakemake.params.labels,
        **snakemake.params.statistics,
    )
    write_figure(figure, snakemake.output.figure)
