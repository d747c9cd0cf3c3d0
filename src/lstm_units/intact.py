"""The intact model on the items: log-probabilities of the two forms, and mean hidden values."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lstm_units.context_states import States
from lstm_units.language_model import LanguageModel
from lstm_units.prefix_trie import build_trie
from lstm_units.sweep import Items
from lstm_units.trie_reader import SweepSize, read_intact

_SOFTMAX_ROWS = 512  # rows of a full softmax at a time: 50,000 words x 512 rows is 100 MB


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


@torch.inference_mode()
def score_intact(
    model: LanguageModel, items: Items, states: States, size: SweepSize | None = None
) -> IntactScores:
    """Score every item with the intact model, with a full softmax.

    Parameters
    ----------
    model : LanguageModel
    items : Items
    states : States
        One row: the state after the context.
    size : SweepSize, optional

    Returns
    -------
    IntactScores
        An item is right iff its margin is above 0; a tie is wrong (Lakretz et al. 2019, Section 3).
    """
    trie = build_trie(items.prefixes)
    hidden = read_intact(model, trie, states, len(model.layers) - 1, size)
    nodes, leaf_of = np.unique(trie.item_node, return_inverse=True)
    leaf_of = leaf_of.reshape(-1)
    logp = np.empty((2, len(items)))
    for first in range(0, len(nodes), _SOFTMAX_ROWS):
        chosen = np.flatnonzero((leaf_of >= first) & (leaf_of < first + _SOFTMAX_ROWS))
        rows = torch.as_tensor(nodes[first : first + _SOFTMAX_ROWS], device=model.device)
        logits = torch.addmm(model.decoder_bias, hidden[rows], model.decoder_weight.T)
        log_p = torch.log_softmax(logits, dim=1).cpu().numpy()
        for form, words in enumerate((items.correct, items.wrong)):
            logp[form, chosen] = log_p[leaf_of[chosen] - first, words[chosen]]
    correct, wrong = (torch.as_tensor(w, device=model.device) for w in (items.correct, items.wrong))
    at_verb = hidden[torch.as_tensor(trie.item_node, device=model.device)]
    weight = model.decoder_weight[correct] - model.decoder_weight[wrong]
    bias = model.decoder_bias[correct] - model.decoder_bias[wrong]
    margin = (at_verb * weight).sum(dim=1) + bias
    return IntactScores(margin.cpu().numpy(), logp[0], logp[1])


@torch.inference_mode()
def mean_hidden(
    model: LanguageModel, items: Items, states: States, size: SweepSize | None = None
) -> Tensor:
    """Return each unit's mean hidden value over the words before the verb of all items.

    A word that n items share counts n times, as if the items were read one after the other.

    Parameters
    ----------
    model : LanguageModel
    items : Items
    states : States
        One row: the state after the context.
    size : SweepSize, optional

    Returns
    -------
    Tensor of float64, shape (units,)
        In the order of the 1-based unit numbers: the constants of mode ``mean``.
    """
    trie = build_trie(items.prefixes)
    weight = np.bincount(trie.item_node, minlength=trie.n_nodes).astype(float)
    for node in range(trie.n_nodes - 1, -1, -1):  # children stand behind their parents
        if trie.parent[node] >= 0:
            weight[trie.parent[node]] += weight[node]
    share = torch.as_tensor(weight / weight.sum())
    means = [
        share @ read_intact(model, trie, states, layer, size).double().cpu()
        for layer in range(len(model.layers))
    ]
    return torch.cat(means)
