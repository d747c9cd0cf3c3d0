"""Figure of what each kind of unit adds to the verb margin."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from lstm_units.analyses.contributions.summary import (
    GROUPS,
    RIGHT,
    WITHOUT_CONSTANT,
    gather_contributions,
    summarise_contributions,
)
from lstm_units.errors import UserError
from lstm_units.io.files import make_metadata
from lstm_units.io.results import Result
from lstm_units.plots.labels import LINE, lines, wrapped
from lstm_units.plots.legends import draw_legend, legend_height
from lstm_units.plots.marks import NEUTRAL, SUM, series_mark, unit_mark
from lstm_units.plots.style import (
    BLACK,
    GREY,
    LIGHT_GREY,
    TEXT_WIDTH,
    axes_at,
    house_style,
    new_figure,
)

# Mark, size and name of each part, in the order in which they stand side by side.
_MARKS = {
    "long_range": (unit_mark("long-range"), 3.0, "long-range"),
    "short_range": (unit_mark("short-range"), 3.2, "short-range"),
    "rest": (unit_mark("arbitrary"), 3.2, "rest of the last layer"),
    "bias": (series_mark(1)[0], 3.6, "bias"),
    "margin": (SUM, 5.0, "margin: sum of the parts"),
}
_STEP, _STEP_OF_SHARES = 0.084, 0.115  # between marks side by side, in conditions
_PER_ROW = 8  # conditions
# Inches: left and right edge, gap between panels, title, both panels, tick labels, footer.
_LEFT, _RIGHT, _GAP, _TITLE = 0.56, 0.04, 0.12, 0.22
_MEANS, _BETWEEN, _SHARES, _TICKS = 1.35, 0.10, 0.62, 0.36
_AXIS_TITLE = 0.20


def contributions_figure(
    by_task: Mapping[str, Result], labels: Mapping[str, str], **statistics: Any
) -> Result:
    """Draw mean contributions, and how often they point to the right form.

    Parameters
    ----------
    by_task : mapping of str to Result
        From `lstm_units.analyses.contributions.parts.contributions`.
    labels : mapping of str to str
        Names of tasks in print.
    **statistics
        ``confidence, samples, seed`` of
        `lstm_units.analyses.contributions.summary.summarise_contributions`.

    Returns
    -------
    Result
        It holds the figure of `draw_contributions`.

    Raises
    ------
    UserError
        If the tasks do not belong together.
    """
    found = gather_contributions(by_task)
    table = summarise_contributions(found.by_task, found.units, **statistics)
    return Result(
        draw_contributions(table, found.units, labels),
        make_metadata(kind="figure of contributions", **found.origin, config=statistics),
    )


def draw_contributions(
    table: pd.DataFrame,
    units: Mapping[str, Any],
    labels: Mapping[str, str] | None = None,
    *,
    width: float = TEXT_WIDTH,
) -> Figure:
    """Mean contribution of each part of the verb margin, for right and wrong answers.

    One panel per task. In each condition, items answered rightly stand on the left, those answered
    wrongly on the right, shaded. Below, the share of these items in which the long-range and the
    short-range units' own contribution points to the right form; a cross beside it, the share
    without what they add to one form whatever the subject's number. Bars are the table's
    intervals. A group without units is not drawn, and the legend says so.

    Parameters
    ----------
    table : DataFrame
        From `lstm_units.analyses.contributions.summary.summarise_contributions`.
    units : mapping
        ``long_range, short_range``: 1-based units of the last layer.
    labels : mapping of str to str, optional
        Names of tasks in print.
    width : float
        Inches.

    Raises
    ------
    UserError
        If the table has no rows.
    """
    panels = _panels(table)
    if not panels:
        raise UserError("no contributions to draw: the table has no rows")
    rows = _rows(panels)
    groups = [group for group in GROUPS if units[group]]
    drawn = [name for name in _MARKS if name not in GROUPS or name in groups]
    limits = _limits(pd.concat(panels.values()), drawn)
    with house_style():
        crosses = any(table[f"{group}{WITHOUT_CONSTANT}"].notna().any() for group in groups)
        handles = _legend(units, crosses)
        footer = _AXIS_TITLE + legend_height(handles, width)
        spans = {
            task: span
            for tasks in rows
            for task, span in zip(
                tasks, _spans([_n_conditions(panels[task]) for task in tasks], width), strict=True
            )
        }
        titles = {task: wrapped((labels or {}).get(task, task), spans[task][1]) for task in spans}
        conditions = {task: _conditions(panels[task], spans[task][1]) for task in spans}
        header = _TITLE + LINE * (lines(*titles.values()) - 1)
        ticks = _TICKS + LINE * (lines(*chain(*conditions.values())) - 2)
        block = header + _MEANS + (_BETWEEN + _SHARES if groups else 0) + ticks
        height = block * len(rows) + footer
        figure = new_figure(width, height)
        for place, tasks in enumerate(rows):
            top = height - place * block - header
            for column, task in enumerate(tasks):
                left, wide = spans[task]
                axis = axes_at(figure, left, top - _MEANS, wide, _MEANS)
                _draw(axis, panels[task], [(name, "") for name in drawn], _STEP)
                axis.axhline(0, color=BLACK, linewidth=0.6, zorder=1)
                axis.set_ylim(limits)
                axis.set_title(titles[task])
                lowest, ylabels = axis, ["mean contribution\n(nats)"]
                if groups:
                    low = top - _MEANS - _BETWEEN - _SHARES
                    lowest = axes_at(figure, left, low, wide, _SHARES)
                    shares = [(name, kind) for name in groups for kind in (RIGHT, WITHOUT_CONSTANT)]
                    _draw(lowest, panels[task], shares, _STEP_OF_SHARES, scale=100)
                    lowest.axhline(50, color=GREY, linewidth=0.6, linestyle=":", zorder=1)
                    lowest.set_ylim(-12, 112)
                    lowest.set_yticks([0, 50, 100])
                    axis.tick_params(labelbottom=False)
                    ylabels.append("points\nright (%)")
                lowest.set_xticks(range(len(conditions[task])), conditions[task])
                for one, name in zip([axis, lowest], ylabels, strict=False):
                    if column:
                        one.tick_params(left=False, labelleft=False)
                    else:
                        one.set_ylabel(name)
                        one.yaxis.set_label_coords(-0.25 / wide, 0.5)
        figure.text(
            0.5,
            (footer - _AXIS_TITLE + 0.04) / height,
            "condition, and its number of items answered rightly : wrongly",
            ha="center",
            va="bottom",
        )
        draw_legend(figure, handles)
    return figure


def _panels(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Rows of each task by condition and answer, in the table's order."""
    shown = table[table["answer"] != "all"]
    if not len(shown):
        return {}
    single = shown[shown["condition"] != "all"]
    return {str(task): rows for task, rows in single.groupby("task", sort=False)}


