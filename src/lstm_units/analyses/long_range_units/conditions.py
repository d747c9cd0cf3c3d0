"""The criteria of a long-range number unit, and the conditions they apply to.

Nothing about a task is assumed: subject and attractor numbers are read from the stimuli.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lstm_units.errors import ConfigurationError, NotRun
from lstm_units.statistics.intact_items import IntactItems, cell_numbers
from lstm_units.statistics.significance import wilson_interval


@dataclass(frozen=True)
class Criteria:
    """What makes a long-range unit.

    Parameters
    ----------
    tasks : tuple of str
        Tasks with attractors, in all of which the unit must matter.
    mode : str
        The ablation mode that the shards come from; recorded only.
    seed : int
        Seed of the halves and of the bootstrap.
    discovery_fraction : float
        Share of the lexical frames that discovery uses.
    maximum_q : float
        A drop counts when its q value is below this.
    minimum_loss : float
        Loss is (full - ablated) / (full - .5): 0 without effect, 1 at chance.
    relative_drop : float
        A drop is large when it is above this share of the intact accuracy.
    maximum_units : int
        With more units than this the effect is not called local.
    minimum_intact : float
        A condition is testable when the lower bound of its intact accuracy is above this.
    bootstrap_samples : int
    confidence : float
        Level of all intervals.
    correction : {"benjamini_hochberg", "benjamini_yekutieli"}
    near_tie : float
        Items with a smaller absolute margin are counted as near ties, in nats.
    """

    tasks: tuple[str, ...] = ("nounpp", "nounpp_adv")
    mode: str = "zero"
    seed: int = 2019
    discovery_fraction: float = 0.5
    maximum_q: float = 0.05
    minimum_loss: float = 0.6666
    relative_drop: float = 0.10
    maximum_units: int = 3
    minimum_intact: float = 0.55
    bootstrap_samples: int = 2000
    confidence: float = 0.95
    correction: str = "benjamini_hochberg"
    near_tie: float = 1e-4

    def __post_init__(self) -> None:
        object.__setattr__(self, "tasks", tuple(self.tasks))
        if not self.tasks:
            raise ConfigurationError("tasks is empty; name at least one task")
        for key in ("discovery_fraction", "confidence"):
            if not 0 < getattr(self, key) < 1:
                raise ConfigurationError(
                    f"{key} is {getattr(self, key)}; write a number between 0 and 1"
                )
        if not 0.5 <= self.minimum_intact < 1:
            raise ConfigurationError(
                f"minimum_intact is {self.minimum_intact}; write a number from 0.5 (chance) to "
                "below 1"
            )
        if self.bootstrap_samples < 100:
            raise ConfigurationError(
                f"bootstrap_samples is {self.bootstrap_samples}; write 100 or more"
            )


@dataclass(frozen=True)
class Condition:
    """One condition of one task: what the stimuli say about it, and whether it can be tested.

    Parameters
    ----------
    task, condition : str
    subject_number : str or None
        None where it is unknown or differs between the items.
    incongruent : bool
        See `lstm_units.stimuli.congruence.ConditionNumbers`.
    problem : str or None
        Why the condition cannot be tested.
    """

    task: str
    condition: str
    subject_number: str | None
    incongruent: bool
    problem: str | None


def describe_conditions(
    intact: IntactItems,
    stimuli: Mapping[str, pd.DataFrame],
    half: np.ndarray,
    criteria: Criteria,
) -> list[Condition]:
    """Describe every condition of the intact items, in the order of ``intact.cells``.

    Whether a condition is testable is decided on all its items: the intact model's accuracy has no
    part in picking units.

    Parameters
    ----------
    intact : IntactItems
    stimuli : mapping of str to DataFrame
        From `lstm_units.statistics.intact_items.stimuli_of_items`.
    half : bool ndarray of shape (items,)
        The discovery half.
    criteria : Criteria

    Raises
    ------
    NotRun
        If a task of the criteria has no incongruent condition.
    """
    n = np.bincount(intact.cell, minlength=len(intact.cells))
    right = np.bincount(intact.cell[intact.right], minlength=len(intact.cells))
    low, _ = wilson_interval(right, n, criteria.confidence)
    cells = []
    for code, numbers in enumerate(cell_numbers(intact, stimuli)):
        here = intact.cell == code
        halves = int((here & half).sum()), int((here & ~half).sum())
        problem = None
        if low[code] <= criteria.minimum_intact:
            problem = (
                f"the lower bound of the intact accuracy, {low[code]:.3f}, is not above "
                f"{criteria.minimum_intact:g}"
            )
        elif not min(halves):
            problem = f"one half of the frames has no items ({halves[0]} and {halves[1]})"
        cells.append(
            Condition(*intact.cells[code], numbers.subject_number, numbers.incongruent, problem)
        )
    for task in criteria.tasks:
        if not any(cell.incongruent for cell in cells if cell.task == task):
            raise NotRun(
                f"the criteria name the task {task!r}, but none of its conditions is incongruent "
                "(an attractor whose number differs from the subject's in every item); name tasks "
                "such as nounpp, or give subject_number and attractor_numbers in the stimuli"
            )
    return cells


def find_candidates(cells: Sequence[Condition], tasks: Sequence[str]) -> dict[str, list[list[int]]]:
    """Find the testable incongruent conditions of each task, for each subject number.

    Parameters
    ----------
    cells : sequence of Condition
        From `describe_conditions`.
    tasks : sequence of str
        Tasks in all of which the number must be testable.

    Returns
    -------
    dict of str to list of list of int
        For each subject number that every task can test: per task, indices into `cells`.
    """
    numbers = sorted({cell.subject_number for cell in cells if cell.incongruent})
    candidates = {}
    for number in numbers:
        per_task = [
            [
                code
                for code, cell in enumerate(cells)
                if cell.task == task
                and cell.incongruent
                and cell.subject_number == number
                and cell.problem is None
            ]
            for task in tasks
        ]
        if all(per_task):
            candidates[number] = per_task
    return candidates


def numbers_served(passes: np.ndarray, candidates: Mapping[str, list[list[int]]]) -> list[str]:
    """Return the subject numbers for which every task has a condition that passes.

    Parameters
    ----------
    passes : bool ndarray of shape (conditions,)
    candidates : mapping
        From `find_candidates`.
    """
    return [n for n, per_task in candidates.items() if all(passes[c].any() for c in per_task)]


def one_subject_number(
    large: Sequence[Condition], relative_drop: float
) -> tuple[str | None, str | None]:
    """Return the one subject number of the conditions with a large drop, or why there is none.

    Parameters
    ----------
    large : sequence of Condition
        The conditions in which a unit's ablation drops accuracy by more than `relative_drop`.
    relative_drop : float
        For the reason only.

    Returns
    -------
    subject_number, reason : str or None
        One of the two is None.
    """
    # Natural text may not say the subject's number; such a condition speaks for neither.
    known = [cell for cell in large if cell.subject_number is not None]
    if not known:
        return (
            None,
            f"no condition of a known subject number drops by more than {relative_drop:.0%}",
        )
    if len({cell.subject_number for cell in known}) > 1:
        where = ", ".join(f"{cell.task} {cell.condition}" for cell in known)
        return None, (
            f"conditions with different subject numbers drop by more than {relative_drop:.0%}: "
            f"{where}"
        )
    return known[0].subject_number, None


def not_testable_rows(
    intact: IntactItems, cells: Sequence[Condition], confidence: float
) -> list[dict[str, Any]]:
    """List the conditions that cannot be tested, with the intact accuracy and the reason.

    Parameters
    ----------
    intact : IntactItems
    cells : sequence of Condition
        From `describe_conditions`.
    confidence : float
        Level of the Wilson interval of the intact accuracy.

    Returns
    -------
    list of dict
        ``task, condition, n`` (items), ``full`` (the intact accuracy), ``ci_low, ci_high, reason``.
    """
    rows = []
    for code, cell in enumerate(cells):
        if cell.problem is None:
            continue
        here = intact.cell == code
        n, right = int(here.sum()), int((intact.right & here).sum())
        low, high = wilson_interval(right, n, confidence)
        rows.append(
            {
                "task": cell.task,
                "condition": cell.condition,
                "n": n,
                "full": right / n,
                "ci_low": float(low),
                "ci_high": float(high),
                "reason": cell.problem,
            }
        )
    return rows
