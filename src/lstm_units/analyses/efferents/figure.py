"""Figure of the weights from units to singular and plural verb forms (Lakretz et al., Fig. 1d)."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lstm_units.errors import NotRun
from lstm_units.io.results import Result, made_from, require_same
from lstm_units.io.unit_roles import ROLES
from lstm_units.plots.legends import draw_legend
from lstm_units.plots.marks import MEAN, NUMBERS
from lstm_units.plots.style import BLACK, COLUMN_WIDTH, GREY, axes_at, house_style, new_figure

_STRIP = 0.36  # inches per unit: two lines of text
_LEFT, _RIGHT = 1.04, 0.66  # inches for the names and for the numbers
_OFFSETS = {"singular": -0.2, "plural": 0.2}  # of the rows in a strip, in strips


def figure1d(weights: Result, units: Result, shown: Result) -> Result:
    """Draw Figure 1d.

    Parameters
    ----------
    weights, units : Result
        From `lstm_units.analyses.efferents.weights.efferents`.
    shown : Result
        The units to show, ``units/shown.json``.

    Returns
    -------
    Result
        It holds the figure of `efferents_figure`.
    """
    require_same(weights, units, stimuli_sha256="table of verb forms")
    figure = efferents_figure(weights.frame, units.frame, shown.content["units"])
    return Result(figure, made_from(weights, units, shown, kind="figure 1d"))


def efferents_figure(
    weights: pd.DataFrame,
    units: pd.DataFrame,
    shown: Sequence[Mapping[str, Any]],
    *,
    width: float = COLUMN_WIDTH,
) -> Figure:
    """Draw the weights of each shown unit to the singular and the plural verb forms.

    One strip per unit, singular forms above, plural below; a black bar is the mean. The height of a
    point within its row has no meaning. A line parts units of different roles.

    Parameters
    ----------
    weights, units : DataFrame
        From `lstm_units.analyses.efferents.weights.efferent_weights` and `segregation`.
    shown : sequence of mapping
        From `lstm_units.analyses.long_range_units.shown_units.shown_units`.
    width : float
        Inches; the default is a column of a two-column paper.

    Raises
    ------
    UserError
        If there is no unit to show.
    """
    if not shown:
        raise NotRun("there is no unit to draw; show some arbitrary units, or name units to show")
    ordered = sorted(shown, key=lambda entry: ROLES.index(entry["role"]))  # stable
    measured = units.set_index("unit")
    with house_style():
        bottom, top = 0.52, 0.06
        height = bottom + top + _STRIP * len(ordered)
        figure = new_figure(width, height)
        axis = axes_at(figure, _LEFT, bottom, width - _LEFT - _RIGHT, _STRIP * len(ordered))
        axis.axvline(0, color=GREY, linewidth=0.6, zorder=0)
        for row, entry in enumerate(ordered):
            _draw_strip(axis, row, weights[weights["unit"] == entry["unit"]])
            axis.annotate(
                _numbers(entry["unit"], measured),
                (1, row),
                xycoords=("axes fraction", "data"),
                xytext=(4, 0),
                textcoords="offset points",
                va="center",
                linespacing=1.1,
            )
            if row and entry["role"] != ordered[row - 1]["role"]:
                axis.axhline(row - 0.5, color=GREY, linewidth=0.5, zorder=0)
        axis.set_yticks(range(len(ordered)), [_name(entry) for entry in ordered])
        for label in axis.get_yticklabels():
            label.set_linespacing(1.1)
        axis.set_ylim(len(ordered) - 0.5, -0.5)
        reach = weights.loc[
            weights["unit"].isin([entry["unit"] for entry in ordered]),
            ["weight_singular", "weight_plural"],
        ].abs()
        reach = 1.08 * float(np.nan_to_num(reach.to_numpy().max(initial=0.0))) or 1.0
        axis.set_xlim(-reach, reach)
        axis.xaxis.set_major_locator(mpl.ticker.MaxNLocator(nbins=4, symmetric=True))
        axis.tick_params(axis="y", length=0)
        axis.set_xlabel("weight to a verb form")
        forms = [mark.handle(3.2, f"{number} form") for number, mark in NUMBERS.items()]
        draw_legend(figure, [*forms, MEAN.handle(6)], columns=3)
    return figure


def _draw_strip(axis: Axes, row: int, weights: pd.DataFrame) -> None:
    if weights.empty:
        axis.annotate(
            "no weights to words",
            (0.5, row),
            xycoords=("axes fraction", "data"),
            ha="center",
            va="center",
            color=GREY,
        )
        return
    # Multiples of the golden ratio spread neighbouring verbs evenly, and the same in every strip.
    spread = 0.2 * ((np.arange(len(weights)) * 0.6180339887) % 1 - 0.5)
    for number, offset in _OFFSETS.items():
        values = weights[f"weight_{number}"].to_numpy(float)
        axis.plot(
            values,
            row + offset + spread,
            **NUMBERS[number].points(1.8),
            alpha=0.8,
            zorder=2,
        )
        axis.plot(
            [values.mean()] * 2,
            [row + offset - 0.17, row + offset + 0.17],
            color=BLACK,
            linewidth=1.2,
            zorder=3,
        )


def _name(entry: Mapping[str, Any]) -> str:
    below = entry["role"]
    if entry["number"]:
        below += f", {entry['number']}"
    return f"unit {entry['unit']}\n{below}"


def _numbers(unit: int, measured: pd.DataFrame) -> str:
    if unit not in measured.index:
        return ""
    q = measured.at[unit, "q"]
    shown = f"q = {q:.2g}" if q >= 0.001 else "q < .001"
    return f"sep. {measured.at[unit, 'separability']:.2f}\n{shown.replace('0.', '.')}"
