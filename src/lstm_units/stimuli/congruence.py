"""Congruent and incongruent: whether attractors have the number of their subject.

This is the one definition. It rests on the numbers that the stimuli give, not on the letters of a
condition's name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lstm_units.io.result_files import ResultFiles

COLUMNS = ("condition", "subject_number", "attractor_numbers")  # of the stimuli


@dataclass(frozen=True)
class ConditionNumbers:
    """What the stimuli say of the numbers in a condition.

    Parameters
    ----------
    subject_number : {"singular", "plural"} or None
        Of all items; None where it is unknown or differs between them.
    incongruent : bool
        Whether the subject number is one and known, and every item is incongruent.
    congruent : bool
        Whether every item has attractors, all of them with the number of its subject.
    """

    subject_number: str | None
    incongruent: bool
    congruent: bool


# By task and condition.
Conditions = Mapping[tuple[str, str], ConditionNumbers]


def incongruent_items(
    subject_number: Sequence[str | None], attractor_numbers: Sequence[Sequence[str | None] | None]
) -> np.ndarray:
    """Whether an item has an attractor of another number than its subject's.

    Parameters
    ----------
    subject_number : sequence of str or None, length (items)
    attractor_numbers : sequence of sequence of str or None, length (items)
        In each item as many as it has attractors. An unknown number differs from none.

    Returns
    -------
    ndarray of bool, shape (items,)
    """
    return np.array(
        [
            isinstance(number, str)
            and any(isinstance(other, str) and other != number for other in _known(others))
            for number, others in zip(subject_number, attractor_numbers, strict=True)
        ],
        dtype=bool,
    )


def condition_numbers(
    subject_number: Sequence[str | None], attractor_numbers: Sequence[Sequence[str | None] | None]
) -> ConditionNumbers:
    """Describe a condition by its items, which are given as in `incongruent_items`."""
    numbers = {number if isinstance(number, str) else None for number in subject_number}
    one = numbers.pop() if len(numbers) == 1 else None
    return ConditionNumbers(
        subject_number=one,
        incongruent=one is not None
        and bool(incongruent_items(subject_number, attractor_numbers).all()),
        congruent=all(
            isinstance(number, str) and set(_known(others)) == {number}
            for number, others in zip(subject_number, attractor_numbers, strict=True)
        ),
    )


def describe_conditions(stimuli: Mapping[str, pd.DataFrame]) -> Conditions:
    """Describe the conditions of several tasks.

    Parameters
    ----------
    stimuli : mapping of str to DataFrame
        The columns of `COLUMNS` of each task.
    """
    return {
        (task, str(condition)): condition_numbers(rows["subject_number"], rows["attractor_numbers"])
        for task, table in stimuli.items()
        for condition, rows in table.groupby("condition", observed=True)
    }


def read_conditions(files: ResultFiles) -> Conditions:
    """Describe the conditions of all stimuli in a folder, as `describe_conditions`.

    Parameters
    ----------
    files : ResultFiles
        Of a model, or those that all models share.
    """
    return describe_conditions(
        {
            name.removeprefix("stimuli/").removesuffix(".parquet"): files.frame(name, COLUMNS)
            for name in files.matching("stimuli/*.parquet")
        }
    )


def _known(numbers: Sequence[str | None] | None) -> Sequence[str | None]:
    return () if numbers is None else numbers
