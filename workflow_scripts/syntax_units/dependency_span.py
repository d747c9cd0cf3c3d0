"""How well the cell of each unit tells words inside the subject-verb dependency from others."""

from lstm_units.analyses.syntax_units.write_span import write_dependency_span
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    tasks = snakemake.params.tasks
    write_dependency_span(
        dict(zip(tasks, snakemake.input.dumps, strict=True)),
        dict(zip(tasks, snakemake.input.stimuli, strict=True)),
        verb=snakemake.params.verb,
        output=snakemake.output[0],
    )
