"""Fetch a file and check its sha256."""

from lstm_units.console import job
from lstm_units.download import download

with job(snakemake.log[0]):
    download(snakemake.params.url, snakemake.output.file, snakemake.params.sha256, progress=False)
