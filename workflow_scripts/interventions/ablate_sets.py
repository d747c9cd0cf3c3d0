"""Ablate sets of units, each set together, on a group of tasks."""

from pathlib import Path

from lstm_units.interventions.model_inputs import Context, compute_from
from lstm_units.interventions.write_ablation import write_set_shard
from lstm_units.runtime.console import job

first, last = snakemake.params.numbers
with job(snakemake.log[0]):
    write_set_shard(
        Path(snakemake.input.weights).parent,
        dict(zip(snakemake.params.tasks, snakemake.input.stimuli, strict=True)),
        snakemake.input.sets,
        range(first, last + 1),
        Context(**snakemake.params.context),
        snakemake.wildcards.mode,
        compute_from(snakemake.params.precision, snakemake.resources, snakemake.threads),
        snakemake.output[0],
        means=snakemake.input.means or None,
    )
