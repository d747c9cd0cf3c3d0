"""The model card of a trained network."""

from pathlib import Path

from lstm_units.runtime.console import job
from lstm_units.training.write_model_card import write_model_card

with job(snakemake.log[0]):
    write_model_card(
        snakemake.wildcards.run,
        snakemake.params.run,
        snakemake.params.corpus,
        snakemake.input.statistics,
        snakemake.input.perplexity,
        Path(snakemake.input.checkpoints) / snakemake.params.weights,
        {Path(path).stem: path for path in snakemake.input.intact},
        snakemake.params.labels,
        snakemake.output[0],
    )
