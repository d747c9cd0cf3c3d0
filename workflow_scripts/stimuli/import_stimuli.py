"""Import a test set."""

from lstm_units.io.results import write_result
from lstm_units.runtime.console import job
from lstm_units.stimuli.formats import imported_stimuli
from lstm_units.stimuli.language_tables import read_language

language = snakemake.params.language
with job(snakemake.log[0]):
    stimuli = imported_stimuli(
        format=snakemake.params.format,
        file=snakemake.input.file,
        task=snakemake.wildcards.task,
        gold=snakemake.input.gold or None,
        language=read_language(language) if language else None,
        template=snakemake.params.template,
        on_duplicate=snakemake.params.on_duplicate,
    )
    write_result(stimuli, snakemake.output.stimuli)
