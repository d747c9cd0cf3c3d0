"""All units by the number they tell at the subject and at the attractor."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from lstm_units.errors import UserError
from lstm_units.io.results import Result, made_from, require_same
from lstm_units.plots.style import (
    BLACK,
    FONT_SIZE,
    GREEN,
    GREY,
    LIGHT_GREY,
    PINK,
    PLURAL,
    SINGULAR,
    STYLE,
    TEXT_WIDTH,
    new_figure,
)
from lstm_units.stimuli.aligned_items import AlignedItems

_SUBJECT_LIMITS, _ATTRACTOR_LIMITS = (0.47, 1.14), (-0.12, 1.12)  # with room for numbers
_COLUMNS = 3  # panels side by side
_LONG_RANGE = {"singular": (SINGULAR, "v"), "plural": (PLURAL, "^"), "mixed": (GREEN, "D")}
_MARK = 4.0  # points
_DIGIT, _HEIGHT = 0.64 * FONT_SIZE, 0.8 * FONT_SIZE  # of a label, points
# Where a label may stand around its mark, nearest first: right, left, above, below, between.
_ANGLES = np.deg2rad([0, 180, 90, 270, 30, 150, 210, 330, 60, 120, 240, 300])
_DISTANCES = (0, 5, 10, 15, 20, 26, 32, 40)  # points beyond touching
_LEADER = {"arrowstyle": "-", "linewidth": 0.4, "color": BLACK, "shrinkA": 0, "shrinkB": 2}


@dataclass(frozen=True)
class _Mark:
    """A unit with a mark and a number of its own."""

    unit: int
    color: str
    marker: str
    filled: bool


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
    items : AlignedItems
    short_range : mapping
        From `lstm_units.analyses.decoding.short_range_units.discover_short_range`.
    long_range : mapping
        Its ``units`` have a ``subject_number`` each.
    width : float
        Inches.

    Returns
    -------
    matplotlib.figure.Figure

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
    with mpl.rc_context(STYLE):
        handles = _legend(short_range, long_range, criteria)
        legend_columns = 2 if width > 5 else 1
        legend_rows = -(-len(handles) // legend_columns)
        footer, header, left = 0.42 + 0.16 * legend_rows, 0.22, 0.5
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
            axis.set_title(
                f"layer {layers[place]} ({len(here):,} units)", fontsize=FONT_SIZE, pad=3
            )
            _draw(axis, here, marks, width, height)
        middle = (left / width + 0.995) / 2
        figure.supxlabel(
            "AUC of the subject's number at the subject",
            fontsize=FONT_SIZE,
            x=middle,
            y=(footer - 0.36) / height,
            va="bottom",
        )
        figure.supylabel(
            "AUC at the attractor",
            fontsize=FONT_SIZE,
            x=0.05 / width,
            y=(1 - header / height + footer / height) / 2,
            ha="left",
        )
        figure.legend(
            handles=handles,
            loc="lower center",
            bbox_to_anchor=(0.5, 0.0),
            ncols=legend_columns,
            frameon=False,
            fontsize=FONT_SIZE,
            handletextpad=0.5,
            columnspacing=1.5,
            borderaxespad=0.2,
        )
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


def _marks(short_range: Mapping[str, Any], long_range: Mapping[str, Any]) -> list[_Mark]:
    marks = [
        _Mark(int(unit["unit"]), *_LONG_RANGE[unit["subject_number"] or "mixed"], True)
        for unit in long_range["units"]
    ]
    marks += [_Mark(int(unit["unit"]), PINK, "s", True) for unit in short_range["units"]]
    if not short_range["units"] and short_range["nearest"]:
        marks.append(_Mark(int(short_range["nearest"]["unit"]), PINK, "s", False))
    return marks


def _prepare(axis: Axes) -> None:
    axis.set_xlim(*_SUBJECT_LIMITS)
    axis.set_ylim(*_ATTRACTOR_LIMITS)
    axis.set_xticks([0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
    axis.set_yticks([0, 0.25, 0.5, 0.75, 1])
    axis.tick_params(length=2, width=0.6, pad=2)
    axis.axhline(0.5, color=GREY, linewidth=0.5, linestyle=(0, (4, 3)), zorder=1)


def _shade(axis: Axes, criteria: Mapping[str, float]) -> None:
    edge = 0.02  # so that units at the very corner stand within
    corner = (criteria["minimum_subject_auc"], -edge)
    size = (1 + edge - corner[0], criteria["maximum_attractor_auc"] + edge)
    axis.add_patch(Rectangle(corner, *size, facecolor=LIGHT_GREY, edgecolor="none", zorder=0))


def _draw(
    axis: Axes, points: pd.DataFrame, marks: Sequence[_Mark], width: float, height: float
) -> None:
    where = points.set_index("unit")[["subject", "attractor"]]
    shown = [mark for mark in marks if mark.unit in where.index]
    # A unit that is marked twice keeps its first mark.
    shown = [m for place, m in enumerate(shown) if m.unit not in {o.unit for o in shown[:place]}]
    rest = where.drop(index=[mark.unit for mark in shown])
    axis.scatter(
        rest["subject"], rest["attractor"], s=4, color=GREY, linewidths=0, rasterized=True, zorder=2
    )
    # From here on in points from the lower left of the panel.
    box = axis.get_position()
    size = np.array([box.width * width, box.height * height]) * 72
    low = np.array([_SUBJECT_LIMITS[0], _ATTRACTOR_LIMITS[0]])
    span = np.array([_SUBJECT_LIMITS[1], _ATTRACTOR_LIMITS[1]]) - low
    dots = (rest.to_numpy() - low) / span * size
    drawn: dict[int, np.ndarray] = {}
    for mark in shown:
        exact = (where.loc[mark.unit].to_numpy() - low) / span * size
        drawn[mark.unit] = _beside(exact, list(drawn.values()))
        axis.plot(
            *(drawn[mark.unit] / size * span + low),
            linestyle="",
            marker=mark.marker,
            color=mark.color,
            markersize=_MARK,
            markeredgewidth=0 if mark.filled else 1,
            markerfacecolor=mark.color if mark.filled else "none",
            zorder=4,
        )
    _label(axis, drawn, dots, size, lambda point: point / size * span + low)


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


def _label(
    axis: Axes,
    marks: Mapping[int, np.ndarray],
    dots: np.ndarray,
    size: np.ndarray,
    to_data: Callable[[np.ndarray], np.ndarray],
) -> None:
    """Write the units' numbers where they cover no mark and no other number.

    Parameters
    ----------
    axis : Axes
    marks : mapping of int to ndarray
        Where the mark of each unit stands, in points.
    dots : ndarray of shape (units, 2)
        Where the other units stand; their dots are covered only where there is no other room.
    size : ndarray of shape (2,)
        Width and height of the panel in points.
    to_data : callable
        Turns points into AUCs.
    """
    taken = [(point, np.full(2, _MARK / 2)) for point in marks.values()]  # centre, half size
    hidden = 0
    for unit, point in marks.items():
        half = np.array([len(str(unit)) * _DIGIT, _HEIGHT]) / 2
        center = _free_place(point, half, taken, dots, size)
        if center is None:
            center = _free_place(point, half, taken, dots[:0], size)
        if center is None:
            hidden += 1
            continue
        taken.append((center, half))
        gap = np.maximum(np.abs(center - point) - half - _MARK / 2, 0)
        axis.annotate(
            str(unit),
            to_data(point),
            xytext=tuple(center - point),
            textcoords="offset points",
            ha="center",
            va="center_baseline",
            fontsize=FONT_SIZE,
            arrowprops=_LEADER if gap.max() > 3 else None,
            zorder=5,
        )
    if hidden:
        axis.annotate(
            f"+{hidden} without number",
            (0.02, 0.98),
            xycoords="axes fraction",
            va="top",
            fontsize=FONT_SIZE,
        )


def _free_place(
    point: np.ndarray,
    half: np.ndarray,
    taken: Sequence[tuple[np.ndarray, np.ndarray]],
    dots: np.ndarray,
    size: np.ndarray,
) -> np.ndarray | None:
    """Find the centre of a label of some half size near a mark; all in points."""
    for distance in _DISTANCES:
        for angle in _ANGLES:
            direction = np.array([np.cos(angle), np.sin(angle)])
            # Touching: the label's box and the mark's meet along this direction.
            reach = (half + _MARK / 2 + 1) / np.maximum(np.abs(direction), 1e-9)
            center = point + direction * (reach.min() + distance)
            inside = (center - half >= 1).all() and (center + half <= size - 1).all()
            leader = point + np.linspace(0, 1, 9)[1:-1, None] * (center - point)
            free = not any(
                (np.abs(center - other) < half + extent + 0.5).all()
                or (other is not point and (np.abs(leader - other) < extent).all(axis=1).any())
                for other, extent in taken
            )
            if inside and free and not (np.abs(dots - center) < half + 1).all(axis=1).any():
                return center
    return None


def _legend(short_range, long_range, criteria) -> list:
    def handle(marker, color, size, label, **style):
        return Line2D(
            [], [], linestyle="", marker=marker, color=color, markersize=size, label=label, **style
        )

    handles: list = [handle("o", GREY, 2, "unit")]
    handles.append(
        Patch(
            facecolor=LIGHT_GREY,
            label=f"\u2265 {criteria['minimum_subject_auc']:g} at the subject and \u2264 "
            f"{criteria['maximum_attractor_auc']:g} at the attractor",
        )
    )
    numbers = {unit["subject_number"] or "mixed" for unit in long_range["units"]}
    for number, (color, marker) in _LONG_RANGE.items():
        if number in numbers:
            handles.append(handle(marker, color, _MARK, f"long-range unit, {number}"))
    if not numbers:
        handles.append(handle("", BLACK, 0, "no long-range unit found"))
    if short_range["units"]:
        handles.append(handle("s", PINK, _MARK, "short-range unit"))
    elif short_range["nearest"]:
        handles.append(
            handle(
                "s",
                PINK,
                _MARK,
                "no short-range unit found; the nearest one",
                markerfacecolor="none",
                markeredgewidth=1,
            )
        )
    else:
        handles.append(handle("", BLACK, 0, "no short-range unit found"))
    return handles