def _n_conditions(rows: pd.DataFrame) -> int:
    return rows["condition"].nunique()


def _rows(panels: Mapping[str, pd.DataFrame]) -> list[list[str]]:
    """Fill rows of panels with tasks in their order."""
    rows: list[list[str]] = []
    room = 0
    for task, table in panels.items():
        needed = _n_conditions(table)
        if not rows or needed > room:
            rows.append([])
            room = _PER_ROW
        rows[-1].append(task)
        room -= needed
    return rows


def _spans(conditions: Sequence[int], width: float) -> list[tuple[float, float]]:
    """Left edge and width of each panel of a row, in inches; equal room for each condition."""
    room = width - _LEFT - _RIGHT
    # A condition is as wide in a row that is not full, up to half as wide again.
    gaps = _GAP * (len(conditions) - 1)
    full = (room - _GAP * 3) / _PER_ROW
    each = min((room - gaps) / sum(conditions), 1.5 * full)
    spans, left = [], _LEFT
    for n in conditions:
        spans.append((left, each * n))
        left += each * n + _GAP
    return spans


def _limits(rows: pd.DataFrame, drawn: Sequence[str]) -> tuple[float, float]:
    columns = [f"{name}{end}" for name in drawn for end in ("", "_low", "_high")]
    values = rows[columns].to_numpy(dtype=float)
    values = values[np.isfinite(values)]
    low, high = (min(0.0, values.min()), max(0.0, values.max())) if len(values) else (-1.0, 1.0)
    pad = 0.06 * max(high - low, 1e-6)
    return low - pad, high + pad


def _draw(
    axis: Axes, rows: pd.DataFrame, drawn: Sequence[tuple[str, str]], step: float, scale: float = 1
) -> None:
    """Draw the marks of each condition: right answers left, wrong ones right and hollow.

    Each is a part and the suffix of its column; what is without constant is a thin cross.
    """
    conditions = list(dict.fromkeys(rows["condition"]))
    for place in range(len(conditions)):
        axis.axvspan(place, place + 0.5, color=LIGHT_GREY, alpha=0.5, linewidth=0, zorder=0)
        if place:
            axis.axvline(place - 0.5, color=GREY, linewidth=0.5, zorder=0.5)
    for row in rows.itertuples(index=False):
        side = -0.25 if row.answer == "right" else 0.25
        for number, (name, suffix) in enumerate(drawn):
            mean = scale * getattr(row, f"{name}{suffix}")
            if np.isnan(mean):
                continue
            ends = [scale * getattr(row, f"{name}{suffix}_{end}") for end in ("low", "high")]
            x = conditions.index(row.condition) + side + (number - (len(drawn) - 1) / 2) * step
            mark, size, _ = _MARKS[name]
            if suffix == WITHOUT_CONSTANT:
                mark = mark.crossed()
            if np.isfinite(ends).all():
                axis.plot([x, x], ends, color=mark.color, linewidth=0.8, zorder=2)
            style = mark.hollow(row.answer != "right").points(size)
            axis.plot(x, mean, **style, zorder=3, clip_on=False)
    axis.set_xlim(-0.5, len(conditions) - 0.5)
    axis.set_xticks(range(len(conditions)))
    axis.tick_params(axis="x", length=0)


def _conditions(rows: pd.DataFrame, width: float) -> list[str]:
    """Name the conditions of a panel of `width` inches, each with its number of items below."""
    counts = rows.pivot_table(
        index="condition", columns="answer", values="n", sort=False, aggfunc="sum"
    )
    names = list(dict.fromkeys(rows["condition"]))
    return [
        f"{wrapped(name, width / len(names))}\n"
        f"{int(counts.loc[name, 'right'])} : {int(counts.loc[name, 'wrong'])}"
        for name in names
    ]


def _legend(units: Mapping[str, Any], crosses: bool) -> list[Line2D | Patch]:
    handles: list[Line2D | Patch] = []
    for name, (mark, size, title) in _MARKS.items():
        if name in GROUPS:
            n = len(units[name])
            title = f"{n} {title} unit{'s' * (n > 1)}" if n else f"no {title} unit"
            size = size if n else 0
        handles.append(mark.handle(size, title))
    if crosses:
        handles.append(NEUTRAL.crossed().handle(3.2, "without its constant preference"))
    handles.append(Patch(facecolor=LIGHT_GREY, alpha=0.5, label="shaded, hollow: answered wrongly"))
    return handles
