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

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from lstm_units.errors import InterventionError
from lstm_units.interventions.context_states import States, zero_states
from lstm_units.interventions.interventions import Interventions, compile_masks, lowest_layer
from lstm_units.interventions.prefix_trie import PrefixTrie, build_trie
from lstm_units.interventions.trie_reader import (
    Inputs,
    Reader,
    SweepSize,
    layer_inputs,
    plan,
    scaled_bytes,
    walk_bytes,
)
from lstm_units.models.language_model import LanguageModel
from lstm_units.runtime.devices import is_out_of_memory

_LOGGER = logging.getLogger(__name__)
# Part of the memory for tables with one row per prefix; the rest is for batches of interventions.
_TABLES_SHARE = 0.25


@dataclass(frozen=True)
class Items:
    """What is scored: words before the verb, and the two forms, as vocabulary rows.

    Parameters
    ----------
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
    task = _Task(model, items, interventions, states, margins, progress)
    lowest = [lowest_layer(model, units) for units in interventions.sets]
    sizes = {bottom: size for bottom in sorted(set(lowest))}
    for part in partition(model, items, size):
        for bottom in sizes:
            rows = [row for row, layer in enumerate(lowest) if layer == bottom]
            sizes[bottom] = _sweep_part(task, part, rows, bottom, sizes[bottom])
    return margins.numpy()


@dataclass(frozen=True)
class _Task:
    """What a sweep is to do, and where its margins go."""

    model: LanguageModel
    items: Items
    interventions: Interventions
    states: States
    margins: Tensor
    progress: Callable[[int], None] | None


def _sweep_part(
    task: _Task, part: Sequence[int], rows: Sequence[int], bottom: int, size: SweepSize
) -> SweepSize:
    """Score some items under some interventions; return the size that the memory allowed.

    Where the memory of a GPU runs out, what is missing is done with half as much, and so on.
    """
    model, done = task.model, 0
    chosen = task.items.subset(part)
    trie = build_trie(chosen.prefixes)
    batches, fitting = _batches(model, trie, rows, bottom, size)
    try:
        inputs = layer_inputs(model, trie, task.states, bottom, rows, fitting)
        for batch in batches:
            found = _sweep_batch(task, chosen, trie, inputs, batch, bottom, fitting)
            task.margins[np.ix_(batch, part)] = found
            done += len(batch)
        return size
    except RuntimeError as error:
        n = len(batches[0])
        needed = walk_bytes(model, plan(trie, n, fitting), n, bottom)
        least = _least(model, chosen, bottom, size)
        if needed <= least or not is_out_of_memory(error):
            raise
        smaller = replace(size, memory=_memory_for(model, max(needed / 2, least), bottom))
    # Outside of the handler, where the error no longer holds the tensors.
    torch.cuda.empty_cache()
    _LOGGER.info("the GPU's memory ran out: going on with %.3g GiB", smaller.memory / 2**30)
    for piece in partition(model, chosen, smaller):
        least = _memory_for(model, _least(model, chosen.subset(piece), bottom, smaller), bottom)
        smaller = replace(smaller, memory=max(smaller.memory, least))
        there = [part[item] for item in piece]
        smaller = _sweep_part(task, there, rows[done:], bottom, smaller)
    return smaller


def _least(model: LanguageModel, items: Items, bottom: int, size: SweepSize) -> int:
    """Bytes of a walk with one intervention on one prefix at a time."""
    return walk_bytes(model, plan(build_trie(items.prefixes), 1, replace(size, rows=1)), 1, bottom)


def _memory_for(model: LanguageModel, walk: float, bottom: int) -> float:
    """Memory of a sweep whose walk may take so many bytes."""
    return (walk + scaled_bytes(model, bottom)) / (1 - _TABLES_SHARE) + 1  # for rounding


def _sweep_batch(
    task: _Task,
    items: Items,
    trie: PrefixTrie,
    inputs: Inputs,
    batch: Sequence[int],
    bottom: int,
    size: SweepSize,
) -> Tensor:
    """Return the margins of items under a batch of interventions, on the CPU."""
    counted = 0

    def count(n: int) -> None:
        nonlocal counted
        counted += n
        if task.progress is not None:
            task.progress(n)

    model = task.model
    scorer = _Scorer(model, items, trie, len(batch))
    masks = compile_masks(model, task.interventions.subset(batch))
    reader = Reader(
        model, inputs, bottom, len(model.layers), masks, task.states.subset(batch), count
    )
    try:
        reader.read(plan(trie, len(batch), size), scorer)
        return scorer.margins.cpu()
    except BaseException:
        count(-counted)
        raise


def _batches(
    model: LanguageModel, trie: PrefixTrie, rows: Sequence[int], bottom: int, size: SweepSize
) -> tuple[list[list[int]], SweepSize]:
    """Cut interventions into batches that fit the memory, with smaller products if they must."""
    memory = "memory on the GPU" if model.device.type == "cuda" else "memory"
    budget = size.memory * (1 - _TABLES_SHARE) - scaled_bytes(model, bottom)
    while True:
        n = min(len(rows), max(1, size.rows // 4))
        needed = walk_bytes(model, plan(trie, n, size), n, bottom)
        if needed <= budget:
            break
        if size.rows == 1:
            least = _memory_for(model, needed, bottom)
            raise InterventionError(
                f"the sweep cannot work within {size.memory / 2**30:.3g} GiB: one intervention on "
                f"one prefix at a time needs {least / 2**30:.3g} GiB. Give it more {memory}"
            )
        size = replace(size, rows=size.rows // 2)
    parts = np.array_split(np.asarray(rows), -(-len(rows) // n))
    return [part.tolist() for part in parts], size


def partition(model: LanguageModel, items: Items, size: SweepSize) -> list[list[int]]:
    """Cut the items into neighbours of the trie whose per-node tables fit their share of memory.

    Returns
    -------
    list of list of int
        Indices of the items of each part. A node's tables are the input half of its gates, and the
        intact hidden values that half is made from, before and after scaling.
    """
    per_node = (
        max(6 * max(model.layer_sizes), model.embedding.shape[1]) * model.embedding.element_size()
    )
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
        """Score; `hidden` has shape (nodes, batch, units), half size, overwritten values in it.

        Parameters
        ----------
        nodes, hidden
            As in `Sink.take`.
        """
        if hidden.device.type == "cuda":
            self._take_together(nodes, hidden)
            return
        for position, node in enumerate(nodes.tolist()):
            first, last = self.first[node], self.last[node]
            if first < last:
                pairs = self.pair_of[first:last]
                scores = torch.addmm(self.bias[pairs], hidden[position], self.weight[pairs].T)
                self.margins[:, self.items[first:last]] = scores

    def _take_together(self, nodes: np.ndarray, hidden: Tensor) -> None:
        """Do the same in few large products: a GPU takes as long to start one as to do it."""
        counts = self.last[nodes] - self.first[nodes]
        positions = np.repeat(np.arange(len(nodes)), counts)
        within = np.arange(len(positions)) - np.repeat(np.cumsum(counts) - counts, counts)
        entries = np.repeat(self.first[nodes], counts) + within
        for start in range(0, len(entries), len(nodes)):  # no more values than `hidden` has
            chunk = slice(start, start + len(nodes))
            at = torch.as_tensor(positions[chunk], device=hidden.device)
            entry = torch.as_tensor(entries[chunk], device=hidden.device)
            pairs = self.pair_of[entry]
            scores = torch.bmm(hidden[at], self.weight[pairs].unsqueeze(2)).squeeze(2)
            self.margins[:, self.items[entry]] = (scores + self.bias[pairs].unsqueeze(1)).T
