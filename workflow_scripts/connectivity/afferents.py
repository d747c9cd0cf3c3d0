"""Weights and effective inputs from all units to the gates of the number and syntax units."""

from pathlib import Path

from lstm_units.analyses.connectivity.write_afferents import write_afferents
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    write_afferents(
        Path(snakemake.input.weights).parent,
        snakemake.input.dump,
        snakemake.input.stimuli,
        snakemake.input.shown,
        snakemake.input.syntax or None,
        snakemake.input.short_range or None,
        snakemake.params.threshold,
        snakemake.output[0],
    )
