"""Table 1: the tasks."""

from lstm_units.console import job
from lstm_units.steps_tables import write_table1

with job(snakemake.log[0]):
    write_table1(
        dict(zip(snakemake.params.tasks, snakemake.input.stimuli, strict=True)),
        snakemake.params.labels,
        list(snakemake.output),
    )
