"""All units at a glance."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lstm_units.errors import NotRun
from lstm_units.io.published import task_rank
from lstm_units.io.results import Result, made_from
from lstm_units.io.unit_numbers import layer_of_units
from lstm_units.plots.labels import LETTER, cut, inches, letters, wrapped
from lstm_units.plots.legends import draw_legend, legend_columns, legend_height
from lstm_units.plots.marks import NEUTRAL, Mark, unit_mark
from lstm_units.plots.numbers import DIGIT, free_lane
from lstm_units.plots.style import FONT_SIZE, GREY, LIGHT_GREY, house_style, new_figure
from lstm_units.statistics.margins import condition_rank

# Of the accuracy table.
COLUMNS = ("unit", "layer", "task", "condition", "drop", "relative_drop", "q")
_STRIP = 0.27  # inches per condition: two lines of text
_LANES = (-0.24, 0.24)  # heights of the labels within a strip, in strips


@dataclass(frozen=True)
class _Panel:
    """One mode and layer: the rows of the accuracy table that it shows."""

    title: str
    rows: pd.DataFrame


def units_figure(
    accuracy: Mapping[str, Result],
    layer_sizes: Sequence[int],
    long_range: Result,
    *,
    labels: Mapping[str, str],
    relative_drop: float,
    maximum_q: float,
) -> Result:
    """Return the figure of `units_at_a_glance` with how it was made.

    Parameters
    ----------
    accuracy : mapping of str to Result
        `COLUMNS` of `lstm_units.statistics.agreement.unit_accuracy`, by ablation mode.
    layer_sizes, labels, relative_drop, maximum_q
        As in `units_at_a_glance`.
    long_range : Result
        From `lstm_units.analyses.long_range_units.discovery.long_range_units`.
    """
    figure = units_at_a_glance(
        {mode: result.frame for mode, result in accuracy.items()},
        layer_sizes,
        long_range.content,
        labels=labels,
        relative_drop=relative_drop,
        maximum_q=maximum_q,
    )
    config = {"relative_drop": relative_drop, "maximum_q": maximum_q}
    return Result(figure, made_from(*accuracy.values(), kind="figure of all units", config=config))


def units_at_a_glance(
    accuracy_by_mode: Mapping[str, pd.DataFrame],
    layer_sizes: Sequence[int],
    long_range: Mapping[str, Any] | None = None,
    *,
    labels: Mapping[str, str] | None = None,
    relative_drop: float = 0.10,
    maximum_q: float = 0.05,
    width: float = 6.3,
) -> Figure:
    """All units at a glance: the change in accuracy when each is ablated, in every condition.

    One strip per task and condition, one panel per layer and mode (modes of a layer side by side),
    one dot per unit on a shared linear axis. The height of a dot within its strip has no meaning.
    Outliers, whose accuracy changes by more than `relative_drop` of the intact accuracy at
    q < `maximum_q`, carry their unit's number as far as there is room; the rest are counted.

    Parameters
    ----------
    accuracy_by_mode : mapping of str to DataFrame
        From `lstm_units.statistics.agreement.accuracy_table`, by ablation mode.
    layer_sizes : sequence of int
        Number of units of each layer.
    long_range : mapping, optional
        From `lstm_units.analyses.long_range_units.discovery.discover_long_range`; its units get a
        mark of their own.
    labels : mapping of str to str, optional
        Names of tasks in print.
    width : float
        Width in inches; the default is the text width of a two-column paper.
    """
    panels = _panels(accuracy_by_mode, layer_sizes)
    strips = _strips(accuracy_by_mode)
    marks = {
        unit["unit"]: unit_mark("long-range", unit["subject_number"])
        for unit in (long_range["units"] if long_range else [])
    }
    change = pd.concat([-100 * table["drop"] for table in accuracy_by_mode.values()])
    # Multiples of 10 with room for a number beyond the outermost dot.
    low = 10 * np.floor((change.min() - 2) / 10) - 10
    high = 10 * np.ceil((change.max() + 2) / 10) + 10
    with house_style():
        handles = _legend(marks.values(), relative_drop, maximum_q)
        columns = min(3, legend_columns(handles, width))
        footer = 0.45 + legend_height(handles, width, columns)
        edge = _STRIP * len(strips) + footer + 0.25
        figure = new_figure(width, edge)
        axes = figure.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False)[0]
        names = [_strip_name(strip, labels, 0.35 * width - 0.12) for strip in strips]
        longest = max(len(line) for name in names for line in name.split("\n"))
        text_inches = max(0.1 + longest * FONT_SIZE * 0.0080, 0.08 + max(map(inches, names)))
        left = min(0.35, text_inches / width)
        figure.subplots_adjust(
            left=left, right=0.99, top=1 - 0.25 / edge, bottom=footer / edge, wspace=0.06
        )
        points_per_unit = width * (0.99 - left) / len(panels) * 0.95 * 72 / (high - low)
        for axis, panel in zip(axes, panels, strict=True):
            axis.set_xlim(low, high)
            axis.set_ylim(len(strips) - 0.5, -0.5)
            _draw_grid(axis, strips)
            _draw_panel(axis, panel, strips, marks, relative_drop, maximum_q, points_per_unit)
            axis.set_title(panel.title)
        axes[0].set_yticks(range(len(strips)), names)
        figure.supxlabel(
            "change in accuracy when one unit is ablated (percentage points)",
            x=(left + 0.99) / 2,
            y=(footer - 0.34) / edge,
            va="bottom",
        )
        draw_legend(figure, handles, columns)
    return figure


def _panels(accuracy_by_mode, layer_sizes) -> list[_Panel]:
    panels = []
    for layer in sorted(set(layer_of_units(layer_sizes))):
        for mode, table in accuracy_by_mode.items():
            rows = table[table["layer"] == layer]
            if len(rows):
                panels.append(_Panel(f"layer {layer}, {mode}", rows))
    if not panels:
        raise NotRun("no unit of this model was ablated")
    return panels


def _strips(accuracy_by_mode) -> list[tuple[str, str]]:
    strips = {
        (str(task), str(condition))
        for table in accuracy_by_mode.values()
        for task, condition in table[["task", "condition"]]
        .drop_duplicates()
        .itertuples(index=False)
    }
    return sorted(strips, key=lambda strip: (task_rank(strip[0]), condition_rank(strip[1])))


def _strip_name(strip: tuple[str, str], labels, width: float) -> str:
    """Name task and condition in a line of `width` inches, or in the two that a strip has room for.

    What does not fit there is cut.
    """
    task, condition = (labels or {}).get(strip[0], strip[0]), cut(strip[1], width / LETTER)
    name = f"{task}  {condition}"
    if letters(name) * LETTER <= width:
        return name
    first, *rest = wrapped(task, width).split("\n")
    room = width / LETTER - letters(condition) - 2
    second = [cut(" ".join(rest), room)] if rest and room > 1 else []
    return f"{first}\n{'  '.join([*second, condition])}"


def _draw_grid(axis: Axes, strips) -> None:
    axis.axvline(0, color=NEUTRAL.color, linewidth=0.6, zorder=1)
    axis.grid(axis="x", color=LIGHT_GREY, linewidth=0.5, zorder=0)
    axis.set_axisbelow(True)
    for place in range(1, len(strips)):
        new_task = strips[place][0] != strips[place - 1][0]
        axis.axhline(place - 0.5, color=GREY if new_task else LIGHT_GREY, linewidth=0.5, zorder=0)
    axis.tick_params(axis="y", length=0)
    axis.xaxis.set_major_locator(mpl.ticker.MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]))


def _draw_panel(axis, panel, strips, marks, relative_drop, maximum_q, points) -> None:
    place = {strip: row for row, strip in enumerate(strips)}
    rows = panel.rows
    x = -100 * rows["drop"].to_numpy()
    y = np.array(
        [place[str(t), str(c)] for t, c in zip(rows["task"], rows["condition"], strict=True)]
    )
    unit = rows["unit"].to_numpy().astype(int)
    outlier = (np.abs(rows["relative_drop"].to_numpy()) > relative_drop) & (
        rows["q"].to_numpy() < maximum_q
    )
    # Multiples of the golden ratio spread neighbouring units evenly, and the same in every strip.
    spread = 0.7 * ((unit * 0.6180339887) % 1 - 0.5)
    axis.scatter(
        x[~outlier],
        (y + spread)[~outlier],
        s=1.2,
        color=unit_mark("arbitrary").color,
        linewidths=0,
        rasterized=True,
        zorder=2,
    )
    for row in range(len(strips)):
        here = np.flatnonzero(outlier & (y == row))
        # Long-range units first, then the largest changes, get the room.
        here = sorted(here, key=lambda i: (unit[i] not in marks, -abs(x[i]), unit[i]))
        size = {index: len(str(unit[index])) for index in here}
        lane_of = {index: int(spread[index] > 0) for index in here}
        low, high = axis.get_xlim()
        lanes = _lanes(x, size, lane_of, points, (low, high))
        hidden = list(lanes.values()).count(None)
        if hidden:  # their count stands at the right edge
            room = (len(f"+{hidden}") * DIGIT - 2) / points  # they may stand over each other
            lanes = _lanes(x, size, lane_of, points, (low, high - room))
            hidden = list(lanes.values()).count(None)
        for index, lane in lanes.items():
            mark = marks.get(int(unit[index]), NEUTRAL)
            if lane is None:
                height = np.sign(_LANES[lane_of[index]]) * (0.1 + abs(spread[index]) / 2)
            else:
                height = _LANES[lane[0]]
            axis.plot(
                x[index],
                row + height,
                **mark.points(1.6 if mark is NEUTRAL else 3.0),
                zorder=4,
            )
            if lane is None:
                continue
            axis.annotate(
                str(unit[index]),
                (x[index], row + height),
                xytext=(lane[1] * 2.5, 0),
                textcoords="offset points",
                ha="left" if lane[1] > 0 else "right",
                va="center_baseline",
                zorder=5,
            )
        if hidden:
            axis.annotate(
                f"+{hidden}",
                (1, row),
                xycoords=("axes fraction", "data"),
                xytext=(-1.5, 0),
                textcoords="offset points",
                ha="right",
                va="center_baseline",
            )


def _lanes(
    x: np.ndarray,
    digits: Mapping[int, int],
    lane_of: Mapping[int, int],
    points: float,
    limits: tuple[float, float],
) -> dict[int, tuple[int, int] | None]:
    """Find lane and side of each outlier's number, in turn; None where there is no room."""
    texts: list[list[tuple[float, float]]] = [[] for _ in _LANES]
    now, found = dict(lane_of), {}
    for index, size in digits.items():
        # Every outlier's dot is an obstacle for the labels of the lane it lies in.
        dots = [[x[i] for i in digits if i != index and now[i] == k] for k in range(2)]
        found[index] = lane = free_lane(texts, dots, x[index], size, points, limits)
        if lane is not None:
            now[index] = lane[0]
    return found


def _legend(marks: Iterable[Mark], relative_drop: float, maximum_q: float) -> list[Line2D]:
    large = f"changes by > {relative_drop:.0%} of full, q < {maximum_q:g}"
    found = sorted(set(marks), key=lambda mark: mark.label)
    return [
        unit_mark("arbitrary").handle(1.5, "unit"),
        NEUTRAL.handle(1.8, large),
        *(mark.handle(3.4) for mark in found),
    ]
