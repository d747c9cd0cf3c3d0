"""Table 1: the tasks."""

from lstm_units.analyses.long_range_units.write_tables import write_table1
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    write_table1(
        dict(zip(snakemake.params.tasks, snakemake.input.stimuli, strict=True)),
        snakemake.params.labels,
        list(snakemake.output),
    )
