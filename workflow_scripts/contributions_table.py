"""Table of the contributions of long- and short-range units to the verb margin."""

from lstm_units.console import job
from lstm_units.steps_contributions_table import write_contributions_table

with job(snakemake.log[0]):
    write_contributions_table(
        dict(zip(snakemake.params.tasks, snakemake.input.contributions, strict=True)),
        snakemake.params.labels,
        snakemake.params.statistics,
        list(snakemake.output),
    )
