"""The words that each unit of the last layer raises and lowers most."""

from pathlib import Path

from lstm_units.console import job
from lstm_units.steps_efferent_words import write_efferent_words

with job(snakemake.log[0]):
    write_efferent_words(
        Path(snakemake.input.weights).parent,
        snakemake.input.dynamics,
        snakemake.input.stimuli,
        snakemake.params.words,
        snakemake.output[0],
    )
