"""The checkpoints of one training run, over its steps."""

from lstm_units.comparison.figure import training_figure
from lstm_units.io.results import read_result
from lstm_units.plots.style import write_figure
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    figure = training_figure(
        models=read_result(snakemake.input.models), run=snakemake.wildcards.run
    )
    write_figure(figure, snakemake.output.figure)
