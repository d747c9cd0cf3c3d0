"""The checkpoints of one training run, over its steps."""

from lstm_units.comparison.figure import training_figure
from lstm_units.io.result_files import ResultFiles
from lstm_units.io.results import read_result
from lstm_units.plots.style import write_figure
from lstm_units.runtime.console import job
from lstm_units.stimuli.congruence import read_conditions

with job(snakemake.log[0]):
    shared = ResultFiles.among(snakemake.params.results, snakemake.input.stimuli)
    figure = training_figure(
        models=read_result(snakemake.input.models),
        conditions=read_conditions(shared),
        run=snakemake.wildcards.run,
    )
    write_figure(figure, snakemake.output.figure)
