"""Figures of a unit card: what its ablation does, and what its cell says at every word."""

import base64
import io
import re
from collections.abc import Mapping, Sequence
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

from lstm_units.plots.style import (
    BLACK,
    FONT_SIZE,
    GREY,
    LIGHT_GREY,
    PLURAL,
    SINGULAR,
    STYLE,
    new_figure,
)

WIDTH = 4.6  # inches
_ROW, _TITLE, _AXIS, _LEGEND = 0.135, 0.24, 0.4, 0.32  # inches
_RIGHT, _GAP, _CHARACTER = 0.1, 0.16, 0.0078 * FONT_SIZE
_MARK = 3.0  # points
_DPI = 160
_PALETTE = 256  # colours: makes a figure of lines and bands a third as large
_PIXELS_PER_INCH = 130  # on the page: text of 7 points is then as large as small print
_NUMBERS = {"S": ("singular subject", SINGULAR, "v"), "P": ("plural subject", PLURAL, "^")}
_OTHER = ("other", BLACK, "o")


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
        By mode: ``task, condition, full_accuracy, accuracy, ci_low, ci_high, large``. At least one
        has rows.
    labels : mapping of str to str, optional
        Names of tasks in print.
    width : float
        Inches.

    Returns
    -------
    matplotlib.figure.Figure
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
    names = [_plain(f"{labels.get(task, task)} {condition}") for task, condition in keys]
    left = 0.1 + _CHARACTER * max(map(len, names))
    height = _TITLE + len(keys) * _ROW + _AXIS + _LEGEND
    each = (width - left - _RIGHT - (len(tables) - 1) * _GAP) / len(tables)
    limits = _limits(tables.values())
    with mpl.rc_context(STYLE):
        figure = new_figure(width, height)
        for column, (mode, table) in enumerate(tables.items()):
            start = (left + column * (each + _GAP)) / width
            box = (start, (_AXIS + _LEGEND) / height, each / width, len(keys) * _ROW / height)
            axis = figure.add_axes(box)
            _shade_tasks(axis, keys)
            _draw_changes(axis, table, places)
            axis.set_yticks(range(len(keys)), names if column == 0 else [])
            axis.set_ylim(len(keys) - 0.5, -0.5)
            axis.set_xlim(limits)
            axis.xaxis.set_major_locator(mpl.ticker.MaxNLocator(4, steps=[1, 2, 5, 10]))
            axis.set_title(f"mode {mode}", fontsize=FONT_SIZE, pad=4)
            axis.spines[["top", "right", "left"]].set_visible(False)
            axis.tick_params(length=2, width=0.6, pad=2)
            axis.tick_params(axis="y", length=0)
        figure.text(
            (left + (width - left - _RIGHT) / 2) / width,
            (_LEGEND + 0.03) / height,
            "change in accuracy (percentage points)",
            ha="center",
            va="bottom",
        )
        _legend(figure, _ablation_handles(keys))
    return figure


