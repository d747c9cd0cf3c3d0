"""Figure of the regression of depth: coefficients, predictions, and the top unit's activity."""

from lstm_units.analyses.depth.write_figure import write_depth_figure
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    write_depth_figure(
        snakemake.input.coefficients,
        snakemake.input.predictions,
        snakemake.input.dump,
        snakemake.input.positions,
        **snakemake.params.outliers,
        scores=snakemake.input.scores,
        outputs=list(snakemake.output),
    )
