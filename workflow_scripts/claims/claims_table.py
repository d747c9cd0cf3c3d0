"""The claims of the paper and the verdicts on one model, as a table and as a page."""

from lstm_units.claims.table import all_verdicts, claims_page, claims_table
from lstm_units.io.files import write_text
from lstm_units.io.results import read_result
from lstm_units.io.table_formats import write_table
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    claims = read_result(snakemake.input.claims)
    verdicts = all_verdicts(claims, models=read_result(snakemake.input.models))
    write_table(claims_table(verdicts), snakemake.output.table)
    write_text(claims_page(claims, verdicts), snakemake.output.page)
