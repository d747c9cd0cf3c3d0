"""Figures 1a, 1b and 1c: units over time; and a figure of any one unit."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from lstm_units.analyses.dynamics.figure import (
    ALL_ROWS,
    Column,
    dynamics_figure,
    ideal_column,
    unit_column,
)
from lstm_units.io.results import Result, made_from
from lstm_units.plots.style import COLUMN_WIDTH
from lstm_units.stimuli.aligned_items import AFTER_VERB, AlignedItems
from lstm_units.stimuli.lexicon import NUMBERS

_TITLES = {
    "long-range": "unit {unit}, long-range,\n{number}",
    "nearest": "unit {unit}, nearest, {number}\n(criteria not met)",
}


def figure1(dynamics: Result, items: AlignedItems, shown: Result) -> tuple[Result, Result, Result]:
    """Draw Figure 1a (singular subjects), 1b (plural subjects) and 1c (the ideal time course).

    Parameters
    ----------
    dynamics : Result
        From `lstm_units.analyses.dynamics.time_courses.time_courses`.
    items : AlignedItems
        Of the same task.
    shown : Result
        The units to show, ``units/shown.json``.

    Returns
    -------
    tuple of three Result
        Each holds a figure.
    """
    units = [entry for entry in shown.content["units"] if entry["role"] in _TITLES]
    answers = dynamics.config["items"]
    config = {"task": items.task, "items": answers}
    metadata = made_from(dynamics, shown, kind="figure 1", config=config)
    figures = [number_figure(dynamics.frame, items, units, each, answers) for each in NUMBERS]
    return tuple(Result(figure, metadata) for figure in (*figures, ideal_figure(items)))


def unit_figure(dynamics: Result, items: AlignedItems, unit: int) -> Result:
    """Draw all variables of one unit over time, beside the ideal time course.

    Parameters
    ----------
    dynamics : Result
        From `lstm_units.analyses.dynamics.time_courses.time_courses`.
    items : AlignedItems
        Of the same task.
    unit : int
        1-based.

    Returns
    -------
    Result
        It holds a figure.

    Raises
    ------
    UserError
        If the dynamics do not hold the unit.
    """
    answers = dynamics.config["items"]
    columns = [
        unit_column(dynamics.frame, unit, f"unit {unit}"),
        ideal_column(items, "singular", _n_words(items)),
    ]
    figure = dynamics_figure(columns, items, variables=ALL_ROWS, answers=answers)
    config = {"task": items.task, "unit": unit, "items": answers}
    return Result(figure, made_from(dynamics, kind="figure of one unit", config=config))


def number_figure(
    dynamics: pd.DataFrame | None,
    items: AlignedItems,
    units: Sequence[Mapping[str, Any]],
    number: str,
    answers: str | None = None,
) -> Figure:
    """Draw the units of one subject number over time beside the ideal time course.

    Parameters
    ----------
    dynamics : DataFrame or None
        From `lstm_units.analyses.dynamics.time_courses.dynamics_table`; None where there are no
        units.
    units : sequence of mapping
        From `lstm_units.analyses.long_range_units.shown_units.shown_units`. Long-range units of
        mixed subject numbers stand
        in both figures.
    number : {"singular", "plural"}
    answers : {"right", "all"}, optional
        As in `lstm_units.analyses.dynamics.figure.dynamics_figure`.
    """
    columns = [
        _column(dynamics, entry)
        for entry in units
        if entry["role"] in _TITLES and entry["number"] in (number, None)
    ]
    if not columns:
        note = (
            f"No long-range unit was found\nfor {number} subjects, and no\n"
            "unit's ablation costs accuracy\nover an attractor."
        )
        columns.append(Column(f"{number} subjects", None, note=note))
    columns.append(ideal_column(items, number, _n_words(items)))
    return dynamics_figure(columns, items, answers=answers)


def ideal_figure(items: AlignedItems) -> Figure:
    """Draw the ideal time course alone (Figure 1c)."""
    return dynamics_figure(
        [ideal_column(items, "singular", _n_words(items))], items, width=COLUMN_WIDTH
    )


def _column(dynamics: pd.DataFrame, entry: Mapping[str, Any]) -> Column:
    """Return the column of a unit, or one that says that its layer was not dumped."""
    if not (dynamics["unit"] == entry["unit"]).any():
        note = f"layer {entry['layer']}\nwas not dumped"
        return Column(_title(entry), None, note=note)
    return unit_column(dynamics, entry["unit"], _title(entry))


def _title(entry: Mapping[str, Any]) -> str:
    number = entry["number"] or "both numbers"
    return _TITLES[entry["role"]].format(unit=entry["unit"], number=number)


def _n_words(items: AlignedItems) -> int:
    return min(items.verb_position + 1 + AFTER_VERB, items.n_positions)
