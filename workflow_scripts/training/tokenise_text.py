"""Split a text file into sentences of tokens."""

from lstm_units.runtime.console import job
from lstm_units.training.sentences import tokenise_text

with job(snakemake.log[0]):
    tokenise_text(snakemake.input.text, snakemake.output.sentences)
