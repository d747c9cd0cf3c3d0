"""Figure of one control: the random sets, and the tested one."""

from lstm_units.analyses.controls.figure import family_figure
from lstm_units.io.not_run import or_not_run
from lstm_units.io.results import read_result, read_results
from lstm_units.plots.style import write_figure, write_no_figure
from lstm_units.runtime.console import job
from lstm_units.stimuli.congruence import COLUMNS

with job(snakemake.log[0]), or_not_run(snakemake.output, write_no_figure):
    figure = family_figure(
        accuracy=read_result(snakemake.input.accuracy),
        tests=read_result(snakemake.input.tests),
        sets=read_result(snakemake.input.sets),
        stimuli=read_results(snakemake.params.tasks, snakemake.input.stimuli, COLUMNS),
        labels=snakemake.params.labels,
    )
    write_figure(figure, snakemake.output.figure)
