"""What the parts of the verb margin come to: means, and how often a part points the right way.

Lakretz et al. 2019 (Sections 4.2 and 5) remark that long-range units are almost always right and
that wrong answers come from elsewhere; this puts numbers on it. A part that adds the same to
the singular form in every sentence points right wherever the subject is singular and knows nothing
of it, so shares are also given without that constant.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lstm_units.errors import UserError
from lstm_units.io.published import task_rank
from lstm_units.io.results import Result, require_same
from lstm_units.io.seeds import seed_stream
from lstm_units.statistics.margins import condition_rank
from lstm_units.statistics.resampling import bootstrap_sums, percentile_interval
from lstm_units.statistics.significance import wilson_interval

PARTS = ("long_range", "short_range", "rest", "bias")
MEASURES = ("margin", *PARTS)
GROUPS = ("long_range", "short_range")
ANSWERS = ("right", "wrong", "all")
ALL = "all"
RIGHT, WITHOUT_CONSTANT, CONSTANT = "_right", "_right_without_constant", "_constant"
SHARES = tuple(f"{group}{kind}" for group in GROUPS for kind in (RIGHT, WITHOUT_CONSTANT))
# What is left of a contribution without its constant is nothing up to this times the largest one:
# means are rounded.
_NOTHING = 1e-9
COLUMNS = (
    *("item", "condition", "subject_number", "right", *MEASURES),
    *("subject_lemma", "verb_lemma"),
)


@dataclass(frozen=True)
class Contributions:
    """Contributions of some tasks to the margins of one model.

    Parameters
    ----------
    by_task : dict of str to DataFrame
        With the `COLUMNS`.
    units : mapping
        ``long_range, short_range`` (1-based units of the last layer), and what else
        `lstm_units.analyses.contributions.parts.contributions` records of them.
    origin : dict
        ``checkpoint_sha256``, and ``stimuli_sha256`` by task.
    """

    by_task: dict[str, pd.DataFrame]
    units: Mapping[str, Any]
    origin: dict[str, Any]


def gather_contributions(by_task: Mapping[str, Result]) -> Contributions:
    """Bring the contributions of several tasks together.

    Parameters
    ----------
    by_task : mapping of str to Result
        From `lstm_units.analyses.contributions.parts.contributions`, at least its `COLUMNS`.

    Raises
    ------
    UserError
        If there is no task, or they come from several checkpoints or lists of units.
    """
    if not by_task:
        raise UserError("no contributions were given: name at least one task")
    require_same(*by_task.values(), units="list of units")
    first = next(iter(by_task.values()))
    stimuli = {task: result.metadata["stimuli_sha256"] for task, result in by_task.items()}
    return Contributions(
        {task: result.frame for task, result in by_task.items()},
        first.config["units"],
        {"checkpoint_sha256": first.metadata["checkpoint_sha256"], "stimuli_sha256": stimuli},
    )


def constant_preference(contribution: np.ndarray, subject_number: np.ndarray) -> float:
    """Return what a part adds to the singular form whatever the number of the subject.

    The contribution towards the singular form is the contribution where the subject is singular,
    and its negative where it is plural. The constant is halfway between its mean over singular and
    its mean over plural subjects, so it is 0 for a part that serves both alike. Items count as they
    are: where attractors are not balanced, a part that follows them shifts it.

    Parameters
    ----------
    contribution : ndarray of shape (items,)
        To the margin, log p(correct) - log p(wrong), in nats.
    subject_number : ndarray of shape (items,)
        ``"singular"`` or ``"plural"``.

    Returns
    -------
    float
        Nats; NaN when the number of a subject is not known, or only one number occurs.
    """
    sign = _sign(subject_number)
    if np.isnan(sign).any() or len(set(sign)) < 2:
        return float("nan")
    return float((contribution[sign > 0].mean() - contribution[sign < 0].mean()) / 2)


def summarise_contributions(
    by_task: Mapping[str, pd.DataFrame],
    units: Mapping[str, Any],
    *,
    confidence: float = 0.95,
    samples: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Mean contribution of each part, and how often it points to the right form.

    Parameters
    ----------
    by_task : mapping of str to DataFrame
        With the `COLUMNS`.
    units : mapping
        ``long_range, short_range``.
    confidence : float
        Level of the intervals.
    samples : int
        Bootstrap samples.
    seed : int
        Each row draws from a stream of its own, so a further task changes no other.

    Returns
    -------
    DataFrame
        One row per task, condition (and ``all`` of them) and answer (``right``, ``wrong``,
        ``all``): ``task, condition, answer, n``; for each of margin, long_range, short_range,
        rest and bias its mean, in nats, and ``{part}_low, {part}_high``, percentile intervals of
        a bootstrap crossed over subject and verb lemmas (over items where ``resampled`` says so).
        For the long-range and the short-range units: ``{group}_constant``, their
        `constant_preference` in the whole task; ``{group}_right``, the share of items in which
        their contribution is above 0; and ``{group}_right_without_constant``, the share in which
        it still is without the constant. Intervals of shares, ``_low`` and ``_high``, are of the
        same bootstrap, which does not estimate the constant anew; they are Wilson's where the
        share is 0 or 1, as no resample differs, or where items were resampled. A group without
        units has neither share nor constant (NaN); rows without items have no means; a single
        item has no interval of its means.
    """
    rows = []
    for task in sorted(by_task, key=task_rank):
        items = by_task[task]
        condition = items["condition"].astype(str).to_numpy()
        right = items["right"].to_numpy(dtype=bool)
        points, constants = _points_right(items, units)
        for name in [*sorted(set(condition), key=condition_rank), ALL]:
            here = np.ones(len(items), bool) if name == ALL else condition == name
            for answer in ANSWERS:
                chosen = here if answer == ALL else here & (right == (answer == "right"))
                rng = seed_stream(seed, "contributions", task, name, answer)
                row = {"task": task, "condition": name, "answer": answer, "n": int(chosen.sum())}
                row |= _summary(items[chosen], points[chosen], confidence, samples, rng)
                rows.append(row | constants)
    order = [f"{name}{end}" for name in MEASURES for end in ("", "_low", "_high")]
    order = ["task", "condition", "answer", "n", *order, "resampled"]
    for group in GROUPS:
        shares = [f"{group}{kind}" for kind in (RIGHT, WITHOUT_CONSTANT)]
        order += [group + CONSTANT]
        order += [f"{share}{end}" for share in shares for end in ("", "_low", "_high")]
    return pd.DataFrame(rows, columns=order)


