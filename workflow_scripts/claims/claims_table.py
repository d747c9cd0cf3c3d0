"""The claims of the paper and the verdicts on one model, as a table."""

from lstm_units.claims.table import write_claims_table
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    write_claims_table(snakemake.input.claims, snakemake.input.models, list(snakemake.output))
