"""The words that each unit of the last layer raises and lowers most."""

from pathlib import Path

from lstm_units.analyses.efferents.write_words import write_efferent_words
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    write_efferent_words(
        Path(snakemake.input.weights).parent,
        snakemake.input.dynamics,
        snakemake.input.stimuli,
        snakemake.params.words,
        snakemake.output[0],
    )
