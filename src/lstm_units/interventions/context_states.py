"""Reading the context under each intervention, and keeping the states after it.

Every item starts from the state after the same few sentences (Lakretz et al. 2019, supplement), and
the ablation is on while they are read. So the context is read once per intervention, and all
interventions of a layer are one batch.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from lstm_units.errors import NotRun, UserError
from lstm_units.interventions.interventions import Interventions, compile_masks
from lstm_units.io.files import METADATA_KEY, NOT_RUN, atomic_path, encode_metadata
from lstm_units.io.results import Result
from lstm_units.models.cell import ScaledLayer, scale_layer, update_scaled
from lstm_units.models.language_model import LanguageModel

_BATCH = 512  # interventions that read the context together


@dataclass(frozen=True)
class States:
    """The state of every layer before the first word of an item.

    Parameters
    ----------
    hidden, cell : tuple of Tensor of shape (interventions, units of the layer)
        ``hidden`` is what the unit computed; overwriting happens where it is read.
    """

    hidden: tuple[Tensor, ...]
    cell: tuple[Tensor, ...]

    def to(self, device: torch.device) -> "States":
        """Return the states on a device."""
        return States(
            tuple(hidden.to(device) for hidden in self.hidden),
            tuple(cell.to(device) for cell in self.cell),
        )

    def subset(self, rows: Sequence[int]) -> "States":
        """Return the states of some interventions, in that order."""
        rows = list(rows)
        return States(tuple(h[rows] for h in self.hidden), tuple(c[rows] for c in self.cell))


def zero_states(model: LanguageModel, n: int) -> States:
    """Return the state before any word, for `n` interventions.

    Returns
    -------
    States
        Zeros in the model's precision, one row per intervention.
    """
    zeros = tuple(model.embedding.new_zeros(n, size) for size in model.layer_sizes)
    return States(zeros, zeros)


@torch.inference_mode()
def read_context(
    model: LanguageModel, interventions: Interventions, context: Sequence[int]
) -> States:
    """Read the context under each intervention, many interventions as one batch.

    Parameters
    ----------
    context : sequence of int
        Vocabulary rows of the context; may be empty.

    Returns
    -------
    States
        One row per intervention.
    """
    layers = [scale_layer(layer, below=depth > 0) for depth, layer in enumerate(model.layers)]
    n = len(interventions.sets)
    batches = [range(first, min(first + _BATCH, n)) for first in range(0, n, _BATCH)] or [range(0)]
    parts = [_read_batch(model, layers, interventions.subset(rows), context) for rows in batches]
    return States(
        tuple(torch.cat(tensors) for tensors in zip(*(p.hidden for p in parts), strict=True)),
        tuple(torch.cat(tensors) for tensors in zip(*(p.cell for p in parts), strict=True)),
    )


def _read_batch(
    model: LanguageModel,
    layers: Sequence[ScaledLayer],
    interventions: Interventions,
    context: Sequence[int],
) -> States:
    n = len(interventions.sets)
    masks = [mask.halved() for mask in compile_masks(model, interventions)]
    hidden = [model.embedding.new_zeros(n, size) for size in model.layer_sizes]
    cell = [torch.zeros_like(state) for state in hidden]
    for word in context:
        below: Tensor | None = None
        for depth, layer in enumerate(layers):
            if depth == 0:
                gates = (layer.weight_ih_t.T @ model.embedding[word] + layer.bias).repeat(n, 1)
            else:
                gates = torch.addmm(layer.bias, below, layer.weight_ih_t)
            read = hidden[depth].clone()
            masks[depth].apply(read)
            gates.addmm_(read, layer.weight_hh_t)
            new_cell, new_hidden = torch.empty_like(cell[depth]), torch.empty_like(hidden[depth])
            update_scaled(gates, cell[depth], new_cell, new_hidden)
            hidden[depth], cell[depth] = new_hidden, new_cell
            below = new_hidden
            if not masks[depth].recurrence_only:
                below = new_hidden.clone()
                masks[depth].apply(below)
    return States(tuple(2 * h for h in hidden), tuple(c / 2 for c in cell))


def write_states(result: Result, path: str | Path) -> None:
    """Write `States` as safetensors (``hidden_l0``, ``cell_l0``, ...), whole or not at all."""
    tensors = {}
    states = result.content
    for depth, (hidden, cell) in enumerate(zip(states.hidden, states.cell, strict=True)):
        tensors[f"hidden_l{depth}"] = hidden.cpu().contiguous()
        tensors[f"cell_l{depth}"] = cell.cpu().contiguous()
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, metadata=encode_metadata(result.metadata))


def read_states(path: str | Path) -> Result:
    """Read what `write_states` wrote.

    Raises
    ------
    UserError
        If the file is missing or damaged, or carries no metadata.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metadata = json.loads((file.metadata() or {})[METADATA_KEY])
    except (OSError, SafetensorError, KeyError) as error:
        raise UserError(
            f"cannot read {path}: {error}. Delete it and run the workflow again"
        ) from error
    if NOT_RUN in metadata:
        raise NotRun(metadata[NOT_RUN])
    layers = range(len(tensors) // 2)
    states = States(
        tuple(tensors[f"hidden_l{depth}"] for depth in layers),
        tuple(tensors[f"cell_l{depth}"] for depth in layers),
    )
    return Result(states, metadata, str(path))
