"""Figure 2: number decoded across time, with its references."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lstm_units.analyses.decoding.features import WITHOUT_LONG_RANGE
from lstm_units.errors import UserError
from lstm_units.io.results import Result, made_from, require_same
from lstm_units.plots.labels import LINE, cut, letters, lines, wrapped
from lstm_units.plots.legends import draw_legend, legend_height
from lstm_units.plots.marks import NEUTRAL, UNTRAINED, series_mark, unit_mark
from lstm_units.plots.style import (
    BLACK,
    DIVERGING,
    GREY,
    LIGHT_GREY,
    TEXT_WIDTH,
    axes_at,
    house_style,
    new_figure,
    open_axes,
)
from lstm_units.plots.words import shown_words, word_axis, words_height, words_left
from lstm_units.stimuli.aligned_items import AlignedItems, align_items
from lstm_units.stimuli.table import scored_sha256

# What the decodings of one figure have in common.
_SHARED = {
    "label": "label",
    "train_at": "training position",
    "conditions": "list of conditions",
    "variable": "variable",
}
# By kind of cross-validation splits.
TITLES = {"grouped": "nouns held out", "random": "random items held out"}
# Rows of heat maps, by reference, where the tables have it.
_MAPS = {"none": "trained network", "untrained": "untrained network"}
_DASHES = ("-", (0, (4, 1.5)), (0, (1.5, 1)))
# Inches.
_CURVES, _HEAT_MAP, _LEFT, _GAP = 1.65, 2.2, 0.58, 0.2
_HEADING = 0.2
_LETTER, _BOLD_LETTER = 0.053, 0.062
_ROW = 7.5  # points, of a row of roles
_QUOTED = 16  # letters of a word beside the curves


@dataclass(frozen=True)
class _Curve:
    """One line of the legend: the rows it shows and how it looks."""

    features: str
    reference: str
    name: str
    style: dict[str, Any]


def figure2(by_kind: Mapping[str, Result], stimuli: pa.Table, shown: Result) -> Result:
    """Draw Figure 2, or the same of another analysis, one column per kind of splits.

    Parameters
    ----------
    by_kind : mapping of str to Result
        From `lstm_units.analyses.decoding.over_time.decoding_over_time`, by kind of
        cross-validation splits.
    stimuli : pyarrow.Table
        Of the decoded task; the first of the decoded items is the example on the axes.
    shown : Result
        The units to show, ``units/shown.json``.

    Returns
    -------
    Result
        It holds the figure of `generalisation_figure`.

    Raises
    ------
    UserError
        If the decodings do not belong together, or to the stimuli.
    """
    first = next(iter(by_kind.values()))
    config, task = first.config, first.metadata["task"]
    read = Result(stimuli, {"stimuli_sha256": scored_sha256({task: stimuli})}, "the stimuli")
    same = {"stimuli_sha256": "version of the stimuli", **_SHARED}
    require_same(*by_kind.values(), read, checkpoint=False, **same)
    items = align_items(stimuli, task).select(config["conditions"])
    example = stimuli["tokens"][stimuli["item"].to_pylist().index(int(items.item[0]))].as_py()
    conditions = config["conditions"]
    named = conditions if isinstance(conditions, str) else ", ".join(conditions)
    figure = generalisation_figure(
        {kind: result.frame for kind, result in by_kind.items()},
        replace(items, words=tuple(example)),
        config["label"],
        shown=shown.content["units"],
        removed=first.metadata["units_removed"],
        held_out={kind: result.metadata.get("held_out", []) for kind, result in by_kind.items()},
        decoded=f"{config['variable'].replace('_', ' ')}, {named} items",
        train_at=config["train_at"],
    )
    metadata = made_from(
        *by_kind.values(),
        kind="figure of decoding across time",
        config={key: config[key] for key in _SHARED},
    )
    return Result(figure, metadata)


def generalisation_figure(
    by_kind: Mapping[str, pd.DataFrame],
    items: AlignedItems,
    label: str,
    *,
    shown: Sequence[Mapping[str, Any]] = (),
    removed: Sequence[int] = (),
    held_out: Mapping[str, Sequence[str]] | None = None,
    decoded: str | None = None,
    train_at: int | None = None,
    width: float = TEXT_WIDTH,
) -> Figure:
    """Draw number decoded across time (Lakretz et al. 2019, Figure 2), by kind of splits.

    Above: the AUC at every word of a decoder trained at one word, mean and SD over splits (for
    the references over splits and replicates), cut at 0 and 1. Below: every training word
    against every test word, for all units but the long-range ones, the mean over the same; and
    under it, where there is one, the same for the untrained network. White: not computed.

    Parameters
    ----------
    by_kind : mapping of str to DataFrame
        The tables of `lstm_units.analyses.decoding.over_time.decoding_over_time`, by kind of
        cross-validation splits; one column of panels each.
    items : AlignedItems
        Its words are the example on the axes.
    label : str
        Of the form `lstm_units.stimuli.aligned_items.LABEL`.
    shown : sequence of mapping
        The units of ``units/shown.json``: names and colours of the units decoded alone.
    removed : sequence of int
        The long-range units that the set without them lacks; with none it is named all units.
    held_out : mapping of str to sequence of str, optional
        By kind of splits, the nouns whose lemmas were held out, named as labels; empty if
        items were.
    decoded : str, optional
        What was decoded from which items, such as ``"cell, incongruent items"``; the heading.
    train_at : int, optional
        0-based position at which the decoders above are trained; by default that of the label.
    width : float
        Inches; the default is the text width of a two-column paper.

    Raises
    ------
    UserError
        If there is nothing to draw, or nothing was trained at that position.
    """
    tables = {
        name: table.astype({"features": str, "reference": str}) for name, table in by_kind.items()
    }
    if not tables or any(len(table) == 0 for table in tables.values()):
        raise UserError("no decoding to draw: a table is missing or empty")
    position = items.position(label) if train_at is None else train_at
    positions = np.unique(np.concatenate([table["test_position"] for table in tables.values()]))
    if any(position not in set(table["train_position"]) for table in tables.values()):
        raise UserError(
            f"no decoder was trained at position {position}, counted from 0; choose another one"
        )
    words = [items.words[p] for p in positions]
    roles = _roles(items)
    curves = _curves(tables, shown, removed)
    titles = {name: _title(name, (held_out or {}).get(name, ()), roles, items) for name in tables}
    with house_style():
        return _draw(
            tables,
            curves,
            words,
            roles,
            positions,
            position,
            label,
            removed,
            titles,
            decoded,
            width,
        )


def _draw(
    tables, curves, words, roles, positions, position, label, removed, titles, decoded, width
) -> Figure:
    handles = [_handle(curve) for curve in curves]
    handles.append(Line2D([], [], color=BLACK, linewidth=0.5, linestyle=":", label="chance"))
    legend = legend_height(handles, width)
    n = len(tables)
    decoded = wrapped(decoded or "", width - 0.2)

    def panel_from(start: float) -> float:
        return (width - start - 0.05 - _GAP * (n - 1)) / n

    start = words_left(words, _LEFT, panel_from, bold=True, edge=0.4)
    panel = panel_from(start)
    word = _BOLD_LETTER * max(map(letters, shown_words(words)))
    below = words_height(words, bold=True)
    rows = _rows_of_roles(roles, positions, panel)
    title_pad = 13 + _ROW * max(rows.values(), default=0)  # points
    heading = _HEADING + LINE * (lines(decoded) - 1) if decoded else 0
    top = (title_pad + 10) / 72 + heading
    # Words and two lines at the left of the heat maps, the colour bar at the right of the last.
    left = word + 0.4
    side = min(_HEAT_MAP, (width - left - 0.5 - _GAP * (n - 1)) / n)
    left += max(0, (width - left - 0.5 - n * side - _GAP * (n - 1)) / 2)
    maps = [name for name in _MAPS if any((t["reference"] == name).any() for t in tables.values())]
    first_map = top + _CURVES + below + legend + 0.27 + _HEADING
    step = side + 0.12
    end = first_map + step * (len(maps) - 1) + side
    height = end + below + 0.2
    figure = new_figure(width, height)

    def place(x: float, y: float, wide: float, high: float) -> Axes:
        return axes_at(figure, x, height - y - high, wide, high)

    def head(text: str, y: float) -> None:
        figure.text(0.5, 1 - y / height, text, ha="center", va="top")

    if decoded:
        head(decoded, 0.06)
    for column, (kind, table) in enumerate(tables.items()):
        axis = place(start + column * (panel + _GAP), top, panel, _CURVES)
        _draw_curves(axis, table, curves, positions, position)
        _name_words(axis, words, roles, positions)
        _name_roles(axis, roles, rows)
        axis.set_title(titles[kind], pad=title_pad)
        if column == 0:
            trained = cut(words[positions.tolist().index(position)], _QUOTED)
            axis.set_ylabel(f"AUC of {label.replace('_', ' ')}\ntrained at “{trained}”")
        else:
            axis.set_yticklabels([])
    draw_legend(figure, handles, bottom=height - top - _CURVES - below - legend)
    head(f"{_rest_name(removed)}, trained at every word", first_map - 0.17 - _HEADING)
    for row, reference in enumerate(maps):
        for column, (kind, table) in enumerate(tables.items()):
            x, y = left + column * (side + _GAP), first_map + row * step
            axis = place(x, y, side, side)
            image = _draw_matrix(axis, table, reference, positions, side)
            _name_words(axis, words, roles, positions, both=True)
            if row == 0:
                axis.set_title(titles[kind])
            if row == len(maps) - 1:
                axis.set_xlabel("tested at", labelpad=1)
            else:
                axis.set_xticklabels([])
            if column == 0:
                axis.set_ylabel(f"{_MAPS[reference]}\ntrained at", labelpad=1)
            else:
                axis.set_yticklabels([])
    bar = place(left + n * side + (n - 1) * _GAP + 0.1, first_map, 0.08, end - first_map)
    figure.colorbar(image, cax=bar, ticks=[0, 0.5, 1])
    bar.set_ylabel("AUC", labelpad=3)
    bar.set_yticklabels(["0", ".5", "1"])
    return figure


def _title(kind: str, held_out: Sequence[str], roles, items: AlignedItems) -> str:
    """Say what is held out."""
    if not held_out:
        return TITLES.get(kind, kind)
    names = [roles[items.position(noun)] for noun in held_out]
    if len(names) > 2 and len(names) == 1 + len(items.attractor_positions):
        return "all nouns held out"
    return f"{', '.join(names[:-1])}{' and ' if names[1:] else ''}{names[-1]} nouns held out"


def _rest_name(removed: Sequence[int]) -> str:
    return "all but long-range units" if removed else "all units"


def _roles(items: AlignedItems) -> dict[int, str]:
    """Name the nouns and the verb by position."""
    many = len(items.attractor_positions) > 1
    roles = {
        position: f"attractor {place}" if many else "attractor"
        for place, position in enumerate(items.attractor_positions, start=1)
    }
    roles[items.subject_position] = "subject"
    roles[items.verb_position] = "verb"
    return roles


def _curves(tables, shown, removed) -> list[_Curve]:
    """Return what there is to draw, in the order of the legend."""
    table = pd.concat(list(tables.values()))
    number = {int(unit["unit"]): unit for unit in shown}
    sizes = table.drop_duplicates("features").set_index("features")["n_units"]
    curves: list[_Curve] = []
    taken: dict[Any, int] = {}
    layers = 0
    for features in dict.fromkeys(table["features"]):
        if features == WITHOUT_LONG_RANGE:
            name = f"{_rest_name(removed)} ({sizes[features]:,})"
            style = {**NEUTRAL.style(3), "linewidth": 1.3}
        elif features.startswith("layer_"):
            layers += 1  # the first series is black, as all units together
            mark, dash = series_mark(layers)
            name = f"layer {features.removeprefix('layer_')} ({sizes[features]:,})"
            style = {**mark.style(4), "linestyle": dash}
        else:
            unit = int(features.removeprefix("unit_"))
            name, style = _unit_style(unit, number.get(unit, {}), taken)
        curves.append(_Curve(features, "none", name, style))
    references = set(table["reference"])
    if "permuted" in references:
        style = {"color": GREY, "linestyle": ":", "linewidth": 1.3}
        curves.append(_Curve(WITHOUT_LONG_RANGE, "permuted", "labels permuted over nouns", style))
    if "untrained" in references:
        style = {**UNTRAINED.style(3), "linestyle": "-"}
        curves.append(_Curve(WITHOUT_LONG_RANGE, "untrained", UNTRAINED.label, style))
    return curves


def _unit_style(unit: int, shown: Mapping[str, Any], taken: dict[Any, int]):
    """Name a unit decoded alone; units of one role differ in their lines."""
    number, role = shown.get("number"), shown.get("role")
    mark = unit_mark(role or "named", number)
    place = taken[mark] = taken.get(mark, -1) + 1
    what = role if role in ("long-range", "nearest") else None
    name = ", ".join(filter(None, [f"unit {unit}", what, number]))
    return name, {**mark.style(3), "linestyle": _DASHES[place % len(_DASHES)]}


def _handle(curve: _Curve) -> Line2D:
    return Line2D([], [], **{"linewidth": 1, **curve.style}, label=curve.name)


def _draw_curves(axis: Axes, table, curves, positions, position) -> None:
    axis.axhline(0.5, color=BLACK, linewidth=0.5, linestyle=":", zorder=1)
    rows = table[table["train_position"] == position]
    # Curves stand a little apart, so that their bars can be told apart.
    shifts = np.linspace(-0.14, 0.14, len(curves)) if len(curves) > 1 else [0.0]
    for place, curve in enumerate(curves):
        chosen = rows[(rows["features"] == curve.features) & (rows["reference"] == curve.reference)]
        by_word = chosen.groupby("test_position")["auc"].agg(["mean", "std"]).reindex(positions)
        mean, sd = by_word["mean"].to_numpy(), by_word["std"].fillna(0).to_numpy()
        low, high = np.clip(mean - sd, 0, 1), np.clip(mean + sd, 0, 1)
        if curve.reference == "permuted":
            axis.fill_between(positions, low, high, color=LIGHT_GREY, linewidth=0, zorder=0)
            axis.plot(positions, mean, **curve.style, zorder=2)
            continue
        axis.errorbar(
            positions + shifts[place],
            mean,
            yerr=(mean - low, high - mean),
            **{"linewidth": 1, **curve.style},
            elinewidth=0.5,
            zorder=5 if curve.features == WITHOUT_LONG_RANGE else 3,
        )
    axis.set_ylim(-0.04, 1.04)
    axis.set_xlim(positions[0] - 0.4, positions[-1] + 0.4)
    axis.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", ".25", ".5", ".75", "1"])
    open_axes(axis)


def _draw_matrix(axis: Axes, table, reference: str, positions, side: float):
    rows = table[(table["features"] == WITHOUT_LONG_RANGE) & (table["reference"] == reference)]
    matrix = (
        rows.groupby(["train_position", "test_position"])["auc"]
        .mean()
        .unstack()
        .reindex(index=positions, columns=positions)
        .to_numpy()
    )
    edges = (positions[0] - 0.5, positions[-1] + 0.5)
    image = axis.imshow(
        matrix, cmap=DIVERGING, vmin=0, vmax=1, origin="upper", extent=(*edges, *edges[::-1])
    )
    # A number of three characters needs about 0.2 inches.
    if side / len(positions) >= 0.2:
        for row, column in np.argwhere(np.isfinite(matrix)):
            value = matrix[row, column]
            axis.text(
                positions[column],
                positions[row],
                _two_digits(value),
                ha="center",
                va="center_baseline",
                color="white" if abs(value - 0.5) > 0.35 else BLACK,
            )
    return image


def _two_digits(value: float) -> str:
    text = f"{value:.2f}"
    return "1" if text == "1.00" else "0" if text == "0.00" else text.removeprefix("0")


def _name_words(axis: Axes, words, roles, positions, both: bool = False) -> None:
    """Write the example's words at the axis, nouns and verb in bold."""
    word_axis(axis, words, positions, roles)
    if both:
        axis.set_yticks(positions, shown_words(words))
        for place, text in zip(positions, axis.get_yticklabels(), strict=True):
            if place in roles:
                text.set_fontweight("bold")


def _rows_of_roles(roles, positions, panel: float) -> dict[int, int]:
    """Return the row, from 0 at the bottom, in which each role is named so that none touch."""
    inches = panel / (len(positions) - 1 + 0.8)
    ends: list[float] = []
    rows = {}
    for place in sorted(set(roles) & set(positions.tolist())):
        half = _LETTER * len(roles[place]) / 2
        start = (place - positions[0]) * inches - half
        free = [row for row, end in enumerate(ends) if start >= end]
        rows[place] = free[0] if free else len(ends)
        ends[rows[place] : rows[place] + 1] = [start + 2 * half]
    return rows


def _name_roles(axis: Axes, roles, rows: Mapping[int, int]) -> None:
    """Mark where nouns and verb stand."""
    for place, row in rows.items():
        axis.axvline(place, color=LIGHT_GREY, linewidth=0.6, zorder=0)
        axis.annotate(
            roles[place],
            (place, 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, 2 + _ROW * row),
            textcoords="offset points",
            ha="center",
            va="bottom",
        )
