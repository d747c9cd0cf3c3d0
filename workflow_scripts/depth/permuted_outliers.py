"""Count the outliers that regressions of permuted depth give."""

from lstm_units.analyses.depth.outliers import permuted_outliers
from lstm_units.io.not_run import or_not_run
from lstm_units.io.results import read_result, write_result
from lstm_units.runtime.console import job

with job(snakemake.log[0]), or_not_run(snakemake.output):
    counted = permuted_outliers(
        permuted=read_result(snakemake.input.permuted), **snakemake.params.outliers
    )
    write_result(counted, snakemake.output.permutations)
