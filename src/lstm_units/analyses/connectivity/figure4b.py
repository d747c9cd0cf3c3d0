"""What reaches the gates of the long-range units from their layer (Lakretz et al., Fig. 4b)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lstm_units.analyses.connectivity.figure4a import empty_figure
from lstm_units.analyses.connectivity.known_units import KnownUnit, in_layers
from lstm_units.models.variables import GATES
from lstm_units.plots.style import (
    BLACK,
    COLUMN_WIDTH,
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

_BINS = 60
_MOST = 3  # panels beside each other
_LEFT, _RIGHT, _TITLE, _TITLE_LINE, _PANEL, _GAP = 0.5, 0.12, 0.34, 0.14, 0.98, 0.2  # inches
_LEGEND_LINE, _AXIS_LABEL = 0.15, 0.2
_BARS = 0.5  # share of a panel's height that the bars take
_MARK = 3.2  # points
_FARTHEST, _FARTHEST_IMPORTANT = 20.0, 60.0  # of a number from its mark, points
_DIGIT, _LINE = 0.64 * FONT_SIZE, 0.95 * FONT_SIZE  # width of a digit, height of a label, points
_LONG_RANGE = {"singular": (SINGULAR, "v"), "plural": (PLURAL, "^"), None: (PINK, "s")}


@dataclass(frozen=True)
class _Kind:
    """How the sources of one kind are marked."""

    label: str
    color: str
    marker: str
    filled: bool
    numbered: bool  # even if it is no outlier


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
    rows = afferents[afferents["connection"].astype(str) == "recurrent"]
    columns = min(len(targets), _MOST)
    blocks = -(-len(targets) // columns)
    width = COLUMN_WIDTH if columns == 1 else TEXT_WIDTH
    with mpl.rc_context(STYLE):
        handles = _legend(rows, targets, kinds, units, top_syntax, threshold, lost)
        legend_columns = 1 if columns == 1 else 3
        label = "effective input: weight \u00d7 mean hidden state of the source"
        label += ("\n" if columns == 1 else " ") + "(vertical: units)"
        footer = _AXIS_LABEL * (1 + label.count("\n")) + 0.08
        footer += _LEGEND_LINE * -(-len(handles) // legend_columns)
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
                box = (left / width, bottom / height, each / width, _PANEL / height)
                axis = figure.add_axes(box)
                here = rows[(rows["target"] == target.unit) & (rows["gate"].astype(str) == gate)]
                _draw(axis, here, kinds, threshold, np.array([each, _PANEL]) * 72)
                axis.set_ylabel(gate.replace("_", " "), fontsize=FONT_SIZE, labelpad=2)
                if number == 0:
                    axis.set_title(titles[target.unit], fontsize=FONT_SIZE, pad=4)
        figure.supxlabel(
            label,
            fontsize=FONT_SIZE,
            y=(footer - _AXIS_LABEL * (1 + label.count("\n"))) / height,
            va="bottom",
        )
        figure.legend(
            handles=handles,
            loc="lower center",
            bbox_to_anchor=(0.5, 0.0),
            ncols=legend_columns,
            frameon=False,
            fontsize=FONT_SIZE,
            handletextpad=0.4,
            columnspacing=1.2,
            labelspacing=0.3,
            borderaxespad=0.2,
        )
    return figure


def _kinds(units: Mapping[int, KnownUnit], top_syntax: int | None) -> dict[int, _Kind]:
    """How each known unit is marked as a source; other sources are not in it."""
    kinds = {}
    for unit, known in units.items():
        if known.long_range:
            color, marker = _LONG_RANGE[known.number]
            found = "long-range" in known.kinds
            number = f", {known.number}" if known.number else ""
            label = f"long-range unit{number}" if found else f"nearest{number} (not long-range)"
            kinds[unit] = _Kind(label, color, marker, found, True)
        elif "nearest syntax" in known.kinds:
            kinds[unit] = _Kind(
                "nearest to a syntax unit (criteria not met)", GREEN, "D", False, True
            )
        elif known.syntax:
            label = "top syntax unit" if unit == top_syntax else "other syntax unit"
            marker = "D" if unit == top_syntax else "o"
            kinds[unit] = _Kind(label, GREEN, marker, True, unit == top_syntax)
    return kinds


def _title(known: KnownUnit) -> str:
    number = f", {known.number}" if known.number else ""
    if "long-range" in known.kinds:
        return f"to unit {known.unit}, long-range{number}"
    return f"to unit {known.unit}, nearest{number}\n(criteria not met)"


def _draw(
    axis: Axes,
    rows: pd.DataFrame,
    kinds: Mapping[int, _Kind],
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
        axis.axvline(line, color=GREY, linewidth=0.6, linestyle=(0, (4, 3)), zorder=0)
    axis.set_xlim(low, high)
    axis.set_ylim(0, 1)
    ticks = [n for n in (1, 10, 100, 1000) if n <= counts.max()]
    axis.set_yticks([np.log10(2 * n) / tall * _BARS for n in ticks], [str(n) for n in ticks])
    axis.xaxis.set_major_locator(mpl.ticker.MaxNLocator(nbins=5))
    axis.tick_params(length=2, width=0.6, pad=2)
    axis.spines[["top", "right"]].set_visible(False)
    _mark(axis, rows, kinds, (low, high), bars, size)


def _mark(
    axis: Axes,
    rows: pd.DataFrame,
    kinds: Mapping[int, _Kind],
    limits: tuple[float, float],
    bars: np.ndarray,
    size: np.ndarray,
) -> None:
    """Mark known units and outliers above their bars, and write the numbers there is room for."""
    low, high = limits
    known = rows["source"].isin(list(kinds))
    marked = rows[known | rows["outlier_mean"].astype(bool)]
    important = marked["source"].map(lambda unit: kinds[unit].numbered if unit in kinds else False)
    order = np.lexsort((marked["source"], marked["rank_mean"], ~important.to_numpy(bool)))
    tops = bars * size[1]  # points
    stacked: dict[int, float] = {}  # height of the marks on each bar
    marks = []
    for place in order.tolist():
        row = marked.iloc[place]
        x = (row["input_mean"] - low) / (high - low) * size[0]
        column = min(int(x / size[0] * _BINS), _BINS - 1)
        # Bars are narrower than marks: those beside count too.
        reach = range(max(column - 1, 0), min(column + 2, _BINS))
        y = max(max(tops[c], stacked.get(c, 0.0)) for c in reach) + _MARK / 2 + 1
        for c in reach:
            stacked[c] = y + _MARK / 2
        marks.append((int(row["source"]), np.array([x, y]), bool(row["outlier_mean"])))
        kind = kinds.get(int(row["source"]), _OTHER)
        axis.plot(
            row["input_mean"],
            y / size[1],
            linestyle="",
            marker=kind.marker,
            color=kind.color,
            markersize=_MARK,
            markeredgewidth=0 if kind.filled else 0.8,
            markerfacecolor=kind.color if kind.filled else "none",
            zorder=3,
        )
    _number(axis, marks, kinds, tops, size)


def _number(
    axis: Axes,
    marks: Sequence[tuple[int, np.ndarray, bool]],
    kinds: Mapping[int, _Kind],
    tops: np.ndarray,
    size: np.ndarray,
) -> None:
    """Write the numbers of the marks where they cover no mark, no bar and no other number."""
    important = {unit for unit, *_ in marks if unit in kinds and kinds[unit].numbered}
    waiting = [(unit, point) for unit, point, outlier in marks if outlier or unit in important]
    places = _places(waiting, important, [point for _, point, _ in marks], tops, size)
    hidden = len(waiting) - len(places)
    for unit, point in waiting:
        if unit not in places:
            continue
        center, leader = places[unit]
        axis.annotate(
            str(unit),
            tuple(point / size),
            xycoords="axes fraction",
            xytext=tuple(center - point),
            textcoords="offset points",
            ha="center",
            va="center_baseline",
            color=kinds.get(unit, _OTHER).color,
            zorder=4,
        )
        if np.hypot(*(leader[-1] - point)) > _MARK / 2 + 2:
            axis.plot(
                *(leader[[0, -1]] / size).T,
                transform=axis.transAxes,
                color=GREY,
                linewidth=0.4,
                zorder=2,
            )
    if hidden:
        axis.annotate(
            f"+{hidden} without number",
            (0.01, 1.0),
            xycoords="axes fraction",
            va="top",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
        )


def _places(
    waiting: Sequence[tuple[int, np.ndarray]],
    important: set[int],
    points: Sequence[np.ndarray],
    tops: np.ndarray,
    size: np.ndarray,
) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Find the centre of each number and the line to it, one after the other as far as they fit."""
    order, moved = list(waiting), set()
    while True:
        taken = [(point, np.full(2, _MARK / 2)) for point in points]  # centre, half size
        places: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        for unit, point in order:
            half = np.array([len(str(unit)) * _DIGIT, _LINE]) / 2
            farthest = _FARTHEST_IMPORTANT if unit in important else _FARTHEST
            leaders = [leader for _, leader in places.values()]
            center = _free_place(point, half, farthest, taken, leaders, tops, size)
            if center is not None:
                taken.append((center, half))
                places[unit] = center, _leader(point, center, half)
        # An important number that others have shut in goes before them.
        lost = [unit for unit, _ in order if unit in important - set(places) - moved]
        if not lost:
            return places
        moved.add(lost[0])
        order.sort(key=lambda entry: entry[0] != lost[0])  # stable


