"""The ablation sweep: the margins of all items under thousands of interventions, fast and exact.

The work that a sentence-by-sentence protocol repeats is done once:

* each distinct prefix of a group of tasks is read once (`prefix_trie`);
* siblings in the trie share the recurrent product of their parent;
* layers below the ablated one are the intact model's, read once for all interventions, and so is
  the input half of the gates of the ablated layer;
* interventions are rows of one batch, so every product is a large one;
* only the compared verb forms are scored, by the difference of their decoder rows.

`sweep_reference` is the plain counterpart: edited weights in ``torch.nn.LSTM``, one intervention
and one item at a time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from lstm_units.errors import InterventionError
from lstm_units.gate_arithmetic import ScaledLayer, scale_layer, update_state
from lstm_units.interventions import Interventions, Mask, compile_masks, lowest_layer
from lstm_units.language_model import LanguageModel
from lstm_units.prefix_trie import PrefixTrie, Walk, build_trie, plan_walk

# Part of the memory for tables with one row per prefix; the rest is for batches of interventions.
_TABLES_SHARE = 0.25


@dataclass(frozen=True)
class Items:
    """What is scored: words before the verb, and the two forms, as vocabulary rows.

    Parameters
    ----------
    prefixes : tuple of tuple of int
    correct, wrong : ndarray of int64, shape (items,)
    """

    prefixes: tuple[tuple[int, ...], ...]
    correct: np.ndarray
    wrong: np.ndarray

    def __len__(self) -> int:
        return len(self.prefixes)

    def subset(self, chosen: Sequence[int]) -> "Items":
        """Return the items with the given indices, in that order."""
        return Items(
            tuple(self.prefixes[item] for item in chosen),
            self.correct[list(chosen)],
            self.wrong[list(chosen)],
        )


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

    def subset(self, rows: Sequence[int]) -> "States":
        """Return the states of some interventions, in that order."""
        rows = list(rows)
        return States(tuple(h[rows] for h in self.hidden), tuple(c[rows] for c in self.cell))


def zero_states(model: LanguageModel, n: int) -> States:
    """Return the state before any word, for `n` interventions."""
    zeros = tuple(model.embedding.new_zeros(n, size) for size in model.layer_sizes)
    return States(zeros, zeros)


@torch.inference_mode()
def read_context(
    model: LanguageModel, interventions: Interventions, context: Sequence[int]
) -> States:
    """Read the context under each intervention, all interventions as one batch.

    Parameters
    ----------
    model : LanguageModel
    interventions : Interventions
    context : sequence of int
        Vocabulary rows of the context; may be empty.

    Returns
    -------
    States
        One row per intervention.
    """
    n = len(interventions.sets)
    masks = compile_masks(model, interventions)
    layers = [scale_layer(layer, below=depth > 0) for depth, layer in enumerate(model.layers)]
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
            _scaled(masks[depth]).apply(read)
            gates.addmm_(read, layer.weight_hh_t)
            new_cell, new_hidden = torch.empty_like(cell[depth]), torch.empty_like(hidden[depth])
            update_state(gates, cell[depth], new_cell, new_hidden)
            hidden[depth], cell[depth] = new_hidden, new_cell
            below = new_hidden
            if not masks[depth].recurrence_only:
                below = new_hidden.clone()
                _scaled(masks[depth]).apply(below)
    return States(tuple(2 * h for h in hidden), tuple(c / 2 for c in cell))


@torch.inference_mode()
def sweep(
    model: LanguageModel,
    items: Items,
    interventions: Interventions,
    states: States | None = None,
    size: SweepSize | None = None,
    progress: Callable[[int], None] | None = None,
) -> np.ndarray:
    """Score every item under every intervention.

    Parameters
    ----------
    model : LanguageModel
    items : Items
    interventions : Interventions
        Single units or sets of units; one mode.
    states : States, optional
        The state after the context under each intervention (`read_context`); zeros by default.
    size : SweepSize, optional
        How much is computed at a time.
    progress : callable, optional
        Called with the number of (prefix, intervention) pairs just read.

    Returns
    -------
    ndarray of shape (interventions, items)
        log p(correct) - log p(wrong) after the words before the verb, in the model's precision.
        The normaliser of the softmax cancels, so it is never computed.

    Raises
    ------
    InterventionError
        If the model has no such unit.
    """
    size = size or SweepSize()
    compile_masks(model, interventions)  # refuses units that do not exist before any work
    states = states or zero_states(model, len(interventions.sets))
    margins = torch.empty(len(interventions.sets), len(items), dtype=model.dtype)
    lowest = [lowest_layer(model, units) for units in interventions.sets]
    for part in _partition(model, items, size):
        chosen = items.subset(part)
        trie = build_trie(chosen.prefixes)
        for bottom in sorted(set(lowest)):
            rows = [row for row, layer in enumerate(lowest) if layer == bottom]
            inputs = _layer_inputs(model, trie, states, bottom, rows, size)
            batches, fitting = _batches(model, trie, rows, bottom, size)
            for batch in batches:
                scorer = _Scorer(model, chosen, trie, len(batch))
                _Reader(
                    model,
                    inputs,
                    bottom,
                    len(model.layers),
                    compile_masks(model, interventions.subset(batch)),
                    states.subset(batch),
                    progress,
                ).read(trie, _plan(trie, len(batch), fitting), scorer)
                margins[np.ix_(batch, part)] = scorer.margins.cpu()
    return margins.numpy()


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
    model : LanguageModel
    trie : PrefixTrie
    states : States
        One row: the state after the context.
    layer : int
        0-based.
    size : SweepSize, optional

    Returns
    -------
    Tensor of shape (nodes, units of the layer)
    """
    size = size or SweepSize()
    capture = _Capture(trie.n_nodes, model.layer_sizes[layer], model)
    no_masks = compile_masks(model, Interventions("zero", ((),)))
    inputs = _word_inputs(model, trie)
    reader = _Reader(model, inputs, 0, layer + 1, no_masks, states, None)
    reader.read(trie, _plan(trie, 1, size), capture)
    return capture.hidden


