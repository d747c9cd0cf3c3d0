"""Gather the lists of discovered units in one file for people."""

from lstm_units.console import job
from lstm_units.steps_results import write_unit_lists

with job(snakemake.log[0]):
    write_unit_lists(
        dict(zip(snakemake.params.names, snakemake.input, strict=True)), snakemake.output[0]
    )
