"""Convert a checkpoint of any kind to model.safetensors, model.json and vocab.txt."""

from pathlib import Path

from lstm_units.models.write_checkpoint import write_checkpoint
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    write_checkpoint(
        Path(snakemake.input.weights) / snakemake.params.inside,
        snakemake.input.vocabulary,
        Path(snakemake.output.description).parent,
        **snakemake.params.options,
    )