def _leader(point: np.ndarray, center: np.ndarray, half: np.ndarray) -> np.ndarray:
    """Points on the line from a mark to the nearest point of the box of its number."""
    end = np.clip(point, center - half, center + half)
    return point + np.linspace(0, 1, 25)[:, None] * (end - point)


def _free_place(
    point: np.ndarray,
    half: np.ndarray,
    farthest: float,
    taken: Sequence[tuple[np.ndarray, np.ndarray]],
    leaders: Sequence[np.ndarray],
    tops: np.ndarray,
    size: np.ndarray,
) -> np.ndarray | None:
    """Find the centre of a number beside or above a mark, as near as there is room; in points."""
    # The corner in which the numbers that found no room are counted stays free.
    corner = (np.array([42.0, size[1] - _LINE / 2]), np.array([42.0, _LINE / 2]))
    across = np.arange(-farthest - half[0], farthest + half[0] + 1, 2.0)
    up = np.arange(0.0, farthest + half[1] + 1, 2.0)
    offsets = np.array([(x, y) for y in up for x in across])
    gaps = np.maximum(np.abs(offsets) - half, 0)
    distance = np.hypot(*gaps.T)
    near = (distance >= _MARK / 2 + 1) & (distance <= farthest)
    # Straight above rather than beside, where the next marks stand.
    cost = distance + 0.1 * np.abs(offsets[:, 0])
    centers = point + offsets[near][np.argsort(cost[near], kind="stable")]
    free = ((centers >= half) & (centers + half <= size)).all(axis=1)
    # Heights of the bars below each place, from its left edge to its right.
    steps = np.linspace(-half[0], half[0], 1 + int(2 * half[0] * len(tops) / size[0]) + 1)
    columns = ((centers[:, :1] + steps) / size[0] * len(tops)).astype(int)
    free &= tops[np.clip(columns, 0, len(tops) - 1)].max(axis=1) <= centers[:, 1] - half[1]
    for other, extent in (*taken, corner):
        free &= (np.abs(centers - other) >= half + extent + 0.5).any(axis=1)
    others = [(c, h) for c, h in taken if c is not point]
    for center in centers[free]:
        if any((np.abs(line - center) < half + 0.5).all(axis=1).any() for line in leaders):
            continue
        leader = _leader(point, center, half)
        below = (leader[:, 0] / size[0] * len(tops)).astype(int)
        if (tops[np.clip(below, 0, len(tops) - 1)] > leader[:, 1]).any():
            continue
        if any((np.abs(leader - c) < h).all(axis=1).any() for c, h in others):
            continue
        if not any(_cross(leader[[0, -1]], line[[0, -1]]) for line in leaders):
            return center
    return None


