"""Table of what each kind of unit adds to the verb margin."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from lstm_units.analyses.contributions.summary import (
    CONSTANT,
    GROUPS,
    MEASURES,
    RIGHT,
    WITHOUT_CONSTANT,
    gather_contributions,
    summarise_contributions,
)
from lstm_units.io.files import make_metadata
from lstm_units.io.results import Result
from lstm_units.io.table_formats import PrintedTable

_EMPTY = "-"


def contributions_table(
    by_task: Mapping[str, Result], labels: Mapping[str, str], **statistics: Any
) -> PrintedTable:
    """Tabulate mean contributions, and how often they point to the right form.

    Parameters
    ----------
    by_task : mapping of str to Result
        From `lstm_units.analyses.contributions.parts.contributions`.
    labels : mapping of str to str
        Names of tasks in print.
    **statistics
        ``confidence, samples, seed`` of
        `lstm_units.analyses.contributions.summary.summarise_contributions`.

    Raises
    ------
    UserError
        If the tasks do not belong together.
    """
    found = gather_contributions(by_task)
    table = summarise_contributions(found.by_task, found.units, **statistics)
    return PrintedTable(
        table,
        printed_table(table, found.units, labels),
        legend=contributions_legend(table, found.units, statistics["confidence"], labels),
        metadata=make_metadata(kind="table of contributions", **found.origin, config=statistics),
    )


def printed_table(
    table: pd.DataFrame, units: Mapping[str, Any], labels: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Write the table for people: each mean and share in one cell with its interval.

    Parameters
    ----------
    table : DataFrame
        From `lstm_units.analyses.contributions.summary.summarise_contributions`.
    units : mapping
        ``long_range, short_range``.
    labels : mapping of str to str, optional
        Names of tasks in print.

    Returns
    -------
    DataFrame
        Of text, but for ``n``; ``-`` where there is nothing. A group without units has no
        columns of shares.
    """
    shown = pd.DataFrame(
        {
            "task": [(labels or {}).get(task, task) for task in table["task"]],
            "condition": table["condition"],
            "answer": table["answer"],
            "n": table["n"],
        }
    )
    titles = {"margin": "margin", "rest": "rest", "bias": "bias"}
    titles |= {group: group.replace("_", "-") for group in GROUPS}
    for name in MEASURES:
        empty = name in GROUPS and not units[name]
        shown[titles[name]] = _cells(table, name, 1, 2, empty)
    for group in GROUPS:
        if units[group]:
            right, without = f"{titles[group]} right, %", f"{titles[group]} without constant, %"
            shown[right] = _cells(table, group + RIGHT, 100, 1, False)
            shown[without] = _cells(table, group + WITHOUT_CONSTANT, 100, 1, False)
    return shown


def _cells(table: pd.DataFrame, name: str, scale: float, decimals: int, empty: bool) -> list[str]:
    columns = [scale * table[column] for column in (name, f"{name}_low", f"{name}_high")]

    def text(value: float, low: float, high: float) -> str:
        if empty or np.isnan(value):
            return _EMPTY
        # Adding 0 turns a rounded -0.0 into 0.0.
        mean, *ends = (f"{round(x, decimals) + 0.0:.{decimals}f}" for x in (value, low, high))
        return mean if np.isnan(low) else f"{mean} [{ends[0]}, {ends[1]}]"

    return [text(*cell) for cell in zip(*columns, strict=True)]


