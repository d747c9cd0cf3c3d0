"""Table of the efferent weights and words of the shown units."""

from lstm_units.analyses.efferents.table import write_efferents_table
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    write_efferents_table(
        snakemake.input.units,
        snakemake.input.words,
        snakemake.input.shown,
        list(snakemake.output),
    )
