"""Score a task with the intact model."""

from pathlib import Path

from lstm_units.console import job
from lstm_units.model_inputs import Context, compute_from
from lstm_units.steps_intact import write_intact

with job(snakemake.log[0]):
    write_intact(
        Path(snakemake.input.weights).parent,
        snakemake.input.stimuli,
        Context(**snakemake.params.context),
        compute_from(snakemake.params.precision, snakemake.resources, snakemake.threads),
        snakemake.output[0],
    )
