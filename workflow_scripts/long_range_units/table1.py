"""Table 1: the tasks."""

from lstm_units.analyses.long_range_units.table1 import COLUMNS, table1
from lstm_units.io.results import read_results
from lstm_units.io.table_formats import write_tables
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    table = table1(
        stimuli=read_results(snakemake.params.tasks, snakemake.input.stimuli, COLUMNS),
        labels=snakemake.params.labels,
    )
    write_tables(table, snakemake.output.table)
