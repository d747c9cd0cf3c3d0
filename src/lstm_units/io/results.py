"""Results in memory, each with how it was made: read, checked against each other, written.

A job of the workflow reads results, calls one function of the library, which returns others, and
writes these. The library works on them as they are, whether they come from files or were just made.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from lstm_units.errors import NotRun, UserError
from lstm_units.io.files import make_metadata, read_json, read_metadata, write_json, write_parquet


@dataclass(frozen=True)
class Result:
    """A table or a JSON value, and how it was made.

    Parameters
    ----------
    content : pyarrow.Table or JSON mapping
        A table has the column types of the file contract; a mapping has no ``metadata``.
    metadata : mapping
        From `lstm_units.io.files.make_metadata`.
    source : str
        What messages call it: the file it was read from, or what it is.
    """

    content: Any
    metadata: Mapping[str, Any] = field(default_factory=dict)
    source: str = "a result"

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The table in pandas."""
        return self.content.to_pandas()

    @property
    def config(self) -> Mapping[str, Any]:
        """The slice of the configuration that it was made with."""
        return self.metadata.get("config") or {}


def read_result(
    path: str | Path, columns: Sequence[str] | None = None, filters: Any = None
) -> Result:
    """Read a Parquet or JSON file of the workflow with its metadata.

    Parameters
    ----------
    path : path
    columns : sequence of str, optional
        Of a Parquet file, in this order; by default all.
    filters : optional
        Which rows, as in `pyarrow.parquet.read_table`.

    Raises
    ------
    UserError
        If the file is missing or damaged, lacks a column, or carries no metadata.
    NotRun
        If it says why there are no results.
    """
    path = Path(path)
    if path.suffix == ".json":
        content = read_json(path)
        return Result(
            {key: value for key, value in content.items() if key != "metadata"},
            read_metadata(path),
            str(path),
        )
    metadata = read_metadata(path)
    missing = set(columns or ()) - set(pq.read_schema(path).names)
    if missing:
        raise UserError(
            f"{path} lacks the column {', '.join(sorted(missing))}. Delete it and run the workflow "
            "again"
        )
    try:
        table = pq.read_table(path, columns=columns and list(columns), filters=filters)
    except (OSError, pa.ArrowInvalid) as error:
        raise UserError(
            f"cannot read {path}: {error}. Delete it and run the workflow again"
        ) from error
    return Result(table.replace_schema_metadata(), metadata, str(path))


class Several(dict[Any, Any]):
    """What was read, by name; ``not_run`` says of the rest why there is nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.not_run: dict[str, str] = {}


def read_each(
    read: Callable[[str | Path], Any],
    names: Sequence[Any],
    paths: Sequence[str | Path],
    *,
    needed: bool = True,
) -> Several:
    """Read several files, such as those of several tasks; each stands for itself.

    Raises
    ------
    UserError
        As `read`.
    NotRun
        If none of them holds results, and some are needed.
    """
    found = Several()
    for name, path in zip(names, paths, strict=True):
        try:
            found[name] = read(path)
        except NotRun as error:
            found.not_run[name] = str(error)
    if needed and found.not_run and not found:
        raise NotRun(next(iter(found.not_run.values())))
    return found


def read_results(
    names: Sequence[str],
    paths: Sequence[str | Path],
    columns: Sequence[str] | None = None,
    *,
    needed: bool = True,
) -> Several:
    """Read several files with `read_result`, as `read_each` does."""
    return read_each(lambda path: read_result(path, columns), names, paths, needed=needed)


def read_if_run(path: str | Path, columns: Sequence[str] | None = None) -> Result | None:
    """Read a file that can be done without: None for no path, and where there are no results."""
    try:
        return read_result(path, columns) if path else None
    except NotRun:
        return None


def write_result(result: Result, path: str | Path) -> None:
    """Write a result as Parquet or JSON, by the suffix, whole or not at all.

    Raises
    ------
    UserError
        If the disk is full or the folder cannot be written.
    """
    if Path(path).suffix == ".json":
        write_json(result.content, path, result.metadata)
    else:
        write_parquet(result.content, path, result.metadata)


def require_same(*results: Any, checkpoint: bool = True, **what: str) -> None:
    """Refuse results that do not belong together: the one place where origins are compared.

    Parameters
    ----------
    *results : objects with ``metadata`` and ``source``
        `Result`, an activation dump, a model. One whose metadata lack a field is passed over.
    checkpoint : bool
        Whether all must come from one checkpoint.
    **what : str
        Further fields that must agree, and what messages call them:
        ``stimuli_sha256="version of the stimuli"``. A field that is not at the top is looked for in
        ``config``.

    Raises
    ------
    UserError
        If two of them differ; it names both.
    """
    fields = ({"checkpoint_sha256": "checkpoint"} if checkpoint else {}) | what
    for key, words in fields.items():
        first: Any = None
        for result in results:
            made = result.metadata
            value = made.get(key, (made.get("config") or {}).get(key))
            if value is None:
                continue
            if first is None:
                first, expected = result, value
            elif value != expected:
                raise UserError(
                    f"{result.source} was made from another {words} than {first.source}. Delete "
                    "the one that is out of date, or both, and run the workflow again"
                )


def made_from(*results: Any, **fields: Any) -> dict[str, Any]:
    """Return the metadata of a result made from others: their checkpoint and stimuli, and `fields`.

    Parameters
    ----------
    *results : objects with ``metadata`` and ``source``
        All from one checkpoint. What several say of their stimuli is a sorted list.
    **fields
        As in `lstm_units.io.files.make_metadata`; they take precedence.

    Raises
    ------
    UserError
        If they come from several checkpoints.
    """
    require_same(*results)
    checkpoints = [result.metadata.get("checkpoint_sha256") for result in results]
    stimuli = [result.metadata.get("stimuli_sha256") for result in results]
    if len(stimuli) > 1:
        each = [value if isinstance(value, list) else [value] for value in stimuli]
        stimuli = [sorted({value for values in each for value in values if value})]
    origin = {
        "checkpoint_sha256": next(filter(None, checkpoints), None),
        "stimuli_sha256": next(iter(stimuli), None),
    }
    return make_metadata(**{**origin, **fields})
