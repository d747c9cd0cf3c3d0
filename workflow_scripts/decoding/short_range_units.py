"""Discover the short-range units."""

from lstm_units.analyses.decoding.short_range_units import ShortRangeCriteria, short_range_units
from lstm_units.io.not_run import or_not_run
from lstm_units.io.results import read_result, write_result
from lstm_units.runtime.console import job
from lstm_units.stimuli.aligned_items import read_aligned_items

with job(snakemake.log[0]), or_not_run(snakemake.output):
    found = short_range_units(
        unit_decoding=read_result(snakemake.input.unit_decoding),
        efferents=read_result(snakemake.input.efferents),
        items=read_aligned_items(snakemake.input.stimuli),
        long_range=read_result(snakemake.input.long_range),
        criteria=ShortRangeCriteria(**snakemake.params.criteria),
    )
    write_result(found, snakemake.output.short_range)
