"""Figure 3: the cell of the top syntax unit over four structures."""

from lstm_units.analyses.syntax_units.write_figure3 import write_figure3
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    tasks = snakemake.params.tasks
    write_figure3(
        dict(zip(tasks, snakemake.input.dumps, strict=True)),
        dict(zip(tasks, snakemake.input.stimuli, strict=True)),
        snakemake.input.syntax,
        snakemake.params.labels,
        list(snakemake.output),
    )
