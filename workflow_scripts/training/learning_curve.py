"""Perplexity over a training."""

from lstm_units.runtime.console import job
from lstm_units.training.write_model_card import write_learning_curve

with job(snakemake.log[0]):
    write_learning_curve(snakemake.input[0], snakemake.params.run, list(snakemake.output))
