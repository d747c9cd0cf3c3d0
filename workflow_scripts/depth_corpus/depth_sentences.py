"""Sentences with bracketings and open nodes: from a grammar, or from a released file."""

from lstm_units.depth_corpus.write_corpus import (
    write_generated_depth_sentences,
    write_imported_depth_sentences,
)
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    if snakemake.params.format == "generated":
        write_generated_depth_sentences(
            snakemake.input[0], **snakemake.params.sampling, output=snakemake.output[0]
        )
    else:
        write_imported_depth_sentences(snakemake.input[0], snakemake.output[0])
