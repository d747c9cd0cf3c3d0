"""The step of an experiment that checks how stimuli are balanced.

It stands apart from those that make stimuli, so that an edit of the check reruns nothing else.
"""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from lstm_units.io.files import write_text
from lstm_units.stimuli.balance import balance_table, require_balance
from lstm_units.stimuli.table import read_stimuli


def write_balance(
    stimuli_by_task: Mapping[str, str | Path],
    generated: Mapping[str, bool],
    tolerance: float,
    significance: float,
    output: str | Path,
) -> None:
    """Count words per condition in every task; refuse a generated task that is not balanced.

    Imported tasks are counted, not refused: they are as their authors made them.

    Parameters
    ----------
    stimuli_by_task : mapping of str to path
        ``stimuli/{task}.parquet`` of every task.
    generated : mapping of str to bool
        Whether each task was generated from tables.
    tolerance, significance : float
        As in `lstm_units.stimuli.balance.check_balance`.
    output : path
        CSV: ``task`` and the columns of `lstm_units.stimuli.balance.balance_table`.

    Raises
    ------
    StimuliError
        If a generated task is not balanced.
    """
    parts = []
    for task, path in stimuli_by_task.items():
        table = read_stimuli(path)
        if generated[task]:
            counts = require_balance(table, task, tolerance, significance)
        else:
            counts = balance_table(table, expectation="conditions")
        parts.append(counts.assign(task=task))
    counts = pd.concat(parts, ignore_index=True)
    counts = counts[["task", *(c for c in counts.columns if c != "task")]]
    write_text(counts.to_csv(index=False, float_format="%.6g", lineterminator="\n"), output)
