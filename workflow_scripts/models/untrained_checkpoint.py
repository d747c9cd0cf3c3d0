"""Weights of an untrained network of another model's shape."""

from pathlib import Path

from lstm_units.models.write_untrained import write_untrained_checkpoint
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    write_untrained_checkpoint(
        Path(snakemake.input.description).parent, snakemake.params.seed, snakemake.output[0]
    )
