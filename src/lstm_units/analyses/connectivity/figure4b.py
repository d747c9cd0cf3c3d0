"""What reaches the gates of the long-range units from their layer (Lakretz et al., Fig. 4b)."""

from collections.abc import Collection, Mapping
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lstm_units.analyses.connectivity.figure4a import empty_figure
from lstm_units.analyses.connectivity.known_units import KnownUnit, in_layers
from lstm_units.models.variables import GATES
from lstm_units.plots.legends import draw_legend, legend_height
from lstm_units.plots.marks import NEUTRAL, ROLES, Mark, unit_mark
from lstm_units.plots.numbers import draw_numbers
from lstm_units.plots.style import (
    COLUMN_WIDTH,
    GREY,
    LIGHT_GREY,
    TEXT_WIDTH,
    axes_at,
    house_style,
    new_figure,
    open_axes,
)

_BINS = 60
_MOST = 3  # panels beside each other
_LEFT, _RIGHT, _TITLE, _TITLE_LINE, _PANEL, _GAP = 0.5, 0.12, 0.34, 0.14, 0.98, 0.2  # inches
_AXIS_LABEL = 0.17
_BARS = 0.5  # share of a panel's height that the bars take
_MARK = 3.2  # points
_OTHER = replace(NEUTRAL, label="other unit beyond the lines")
_THRESHOLD = {"color": GREY, "linewidth": 0.6, "linestyle": (0, (4, 3))}


