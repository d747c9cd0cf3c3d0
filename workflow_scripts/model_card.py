"""The model card of a trained network."""

from pathlib import Path

from lstm_units.console import job
from lstm_units.steps_model_card import write_model_card

with job(snakemake.log[0]):
    names = [snakemake.params.labels[Path(path).stem] for path in snakemake.input.intact]
    write_model_card(
        snakemake.wildcards.run,
        snakemake.params.run,
        snakemake.params.corpus,
        snakemake.input.statistics,
        snakemake.input.perplexity,
        Path(snakemake.input.checkpoints) / snakemake.params.weights,
        dict(zip(names, snakemake.input.intact, strict=True)),
        snakemake.output[0],
    )
