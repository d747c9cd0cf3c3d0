"""Compare a converted checkpoint with the published weights and log-probabilities."""

from pathlib import Path

from lstm_units.console import job
from lstm_units.steps_checkpoint import write_identity

with job(snakemake.log[0]):
    write_identity(
        Path(snakemake.input.checkpoint).parent,
        snakemake.params.name,
        snakemake.output.table,
        context=snakemake.input.context or None,
        golden=snakemake.input.golden or None,
    )
