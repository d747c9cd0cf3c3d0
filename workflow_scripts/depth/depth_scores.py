"""R2 of each regression of depth, with intervals, and the differences between them."""

from lstm_units.analyses.depth.scores import depth_scores
from lstm_units.io.not_run import or_not_run
from lstm_units.io.results import read_result, write_result
from lstm_units.runtime.console import job

with job(snakemake.log[0]), or_not_run(snakemake.output):
    scores, comparisons = depth_scores(
        predictions=[read_result(path) for path in snakemake.input.predictions],
        confidence=snakemake.params.confidence,
        bootstrap_samples=snakemake.params.bootstrap_samples,
        seed=snakemake.params.seed,
    )
    write_result(scores, snakemake.output.scores)
    write_result(comparisons, snakemake.output.comparisons)