@dataclass(frozen=True)
class _Inputs:
    """The input half of the gates of the lowest layer read, for every node.

    ``gates[row_of[node]]`` has shape (4 * hidden,), bias included.
    """

    gates: Tensor
    row_of: Tensor


def _word_inputs(model: LanguageModel, trie: PrefixTrie) -> _Inputs:
    """Input half of the first layer's gates: one row per distinct word."""
    words, row_of = np.unique(trie.word, return_inverse=True)
    layer = scale_layer(model.layers[0], below=False)
    rows = torch.as_tensor(words, device=model.device)
    gates = torch.addmm(layer.bias, model.embedding[rows], layer.weight_ih_t)
    return _Inputs(gates, torch.as_tensor(row_of.reshape(-1), device=model.device))


def _layer_inputs(
    model: LanguageModel,
    trie: PrefixTrie,
    states: States,
    bottom: int,
    rows: Sequence[int],
    size: SweepSize,
) -> _Inputs:
    """Input half of the gates of layer `bottom`, from the intact layers below it."""
    if bottom == 0:
        return _word_inputs(model, trie)
    # No intervention of these rows touches the layers below, so any row holds the intact states.
    hidden = read_intact(model, trie, states.subset(rows[:1]), bottom - 1, size)
    layer = scale_layer(model.layers[bottom], below=True)
    gates = torch.addmm(layer.bias, hidden / 2, layer.weight_ih_t)
    return _Inputs(gates, torch.arange(trie.n_nodes, device=model.device))


