"""Agreement accuracy: the intact model, every ablated unit, and sets of units, with statistics.

Intervals of one accuracy are Wilson's; an ablated model is compared with the intact one by the
exact two-sided McNemar test on the same items; q values control the false discovery rate over all
units (or sets), tasks and conditions of a table.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from lstm_units.errors import UserError
from lstm_units.io.unit_columns import unit_type
from lstm_units.io.unit_numbers import layer_and_index, layer_of_units
from lstm_units.statistics.margins import (
    Block,
    IntactItems,
    read_columns,
    read_intact,
    stream_margins,
    units_in_names,
)
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
    blocks: Iterable[Block],
    intact: IntactItems,
    keys: Sequence[int],
    *,
    near_tie: float,
    use: np.ndarray | None = None,
    what: str = "unit",
) -> Counts:
    """Count right items of every ablated model from a stream of blocks.

    Parameters
    ----------
    blocks : iterable of Block
        From `lstm_units.statistics.margins.stream_margins`.
    intact : IntactItems
    keys : sequence of int
        The units or sets that must come, each once with every task.
    near_tie : float
        Items with a smaller absolute margin count as near ties, in nats.
    use : bool ndarray of shape (items,), optional
        Count these items only.
    what : str
        What a key is called in error messages.

    Raises
    ------
    UserError
        If a unit is missing, unexpected, or comes twice on a task.
    """
    keys = np.unique(np.asarray(keys, dtype=np.int64))
    row_of = {int(key): row for row, key in enumerate(keys)}
    shape = (len(keys), len(intact.cells))
    right, lost, gained, near_ties = (np.zeros(shape, dtype=np.int64) for _ in range(4))
    seen = np.zeros((len(keys), len(intact.tasks)), dtype=bool)
    full = intact.right
    counted = np.ones(len(full), dtype=bool) if use is None else np.asarray(use, dtype=bool)
    for block in blocks:
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


def accuracy_table(
    shards: Iterable[str | Path],
    intact_by_task: Mapping[str, str | Path],
    layer_sizes: Sequence[int],
    *,
    units: Sequence[int] | None = None,
    confidence: float = 0.95,
    correction: str = "benjamini_hochberg",
    near_tie: float = 1e-4,
) -> pd.DataFrame:
    """Accuracy of every ablated unit in every task and condition, compared with the intact model.

    Parameters
    ----------
    shards : iterable of path
        All shards of one mode: every group of tasks, every range of units.
    intact_by_task : mapping of str to path
        ``intact/{task}.parquet`` of every task in the shards; its order is the order of the rows.
    layer_sizes : sequence of int
        Number of units of each layer.
    units : sequence of int, optional
        The 1-based units that must be there. By default those that the shards' names promise.
    confidence : float
        Level of the Wilson interval of the ablated accuracy.
    correction : {"benjamini_hochberg", "benjamini_yekutieli"}
        How q is made from p, over all rows of the table.
    near_tie : float
        Items with a smaller absolute margin under the ablation are counted in ``n_near_ties``.

    Returns
    -------
    DataFrame
        ``unit, layer, task, condition, n, accuracy, full_accuracy, drop, relative_drop, ci_low,
        ci_high, p, q, n_near_ties``, sorted by unit. ``drop`` is full_accuracy - accuracy,
        ``relative_drop`` is drop / full_accuracy (NaN where full_accuracy is 0).

    Raises
    ------
    UserError
        If a shard is damaged, holds other items than the intact model's, or a unit is missing,
        doubled or outside the model.
    """
    shards = list(shards)
    intact = read_intact(intact_by_task)
    units = units_in_names(shards) if units is None else list(units)
    for unit in units:
        layer_and_index(layer_sizes, unit)
    counts = count_right(stream_margins(shards, intact), intact, units, near_tie=near_tie)
    table = _scores(counts, intact, confidence, correction)
    layers = np.array(layer_of_units(layer_sizes), dtype=np.int16)[counts.keys - 1]
    table.insert(
        0, "unit", np.repeat(counts.keys.astype(unit_type(counts.keys)), len(intact.cells))
    )
    table.insert(1, "layer", np.repeat(layers, len(intact.cells)))
    return table


def intact_table(
    intact_by_task: Mapping[str, str | Path], *, confidence: float = 0.95, near_tie: float = 1e-4
) -> pd.DataFrame:
    """Accuracy of the intact model in every task and condition.

    Parameters
    ----------
    intact_by_task : mapping of str to path
    confidence : float
        Level of the Wilson interval.
    near_tie : float
        Items with a smaller absolute margin are counted in ``n_near_ties``.

    Returns
    -------
    DataFrame
        ``task, condition, n, accuracy, ci_low, ci_high, n_near_ties``.
    """
    intact = read_intact(intact_by_task)
    n = np.bincount(intact.cell, minlength=len(intact.cells))
    right = np.bincount(intact.cell[intact.right], minlength=len(intact.cells))
    near = np.bincount(intact.cell[np.abs(intact.margin) < near_tie], minlength=len(intact.cells))
    low, high = wilson_interval(right, n, confidence)
    return pd.DataFrame(
        {
            **_cell_columns(intact, 1),
            "n": n.astype(np.int32),
            "accuracy": right / n,
            "ci_low": low,
            "ci_high": high,
            "n_near_ties": near.astype(np.int32),
        }
    )


def set_accuracy_table(
    paths: Iterable[str | Path],
    intact_by_task: Mapping[str, str | Path],
    sets: str | Path,
    *,
    confidence: float = 0.95,
    correction: str = "benjamini_hochberg",
    near_tie: float = 1e-4,
) -> pd.DataFrame:
    """Accuracy of the model with each set of units ablated, as `accuracy_table` has it for units.

    Parameters
    ----------
    paths : iterable of path
        Files of one family of sets with ``set, task, item, margin``.
    intact_by_task : mapping of str to path
        ``intact/{task}.parquet`` of every task in the files.
    sets : path
        The family's ``set, unit, seed``: one row for each unit of each set.
    confidence, correction, near_tie
        As in `accuracy_table`.

    Returns
    -------
    DataFrame
        ``set, n_units, unit, task, condition, n, accuracy, full_accuracy, drop, relative_drop,
        ci_low, ci_high, p, q, n_near_ties``; ``unit`` is missing where a set has several units.
    """
    intact = read_intact(intact_by_task)
    family = read_columns(sets, ["set", "unit"]).to_pandas()
    members = family.groupby("set")["unit"].agg(["size", "first"])
    counts = count_right(
        stream_margins(list(paths), intact, key="set"),
        intact,
        members.index.tolist(),
        near_tie=near_tie,
        what="set",
    )
    table = _scores(counts, intact, confidence, correction)
    members = members.loc[counts.keys]
    single = (
        members["first"]
        .astype(unit_type(members["first"]).__name__.capitalize())
        .where(members["size"] == 1)
    )
    table.insert(0, "set", np.repeat(counts.keys.astype(np.int32), len(intact.cells)))
    table.insert(
        1, "n_units", np.repeat(members["size"].to_numpy().astype(np.int32), len(intact.cells))
    )
    table.insert(2, "unit", single.repeat(len(intact.cells)).array)
    return table


def _scores(
    counts: Counts, intact: IntactItems, confidence: float, correction: str
) -> pd.DataFrame:
    low, high = wilson_interval(counts.right, counts.n, confidence)
    p = mcnemar_exact(counts.lost, counts.gained)
    rows = len(counts.keys)
    accuracy, full = counts.right / counts.n, np.tile(counts.full / counts.n, (rows, 1))
    # The drop comes from the counts, so that no change is exactly 0.
    drop = (counts.full - counts.right) / counts.n
    with np.errstate(invalid="ignore", divide="ignore"):
        relative = np.where(counts.full > 0, (counts.full - counts.right) / counts.full, np.nan)
    return pd.DataFrame(
        {
            **_cell_columns(intact, rows),
            "n": np.tile(counts.n.astype(np.int32), rows),
            "accuracy": accuracy.ravel(),
            "full_accuracy": full.ravel(),
            "drop": drop.ravel(),
            "relative_drop": relative.ravel(),
            "ci_low": low.ravel(),
            "ci_high": high.ravel(),
            "p": p.ravel(),
            "q": q_values(p, correction).ravel(),
            "n_near_ties": counts.near_ties.ravel().astype(np.int32),
        }
    )


def _cell_columns(intact: IntactItems, repeats: int) -> dict[str, pd.Categorical]:
    tasks, conditions = zip(*intact.cells, strict=True)
    return {
        "task": pd.Categorical(tasks * repeats, categories=list(intact.tasks)),
        "condition": pd.Categorical(
            conditions * repeats, categories=list(dict.fromkeys(conditions))
        ),
    }
