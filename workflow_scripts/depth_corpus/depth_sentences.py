"""Sentences with bracketings and open nodes: from a grammar, or from a released file."""

from lstm_units.depth_corpus.corpus import depth_sentences, read_source
from lstm_units.io.results import write_result
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    source = read_source(snakemake.input.source, snakemake.params.format)
    sentences = depth_sentences(source, **snakemake.params.sampling)
    write_result(sentences, snakemake.output.sentences)
