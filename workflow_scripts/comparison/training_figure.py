"""The checkpoints of one training run, over its steps."""

from lstm_units.comparison.write_figure import write_training_figure
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    write_training_figure(snakemake.input[0], snakemake.wildcards.run, list(snakemake.output))
