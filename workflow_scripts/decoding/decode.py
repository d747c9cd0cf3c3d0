"""Generalisation across time: train a classifier at one word, test it at every word."""

from lstm_units.analyses.decoding.write_over_time import write_decoding
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    write_decoding(
        snakemake.input.dump,
        snakemake.input.untrained,
        snakemake.input.stimuli,
        snakemake.input.long_range,
        snakemake.input.shown,
        **{key: value for key, value in snakemake.params.analysis.items() if key != "task"},
        hold_out=snakemake.wildcards.hold_out,
        splits=snakemake.params.splits,
        test_fraction=snakemake.params.test_fraction,
        C=snakemake.params.regularization,
        tolerance=snakemake.params.tolerance,
        permutations=snakemake.params.permutations,
        seed=snakemake.params.seed,
        output=snakemake.output[0],
    )
