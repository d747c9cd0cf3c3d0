"""Table of the efferent weights and words of the shown units."""

from lstm_units.console import job
from lstm_units.steps_efferents_table import write_efferents_table

with job(snakemake.log[0]):
    write_efferents_table(
        snakemake.input.units,
        snakemake.input.words,
        snakemake.input.shown,
        list(snakemake.output),
    )
