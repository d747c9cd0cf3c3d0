"""The steps of an experiment that ablate units: the context, single units, sets of units."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from lstm_units.errors import InterventionError, UserError
from lstm_units.interventions.context_states import States, read_context, read_states, write_states
from lstm_units.interventions.interventions import Interventions, single_units
from lstm_units.interventions.model_inputs import (
    Compute,
    Context,
    Group,
    loaded_model,
    model_metadata,
    read_group,
    sweep_size,
)
from lstm_units.interventions.prefix_trie import build_trie
from lstm_units.interventions.sweep import sweep
from lstm_units.io.files import atomic_path, make_metadata, with_metadata
from lstm_units.io.unit_columns import unit_array
from lstm_units.models.language_model import LanguageModel
from lstm_units.runtime.console import progress


def write_context_states(
    checkpoint: str | Path,
    context: Context,
    mode: str,
    units: Sequence[int],
    compute: Compute,
    output: str | Path,
    means: str | Path | None = None,
) -> None:
    """Write the state after the context for each of some units ablated alone, in their order.

    Parameters
    ----------
    checkpoint, mode, compute, means
        As in `write_shard`.
    context : Context
    units : sequence of int
        1-based.
    output : path
        A safetensors file, see `lstm_units.interventions.context_states.write_states`; one row
        per unit.
    """
    with loaded_model(checkpoint, compute) as model:
        interventions = single_units(mode, units, _read_means(means))
        states = read_context(model, interventions, context.ids(model.vocabulary, ablated=True))
        metadata = make_metadata(
            kind="context states",
            config={"mode": mode, "precision": compute.precision, **context.metadata()},
            units=list(map(int, units)),
            checkpoint_sha256=model.sha256,
        )
        write_states(states, output, metadata)


def write_shard(
    checkpoint: str | Path,
    stimuli_by_task: Mapping[str, str | Path],
    states: str | Path,
    states_first: int,
    mode: str,
    units: Sequence[int],
    compute: Compute,
    output: str | Path,
    means: str | Path | None = None,
) -> None:
    """Ablate each of some units alone, on a group of tasks: ``unit, task, item, margin``.

    Parameters
    ----------
    checkpoint : path
        Folder of a converted checkpoint.
    stimuli_by_task : mapping of str to path
        The tasks of the group; they share one trie.
    states : path
        From `write_context_states`, for consecutive units from `states_first`.
    states_first : int
        1-based number of the unit in the first row of `states`.
    mode : str
    units : sequence of int
        1-based.
    compute : Compute
    output : path
        One row group per unit; rows are sorted by unit, task, item.
    means : path, optional
        From `write_means`, for mode ``mean``.
    """
    with loaded_model(checkpoint, compute) as model:
        after_context = _check_states(read_states(states, model.device), model, states)
        rows = [unit - states_first for unit in units]
        if not all(0 <= row < after_context.hidden[0].shape[0] for row in rows):
            raise InterventionError(
                f"{states} holds no states for units {units[0]} to {units[-1]}. Delete it and run "
                "the workflow again"
            )
        interventions = single_units(mode, units, _read_means(means))
        group = read_group(stimuli_by_task, model.vocabulary)
        margins = _run(model, group, interventions, after_context.subset(rows), compute)
    metadata = model_metadata(
        "ablation", model, compute, group, mode=mode, tasks=list(stimuli_by_task)
    )
    _write_margins("unit", units, group, margins, output, metadata)


def write_set_shard(
    checkpoint: str | Path,
    stimuli_by_task: Mapping[str, str | Path],
    sets: str | Path,
    numbers: range,
    context: Context,
    mode: str,
    compute: Compute,
    output: str | Path,
    means: str | Path | None = None,
) -> None:
    """Ablate sets of units, each set together, on a group of tasks: ``set, task, item, margin``.

    Parameters
    ----------
    checkpoint, stimuli_by_task, mode, compute, means
        As for `write_shard`.
    sets : path
        ``set, unit, seed``: one row for each unit of each set.
    numbers : range
        The sets to ablate; numbers that `sets` does not have are passed over.
    context : Context
    output : path
        One row group per set; a file without rows when there is no set.
    """
    members: dict[int, list[int]] = {}
    for row in pq.read_table(sets, columns=["set", "unit"]).to_pylist():
        if row["set"] in numbers:
            members.setdefault(row["set"], []).append(row["unit"])
    chosen = sorted(members)
    with loaded_model(checkpoint, compute) as model:
        group = read_group(stimuli_by_task, model.vocabulary)
        margins = np.empty((0, len(group.items)))
        if chosen:
            interventions = Interventions(
                mode, tuple(tuple(members[number]) for number in chosen), _read_means(means)
            )
            after = read_context(model, interventions, context.ids(model.vocabulary, ablated=True))
            margins = _run(model, group, interventions, after, compute)
    config = {"mode": mode, "tasks": list(stimuli_by_task), **context.metadata()}
    metadata = model_metadata("ablation of sets", model, compute, group, **config)
    _write_margins("set", chosen, group, margins, output, metadata)


def _run(
    model: LanguageModel,
    group: Group,
    interventions: Interventions,
    states: States,
    compute: Compute,
) -> np.ndarray:
    total = build_trie(group.items.prefixes).n_nodes * len(interventions.sets)
    with progress(total=total, description="ablation", unit="prefixes") as bar:
        return sweep(
            model, group.items, interventions, states, sweep_size(compute, model.device), bar.update
        )


def _read_means(path: str | Path | None) -> Tensor | None:
    if path is None:
        return None
    return torch.from_numpy(pq.read_table(path).column("mean").to_numpy().copy())


def _check_states(states: States, model: LanguageModel, path: str | Path) -> States:
    found = tuple((h.shape[1], h.dtype) for h in states.hidden)
    expected = tuple((size, model.dtype) for size in model.layer_sizes)
    if found != expected:
        raise UserError(
            f"{path} was made for another model or precision. Delete it and run the workflow again"
        )
    return states


def _write_margins(
    key: str,
    keys: Sequence[int],
    group: Group,
    margins: np.ndarray,
    output: str | Path,
    metadata: Mapping[str, Any],
) -> None:
    """Write one row group per unit or set, so that a reader needs only one in memory."""
    task = pa.DictionaryArray.from_arrays(
        pa.array(group.task, pa.int8() if len(group.names) < 128 else pa.int16()),
        pa.array(group.names, pa.string()),
    )
    item = pa.array(group.number, pa.int32())
    key_type = unit_array(keys).type
    schema = pa.schema(
        [(key, key_type), ("task", task.type), ("item", item.type), ("margin", pa.float32())]
    )
    schema = with_metadata(schema, metadata)
    with (
        atomic_path(output) as temporary,
        pq.ParquetWriter(temporary, schema, compression="zstd") as writer,
    ):
        for number, row in zip(keys, margins, strict=True):
            columns = [
                pa.array(np.full(len(item), number), key_type),
                task,
                item,
                pa.array(row.astype(np.float32)),
            ]
            writer.write_table(pa.table(columns, schema=schema), row_group_size=max(1, len(item)))
