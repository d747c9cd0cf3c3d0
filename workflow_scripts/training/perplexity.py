"""Perplexity of a trained network on validation and test."""

from pathlib import Path

from lstm_units.runtime.console import job
from lstm_units.training.write_training import training_device, training_inputs, write_perplexity

with (
    job(snakemake.log[0]),
    training_device(snakemake.resources.device, snakemake.threads) as device,
):
    write_perplexity(
        training_inputs(dict(snakemake.input.items())),
        snakemake.params.run,
        Path(snakemake.input.checkpoints) / snakemake.params.weights,
        device,
        snakemake.output[0],
    )
