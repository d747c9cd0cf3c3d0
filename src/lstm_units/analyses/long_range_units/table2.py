"""Table 2: accuracy of the intact model and without each discovered unit.

After Table 2 of Lakretz et al. 2019; the paper's numbers stand beside ours.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import pandas as pd

from lstm_units.io.not_run import not_run_sentences
from lstm_units.io.published import paper_table2, task_rank
from lstm_units.io.results import Result, made_from, require_same
from lstm_units.io.table_formats import PrintedTable
from lstm_units.statistics.agreement import intact_counts, set_counts
from lstm_units.statistics.margins import Margins, condition_rank

NO_DROP = "-"
NOT_GIVEN = "not given"
NOT_RUN = "not run"
COLUMNS = ("unit", "task", "condition", "n", "right", "n_near_ties")  # of the ablated accuracy


def table2(
    scores: Mapping[str, Result],
    accuracy: Result | None,
    long_range: Result,
    labels: Mapping[str, str],
    *,
    relative_drop: float,
    near_tie: float,
    sets: Result | None = None,
    set_margins: Margins | None = None,
    unswept: Sequence[str] = (),
    natural_tasks: Sequence[str] = (),
    paper_tasks: Mapping[str, str] | None = None,
    not_run: Mapping[str, str] = MappingProxyType({}),
) -> PrintedTable:
    """Return the table of `accuracy_rows` as it is printed.

    Parameters
    ----------
    scores : mapping of str to Result
        The intact model's scores of every task to show, with the columns of
        `lstm_units.statistics.intact_items.COLUMNS`.
    accuracy : Result or None
        `COLUMNS` of `lstm_units.statistics.agreement.unit_accuracy`, of the mode that decided the
        discovery; None where no unit was ablated.
    long_range : Result
        From `lstm_units.analyses.long_range_units.discovery.long_range_units`.
    labels : mapping of str to str
        Names of tasks in print.
    near_tie : float
        Items with a smaller absolute margin are counted as near ties, in nats.
    sets, set_margins : optional
        Discovered units as sets of one, and their margins on the tasks `unswept`.
    relative_drop, natural_tasks, paper_tasks
        As in `accuracy_rows`.
    not_run : mapping of str to str
        Why further tasks could not be run.
    """
    made = list(scores.values()) if accuracy is None else [accuracy]
    require_same(*made, long_range, *scores.values())
    units = long_range.content
    without_sweep = None
    if set_margins is not None and set_margins.parts and units["units"]:
        require_same(*made, set_margins)
        unswept_scores = {task: scores[task] for task in unswept if task in scores}
        without_sweep = set_counts(set_margins, unswept_scores, sets, near_tie=near_tie)
    table = accuracy_rows(
        intact_counts(scores, near_tie=near_tie),
        None if accuracy is None else accuracy.frame,
        units,
        labels,
        relative_drop=relative_drop,
        without_sweep=without_sweep,
        natural_tasks=tuple(natural_tasks) or ("linzen",),
        paper_tasks=paper_tasks,
    )
    return PrintedTable(
        table,
        table.drop(columns="task"),
        _headers(units),
        [*_legend(table, units, relative_drop, near_tie), *not_run_sentences(not_run, labels)],
        made_from(*made[:1], kind="table 2", config={"relative_drop": relative_drop}),
    )


def units_with_a_column(long_range: Mapping[str, Any], maximum: int) -> list[int]:
    """Choose the discovered units that get a column: all, or those of largest loss.

    The loss is the largest one in an incongruent condition of the confirmation half.
    """

    def loss(unit):
        conditions = unit["confirmation"]["conditions"]
        return max([c["loss"] or 0.0 for c in conditions if c["incongruent"]], default=0.0)

    chosen = sorted(long_range["units"], key=lambda unit: (-loss(unit), unit["unit"]))[:maximum]
    return sorted(unit["unit"] for unit in chosen)


def accuracy_rows(
    intact: pd.DataFrame,
    accuracy: pd.DataFrame | None,
    long_range: Mapping[str, Any],
    labels: Mapping[str, str] | None = None,
    *,
    relative_drop: float = 0.10,
    without_sweep: pd.DataFrame | None = None,
    natural_tasks: Sequence[str] = ("linzen",),
    paper_tasks: Mapping[str, str] | None = None,
    maximum_units: int = 6,
) -> pd.DataFrame:
    """Accuracy in percent of the intact model and with each discovered unit ablated.

    Parameters
    ----------
    intact : DataFrame
        From `lstm_units.statistics.agreement.intact_counts`, with every task to show.
    accuracy : DataFrame or None
        From `lstm_units.statistics.agreement.accuracy_table`, at least `COLUMNS`; needed where
        units are shown.
    long_range : mapping
        From `lstm_units.analyses.long_range_units.discovery.discover_long_range`.
    labels : mapping of str to str, optional
        Names of tasks in print.
    relative_drop : float
        A unit's accuracy is shown where it is below (1 - relative_drop) x full, else ``-``: the
        paper's relative 10 % rule.
    without_sweep : DataFrame, optional
        From `lstm_units.statistics.agreement.set_counts`: single discovered units on tasks that
        were not swept.
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
    units = units_with_a_column(long_range, maximum_units)
    columns = ["task", "condition", "n", "right", "n_near_ties"]
    sources = {None: intact[columns]}
    for unit in units:
        parts = [accuracy.loc[accuracy["unit"] == unit, columns]]
        if without_sweep is not None:
            swept = set(parts[0]["task"].astype(str))
            rows = without_sweep.loc[(without_sweep["unit"] == unit).fillna(False), columns]
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


def _headers(long_range: Mapping[str, Any]) -> dict[str, str]:
    """Titles of the columns; an unconfirmed unit gets an asterisk."""
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


def _legend(
    table: pd.DataFrame, long_range: Mapping[str, Any], relative_drop: float, near_tie: float
) -> list[str]:
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
        new = (int(row.n), int(row.right), int(row.n_near_ties))
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
