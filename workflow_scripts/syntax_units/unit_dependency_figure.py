"""Figure 3 of any unit: its cell over the subject-verb dependency of each structure."""

from lstm_units.analyses.syntax_units.write_figure3 import write_unit_dependency
from lstm_units.runtime.console import job

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
