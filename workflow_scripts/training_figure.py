"""The checkpoints of one training run, over its steps."""

from lstm_units.console import job
from lstm_units.steps_training_figure import write_training_figure

with job(snakemake.log[0]):
    write_training_figure(snakemake.input[0], snakemake.wildcards.run, list(snakemake.output))
