"""Reading margins: the intact model's items, and the shards of an ablation as a stream.

A margin is log p(correct form) - log p(wrong form). An item is right when its margin is above 0; a
tie is wrong (Lakretz et al. 2019, section 3). A shard holds millions of rows, so it is read one row
group at a time, and every block is checked against the items of the intact model.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lstm_units.errors import UserError

_RANGE = re.compile(r"units_(\d+)-(\d+)\.parquet$")


@dataclass(frozen=True)
class IntactItems:
    """The items of several tasks, laid end to end, as the intact model answers them.

    Parameters
    ----------
    tasks : tuple of str
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


@dataclass(frozen=True)
class Block:
    """The margins of one unit (or set of units) on one or more tasks.

    Parameters
    ----------
    key : int
        The unit's 1-based number, or the number of the set.
    position : ndarray of shape (rows,)
        Place of each row among the items of `IntactItems`.
    margin : float32 ndarray of shape (rows,)
    """

    key: int
    position: np.ndarray
    margin: np.ndarray


@dataclass(frozen=True)
class _Layout:
    """Tasks and items of a block's rows, and their places; most blocks of a shard share one."""

    names: list[str]
    code: np.ndarray
    item: np.ndarray
    position: np.ndarray


def condition_rank(condition: str) -> tuple[int, str]:
    """Sort key: S before P at each place, as in the paper's SS SP PS PP; short before long.

    Names of other kinds come last, by name.
    """
    if condition and set(condition) <= {"S", "P"}:
        return len(condition), condition.translate(str.maketrans("SP", "01"))
    return 99, condition


def read_columns(path: str | Path, columns: Sequence[str]) -> pa.Table:
    """Read some columns of a Parquet file.

    Parameters
    ----------
    path : str or Path
    columns : sequence of str
        Names of the columns.

    Returns
    -------
    pyarrow.Table
        In the order of `columns`.

    Raises
    ------
    UserError
        If the file is missing or damaged, or lacks a column.
    """
    return _open(path, columns).read(columns=list(columns))


def read_intact(intact_by_task: Mapping[str, str | Path]) -> IntactItems:
    """Read the intact model's margins of several tasks.

    Parameters
    ----------
    intact_by_task : mapping of str to path
        Path of ``intact/{task}.parquet`` of each task.

    Raises
    ------
    UserError
        If a file is missing, damaged or empty, holds an item twice, a margin that is not a number,
        or an item without a condition.
    """
    if not intact_by_task:
        raise UserError("no task was given: name at least one task under `tasks:` in config.yaml")
    items, margins, cell_parts = [], [], []
    cells: list[tuple[str, str]] = []
    for task, path in intact_by_task.items():
        table = read_columns(path, ["item", "condition", "margin"])
        item = table.column("item").to_numpy().astype(np.int32)
        margin = table.column("margin").to_numpy().astype(np.float32)
        condition = np.array(table.column("condition").to_pylist(), dtype=object)
        if not len(item):
            raise UserError(
                f"{path} holds no items: every item of {task} was dropped. Look at the list of "
                "dropped items in its log, or take the task out of `tasks:` in config.yaml"
            )
        order = np.argsort(item, kind="stable")
        item, margin, condition = item[order], margin[order], condition[order]
        if (np.diff(item) == 0).any():
            double = int(item[1:][np.diff(item) == 0][0])
            raise _broken(path, f"item {double} stands there twice; each item needs one row")
        if any(value is None for value in condition):
            raise _broken(path, "an item has no condition; each needs one")
        _check_numbers(path, task, item, margin)
        names = sorted(set(condition), key=condition_rank)
        code = {name: len(cells) + place for place, name in enumerate(names)}
        cells += [(task, name) for name in names]
        items.append(item)
        margins.append(margin)
        cell_parts.append(np.array([code[name] for name in condition]))
    return IntactItems(
        tasks=tuple(intact_by_task),
        starts=np.cumsum([0, *map(len, items)]),
        item=np.concatenate(items),
        margin=np.concatenate(margins),
        cell=np.concatenate(cell_parts),
        cells=tuple(cells),
    )


