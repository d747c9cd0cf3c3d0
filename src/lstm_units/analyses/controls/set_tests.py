"""Testing an ablated set of units against random sets of the same size.

Lakretz et al. 2019, Section 4.3. The paper's p counts the random sets that do worse than the tested
one, so ties count as evidence: where all sets are at ceiling it is 1 / (sets + 1). Here a tie
counts against the tested set (Phipson and Smyth 2010, "Permutation p-values should never be
zero"); the paper's p stands beside it. Sets are compared by the number of right items, never by
accuracies as floats.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pyarrow as pa

from lstm_units.io.results import Result, made_from, require_same
from lstm_units.statistics.agreement import Counts, count_right
from lstm_units.statistics.intact_items import (
    IntactItems,
    cell_numbers,
    lay_out_items,
    stimuli_of_items,
)
from lstm_units.statistics.margins import Margins
from lstm_units.statistics.resampling import percentile_interval
from lstm_units.statistics.significance import wilson_interval

TESTED = 0  # number of the tested set
POOLED = "all"  # the condition of all items of a task
_BOOTSTRAP_SAMPLES = 10_000

_TASK = pa.dictionary(pa.int16(), pa.string())
_COUNT, _SHARE = pa.int32(), pa.float64()
ACCURACY_SCHEMA = pa.schema(
    [
        ("set", pa.int32()),
        ("task", _TASK),
        ("condition", _TASK),
        ("n", _COUNT),
        ("right", _COUNT),
        ("accuracy", _SHARE),
    ]
)
TESTS_SCHEMA = pa.schema(
    [
        ("family", _TASK),
        ("task", _TASK),
        ("condition", _TASK),
        ("n", _COUNT),
        ("n_units", _COUNT),
        ("n_sets", _COUNT),
        ("full_accuracy", _SHARE),
        ("full_ci_low", _SHARE),
        ("observed", _SHARE),
        ("null_mean", _SHARE),
        ("null_sd", _SHARE),
        ("null_q01", _SHARE),
        ("null_q05", _SHARE),
        ("null_q50", _SHARE),
        ("null_q95", _SHARE),
        ("difference_to_full", _SHARE),
        ("difference_to_full_ci_low", _SHARE),
        ("difference_to_full_ci_high", _SHARE),
        ("difference_to_null", _SHARE),
        ("n_at_most", _COUNT),
        ("n_below", _COUNT),
        ("p", _SHARE),
        ("p_paper", _SHARE),
        ("p_holm", _SHARE),
        ("testable", pa.bool_()),
        ("adjusted", pa.bool_()),
        ("n_near_ties", _COUNT),
        ("n_near_ties_null", pa.int64()),
    ]
)


@dataclass(frozen=True)
class SetCounts:
    """Right items of every set of a family; see `lstm_units.statistics.agreement.Counts`.

    Parameters
    ----------
    counts : Counts
        ``counts.keys`` are the numbers of the sets.
    n_units : int
        Size of each set.
    congruent : tuple of bool
        Of each cell; see `lstm_units.stimuli.congruence.ConditionNumbers`.
    """

    counts: Counts
    intact: IntactItems
    n_units: int
    congruent: tuple[bool, ...]


def control_tests(
    margins: Margins,
    scores: Mapping[str, Result],
    stimuli: Mapping[str, Result],
    sets: Result,
    *,
    minimum_intact: float,
    confidence: float,
    near_tie: float,
    seed: int,
    pooled_tasks: Sequence[str] = (),
) -> tuple[Result, Result]:
    """Return the accuracy of every set of a family, and the tests of the first against the others.

    Parameters
    ----------
    margins, scores, stimuli, sets, near_tie, pooled_tasks
        As in `count_sets`.
    minimum_intact, confidence, seed
        As in `control_table`.

    Returns
    -------
    accuracy, tests : Result
        The tables of `set_accuracy` and `control_table`. The metadata of both name the ``tested``
        and ``excluded`` units and how the others were drawn. Without a set to test both have no
        row, and ``reason`` says why.
    """
    require_same(sets, margins, *scores.values(), *stimuli.values())
    config = {
        **sets.config,
        "minimum_intact": minimum_intact,
        "confidence": confidence,
        "near_tie": near_tie,
    }
    drawn = {key: sets.metadata[key] for key in ("tested", "excluded", "reason")}
    if not drawn["tested"]:
        metadata = made_from(sets, config=config, seed=seed, **drawn)
        accuracy, tests = pd.DataFrame(), pd.DataFrame()
    else:
        counted = count_sets(
            margins, scores, stimuli, sets, near_tie=near_tie, pooled_tasks=pooled_tasks
        )
        accuracy = set_accuracy(counted)
        tests = control_table(
            counted,
            sets.config["family"],
            minimum_intact=minimum_intact,
            confidence=confidence,
            seed=seed,
        )
        config["mode"] = margins.metadata["config"]["mode"]
        config["pooled_tasks"] = sorted(set(pooled_tasks) & set(scores))
        metadata = made_from(margins, config=config, seed=seed, **drawn)
    return (
        Result(_rows(accuracy, ACCURACY_SCHEMA), {**metadata, "kind": "accuracy of sets"}),
        Result(_rows(tests, TESTS_SCHEMA), {**metadata, "kind": "tests against random sets"}),
    )


def _rows(table: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    if table.empty:
        return schema.empty_table()
    rows = pa.Table.from_pandas(table, schema=schema, preserve_index=False)
    return rows.replace_schema_metadata()


def count_sets(
    margins: Margins,
    scores: Mapping[str, Result],
    stimuli: Mapping[str, Result],
    sets: Result,
    *,
    near_tie: float = 1e-4,
    pooled_tasks: Sequence[str] = (),
) -> SetCounts:
    """Count the right items under each set of a family.

    Parameters
    ----------
    margins : Margins
        All sets of the family on all tasks of `scores`.
    scores : mapping of str to Result
        The intact model's scores of each task, with the columns of
        `lstm_units.statistics.intact_items.COLUMNS`; their order is that of the rows.
    stimuli : mapping of str to Result
        ``item, subject_number, attractor_numbers`` of each task.
    sets : Result
        ``set, unit`` of the family, with at least one set.
    near_tie : float
        Items with a smaller absolute margin count as near ties, in nats.
    pooled_tasks : sequence of str
        Tasks whose conditions count as one, named ``all``: the paper tests natural sentences
        (Linzen) as one set.

    Raises
    ------
    UserError
        If a set is missing, doubled or unknown, or holds other items than the intact model's.
    """
    intact = _pool(lay_out_items(scores), pooled_tasks)
    number = sets.content["set"].to_numpy()
    numbers = np.unique(number).tolist()
    return SetCounts(
        counts=count_right(margins, intact, numbers, near_tie=near_tie),
        intact=intact,
        n_units=int((number == TESTED).sum()),
        congruent=tuple(
            cell.congruent for cell in cell_numbers(intact, stimuli_of_items(stimuli, intact))
        ),
    )


def _pool(intact: IntactItems, tasks: Sequence[str]) -> IntactItems:
    """Merge all conditions of some tasks into one."""
    names = [(task, POOLED if task in tasks else name) for task, name in intact.cells]
    cells = list(dict.fromkeys(names))
    new = np.array([cells.index(name) for name in names])
    return replace(intact, cell=new[intact.cell], cells=tuple(cells))


def set_accuracy(counted: SetCounts) -> pd.DataFrame:
    """Accuracy of every set in every task and condition.

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

    The test is one-sided: does the tested set leave fewer items right than random sets do? p is
    adjusted over the conditions that a claim is about: where all attractors have the subject's
    number nothing needs to be carried over them, so congruent conditions are left out.

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
        ``adjusted`` (testable and not congruent),
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
    adjusted = table["testable"] & ~np.array(counted.congruent)
    table.insert(table.columns.get_loc("testable") + 1, "adjusted", adjusted)
    p_holm = holm_over(table["p"].to_numpy(), adjusted.to_numpy())
    table.insert(table.columns.get_loc("testable"), "p_holm", p_holm)
    return table


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

    Returns
    -------
    low, high : float
        Of the second accuracy minus the first; both 0 when no item changes.
    """
    shares = np.array([lost, gained, n - lost - gained]) / n
    drawn = rng.multinomial(n, shares, size=_BOOTSTRAP_SAMPLES)
    return percentile_interval((drawn[:, 1] - drawn[:, 0]) / n, confidence)
