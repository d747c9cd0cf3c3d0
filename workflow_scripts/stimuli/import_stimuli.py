"""Import a test set."""

from lstm_units.runtime.console import job
from lstm_units.stimuli.write_imported import write_imported

with job(snakemake.log[0]):
    write_imported(
        snakemake.params.format,
        snakemake.input.file,
        snakemake.output[0],
        gold=snakemake.input.gold or None,
        language=snakemake.params.language,
        template=snakemake.params.template,
    )
