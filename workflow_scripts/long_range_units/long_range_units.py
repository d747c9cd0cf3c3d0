"""Discover the long-range units."""

from functools import partial

from lstm_units.analyses.long_range_units.conditions import Criteria
from lstm_units.analyses.long_range_units.discovery import (
    STIMULI_COLUMNS,
    long_range_units,
    write_no_units,
)
from lstm_units.config.sweep_plan import read_layer_sizes
from lstm_units.io.not_run import or_not_run
from lstm_units.io.results import read_results, write_result
from lstm_units.runtime.console import job
from lstm_units.statistics.intact_items import COLUMNS
from lstm_units.statistics.margins import open_margins

params = snakemake.params
searched = {"criteria": Criteria(**params.discovery, **params.statistics), "units": params.units}
with job(snakemake.log[0]), or_not_run(snakemake.output, partial(write_no_units, **searched)):
    found = long_range_units(
        margins=open_margins(snakemake.input.shards),
        scores=read_results(params.tasks, snakemake.input.intact, COLUMNS),
        stimuli=read_results(params.tasks, snakemake.input.stimuli, STIMULI_COLUMNS),
        layer_sizes=read_layer_sizes(snakemake.input.description),
        why_not=params.why_not,
        **searched,
    )
    write_result(found, snakemake.output.long_range)
