"""Table 1: the tasks, after Table 1 of Lakretz et al. 2019."""

from collections.abc import Mapping
from types import MappingProxyType

import pandas as pd

from lstm_units.io.files import make_metadata
from lstm_units.io.not_run import not_run_sentences
from lstm_units.io.plain_text import visible
from lstm_units.io.published import task_rank
from lstm_units.io.results import Result
from lstm_units.io.table_formats import PrintedTable
from lstm_units.statistics.margins import condition_rank

COLUMNS = ("item", "tokens", "verb_position", "correct", "condition")  # of the stimuli


def table1(
    stimuli: Mapping[str, Result],
    labels: Mapping[str, str],
    not_run: Mapping[str, str] = MappingProxyType({}),
) -> PrintedTable:
    """List the tasks, one row each.

    Parameters
    ----------
    stimuli : mapping of str to Result
        The stimuli of each task, with `COLUMNS`.
    labels : mapping of str to str
        Names of tasks in print, such as nounPP for nounpp.
    not_run : mapping of str to str
        Why further tasks could not be run.

    Returns
    -------
    PrintedTable
        ``task, label, example`` (first item, up to its verb), ``words`` (number of words of the
        example), ``conditions``, ``n`` (items per condition; one number where all are equal).
    """
    rows = []
    for task in sorted(stimuli, key=task_rank):
        items = stimuli[task].frame
        first = items.sort_values("item").iloc[0]
        # Imports may hold a placeholder at the verb, so the form comes from `correct`.
        words = [*first["tokens"][: int(first["verb_position"])], first["correct"]]
        n = items["condition"].astype(str).value_counts()
        conditions = sorted(n.index, key=condition_rank)
        counts = [int(n[condition]) for condition in conditions]
        equal = len(set(counts)) == 1
        rows.append(
            {
                "task": task,
                "label": labels.get(task, task),
                "example": visible(" ".join(words)),
                "words": len(words),
                "conditions": ", ".join(conditions),
                "n": str(counts[0]) if equal else ", ".join(map(str, counts)),
            }
        )
    table = pd.DataFrame(rows)
    hashes = {task: result.metadata["stimuli_sha256"] for task, result in stimuli.items()}
    metadata = make_metadata(kind="table 1", stimuli_sha256=hashes)
    legend = not_run_sentences(not_run, labels)
    return PrintedTable(table, table.drop(columns="task"), {"label": "task"}, legend, metadata)
