"""Ablate each unit of a shard alone, on a group of tasks."""

from pathlib import Path

from lstm_units.interventions.model_inputs import compute_from
from lstm_units.interventions.write_ablation import write_shard
from lstm_units.runtime.console import job

first, last = snakemake.params.units
with job(snakemake.log[0]):
    write_shard(
        Path(snakemake.input.weights).parent,
        dict(zip(snakemake.params.tasks, snakemake.input.stimuli, strict=True)),
        snakemake.input.states,
        snakemake.params.states_first,
        snakemake.wildcards.mode,
        range(first, last + 1),
        compute_from(snakemake.params.precision, snakemake.resources, snakemake.threads),
        snakemake.output[0],
        means=snakemake.input.means or None,
    )
