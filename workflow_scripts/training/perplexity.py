"""Perplexity of a trained network on validation and test."""

from pathlib import Path

from lstm_units.config.training_settings import training_settings
from lstm_units.io.results import write_result
from lstm_units.runtime.console import job
from lstm_units.training.run import measure_perplexity, training_device
from lstm_units.training.text import read_training_text

with (
    job(snakemake.log[0]),
    training_device(snakemake.resources.device, snakemake.threads) as device,
):
    files = snakemake.input
    found = measure_perplexity(
        text=read_training_text(files.ids, files.vocabulary, files.counts),
        settings=training_settings(snakemake.params.run),
        weights=Path(files.checkpoints, snakemake.params.weights),
        device=device,
    )
    write_result(found, snakemake.output.perplexity)
