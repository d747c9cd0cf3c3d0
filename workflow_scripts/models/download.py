"""Fetch a file and check its sha256."""

from lstm_units.models.download import download
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    download(snakemake.params.url, snakemake.output.file, snakemake.params.sha256, progress=False)
