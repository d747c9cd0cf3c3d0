"""The items of several tasks, laid end to end, with the intact model's margins."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lstm_units.errors import UserError
from lstm_units.io.results import Result
from lstm_units.statistics.margins import broken, condition_rank
from lstm_units.stimuli.congruence import ConditionNumbers, condition_numbers

COLUMNS = ("item", "condition", "margin")  # of the intact model's scores


@dataclass(frozen=True)
class IntactItems:
    """Items in the order in which everything about them is laid out.

    Parameters
    ----------
    starts : ndarray of shape (tasks + 1,)
        Where each task begins among the items, and their total.
    item : int32 ndarray of shape (items,)
        Number of each item within its task, rising; gaps are dropped items.
    margin : float32 ndarray of shape (items,)
        log p(correct) - log p(wrong), in nats.
    cell : ndarray of shape (items,)
        Index into `cells` of each item.
    cells : tuple of (str, str)
        Task and condition, tasks in the order given, conditions in the paper's order.
    """

    tasks: tuple[str, ...]
    starts: np.ndarray
    item: np.ndarray
    margin: np.ndarray
    cell: np.ndarray
    cells: tuple[tuple[str, str], ...]

    @property
    def right(self) -> np.ndarray:
        """Whether the intact model gets each item right, of shape (items,)."""
        return self.margin > 0

    def span(self, task: str) -> slice:
        """Where the items of a task lie."""
        index = self.tasks.index(task)
        return slice(int(self.starts[index]), int(self.starts[index + 1]))


def lay_out_items(scores: Mapping[str, Result]) -> IntactItems:
    """Lay the items of several tasks end to end.

    Parameters
    ----------
    scores : mapping of str to Result
        The intact model's scores of each task, with the columns of `COLUMNS`.

    Raises
    ------
    UserError
        If a table is empty, holds an item twice, a margin that is not a number, or an item without
        a condition.
    """
    if not scores:
        raise UserError("no task was given; name at least one")
    items, margins, cell_parts = [], [], []
    cells: list[tuple[str, str]] = []
    for task, result in scores.items():
        item = result.content["item"].to_numpy().astype(np.int32)
        margin = result.content["margin"].to_numpy().astype(np.float32)
        condition = np.array(result.content["condition"].to_pylist(), dtype=object)
        if not len(item):
            raise UserError(
                f"{result.source} holds no items: every item of {task} was dropped. Look at the "
                "list of dropped items in its log, or leave the task out"
            )
        order = np.argsort(item, kind="stable")
        item, margin, condition = item[order], margin[order], condition[order]
        if (np.diff(item) == 0).any():
            double = int(item[1:][np.diff(item) == 0][0])
            raise broken(result.source, f"item {double} stands there twice; each needs one row")
        if any(value is None for value in condition):
            raise broken(result.source, "an item has no condition; each needs one")
        if not np.isfinite(margin).all():
            first = int(item[~np.isfinite(margin)][0])
            raise broken(result.source, f"item {first} of {task} has a margin that is not a number")
        names = sorted(set(condition), key=condition_rank)
        code = {name: len(cells) + place for place, name in enumerate(names)}
        cells += [(task, name) for name in names]
        items.append(item)
        margins.append(margin)
        cell_parts.append(np.array([code[name] for name in condition]))
    return IntactItems(
        tasks=tuple(scores),
        starts=np.cumsum([0, *map(len, items)]),
        item=np.concatenate(items),
        margin=np.concatenate(margins),
        cell=np.concatenate(cell_parts),
        cells=tuple(cells),
    )


def stimuli_of_items(stimuli: Mapping[str, Result], intact: IntactItems) -> dict[str, pd.DataFrame]:
    """Give the stimuli of each task the order of the items.

    Parameters
    ----------
    stimuli : mapping of str to Result
        Tables with ``item`` and whatever else is needed, of every task of `intact`.

    Raises
    ------
    UserError
        If a task is missing, or its stimuli do not hold each item once.
    """
    ordered = {}
    for task in intact.tasks:
        if task not in stimuli:
            raise UserError(f"no stimuli were given for the task {task}; give these too")
        table = stimuli[task].frame.set_index("item")
        items = intact.item[intact.span(task)]
        if not table.index.is_unique or not np.isin(items, table.index.to_numpy()).all():
            raise UserError(
                f"{stimuli[task].source} does not hold each scored item of {task} once: stimuli "
                "and scores come from different runs. Delete the scores and run the workflow again"
            )
        ordered[task] = table.loc[items].reset_index()
    return ordered


def items_column(
    stimuli: Mapping[str, pd.DataFrame], tasks: Sequence[str], name: str
) -> np.ndarray:
    """Return one column of the stimuli of several tasks, laid end to end.

    Parameters
    ----------
    stimuli : mapping of str to DataFrame
        From `stimuli_of_items`.
    tasks : sequence of str
        In the order in which their items are laid.

    Returns
    -------
    ndarray of object, shape (items,)
    """
    return np.concatenate([stimuli[task][name].to_numpy(dtype=object) for task in tasks])


def cell_numbers(
    intact: IntactItems, stimuli: Mapping[str, pd.DataFrame]
) -> list[ConditionNumbers]:
    """Say of each of ``intact.cells`` which numbers its subjects and attractors have.

    Parameters
    ----------
    stimuli : mapping of str to DataFrame
        From `stimuli_of_items`, with ``subject_number, attractor_numbers``.
    """
    subjects = items_column(stimuli, intact.tasks, "subject_number")
    attractors = items_column(stimuli, intact.tasks, "attractor_numbers")
    cells = (intact.cell == code for code in range(len(intact.cells)))
    return [condition_numbers(subjects[here], attractors[here]) for here in cells]
