"""Measuring a unit again on items that had no part in finding it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from lstm_units.analyses.long_range_units.conditions import (
    Condition,
    Criteria,
    find_candidates,
    numbers_served,
    one_subject_number,
)
from lstm_units.statistics.intact_items import IntactItems
from lstm_units.statistics.resampling import bootstrap_sums, percentile_interval


def effect_sizes(n, full, right) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Effect sizes of an ablation, from counts of items.

    Parameters
    ----------
    n, full, right : array_like
        Items, items that the intact model gets right, items that the ablated model gets right.

    Returns
    -------
    drop : ndarray
        full accuracy - ablated accuracy.
    relative_drop : ndarray
        drop / full accuracy.
    loss : ndarray
        drop / (full accuracy - 1/2): 0 without effect, 1 at chance; NaN where the full model is
        not above chance.
    """
    n, full, right = (np.asarray(value, float) for value in (n, full, right))
    with np.errstate(invalid="ignore", divide="ignore"):
        above = full - n / 2
        return (
            (full - right) / n,
            np.where(full > 0, (full - right) / full, np.nan),
            np.where(above > 0, (full - right) / above, np.nan),
        )


def confirm_unit(
    margin: np.ndarray,
    intact: IntactItems,
    use: np.ndarray,
    lemmas: Sequence[np.ndarray],
    cells: Sequence[Condition],
    found_for: Sequence[str],
    criteria: Criteria,
) -> dict[str, Any]:
    """Measure a unit on the confirmation half, with bootstrap intervals in each condition.

    Parameters
    ----------
    margin : ndarray of shape (items,)
        Margins with the unit ablated, in nats.
    use : bool ndarray of shape (items,)
        The confirmation half.
    lemmas : two object ndarrays of shape (items,)
        Lemma of the subject and of the verb of each item.
    found_for : sequence of str
        Subject numbers that the unit was found for.

    Returns
    -------
    dict
        ``confirmed``, and ``confirmation`` with the evidence.
    """
    rows, holds = [], np.zeros(len(cells), dtype=bool)
    large = []
    for code, cell in enumerate(cells):
        here = np.flatnonzero((intact.cell == code) & use)
        if not len(here):
            continue
        full, right = intact.right[here], margin[here] > 0
        values = np.column_stack([np.ones(len(here)), full, right])
        # One stream for each condition, so that a task more or less moves no other interval.
        seed = [criteria.seed, *f"{cell.task}/{cell.condition}".encode()]
        draws = bootstrap_sums(
            values,
            lemmas[0][here],
            lemmas[1][here],
            criteria.bootstrap_samples,
            np.random.default_rng(seed),
        )
        drop, relative, loss = (float(value) for value in effect_sizes(*values.sum(axis=0)))
        drop_draws, _, loss_draws = effect_sizes(*draws.sums.T)
        drop_low, drop_high = percentile_interval(drop_draws, criteria.confidence)
        loss_low, loss_high = percentile_interval(loss_draws, criteria.confidence)
        holds[code] = drop_low > 0 and loss >= criteria.minimum_loss and cell.problem is None
        is_large = relative > criteria.relative_drop and drop_low > 0 and cell.problem is None
        if is_large:
            large.append(cell)
        rows.append(
            {
                "task": cell.task,
                "condition": cell.condition,
                "subject_number": cell.subject_number,
                "incongruent": cell.incongruent,
                "testable": cell.problem is None,
                "n": len(here),
                "full": float(full.mean()),
                "ablated": float(right.mean()),
                "drop": drop,
                "drop_low": drop_low,
                "drop_high": drop_high,
                "relative_drop": relative,
                "loss": loss,
                "loss_low": loss_low,
                "loss_high": loss_high,
                "large_drop": is_large,
                "n_near_ties": int((np.abs(margin[here]) < criteria.near_tie).sum()),
                "resampled": draws.resampled,
            }
        )
    confirmed_for = [
        number
        for number in numbers_served(holds, find_candidates(cells, criteria.tasks))
        if number in found_for
    ]
    number, reason = one_subject_number(large, criteria.relative_drop)
    return {
        "confirmed": bool(confirmed_for),
        "confirmation": {
            "conditions": rows,
            "confirmed_for": confirmed_for,
            "subject_number": number,
            "subject_number_reason": reason,
        },
    }
