"""Figures of a unit card: what its ablation does, and what its cell says at every word."""

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.transforms import blended_transform_factory
from PIL import Image

from lstm_units.plots.labels import LINE, inches, lines, wrapped
from lstm_units.plots.legends import draw_legend, legend_height
from lstm_units.plots.marks import NEUTRAL, NUMBERS, number_mark
from lstm_units.plots.style import (
    BLACK,
    FONT_SIZE,
    GREY,
    LIGHT_GREY,
    axes_at,
    house_style,
    new_figure,
    open_axes,
)
from lstm_units.plots.words import (
    dot_word,
    dotted_handle,
    shade_words,
    shaded_handle,
    word_axis,
    words_height,
    words_left,
)

WIDTH = 4.6  # inches
_ROW, _TITLE, _AXIS = 0.135, 0.24, 0.4  # inches
_RIGHT, _GAP, _CHARACTER = 0.1, 0.16, 0.0078 * FONT_SIZE
_BESIDE = 0.039  # inches, between a name and its row at least
_NAMES = 1.8  # inches at most, of a task and condition in a line
_MARK = 3.0  # points
_DPI = 160
_PALETTE = 256  # colours: makes a figure of lines and bands a third as large
_PIXELS_PER_INCH = 130  # on the page: text of 7 points is then as large as small print
_INTERVAL = {"color": BLACK, "alpha": 0.18, "linewidth": 0}
_CHANCE = {"color": GREY, "linestyle": "--", "linewidth": 0.6}


def ablation_figure(
    tables: Mapping[str, pd.DataFrame],
    labels: Mapping[str, str] | None = None,
    width: float = WIDTH,
) -> Figure:
    """Draw the change in accuracy that the ablation of one unit makes.

    One row per task and condition, one column per mode. Marks are the change in percentage points;
    bars are the interval of the ablated accuracy, the intact one taken as it is. Colour and shape
    say the subject's number; filled marks are large changes.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        By mode: ``task, condition, subject_number, full_accuracy, accuracy, ci_low, ci_high,
        large``. At least one has rows.
    labels : mapping of str to str, optional
        Names of tasks in print.
    width : float
        Inches.
    """
    labels = labels or {}
    keys = list(
        dict.fromkeys(
            (str(task), str(condition))
            for table in tables.values()
            for task, condition in zip(table["task"], table["condition"], strict=True)
        )
    )
    places = {key: place for place, key in enumerate(keys)}
    names = [wrapped(f"{labels.get(task, task)} {condition}", _NAMES) for task, condition in keys]
    longest = max(len(line) for name in names for line in name.split("\n"))
    left = max(0.1 + _CHARACTER * longest, max(map(inches, names)) + _BESIDE)
    row = _ROW + LINE * (lines(*names) - 1)
    handles = _ablation_handles(tables.values())
    legend = legend_height(handles, width)
    height = _TITLE + len(keys) * row + _AXIS + legend
    each = (width - left - _RIGHT - (len(tables) - 1) * _GAP) / len(tables)
    limits = _limits(tables.values())
    with house_style():
        figure = new_figure(width, height)
        for column, (mode, table) in enumerate(tables.items()):
            start = left + column * (each + _GAP)
            axis = axes_at(figure, start, _AXIS + legend, each, len(keys) * row)
            _shade_tasks(axis, keys)
            _draw_changes(axis, table, places)
            axis.set_yticks(range(len(keys)), names if column == 0 else [])
            axis.set_ylim(len(keys) - 0.5, -0.5)
            axis.set_xlim(limits)
            axis.xaxis.set_major_locator(mpl.ticker.MaxNLocator(4, steps=[1, 2, 5, 10]))
            axis.set_title(f"mode {mode}")
            axis.spines[["top", "right", "left"]].set_visible(False)
            axis.tick_params(axis="y", length=0)
        figure.text(
            (left + (width - left - _RIGHT) / 2) / width,
            (legend + 0.05) / height,
            "change in accuracy (percentage points)",
            ha="center",
            va="bottom",
        )
        draw_legend(figure, handles)
    return figure


