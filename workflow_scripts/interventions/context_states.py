"""Read the context with each unit of a layer ablated alone."""

from pathlib import Path

from lstm_units.interventions.model_inputs import Context, compute_from
from lstm_units.interventions.write_ablation import write_context_states
from lstm_units.runtime.console import job

first, last = snakemake.params.units
with job(snakemake.log[0]):
    write_context_states(
        Path(snakemake.input.weights).parent,
        Context(**snakemake.params.context),
        snakemake.wildcards.mode,
        range(first, last + 1),
        compute_from(snakemake.params.precision, snakemake.resources, snakemake.threads),
        snakemake.output[0],
        means=snakemake.input.means or None,
    )
