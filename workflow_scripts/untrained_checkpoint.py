"""Weights of an untrained network of another model's shape."""

from pathlib import Path

from lstm_units.console import job
from lstm_units.steps_untrained_checkpoint import write_untrained_checkpoint

with job(snakemake.log[0]):
    write_untrained_checkpoint(
        Path(snakemake.input.description).parent, snakemake.params.seed, snakemake.output[0]
    )
