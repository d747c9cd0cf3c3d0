"""Accuracy of every unit in every task and condition."""

from lstm_units.console import job
from lstm_units.steps_results import write_accuracy
from lstm_units.sweep_plan import read_layer_sizes

with job(snakemake.log[0]):
    write_accuracy(
        snakemake.input.shards,
        dict(zip(snakemake.params.tasks, snakemake.input.intact, strict=True)),
        read_layer_sizes(snakemake.input.description),
        snakemake.params.units,
        snakemake.params.statistics,
        snakemake.output[0],
    )
