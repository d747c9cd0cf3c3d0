"""Table 1 (tasks) and Table 2 (accuracy of the intact model and of the discovered units).

After Tables 1 and 2 of Lakretz et al. 2019; the paper's numbers stand beside ours.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lstm_units.io.published import paper_table2, task_rank
from lstm_units.statistics.margins import condition_rank, read_columns

NO_DROP = "-"
NOT_GIVEN = "not given"
NOT_RUN = "not run"


def table1(
    stimuli_by_task: Mapping[str, str | Path], labels: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Table 1: the tasks, one row each.

    Parameters
    ----------
    stimuli_by_task : mapping of str to path
        ``stimuli/{task}.parquet`` of each task.
    labels : mapping of str to str, optional
        Name of a task in print, such as nounPP for nounpp.

    Returns
    -------
    DataFrame
        ``task, label, example`` (first item, up to its verb), ``words`` (number of words of the
        example), ``conditions``, ``n`` (items per condition; one number where all are equal).
    """
    rows = []
    for task in sorted(stimuli_by_task, key=task_rank):
        table = read_columns(
            stimuli_by_task[task], ["item", "tokens", "verb_position", "correct", "condition"]
        ).to_pandas()
        first = table.sort_values("item").iloc[0]
        # Imports may hold a placeholder at the verb, so the form comes from `correct`.
        words = [*first["tokens"][: int(first["verb_position"])], first["correct"]]
        n = table["condition"].astype(str).value_counts()
        conditions = sorted(n.index, key=condition_rank)
        counts = [int(n[condition]) for condition in conditions]
        equal = len(set(counts)) == 1
        rows.append(
            {
                "task": task,
                "label": (labels or {}).get(task, task),
                "example": " ".join(words),
                "words": len(words),
                "conditions": ", ".join(conditions),
                "n": str(counts[0]) if equal else ", ".join(map(str, counts)),
            }
        )
    return pd.DataFrame(rows)


def shown_units(long_range: Mapping[str, Any], maximum: int = 6) -> list[dict[str, Any]]:
    """Choose the discovered units that get a column: all, or those of largest loss.

    The loss is the largest one in an incongruent condition of the confirmation half.
    """

    def loss(unit):
        conditions = unit["confirmation"]["conditions"]
        return max([c["loss"] or 0.0 for c in conditions if c["incongruent"]], default=0.0)

    chosen = sorted(long_range["units"], key=lambda unit: (-loss(unit), unit["unit"]))[:maximum]
    return sorted(chosen, key=lambda unit: unit["unit"])


def table2(
    intact: pd.DataFrame,
    accuracy: pd.DataFrame,
    long_range: Mapping[str, Any],
    labels: Mapping[str, str] | None = None,
    *,
    relative_drop: float = 0.10,
    set_accuracy: pd.DataFrame | None = None,
    natural_tasks: Sequence[str] = ("linzen",),
    paper_tasks: Mapping[str, str] | None = None,
    maximum_units: int = 6,
) -> pd.DataFrame:
    """Table 2: accuracy in percent of the intact model and with each discovered unit ablated.

    Parameters
    ----------
    intact : DataFrame
        From `lstm_units.statistics.agreement.intact_table`, with every task to show.
    accuracy : DataFrame
        From `lstm_units.statistics.agreement.accuracy_table`.
    long_range : mapping
        From `lstm_units.analyses.long_range_units.discovery.discover_long_range`.
    labels : mapping of str to str, optional
        Names of tasks in print.
    relative_drop : float
        A unit's accuracy is shown where it is below (1 - relative_drop) x full, else ``-``: the
        paper's relative 10 % rule.
    set_accuracy : DataFrame, optional
        From `lstm_units.statistics.agreement.set_accuracy_table`: single discovered units on tasks that were
        not swept.
    natural_tasks : sequence of str
        Test sets of natural sentences: they get a row for all items before those of their
        conditions, and one that says ``not given`` when `intact` lacks them.
    paper_tasks : mapping of str to str, optional
        The paper's task that a task of another name is, for example nounpp for nounpp_2019.
    maximum_units : int
        Columns for discovered units at most.

    Returns
    -------
    DataFrame
        ``task, label, condition, n, full``, one column ``unit_{number}`` per unit shown,
        ``paper_full, paper_776, paper_988`` (empty where the paper has no such row) and
        ``n_near_ties``, summed over the intact model and the units shown.
    """
    labels, paper_tasks = labels or {}, paper_tasks or {}
    units = [unit["unit"] for unit in shown_units(long_range, maximum_units)]
    columns = ["task", "condition", "n", "accuracy", "n_near_ties"]
    sources = {None: intact[columns]}
    for unit in units:
        parts = [accuracy.loc[accuracy["unit"] == unit, columns]]
        if set_accuracy is not None:
            swept = set(parts[0]["task"].astype(str))
            rows = set_accuracy.loc[(set_accuracy["unit"] == unit).fillna(False), columns]
            parts.append(rows[~rows["task"].astype(str).isin(swept)])
        sources[unit] = pd.concat([part.astype({"task": str, "condition": str}) for part in parts])
    counts = {unit: _counts(source, natural_tasks) for unit, source in sources.items()}
    paper = paper_table2().set_index(["task", "condition"])
    given = {task for task, _ in counts[None]}
    keys = [*counts[None], *((task, "all") for task in natural_tasks if task not in given)]
    rows = []
    for task, condition in sorted(keys, key=_row_rank(natural_tasks)):
        row: dict[str, Any] = {
            "task": task,
            "label": labels.get(task, task),
            "condition": condition,
        }
        if task in given:
            n, right, near = counts[None][task, condition]
            row |= {"n": n, "full": _percent(right, n)}
            for unit in units:
                ablated = counts[unit].get((task, condition))
                if ablated is None:
                    row[f"unit_{unit}"] = NOT_RUN
                    continue
                near += ablated[2]
                # Compared as counts: 0.9 x full in percent would round ties to either side.
                shown = ablated[1] < (1 - relative_drop) * right - 1e-9 * n
                row[f"unit_{unit}"] = _percent(ablated[1], n) if shown else NO_DROP
            row["n_near_ties"] = near
        else:
            row |= {"n": "", "full": NOT_GIVEN, "n_near_ties": ""}
            row |= {f"unit_{unit}": "" for unit in units}
        for column in paper.columns:
            value = paper[column].get((paper_tasks.get(task, task), condition), "")
            row[column] = value if value == "" or value == value else NO_DROP
        rows.append(row)
    order = ["task", "label", "condition", "n", "full", *(f"unit_{unit}" for unit in units)]
    return pd.DataFrame(rows, columns=[*order, *paper.columns, "n_near_ties"], dtype=object)


