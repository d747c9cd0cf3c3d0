"""Keep the items whose verb forms a model knows."""

from pathlib import Path

from lstm_units.interventions.write_known_items import write_known_items
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    write_known_items(
        snakemake.input.stimuli,
        Path(snakemake.input.description).parent,
        snakemake.params.generated,
        snakemake.params.on_unknown_form,
        snakemake.output.stimuli,
        snakemake.output.report,
    )
