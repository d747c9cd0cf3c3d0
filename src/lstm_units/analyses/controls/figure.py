"""Random sets of units against the ablated one."""

import textwrap
from collections.abc import Mapping

import matplotlib as mpl
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
from lstm_units.plots.style import (
    BLACK,
    FONT_SIZE,
    GREEN,
    GREY,
    PLURAL,
    SINGULAR,
    STYLE,
    TEXT_WIDTH,
    new_figure,
)
from lstm_units.statistics.margins import condition_rank

_COLUMNS = 4  # panels side by side
# Inches: a row of panels with its titles, a panel, the gap beside it, and the margins.
_PITCH, _PANEL, _GAP = 1.08, 0.6, 0.2
_TOP, _BOTTOM, _LEFT = -0.1, 0.72, 0.6
_NOTE = 0.15  # inches: a line below the legend
_NARROWEST = 2.0  # percentage points of accuracy that a panel spans at least
_BARS = 30  # of a histogram at most
# Of the tested set: colour and marker by the number of the subject.
_MARKS = {"S": (SINGULAR, "v", "singular"), "P": (PLURAL, "^", "plural"), "": (GREEN, "D", "")}


def family_figure(
    accuracy: Result, tests: Result, sets: Result, labels: Mapping[str, str]
) -> Result:
    """Draw a family of sets; without a set the figure says why there is none.

    Parameters
    ----------
    accuracy, tests : Result
        From `lstm_units.analyses.controls.set_tests.control_tests`.
    sets : Result
        From `lstm_units.analyses.controls.random_sets.control_sets`.
    labels : mapping of str to str
        Names of tasks in print.

    Returns
    -------
    Result
        It holds a figure.
    """
    require_same(accuracy, tests, sets)
    name, tested = FAMILIES[sets.config["family"]], sets.metadata["tested"]
    if tested:
        ablated = f"{len(tested)} {name}" if len(tested) > 1 else name.removesuffix("s")
        figure = controls_figure(accuracy.frame, tests.frame, ablated, labels)
    else:
        figure = no_set_figure(name, sets.metadata["reason"])
    metadata = made_from(
        tests, kind="figure of random-set controls", config=tests.config, tested=tested
    )
    return Result(figure, metadata)


