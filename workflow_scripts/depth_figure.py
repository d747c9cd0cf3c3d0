"""Figure of the regression of depth: coefficients, predictions, and the top unit's activity."""

from lstm_units.console import job
from lstm_units.steps_depth_figure import write_depth_figure

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
