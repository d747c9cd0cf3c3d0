"""Count the outliers that regressions of permuted depth give."""

from lstm_units.console import job
from lstm_units.steps_permuted_outliers import write_permuted_outliers

with job(snakemake.log[0]):
    write_permuted_outliers(
        snakemake.input[0], **snakemake.params.outliers, output=snakemake.output[0]
    )
