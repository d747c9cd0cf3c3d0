"""The steps of an experiment that write tables for print.

They stand apart from those that make the numbers, so that an edit of a table reruns nothing else.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from lstm_units.analyses.long_range_units.tables import (
    table1,
    table2,
    table2_headers,
    table2_legend,
)
from lstm_units.io.files import lineage, make_metadata, read_json, read_metadata
from lstm_units.io.table_formats import write_table
from lstm_units.statistics.agreement import intact_table, set_accuracy_table


def write_table1(
    stimuli_by_task: Mapping[str, str | Path],
    labels: Mapping[str, str],
    outputs: Sequence[str | Path],
) -> None:
    """Table 1: the tasks, with an example, the conditions and the number of items.

    Parameters
    ----------
    stimuli_by_task : mapping of str to path
        ``stimuli/{task}.parquet`` of each task.
    labels : mapping of str to str
        Names of tasks in print.
    outputs : sequence of path
        One file per format; the suffix names it.
    """
    table = table1(stimuli_by_task, labels)
    sources = {
        task: read_metadata(path)["stimuli_sha256"] for task, path in stimuli_by_task.items()
    }
    metadata = make_metadata(kind="table 1", stimuli_sha256=sources)
    for path in outputs:
        shown = table if str(path).endswith(".csv") else table.drop(columns="task")
        write_table(shown, path, headers={"label": "task"}, metadata=metadata)


def write_table2(
    intact_by_task: Mapping[str, str | Path],
    accuracy: str | Path,
    long_range: str | Path,
    labels: Mapping[str, str],
    relative_drop: float,
    statistics: Mapping[str, Any],
    outputs: Sequence[str | Path],
    sets: str | Path | None = None,
    set_shards: Sequence[str | Path] = (),
    unswept_by_task: Mapping[str, str | Path] | None = None,
    natural_tasks: Sequence[str] = (),
    paper_tasks: Mapping[str, str] | None = None,
) -> None:
    """Table 2: accuracy of the intact model and with each discovered unit ablated.

    Parameters
    ----------
    intact_by_task : mapping of str to path
        ``intact/{task}.parquet`` of every task to show.
    accuracy : path
        ``accuracy.parquet`` of the mode that decided the discovery.
    long_range : path
        ``units/long_range.json``.
    labels : mapping of str to str
        Names of tasks in print.
    relative_drop : float
        As in `table2`.
    statistics : mapping
        ``confidence, correction, near_tie``.
    outputs : sequence of path
        One file per format; the suffix names it.
    sets, set_shards, unswept_by_task : optional
        Discovered units as sets of one, their margins on the tasks without a sweep, and
        ``intact/{task}.parquet`` of these tasks.
    natural_tasks : sequence of str
        Tasks in the Linzen format.
    paper_tasks : mapping of str to str, optional
        As in `table2`.
    """
    units = read_json(long_range)
    interval = {key: statistics[key] for key in ("confidence", "near_tie")}
    set_accuracy = None
    if set_shards and units["units"]:
        set_accuracy = set_accuracy_table(set_shards, unswept_by_task, sets, **statistics)
    table = table2(
        intact_table(intact_by_task, **interval),
        pd.read_parquet(accuracy),
        units,
        labels,
        relative_drop=relative_drop,
        set_accuracy=set_accuracy,
        natural_tasks=tuple(natural_tasks) or ("linzen",),
        paper_tasks=paper_tasks,
    )
    legend = table2_legend(
        table, units, relative_drop=relative_drop, near_tie=statistics["near_tie"]
    )
    metadata = lineage([accuracy], kind="table 2", config={"relative_drop": relative_drop})
    for path in outputs:
        csv = str(path).endswith(".csv")
        shown = table if csv else table.drop(columns="task")
        headers = None if csv else table2_headers(units)
        write_table(shown, path, headers=headers, legend=legend, metadata=metadata)
