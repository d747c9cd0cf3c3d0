"""Write the constants of mode mean."""

from pathlib import Path

from lstm_units.interventions.model_inputs import Context, compute_from
from lstm_units.interventions.write_intact import write_means
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    write_means(
        Path(snakemake.input.weights).parent,
        snakemake.input.stimuli,
        snakemake.params.task,
        Context(**snakemake.params.context),
        compute_from(snakemake.params.precision, snakemake.resources, snakemake.threads),
        snakemake.output[0],
    )
