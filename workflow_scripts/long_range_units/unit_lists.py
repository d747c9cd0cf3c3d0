"""Gather the lists of discovered units in one file for people."""

from lstm_units.analyses.long_range_units.unit_lists import unit_lists
from lstm_units.io.not_run import or_not_run
from lstm_units.io.results import read_results, write_result
from lstm_units.runtime.console import job

with job(snakemake.log[0]), or_not_run(snakemake.output):
    lists = unit_lists(read_results(snakemake.params.names, snakemake.input.lists, needed=False))
    write_result(lists, snakemake.output.units)
