"""Train a language model, or go on with a training that was stopped."""

from lstm_units.runtime.console import job
from lstm_units.training.write_training import training_device, training_inputs, write_training

with (
    job(snakemake.log[0]),
    training_device(snakemake.resources.device, snakemake.threads) as device,
):
    write_training(
        training_inputs(dict(snakemake.input.items())),
        snakemake.params.run,
        device,
        snakemake.output.checkpoints,
        snakemake.output.history,
        code=snakemake.params.code,
    )