def stream_margins(
    paths: Iterable[str | Path],
    intact: IntactItems,
    *,
    key: str = "unit",
    only: Iterable[int] | None = None,
) -> Iterator[Block]:
    """Read ablated margins block by block, one row group in memory at a time.

    Parameters
    ----------
    paths : iterable of path
        Shards with the columns `key`, task, item, margin, sorted in that order.
    intact : IntactItems
        The items that every block must hold.
    key : str
        ``"unit"`` for shards of single units, ``"set"`` for sets of units.
    only : iterable of int, optional
        Yield the blocks of these units or sets only.

    Yields
    ------
    Block
        One for each unit and row group.

    Raises
    ------
    UserError
        If a shard is missing, damaged, or holds other items than the intact model's. It names
        the shard and asks to delete it, since the workflow then makes it again.
    """
    wanted = None if only is None else set(only)
    for path in paths:
        file = _open(path, [key, "task", "item", "margin"])
        bounds = _RANGE.search(Path(path).name) if key == "unit" else None
        layout = None
        for group in range(file.num_row_groups):
            try:
                keys = file.read_row_group(group, columns=[key]).column(key).to_numpy()
                if wanted is not None and not wanted.intersection(np.unique(keys).tolist()):
                    continue
                table = file.read_row_group(group, columns=["task", "item", "margin"])
            except (OSError, pa.ArrowInvalid) as error:
                raise _broken(path, f"it cannot be read ({error})") from error
            edges = [0, *(np.flatnonzero(np.diff(keys)) + 1).tolist(), len(keys)]
            for first, last in pairwise(edges):
                if first == last:
                    continue
                number = int(keys[first])
                if bounds and not int(bounds[1]) <= number <= int(bounds[2]):
                    raise _broken(path, f"it holds unit {number}, outside the range of its name")
                if wanted is not None and number not in wanted:
                    continue
                rows = table.slice(first, last - first)
                layout = _layout(path, f"{key} {number}", rows, intact, layout)
                margin = rows.column("margin").to_numpy().astype(np.float32, copy=False)
                if not np.isfinite(margin).all():
                    raise _broken(path, f"{key} {number} has a margin that is not a number")
                yield Block(number, layout.position, margin)


def units_in_names(paths: Iterable[str | Path]) -> list[int]:
    """Return the units that the names of shards (``units_0001-0065.parquet``) promise, sorted."""
    units: set[int] = set()
    for path in paths:
        found = _RANGE.search(Path(path).name)
        if not found:
            raise UserError(
                f"{path}: the name of a shard must end in units_FIRST-LAST.parquet, as in "
                "units_0001-0065.parquet. Give the shards that the workflow wrote"
            )
        units.update(range(int(found[1]), int(found[2]) + 1))
    return sorted(units)


def _layout(path, what, rows, intact, known):
    """Place the rows of a block among the intact items; `known` is the previous block's layout."""
    column = rows.column("task").combine_chunks()
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    code, names = column.indices.to_numpy(), column.dictionary.to_pylist()
    item = rows.column("item").to_numpy()
    if (
        known is not None
        and known.names == names
        and np.array_equal(known.code, code)
        and np.array_equal(known.item, item)
    ):
        return known
    places, seen = [], set()
    edges = [0, *(np.flatnonzero(np.diff(code)) + 1).tolist(), len(code)]
    for first, last in pairwise(edges):
        name = names[code[first]]
        if name not in intact.tasks:
            raise UserError(
                f"{path} holds the task {name!r}, but the intact model's items were given only for "
                f"{', '.join(intact.tasks)}. Give that task too, or delete the shard and run the "
                "workflow again"
            )
        if name in seen:
            raise _broken(path, f"the rows of {what} are not sorted by task and item")
        seen.add(name)
        span = intact.span(name)
        if not np.array_equal(item[first:last], intact.item[span]):
            here, there = set(item[first:last].tolist()), set(intact.item[span].tolist())
            raise _broken(
                path,
                f"{what} on {name} holds {last - first} rows where the intact model has "
                f"{len(there)} items ({len(there - here)} missing, {len(here - there)} unknown; "
                "they must stand once each, in rising order)",
            )
        places.append(np.arange(span.start, span.stop))
    return _Layout(names, code, item, np.concatenate(places))


def _check_numbers(path, task, item, margin) -> None:
    bad = ~np.isfinite(margin)
    if bad.any():
        raise _broken(path, f"item {int(item[bad][0])} of {task} has a margin that is not a number")


def _open(path: str | Path, columns: Sequence[str]) -> pq.ParquetFile:
    try:
        file = pq.ParquetFile(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise _broken(path, f"it cannot be read ({error})") from error
    missing = [name for name in columns if name not in file.schema_arrow.names]
    if missing:
        raise _broken(
            path,
            f"it has no column {', '.join(missing)} (its columns are "
            f"{', '.join(file.schema_arrow.names)})",
        )
    return file


def _broken(path: str | Path, found: str) -> UserError:
    return UserError(f"{path}: {found}. Delete this file and run the workflow again")
