"""Dump the activations that depth is read from, of the model or of an untrained network."""

from pathlib import Path

from lstm_units.analyses.depth.write_activations import write_depth_activations
from lstm_units.interventions.model_inputs import Context, compute_from
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    write_depth_activations(
        Path(snakemake.input.weights).parent,
        snakemake.input.sentences,
        snakemake.input.positions,
        Context(**snakemake.params.context),
        compute_from(snakemake.params.precision, snakemake.resources, snakemake.threads),
        snakemake.params.variable,
        snakemake.params.layers,
        snakemake.params.maximum_unknown,
        snakemake.output[0],
        snakemake.params.seed,
    )