def controls_figure(
    accuracy: pd.DataFrame,
    tests: pd.DataFrame,
    ablated: str,
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
    labels : mapping of str to str, optional
        Names of tasks in print.

    Returns
    -------
    matplotlib.figure.Figure
    """
    tests = tests.astype({"task": str, "condition": str})
    accuracy = accuracy.astype({"task": str, "condition": str})
    lines = _lines(tests)
    n_columns = max(len(conditions) for _, conditions in lines)
    note = _holm_note(tests)
    foot = _BOTTOM + (_NOTE if note else 0)
    height = _PITCH * len(lines) + _TOP + foot
    pitch = (TEXT_WIDTH - _LEFT) / n_columns
    with mpl.rc_context(STYLE):
        figure = new_figure(TEXT_WIDTH, height)
        for line, (task, conditions) in enumerate(lines):
            bottom = foot + _PITCH * (len(lines) - 1 - line)
            for column, condition in enumerate(conditions):
                box = (_LEFT + column * pitch, bottom, pitch - _GAP, _PANEL)
                axis = figure.add_axes(
                    (box[0] / TEXT_WIDTH, box[1] / height, box[2] / TEXT_WIDTH, box[3] / height)
                )
                here = (tests["task"] == task) & (tests["condition"] == condition)
                sets = (accuracy["task"] == task) & (accuracy["condition"] == condition)
                _draw_panel(axis, accuracy[sets], tests[here].iloc[0])
                if column == 0:
                    name = (labels or {}).get(task, task)
                    axis.set_ylabel(f"{name}\nsets", fontsize=FONT_SIZE)
                    axis.yaxis.set_label_coords(-0.34 / box[2], 0.5)
        figure.supxlabel(
            "accuracy (%)",
            fontsize=FONT_SIZE,
            x=(_LEFT + TEXT_WIDTH - _GAP) / 2 / TEXT_WIDTH,
            y=(foot - _BOTTOM + 0.38) / height,
            va="bottom",
        )
        figure.legend(
            handles=_handles(tests, ablated),
            loc="lower center",
            bbox_to_anchor=(0.5, (foot - _BOTTOM) / height),
            ncols=3,
            frameon=False,
            fontsize=FONT_SIZE,
            handletextpad=0.4,
            columnspacing=1.2,
            borderaxespad=0.3,
        )
        if note:
            figure.text(0.5, 0.05 / height, note, ha="center", va="bottom", fontsize=FONT_SIZE)
    return figure


def no_set_figure(name: str, reason: str) -> Figure:
    """Say in a figure that there was no set to ablate.

    Parameters
    ----------
    name : str
        Of the units, in words.
    reason : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    with mpl.rc_context(STYLE):
        figure = new_figure(TEXT_WIDTH, 0.6)
        text = textwrap.fill(f"No set of {name} was ablated: {reason}.", 110)
        figure.text(0.5, 0.5, text, ha="center", va="center", fontsize=FONT_SIZE)
    return figure


def _lines(tests: pd.DataFrame) -> list[tuple[str, list[str]]]:
    """Tasks in the paper's order with their conditions, a few to a line."""
    lines = []
    for task in sorted(set(tests["task"]), key=task_rank):
        conditions = sorted(tests.loc[tests["task"] == task, "condition"], key=condition_rank)
        lines += [
            (task, conditions[first : first + _COLUMNS])
            for first in range(0, len(conditions), _COLUMNS)
        ]
    return lines


def _subject(condition: str) -> str:
    """S or P, the number of the subject; empty where the condition does not tell it."""
    return condition[0] if condition and set(condition) <= {"S", "P"} else ""


def _draw_panel(axis: Axes, accuracy: pd.DataFrame, test: pd.Series) -> None:
    n = int(test["n"])
    random = accuracy.loc[accuracy["set"] > 0, "right"].to_numpy()
    # Bars of whole items, so that every bar can hold equally many values.
    width = max(1, -(-int(np.ptp(random) + 1) // _BARS))
    edges = np.arange(random.min(), random.max() + width + 1, width) - 0.5
    heights, _, _ = axis.hist(
        100 * random / n, bins=100 * edges / n, color=GREY, linewidth=0, zorder=2
    )
    color, marker, _ = _MARKS[_subject(test["condition"])]
    observed, full = 100 * test["observed"], 100 * test["full_accuracy"]
    top = 1.3 * heights.max()
    axis.set_ylim(0, top)
    axis.axvline(100 * test["null_q05"], color=BLACK, linewidth=0.7, linestyle=":", zorder=3)
    axis.axvline(full, color=BLACK, linewidth=0.9, zorder=3)
    axis.axvline(observed, color=color, linewidth=0.9, linestyle="--", zorder=4)
    axis.plot(observed, 0.9 * top, marker=marker, color=color, markersize=4.5, zorder=5)
    low = min(observed, full, 100 * edges[0] / n)
    high = max(observed, full, 100 * edges[-1] / n)
    pad = max(0.08 * (high - low), 100 / n, (_NARROWEST - high + low) / 2)
    axis.set_xlim(low - pad, high + pad)
    ticks = MaxNLocator(nbins=3, steps=[1, 2, 2.5, 5, 10]).tick_values(low - pad, high + pad)
    ticks = [tick for tick in ticks if max(0, low - pad) <= tick <= min(100, high + pad)]
    axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.yaxis.set_major_locator(MaxNLocator(nbins=2, steps=[1, 2, 5, 10], integer=True))
    axis.tick_params(length=2, width=0.6, pad=2, labelsize=FONT_SIZE)
    axis.spines[["top", "right"]].set_visible(False)
    note = "" if test["testable"] else " (not testable)"
    holm = f", {_said('Holm', test['p_holm'])}" if test["adjusted"] else ""
    axis.set_title(
        f"{test['condition']}{note}\n{_said('p', test['p'])}{holm}",
        fontsize=FONT_SIZE,
        pad=3,
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


def _handles(tests: pd.DataFrame, ablated: str) -> list:
    handles = [
        Patch(color=GREY, linewidth=0, label=f"{int(tests['n_sets'].iloc[0]):,} random sets")
    ]
    handles.append(
        Line2D([], [], color=BLACK, linewidth=0.7, linestyle=":", label="their 5 % quantile")
    )
    present = {_subject(condition) for condition in tests["condition"]}
    for subject, (color, marker, word) in _MARKS.items():
        if subject in present:
            label = f"{ablated} ({word} subject)" if word else ablated
            handles.append(
                Line2D(
                    [],
                    [],
                    color=color,
                    marker=marker,
                    markersize=4.5,
                    linewidth=0.9,
                    linestyle="--",
                    label=label,
                )
            )
    handles.append(Line2D([], [], color=BLACK, linewidth=0.9, label="intact"))
    return handles
