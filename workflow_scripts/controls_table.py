"""Table of all random-set controls."""

from lstm_units.console import job
from lstm_units.steps_controls_table import write_controls_table

with job(snakemake.log[0]):
    write_controls_table(
        dict(zip(snakemake.params.families, snakemake.input, strict=True)),
        snakemake.params.labels,
        list(snakemake.output),
    )
