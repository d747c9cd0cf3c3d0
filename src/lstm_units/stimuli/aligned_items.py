"""The items of a task word by word: where subject, attractors and verb stand, and their numbers.

Analyses over time compare items at the same position, so all items of a task must have the same
structure: the same positions of subject, attractors and verb.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from lstm_units.errors import ConfigurationError, NotRun
from lstm_units.stimuli.congruence import incongruent_items
from lstm_units.stimuli.table import read_stimuli

# What can be decoded: subject_number, attractor_number (the first), attractor_2_number, ...
LABEL = r"subject_number|attractor(_[1-9])?_number"
AFTER_VERB = 1  # words after the verb that analyses over time still look at


@dataclass(frozen=True)
class AlignedItems:
    """Items of one task whose words stand at the same positions.

    Parameters
    ----------
    item : ndarray of int32, shape (items,)
        Item numbers; ascending, with gaps where items were dropped.
    condition : ndarray of str, shape (items,)
    subject_position, verb_position : int
        0-based.
    attractor_positions : tuple of int
        0-based.
    n_positions : int
        Words of the shortest item, its object and full stop included.
    words : tuple of str
        The words of the first item as an example.
    subject_number : ndarray of str, shape (items,)
        ``"singular"`` or ``"plural"``.
    attractor_numbers : ndarray of str, shape (items, attractors)
    subject_lemma : ndarray of str or None, shape (items,)
    attractor_lemmas : ndarray of str or None, shape (items, attractors)
    """

    task: str
    item: np.ndarray
    condition: np.ndarray
    subject_position: int
    verb_position: int
    attractor_positions: tuple[int, ...]
    n_positions: int
    words: tuple[str, ...]
    subject_number: np.ndarray
    attractor_numbers: np.ndarray
    subject_lemma: np.ndarray
    attractor_lemmas: np.ndarray

    def __len__(self) -> int:
        return len(self.item)

    @property
    def agreeing(self) -> np.ndarray:
        """Whether an attractor has its subject's number: bool, shape (items, attractors)."""
        return self.attractor_numbers == self.subject_number[:, None]

    @property
    def incongruent(self) -> np.ndarray:
        """See `lstm_units.stimuli.congruence.incongruent_items`."""
        return incongruent_items(self.subject_number, self.attractor_numbers)

    def subset(self, chosen: np.ndarray) -> "AlignedItems":
        """Return some of the items.

        Parameters
        ----------
        chosen : ndarray of bool or int
            Mask over the items, or their places.
        """
        names = (
            *("item", "condition", "subject_number", "attractor_numbers"),
            *("subject_lemma", "attractor_lemmas"),
        )
        return replace(self, **{name: getattr(self, name)[chosen] for name in names})

    def select(self, conditions: str | Sequence[str]) -> "AlignedItems":
        """Return the items of some conditions.

        Parameters
        ----------
        conditions : {"all", "incongruent"} or sequence of str
            ``incongruent``: those with an attractor of another number than the subject.

        Raises
        ------
        ConfigurationError
            If the task has no such items.
        """
        if conditions == "all":
            return self
        if conditions == "incongruent":
            chosen = self.incongruent
        else:
            known = sorted(set(self.condition.tolist()))
            for name in conditions:
                if name not in known:
                    raise NotRun(
                        f"the task {self.task} has no condition {name}; it has {', '.join(known)}"
                    )
            chosen = np.isin(self.condition, list(conditions))
        if not chosen.any():
            raise NotRun(
                f"the task {self.task} has no incongruent items: no attractor has another number "
                "than its subject; choose other conditions or another task"
            )
        return self.subset(chosen)

    def label(self, name: str) -> np.ndarray:
        """Return whether a noun of each item is singular.

        Parameters
        ----------
        name : str
            As in `LABEL`.

        Returns
        -------
        ndarray of bool, shape (items,)
            True for singular.

        Raises
        ------
        ConfigurationError
            If the task has no such noun.
        """
        which = self._attractor(name)
        numbers = self.subject_number if which is None else self.attractor_numbers[:, which]
        return numbers == "singular"

    def lemma(self, name: str) -> np.ndarray:
        """Return the lemma of the noun whose number `name` is, shape (items,).

        Raises
        ------
        ConfigurationError
            If the task has no such noun, or its lemmas are not known.
        """
        which = self._attractor(name)
        lemmas = self.subject_lemma if which is None else self.attractor_lemmas[:, which]
        if not self.knows_lemma(name):
            raise NotRun(
                f"the items of {self.task} do not all name the lemma that {name} belongs to, so "
                "they cannot be grouped by it; choose a generated task, or give its template"
            )
        return lemmas.astype(str)

    def knows_lemma(self, name: str) -> bool:
        """Whether all items name the lemma of the noun whose number `name` is.

        Raises
        ------
        ConfigurationError
            If the task has no such noun.
        """
        which = self._attractor(name)
        lemmas = self.subject_lemma if which is None else self.attractor_lemmas[:, which]
        return not any(lemma is None for lemma in lemmas)

    def position(self, name: str) -> int:
        """Return the 0-based position of the noun whose number `name` is.

        Raises
        ------
        ConfigurationError
            If the task has no such noun.
        """
        which = self._attractor(name)
        return self.subject_position if which is None else self.attractor_positions[which]

    def _attractor(self, name: str) -> int | None:
        match = re.fullmatch(LABEL, name)
        if match is None:
            raise ConfigurationError(
                f"label {name!r} is unknown; expected subject_number, attractor_number, or "
                "attractor_2_number and so on"
            )
        if name == "subject_number":
            return None
        which = int(match[1][1:]) - 1 if match[1] else 0
        if which >= len(self.attractor_positions):
            raise NotRun(
                f"the task {self.task} has {len(self.attractor_positions)} attractors, so it has "
                f"no {name}"
            )
        return which


