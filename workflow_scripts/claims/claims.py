"""The claims of the paper, evaluated on one model."""

from pathlib import Path

from lstm_units.claims.criteria import Audit, ClaimCriteria
from lstm_units.claims.write_claims import write_claims
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    audit = dict(snakemake.params.audit)
    audit["criteria"] = ClaimCriteria(**audit["criteria"])
    output = snakemake.output[0]
    write_claims(Path(output).parent, snakemake.input, Audit(**audit), output)
