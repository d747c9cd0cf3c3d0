"""Decoder weights of the last layer to singular and plural verb forms."""

from pathlib import Path

from lstm_units.analyses.efferents.write_weights import write_efferents
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    write_efferents(
        Path(snakemake.input.weights).parent,
        snakemake.input.verb_pairs,
        snakemake.params.correction,
        snakemake.output.weights,
        snakemake.output.units,
    )
