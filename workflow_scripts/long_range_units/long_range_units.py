"""Discover the long-range units."""

from lstm_units.analyses.long_range_units.write_results import criteria_from, write_long_range
from lstm_units.config.sweep_plan import read_layer_sizes
from lstm_units.runtime.console import job

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
