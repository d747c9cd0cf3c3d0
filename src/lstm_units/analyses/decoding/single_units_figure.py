"""All units by the number they tell at the subject and at the attractor."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from lstm_units.errors import UserError
from lstm_units.io.results import Result, made_from, require_same
from lstm_units.plots.legends import draw_legend, legend_height
from lstm_units.plots.marks import Mark, unit_mark
from lstm_units.plots.numbers import draw_numbers
from lstm_units.plots.style import GREY, LIGHT_GREY, TEXT_WIDTH, house_style, new_figure
from lstm_units.stimuli.aligned_items import AlignedItems

_SUBJECT_LIMITS, _ATTRACTOR_LIMITS = (0.47, 1.14), (-0.12, 1.12)  # with room for numbers
_COLUMNS = 3  # panels side by side
_MARK = 4.0  # points
_FARTHEST = 40.0  # of a number from its mark, points


def unit_decoding_figure(
    unit_decoding: Result, items: AlignedItems, short_range: Result, long_range: Result
) -> Result:
    """Draw every unit: what it tells at the subject against what it tells at the attractor.

    Parameters
    ----------
    unit_decoding : Result
        From `lstm_units.analyses.decoding.single_units.unit_decoding`.
    items : AlignedItems
        All items of its task.
    short_range, long_range : Result
        The short-range and the long-range units, in JSON.

    Returns
    -------
    Result
        It holds the figure of `draw_units`.
    """
    require_same(unit_decoding, short_range, long_range)
    config, criteria = unit_decoding.config, short_range.content["criteria"]
    figure = draw_units(
        unit_decoding.frame,
        items.select(config["conditions"]),
        short_range.content,
        long_range.content,
    )
    metadata = made_from(
        unit_decoding,
        kind="figure of decoding from single units",
        config={**config, "criteria": criteria},
    )
    return Result(figure, metadata)


def draw_units(
    table: pd.DataFrame,
    items: AlignedItems,
    short_range: Mapping[str, Any],
    long_range: Mapping[str, Any],
    *,
    width: float = TEXT_WIDTH,
) -> Figure:
    """Draw every unit: AUC of the subject's number at the subject against that at the attractor.

    One panel per layer. The sign of a unit is the one that is right at the subject, so units that
    hold on to the subject's number stand at the upper right, and those that take up the number of
    the attractor at the lower right. The region in which the short-range criteria are met is shaded
    in the last layer; a unit in it is short-range only if its efferent weights are segregated too.
    If there is no short-range unit, the one that comes nearest gets an open mark. Marks that would
    cover each other stand side by side. Marked units carry their number as far as there is room;
    the rest are counted.

    Parameters
    ----------
    table : DataFrame
        From `lstm_units.analyses.decoding.single_units.decode_units`, of the subject's number, on
        `items`.
    short_range : mapping
        From `lstm_units.analyses.decoding.short_range_units.discover_short_range`.
    long_range : mapping
        Its ``units`` have a ``subject_number`` each.
    width : float
        Inches.

    Raises
    ------
    UserError
        If the table has no rows at the subject and the first attractor of `items`.
    """
    points = _points(table, items)
    layers = sorted(set(points["layer"].tolist()))
    marks = _marks(short_range, long_range)
    criteria = short_range["criteria"]
    columns = min(len(layers), _COLUMNS)
    rows = -(-len(layers) // columns)
    with house_style():
        handles = _legend(short_range, long_range, criteria, marks.values())
        footer, header, left = 0.42 + legend_height(handles, width), 0.22, 0.5
        panel = min((width - left) / columns, 2.6)
        height = footer + rows * (panel + header)
        figure = new_figure(width, height)
        axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        figure.subplots_adjust(
            left=left / width,
            right=0.995,
            top=1 - header / height,
            bottom=footer / height,
            wspace=0.06,
            hspace=0.15,
        )
        for place, axis in enumerate(axes.flat):
            if place >= len(layers):
                axis.set_axis_off()
                continue
            here = points[points["layer"] == layers[place]]
            _prepare(axis)
            axis.tick_params(labelbottom=place + columns >= len(layers))
            if layers[place] == layers[-1]:
                _shade(axis, criteria)
            axis.set_title(f"layer {layers[place]} ({len(here):,} units)")
            _draw(axis, here, marks, width, height)
        middle = (left / width + 0.995) / 2
        figure.supxlabel(
            "AUC of the subject's number at the subject",
            x=middle,
            y=(footer - 0.36) / height,
            va="bottom",
        )
        figure.supylabel(
            "AUC at the attractor",
            x=0.05 / width,
            y=(1 - header / height + footer / height) / 2,
            ha="left",
        )
        draw_legend(figure, handles)
    return figure


def _points(table: pd.DataFrame, items: AlignedItems) -> pd.DataFrame:
    """One row per unit: ``unit, layer, subject, attractor``."""
    places = {"subject": items.subject_position}
    if items.attractor_positions:
        places["attractor"] = items.attractor_positions[0]
    points = table[["unit", "layer"]].drop_duplicates("unit").set_index("unit")
    for name, position in places.items():
        points[name] = table[table["position"] == position].set_index("unit")["auc"]
    if points.empty or "attractor" not in points or points.isna().to_numpy().any():
        raise UserError(
            f"no figure of all units: the decoding has no values at the subject and an attractor "
            f"of {items.task}; decode a task with an attractor"
        )
    return points.reset_index()


def _marks(short_range: Mapping[str, Any], long_range: Mapping[str, Any]) -> dict[int, Mark]:
    """Return the mark of each unit with a number of its own; long-range ones go first."""
    marks = {
        int(unit["unit"]): unit_mark("long-range", unit["subject_number"])
        for unit in long_range["units"]
    }
    found, nearest = short_range["units"], short_range["nearest"]
    for unit in found or ([nearest] if nearest else []):
        mark = unit_mark("short-range" if found else "nearest short-range")
        marks.setdefault(int(unit["unit"]), mark)
    return marks


def _prepare(axis: Axes) -> None:
    axis.set_xlim(*_SUBJECT_LIMITS)
    axis.set_ylim(*_ATTRACTOR_LIMITS)
    axis.set_xticks([0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
    axis.set_yticks([0, 0.25, 0.5, 0.75, 1])
    axis.axhline(0.5, color=GREY, linewidth=0.5, linestyle=(0, (4, 3)), zorder=1)


def _shade(axis: Axes, criteria: Mapping[str, float]) -> None:
    edge = 0.02  # so that units at the very corner stand within
    corner = (criteria["minimum_subject_auc"], -edge)
    size = (1 + edge - corner[0], criteria["maximum_attractor_auc"] + edge)
    axis.add_patch(Rectangle(corner, *size, facecolor=LIGHT_GREY, edgecolor="none", zorder=0))


def _draw(
    axis: Axes, points: pd.DataFrame, marks: Mapping[int, Mark], width: float, height: float
) -> None:
    where = points.set_index("unit")[["subject", "attractor"]]
    shown = [unit for unit in marks if unit in where.index]
    rest = where.drop(index=shown)
    axis.scatter(
        rest["subject"],
        rest["attractor"],
        s=4,
        color=unit_mark("arbitrary").color,
        linewidths=0,
        rasterized=True,
        zorder=2,
    )
    # From here on in points from the lower left of the panel.
    box = axis.get_position()
    size = np.array([box.width * width, box.height * height]) * 72
    low = np.array([_SUBJECT_LIMITS[0], _ATTRACTOR_LIMITS[0]])
    span = np.array([_SUBJECT_LIMITS[1], _ATTRACTOR_LIMITS[1]]) - low
    dots = (rest.to_numpy() - low) / span * size
    drawn: dict[int, np.ndarray] = {}
    for unit in shown:
        exact = (where.loc[unit].to_numpy() - low) / span * size
        drawn[unit] = _beside(exact, list(drawn.values()))
        axis.plot(*(drawn[unit] / size * span + low), **marks[unit].points(_MARK), zorder=4)
    draw_numbers(axis, drawn, size, mark=_MARK, farthest=_FARTHEST, dots=dots)


def _beside(point: np.ndarray, others: Sequence[np.ndarray]) -> np.ndarray:
    """Return the place nearest to a point where a mark covers no other mark."""
    steps = np.arange(-4, 5) * (_MARK + 0.5)
    offsets = np.array([(x, y) for x in steps for y in steps])
    # To the right rather than to the left, where the dots of most units crowd.
    cost = np.hypot(*offsets.T) - 0.1 * offsets[:, 0] / (_MARK + 0.5)
    for offset in offsets[np.argsort(cost, kind="stable")]:
        center = point + offset
        if all((np.abs(center - other) >= _MARK).any() for other in others):
            return center
    return point


def _legend(short_range, long_range, criteria, marks: Iterable[Mark]) -> list:
    handles: list = [unit_mark("arbitrary").handle(2, "unit")]
    region = (
        f"\u2265 {criteria['minimum_subject_auc']:g} at the subject and \u2264 "
        f"{criteria['maximum_attractor_auc']:g} at the attractor"
    )
    handles.append(Patch(facecolor=LIGHT_GREY, label=region))
    handles += [mark.handle(_MARK) for mark in sorted(set(marks), key=lambda mark: mark.label)]
    for name, units in (("long-range", long_range), ("short-range", short_range)):
        if not units["units"]:
            handles.append(Patch(alpha=0, label=f"no {name} unit found"))
    return handles
