"""Reading a prefix trie with an LSTM, a batch of interventions at a time."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from lstm_units.interventions.context_states import States
from lstm_units.interventions.interventions import Interventions, Mask, compile_masks
from lstm_units.interventions.prefix_trie import PrefixTrie, Tile, Walk, plan_walk
from lstm_units.models.cell import ScaledLayer, scale_layer, update_scaled
from lstm_units.models.language_model import LanguageModel


@dataclass(frozen=True)
class SweepSize:
    """How much is computed at a time; it changes memory and speed, never results.

    Parameters
    ----------
    memory : float
        Bytes that a sweep may use beyond the model itself.
    rows : int
        Rows (prefixes x interventions) of one matrix product.
    tile_rows : int
        Rows whose gates are updated together; on a CPU they should stay in the cache.
    """

    memory: float = 1.0 * 2**30
    rows: int = 2048
    tile_rows: int = 256


@torch.inference_mode()
def read_intact(
    model: LanguageModel,
    trie: PrefixTrie,
    states: States,
    layer: int,
    size: SweepSize | None = None,
) -> Tensor:
    """Return the intact model's hidden values of one layer at every node of a trie.

    Parameters
    ----------
    states : States
        One row: the state after the context.
    layer : int
        0-based.

    Returns
    -------
    Tensor of shape (nodes, units of the layer)
    """
    size = size or SweepSize()
    capture = Capture(trie.n_nodes, model.layer_sizes[layer], model)
    no_masks = compile_masks(model, Interventions("zero", ((),)))
    inputs = word_inputs(model, trie)
    reader = Reader(model, inputs, 0, layer + 1, no_masks, states, None)
    reader.read(plan(trie, 1, size), capture)
    return capture.hidden


@dataclass(frozen=True)
class Inputs:
    """The input half of the gates of the lowest layer read, for every node.

    ``gates[row_of[node]]`` has shape (4 * hidden,), bias included.
    """

    gates: Tensor
    row_of: Tensor


def word_inputs(model: LanguageModel, trie: PrefixTrie) -> Inputs:
    """Input half of the first layer's gates: one row per distinct word."""
    words, row_of = np.unique(trie.word, return_inverse=True)
    layer = scale_layer(model.layers[0], below=False)
    rows = torch.as_tensor(words, device=model.device)
    gates = torch.addmm(layer.bias, model.embedding[rows], layer.weight_ih_t)
    return Inputs(gates, torch.as_tensor(row_of.reshape(-1), device=model.device))


def layer_inputs(
    model: LanguageModel,
    trie: PrefixTrie,
    states: States,
    bottom: int,
    rows: Sequence[int],
    size: SweepSize,
) -> Inputs:
    """Input half of the gates of layer `bottom`, from the intact layers below it.

    Parameters
    ----------
    states : States
        The state after the context, one row per intervention.
    bottom : int
        0-based.
    rows : sequence of int
        Rows of `states`, none of whose interventions touches a layer below `bottom`.
    """
    if bottom == 0:
        return word_inputs(model, trie)
    # No intervention of these rows touches the layers below, so any row holds the intact states.
    hidden = read_intact(model, trie, states.subset(rows[:1]), bottom - 1, size)
    layer = scale_layer(model.layers[bottom], below=True)
    gates = torch.addmm(layer.bias, hidden / 2, layer.weight_ih_t)
    return Inputs(gates, torch.arange(trie.n_nodes, device=model.device))


