"""Generate the items of a task from the tables of a language."""

from lstm_units.io.results import write_result
from lstm_units.runtime.console import job
from lstm_units.stimuli.generation import generated_stimuli
from lstm_units.stimuli.language_tables import read_language

with job(snakemake.log[0]):
    stimuli = generated_stimuli(
        language=read_language(snakemake.params.language),
        template=snakemake.params.template,
        task=snakemake.wildcards.task,
        items_per_condition=snakemake.params.items_per_condition,
        matched=snakemake.params.matched,
        seed=snakemake.params.seed,
    )
    write_result(stimuli, snakemake.output.stimuli)
