"""Table of all random-set controls."""

from lstm_units.analyses.controls.table import write_controls_table
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    write_controls_table(
        dict(zip(snakemake.params.families, snakemake.input, strict=True)),
        snakemake.params.labels,
        list(snakemake.output),
    )
