"""Table of the regressions of depth."""

from lstm_units.analyses.depth.table import depth_table
from lstm_units.io.results import read_result
from lstm_units.io.table_formats import write_tables
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    table = depth_table(
        scores=read_result(snakemake.input.scores),
        comparisons=read_result(snakemake.input.comparisons),
    )
    write_tables(table, snakemake.output.table)
