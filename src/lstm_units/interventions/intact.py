"""The intact model on the items: log-probabilities of the two forms, and mean hidden values."""

import logging
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from lstm_units.interventions.context_states import States
from lstm_units.interventions.model_inputs import (
    Compute,
    Context,
    Group,
    intact_states,
    model_metadata,
    sweep_size,
)
from lstm_units.interventions.prefix_trie import PrefixTrie, build_trie
from lstm_units.interventions.sweep import Items, partition
from lstm_units.interventions.trie_reader import SweepSize, read_intact
from lstm_units.io.results import Result
from lstm_units.io.unit_columns import unit_array
from lstm_units.io.wording import words_listed
from lstm_units.models.language_model import LanguageModel

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class IntactScores:
    """What the intact model says of each item.

    Parameters
    ----------
    margin, logp_correct, logp_wrong : ndarray of shape (items,)
        ``margin`` is computed as in the sweep, by the difference of the decoder rows, not by
        subtracting the two log-probabilities.
    """

    margin: np.ndarray
    logp_correct: np.ndarray
    logp_wrong: np.ndarray


def intact_scores(model: LanguageModel, group: Group, context: Context, compute: Compute) -> Result:
    """Score the items of one task with the intact model.

    Returns
    -------
    Result
        ``item, condition, margin, logp_correct, logp_wrong, right``; nats, float32.
    """
    states = intact_states(model, context)
    scores = score_intact(model, group.items, states, sweep_size(compute, model.device))
    unknown = context.unknown_words(model.vocabulary)
    if unknown:
        log.info(
            "the model does not know %d words of the context, which it reads as %s: %s",
            len(unknown),
            model.vocabulary.unk,
            words_listed(unknown),
        )
    table = pa.table(
        {
            "item": pa.array(group.number, pa.int32()),
            "condition": pa.array(group.condition).dictionary_encode(),
            "margin": pa.array(scores.margin.astype(np.float32)),
            "logp_correct": pa.array(scores.logp_correct.astype(np.float32)),
            "logp_wrong": pa.array(scores.logp_wrong.astype(np.float32)),
            "right": pa.array(scores.margin > 0),
        }
    )
    config = {**context.metadata(model.vocabulary), "unknown_context_words": unknown}
    return Result(table, model_metadata("intact", model, group, **config), "the intact scores")


def mean_values(model: LanguageModel, group: Group, context: Context, compute: Compute) -> Result:
    """Return the constants of mode ``mean``: the mean hidden value of each unit over one task.

    Returns
    -------
    Result
        ``unit, mean``, one row per unit of the model; see `mean_hidden`.
    """
    states = intact_states(model, context)
    means = mean_hidden(model, group.items, states, sweep_size(compute, model.device))
    table = pa.table({"unit": unit_array(range(1, model.n_units + 1)), "mean": means.numpy()})
    config = {"task": group.names[0], **context.metadata(model.vocabulary)}
    return Result(table, model_metadata("means", model, group, **config), "the mean values")


@torch.inference_mode()
def score_intact(
    model: LanguageModel, items: Items, states: States, size: SweepSize | None = None
) -> IntactScores:
    """Score every item with the intact model, with a full softmax.

    Parameters
    ----------
    states : States
        One row: the state after the context.

    Returns
    -------
    IntactScores
        An item is right iff its margin is above 0; a tie is wrong (Lakretz et al. 2019, Section 3).
    """
    size = size or SweepSize()
    scores = np.empty((3, len(items)))
    for part in partition(model, items, size):
        chosen = items.subset(part)
        trie = build_trie(chosen.prefixes)
        hidden = read_intact(model, trie, states, len(model.layers) - 1, size)
        scores[:, part] = _score_part(model, chosen, trie, hidden, size)
    return IntactScores(*scores)


def _score_part(
    model: LanguageModel, items: Items, trie: PrefixTrie, hidden: Tensor, size: SweepSize
) -> np.ndarray:
    """Margin and both log-probabilities of each item, of shape (3, items)."""
    words, device = len(model.vocabulary), model.device
    # Logits, their softmax and a copy of it stay within a quarter of the memory.
    n_rows = max(1, min(512, int(size.memory / 4 / (3 * words * model.embedding.element_size()))))
    nodes, leaf_of = np.unique(trie.item_node, return_inverse=True)
    order = np.argsort(leaf_of.reshape(-1), kind="stable")
    bounds = np.searchsorted(leaf_of.reshape(-1)[order], np.arange(0, len(nodes) + n_rows, n_rows))
    scores = np.empty((3, len(items)))
    for block, (first, last) in enumerate(pairwise(bounds.tolist())):
        chosen = order[first:last]
        here = nodes[block * n_rows : (block + 1) * n_rows]
        at_verb = hidden[torch.as_tensor(here, device=device)]
        logits = torch.addmm(model.decoder_bias, at_verb, model.decoder_weight.T)
        log_p = torch.log_softmax(logits, dim=1).cpu().numpy()
        row = leaf_of.reshape(-1)[chosen] - block * n_rows
        for piece in np.array_split(np.arange(len(chosen)), -(-max(1, len(chosen)) // n_rows)):
            correct, wrong = (
                torch.as_tensor(form[chosen[piece]], device=device)
                for form in (items.correct, items.wrong)
            )
            weight = model.decoder_weight[correct] - model.decoder_weight[wrong]
            bias = model.decoder_bias[correct] - model.decoder_bias[wrong]
            values = at_verb[torch.as_tensor(row[piece], device=device)]
            scores[0, chosen[piece]] = ((values * weight).sum(dim=1) + bias).cpu().numpy()
        scores[1, chosen] = log_p[row, items.correct[chosen]]
        scores[2, chosen] = log_p[row, items.wrong[chosen]]
    return scores


@torch.inference_mode()
def mean_hidden(
    model: LanguageModel, items: Items, states: States, size: SweepSize | None = None
) -> Tensor:
    """Return each unit's mean hidden value over the words before the verb of all items.

    A word that n items share counts n times, as if the items were read one after the other.

    Parameters
    ----------
    states : States
        One row: the state after the context.

    Returns
    -------
    Tensor of float64, shape (units,)
        In the order of the 1-based unit numbers: the constants of mode ``mean``.
    """
    size = size or SweepSize()
    sums = [torch.zeros(n, dtype=torch.float64) for n in model.layer_sizes]
    n_words = sum(len(prefix) for prefix in items.prefixes)
    for part in partition(model, items, size):
        trie = build_trie([items.prefixes[item] for item in part])
        weight = np.bincount(trie.item_node, minlength=trie.n_nodes).astype(float)
        for node in range(trie.n_nodes - 1, -1, -1):  # children stand behind their parents
            if trie.parent[node] >= 0:
                weight[trie.parent[node]] += weight[node]
        share = torch.as_tensor(weight / n_words)
        for layer, total in enumerate(sums):
            hidden = read_intact(model, trie, states, layer, size)
            for first in range(0, trie.n_nodes, 4096):
                rows = slice(first, first + 4096)
                total += share[rows] @ hidden[rows].cpu().double()
    return torch.cat(sums)
