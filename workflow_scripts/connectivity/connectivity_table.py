"""Table of the connections between number and syntax units, and what they show in words."""

from lstm_units.analyses.connectivity.summary import connectivity_summary
from lstm_units.analyses.connectivity.table import connectivity_table
from lstm_units.io.results import read_result, write_result
from lstm_units.io.table_formats import write_tables
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    syntax = snakemake.input.syntax
    results = {
        "afferents": read_result(snakemake.input.afferents),
        "shown": read_result(snakemake.input.shown),
        "syntax": read_result(syntax) if syntax else None,
    }
    write_tables(connectivity_table(**results), snakemake.output.table)
    write_result(connectivity_summary(**results), snakemake.output.summary)
