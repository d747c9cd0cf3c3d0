"""Compare a converted checkpoint with the published weights and log-probabilities."""

from pathlib import Path

from lstm_units.models.write_checkpoint import write_identity
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    write_identity(
        Path(snakemake.input.checkpoint).parent,
        snakemake.params.name,
        snakemake.output.table,
        context=snakemake.input.context or None,
        golden=snakemake.input.golden or None,
    )
