"""How perplexity falls over a training."""

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from lstm_units.io.files import make_metadata
from lstm_units.io.results import Result
from lstm_units.plots.marks import NEUTRAL, series_mark
from lstm_units.plots.style import COLUMN_WIDTH, GREY, house_style, new_figure, open_axes


def learning_curve(history: pd.DataFrame, run: Mapping[str, Any]) -> Result:
    """Draw how perplexity fell over a training run.

    Parameters
    ----------
    history : DataFrame
        From `lstm_units.training.loop.train`.
    run : mapping
        The entry of ``training.runs``.

    Returns
    -------
    Result
        It holds a figure.
    """
    metadata = make_metadata(kind="learning curve", config=dict(run), seed=run["seed"])
    return Result(draw_learning_curve(history), metadata)


def draw_learning_curve(history: pd.DataFrame, *, width: float = COLUMN_WIDTH) -> Figure:
    """Draw training and validation perplexity over the words read.

    Parameters
    ----------
    history : DataFrame
        From `lstm_units.training.loop.train`.
    width : float
        Inches.

    Returns
    -------
    matplotlib.figure.Figure
        Perplexity is on a logarithmic scale. The training perplexity of a sampled softmax, which is
        biased low, is drawn thin.
    """
    validated = history.dropna(subset=["validation_perplexity"])
    with house_style():
        figure = new_figure(width, 0.75 * width)
        axis = figure.add_axes((0.16, 0.165, 0.81, 0.58))
        for softmax, line in (("sampled", 0.5), ("full", 1.1)):
            part = history[history["softmax"] == softmax]
            name = "training" if softmax == "full" else "training, sampled softmax (biased low)"
            if len(part):
                axis.plot(
                    part["tokens"] / 1e6,
                    part["training_perplexity"],
                    color=series_mark(1)[0].color,
                    linewidth=line,
                    label=name,
                )
        axis.plot(
            validated["tokens"] / 1e6,
            validated["validation_perplexity"],
            **NEUTRAL.style(2.5),
            linewidth=1.1,
            label="validation",
        )
        axis.set_yscale("log")
        axis.yaxis.set_major_formatter(mpl.ticker.FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axis.yaxis.set_minor_locator(mpl.ticker.LogLocator(subs=(2, 3, 5)))
        axis.yaxis.set_minor_formatter(mpl.ticker.FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axis.tick_params(which="minor", length=2, width=0.6, pad=2)
        axis.set_xlabel("words read (millions)")
        axis.set_ylabel("perplexity")
        axis.grid(axis="y", which="major", color=GREY, linewidth=0.3, alpha=0.5)
        open_axes(axis)
        # Above the axes: a curve may run anywhere within them.
        axis.legend(loc="lower left", bbox_to_anchor=(0, 1))
    return figure
