"""Dump the activations of an untrained network of the model's shape on a task."""

from pathlib import Path

from lstm_units.activations.write_untrained_dump import write_untrained_activations
from lstm_units.interventions.model_inputs import Context, compute_from
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    write_untrained_activations(
        Path(snakemake.input.weights).parent,
        snakemake.params.seed,
        snakemake.input.stimuli,
        Context(**snakemake.params.context),
        compute_from(snakemake.params.precision, snakemake.resources, snakemake.threads),
        snakemake.params.variables,
        snakemake.params.layers,
        snakemake.params.float_type,
        snakemake.output[0],
    )
