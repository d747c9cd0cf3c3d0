"""Decoder weights of the last layer to singular and plural verb forms."""

from pathlib import Path

from lstm_units.console import job
from lstm_units.steps_efferents import write_efferents

with job(snakemake.log[0]):
    write_efferents(
        Path(snakemake.input.weights).parent,
        snakemake.input.verb_pairs,
        snakemake.params.correction,
        snakemake.output.weights,
        snakemake.output.units,
    )