def decoding_figure(
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
    attractors : sequence of int
    variable : str
        That was decoded.
    width : float
        Inches.

    Returns
    -------
    matplotlib.figure.Figure
    """
    table = table.sort_values("position")
    x = table["position"].to_numpy()
    words = [_plain(str(word)) for word in table["word"]]
    slanted = 0.09 + 0.036 * max(map(len, words))
    height = 0.08 + 1.1 + slanted + _LEGEND
    left = 0.46
    with mpl.rc_context(STYLE):
        figure = new_figure(width, height)
        box = (
            *(left / width, (slanted + _LEGEND) / height),
            *((width - left - _RIGHT) / width, 1.1 / height),
        )
        axis = figure.add_axes(box)
        axis.axhline(0.5, color=GREY, linewidth=0.6, linestyle="--", zorder=1)
        for position in (subject, verb):
            if position is not None:
                axis.axvspan(
                    position - 0.4, position + 0.4, color=LIGHT_GREY, linewidth=0, zorder=0
                )
        for position in attractors:
            axis.axvline(position, color=GREY, linewidth=0.6, linestyle=":", zorder=0)
        low, high = (table[name].to_numpy(float) for name in ("ci_low", "ci_high"))
        axis.fill_between(x, low, high, color=BLACK, alpha=0.18, linewidth=0)
        auc = table["auc"].to_numpy(float)
        axis.plot(x, auc, "-o", color=BLACK, linewidth=0.9, markersize=_MARK, clip_on=False)
        axis.set_ylim(-0.03, 1.03)
        axis.set_yticks([0, 0.5, 1])
        axis.set_xlim(x.min() - 0.6, x.max() + 0.6)
        axis.set_xticks(x, words)
        for label in axis.get_xticklabels():
            label.set(rotation=45, ha="right", rotation_mode="anchor")
        axis.set_ylabel(f"AUC of the {variable}", fontsize=FONT_SIZE, labelpad=3)
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(length=2, width=0.6, pad=2)
        handles = [Line2D([], [], color=BLACK, marker="o", markersize=_MARK, label="AUC")]
        if np.isfinite(low).any():
            handles.append(Patch(color=BLACK, alpha=0.18, linewidth=0, label="interval"))
        handles.append(Line2D([], [], color=GREY, linestyle="--", linewidth=0.6, label="chance"))
        if subject is not None or verb is not None:
            handles.append(Patch(color=LIGHT_GREY, linewidth=0, label="subject, verb"))
        if len(attractors):
            style = {"color": GREY, "linestyle": ":", "linewidth": 0.6}
            handles.append(Line2D([], [], label="attractor", **style))
        _legend(figure, handles)
    return figure


def inline_png(figure: Figure) -> dict[str, Any]:
    """Return a figure as a PNG of few colours in a data URI, so that a page needs no other file.

    Returns
    -------
    dict
        ``uri``; ``width`` and ``height`` in pixels of the page. Equal figures give equal text.
    """
    drawn, packed = io.BytesIO(), io.BytesIO()
    with mpl.rc_context(STYLE):
        figure.savefig(drawn, format="png", dpi=_DPI, metadata={"Software": None})
    image = Image.open(drawn).convert("RGB").quantize(_PALETTE, dither=Image.Dither.NONE)
    image.save(packed, "PNG", optimize=True)
    width, height = figure.get_size_inches() * _PIXELS_PER_INCH
    return {
        "uri": "data:image/png;base64," + base64.b64encode(packed.getvalue()).decode("ascii"),
        "width": round(width),
        "height": round(height),
    }


def subject_letter(condition: str) -> str | None:
    """Return S or P, the number of the subject of a condition; None if its name does not tell."""
    return condition[0] if re.fullmatch("[SP]+", condition) else None


def _draw_changes(axis: Axes, table: pd.DataFrame, places: Mapping) -> None:
    axis.axvline(0, color=GREY, linewidth=0.6, zorder=1)
    if table.empty:
        axis.text(0.5, 0.5, "not ablated", ha="center", va="center", transform=axis.transAxes)
        return
    for row in table.itertuples():
        place = places[str(row.task), str(row.condition)]
        _, color, marker = _NUMBERS.get(subject_letter(str(row.condition)), _OTHER)
        change, low, high = (
            100 * (value - row.full_accuracy) for value in (row.accuracy, row.ci_low, row.ci_high)
        )
        axis.plot([low, high], [place, place], color=color, linewidth=0.8, zorder=2)
        axis.plot(
            [change],
            [place],
            marker=marker,
            color=color,
            markersize=_MARK + 0.6,
            markerfacecolor=color if row.large else "white",
            markeredgewidth=0.7,
            linestyle="",
            zorder=3,
        )


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


def _ablation_handles(keys: Sequence[tuple[str, str]]) -> list[Line2D]:
    letters = {subject_letter(condition) for _, condition in keys}
    style = {"linestyle": "", "markersize": _MARK + 0.6, "markeredgewidth": 0.7}
    handles = [
        Line2D([], [], color=color, marker=marker, label=label, markerfacecolor="white", **style)
        for letter, (label, color, marker) in (*_NUMBERS.items(), (None, _OTHER))
        if letter in letters
    ]
    handles.append(Line2D([], [], color=GREY, marker="s", label="filled: large change", **style))
    handles.append(Line2D([], [], color=GREY, linewidth=0.8, label="interval"))
    return handles


def _legend(figure: Figure, handles: list) -> None:
    figure.legend(
        handles=handles,
        loc="lower center",
        bbox_to_anchor=(0.5, 0.0),
        ncols=len(handles),
        frameon=False,
        fontsize=FONT_SIZE,
        handlelength=1.6,
        handletextpad=0.4,
        columnspacing=1.0,
        borderaxespad=0.3,
    )


def _plain(text: str) -> str:
    """Keep matplotlib from reading a dollar sign as mathematics."""
    return text.replace("$", r"\$")
