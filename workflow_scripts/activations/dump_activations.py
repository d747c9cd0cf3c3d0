"""Dump the activations of the intact model on a task."""

from pathlib import Path

from lstm_units.activations.write_dump import write_activations
from lstm_units.interventions.model_inputs import Context, compute_from
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    write_activations(
        Path(snakemake.input.weights).parent,
        snakemake.input.stimuli,
        Context(**snakemake.params.context),
        compute_from(snakemake.params.precision, snakemake.resources, snakemake.threads),
        snakemake.params.variables,
        snakemake.params.layers,
        snakemake.params.float_type,
        snakemake.output[0],
    )
