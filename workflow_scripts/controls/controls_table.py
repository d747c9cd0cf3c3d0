"""Table of all random-set controls."""

from lstm_units.analyses.controls.table import controls_table
from lstm_units.io.results import read_results
from lstm_units.io.table_formats import write_tables
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    table = controls_table(
        tests=read_results(snakemake.params.families, snakemake.input.tests),
        labels=snakemake.params.labels,
    )
    write_tables(table, snakemake.output.table)