def _sign(subject_number: np.ndarray) -> np.ndarray:
    """+1 where the subject is singular, -1 where it is plural, NaN where that is not known."""
    number = np.asarray(subject_number, dtype=object)
    return np.select([number == "singular", number == "plural"], [1.0, -1.0], np.nan)


def _points_right(
    items: pd.DataFrame, units: Mapping[str, Any]
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Whether each group points right in each item (1 or 0) by share, and the constants."""
    points, constants = {}, {}
    number = items["subject_number"].astype(object).to_numpy()
    for group in GROUPS:
        constants[group + CONSTANT] = float("nan")
        if not units[group] or not len(items):
            continue
        contribution = items[group].to_numpy(dtype=float)
        points[group + RIGHT] = contribution > 0
        constants[group + CONSTANT] = constant = constant_preference(contribution, number)
        if not np.isnan(constant):
            left = contribution - constant * _sign(number)
            nothing = _NOTHING * np.abs(contribution).max()
            points[group + WITHOUT_CONSTANT] = left > nothing
    return pd.DataFrame(points, index=items.index, dtype=float), constants


def _summary(
    items: pd.DataFrame, points: pd.DataFrame, confidence: float, samples: int, rng
) -> dict[str, Any]:
    """Means of the parts and shares of items in which they point right, with their intervals."""
    n, resampled = len(items), ""
    names = [*MEASURES, *points.columns]
    values = np.column_stack([items[list(MEASURES)].to_numpy(dtype=float), points.to_numpy()])
    if n > 1:
        counted = np.column_stack([values, np.ones(n)])
        lemmas = (items[name].astype(object).to_numpy() for name in ("subject_lemma", "verb_lemma"))
        drawn = bootstrap_sums(counted, *lemmas, samples, rng)
        resampled = drawn.resampled
        with np.errstate(invalid="ignore", divide="ignore"):
            draws = drawn.sums[:, :-1] / drawn.sums[:, -1:]  # a draw may hold no item
    result: dict[str, Any] = {"resampled": resampled}
    for place, name in enumerate(names):
        mean = low = high = float("nan")
        if n:
            mean = float(values[:, place].mean())
        if n and name in SHARES and (resampled in ("", "items") or mean in (0, 1)):
            low, high = map(float, wilson_interval(values[:, place].sum(), n, confidence))
        elif n > 1:
            low, high = percentile_interval(draws[:, place], confidence)
        result |= {name: mean, f"{name}_low": low, f"{name}_high": high}
    return result
