"""R2 of each regression of depth, with intervals, and the differences between them."""

from lstm_units.analyses.depth.write_scores import write_depth_scores
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    write_depth_scores(
        dict(zip(snakemake.params.regressors, snakemake.input, strict=True)),
        confidence=snakemake.params.confidence,
        bootstrap_samples=snakemake.params.bootstrap_samples,
        seed=snakemake.params.seed,
        scores=snakemake.output.scores,
        comparisons=snakemake.output.comparisons,
    )
