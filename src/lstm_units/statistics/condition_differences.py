"""Accuracies by condition, and differences between conditions with bootstrap intervals.

What is drawn anew depends on the stimuli. Where each lexical frame stands in all conditions
compared, frames are drawn, so a frame's items stay together and the difference is paired. Else
subject and verb lemmas are drawn, crossed (Owen 2007); they are drawn once for all conditions, so
the difference is paired over the words that the conditions share, in one task or in several.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lstm_units.statistics.margins import condition_rank
from lstm_units.statistics.resampling import bootstrap_sums, percentile_interval
from lstm_units.statistics.significance import wilson_interval


@dataclass(frozen=True)
class Difference:
    """A weighted sum of accuracies, such as a difference, with its interval.

    Parameters
    ----------
    value, low, high : float
        Shares, not percent. NaN where a condition has no items.
    resampled : {"frames", "subject and verb lemmas", "items"}
        What was drawn with replacement.
    """

    value: float
    low: float
    high: float
    resampled: str


def condition_accuracies(answers: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Accuracy of each condition, with Wilson intervals as in ``accuracy.parquet``.

    Parameters
    ----------
    answers : DataFrame
        Of one task: ``condition, right``.
    confidence : float
        Level of the intervals.

    Returns
    -------
    DataFrame
        ``condition, n, right, accuracy, low, high``, conditions in the paper's order.
    """
    grouped = answers.groupby("condition")["right"].agg(n="size", right="sum")
    table = grouped.loc[sorted(grouped.index, key=condition_rank)].reset_index()
    table["right"] = table["right"].astype(int)
    table["accuracy"] = table["right"] / table["n"]
    table["low"], table["high"] = wilson_interval(table["right"], table["n"], confidence)
    return table


def weighted_difference(
    answers: Sequence[pd.DataFrame],
    weights: Mapping[tuple[str, str], float],
    samples: int,
    confidence: float,
    rng: np.random.Generator,
    by_frame: bool = True,
) -> Difference:
    """Weighted sum of the accuracies of conditions, of one task or several.

    With the weights 1 and -1 it is the difference of two conditions; with 1/2, 1/2, -1/2, -1/2 it
    is that of two means in which every condition counts the same, whatever its number of items.

    Parameters
    ----------
    answers : sequence of DataFrame
        One for each task: ``task, condition, right, frame, subject_lemma, verb_lemma``; the last
        three may be missing.
    weights : mapping of (task, condition) to float
    samples : int
        Bootstrap samples.
    confidence : float
        Level of the interval.
    by_frame : bool
        Draw frames where every one of a single task stands in all its conditions. If false, words
        are drawn in any case, so that the intervals of several tasks compare.
    """
    items = pd.concat(answers, ignore_index=True)
    keys = list(zip(items["task"], items["condition"], strict=True))
    items = items[[key in weights for key in keys]]
    cells = list(weights)
    cell = np.array(
        [cells.index(key) for key in zip(items["task"], items["condition"], strict=True)],
        dtype=int,
    )
    here = cell[:, None] == np.arange(len(cells))
    # Two columns for each condition: its items, and those answered rightly.
    values = np.hstack([here, here & items["right"].to_numpy(bool)[:, None]]).astype(float)
    weight = np.array([weights[key] for key in cells])
    value = float(_weighted(values.sum(axis=0)[None], weight)[0])
    if not np.isfinite(value):
        return Difference(float("nan"), float("nan"), float("nan"), "items")
    frames = _matched_frames(items, cell, len(cells)) if by_frame else None
    if frames is not None:
        sums = np.zeros((frames.max() + 1, values.shape[1]))
        np.add.at(sums, frames, values)
        nobody = np.full(len(sums), None)  # no lemmas, so rows, here frames, are drawn
        draws, resampled = bootstrap_sums(sums, nobody, nobody, samples, rng).sums, "frames"
    else:
        subject, verb = (items[name].to_numpy(object) for name in ("subject_lemma", "verb_lemma"))
        drawn = bootstrap_sums(values, subject, verb, samples, rng)
        draws, resampled = drawn.sums, drawn.resampled
    low, high = percentile_interval(_weighted(draws, weight), confidence)
    return Difference(value, low, high, resampled)


def _weighted(sums: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Weighted sum of accuracies; `sums` are of shape (draws, 2 x conditions)."""
    n, right = np.split(sums, 2, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (right / n) @ weight


def _matched_frames(items: pd.DataFrame, cell: np.ndarray, n_cells: int) -> np.ndarray | None:
    """Index of each item's frame, if every frame stands in every condition of one task."""
    if items["task"].nunique() != 1 or items["frame"].isna().any():
        return None
    frames, index = np.unique(items["frame"].to_numpy(), return_inverse=True)
    present = np.zeros((len(frames), n_cells), dtype=bool)
    present[index, cell] = True
    return index if present.all() else None
