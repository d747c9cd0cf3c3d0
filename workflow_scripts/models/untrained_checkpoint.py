"""Weights of an untrained network of another model's shape."""

from lstm_units.models.checkpoints import load_language_model
from lstm_units.models.untrained import write_untrained_weights
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    trained = load_language_model(snakemake.input.weights)
    write_untrained_weights(trained, snakemake.params.seed, snakemake.output.weights)
