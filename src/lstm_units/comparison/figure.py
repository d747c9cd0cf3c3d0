"""How the findings change over the steps of one training run."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lstm_units.comparison.describe import KINDS, place, rows_by_task
from lstm_units.errors import UserError
from lstm_units.io.files import make_metadata
from lstm_units.io.results import Result
from lstm_units.io.verdict import HOLDS
from lstm_units.plots.legends import draw_legend, legend_height
from lstm_units.plots.marks import NEUTRAL, Mark, series_mark, unit_mark
from lstm_units.plots.style import (
    BLACK,
    GREY,
    TEXT_WIDTH,
    axes_at,
    house_style,
    new_figure,
    open_axes,
)
from lstm_units.stimuli.congruence import ConditionNumbers, Conditions

# The panels: those of accuracy on top, with one line per task.
ACCURACY = {
    "accuracy_plain": "no attractor",
    "accuracy_congruent": "attractors like the subject",
    "accuracy_incongruent": "an attractor unlike the subject",
}
_OTHERS = {"units": "units found", "r2": "R² of depth", "claims": "claims that hold"}
# Mark and style of line.
_Look = tuple[Mark, Any]
_KIND_LOOKS: dict[str, _Look] = {
    "long_range": (unit_mark("long-range"), "-"),
    "short_range": (unit_mark("short-range"), "--"),
    "syntax": (unit_mark("syntax"), ":"),
}
# Inches.
_LEFT, _RIGHT, _GAP, _PANEL, _TITLE, _TICKS = 0.5, 0.08, 0.42, 1.25, 0.2, 0.34


def training_figure(models: Result, conditions: Conditions, run: str) -> Result:
    """Draw what was found in the checkpoints of one training run, over its steps.

    Parameters
    ----------
    models : Result
        From `lstm_units.comparison.describe.compare_models`.

    Returns
    -------
    Result
        It holds a figure.

    Raises
    ------
    UserError
        If there is no such run, or fewer than two models of it.
    """
    runs = models.content["training_runs"]
    names = runs.get(run, [])
    if len(names) < 2:
        raise UserError(
            f"{models.source} holds {len(names)} models of the training run {run!r} (runs: "
            f"{', '.join(runs) or 'none'}); at least two are needed. Name more of its checkpoints "
            "under models"
        )
    by_name = {model["model"]: model for model in models.content["models"]}
    chosen = [by_name[name] for name in names]
    metadata = make_metadata(
        kind="findings over training",
        config={"training_run": run},
        checkpoints={model["model"]: model["sha256"] for model in chosen},
    )
    return Result(
        draw_training(training_table(chosen, conditions), models.content["labels"]), metadata
    )


def training_table(models: Sequence[Mapping[str, Any]], conditions: Conditions) -> pd.DataFrame:
    """Return what the figure shows, from the models of one training run.

    Parameters
    ----------
    models : sequence of mapping
        Entries of ``models.json``, in the order of their steps.

    Returns
    -------
    DataFrame
        ``model, step, quantity, series, value, low, high``. Quantities: ``accuracy_plain,
        accuracy_congruent, accuracy_incongruent`` (mean of a task's conditions without attractors,
        with attractors of the subject's number only, and with another one; conditions whose numbers
        are unknown count as ``plain``), ``units`` (number of each kind found), ``r2`` (with
        its interval), ``claims`` (number of C1 to C23 that hold). What was not run has no row.
    """
    rows = []
    for model in models:
        found: list[tuple[str, str, float, float | None, float | None]] = []
        for task, accuracies in rows_by_task(model).items():
            groups: dict[str, list[float]] = {}
            for row in accuracies:
                groups.setdefault(_group(conditions[place(row)]), []).append(row["accuracy"])
            found += [
                (quantity, task, float(np.mean(groups[quantity])), None, None)
                for quantity in ACCURACY
                if quantity in groups
            ]
        found += [
            ("units", kind, float(len(model[kind])), None, None)
            for kind in KINDS
            if model[kind] is not None
        ]
        if model["r2"]:
            found.append(("r2", "all units", *(model["r2"][k] for k in ("value", "low", "high"))))
        found.append(("claims", HOLDS, float(model["counts"].get(HOLDS, 0)), None, None))
        rows += [(model["model"], model["training_step"], *values) for values in found]
    columns = ["model", "step", "quantity", "series", "value", "low", "high"]
    return pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(("low", "high"), float))


def draw_training(
    table: pd.DataFrame, labels: Mapping[str, str], *, width: float = TEXT_WIDTH
) -> Figure:
    """Draw accuracies, units found, R2 of depth and claims that hold, over the training steps.

    Steps are on a logarithmic scale where they span a decade; step 0 then stands to its left. The
    bar of R2 is its interval; a dotted line marks chance.

    Parameters
    ----------
    table : DataFrame
        From `training_table`; at least two steps.
    labels : mapping of str to str
        Names of tasks in print.
    width : float
        Inches.
    """
    steps = np.sort(table["step"].unique()).astype(float)
    accuracy = table[table["quantity"].isin(list(ACCURACY))]
    tasks = list(dict.fromkeys(accuracy["series"]))
    kinds = [kind for kind in KINDS if kind in set(table["series"])]
    top = [quantity for quantity in ACCURACY if quantity in set(accuracy["quantity"])]
    with house_style():
        looks = {task: series_mark(place) for place, task in enumerate(tasks)}
        legends = [
            [_handle(looks[task], labels.get(task, task)) for task in tasks],
            [_handle(_KIND_LOOKS[kind], f"{kind.replace('_', '-')} units") for kind in kinds],
        ]
        blocks = [
            _TITLE + _PANEL + _TICKS + legend_height(handles, width) + 0.1 for handles in legends
        ]
        blocks[0] = blocks[0] if top else 0.0
        height = sum(blocks)
        figure = new_figure(width, height)
        panel = (width - _LEFT - _RIGHT - 2 * _GAP) / 3

        def axes_of(row: int, names: Sequence[str], titles: Mapping[str, str]) -> list[Axes]:
            bottom = height - sum(blocks[:row]) - _TITLE - _PANEL
            axes = []
            for place, name in enumerate(names):
                left = _LEFT + place * (panel + _GAP)
                axis = axes_at(figure, left, bottom, panel, _PANEL)
                axis.set_title(titles[name])
                _steps_axis(axis, steps)
                axes.append(axis)
            return axes

        upper = axes_of(0, top, ACCURACY)
        for axis, quantity in zip(upper, top, strict=True):
            for task, rows in _series(accuracy[accuracy["quantity"] == quantity]):
                _line(axis, rows, looks[task], scale=100)
            axis.set_ylim(-4, 104)
            axis.set_yticks([0, 25, 50, 75, 100])
            axis.axhline(50, color=GREY, linewidth=0.6, linestyle=":", zorder=0)
        if upper:
            upper[0].set_ylabel("right (%)")
        lower = dict(zip(_OTHERS, axes_of(1, list(_OTHERS), _OTHERS), strict=True))
        for quantity, axis in lower.items():
            _other(axis, table[table["quantity"] == quantity], quantity)
        lower["units"].set_ylabel("number")
        for handles, bottom in zip(legends, (blocks[1], 0.0), strict=True):
            draw_legend(figure, handles, bottom=bottom)
    return figure


def _group(numbers: ConditionNumbers) -> str:
    if numbers.incongruent:
        return "accuracy_incongruent"
    return "accuracy_congruent" if numbers.congruent else "accuracy_plain"


def _series(rows: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    return [(str(name), part.sort_values("step")) for name, part in rows.groupby("series")]


def _style(look: _Look) -> dict[str, Any]:
    mark, linestyle = look
    return {**mark.style(3.4), "linestyle": linestyle, "linewidth": 0.9}


def _line(axis: Axes, rows: pd.DataFrame, look: _Look, scale: float = 1.0) -> None:
    x, y = rows["step"].astype(float), scale * rows["value"]
    axis.plot(x, y, **_style(look), zorder=3, clip_on=False)


def _other(axis: Axes, rows: pd.DataFrame, quantity: str) -> None:
    if rows.empty:
        axis.text(0.5, 0.5, "not run", transform=axis.transAxes, ha="center", va="center")
        axis.set_yticks([])
        return
    for name, part in _series(rows):
        _line(axis, part, _KIND_LOOKS.get(name, (NEUTRAL, "-")))
        if part["low"].notna().any():
            x, y = part["step"].astype(float), part["value"]
            axis.errorbar(
                x,
                y,
                yerr=[y - part["low"], part["high"] - y],
                fmt="none",
                ecolor=BLACK,
                elinewidth=0.6,
                capsize=1.5,
                zorder=2,
            )
    if quantity == "r2":
        low = min(0.0, float(rows[["value", "low"]].min().min()) - 0.05)
        axis.set_ylim(low, 1.02)
        axis.axhline(0, color=GREY, linewidth=0.6, linestyle=":", zorder=0)
    else:
        axis.set_ylim(-0.04 * max(4.0, rows["value"].max()), 1.1 * max(4.0, rows["value"].max()))
        axis.yaxis.set_major_locator(mpl.ticker.MaxNLocator(nbins=5, integer=True))


def _steps_axis(axis: Axes, steps: np.ndarray) -> None:
    open_axes(axis)
    later = steps[steps > 0]
    if steps.min() == 0 and len(later) and later.max() >= 10 * later.min():
        # Step 0, before training, has a place of its own left of the logarithmic scale.
        axis.set_xscale("symlog", linthresh=later.min(), linscale=0.4)
        axis.set_xticks([0, *_decades(later)])
        axis.xaxis.set_minor_formatter(mpl.ticker.NullFormatter())
        axis.xaxis.set_major_formatter(mpl.ticker.EngFormatter(sep=""))
        axis.set_xlim(-0.25 * later.min(), later.max() * (later.max() / later.min()) ** 0.06)
    elif steps.min() > 0 and steps.max() >= 10 * steps.min():
        axis.set_xscale("log")
        axis.xaxis.set_major_formatter(mpl.ticker.EngFormatter(sep=""))
        axis.xaxis.set_minor_formatter(mpl.ticker.NullFormatter())
        spread = (steps.max() / steps.min()) ** 0.06
        axis.set_xlim(steps.min() / spread, steps.max() * spread)
    else:
        spread = 0.06 * (steps.max() - steps.min())
        axis.set_xlim(steps.min() - spread, steps.max() + spread)
        axis.xaxis.set_major_locator(mpl.ticker.MaxNLocator(nbins=4, steps=[1, 2, 5, 10]))
        axis.xaxis.set_major_formatter(mpl.ticker.EngFormatter(sep=""))
    axis.set_xlabel("training step")


def _decades(steps: np.ndarray) -> list[float]:
    """Powers of ten within the steps."""
    first, last = np.ceil(np.log10(steps.min())), np.floor(np.log10(steps.max()))
    return [float(10**power) for power in np.arange(first, last + 1)]


def _handle(look: _Look, label: str) -> Line2D:
    return Line2D([], [], label=label, **_style(look))
