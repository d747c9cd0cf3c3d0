"""The claims of the paper, evaluated on one model."""

from lstm_units.claims.audit import audit_claims
from lstm_units.claims.criteria import Audit, ClaimCriteria
from lstm_units.io.result_files import ResultFiles
from lstm_units.io.results import write_result
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    claims = audit_claims(
        files=ResultFiles.among(snakemake.params.folder, snakemake.input),
        audit=Audit(ClaimCriteria(**snakemake.params.criteria), **snakemake.params.audit),
    )
    write_result(claims, snakemake.output.claims)
