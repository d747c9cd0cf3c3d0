"""The connections of long-range units among each other (Lakretz et al. 2019, Fig. 4a)."""

from collections.abc import Collection, Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from lstm_units.analyses.connectivity.known_units import KnownUnit, left_out_sentence
from lstm_units.analyses.connectivity.verdicts import connections
from lstm_units.models.variables import GATES
from lstm_units.plots.style import (
    BLACK,
    COLUMN_WIDTH,
    DIVERGING,
    LIGHT_GREY,
    TEXT_WIDTH,
    axes_at,
    house_style,
    new_figure,
    sentence_figure,
)

_LEFT, _RIGHT, _HEADER, _CELL, _BAR, _LINE = 0.62, 0.04, 0.42, 0.31, 0.42, 0.13  # inches
_MOST = 9  # columns beside each other
_GATE_LABELS = [gate.replace("_", " ") for gate in GATES]


def mutual_connections_figure(
    afferents: pd.DataFrame, units: Sequence[KnownUnit], layers: Collection[int] | None = None
) -> Figure:
    """Draw weights and effective inputs between all ordered pairs of units, self included.

    A row per gate, a column per pair. Each cell has the weight W and the effective input e: W times
    the mean hidden state of the source over the dependency, in items of the number that it serves
    (in all items, if it serves none). The colour is e, which does not depend on a unit's sign but
    in the row of the candidate, where it depends on the sign of the target.

    Parameters
    ----------
    afferents : DataFrame
        From `lstm_units.analyses.connectivity.afferents.afferent_table`.
    units : sequence of KnownUnit
        Long-range units and their stand-ins.
    layers : collection of int or None
        1-based: those of which `afferents` has rows. Units of other layers are named, but not
        drawn. None for all.

    Returns
    -------
    matplotlib.figure.Figure
        As wide as a column for up to two units, else as wide as a page. Without units it says so.
    """
    lost = [known for known in units if layers is not None and known.layer not in layers]
    if len(lost) == len(units):
        return empty_figure(units, layers)
    units = [known for known in units if known not in lost]
    numbers = [known.unit for known in units]
    table = connections(afferents, numbers, numbers)
    table["effective"] = table["input_preferred"].where(
        table["input_preferred"].notna(), table["input_mean"]
    )
    together = max(1, _MOST // len(numbers))  # targets beside each other
    blocks = [
        [(target, source) for target in numbers[start : start + together] for source in numbers]
        for start in range(0, len(numbers), together)
    ]
    width = COLUMN_WIDTH if len(numbers) <= 2 else TEXT_WIDTH
    block_height = _HEADER + _CELL * len(GATES)
    label = _bar_label(units, lost)
    footer = _BAR + _LINE * (1 + label.count("\n"))
    height = footer + block_height * len(blocks)
    reach = float(np.nanmax(np.abs(table["effective"].to_numpy(float)), initial=0.0)) or 1.0
    norm = Normalize(-reach, reach)
    by_pair = {key: rows for key, rows in table.groupby(["target", "source"], sort=False)}
    known = {entry.unit: entry for entry in units}
    with house_style():
        figure = new_figure(width, height)
        wide = width - _LEFT - _RIGHT
        for place, block in enumerate(blocks):
            top = height - place * block_height - _HEADER
            tall, share = _CELL * len(GATES), len(block) / max(map(len, blocks))
            axis = axes_at(figure, _LEFT, top - tall, wide * share, tall)
            _draw_block(axis, block, by_pair, known, norm)
        bar = axes_at(figure, _LEFT, footer - 0.22, wide, 0.08)
        figure.colorbar(
            ScalarMappable(norm, DIVERGING), cax=bar, orientation="horizontal", drawedges=False
        )
        bar.xaxis.set_major_locator(mpl.ticker.MaxNLocator(nbins=4, symmetric=True))
        figure.supxlabel(label, y=0.04 / height, va="bottom", linespacing=1.15)
    return figure


def empty_figure(units: Sequence[KnownUnit], layers: Collection[int] | None) -> Figure:
    """Return a figure that says why there is nothing to draw.

    Parameters
    ----------
    units : sequence of KnownUnit
        Long-range units and their stand-ins, none of them in `layers`.
    layers : collection of int or None
        As in `mutual_connections_figure`.
    """
    text = "No long-range unit was found, and no unit's ablation costs accuracy over an attractor."
    if units:
        said = left_out_sentence({known.unit: known for known in units}, layers)
        text = f"Nothing to draw: {said}"
    return sentence_figure(text, COLUMN_WIDTH)


def _draw_block(axis: Axes, block, by_pair, known, norm: Normalize) -> None:
    effective = np.array([by_pair[pair]["effective"].to_numpy(float) for pair in block]).T
    weight = np.array([by_pair[pair]["weight"].to_numpy(float) for pair in block]).T
    colors = mpl.colormaps[DIVERGING].with_extremes(bad=LIGHT_GREY)
    edges = np.arange(len(block) + 1) - 0.5, np.arange(len(GATES) + 1) - 0.5
    axis.pcolormesh(
        *edges,
        np.ma.masked_invalid(effective),
        cmap=colors,
        norm=norm,
        edgecolors="white",
        linewidth=0.8,
    )
    for (gate, pair), value in np.ndenumerate(effective):
        missing = np.isnan(weight[gate, pair])
        text = "none" if missing else f"W {_short(weight[gate, pair])}\ne {_short(value)}"
        luminance = np.dot(colors(norm(value))[:3], (0.299, 0.587, 0.114))
        dark = not np.isnan(value) and luminance < 0.5
        axis.text(
            pair,
            gate,
            text,
            ha="center",
            va="center",
            linespacing=1.15,
            color="white" if dark else BLACK,
        )
    axis.set_ylim(len(GATES) - 0.5, -0.5)
    axis.set_yticks(range(len(GATES)), _GATE_LABELS)
    axis.set_xticks(range(len(block)), [f"from {_starred(known[source])}" for _, source in block])
    axis.xaxis.tick_top()
    axis.tick_params(length=0, pad=2)
    for spine in axis.spines.values():
        spine.set_visible(False)
    for target in dict.fromkeys(target for target, _ in block):
        places = [place for place, pair in enumerate(block) if pair[0] == target]
        middle = (places[0] + places[-1]) / 2
        axis.annotate(
            _heading(known[target], len(places)),
            (middle, 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, 13),
            textcoords="offset points",
            ha="center",
            va="bottom",
        )
        if places[0]:
            axis.axvline(places[0] - 0.5, color=BLACK, linewidth=0.8, clip_on=False)


def _short(value: float) -> str:
    # Adding 0 turns a rounded -0 into 0.
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "\u2212")


def _starred(known: KnownUnit) -> str:
    return f"{known.unit}{'' if 'long-range' in known.kinds else '*'}"


def _heading(known: KnownUnit, columns: int) -> str:
    number = f" ({known.number})" if known.number and columns > 1 else ""
    return f"to {_starred(known)}{number}"


def _bar_label(units: Sequence[KnownUnit], lost: Sequence[KnownUnit]) -> str:
    label = "W: weight; e: W \u00d7 mean hidden state of the source"
    if any(known.number for known in units):
        label += "\n(in items of the number that it serves)"
    if any("nearest" in known.kinds for known in units):
        label += "\n* nearest to a long-range unit; criteria not met"
    for known in lost:
        label += f"\nunit {known.unit}: in layer {known.layer}, not drawn"
    return label
