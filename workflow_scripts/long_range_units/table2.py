"""Table 2: the intact model, and each discovered unit ablated."""

from lstm_units.analyses.long_range_units.table2 import COLUMNS, table2
from lstm_units.io.results import read_result, read_results
from lstm_units.io.table_formats import write_tables
from lstm_units.runtime.console import job
from lstm_units.statistics import intact_items
from lstm_units.statistics.margins import open_margins

with job(snakemake.log[0]):
    sets, scores = snakemake.input.sets, snakemake.input.intact
    table = table2(
        scores=read_results(snakemake.params.tasks, scores, intact_items.COLUMNS),
        accuracy=read_result(snakemake.input.accuracy, COLUMNS),
        long_range=read_result(snakemake.input.long_range),
        labels=snakemake.params.labels,
        relative_drop=snakemake.params.relative_drop,
        near_tie=snakemake.params.near_tie,
        sets=read_result(sets) if sets else None,
        set_margins=open_margins(snakemake.input.set_shards, key="set"),
        unswept=snakemake.params.unswept,
        natural_tasks=snakemake.params.natural,
        paper_tasks=snakemake.params.paper_tasks,
    )
    write_tables(table, snakemake.output.table)
