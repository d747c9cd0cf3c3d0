"""Figure 3 of any unit: its cell over the subject-verb dependency of each structure."""

from lstm_units.console import job
from lstm_units.steps_figure3 import write_unit_dependency

with job(snakemake.log[0]):
    tasks = snakemake.params.tasks
    write_unit_dependency(
        dict(zip(tasks, snakemake.input.dumps, strict=True)),
        dict(zip(tasks, snakemake.input.stimuli, strict=True)),
        snakemake.input.span,
        int(snakemake.wildcards.unit),
        snakemake.params.labels,
        list(snakemake.output),
    )
