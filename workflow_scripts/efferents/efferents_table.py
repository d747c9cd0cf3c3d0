"""Table of the efferent weights and words of the shown units."""

from lstm_units.analyses.efferents.table import efferents_table
from lstm_units.io.not_run import or_not_run
from lstm_units.io.results import read_result
from lstm_units.io.table_formats import write_no_table, write_tables
from lstm_units.runtime.console import job

with job(snakemake.log[0]), or_not_run(snakemake.output, write_no_table):
    table = efferents_table(
        units=read_result(snakemake.input.units),
        words=read_result(snakemake.input.words),
        shown=read_result(snakemake.input.shown),
    )
    write_tables(table, snakemake.output.table)
