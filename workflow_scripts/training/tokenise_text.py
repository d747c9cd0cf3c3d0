"""Split a text file into sentences of tokens."""

from lstm_units.runtime.console import job
from lstm_units.training.write_corpus import write_sentences

with job(snakemake.log[0]):
    write_sentences(snakemake.input.text, snakemake.output[0])
