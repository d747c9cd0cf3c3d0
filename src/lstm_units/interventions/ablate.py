"""Ablating units: the states after the context, then the margins of items, by unit or by set."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from lstm_units.errors import InterventionError, UserError
from lstm_units.interventions.context_states import States, read_context
from lstm_units.interventions.interventions import Interventions, single_units
from lstm_units.interventions.model_inputs import (
    Compute,
    Context,
    Group,
    model_metadata,
    sweep_size,
)
from lstm_units.interventions.prefix_trie import build_trie
from lstm_units.interventions.sweep import sweep
from lstm_units.io.files import atomic_path, make_metadata, with_metadata
from lstm_units.io.results import Result, require_same
from lstm_units.io.unit_columns import unit_array
from lstm_units.models.language_model import LanguageModel
from lstm_units.runtime.console import progress

Bar = Callable[[int], AbstractContextManager[Any]]  # of a total; what it gives has ``update(n)``


@dataclass(frozen=True)
class SweptMargins:
    """The margins of all items of a group of tasks under each of some interventions.

    Parameters
    ----------
    key : {"unit", "set"}
    numbers : sequence of int
        1-based units, or numbers of sets; one per intervention.
    values : ndarray of shape (interventions, items)
        log p(correct) - log p(wrong), in nats.
    metadata : mapping
    """

    key: str
    numbers: Sequence[int]
    group: Group
    values: np.ndarray
    metadata: dict[str, Any]

    def table(self, rows: slice = slice(None)) -> pa.Table:
        """Return ``unit`` or ``set``, ``task, item, margin`` of some interventions."""
        values, group = self.values[rows], self.group
        n, n_items = values.shape
        code = np.tile(group.task, n)
        task = pa.DictionaryArray.from_arrays(
            pa.array(code, pa.int8() if len(group.names) < 128 else pa.int16()),
            pa.array(group.names, pa.string()),
        )
        numbers = np.repeat(np.asarray(self.numbers[rows], dtype=np.int64), n_items)
        return pa.table(
            {
                self.key: pa.array(numbers, unit_array(self.numbers).type),
                "task": task,
                "item": pa.array(np.tile(group.number, n), pa.int32()),
                "margin": pa.array(values.ravel().astype(np.float32)),
            }
        )


def context_states(
    model: LanguageModel,
    context: Context,
    mode: str,
    units: Sequence[int],
    means: Result | None = None,
) -> Result:
    """Return the state after the context for each of some units ablated alone.

    Parameters
    ----------
    mode : str
        Of `lstm_units.interventions.interventions.MODES`.
    units : sequence of int
        1-based.
    means : Result, optional
        For mode ``mean``: from `lstm_units.interventions.intact.mean_values`.

    Returns
    -------
    Result
        `States`, one row per unit, in their order.
    """
    interventions = single_units(mode, units, _values(means))
    states = read_context(model, interventions, context.ids(model.vocabulary, ablated=True))
    metadata = make_metadata(
        kind="context states",
        config={"mode": mode, "precision": model.precision, **context.metadata(model.vocabulary)},
        units=list(map(int, units)),
        checkpoint_sha256=model.sha256,
    )
    return Result(states, metadata, "the states after the context")


def _console_bar(total: int) -> AbstractContextManager[Any]:
    return progress(total=total, description="ablation", unit="prefixes")


def unit_margins(
    model: LanguageModel,
    group: Group,
    states: Result,
    units: Sequence[int],
    compute: Compute,
    means: Result | None = None,
    bar: Bar = _console_bar,
) -> SweptMargins:
    """Ablate each of some units alone, in the mode of the states after the context.

    Parameters
    ----------
    group : Group
        Tasks that share one trie.
    states : Result
        From `context_states`, of these units and others.
    units : sequence of int
        1-based.
    means : Result, optional
        For mode ``mean``.
    bar : callable, optional
        Shows how far it is.

    Raises
    ------
    UserError
        If the states are of another checkpoint or precision.
    InterventionError
        If a unit is not among those of the states.
    """
    require_same(states, model)
    if states.config["precision"] != model.precision:
        raise UserError(
            f"{states.source} was made in another precision, {states.config['precision']}, than "
            f"the model has, {model.precision}. Delete it and run the workflow again"
        )
    row_of = {unit: row for row, unit in enumerate(states.metadata["units"])}
    if not set(units) <= set(row_of):
        raise InterventionError(
            f"{states.source} holds no states for units {units[0]} to {units[-1]}. Delete it and "
            "run the workflow again"
        )
    mode = states.config["mode"]
    after = states.content.to(model.device).subset([row_of[unit] for unit in units])
    interventions = single_units(mode, units, _values(means))
    values = _swept(model, group, interventions, after, compute, bar)
    config = {"mode": mode, "tasks": list(group.names)}
    return SweptMargins(
        "unit", units, group, values, model_metadata("ablation", model, group, **config)
    )


def set_margins(
    model: LanguageModel,
    group: Group,
    sets: Result,
    numbers: range,
    context: Context,
    mode: str,
    compute: Compute,
    means: Result | None = None,
) -> SweptMargins:
    """Ablate sets of units, each set together.

    Parameters
    ----------
    group : Group
        Tasks that share one trie.
    sets : Result
        ``set, unit``: one row for each unit of each set.
    numbers : range
        The sets to ablate; numbers that `sets` does not have are passed over.
    means : Result, optional
        For mode ``mean``.
    """
    members: dict[int, list[int]] = {}
    for number, unit in zip(
        *(sets.content[name].to_pylist() for name in ("set", "unit")), strict=True
    ):
        if number in numbers:
            members.setdefault(number, []).append(unit)
    chosen = sorted(members)
    values = np.empty((0, len(group.items)))
    if chosen:
        units = tuple(tuple(members[number]) for number in chosen)
        interventions = Interventions(mode, units, _values(means))
        after = read_context(model, interventions, context.ids(model.vocabulary, ablated=True))
        values = _swept(model, group, interventions, after, compute, _console_bar)
    config = {"mode": mode, "tasks": list(group.names), **context.metadata(model.vocabulary)}
    metadata = model_metadata("ablation of sets", model, group, **config)
    return SweptMargins("set", chosen, group, values, metadata)


def write_margins(margins: SweptMargins, path: str | Path) -> None:
    """Write one row group per unit or set, so that a reader needs only one in memory."""
    schema = with_metadata(margins.table(slice(0)).schema, margins.metadata)
    with (
        atomic_path(path) as temporary,
        pq.ParquetWriter(temporary, schema, compression="zstd") as writer,
    ):
        for row in range(len(margins.numbers)):
            table = margins.table(slice(row, row + 1))
            writer.write_table(table, row_group_size=max(1, len(table)))


def _swept(
    model: LanguageModel,
    group: Group,
    interventions: Interventions,
    states: States,
    compute: Compute,
    bar: Bar,
) -> np.ndarray:
    total = build_trie(group.items.prefixes).n_nodes * len(interventions.sets)
    size = sweep_size(compute, model.device)
    with bar(total) as shown:
        return sweep(model, group.items, interventions, states, size, shown.update)


def _values(means: Result | None) -> Tensor | None:
    return None if means is None else torch.from_numpy(means.content["mean"].to_numpy().copy())
