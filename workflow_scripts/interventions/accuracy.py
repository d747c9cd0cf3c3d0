"""Accuracy of every unit in every task and condition."""

from lstm_units.config.sweep_plan import read_layer_sizes
from lstm_units.io.not_run import or_not_run
from lstm_units.io.results import read_results, write_result
from lstm_units.runtime.console import job
from lstm_units.statistics.agreement import unit_accuracy
from lstm_units.statistics.intact_items import COLUMNS
from lstm_units.statistics.margins import open_margins

with job(snakemake.log[0]), or_not_run(snakemake.output):
    accuracy = unit_accuracy(
        margins=open_margins(snakemake.input.shards),
        scores=read_results(snakemake.params.tasks, snakemake.input.intact, COLUMNS),
        layer_sizes=read_layer_sizes(snakemake.input.description),
        units=snakemake.params.units,
        **snakemake.params.statistics,
    )
    write_result(accuracy, snakemake.output.accuracy)
