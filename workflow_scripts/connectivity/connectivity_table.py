"""Table of the connections between number and syntax units, and what they show in words."""

from lstm_units.analyses.connectivity.table import (
    write_connectivity_summary,
    write_connectivity_table,
)
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    files = (snakemake.input.afferents, snakemake.input.shown, snakemake.input.syntax or None)
    write_connectivity_table(*files, list(snakemake.output.tables))
    write_connectivity_summary(*files, snakemake.output.summary)
