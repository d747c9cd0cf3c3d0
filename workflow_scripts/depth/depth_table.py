"""Table of the regressions of depth."""

from lstm_units.analyses.depth.table import depth_table
from lstm_units.io.not_run import or_not_run
from lstm_units.io.results import read_result
from lstm_units.io.table_formats import write_no_table, write_tables
from lstm_units.runtime.console import job

with job(snakemake.log[0]), or_not_run(snakemake.output, write_no_table):
    table = depth_table(
        scores=read_result(snakemake.input.scores),
        comparisons=read_result(snakemake.input.comparisons),
    )
    write_tables(table, snakemake.output.table)
