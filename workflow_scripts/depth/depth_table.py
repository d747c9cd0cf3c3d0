"""Table of the regressions of depth."""

from lstm_units.analyses.depth.table import write_depth_table
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    write_depth_table(snakemake.input.scores, snakemake.input.comparisons, list(snakemake.output))
