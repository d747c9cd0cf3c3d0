"""Choose the vocabulary, split, filter and shuffle a training corpus."""

from lstm_units.runtime.console import job
from lstm_units.training.corpus import training_corpus, write_corpus

with job(snakemake.log[0]):
    corpus = training_corpus(
        sentences=snakemake.input.sentences,
        required=snakemake.input.required,
        chosen=snakemake.input.get("chosen"),
        **snakemake.params.settings,
    )
    write_corpus(
        corpus,
        ids=snakemake.output.ids,
        vocabulary=snakemake.output.vocabulary,
        counts=snakemake.output.counts,
        statistics=snakemake.output.statistics,
    )
