"""Testing an ablated set of units against random sets of the same size.

Lakretz et al. 2019, Section 4.3. The paper's p counts the random sets that do worse than the tested
one, so ties count as evidence: where all sets are at ceiling it is 1 / (sets + 1). Here a tie
counts against the tested set (Phipson and Smyth 2010, "Permutation p-values should never be
zero"); the paper's p stands beside it. Sets are compared by the number of right items, never by
accuracies as floats.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from lstm_units.statistics.agreement import Counts, count_right
from lstm_units.statistics.margins import IntactItems, read_columns, read_intact, stream_margins
from lstm_units.statistics.resampling import percentile_interval
from lstm_units.statistics.significance import wilson_interval

TESTED = 0  # number of the tested set
POOLED = "all"  # the condition of all items of a task
_BOOTSTRAP_SAMPLES = 10_000


@dataclass(frozen=True)
class SetCounts:
    """Right items of every set of a family; see `lstm_units.statistics.agreement.Counts`.

    Parameters
    ----------
    counts : Counts
        ``counts.keys`` are the numbers of the sets.
    intact : IntactItems
    n_units : int
        Size of each set.
    """

    counts: Counts
    intact: IntactItems
    n_units: int


def count_sets(
    paths: Iterable[str | Path],
    intact_by_task: Mapping[str, str | Path],
    sets: str | Path,
    *,
    near_tie: float = 1e-4,
    pooled_tasks: Sequence[str] = (),
) -> SetCounts:
    """Count the right items under each set of a family, from a stream of shards.

    Parameters
    ----------
    paths : iterable of path
        Shards ``set, task, item, margin``.
    intact_by_task : mapping of str to path
        ``intact/{task}.parquet`` of every task in the shards; its order is that of the rows.
    sets : path
        ``set, unit, seed`` of the family, with at least one set.
    near_tie : float
        Items with a smaller absolute margin count as near ties, in nats.
    pooled_tasks : sequence of str
        Tasks whose conditions count as one, named ``all``: the paper tests natural sentences
        (Linzen) as one set.

    Returns
    -------
    SetCounts

    Raises
    ------
    UserError
        If a set is missing, doubled or unknown, or holds other items than the intact model's.
    """
    intact = _pool(read_intact(intact_by_task), pooled_tasks)
    number = read_columns(sets, ["set"]).column("set").to_numpy()
    counts = count_right(
        stream_margins(paths, intact, key="set"),
        intact,
        np.unique(number).tolist(),
        near_tie=near_tie,
        what="set",
    )
    return SetCounts(counts, intact, int((number == TESTED).sum()))


def _pool(intact: IntactItems, tasks: Sequence[str]) -> IntactItems:
    """Merge all conditions of some tasks into one."""
    names = [(task, POOLED if task in tasks else name) for task, name in intact.cells]
    cells = list(dict.fromkeys(names))
    new = np.array([cells.index(name) for name in names])
    return replace(intact, cell=new[intact.cell], cells=tuple(cells))


def set_accuracy(counted: SetCounts) -> pd.DataFrame:
    """Accuracy of every set in every task and condition.

    Parameters
    ----------
    counted : SetCounts

    Returns
    -------
    DataFrame
        ``set, task, condition, n, right, accuracy``, sorted by set.
    """
    counts, cells = counted.counts, counted.intact.cells
    tasks, conditions = zip(*cells, strict=True)
    repeats = len(counts.keys)
    return pd.DataFrame(
        {
            "set": np.repeat(counts.keys.astype(np.int32), len(cells)),
            "task": tasks * repeats,
            "condition": conditions * repeats,
            "n": np.tile(counts.n.astype(np.int32), repeats),
            "right": counts.right.ravel().astype(np.int32),
            "accuracy": (counts.right / counts.n).ravel(),
        }
    )


def control_table(
    counted: SetCounts,
    family: str,
    *,
    minimum_intact: float = 0.55,
    confidence: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """Compare the tested set with the random sets and with the intact model.

    The test is one-sided: does the tested set leave fewer items right than random sets do?

    Parameters
    ----------
    counted : SetCounts
        The tested set is number 0, every other one is random.
    family : str
        Goes into the column of that name.
    minimum_intact : float
        A row is ``testable`` if the lower bound of the intact accuracy exceeds it.
    confidence : float
        Level of the intervals.
    seed : int
        Of the bootstrap. Each row draws for itself, so further tasks change no row.

    Returns
    -------
    DataFrame
        One row per task and condition: ``family, task, condition, n`` (items), ``n_units`` (size
        of a set), ``n_sets`` (random ones), ``full_accuracy, full_ci_low`` (Wilson), ``observed``
        (accuracy of the tested set), ``null_mean, null_sd, null_q01, null_q05, null_q50,
        null_q95`` (accuracy of the random sets), ``difference_to_full`` (observed - full_accuracy)
        with ``_ci_low`` and ``_ci_high`` (see `paired_interval`), ``difference_to_null``
        (observed - null_mean), ``n_at_most`` and ``n_below`` (random sets with at most as many,
        and with fewer, right items), ``p, p_paper`` (see `rank_p`), ``p_holm`` (``p`` adjusted
        over the rows that are ``adjusted``, Holm 1979; NaN in the others), ``testable``,
        ``adjusted`` (testable and, with attractors, incongruent; see `bears_on_claims`),
        ``n_near_ties`` (items under the tested set), ``n_near_ties_null`` (all random sets
        together).
    """
    counts, cells = counted.counts, counted.intact.cells
    is_tested = counts.keys == TESTED
    observed, null = counts.right[is_tested][0], counts.right[~is_tested]
    lost, gained = counts.lost[is_tested][0], counts.gained[is_tested][0]
    full_low, _ = wilson_interval(counts.full, counts.n, confidence)
    rows = []
    for place, (task, condition) in enumerate(cells):
        n, right, others = int(counts.n[place]), int(observed[place]), null[:, place]
        rng = np.random.default_rng([seed, *f"{task} {condition}".encode()])
        low, high = paired_interval(int(lost[place]), int(gained[place]), n, confidence, rng)
        quantiles = np.quantile(others, [0.01, 0.05, 0.5, 0.95]) / n
        n_at_most, n_below = int((others <= right).sum()), int((others < right).sum())
        p, p_paper = rank_p(n_at_most, len(others)), rank_p(n_below, len(others))
        rows.append(
            {
                "family": family,
                "task": task,
                "condition": condition,
                "n": n,
                "n_units": counted.n_units,
                "n_sets": len(others),
                "full_accuracy": counts.full[place] / n,
                "full_ci_low": float(full_low[place]),
                "observed": right / n,
                "null_mean": others.sum() / (n * len(others)),
                "null_sd": others.std(ddof=1) / n if len(others) > 1 else np.nan,
                **dict(
                    zip(("null_q01", "null_q05", "null_q50", "null_q95"), quantiles, strict=True)
                ),
                "difference_to_full": (right - counts.full[place]) / n,
                "difference_to_full_ci_low": low,
                "difference_to_full_ci_high": high,
                "difference_to_null": (right * len(others) - others.sum()) / (n * len(others)),
                "n_at_most": n_at_most,
                "n_below": n_below,
                "p": p,
                "p_paper": p_paper,
                "testable": bool(full_low[place] > minimum_intact),
                "n_near_ties": int(counts.near_ties[is_tested][0, place]),
                "n_near_ties_null": int(counts.near_ties[~is_tested][:, place].sum()),
            }
        )
    table = pd.DataFrame(rows)
    adjusted = table["testable"] & table["condition"].map(bears_on_claims)
    table.insert(table.columns.get_loc("testable") + 1, "adjusted", adjusted)
    p_holm = holm_over(table["p"].to_numpy(), adjusted.to_numpy())
    table.insert(table.columns.get_loc("testable"), "p_holm", p_holm)
    return table


def bears_on_claims(condition: str) -> bool:
    """Whether a claim is about this condition, if it is testable.

    With an attractor of the subject's number nothing needs to be carried over it, so of the
    conditions with attractors only the incongruent ones count. Those without (S, P) all count, and
    so do all whose names do not tell numbers, such as pooled natural text.

    Parameters
    ----------
    condition : str

    Returns
    -------
    bool
    """
    return not (len(condition) > 1 and set(condition) in ({"S"}, {"P"}))


def holm_over(p: np.ndarray, adjusted: np.ndarray) -> np.ndarray:
    """Adjust some p values by Holm's method, as if there were no others.

    Parameters
    ----------
    p : ndarray, shape (rows,)
    adjusted : ndarray of bool, shape (rows,)
        The rows to adjust over.

    Returns
    -------
    ndarray, shape (rows,)
        NaN in the other rows.
    """
    result = np.full(len(p), np.nan)
    if adjusted.any():
        from statsmodels.stats.multitest import multipletests

        result[adjusted] = multipletests(p[adjusted], method="holm")[1]
    return result


def rank_p(n_counted: int, n_sets: int) -> float:
    """Return the p value of the tested set among random ones.

    Parameters
    ----------
    n_counted : int
        Random sets with at most as many right items as the tested set; for the paper's p, with
        fewer.
    n_sets : int

    Returns
    -------
    float
        (n_counted + 1) / (n_sets + 1): the tested set counts as a draw too.
    """
    return (n_counted + 1) / (n_sets + 1)


def paired_interval(
    lost: int, gained: int, n: int, confidence: float, rng: np.random.Generator
) -> tuple[float, float]:
    """Percentile bootstrap interval of the difference of two accuracies on the same items.

    An item is lost, gained, or the same under both, so resampling items is resampling these three
    counts. Items are treated as independent although they share words: the interval is narrower
    than one over words would be, and speaks of these items, not of other words.

    Parameters
    ----------
    lost, gained : int
        Items right only in the first, and only in the second, of the two.
    n : int
        All items.
    confidence : float
    rng : numpy Generator

    Returns
    -------
    low, high : float
        Of the second accuracy minus the first; both 0 when no item changes.
    """
    shares = np.array([lost, gained, n - lost - gained]) / n
    drawn = rng.multinomial(n, shares, size=_BOOTSTRAP_SAMPLES)
    return percentile_interval((drawn[:, 1] - drawn[:, 0]) / n, confidence)
