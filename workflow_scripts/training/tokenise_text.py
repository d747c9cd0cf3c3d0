"""Split a text file into sentences of tokens."""

from lstm_units.runtime.console import concerning, job
from lstm_units.training.sentences import tokenise_text

CORPUS = f"training.corpora.{snakemake.wildcards.corpus} in config.yaml"

with job(snakemake.log[0]), concerning(CORPUS):
    tokenise_text(snakemake.input.text, snakemake.output.sentences)