def table2_headers(long_range: Mapping[str, Any]) -> dict[str, str]:
    """Titles in print of the columns of `table2`; an unconfirmed unit gets an asterisk."""
    headers = {
        "label": "task",
        "full": "full",
        "paper_full": "paper: full",
        "paper_776": "paper: 776 (plural)",
        "paper_988": "paper: 988 (singular)",
        "n_near_ties": "near ties",
    }
    for unit in long_range["units"]:
        star = "" if unit["confirmed"] else "*"
        number = unit["subject_number"] or "mixed"
        headers[f"unit_{unit['unit']}"] = f"unit {unit['unit']} ({number}){star}"
    return headers


def table2_legend(
    table: pd.DataFrame,
    long_range: Mapping[str, Any],
    *,
    relative_drop: float = 0.10,
    near_tie: float = 1e-4,
) -> list[str]:
    """Sentences to print below `table2`.

    Parameters
    ----------
    table : DataFrame
        From `table2`.
    long_range : mapping
        From `lstm_units.analyses.long_range_units.discovery.discover_long_range`.
    relative_drop, near_tie : float
        As the table was made with.

    Returns
    -------
    list of str
    """
    shown = [unit for unit in long_range["units"] if f"unit_{unit['unit']}" in table.columns]
    legend = [long_range["summary"]]
    if shown:
        legend.append(
            "Accuracy in %, intact (full) and with one unit ablated in mode "
            f"{long_range['criteria']['mode']}, on all items. {NO_DROP}: at least "
            f"{1 - relative_drop:g} x full."
        )
    else:
        legend.append("Accuracy in % of the intact model (full).")
    if len(shown) < len(long_range["units"]):
        legend.append(
            f"{len(shown)} of {len(long_range['units'])} units are shown, those of largest loss."
        )
    if any(not unit["confirmed"] for unit in shown):
        legend.append("* found on one half of the stimuli, not confirmed on the other.")
    for row in long_range["not_testable"]:
        legend.append(f"Not testable: {row['task']} {row['condition']}, {row['reason']}.")
    legend.append(
        "paper: Table 2 of Lakretz et al. 2019, another network with its own unit numbers."
    )
    near = sum(value for value in table["n_near_ties"] if value != "")
    legend.append(f"Items counted with |margin| < {near_tie:g}: {near} over all columns.")
    return legend


def _counts(source: pd.DataFrame, natural_tasks) -> dict[tuple[str, str], tuple[int, int, int]]:
    """Items, right items and near ties of each row; natural tasks also get their sum."""
    counts: dict[tuple[str, str], tuple[int, int, int]] = {}
    for row in source.itertuples(index=False):
        n = int(row.n)
        new = (n, int(np.rint(row.accuracy * n)), int(row.n_near_ties))
        task = str(row.task)
        counts[task, str(row.condition)] = new
        if task in natural_tasks and str(row.condition) != "all":
            old = counts.get((task, "all"), (0, 0, 0))
            counts[task, "all"] = tuple(a + b for a, b in zip(old, new, strict=True))
    return counts


def _row_rank(natural_tasks):
    def rank(key):
        task, condition = key
        return task in natural_tasks, task_rank(task), condition != "all", condition_rank(condition)

    return rank


def _percent(right: int, n: int) -> float:
    return round(100 * right / n, 4)
