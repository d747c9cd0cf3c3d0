"""Table 2: the intact model, and each discovered unit ablated."""

from lstm_units.analyses.long_range_units.write_tables import write_table2
from lstm_units.runtime.console import job

intact = dict(zip(snakemake.params.tasks, snakemake.input.intact, strict=True))
with job(snakemake.log[0]):
    write_table2(
        intact,
        snakemake.input.accuracy,
        snakemake.input.long_range,
        snakemake.params.labels,
        snakemake.params.relative_drop,
        snakemake.params.statistics,
        list(snakemake.output),
        sets=snakemake.input.sets or None,
        set_shards=snakemake.input.set_shards,
        unswept_by_task={task: intact[task] for task in snakemake.params.unswept},
        natural_tasks=snakemake.params.natural,
        paper_tasks=snakemake.params.paper_tasks,
    )
