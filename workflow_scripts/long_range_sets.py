"""Make each discovered unit a set of its own."""

from lstm_units.console import job
from lstm_units.steps_results import write_single_sets

with job(snakemake.log[0]):
    write_single_sets(snakemake.input[0], snakemake.output[0])
