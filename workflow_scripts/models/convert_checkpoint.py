"""Convert a checkpoint of any kind to model.safetensors, model.json and vocab.txt."""

from pathlib import Path

from lstm_units.models.checkpoints import CheckpointSource, convert_checkpoint
from lstm_units.runtime.console import concerning, job

CHECKPOINT = f"checkpoints.{snakemake.wildcards.model} in config.yaml"

with job(snakemake.log[0]), concerning(CHECKPOINT):
    source = CheckpointSource(
        weights=Path(snakemake.input.weights, snakemake.params.inside),
        vocabulary=Path(snakemake.input.vocabulary),
        **snakemake.params.options,
    )
    convert_checkpoint(source, Path(snakemake.output.description).parent)
