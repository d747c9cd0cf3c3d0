"""Table 2: the intact model, and each discovered unit ablated."""

from lstm_units.analyses.long_range_units.table2 import COLUMNS, table2
from lstm_units.io.not_run import or_not_run
from lstm_units.io.results import read_if_run, read_result, read_results
from lstm_units.io.table_formats import write_no_table, write_tables
from lstm_units.runtime.console import job
from lstm_units.statistics import intact_items
from lstm_units.statistics.margins import open_margins

with job(snakemake.log[0]), or_not_run(snakemake.output, write_no_table):
    scores = read_results(snakemake.params.tasks, snakemake.input.intact, intact_items.COLUMNS)
    table = table2(
        scores=scores,
        accuracy=read_if_run(snakemake.input.accuracy, COLUMNS),
        long_range=read_result(snakemake.input.long_range),
        labels=snakemake.params.labels,
        relative_drop=snakemake.params.relative_drop,
        near_tie=snakemake.params.near_tie,
        sets=read_if_run(snakemake.input.sets),
        set_margins=open_margins(snakemake.input.set_shards, key="set"),
        unswept=snakemake.params.unswept,
        natural_tasks=snakemake.params.natural,
        paper_tasks=snakemake.params.paper_tasks,
        not_run=scores.not_run,
    )
    write_tables(table, snakemake.output.table)
