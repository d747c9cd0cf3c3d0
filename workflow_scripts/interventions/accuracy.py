"""Accuracy of every unit in every task and condition."""

from lstm_units.analyses.long_range_units.write_results import write_accuracy
from lstm_units.config.sweep_plan import read_layer_sizes
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    write_accuracy(
        snakemake.input.shards,
        dict(zip(snakemake.params.tasks, snakemake.input.intact, strict=True)),
        read_layer_sizes(snakemake.input.description),
        snakemake.params.units,
        snakemake.params.statistics,
        snakemake.output[0],
    )
