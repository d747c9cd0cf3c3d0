"""The figure of the regression of depth: coefficients, predictions, and the unit that leads.

Lakretz et al. 2019, Section 4.3, describes these in words.
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

from lstm_units.activations.reader import ActivationDump
from lstm_units.analyses.depth.outliers import CRITERIA, Outliers, unit_outliers
from lstm_units.analyses.depth.scores import overall_r2
from lstm_units.errors import UserError
from lstm_units.io.results import Result, made_from
from lstm_units.plots.legends import draw_legend, legend_height
from lstm_units.plots.marks import unit_mark
from lstm_units.plots.numbers import spread_levels
from lstm_units.plots.style import (
    BLACK,
    GREY,
    LIGHT_GREY,
    TEXT_WIDTH,
    axes_at,
    house_style,
    new_figure,
    open_axes,
)

_PANEL, _HEADER, _LABELS = 2.1, 0.32, 0.34  # inches, heights
_LEFTS, _RIGHT = (0.38, 0.42, 0.52), 0.06  # inches, room for the vertical axes
_BINS = 12  # between 0 and the threshold
_LINE = 0.115  # inches between labels
_LEADER = {"arrowstyle": "-", "linewidth": 0.4, "color": GREY, "shrinkA": 1, "shrinkB": 1}


@dataclass(frozen=True)
class Coefficients:
    """The units of the regression, and which of them stand out.

    Parameters
    ----------
    unit : ndarray of int, shape (units,)
        1-based.
    found : Outliers
        From `lstm_units.analyses.depth.outliers.outliers`, in the order of `unit`.
    threshold : float
        In standard deviations.
    minimum_folds : int
        Outliers beyond the threshold in fewer folds are no syntax units.
    """

    unit: np.ndarray
    found: Outliers
    threshold: float
    minimum_folds: int

    @property
    def leading(self) -> int:
        """The unit with the largest mean coefficient in size."""
        return int(self.unit[np.argmax(np.abs(self.found.mean))])


def depth_figure(
    coefficients: Result,
    permutations: Result,
    predictions: Result,
    scores: Result,
    positions: Result,
    dump: ActivationDump,
) -> Result:
    """Draw coefficients, predicted depth, and the unit with the largest coefficient.

    Parameters
    ----------
    coefficients, predictions : Result
        From `lstm_units.analyses.depth.regression.regress_units`.
    permutations : Result
        From `lstm_units.analyses.depth.outliers.permuted_outliers`; its ``config`` says what an
        outlier is.
    scores : Result
        From `lstm_units.analyses.depth.scores.depth_scores`.
    positions : Result
        ``sentence, position, open_nodes`` of the sampled words.
    dump : ActivationDump
        Of their sentences.

    Returns
    -------
    Result
        A figure.

    Raises
    ------
    UserError
        If the inputs come from different models, `scores` lacks the units' regression, or `dump`
        lacks a sampled word.
    """
    criteria = {key: permutations.config[key] for key in CRITERIA}
    unit, layer, found = unit_outliers(
        coefficients.frame, criteria["threshold"], criteria["deviations_from"]
    )
    marked = Coefficients(unit, found, criteria["threshold"], criteria["minimum_folds"])
    leading = marked.leading
    metadata = made_from(
        coefficients,
        permutations,
        predictions,
        scores,
        dump,
        kind="figure of the regression of depth",
        config={**criteria, "unit": leading},
    )
    r2 = overall_r2(scores.frame)
    if r2 is None:
        raise UserError(
            f"{scores.source} does not hold R2 of all units; delete it and run the workflow again"
        )
    variable = coefficients.metadata.get("variable", dump.variables[0])
    places = positions.frame
    activity = unit_activity(dump, places, variable, leading)
    figure = draw_depth(
        marked,
        predictions.frame,
        pd.DataFrame({"open_nodes": places["open_nodes"], "activity": activity}),
        r2=(r2["r2"], r2["ci_low"], r2["ci_high"]),
        leading=f"unit {leading} (layer {layer[unit == leading][0]})",
        variable=variable,
    )
    return Result(figure, metadata, "the figure of depth")


def unit_activity(
    dump: ActivationDump, positions: pd.DataFrame, variable: str, unit: int
) -> np.ndarray:
    """Read one unit's activity at the sampled words.

    Parameters
    ----------
    dump : ActivationDump
        Its items are numbers of sentences.
    positions : DataFrame
        ``sentence, position``.
    unit : int
        1-based.

    Returns
    -------
    ndarray of float, shape (rows,)

    Raises
    ------
    UserError
        If the dump lacks a sentence or a word of it.
    """
    sentences, row = np.unique(positions["sentence"].to_numpy(), return_inverse=True)
    values = dump.read(variable, units=[unit], items=sentences)[:, :, 0]
    column = positions["position"].to_numpy()
    inside = column < values.shape[1]
    found = np.where(inside, values[row, np.minimum(column, values.shape[1] - 1)], np.nan)
    if np.isnan(found).any():
        lost = positions.iloc[int(np.flatnonzero(np.isnan(found))[0])]
        raise UserError(
            f"{dump.source} has no activity at word {lost['position']} of sentence "
            f"{lost['sentence']}, which was sampled. Delete the folder and run the workflow again"
        )
    return found.astype(float)


def draw_depth(
    coefficients: Coefficients,
    predictions: pd.DataFrame,
    activity: pd.DataFrame,
    *,
    r2: tuple[float, float, float],
    leading: str,
    variable: str = "hidden",
    width: float = TEXT_WIDTH,
) -> Figure:
    """Draw the distribution of the coefficients, the predicted depth, and the leading unit.

    Left, every unit by its mean coefficient, in standard deviations of all units'; the outliers are
    numbered, the largest first as far as there is room, the rest counted. Middle, the depth that
    the activities predict for words of sentences that were held out, by their true depth. Right,
    the activity of the unit with the largest coefficient in size, by depth.

    Parameters
    ----------
    predictions : DataFrame
        ``open_nodes, predicted``: one row per word.
    activity : DataFrame
        ``open_nodes, activity``: the leading unit's, one row per word.
    r2 : tuple of float
        R2 of the predictions, and its interval.
    leading : str
        Title of the right panel.
    variable : str
        Which activity.
    width : float
        Inches. In a column the panels stand below each other.
    """
    wide = width > 5
    panel = (width - sum(_LEFTS) - _RIGHT) / 3 if wide else width - max(_LEFTS) - _RIGHT
    cell = _HEADER + _PANEL + _LABELS
    handles = _handles(coefficients)
    footer = legend_height(handles, width)
    height = footer + (cell if wide else 3 * cell)
    with house_style():
        figure = new_figure(width, height)
        axes = []
        for place in range(3):
            left = sum(_LEFTS[: place + 1]) + place * panel if wide else max(_LEFTS)
            lower = footer + _LABELS + (0 if wide else (2 - place) * cell)
            axes.append(axes_at(figure, left, lower, panel, _PANEL))
        _draw_coefficients(axes[0], coefficients)
        _draw_predictions(axes[1], predictions, r2)
        stable = coefficients.found.stable(coefficients.minimum_folds)
        hollow = not stable[coefficients.unit == coefficients.leading][0]
        _draw_activity(axes[2], activity, leading, variable, hollow)
        for axis in axes:
            open_axes(axis)
        draw_legend(figure, handles)
    return figure


def _draw_coefficients(axis: Axes, coefficients: Coefficients) -> None:
    """Histogram on its side, so that the numbers of outliers stand in lines beside their marks."""
    found, threshold = coefficients.found, coefficients.threshold
    deviation = found.deviation
    bin_width = threshold / _BINS  # the threshold is an edge
    reach = max(1.12 * float(np.abs(deviation).max()), 2 * threshold)
    edges = np.arange(-np.ceil(reach / bin_width), np.ceil(reach / bin_width) + 1) * bin_width
    counts, _ = np.histogram(deviation, bins=edges)
    bars = {"facecolor": LIGHT_GREY, "edgecolor": GREY, "linewidth": 0.3}
    axis.barh(edges[:-1], counts, height=bin_width, align="edge", **bars)
    axis.set_xscale("symlog", linthresh=1, linscale=0.5)
    axis.set_xlim(0, max(3.0 * float(counts.max()), 30.0))
    ticks = [0, *(10**power for power in range(7) if 10**power <= counts.max())]
    axis.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axis.minorticks_off()
    axis.set_ylim(-reach, reach)
    axis.yaxis.set_major_locator(mpl.ticker.MaxNLocator(nbins=7, integer=True))
    for sign in (-1, 1):
        axis.axhline(sign * threshold, color=BLACK, linewidth=0.6, linestyle="--", zorder=1)
    stable = found.stable(coefficients.minimum_folds)
    for place in np.flatnonzero(found.beyond):
        mark = unit_mark("syntax").hollow(not stable[place])
        axis.plot(0.5, deviation[place], **mark.points(3.6), clip_on=False, zorder=4)
    # Numbers stand in a column to the right of the bars of the tails.
    tails = counts[(edges[1:] <= -threshold) | (edges[:-1] >= threshold)]
    beside = 1.8 * max(1.5, float(tails.max(initial=0)))
    unlabelled = 0
    for sign in (-1, 1):
        here = np.flatnonzero(found.beyond & (np.sign(deviation) == sign))
        here = here[np.argsort(-np.abs(deviation[here]), kind="stable")]
        line = _LINE * 2 * reach / _PANEL
        low, high = threshold + 0.7 * line, reach - 0.3 * line
        levels = spread_levels(np.abs(deviation[here]), low, high, line)
        unlabelled += len(here) - len(levels)
        for place, level in zip(here, levels, strict=False):
            axis.annotate(
                str(coefficients.unit[place]),
                (0.5, deviation[place]),
                xytext=(beside, sign * level),
                va="center_baseline",
                ha="left",
                arrowprops=_LEADER,
                zorder=5,
            )
    title = f"coefficients of {len(coefficients.unit):,} units\n"
    title += f"{int(found.beyond.sum())} outliers, {int(stable.sum())} stable"
    if unlabelled:
        title += f" ({unlabelled} without number)"
    axis.set_title(title)
    axis.set_xlabel("units")
    axis.set_ylabel("mean coefficient (SD)")


def _draw_predictions(
    axis: Axes, predictions: pd.DataFrame, r2: tuple[float, float, float]
) -> None:
    depths = sorted(set(predictions["open_nodes"].tolist()))
    axis.axline((depths[0], depths[0]), slope=1, color=BLACK, linewidth=0.6, linestyle=":")
    boxes = axis.boxplot(
        [predictions.loc[predictions["open_nodes"] == d, "predicted"] for d in depths],
        positions=depths,
        widths=0.6,
        whis=(5, 95),
        showfliers=False,
        patch_artist=True,
        manage_ticks=False,
    )
    for name in ("whiskers", "caps", "medians", "boxes"):
        for line in boxes[name]:
            line.set(color=BLACK, linewidth=0.6)
    for box in boxes["boxes"]:
        box.set_facecolor(LIGHT_GREY)
    axis.set_xticks(depths)
    axis.set_xlim(depths[0] - 0.6, depths[-1] + 0.6)
    axis.yaxis.set_major_locator(mpl.ticker.MaxNLocator(nbins=7, integer=True))
    value, low, high = r2
    axis.set_title(f"held-out sentences\nR² = {value:.3f} [{low:.3f}, {high:.3f}]")
    axis.set_xlabel("true depth (open nodes)")
    axis.set_ylabel("predicted depth")


def depth_correlation(activity: pd.DataFrame) -> float:
    """Return Pearson's correlation of ``activity`` and ``open_nodes``; NaN if one is constant."""
    pair = activity[["open_nodes", "activity"]].to_numpy(float)
    if (pair.std(axis=0) == 0).any():
        return float("nan")
    return float(np.corrcoef(pair.T)[0, 1])


