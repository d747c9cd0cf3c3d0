"""Train a language model, or go on with a training that was stopped."""

from lstm_units.config.training_settings import training_settings
from lstm_units.runtime.console import job
from lstm_units.training.run import read_starting_point, train_network, training_device
from lstm_units.training.text import read_training_text

with (
    job(snakemake.log[0]),
    training_device(snakemake.resources.device, snakemake.threads) as device,
):
    files = snakemake.input
    train_network(
        text=read_training_text(files.ids, files.vocabulary, files.counts),
        settings=training_settings(snakemake.params.run),
        device=device,
        checkpoints=snakemake.output.checkpoints,
        history=snakemake.output.history,
        stored_as=snakemake.params.run["stored_as"],
        start=read_starting_point(files.initial),
        code=snakemake.params.code,
    )
