"""Split the verb margins of a task into the contributions of kinds of units."""

from pathlib import Path

from lstm_units.analyses.contributions.write_contributions import write_contributions
from lstm_units.interventions.model_inputs import Context, compute_from
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    write_contributions(
        Path(snakemake.input.weights).parent,
        snakemake.input.stimuli,
        Context(**snakemake.params.context),
        snakemake.input.intact,
        snakemake.input.long_range,
        snakemake.input.short_range,
        compute_from(snakemake.params.precision, snakemake.resources, snakemake.threads),
        snakemake.output[0],
    )