def _plan(trie: PrefixTrie, n: int, size: SweepSize) -> Walk:
    return plan_walk(trie, size.rows // n, size.tile_rows // n)


def _walk_bytes(model: LanguageModel, walk: Walk, n: int, bottom: int) -> int:
    """Bytes that `_Reader.read` allocates for a walk with `n` interventions."""
    sizes = model.layer_sizes[bottom:]
    per_slot = 2 * sum(sizes)
    per_parent = 6 * sum(sizes)  # products, and copies of both states
    per_child = 2 * sum(sizes) + 4 * sum(sizes[1:]) + 4 * sizes[0]
    values = walk.n_slots * per_slot + walk.max_parents * per_parent + walk.max_children * per_child
    return values * n * model.embedding.element_size()


def _batches(
    model: LanguageModel, trie: PrefixTrie, rows: Sequence[int], bottom: int, size: SweepSize
) -> tuple[list[list[int]], SweepSize]:
    """Cut interventions into batches that fit the memory, with smaller products if they must."""
    budget = size.memory * (1 - _TABLES_SHARE)
    while True:
        n = min(len(rows), max(1, size.rows // 4))
        needed = _walk_bytes(model, _plan(trie, n, size), n, bottom)
        if needed <= budget:
            break
        if size.rows == 1:
            raise InterventionError(
                f"the sweep cannot work within {size.memory / 2**30:.3g} GiB: one intervention on "
                f"one prefix at a time needs {needed / (1 - _TABLES_SHARE) / 2**30:.3g} GiB. Raise "
                "`memory` (key ablation.memory in config.yaml)"
            )
        size = replace(size, rows=size.rows // 2)
    parts = np.array_split(np.asarray(rows), -(-len(rows) // n))
    return [part.tolist() for part in parts], size


def _partition(model: LanguageModel, items: Items, size: SweepSize) -> list[list[int]]:
    """Cut the items into neighbours of the trie whose per-node tables fit their share of memory.

    The tables are the input half of the gates, and the intact hidden values it is made from.
    """
    per_node = 5 * max(model.layer_sizes) * model.embedding.element_size()
    order = sorted(range(len(items)), key=items.prefixes.__getitem__)
    parts = [order]
    while parts:
        largest = max(sum(len(items.prefixes[item]) for item in part) for part in parts)
        if largest * per_node <= size.memory * _TABLES_SHARE or len(parts[0]) <= 1:
            break
        # Total words are an upper bound on nodes; the exact count is only needed near the limit.
        nodes = max(build_trie([items.prefixes[item] for item in p]).n_nodes for p in parts)
        if nodes * per_node <= size.memory * _TABLES_SHARE:
            break
        parts = [half for part in parts for half in _halves(part)]
    return parts


def _halves(part: list[int]) -> list[list[int]]:
    middle = (len(part) + 1) // 2
    return [half for half in (part[:middle], part[middle:]) if half]


def _scaled(mask: Mask) -> Mask:
    """Return the mask for hidden values stored at half their size."""
    return replace(mask, values=mask.values / 2)


class _Scorer:
    """Takes the last layer's hidden values of each node and scores the items that end there."""

    def __init__(self, model: LanguageModel, items: Items, trie: PrefixTrie, n: int) -> None:
        pairs, pair_of = np.unique(
            np.stack([items.correct, items.wrong], axis=1), axis=0, return_inverse=True
        )
        correct, wrong = (torch.as_tensor(column, device=model.device) for column in pairs.T)
        weight = model.decoder_weight
        self.weight = 2 * (weight[correct] - weight[wrong])  # hidden values come at half size
        self.bias = model.decoder_bias[correct] - model.decoder_bias[wrong]
        order = np.argsort(trie.item_node, kind="stable")
        node = trie.item_node[order]
        self.pair_of = torch.as_tensor(pair_of.reshape(-1)[order], device=model.device)
        self.items = torch.as_tensor(order, device=model.device)
        self.first = np.searchsorted(node, np.arange(trie.n_nodes))
        self.last = np.searchsorted(node, np.arange(trie.n_nodes), side="right")
        self.margins = model.embedding.new_empty(n, len(items))

    def take(self, nodes: np.ndarray, hidden: Tensor) -> None:
        """Score; `hidden` has shape (nodes, batch, units), half size, overwritten values in it."""
        for position, node in enumerate(nodes.tolist()):
            first, last = self.first[node], self.last[node]
            if first < last:
                pairs = self.pair_of[first:last]
                scores = torch.addmm(self.bias[pairs], hidden[position], self.weight[pairs].T)
                self.margins[:, self.items[first:last]] = scores


class _Capture:
    """Keeps the hidden values of the topmost layer read, at full size."""

    def __init__(self, n_nodes: int, size: int, model: LanguageModel) -> None:
        self.hidden = model.embedding.new_empty(n_nodes, size)

    def take(self, nodes: np.ndarray, hidden: Tensor) -> None:
        """Keep; `hidden` has shape (nodes, 1, units)."""
        self.hidden[torch.as_tensor(nodes, device=hidden.device)] = 2 * hidden[:, 0]


class _Reader:
    """Reads a trie with layers ``bottom`` to ``top`` - 1 for one batch of interventions."""

    def __init__(
        self,
        model: LanguageModel,
        inputs: _Inputs,
        bottom: int,
        top: int,
        masks: Sequence[Mask],
        states: States,
        progress: Callable[[int], None] | None,
    ) -> None:
        self.inputs = inputs
        self.depths = range(bottom, top)
        self.layers: dict[int, ScaledLayer] = {
            depth: scale_layer(model.layers[depth], below=depth > 0) for depth in self.depths
        }
        self.masks = {depth: _scaled(masks[depth]) for depth in self.depths}
        self.states = states
        self.n = states.hidden[0].shape[0]
        self.empty = model.embedding.new_empty
        self.device = model.device
        self.progress = progress

    def read(self, trie: PrefixTrie, walk: Walk, sink: "_Scorer | _Capture") -> None:
        """Walk the trie and hand the hidden values of the topmost layer to `sink`."""
        n, bottom = self.n, self.depths[0]
        size = {depth: layer.size for depth, layer in self.layers.items()}
        hidden = {d: self.empty(walk.n_slots, n, size[d]) for d in self.depths}
        cell = {d: self.empty(walk.n_slots, n, size[d]) for d in self.depths}
        product = {d: self.empty(walk.max_parents * n, 4 * size[d]) for d in self.depths}
        new_hidden = {d: self.empty(walk.max_children, n, size[d]) for d in self.depths}
        new_cell = {d: self.empty(walk.max_children, n, size[d]) for d in self.depths}
        above = {d: self.empty(walk.max_children, n, 4 * size[d]) for d in self.depths[1:]}
        widest_tile = max(t.nodes.size for s in walk.steps for b in s.blocks for t in b)
        tile_gates = self.empty(widest_tile * n * 4 * size[bottom])
        for d in self.depths:
            hidden[d][0] = self.states.hidden[d] / 2
            cell[d][0] = self.states.cell[d] * 2
            self.masks[d].apply(hidden[d][0])

        for step in walk.steps:
            slots = torch.as_tensor(step.parent_slots, device=self.device)
            n_parents = len(slots)
            parent_product, parent_cell = {}, {}
            for d in self.depths:
                rows = hidden[d].index_select(0, slots).view(n_parents * n, size[d])
                out = product[d][: n_parents * n]
                torch.mm(rows, self.layers[d].weight_hh_t, out=out)
                if d > bottom:
                    out += self.layers[d].bias
                parent_product[d] = out.view(n_parents, 1, n, 4 * size[d])
                parent_cell[d] = cell[d].index_select(0, slots).view(n_parents, 1, n, size[d])
            for block in step.blocks:
                nodes = np.concatenate([part.nodes.ravel() for part in block])
                n_nodes = len(nodes)
                for d in self.depths:
                    first = 0
                    if d > bottom:
                        # The recurrent half goes in first, the product is added onto it.
                        for part in block:
                            last = first + part.nodes.size
                            shape = (*part.nodes.shape, n, 4 * size[d])
                            above[d][first:last].view(shape).copy_(
                                parent_product[d][part.parents].expand(shape)
                            )
                            first = last
                        flat = above[d][:n_nodes].view(n_nodes * n, 4 * size[d])
                        below = new_hidden[d - 1][:n_nodes].view(n_nodes * n, size[d - 1])
                        flat.addmm_(below, self.layers[d].weight_ih_t)
                        # Only now may a recurrence-only mask overwrite what the layer above read.
                        if self.masks[d - 1].recurrence_only:
                            self.masks[d - 1].apply(new_hidden[d - 1][:n_nodes])
                    first = 0
                    for part in block:
                        last = first + part.nodes.size
                        shape = (*part.nodes.shape, n, size[d])
                        if d == bottom:
                            rows = self.inputs.row_of[
                                torch.as_tensor(part.nodes.ravel(), device=self.device)
                            ]
                            gates = tile_gates[: part.nodes.size * n * 4 * size[d]]
                            gates = gates.view(*part.nodes.shape, n, 4 * size[d])
                            shared = self.inputs.gates[rows]
                            torch.add(
                                parent_product[d][part.parents],
                                shared.view(*part.nodes.shape, 1, 4 * size[d]),
                                out=gates,
                            )
                        else:
                            gates = above[d][first:last].view(*part.nodes.shape, n, 4 * size[d])
                        update_state(
                            gates,
                            parent_cell[d][part.parents],
                            new_cell[d][first:last].view(shape),
                            new_hidden[d][first:last].view(shape),
                        )
                        first = last
                    if not self.masks[d].recurrence_only:
                        self.masks[d].apply(new_hidden[d][:n_nodes])
                top = self.depths[-1]
                sink.take(nodes, new_hidden[top][:n_nodes])
                kept = [p for p, node in enumerate(nodes.tolist()) if node in step.child_slots]
                if kept:
                    source = torch.as_tensor(kept, device=self.device)
                    target = torch.as_tensor(
                        [step.child_slots[int(nodes[p])] for p in kept], device=self.device
                    )
                    for d in self.depths:
                        hidden[d].index_copy_(0, target, new_hidden[d].index_select(0, source))
                        cell[d].index_copy_(0, target, new_cell[d].index_select(0, source))
                if self.progress is not None:
                    self.progress(n_nodes * n)
