"""Agreement accuracy: the intact model, every ablated unit, and sets of units, with statistics.

Intervals of one accuracy are Wilson's; an ablated model is compared with the intact one by the
exact two-sided McNemar test on the same items; q values control the false discovery rate over all
units (or sets), tasks and conditions of a table.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from lstm_units.errors import UserError
from lstm_units.io.results import Result, made_from, require_same
from lstm_units.io.unit_columns import unit_type
from lstm_units.io.unit_numbers import layer_and_index, layer_of_units
from lstm_units.statistics.intact_items import IntactItems, lay_out_items
from lstm_units.statistics.margins import Margins, stream_margins
from lstm_units.statistics.significance import mcnemar_exact, q_values, wilson_interval


@dataclass(frozen=True)
class Counts:
    """How many items each ablated model gets right, in each task and condition.

    All arrays but `keys`, `n` and `full` have the shape (keys, cells).

    Parameters
    ----------
    keys : ndarray of shape (keys,)
        Unit numbers (1-based) or set numbers, rising.
    n, full : ndarray of shape (cells,)
        Items, and items that the intact model gets right.
    right : ndarray
        Items that the ablated model gets right.
    lost : ndarray
        Items that only the intact model gets right.
    gained : ndarray
        Items that only the ablated model gets right.
    near_ties : ndarray
        Items with ``abs(margin) < near_tie`` under the ablation.
    """

    keys: np.ndarray
    n: np.ndarray
    full: np.ndarray
    right: np.ndarray
    lost: np.ndarray
    gained: np.ndarray
    near_ties: np.ndarray


def count_right(
    margins: Margins,
    intact: IntactItems,
    keys: Sequence[int],
    *,
    near_tie: float,
    use: np.ndarray | None = None,
) -> Counts:
    """Count the right items of every ablated model.

    Parameters
    ----------
    keys : sequence of int
        The units or sets that must come, each once with every task.
    near_tie : float
        Items with a smaller absolute margin count as near ties, in nats.
    use : bool ndarray of shape (items,), optional
        Count these items only.

    Raises
    ------
    UserError
        If a unit or set is missing, unexpected, or comes twice on a task.
    """
    what = margins.key
    keys = np.unique(np.asarray(keys, dtype=np.int64))
    row_of = {int(key): row for row, key in enumerate(keys)}
    shape = (len(keys), len(intact.cells))
    right, lost, gained, near_ties = (np.zeros(shape, dtype=np.int64) for _ in range(4))
    seen = np.zeros((len(keys), len(intact.tasks)), dtype=bool)
    full = intact.right
    counted = np.ones(len(full), dtype=bool) if use is None else np.asarray(use, dtype=bool)
    for block in stream_margins(margins, intact):
        if block.key not in row_of:
            raise UserError(
                f"{what} {block.key} was ablated but not asked for; delete the shard that holds "
                "it and run the workflow again"
            )
        row = row_of[block.key]
        tasks = np.unique(np.searchsorted(intact.starts, block.position, side="right") - 1)
        if seen[row, tasks].any():
            raise UserError(
                f"{what} {block.key} stands in more than one shard with the task "
                f"{intact.tasks[tasks[seen[row, tasks]][0]]}; delete the shard that is not "
                "from this run and run the workflow again"
            )
        seen[row, tasks] = True
        kept = counted[block.position]
        position, margin = block.position[kept], block.margin[kept]
        cell, before, after = intact.cell[position], full[position], margin > 0
        for table, hit in (
            (right, after),
            (lost, before & ~after),
            (gained, after & ~before),
            (near_ties, np.abs(margin) < near_tie),
        ):
            table[row] += np.bincount(cell[hit], minlength=shape[1])
    if not seen.all():
        row, task = np.argwhere(~seen)[0]
        raise UserError(
            f"{what} {keys[row]} is missing for the task {intact.tasks[task]} "
            f"({int((~seen).sum())} such gaps in all); delete the shard whose range holds it, if "
            "there is one, and run the workflow again"
        )
    n = np.bincount(intact.cell[counted], minlength=shape[1])
    return Counts(
        keys=keys,
        n=n,
        full=np.bincount(intact.cell[counted & full], minlength=shape[1]),
        right=right,
        lost=lost,
        gained=gained,
        near_ties=near_ties,
    )


def unit_accuracy(
    margins: Margins,
    scores: Mapping[str, Result],
    layer_sizes: Sequence[int],
    *,
    units: Sequence[int],
    confidence: float,
    correction: str,
    near_tie: float,
) -> Result:
    """Return `accuracy_table` with how it was made."""
    statistics = {"confidence": confidence, "correction": correction, "near_tie": near_tie}
    require_same(margins, *scores.values())
    table = accuracy_table(margins, scores, layer_sizes, units=units, **statistics)
    return Result(
        pa.Table.from_pandas(table, preserve_index=False),
        made_from(margins, kind="accuracy", config=statistics),
        "the accuracy of ablated units",
    )


def accuracy_table(
    margins: Margins,
    scores: Mapping[str, Result],
    layer_sizes: Sequence[int],
    *,
    units: Sequence[int],
    confidence: float = 0.95,
    correction: str = "benjamini_hochberg",
    near_tie: float = 1e-4,
) -> pd.DataFrame:
    """Accuracy of every ablated unit in every task and condition, compared with the intact model.

    Parameters
    ----------
    margins : Margins
        Every group of tasks, every range of units of one mode.
    scores : mapping of str to Result
        The intact model's scores of every task of `margins`, with the columns of
        `lstm_units.statistics.intact_items.COLUMNS`; their order is the order of the rows.
    layer_sizes : sequence of int
        Number of units of each layer.
    units : sequence of int
        The 1-based units that must be there.
    confidence : float
        Level of the Wilson interval of the ablated accuracy.
    correction : {"benjamini_hochberg", "benjamini_yekutieli"}
        How q is made from p, over all rows of the table.
    near_tie : float
        Items with a smaller absolute margin under the ablation are counted in ``n_near_ties``.

    Returns
    -------
    DataFrame
        ``unit, layer, task, condition, n`` (items), ``right`` and ``full_right`` (items that the
        ablated and the intact model get right), ``accuracy, full_accuracy, drop, relative_drop,
        ci_low, ci_high, p, q, n_near_ties``, sorted by unit. ``drop`` is full_accuracy - accuracy,
        ``relative_drop`` is drop / full_accuracy (NaN where full_accuracy is 0).

    Raises
    ------
    UserError
        If a shard is damaged, holds other items than the intact model's, or a unit is missing,
        doubled or outside the model.
    """
    intact = lay_out_items(scores)
    for unit in units:
        layer_and_index(layer_sizes, unit)
    counts = count_right(margins, intact, units, near_tie=near_tie)
    table = _compared(counts, intact, confidence, correction)
    layers = np.array(layer_of_units(layer_sizes), dtype=np.int16)[counts.keys - 1]
    table.insert(
        0, "unit", np.repeat(counts.keys.astype(unit_type(counts.keys)), len(intact.cells))
    )
    table.insert(1, "layer", np.repeat(layers, len(intact.cells)))
    return table


def intact_counts(scores: Mapping[str, Result], *, near_tie: float) -> pd.DataFrame:
    """Count the items that the intact model gets right in every task and condition.

    Parameters
    ----------
    scores, near_tie
        As in `accuracy_table`.

    Returns
    -------
    DataFrame
        ``task, condition, n, right, n_near_ties``.
    """
    intact = lay_out_items(scores)

    def count(here: np.ndarray) -> np.ndarray:
        return np.bincount(intact.cell[here], minlength=len(intact.cells)).astype(np.int32)

    return pd.DataFrame(
        {
            **_cell_columns(intact, 1),
            "n": count(np.ones(len(intact.cell), bool)),
            "right": count(intact.right),
            "n_near_ties": count(np.abs(intact.margin) < near_tie),
        }
    )


def intact_table(
    scores: Mapping[str, Result], *, confidence: float = 0.95, near_tie: float = 1e-4
) -> pd.DataFrame:
    """Accuracy of the intact model in every task and condition.

    Parameters
    ----------
    scores, confidence, near_tie
        As in `accuracy_table`.

    Returns
    -------
    DataFrame
        ``task, condition, n, right, accuracy, ci_low, ci_high, n_near_ties``.
    """
    table = intact_counts(scores, near_tie=near_tie)
    low, high = wilson_interval(table["right"], table["n"], confidence)
    table.insert(4, "accuracy", table["right"] / table["n"])
    table.insert(5, "ci_low", low)
    table.insert(6, "ci_high", high)
    return table


def set_counts(
    margins: Margins, scores: Mapping[str, Result], sets: Result, *, near_tie: float
) -> pd.DataFrame:
    """Count the items that are right with each set of units ablated.

    Parameters
    ----------
    margins : Margins
        Of one family of sets.
    scores, near_tie
        As in `accuracy_table`.
    sets : Result
        The family's ``set, unit``: one row for each unit of each set.

    Returns
    -------
    DataFrame
        ``set, n_units, unit`` (missing where a set has several), ``task, condition, n, right,
        full_right, n_near_ties``.
    """
    intact = lay_out_items(scores)
    members = sets.frame.groupby("set")["unit"].agg(["size", "first"])
    counts = count_right(margins, intact, members.index.tolist(), near_tie=near_tie)
    return _with_members(_counted(counts, intact), counts, members)


def set_accuracy_table(
    margins: Margins,
    scores: Mapping[str, Result],
    sets: Result,
    *,
    confidence: float = 0.95,
    correction: str = "benjamini_hochberg",
    near_tie: float = 1e-4,
) -> pd.DataFrame:
    """Accuracy of the model with each set of units ablated, as `accuracy_table` has it for units.

    Parameters
    ----------
    margins, scores, sets
        As in `set_counts`.
    confidence, correction, near_tie
        As in `accuracy_table`.

    Returns
    -------
    DataFrame
        ``set, n_units, unit`` (missing where a set has several) and, from ``task`` on, the columns
        of `accuracy_table`.
    """
    intact = lay_out_items(scores)
    members = sets.frame.groupby("set")["unit"].agg(["size", "first"])
    counts = count_right(margins, intact, members.index.tolist(), near_tie=near_tie)
    table = _compared(counts, intact, confidence, correction)
    return _with_members(table, counts, members)


def _with_members(table: pd.DataFrame, counts: Counts, members: pd.DataFrame) -> pd.DataFrame:
    """Put the columns that name the sets before `table`; `members` are their sizes and units."""
    members = members.loc[counts.keys]
    repeats = len(counts.n)
    single = (
        members["first"]
        .astype(unit_type(members["first"]).__name__.capitalize())
        .where(members["size"] == 1)
    )
    table.insert(0, "set", np.repeat(counts.keys.astype(np.int32), repeats))
    table.insert(1, "n_units", np.repeat(members["size"].to_numpy().astype(np.int32), repeats))
    table.insert(2, "unit", single.repeat(repeats).array)
    return table


def _counted(counts: Counts, intact: IntactItems) -> pd.DataFrame:
    rows = len(counts.keys)
    return pd.DataFrame(
        {
            **_cell_columns(intact, rows),
            "n": np.tile(counts.n.astype(np.int32), rows),
            "right": counts.right.ravel().astype(np.int32),
            "full_right": np.tile(counts.full.astype(np.int32), rows),
            "n_near_ties": counts.near_ties.ravel().astype(np.int32),
        }
    )


def _compared(
    counts: Counts, intact: IntactItems, confidence: float, correction: str
) -> pd.DataFrame:
    low, high = wilson_interval(counts.right, counts.n, confidence)
    p = mcnemar_exact(counts.lost, counts.gained)
    full = np.tile(counts.full / counts.n, (len(counts.keys), 1))
    # The drop comes from the counts, so that no change is exactly 0.
    drop = (counts.full - counts.right) / counts.n
    with np.errstate(invalid="ignore", divide="ignore"):
        relative = np.where(counts.full > 0, (counts.full - counts.right) / counts.full, np.nan)
    columns = {
        "accuracy": counts.right / counts.n,
        "full_accuracy": full,
        "drop": drop,
        "relative_drop": relative,
        "ci_low": low,
        "ci_high": high,
        "p": p,
        "q": q_values(p, correction),
    }
    table = _counted(counts, intact)
    near_ties = table.pop("n_near_ties")
    return table.assign(**{n: v.ravel() for n, v in columns.items()}, n_near_ties=near_ties)


def _cell_columns(intact: IntactItems, repeats: int) -> dict[str, pd.Categorical]:
    tasks, conditions = zip(*intact.cells, strict=True)
    return {
        "task": pd.Categorical(tasks * repeats, categories=list(intact.tasks)),
        "condition": pd.Categorical(
            conditions * repeats, categories=list(dict.fromkeys(conditions))
        ),
    }
