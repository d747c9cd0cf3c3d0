"""Draw random sets of units like a set of discovered ones."""

from lstm_units.analyses.controls.write_sets import write_control_sets
from lstm_units.config.sweep_plan import read_layer_sizes
from lstm_units.runtime.console import job

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
