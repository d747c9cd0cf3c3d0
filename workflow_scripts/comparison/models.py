"""All models side by side."""

from pathlib import Path

from lstm_units.claims.criteria import ClaimCriteria
from lstm_units.comparison.write_models import ModelEntry, write_models
from lstm_units.io.result_files import ResultFiles
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    results = Path(snakemake.output.json).parent
    write_models(
        [
            ModelEntry(files=ResultFiles.among(results / entry["name"], snakemake.input), **entry)
            for entry in snakemake.params.models
        ],
        ClaimCriteria(**snakemake.params.criteria),
        snakemake.params.labels,
        **dict(snakemake.output.items()),
    )