def read_aligned_items(path: str | Path) -> AlignedItems:
    """Read the items of a task for analyses over time.

    Parameters
    ----------
    path : path
        ``stimuli/{task}.parquet``; its stem names the task.

    Raises
    ------
    StimuliError
        If the file cannot be read, or its items cannot be compared word by word.
    """
    return align_items(read_stimuli(path), Path(path).stem)


def align_items(table: pa.Table, task: str) -> AlignedItems:
    """Check that items can be compared word by word, and arrange what analyses over time need.

    Parameters
    ----------
    table : pyarrow.Table
        Stimuli, as `lstm_units.stimuli.table.read_stimuli` returns.

    Raises
    ------
    StimuliError
        If subject, attractors and verb do not stand at one position each, or if the number of a
        noun is not known.
    """
    names = ("subject_position", "attractor_positions", "verb_position")
    columns = {name: table[name].to_pylist() for name in names}
    # Items without attractors may have an empty list or none.
    columns["attractor_positions"] = [tuple(v or ()) for v in columns["attractor_positions"]]
    found = {}
    for name, values in columns.items():
        distinct = sorted(set(values), key=str)
        if distinct[0] is None or len(distinct) > 1:
            shown = ", ".join(map(str, distinct[:4]))
            raise NotRun(
                f"the items of {task} cannot be compared word by word: {name} is {shown}. "
                "Analyses over time need items of one structure; choose another task"
            )
        found[name] = distinct[0]
    tokens = table["tokens"].to_pylist()
    n_attractors = len(found["attractor_positions"])
    subject_number = np.array(table["subject_number"].to_pylist(), dtype=object)
    attractor_numbers = _matrix(table["attractor_numbers"].to_pylist(), n_attractors)
    for name, values in (
        ("subject_number", subject_number),
        ("attractor_numbers", attractor_numbers),
    ):
        if not np.isin(values.astype(str), ["singular", "plural"]).all():
            raise NotRun(
                f"the items of {task} do not all have singular or plural as {name}; choose another "
                "task, or fill in that column"
            )
    return AlignedItems(
        task=task,
        item=table["item"].to_numpy().astype(np.int32),
        condition=np.array(table["condition"].to_pylist()).astype(str),
        n_positions=min(map(len, tokens)),
        words=tuple(tokens[0]),
        subject_number=subject_number.astype(str),
        attractor_numbers=attractor_numbers.astype(str),
        subject_lemma=np.array(table["subject_lemma"].to_pylist(), dtype=object),
        attractor_lemmas=_matrix(table["attractor_lemmas"].to_pylist(), n_attractors),
        **found,
    )


def _matrix(lists: Sequence[Sequence[str] | None], width: int) -> np.ndarray:
    """Arrange lists of `width` values as a matrix, None where they are not given."""
    matrix = np.full((len(lists), width), None, dtype=object)
    for row, values in enumerate(lists):
        if values is not None and len(values) == width:
            matrix[row] = values
    return matrix
