"""Table 1: the tasks."""

from lstm_units.analyses.long_range_units.table1 import COLUMNS, table1
from lstm_units.io.not_run import or_not_run
from lstm_units.io.results import read_results
from lstm_units.io.table_formats import write_no_table, write_tables
from lstm_units.runtime.console import job

with job(snakemake.log[0]), or_not_run(snakemake.output, write_no_table):
    stimuli = read_results(snakemake.params.tasks, snakemake.input.stimuli, COLUMNS)
    table = table1(stimuli=stimuli, labels=snakemake.params.labels, not_run=stimuli.not_run)
    write_tables(table, snakemake.output.table)
