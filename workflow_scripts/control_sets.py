"""Draw random sets of units like a set of discovered ones."""

from lstm_units.console import job
from lstm_units.steps_control_sets import write_control_sets
from lstm_units.sweep_plan import read_layer_sizes

with job(snakemake.log[0]):
    write_control_sets(
        snakemake.wildcards.family,
        read_layer_sizes(snakemake.input.description),
        snakemake.input.syntax or None,
        snakemake.input.long_range,
        snakemake.input.short_range or None,
        snakemake.params.sets,
        snakemake.params.match,
        snakemake.params.exclude_long_range,
        snakemake.params.seed,
        snakemake.output[0],
    )
