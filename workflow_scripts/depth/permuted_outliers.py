"""Count the outliers that regressions of permuted depth give."""

from lstm_units.analyses.depth.write_permuted_outliers import write_permuted_outliers
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    write_permuted_outliers(
        snakemake.input[0], **snakemake.params.outliers, output=snakemake.output[0]
    )
