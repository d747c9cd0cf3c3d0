"""Make each discovered unit a set of its own."""

from lstm_units.analyses.long_range_units.write_results import write_single_sets
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    write_single_sets(snakemake.input[0], snakemake.output[0])
