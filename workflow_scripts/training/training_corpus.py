"""Choose the vocabulary, split, filter and shuffle a training corpus."""

from lstm_units.runtime.console import job
from lstm_units.training.write_corpus import write_corpus

with job(snakemake.log[0]):
    write_corpus(
        list(snakemake.input.sentences),
        list(snakemake.input.required),
        snakemake.input.get("chosen") or None,
        dict(snakemake.output.items()),
        snakemake.params.settings,
    )
