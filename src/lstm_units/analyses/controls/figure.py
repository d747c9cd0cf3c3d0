"""Random sets of units against the ablated one."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from lstm_units.analyses.controls.random_sets import FAMILIES
from lstm_units.io.published import task_rank
from lstm_units.io.results import Result, made_from, require_same
from lstm_units.plots.labels import LETTER, LINE, cut, lines, wrapped
from lstm_units.plots.legends import draw_legend, legend_height
from lstm_units.plots.marks import NUMBERS, number_mark
from lstm_units.plots.style import (
    BLACK,
    GREY,
    TEXT_WIDTH,
    axes_at,
    house_style,
    new_figure,
    open_axes,
    sentence_figure,
)
from lstm_units.statistics.margins import condition_rank
from lstm_units.stimuli.congruence import Conditions, describe_conditions

_COLUMNS = 4  # panels side by side
# Inches: a row of panels with its titles, a panel, the gap beside it, and the margins.
_PITCH, _PANEL, _GAP = 1.08, 0.6, 0.2
_TOP, _BOTTOM, _LEFT = -0.1, 0.34, 0.6
_NOTE = 0.15  # inches: a line below the legend
_NARROWEST = 2.0  # percentage points of accuracy that a panel spans at least
_BARS = 30  # of a histogram at most
_SET = {"linewidth": 0.9, "linestyle": "--"}  # of the tested set
_QUANTILE = {"color": BLACK, "linewidth": 0.7, "linestyle": ":"}
_INTACT = {"color": BLACK, "linewidth": 0.9}


def family_figure(
    accuracy: Result,
    tests: Result,
    sets: Result,
    stimuli: Mapping[str, Result],
    labels: Mapping[str, str],
) -> Result:
    """Draw a family of sets; without a set the figure says why there is none.

    Parameters
    ----------
    accuracy, tests : Result
        From `lstm_units.analyses.controls.set_tests.control_tests`.
    sets : Result
        From `lstm_units.analyses.controls.random_sets.control_sets`.
    stimuli : mapping of str to Result
        Of each task, with `lstm_units.stimuli.congruence.COLUMNS`.
    labels : mapping of str to str
        Names of tasks in print.

    Returns
    -------
    Result
        It holds a figure.
    """
    require_same(accuracy, tests, sets, *stimuli.values())
    name, tested = FAMILIES[sets.config["family"]], sets.metadata["tested"]
    if tested:
        ablated = f"{len(tested)} {name}" if len(tested) > 1 else name.removesuffix("s")
        conditions = describe_conditions({task: table.frame for task, table in stimuli.items()})
        figure = controls_figure(accuracy.frame, tests.frame, ablated, conditions, labels)
    else:
        figure = sentence_figure(f"No set of {name} was ablated: {sets.metadata['reason']}.")
    metadata = made_from(
        tests, kind="figure of random-set controls", config=tests.config, tested=tested
    )
    return Result(figure, metadata)


def controls_figure(
    accuracy: pd.DataFrame,
    tests: pd.DataFrame,
    ablated: str,
    conditions: Conditions,
    labels: Mapping[str, str] | None = None,
) -> Figure:
    """Draw the accuracy of the random sets, of the ablated set and of the intact model.

    One panel per task and condition, each with its own axis: conditions differ far more from each
    other than sets within one. A p value adjusted by Holm's method stands where there is one.

    Parameters
    ----------
    accuracy : DataFrame
        From `lstm_units.analyses.controls.set_tests.set_accuracy`.
    tests : DataFrame
        From `lstm_units.analyses.controls.set_tests.control_table`.
    ablated : str
        What was ablated, in words, such as ``17 syntax units``.
    conditions : mapping of (str, str) to ConditionNumbers
        By task and condition; not those of natural sentences, which are tested together.
    labels : mapping of str to str, optional
        Names of tasks in print.
    """
    tests = tests.astype({"task": str, "condition": str})
    accuracy = accuracy.astype({"task": str, "condition": str})
    number = {
        cell: conditions[cell].subject_number if cell in conditions else None
        for cell in zip(tests["task"], tests["condition"], strict=True)
    }
    rows = _rows(tests)
    n_columns = max(len(shown) for _, shown in rows)
    names = {task: wrapped((labels or {}).get(task, task), _PITCH - 0.1) for task, _ in rows}
    left = _LEFT + LINE * (lines(*names.values()) - 1)
    note = _holm_note(tests)
    handles = _handles(tests, set(number.values()), ablated)
    below = _NOTE if note else 0
    legend = legend_height(handles, TEXT_WIDTH)
    foot = below + legend + _BOTTOM
    height = _PITCH * len(rows) + _TOP + foot
    pitch = (TEXT_WIDTH - left) / n_columns
    with house_style():
        figure = new_figure(TEXT_WIDTH, height)
        for row, (task, shown) in enumerate(rows):
            bottom = foot + _PITCH * (len(rows) - 1 - row)
            for column, condition in enumerate(shown):
                box = (left + column * pitch, bottom, pitch - _GAP, _PANEL)
                axis = axes_at(figure, *box)
                here = (tests["task"] == task) & (tests["condition"] == condition)
                sets = (accuracy["task"] == task) & (accuracy["condition"] == condition)
                _draw_panel(axis, accuracy[sets], tests[here].iloc[0], number[task, condition])
                if column == 0:
                    axis.set_ylabel(f"{names[task]}\nsets")
                    axis.yaxis.set_label_coords(-0.34 / box[2], 0.5)
        figure.supxlabel(
            "accuracy (%)",
            x=(left + TEXT_WIDTH - _GAP) / 2 / TEXT_WIDTH,
            y=(below + legend + 0.03) / height,
            va="bottom",
        )
        draw_legend(figure, handles, bottom=below)
        if note:
            figure.text(0.5, 0.05 / height, note, ha="center", va="bottom")
    return figure


def _rows(tests: pd.DataFrame) -> list[tuple[str, list[str]]]:
    """Tasks in the paper's order with their conditions, a few to a row."""
    rows = []
    for task in sorted(set(tests["task"]), key=task_rank):
        conditions = sorted(tests.loc[tests["task"] == task, "condition"], key=condition_rank)
        rows += [
            (task, conditions[first : first + _COLUMNS])
            for first in range(0, len(conditions), _COLUMNS)
        ]
    return rows


