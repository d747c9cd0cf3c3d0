"""Gather the lists of discovered units in one file for people."""

from lstm_units.analyses.long_range_units.write_results import write_unit_lists
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    write_unit_lists(
        dict(zip(snakemake.params.names, snakemake.input, strict=True)), snakemake.output[0]
    )
