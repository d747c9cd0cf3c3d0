"""Discover the long-range units."""

from lstm_units.analyses.long_range_units.conditions import Criteria
from lstm_units.analyses.long_range_units.discovery import STIMULI_COLUMNS, long_range_units
from lstm_units.config.sweep_plan import read_layer_sizes
from lstm_units.io.results import read_results, write_result
from lstm_units.runtime.console import job
from lstm_units.statistics.intact_items import COLUMNS
from lstm_units.statistics.margins import open_margins

with job(snakemake.log[0]):
    tasks = snakemake.params.tasks
    found = long_range_units(
        margins=open_margins(snakemake.input.shards),
        scores=read_results(tasks, snakemake.input.intact, COLUMNS),
        stimuli=read_results(tasks, snakemake.input.stimuli, STIMULI_COLUMNS),
        layer_sizes=read_layer_sizes(snakemake.input.description),
        criteria=Criteria(**snakemake.params.discovery, **snakemake.params.statistics),
        units=snakemake.params.units,
    )
    write_result(found, snakemake.output.long_range)
