"""Table of all random-set controls."""

from lstm_units.analyses.controls.table import controls_table
from lstm_units.io.not_run import or_not_run
from lstm_units.io.results import read_results
from lstm_units.io.table_formats import write_no_table, write_tables
from lstm_units.runtime.console import job

with job(snakemake.log[0]), or_not_run(snakemake.output, write_no_table):
    table = controls_table(
        tests=read_results(snakemake.params.families, snakemake.input.tests),
        labels=snakemake.params.labels,
    )
    write_tables(table, snakemake.output.table)
