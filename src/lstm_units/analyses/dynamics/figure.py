"""Figures of what units do over time, beside the time course that theory asks for.

Functions take DataFrames and return a matplotlib Figure (Lakretz et al. 2019, Fig. 1a to 1c).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from lstm_units.analyses.dynamics.ideal_time_course import ideal_time_course
from lstm_units.config.analysis_faults import DRAWN_VARIABLES
from lstm_units.errors import NotRun, UserError
from lstm_units.plots.legends import draw_legend, legend_height
from lstm_units.plots.marks import NUMBERS, Mark, number_mark
from lstm_units.plots.style import (
    LIGHT_GREY,
    TEXT_WIDTH,
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
from lstm_units.statistics.margins import condition_rank
from lstm_units.stimuli.aligned_items import AFTER_VERB, AlignedItems

ALL_ROWS = (*DRAWN_VARIABLES, "hidden")
_STYLES = ("-", "--", ":", "-.")
_SIGNED = ("candidate", "hidden")  # lie within -1 and 1; gates within 0 and 1
_ROW = 0.66  # inches
_LEFT, _GAP, _RIGHT = 0.62, 0.34, 0.06


_ANSWERS = {
    None: "",
    "right": "; items that the model answers rightly",
    "all": "; all items",
}


@dataclass(frozen=True)
class LineLook:
    """How the line of a condition is drawn."""

    mark: Mark
    linestyle: str

    @property
    def style(self) -> dict:
        """Keyword arguments for ``Axes.plot``."""
        return {**self.mark.style(2.6), "linestyle": self.linestyle, "linewidth": 0.9}


@dataclass(frozen=True)
class Column:
    """One column of panels.

    Parameters
    ----------
    rows : DataFrame or None
        ``variable, position, condition, mean, sd``; None for a column that says in `note` why it
        is empty.
    ideal : bool
        Whether the values are the ideal ones.
    """

    title: str
    rows: pd.DataFrame | None
    ideal: bool = False
    note: str = ""


_IDEAL = {number: LineLook(mark, "-") for number, mark in NUMBERS.items()}


def condition_looks(items: AlignedItems) -> dict[str, LineLook]:
    """Choose how each condition is drawn: colour by subject number, line by its attractors.

    Solid and filled where all attractors have the number of the subject, else dashed, dotted and so
    on, one for each pattern of equal and different numbers.

    Returns
    -------
    dict of str to LineLook
        In the order of the paper, singular before plural. A condition of both subject numbers is
        black.
    """
    found = {}
    for name in sorted(set(items.condition.tolist()), key=condition_rank):
        chosen = items.condition == name
        numbers = set(items.subject_number[chosen].tolist())
        same = items.agreeing[chosen]
        patterns = {tuple(row) for row in same.tolist()}
        found[name] = (
            numbers.pop() if len(numbers) == 1 else None,
            patterns.pop() if len(patterns) == 1 else None,
        )
    # All equal first, then those whose first attractors are equal.
    order = sorted({p for _, p in found.values() if p is not None}, reverse=True)
    return {
        name: LineLook(
            number_mark(number).hollow(pattern is not None and not all(pattern)),
            _STYLES[order.index(pattern) % len(_STYLES)] if pattern is not None else "-",
        )
        for name, (number, pattern) in found.items()
    }


def unit_column(dynamics: pd.DataFrame, unit: int, title: str) -> Column:
    """Return the column of one unit.

    Parameters
    ----------
    dynamics : DataFrame
        From `lstm_units.analyses.dynamics.time_courses.dynamics_table`.
    unit : int
        1-based.

    Raises
    ------
    UserError
        If the dynamics do not hold the unit.
    """
    rows = dynamics[dynamics["unit"] == unit]
    if rows.empty:
        raise NotRun(
            f"there are no dynamics of unit {unit}: the model has no such unit, or its layer was "
            "not dumped"
        )
    rows = rows.assign(
        variable=rows["variable"].astype(str), condition=rows["condition"].astype(str)
    )
    return Column(title, rows)


def ideal_column(items: AlignedItems, number: str, n_positions: int) -> Column:
    """Return the column of the ideal time course; its conditions are the subject numbers."""
    course = ideal_time_course(number, items.subject_position, items.verb_position, n_positions)
    rows = course.rename(columns={"number": "condition", "value": "mean"}).assign(sd=np.nan)
    return Column("ideal time course", rows, ideal=True)


def dynamics_figure(
    columns: Sequence[Column],
    items: AlignedItems,
    *,
    variables: Sequence[str] = DRAWN_VARIABLES,
    after_verb: int = AFTER_VERB,
    width: float = TEXT_WIDTH,
    per_block: int = 4,
    answers: str | None = None,
) -> Figure:
    """Draw the time course of units: one row per variable, one column per unit.

    Lines are means over the items of a condition, bands one SD to either side.

    Parameters
    ----------
    columns : sequence of Column
        From `unit_column` and `ideal_column`. More than `per_block` go on below.
    items : AlignedItems
        Give the conditions and the example words of the axis.
    variables : sequence of str
        Rows; those that no column has are left out.
    after_verb : int
        Words shown behind the verb.
    width : float
        Inches.
    answers : {"right", "all"}, optional
        Which items the means are over; said below the words.

    Raises
    ------
    UserError
        If no column has any of `variables`.
    """
    measured = [c.rows for c in columns if c.rows is not None and not c.ideal]
    there = {name for rows in measured for name in rows["variable"]}
    shown = [name for name in variables if not measured or name in there]
    if not shown:
        raise UserError(f"the dynamics hold none of {', '.join(variables)}; dump them too")
    words = items.words[: items.verb_position + 1 + after_verb]
    looks = condition_looks(items)
    blocks = [columns[start : start + per_block] for start in range(0, len(columns), per_block)]
    with house_style():
        groups = _legends(looks, columns, items)
        legend = sum(legend_height(group, width) for group in groups)
        title = 0.06 + 0.13 * max(1 + column.title.count("\n") for column in columns)
        labels = words_height(words)
        block_height = title + len(shown) * _ROW + labels
        height = len(blocks) * block_height + 0.19 + legend
        figure = new_figure(width, height)
        n_columns = min(per_block, len(columns))

        def panel_from(left: float) -> float:
            return (width - left - _RIGHT - (n_columns - 1) * _GAP) / n_columns

        left = words_left(words, _LEFT, panel_from)
        panel = panel_from(left)
        for row, block in enumerate(blocks):
            top = height - row * block_height - title
            for place, column in enumerate(block):
                box = (left + place * (panel + _GAP), top, panel)
                first = all(before.rows is None for before in block[:place])
                _draw_column(figure, box, column, shown, looks, items, words, first=first)
        for place, group in enumerate(groups):
            bottom = sum(legend_height(below, width) for below in groups[place + 1 :])
            draw_legend(figure, group, bottom=bottom)
        label = f"word of an example{_ANSWERS[answers]}"
        figure.text(0.5, (legend + 0.03) / height, label, ha="center", va="bottom")
    return figure


def _draw_column(figure, box, column, variables, looks, items, words, *, first: bool) -> None:
    left, top, panel = box
    if column.rows is None:
        panel -= 0.3  # room for the names of the rows beside it
        tall = len(variables) * _ROW - 0.12
        axis = axes_at(figure, left, top - 0.02 - tall, panel, tall)
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_color(LIGHT_GREY)
        axis.text(0.5, 0.5, column.note, ha="center", va="center", transform=axis.transAxes)
        axis.set_title(column.title)
        return
    for row, variable in enumerate(variables):
        axis = axes_at(figure, left, top - (row + 1) * _ROW + 0.1, panel, _ROW - 0.1)
        _draw_panel(axis, column, variable, looks, items, len(words))
        if row == len(variables) - 1:
            word_axis(axis, words)
        else:
            axis.set_xticks(range(len(words)), [])
        if row == 0:
            axis.set_title(column.title)
        if first:
            axis.annotate(
                variable.replace("_", "\n"),
                (-0.46, 0.5),
                xycoords=mpl.transforms.blended_transform_factory(
                    figure.dpi_scale_trans
                    + mpl.transforms.ScaledTranslation(left, 0, figure.dpi_scale_trans),
                    axis.transAxes,
                ),
                rotation=90,
                ha="center",
                va="center",
            )


def _draw_panel(axis: Axes, column: Column, variable: str, looks, items, n_words: int) -> None:
    axis.axhline(0, color=LIGHT_GREY, linewidth=0.5, zorder=0)
    for position in (items.subject_position, items.verb_position):
        shade_words(axis, position)
    for position in items.attractor_positions:
        dot_word(axis, position)
    rows = column.rows[
        (column.rows["variable"] == variable) & (column.rows["position"] < n_words)
    ].sort_values("position")
    if column.ideal:
        looks = _IDEAL
    for place, (name, look) in enumerate(looks.items()):
        line = rows[rows["condition"] == name]
        x, mean, sd = (line[key].to_numpy(float) for key in ("position", "mean", "sd"))
        # Ideal lines of the two numbers may coincide: apart by a hair, so that both are seen.
        shift = (0.06 if place == 0 else -0.06) if column.ideal else 0.0
        axis.fill_between(x, mean - sd, mean + sd, color=look.mark.color, alpha=0.2, linewidth=0)
        axis.plot(x + shift, mean, clip_on=False, zorder=3, **look.style)
    axis.set_xlim(-0.6, n_words - 0.4)
    _set_limits(axis, variable, rows, column.ideal)
    open_axes(axis)


def _set_limits(axis: Axes, variable: str, rows: pd.DataFrame, ideal: bool) -> None:
    if variable in _SIGNED or (ideal and variable == "cell"):
        axis.set_ylim(-1.15, 1.15)
        axis.set_yticks([-1, 0, 1])
    elif variable != "cell":
        axis.set_ylim(-0.08, 1.08)
        axis.set_yticks([0, 1])
    else:
        mean, sd = rows["mean"].to_numpy(float), rows["sd"].fillna(0).to_numpy(float)
        values = np.concatenate([[0.0], mean - sd, mean + sd])
        low, high = float(np.nanmin(values)), float(np.nanmax(values))
        margin = 0.08 * (high - low) or 1.0
        axis.set_ylim(low - margin, high + margin)
        axis.yaxis.set_major_locator(mpl.ticker.MaxNLocator(nbins=3, steps=[1, 2, 5, 10]))


def _legends(looks: dict[str, LineLook], columns: Sequence[Column], items) -> list[list]:
    """Return the groups of the legend: conditions, ideal lines, marks of words."""

    def line(look: LineLook, label: str) -> Line2D:
        return Line2D([], [], label=label, **look.style)

    measured = [c.rows for c in columns if c.rows is not None and not c.ideal]
    groups = []
    if measured:
        n = measured[0].groupby("condition")["n"].max()  # fewer where some sentences are shorter
        conditions = [line(look, f"{name}, n = {n.get(name, 0):,}") for name, look in looks.items()]
        bands = tuple(
            Patch(color=color, alpha=0.2, linewidth=0)
            for color in dict.fromkeys(look.mark.color for look in looks.values())
        )
        groups.append([*conditions, (bands, "mean ± SD")])
    if any(column.ideal for column in columns):
        groups.append([line(look, f"ideal, {number} subject") for number, look in _IDEAL.items()])
    marks = [shaded_handle("subject, verb")]
    if items.attractor_positions:
        marks.append(dotted_handle("attractor"))
    return [*groups, marks]
