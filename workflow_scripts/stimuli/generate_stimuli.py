"""Generate the items of a task from the tables of a language."""

from lstm_units.runtime.console import job
from lstm_units.stimuli.write_generated import write_generated

with job(snakemake.log[0]):
    write_generated(
        snakemake.params.language,
        snakemake.params.template,
        snakemake.params.items_per_condition,
        snakemake.params.matched,
        snakemake.params.seed,
        snakemake.output[0],
    )