def auc_figure(
    table: pd.DataFrame,
    subject: int | None = None,
    attractors: Sequence[int] = (),
    verb: int | None = None,
    variable: str = "cell",
    width: float = WIDTH,
) -> Figure:
    """Draw how well one unit tells the subject's number at every word.

    Parameters
    ----------
    table : DataFrame
        ``position, word, auc, ci_low, ci_high`` of one unit. An interval may be missing.
    subject, verb : int, optional
        0-based positions.
    variable : str
        That was decoded.
    width : float
        Inches.
    """
    table = table.sort_values("position")
    x = table["position"].to_numpy()
    words = [str(word) for word in table["word"]]
    low, high = (table[name].to_numpy(float) for name in ("ci_low", "ci_high"))
    handles = [NEUTRAL.handle(_MARK, "AUC", linestyle="-", linewidth=0.9)]
    if np.isfinite(low).any():
        handles.append(Patch(label="interval", **_INTERVAL))
    handles.append(Line2D([], [], label="chance", **_CHANCE))
    if subject is not None or verb is not None:
        handles.append(shaded_handle("subject, verb"))
    if len(attractors):
        handles.append(dotted_handle("attractor"))
    legend = legend_height(handles, width, len(handles))
    left = words_left(words, 0.46, lambda left: width - left - _RIGHT)
    below = words_height(words) + legend
    with house_style():
        figure = new_figure(width, 0.08 + 1.1 + below)
        axis = axes_at(figure, left, below, width - left - _RIGHT, 1.1)
        axis.axhline(0.5, zorder=1, **_CHANCE)
        for position in (subject, verb):
            if position is not None:
                shade_words(axis, position)
        for position in attractors:
            dot_word(axis, position)
        axis.fill_between(x, low, high, **_INTERVAL)
        auc = table["auc"].to_numpy(float)
        axis.plot(x, auc, **NEUTRAL.style(_MARK), linewidth=0.9, clip_on=False)
        axis.set_ylim(-0.03, 1.03)
        axis.set_yticks([0, 0.5, 1])
        axis.set_xlim(x.min() - 0.6, x.max() + 0.6)
        word_axis(axis, words, x)
        axis.set_ylabel(f"AUC of the {variable}")
        open_axes(axis)
        draw_legend(figure, handles, len(handles))
    return figure


def inline_png(figure: Figure) -> dict[str, Any]:
    """Return a figure as a PNG of few colours in a data URI, so that a page needs no other file.

    Returns
    -------
    dict
        ``uri``; ``width`` and ``height`` in pixels of the page. Equal figures give equal text.
    """
    drawn, packed = io.BytesIO(), io.BytesIO()
    with house_style():
        figure.savefig(drawn, format="png", dpi=_DPI, metadata={"Software": None})
    image = Image.open(drawn).convert("RGB").quantize(_PALETTE, dither=Image.Dither.NONE)
    image.save(packed, "PNG", optimize=True)
    width, height = figure.get_size_inches() * _PIXELS_PER_INCH
    return {
        "uri": "data:image/png;base64," + base64.b64encode(packed.getvalue()).decode("ascii"),
        "width": round(width),
        "height": round(height),
    }


def _draw_changes(axis: Axes, table: pd.DataFrame, places: Mapping) -> None:
    axis.axvline(0, color=GREY, linewidth=0.6, zorder=1)
    if table.empty:
        axis.text(0.5, 0.5, "not ablated", ha="center", va="center", transform=axis.transAxes)
        return
    for row in table.itertuples():
        place = places[str(row.task), str(row.condition)]
        mark = number_mark(row.subject_number).hollow(not row.large)
        change, low, high = (
            100 * (value - row.full_accuracy) for value in (row.accuracy, row.ci_low, row.ci_high)
        )
        axis.plot([low, high], [place, place], color=mark.color, linewidth=0.8, zorder=2)
        axis.plot([change], [place], **mark.points(_MARK + 0.6), zorder=3)


def _shade_tasks(axis: Axes, keys: Sequence[tuple[str, str]]) -> None:
    """Tint every other task, its names included."""
    across = blended_transform_factory(axis.transAxes, axis.transData)
    tasks = list(dict.fromkeys(task for task, _ in keys))
    for number, task in enumerate(tasks):
        if number % 2 == 0:
            rows = [place for place, key in enumerate(keys) if key[0] == task]
            for place in rows:
                axis.fill_between(
                    [0, 1],
                    place - 0.5,
                    place + 0.5,
                    transform=across,
                    color=LIGHT_GREY,
                    alpha=0.45,
                    linewidth=0,
                    zorder=0,
                )


def _limits(tables) -> tuple[float, float]:
    """Return the range of all intervals, at least five points to either side."""
    ends = [-5.0, 5.0]
    for table in tables:
        for name in ("ci_low", "ci_high", "accuracy"):
            ends += (100 * (table[name] - table["full_accuracy"])).dropna().tolist()
    margin = 0.03 * (max(ends) - min(ends))
    return min(ends) - margin, max(ends) + margin


def _ablation_handles(tables: Iterable[pd.DataFrame]) -> list:
    there = {n if n in NUMBERS else None for table in tables for n in table["subject_number"]}
    marks = {number: number_mark(number) for number in (*NUMBERS, None) if number in there}
    size = _MARK + 0.6
    return [
        *(
            mark.hollow().handle(size, f"{number} subject" if number else "other")
            for number, mark in marks.items()
        ),
        (tuple(mark.handle(size) for mark in marks.values()), "filled: large change"),
        Line2D([], [], color=GREY, linewidth=0.8, label="interval"),
    ]
