"""Margins under an ablation, as a stream.

A margin is log p(correct form) - log p(wrong form). An item is right when its margin is above 0; a
tie is wrong (Lakretz et al. 2019, section 3). A shard holds millions of rows, so it is read one row
group at a time, and every block is checked against the items of the intact model.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lstm_units.errors import UserError
from lstm_units.io.files import read_metadata
from lstm_units.io.results import Result, made_from, read_each, require_same

if TYPE_CHECKING:
    from lstm_units.statistics.intact_items import IntactItems

_RANGE = re.compile(r"units_(\d+)-(\d+)\.parquet$")
_ROWS = ["task", "item", "margin"]


@dataclass(frozen=True)
class Margins:
    """Margins with each of many units, or sets of units, ablated.

    Parameters
    ----------
    parts : tuple of path or pyarrow.Table
        Shards on disk, which together are too large for memory, or tables. Each has the columns
        `key`, ``task``, ``item`` and ``margin``, and is sorted in that order.
    key : {"unit", "set"}
        What was ablated at a time.
    metadata : mapping
        How all parts were made; ``config`` names the ``mode`` of ablation.
    source : str
        What messages call them.
    """

    parts: tuple[str | Path | pa.Table, ...]
    key: Literal["unit", "set"] = "unit"
    metadata: Mapping[str, Any] = field(default_factory=dict)
    source: str = "the margins"


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


def open_margins(paths: Iterable[str | Path], key: Literal["unit", "set"] = "unit") -> Margins:
    """Take the shards of one ablation together; those of groups that could not be run are left out.

    Parameters
    ----------
    paths : iterable of path
        Those of a group of tasks lie in one folder.
    key : {"unit", "set"}

    Raises
    ------
    UserError
        If they come from several checkpoints or modes, or those of one folder from several versions
        of the stimuli.
    """
    named = [Path(path) for path in paths]
    found = read_each(read_metadata, named, named)
    paths = list(found)
    shards = [Result(None, metadata, str(path)) for path, metadata in found.items()]
    require_same(*shards, mode="ablation mode")
    for folder in dict.fromkeys(path.parent for path in paths):
        group = [s for s, path in zip(shards, paths, strict=True) if path.parent == folder]
        require_same(*group, stimuli_sha256="version of the stimuli")
    mode = shards[0].config.get("mode") if shards else None
    metadata = made_from(*shards, config={"mode": mode})
    return Margins(tuple(paths), key, metadata, shards[0].source if shards else "no shards")


def stream_margins(
    margins: Margins, intact: "IntactItems", only: Iterable[int] | None = None
) -> Iterator[Block]:
    """Read margins block by block, one row group in memory at a time.

    Parameters
    ----------
    intact : IntactItems
        The items that every block must hold.
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
    for part in margins.parts:
        name = margins.source if isinstance(part, pa.Table) else part
        bounds = _RANGE.search(str(name)) if margins.key == "unit" else None
        layout = None
        for keys, read_rows in _row_groups(part, margins.key):
            if wanted is not None and not wanted.intersection(np.unique(keys).tolist()):
                continue
            table = read_rows()
            edges = [0, *(np.flatnonzero(np.diff(keys)) + 1).tolist(), len(keys)]
            for first, last in pairwise(edges):
                if first == last:
                    continue
                number = int(keys[first])
                if bounds and not int(bounds[1]) <= number <= int(bounds[2]):
                    raise broken(name, f"it holds unit {number}, outside the range of its name")
                if wanted is not None and number not in wanted:
                    continue
                rows = table.slice(first, last - first)
                layout = _layout(name, f"{margins.key} {number}", rows, intact, layout)
                margin = rows.column("margin").to_numpy().astype(np.float32, copy=False)
                if not np.isfinite(margin).all():
                    raise broken(name, f"{margins.key} {number} has a margin that is not a number")
                yield Block(number, layout.position, margin)


def _row_groups(
    part: str | Path | pa.Table, key: str
) -> Iterator[tuple[np.ndarray, Callable[[], pa.Table]]]:
    """Yield the keys of each row group, and a function that reads its other columns."""
    if isinstance(part, pa.Table):
        yield part.column(key).to_numpy(), partial(part.select, _ROWS)
        return
    file = _open(part, [key, *_ROWS])

    def read(group: int, columns: list[str]) -> pa.Table:
        try:
            return file.read_row_group(group, columns=columns)
        except (OSError, pa.ArrowInvalid) as error:
            raise broken(part, f"it cannot be read ({error})") from error

    for group in range(file.num_row_groups):
        yield read(group, [key]).column(key).to_numpy(), partial(read, group, _ROWS)


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
            raise broken(path, f"the rows of {what} are not sorted by task and item")
        seen.add(name)
        span = intact.span(name)
        if not np.array_equal(item[first:last], intact.item[span]):
            here, there = set(item[first:last].tolist()), set(intact.item[span].tolist())
            raise broken(
                path,
                f"{what} on {name} holds {last - first} rows where the intact model has "
                f"{len(there)} items ({len(there - here)} missing, {len(here - there)} unknown; "
                "they must stand once each, in rising order)",
            )
        places.append(np.arange(span.start, span.stop))
    return _Layout(names, code, item, np.concatenate(places))


def _open(path: str | Path, columns: Sequence[str]) -> pq.ParquetFile:
    try:
        file = pq.ParquetFile(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise broken(path, f"it cannot be read ({error})") from error
    missing = [name for name in columns if name not in file.schema_arrow.names]
    if missing:
        raise broken(
            path,
            f"it has no column {', '.join(missing)} (its columns are "
            f"{', '.join(file.schema_arrow.names)})",
        )
    return file


def broken(path: str | Path, found: str) -> UserError:
    """Return the error of a damaged file: what is wrong, and that the workflow makes it again."""
    return UserError(f"{path}: {found}. Delete this file and run the workflow again")