def _cross(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two line segments, each of shape (2, 2), cross."""

    def side(line: np.ndarray, point: np.ndarray) -> float:
        along, to = line[1] - line[0], point - line[0]
        return float(along[0] * to[1] - along[1] * to[0])

    return (
        side(one, other[0]) * side(one, other[1]) < 0
        and side(other, one[0]) * side(other, one[1]) < 0
    )


_OTHER = _Kind("other unit beyond the lines", BLACK, "o", False, False)


def _legend(rows, targets, kinds, units, top_syntax, threshold, lost) -> list[Line2D]:
    """Entries for what is drawn, and for the known units that cannot be drawn."""
    drawn = set(rows.loc[rows["target"].isin([known.unit for known in targets]), "source"])
    handles = []
    seen = {kinds[unit] for unit in kinds if unit in drawn}
    ordered = sorted(seen, key=lambda kind: (kind.color == GREEN, kind.marker == "o", kind.label))
    for kind in (*ordered, _OTHER):
        handles.append(
            Line2D(
                [],
                [],
                linestyle="",
                marker=kind.marker,
                color=kind.color,
                markersize=_MARK,
                markeredgewidth=0 if kind.filled else 0.8,
                markerfacecolor=kind.color if kind.filled else "none",
                label=kind.label,
            )
        )
    handles.append(
        Line2D(
            [],
            [],
            color=GREY,
            linewidth=0.6,
            linestyle=(0, (4, 3)),
            label=f"mean \u00b1 {threshold:g} SD",
        )
    )
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
