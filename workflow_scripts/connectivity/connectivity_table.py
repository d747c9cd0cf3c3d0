"""Table of the connections between number and syntax units, and what they show in words."""

from lstm_units.analyses.connectivity.summary import connectivity_summary
from lstm_units.analyses.connectivity.table import connectivity_table
from lstm_units.io.not_run import or_not_run
from lstm_units.io.results import read_if_run, read_result, write_result
from lstm_units.io.table_formats import write_no_table, write_tables
from lstm_units.runtime.console import job

with job(snakemake.log[0]), or_not_run(snakemake.output, write_no_table):
    results = {
        "afferents": read_result(snakemake.input.afferents),
        "shown": read_result(snakemake.input.shown),
        "syntax": read_if_run(snakemake.input.syntax),
    }
    write_tables(connectivity_table(**results), snakemake.output.table)
    write_result(connectivity_summary(**results), snakemake.output.summary)
