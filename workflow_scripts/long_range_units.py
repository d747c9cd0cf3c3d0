"""Discover the long-range units."""

from lstm_units.console import job
from lstm_units.steps_results import criteria_from, write_long_range
from lstm_units.sweep_plan import read_layer_sizes

tasks = snakemake.params.tasks
with job(snakemake.log[0]):
    write_long_range(
        snakemake.input.shards,
        dict(zip(tasks, snakemake.input.intact, strict=True)),
        dict(zip(tasks, snakemake.input.stimuli, strict=True)),
        read_layer_sizes(snakemake.input.description),
        snakemake.params.units,
        criteria_from(snakemake.params.discovery, snakemake.params.statistics),
        snakemake.output[0],
    )
