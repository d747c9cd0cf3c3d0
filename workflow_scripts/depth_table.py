"""Table of the regressions of depth."""

from lstm_units.console import job
from lstm_units.steps_depth_table import write_depth_table

with job(snakemake.log[0]):
    write_depth_table(snakemake.input.scores, snakemake.input.comparisons, list(snakemake.output))