def afferents_figure(
    afferents: pd.DataFrame,
    units: Mapping[int, KnownUnit],
    top_syntax: int | None,
    threshold: float,
    layers: Collection[int] | None = None,
) -> Figure:
    """Draw the effective input to each gate of each long-range unit from all units of its layer.

    A column of panels per long-range unit or stand-in, a row per gate. Grey bars count the sources
    by weight times mean hidden state; dashed lines are `threshold` SD from the mean. Marks stand
    above their bars: the long-range units (the target itself included), the syntax units, and the
    other sources beyond the lines. They carry their number as far as there is room; the largest
    come first, and the rest are counted.

    Parameters
    ----------
    afferents : DataFrame
        From `lstm_units.analyses.connectivity.afferents.afferent_table`.
    units : mapping of int to KnownUnit
        From `lstm_units.analyses.connectivity.known_units.known_units`.
    top_syntax : int or None
        From `lstm_units.analyses.connectivity.known_units.top_syntax_unit`.
    threshold : float
        Of z.
    layers : collection of int or None
        1-based: those of which `afferents` has rows. Units of other layers are named in the legend,
        but not drawn. None for all.

    Returns
    -------
    matplotlib.figure.Figure
        As wide as a column for one unit, else as wide as a page. Without units it says so.
    """
    long_range = [known for known in units.values() if known.long_range]
    targets = [known for known in long_range if known.unit in in_layers(units, layers)]
    if not targets:
        return empty_figure(long_range, layers)
    lost = [known for known in long_range if known not in targets]
    kinds = _kinds(units, top_syntax)
    # Even if they are no outliers.
    numbered = {known.unit for known in long_range} | ({top_syntax} & set(kinds))
    rows = afferents[afferents["connection"].astype(str) == "recurrent"]
    columns = min(len(targets), _MOST)
    blocks = -(-len(targets) // columns)
    width = COLUMN_WIDTH if columns == 1 else TEXT_WIDTH
    with house_style():
        handles = _legend(rows, targets, kinds, units, top_syntax, threshold, lost)
        label = "effective input: weight \u00d7 mean hidden state of the source"
        label += ("\n" if columns == 1 else " ") + "(vertical: units)"
        legend = legend_height(handles, width)
        footer = legend + _AXIS_LABEL * (1 + label.count("\n")) + 0.12
        titles = {target.unit: _title(target) for target in targets}
        above = _TITLE + _TITLE_LINE * max(title.count("\n") for title in titles.values())
        block = above + len(GATES) * (_PANEL + _GAP)
        height = footer + blocks * block
        figure = new_figure(width, height)
        each = (width - _LEFT * columns - _RIGHT) / columns
        for place, target in enumerate(targets):
            left = _LEFT + (place % columns) * (each + _LEFT)
            top = height - (place // columns) * block - above
            for number, gate in enumerate(GATES):
                bottom = top - number * (_PANEL + _GAP) - _PANEL
                axis = axes_at(figure, left, bottom, each, _PANEL)
                here = rows[(rows["target"] == target.unit) & (rows["gate"].astype(str) == gate)]
                _draw(axis, here, kinds, numbered, threshold, np.array([each, _PANEL]) * 72)
                axis.set_ylabel(gate.replace("_", " "))
                if number == 0:
                    axis.set_title(titles[target.unit])
        figure.supxlabel(label, y=(legend + 0.04) / height, va="bottom")
        draw_legend(figure, handles)
    return figure


def _kinds(units: Mapping[int, KnownUnit], top_syntax: int | None) -> dict[int, Mark]:
    """How each known unit is marked as a source; other sources are not in it."""
    kinds = {}
    for unit, known in units.items():
        if known.long_range:
            role = "long-range" if "long-range" in known.kinds else "nearest"
            kinds[unit] = unit_mark(role, known.number)
        elif known.syntax:
            mark = unit_mark("syntax" if "syntax" in known.kinds else "nearest syntax")
            if unit == top_syntax and mark.filled:
                mark = replace(mark, label="top syntax unit")
            kinds[unit] = mark
    return kinds


def _title(known: KnownUnit) -> str:
    number = f", {known.number}" if known.number else ""
    if "long-range" in known.kinds:
        return f"to unit {known.unit}, long-range{number}"
    return f"to unit {known.unit}, nearest{number}\n(criteria not met)"


def _draw(
    axis: Axes,
    rows: pd.DataFrame,
    kinds: Mapping[int, Mark],
    numbered: set[int],
    threshold: float,
    size: np.ndarray,
) -> None:
    """Draw one panel; `size` is its width and height in points."""
    values = rows["input_mean"].to_numpy(float)
    edge = threshold * values.std()
    lines = (values.mean() - edge, values.mean() + edge)
    low, high = min(values.min(), lines[0]), max(values.max(), lines[1])
    margin = 0.06 * (high - low) or 1.0
    low, high = low - margin, high + margin
    counts, edges = np.histogram(values, bins=_BINS, range=(low, high))
    # Logarithms: single units show beside hundreds.
    tall = np.log10(2 * max(counts.max(), 2))
    bars = np.where(counts > 0, np.log10(2.0 * np.maximum(counts, 1)) / tall * _BARS, 0)
    axis.stairs(
        bars, edges, fill=True, facecolor=LIGHT_GREY, edgecolor=GREY, linewidth=0.3, zorder=1
    )
    for line in lines:
        axis.axvline(line, zorder=0, **_THRESHOLD)
    axis.set_xlim(low, high)
    axis.set_ylim(0, 1)
    ticks = [n for n in (1, 10, 100, 1000) if n <= counts.max()]
    axis.set_yticks([np.log10(2 * n) / tall * _BARS for n in ticks], [str(n) for n in ticks])
    axis.xaxis.set_major_locator(mpl.ticker.MaxNLocator(nbins=5))
    open_axes(axis)
    _mark(axis, rows, kinds, numbered, (low, high), bars, size)


def _mark(
    axis: Axes,
    rows: pd.DataFrame,
    kinds: Mapping[int, Mark],
    numbered: set[int],
    limits: tuple[float, float],
    bars: np.ndarray,
    size: np.ndarray,
) -> None:
    """Mark known units and outliers above their bars, and write the numbers there is room for."""
    low, high = limits
    known = rows["source"].isin(list(kinds))
    marked = rows[known | rows["outlier_mean"].astype(bool)]
    important = marked["source"].isin(numbered)
    order = np.lexsort((marked["source"], marked["rank_mean"], ~important.to_numpy(bool)))
    tops = bars * size[1]  # points
    stacked: dict[int, float] = {}  # height of the marks on each bar
    marks, outliers = {}, set()
    for place in order.tolist():
        row = marked.iloc[place]
        x = (row["input_mean"] - low) / (high - low) * size[0]
        column = min(int(x / size[0] * _BINS), _BINS - 1)
        # Bars are narrower than marks: those beside count too.
        reach = range(max(column - 1, 0), min(column + 2, _BINS))
        y = max(max(tops[c], stacked.get(c, 0.0)) for c in reach) + _MARK / 2 + 1
        for c in reach:
            stacked[c] = y + _MARK / 2
        unit = int(row["source"])
        marks[unit] = np.array([x, y])
        if row["outlier_mean"]:
            outliers.add(unit)
        mark = kinds.get(unit, _OTHER)
        size_of_mark = _MARK if unit in kinds else _MARK - 1
        axis.plot(row["input_mean"], y / size[1], **mark.points(size_of_mark), zorder=3)
    numbered = numbered & set(marks)
    draw_numbers(
        axis,
        marks,
        size,
        mark=_MARK,
        numbered=outliers | numbered,
        first=numbered,
        floor=tops,
    )


def _legend(rows, targets, kinds, units, top_syntax, threshold, lost) -> list[Line2D]:
    """Entries for what is drawn, and for the known units that cannot be drawn."""
    drawn = set(rows.loc[rows["target"].isin([known.unit for known in targets]), "source"])
    seen = {kinds[unit] for unit in kinds if unit in drawn}
    ordered = sorted(seen, key=lambda mark: (mark.marker == ROLES["syntax"].marker, mark.label))
    handles = [mark.handle(_MARK) for mark in ordered]
    handles.append(_OTHER.handle(_MARK - 1))
    handles.append(Line2D([], [], label=f"mean \u00b1 {threshold:g} SD", **_THRESHOLD))
    absent = []
    if top_syntax is not None and top_syntax not in drawn:
        absent.append((units[top_syntax], "syntax"))
    for known in lost:
        absent.append((known, "long-range"))
    for known, kind in absent:
        found = kind in known.kinds
        name = f"{kind} unit {known.unit}" if found else f"unit {known.unit} (no {kind} unit)"
        label = f"{name}: in layer {known.layer}, not drawn"
        handles.append(Line2D([], [], linestyle="", label=label))
    return handles
