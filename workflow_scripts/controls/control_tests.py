"""Compare the ablation of discovered units with that of random sets."""

from lstm_units.analyses.controls.write_set_tests import write_control_tests
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    write_control_tests(
        snakemake.wildcards.family,
        snakemake.input.sets,
        list(snakemake.input.shards),
        dict(zip(snakemake.params.tasks, snakemake.input.intact, strict=True)),
        snakemake.params.minimum_intact,
        snakemake.params.confidence,
        snakemake.params.near_tie,
        snakemake.params.seed,
        snakemake.output.accuracy,
        snakemake.output.tests,
        pooled_tasks=snakemake.params.natural,
    )
