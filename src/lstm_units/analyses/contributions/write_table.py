"""The step of an experiment that tabulates the contributions of units to the verb margin."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lstm_units.analyses.contributions.table import (
    contributions_legend,
    contributions_table,
    print_table,
    read_contributions,
)
from lstm_units.io.table_formats import write_table


def write_contributions_table(
    contributions_by_task: Mapping[str, str | Path],
    labels: Mapping[str, str],
    statistics: Mapping[str, Any],
    outputs: Sequence[str | Path],
) -> None:
    """Mean contributions by task, condition and answer, and how often they point the right way.

    Parameters
    ----------
    contributions_by_task : mapping of str to path
        ``contributions/{task}.parquet`` of each task.
    labels : mapping of str to str
        Names of tasks in print.
    statistics : mapping
        ``confidence, samples, seed`` of `lstm_units.analyses.contributions.table.contributions_table`.
    outputs : sequence of path
        One file per format; the suffix names it. CSV holds that table, the others cells for
        people.
    """
    found = read_contributions(contributions_by_task)
    table = contributions_table(found.by_task, found.units, **statistics)
    legend = contributions_legend(table, found.units, statistics["confidence"], labels)
    metadata = found.metadata("table of contributions", config=dict(statistics))
    for path in outputs:
        csv = str(path).endswith(".csv")
        shown = table if csv else print_table(table, found.units, labels)
        write_table(shown, path, legend=legend, metadata=metadata)
