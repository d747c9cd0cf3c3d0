"""Discover the short-range units."""

from lstm_units.console import job
from lstm_units.short_range import ShortRangeCriteria
from lstm_units.steps_short_range import write_short_range

with job(snakemake.log[0]):
    write_short_range(
        snakemake.input.unit_decoding,
        snakemake.input.efferents,
        snakemake.input.stimuli,
        snakemake.input.long_range,
        ShortRangeCriteria(**snakemake.params.criteria),
        snakemake.output[0],
    )
