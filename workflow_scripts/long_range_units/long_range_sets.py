"""Make each discovered unit a set of its own."""

from lstm_units.analyses.long_range_units.unit_lists import single_unit_sets
from lstm_units.io.not_run import or_not_run
from lstm_units.io.results import read_result, write_result
from lstm_units.runtime.console import job

with job(snakemake.log[0]), or_not_run(snakemake.output):
    sets = single_unit_sets(read_result(snakemake.input.long_range))
    write_result(sets, snakemake.output.sets)
