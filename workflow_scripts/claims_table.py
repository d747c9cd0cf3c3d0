"""The claims of the paper and the verdicts on one model, as a table."""

from lstm_units.console import job
from lstm_units.steps_claims_table import write_claims_table

with job(snakemake.log[0]):
    write_claims_table(snakemake.input.claims, snakemake.input.models, list(snakemake.output))