def _draw_panel(axis: Axes, accuracy: pd.DataFrame, test: pd.Series, number: str | None) -> None:
    n = int(test["n"])
    random = accuracy.loc[accuracy["set"] > 0, "right"].to_numpy()
    # Bars of whole items, so that every bar can hold equally many values.
    width = max(1, -(-int(np.ptp(random) + 1) // _BARS))
    edges = np.arange(random.min(), random.max() + width + 1, width) - 0.5
    heights, _, _ = axis.hist(
        100 * random / n, bins=100 * edges / n, color=GREY, linewidth=0, zorder=2
    )
    mark = number_mark(number)
    observed, full = 100 * test["observed"], 100 * test["full_accuracy"]
    top = 1.3 * heights.max()
    axis.set_ylim(0, top)
    axis.axvline(100 * test["null_q05"], zorder=3, **_QUANTILE)
    axis.axvline(full, zorder=3, **_INTACT)
    axis.axvline(observed, color=mark.color, zorder=4, **_SET)
    axis.plot(observed, 0.9 * top, **mark.style(4.5), zorder=5)
    low = min(observed, full, 100 * edges[0] / n)
    high = max(observed, full, 100 * edges[-1] / n)
    pad = max(0.08 * (high - low), 100 / n, (_NARROWEST - high + low) / 2)
    axis.set_xlim(low - pad, high + pad)
    ticks = MaxNLocator(nbins=3, steps=[1, 2, 2.5, 5, 10]).tick_values(low - pad, high + pad)
    ticks = [tick for tick in ticks if max(0, low - pad) <= tick <= min(100, high + pad)]
    axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.yaxis.set_major_locator(MaxNLocator(nbins=2, steps=[1, 2, 5, 10], integer=True))
    open_axes(axis)
    note = "" if test["testable"] else " (not testable)"
    holm = f", {_said('Holm', test['p_holm'])}" if test["adjusted"] else ""
    room = (axis.get_position().width * TEXT_WIDTH + _GAP) / LETTER - len(note)
    axis.set_title(
        f"{cut(test['condition'], room)}{note}\n{_said('p', test['p'])}{holm}",
        linespacing=1.1,
    )


def _holm_note(tests: pd.DataFrame) -> str:
    """Say over which conditions p is adjusted; empty if over none."""
    adjusted = tests["adjusted"]
    if not adjusted.any():
        return ""
    note = "Holm: p adjusted over the testable conditions"
    if not adjusted[tests["testable"]].all():
        note += ", of those with attractors only over the incongruent ones"
    return note


def _said(name: str, p: float) -> str:
    """Word a p value: ``p = .012``; one that rounds to 0 is said to be below .001."""
    if p < 0.0005:
        return f"{name} < .001"
    digits = f"{p:.3f}"
    return f"{name} = {digits.removeprefix('0') if p < 0.9995 else '1'}"


def _handles(tests: pd.DataFrame, numbers: set[str | None], ablated: str) -> list:
    random = f"{int(tests['n_sets'].iloc[0]):,} random sets"
    handles = [
        Patch(color=GREY, linewidth=0, label=random),
        Line2D([], [], label="their 5 % quantile", **_QUANTILE),
    ]
    for number in (*NUMBERS, None):
        if number in numbers:
            label = f"{ablated} ({number} subject)" if number else ablated
            handles.append(number_mark(number).handle(4.5, label, **_SET))
    handles.append(Line2D([], [], label="intact", **_INTACT))
    return handles
