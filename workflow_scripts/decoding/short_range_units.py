"""Discover the short-range units."""

from lstm_units.analyses.decoding.short_range_units import ShortRangeCriteria
from lstm_units.analyses.decoding.write_short_range import write_short_range
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    write_short_range(
        snakemake.input.unit_decoding,
        snakemake.input.efferents,
        snakemake.input.stimuli,
        snakemake.input.long_range,
        ShortRangeCriteria(**snakemake.params.criteria),
        snakemake.output[0],
    )