def _draw_activity(
    axis: Axes, activity: pd.DataFrame, title: str, variable: str, hollow: bool
) -> None:
    groups = activity.groupby("open_nodes")["activity"].agg(["mean", "std"])
    depths = groups.index.to_numpy()
    axis.errorbar(
        depths,
        groups["mean"],
        yerr=groups["std"].fillna(0),
        **unit_mark("syntax").hollow(hollow).style(3.6),
        ecolor=GREY,
        linewidth=0.9,
        elinewidth=0.8,
        capsize=2,
    )
    axis.set_xticks(depths)
    axis.set_xlim(depths[0] - 0.6, depths[-1] + 0.6)
    axis.yaxis.set_major_locator(mpl.ticker.MaxNLocator(nbins=5))
    r = f"{depth_correlation(activity):.2f}".replace("-", "\N{MINUS SIGN}")
    axis.set_title(f"{title}\nr = {r}")
    axis.set_xlabel("true depth (open nodes)")
    axis.set_ylabel(f"{variable}, mean ± SD")


def _handles(coefficients: Coefficients) -> Sequence:
    n_folds = len(coefficients.found.fold_deviation)
    mark = unit_mark("syntax")
    line = {"color": BLACK, "linewidth": 0.6, "linestyle": "--"}
    handles = [
        Line2D([], [], label=f"± {coefficients.threshold:g} SD", **line),
        mark.handle(3.6, f"stable: in ≥ {coefficients.minimum_folds} of {n_folds} folds"),
    ]
    beyond = coefficients.found.beyond
    if (beyond & ~coefficients.found.stable(coefficients.minimum_folds)).any():
        handles.append(mark.hollow().handle(3.6, "in fewer folds"))
    box = {"facecolor": LIGHT_GREY, "edgecolor": BLACK, "linewidth": 0.6}
    handles.append(Patch(label="quartiles; 5 % to 95 %", **box))
    return handles