def plan(trie: PrefixTrie, n: int, size: SweepSize) -> Walk:
    """Plan the walk of `n` interventions over a trie."""
    return plan_walk(trie, size.rows // n, size.tile_rows // n)


def scaled_bytes(model: LanguageModel, bottom: int) -> int:
    """Bytes of the scaled copies of the weights of the layers from `bottom` up, while made.

    Parameters
    ----------
    bottom : int
        0-based.
    """
    sizes = [layer.weight_ih.numel() + layer.weight_hh.numel() for layer in model.layers[bottom:]]
    return (sum(sizes) + max(sizes)) * model.embedding.element_size()


def walk_bytes(model: LanguageModel, walk: Walk, n: int, bottom: int) -> int:
    """Bytes that `Reader.read` and its sink allocate for a walk with `n` interventions.

    Parameters
    ----------
    bottom : int
        0-based; the lowest layer read.
    """
    sizes = model.layer_sizes[bottom:]
    per_slot = 2 * sum(sizes)
    per_parent = 6 * sum(sizes)  # products, and copies of both states
    per_child = 2 * sum(sizes) + 4 * sum(sizes[1:])
    if model.device.type == "cuda":
        per_child += sizes[-1]  # what is scored is copied
    values = walk.n_slots * per_slot + walk.max_parents * per_parent
    values += walk.max_children * per_child + walk.max_tile * 4 * sizes[0]
    return values * n * model.embedding.element_size()


class Sink(Protocol):
    """What takes the hidden values of the topmost layer read."""

    def take(self, nodes: np.ndarray, hidden: Tensor) -> None:
        """Take the values of some nodes.

        `hidden` has shape (nodes, batch, units): half the hidden values, as a `ScaledLayer`
        keeps them, overwritten where the mask says so. It is only valid during the call.

        Parameters
        ----------
        nodes : ndarray of int64, shape (nodes,)
            Node numbers of the trie.
        hidden : Tensor of shape (nodes, batch, units)
            Of the topmost layer read.
        """


class Capture:
    """A sink that keeps the values of a batch of one, at full size."""

    def __init__(self, n_nodes: int, size: int, model: LanguageModel) -> None:
        self.hidden = model.embedding.new_empty(n_nodes, size)

    def take(self, nodes: np.ndarray, hidden: Tensor) -> None:
        """Keep the values of some nodes.

        Parameters
        ----------
        nodes, hidden
            As in `Sink.take`.
        """
        self.hidden[torch.as_tensor(nodes, device=hidden.device)] = 2 * hidden[:, 0]


class Reader:
    """Reads a trie with layers `bottom` to `top` - 1 for one batch of interventions.

    Parameters
    ----------
    inputs : Inputs
        The input half of the gates of layer `bottom`.
    bottom, top : int
        0-based; the layers below `bottom` are the intact model's, those from `top` are not read.
    masks : sequence of Mask
        One per layer of the model.
    states : States
        One row per intervention of the batch: the state after the context.
    progress : callable, optional
        Called with the number of (prefix, intervention) pairs just read.
    """

    def __init__(
        self,
        model: LanguageModel,
        inputs: Inputs,
        bottom: int,
        top: int,
        masks: Sequence[Mask],
        states: States,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        self.inputs = inputs
        self.depths = range(bottom, top)
        self.layers: dict[int, ScaledLayer] = {
            depth: scale_layer(model.layers[depth], below=depth > 0) for depth in self.depths
        }
        self.masks = {depth: masks[depth].halved() for depth in self.depths}
        self.states = states
        self.n = states.hidden[0].shape[0]
        self.empty = model.embedding.new_empty
        self.device = model.device
        self.progress = progress

    def read(self, walk: Walk, sink: Sink) -> None:
        """Walk the trie and hand the values of the topmost layer to `sink`.

        Parameters
        ----------
        walk : Walk
            Over the trie that `inputs` was made from.
        sink : Sink
            Gets every node once, parents before children.
        """
        buffers = {depth: self._allocate(depth, walk) for depth in self.depths}
        for depth, buffer in buffers.items():
            buffer.hidden[0] = self.states.hidden[depth] / 2
            buffer.cell[0] = self.states.cell[depth] * 2
            self.masks[depth].apply(buffer.hidden[0])
        for step in walk.steps:
            slots = torch.as_tensor(step.parent_slots, device=self.device)
            parents = {d: self._multiply_parents(d, buffers[d], slots) for d in self.depths}
            for block in step.blocks:
                nodes = np.concatenate([tile.nodes.ravel() for tile in block])
                for depth in self.depths:
                    if depth == self.depths[0]:
                        self._read_bottom(buffers[depth], parents[depth], block)
                    else:
                        self._read_above(depth, buffers, parents[depth], block, len(nodes))
                    if not self.masks[depth].recurrence_only:
                        self.masks[depth].apply(buffers[depth].new_hidden[: len(nodes)])
                sink.take(nodes, buffers[self.depths[-1]].new_hidden[: len(nodes)])
                self._store(buffers.values(), nodes, step.child_slots)
                if self.progress is not None:
                    self.progress(len(nodes) * self.n)

    def _allocate(self, depth: int, walk: Walk) -> "_Buffers":
        n, size = self.n, self.layers[depth].size
        n_gates = walk.max_tile if depth == self.depths[0] else walk.max_children
        return _Buffers(
            hidden=self.empty(walk.n_slots, n, size),
            cell=self.empty(walk.n_slots, n, size),
            product=self.empty(walk.max_parents, n, 4 * size),
            gates=self.empty(n_gates, n, 4 * size),
            new_hidden=self.empty(walk.max_children, n, size),
            new_cell=self.empty(walk.max_children, n, size),
        )

    def _multiply_parents(self, depth: int, buffer: "_Buffers", slots: Tensor) -> "_Parents":
        """Recurrent half of the gates of all children of some parents: once per parent."""
        n, size, layer = self.n, self.layers[depth].size, self.layers[depth]
        product = buffer.product[: len(slots)]
        hidden = buffer.hidden.index_select(0, slots)
        torch.mm(hidden.view(-1, size), layer.weight_hh_t, out=product.view(-1, 4 * size))
        if depth > self.depths[0]:
            product += layer.bias
        cell = buffer.cell.index_select(0, slots)
        return _Parents(product.view(-1, 1, n, 4 * size), cell.view(-1, 1, n, size))

    def _read_bottom(self, buffer: "_Buffers", parents: "_Parents", block: Sequence[Tile]) -> None:
        """Update tile by tile: both halves of the gates are known, and a tile fits the cache."""
        for tile, children in _spans(block):
            shape = (*tile.nodes.shape, 1, -1)
            nodes = torch.as_tensor(tile.nodes.ravel(), device=self.device)
            gates = buffer.gates[: tile.nodes.size].view(*tile.nodes.shape, *buffer.gates.shape[1:])
            inputs = self.inputs.gates[self.inputs.row_of[nodes]].view(shape)
            torch.add(parents.product[tile.parents], inputs, out=gates)
            _update_tile(buffer, parents, tile, children, gates)

    def _read_above(
        self,
        depth: int,
        buffers: Mapping[int, "_Buffers"],
        parents: "_Parents",
        block: Sequence[Tile],
        n_nodes: int,
    ) -> None:
        """Multiply the layer below for the whole block, then update tile by tile."""
        buffer, below = buffers[depth], buffers[depth - 1].new_hidden[:n_nodes]
        for tile, children in _spans(block):
            gates = buffer.gates[children].view(*tile.nodes.shape, *buffer.gates.shape[1:])
            gates.copy_(parents.product[tile.parents].expand(gates.shape))
        gates = buffer.gates[:n_nodes].view(n_nodes * self.n, -1)
        gates.addmm_(below.view(n_nodes * self.n, -1), self.layers[depth].weight_ih_t)
        if self.masks[depth - 1].recurrence_only:
            self.masks[depth - 1].apply(below)  # this layer has read what the unit computed
        for tile, children in _spans(block):
            gates = buffer.gates[children].view(*tile.nodes.shape, *buffer.gates.shape[1:])
            _update_tile(buffer, parents, tile, children, gates)

    def _store(
        self, buffers: Iterable["_Buffers"], nodes: np.ndarray, child_slots: Mapping[int, int]
    ) -> None:
        """Keep the states of the nodes that have children."""
        kept = [p for p, node in enumerate(nodes.tolist()) if node in child_slots]
        if not kept:
            return
        source = torch.as_tensor(kept, device=self.device)
        slots = [child_slots[node] for node in nodes[kept].tolist()]
        target = torch.as_tensor(slots, device=self.device)
        for buffer in buffers:
            buffer.hidden.index_copy_(0, target, buffer.new_hidden.index_select(0, source))
            buffer.cell.index_copy_(0, target, buffer.new_cell.index_select(0, source))


@dataclass(frozen=True)
class _Buffers:
    """Memory of one layer; hidden values at half, cells at double their size."""

    hidden: Tensor  # (slots, batch, units): states waiting for their children
    cell: Tensor
    product: Tensor  # (parents, batch, 4 * units)
    gates: Tensor  # (children, batch, 4 * units)
    new_hidden: Tensor  # (children, batch, units)
    new_cell: Tensor


@dataclass(frozen=True)
class _Parents:
    """What the children of a step's parents share, with an axis of one for the siblings."""

    product: Tensor  # (parents, 1, batch, 4 * units)
    cell: Tensor  # (parents, 1, batch, units)


def _spans(block: Sequence[Tile]) -> Iterator[tuple[Tile, slice]]:
    """Yield each tile of a block with the place of its children in the block."""
    first = 0
    for tile in block:
        yield tile, slice(first, first + tile.nodes.size)
        first += tile.nodes.size


def _update_tile(
    buffer: _Buffers, parents: _Parents, tile: Tile, children: slice, gates: Tensor
) -> None:
    shape = (*tile.nodes.shape, *buffer.new_cell.shape[1:])
    update_scaled(
        gates,
        parents.cell[tile.parents],
        buffer.new_cell[children].view(shape),
        buffer.new_hidden[children].view(shape),
    )
