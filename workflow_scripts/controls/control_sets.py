"""Draw random sets of units like a set of discovered ones."""

from lstm_units.analyses.controls.random_sets import control_sets
from lstm_units.config.sweep_plan import read_layer_sizes
from lstm_units.io.not_run import or_not_run
from lstm_units.io.results import read_result, write_result
from lstm_units.runtime.console import job

with job(snakemake.log[0]), or_not_run(snakemake.output):
    names = ("syntax", "long_range", "short_range")
    sets = control_sets(
        family=snakemake.wildcards.family,
        layer_sizes=read_layer_sizes(snakemake.input.description),
        lists={n: read_result(snakemake.input[n]) for n in names if snakemake.input[n]},
        n_sets=snakemake.params.sets,
        match=snakemake.params.match,
        exclude_long_range=snakemake.params.exclude_long_range,
        seed=snakemake.params.seed,
    )
    write_result(sets, snakemake.output.sets)