def contributions_legend(
    table: pd.DataFrame,
    units: Mapping[str, Any],
    confidence: float,
    labels: Mapping[str, str] | None = None,
) -> list[str]:
    """Sentences to print below the table.

    Parameters
    ----------
    table : DataFrame
        From `lstm_units.analyses.contributions.summary.summarise_contributions`.
    units : mapping
        Of `lstm_units.analyses.contributions.summary.Contributions`.
    confidence : float
        Of the intervals of `table`.
    labels : mapping of str to str, optional
        Names of tasks in print.
    """
    how = sorted(set(table["resampled"]) - {""})
    drawn = "a bootstrap over subject and verb lemmas"
    if how == ["items"]:
        drawn = "a bootstrap over items"
    elif "items" in how:
        drawn += " (over items in rows where lemmas are not known or only one occurs)"
    legend = [
        "Mean contribution to the verb margin, log p(correct) - log p(wrong) in nats, by parts "
        "that add up to it: units of the last layer, and the decoder's bias. "
        f"Brackets: {confidence:.0%} intervals from {drawn}.",
        "; ".join(describe_group(units, group) for group in GROUPS)
        + f"; rest: the other {units['n_rest']} units of layer {units['last_layer']}.",
    ]
    for group in GROUPS:
        title = group.replace("_", "-")
        if not units[group]:
            legend.append(
                f"There is no {title} unit in layer {units['last_layer']}, so nothing is said of "
                "how often such units are right."
            )
        left_out = units[f"{group}_in_lower_layers"]
        if left_out:
            legend.append(
                f"{title} units of lower layers act through the last layer and are not counted: "
                f"{_listed(left_out)}."
            )
    if units["both"]:
        legend.append(f"Short-range too, but counted as long-range: {_listed(units['both'])}.")
    against = units["short_range_against"]
    if against:
        legend.append(
            f"Short-range, but push the verb form against the number they hold: {_listed(against)}."
        )
    groups = [group for group in GROUPS if units[group]]
    return legend + (_legend_of_shares(table, groups, confidence, labels or {}) if groups else [])


def _legend_of_shares(
    table: pd.DataFrame, groups: Sequence[str], confidence: float, labels: Mapping[str, str]
) -> list[str]:
    tasks = table.drop_duplicates("task")
    how = set(table["resampled"]) - {""}
    wilson = "Wilson intervals, which ignore that items share words"
    brackets = f"Brackets of shares: {confidence:.0%} {wilson}."
    if how != {"items"}:
        where = "the share is 0 or 100 or there is a single item"
        where += ", and where the bootstrap is over items" if "items" in how else ""
        brackets = f"Brackets of shares: the same bootstrap; {wilson}, where {where}."
    legend = [
        "right, %: percent of the items in which the units' own contribution is above 0, so points "
        "to the right form.",
        "without constant, %: the same once the units' constant is taken out, that is, what they "
        "add towards the singular form whatever the subject's number: the mean of their mean "
        "contributions towards it over singular and over plural subjects of the task. Where "
        "exactly nothing is left they do not point right.",
    ]
    for group in groups:
        constants = dict(zip(tasks["task"], tasks[group + CONSTANT], strict=True))
        known = [
            f"{value + 0.0:.3f} ({labels.get(task, task)})"
            for task, value in constants.items()
            if not np.isnan(value)
        ]
        unknown = [labels.get(task, task) for task, value in constants.items() if np.isnan(value)]
        title = group.replace("_", "-")
        if known:
            legend.append(
                f"Constant of the {title} units towards the singular form, in nats: "
                f"{', '.join(known)}."
            )
        if unknown:
            legend.append(
                f"No constant of the {title} units is known in {', '.join(unknown)}: it takes "
                "subjects of both numbers, and the number of each."
            )
    if tasks[[group + CONSTANT for group in groups]].notna().any(axis=None) and how != {"items"}:
        brackets += " The constant is not estimated anew in each sample."
    return [*legend, brackets]


def describe_group(units: Mapping[str, Any], group: str) -> str:
    """Name a group and its units, such as ``long-range: 2 units (776, 988)``."""
    numbers = units[group]
    title = group.replace("_", "-")
    if not numbers:
        return f"{title}: no unit"
    return f"{title}: {len(numbers)} unit{'s' * (len(numbers) > 1)} ({_listed(numbers)})"


def _listed(numbers: Sequence[int], most: int = 20) -> str:
    shown = ", ".join(map(str, numbers[:most]))
    return shown if len(numbers) <= most else f"{shown} and {len(numbers) - most} more"
