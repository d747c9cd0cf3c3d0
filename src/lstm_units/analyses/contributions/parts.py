"""The verb margin split exactly into the contributions of groups of units.

The decoder is linear, so the margin at the verb is a sum over the units of the last layer,
``sum_u hidden_u * (W[correct, u] - W[wrong, u])``, and the difference of two decoder biases, with
the intact model's hidden values after the word before the verb. Layers below act only through the
last one. This measures what Lakretz et al. 2019 (Sections 4.2 and 5) remark in passing: that the
long-range units are almost always right, even where the network is wrong.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from lstm_units.errors import InterventionError
from lstm_units.interventions.context_states import States
from lstm_units.interventions.prefix_trie import build_trie
from lstm_units.interventions.sweep import Items, partition
from lstm_units.interventions.trie_reader import SweepSize, read_intact
from lstm_units.io.unit_numbers import layer_and_index
from lstm_units.models.language_model import LanguageModel

REST, BIAS = "rest", "bias"


@torch.inference_mode()
def contributions(
    model: LanguageModel,
    items: Items,
    states: States,
    parts: Mapping[str, Sequence[int]],
    size: SweepSize | None = None,
    units: Sequence[int] = (),
) -> pd.DataFrame:
    """Split the verb margin of every item into the contributions of its parts.

    Parameters
    ----------
    model : LanguageModel
    items : Items
    states : States
        One row: the state after the context.
    parts : mapping of str to sequence of int
        1-based units of the last layer by the name of their part; no unit in two parts. An empty
        part contributes 0.
    size : SweepSize, optional
        How much is computed at a time.
    units : sequence of int
        1-based units of the last layer whose own contribution is wanted too.

    Returns
    -------
    DataFrame
        One row per item: a column per part, ``rest`` (the other units of the last layer) and
        ``bias``, which add up to the margin; then ``unit_{number}`` for each of `units`. float64,
        in nats: the products are formed in float64 whatever the model's precision.

    Raises
    ------
    InterventionError
        If a unit does not exist, is not in the last layer, or is in two parts.
    """
    size = size or SweepSize()
    names = [*parts, REST]
    membership = _membership(model, parts)
    single = [_index_in_last_layer(model, unit) for unit in units]
    values = np.empty((len(items), len(names) + 1 + len(single)))
    for part in partition(model, items, size):
        chosen = items.subset(part)
        trie = build_trie(chosen.prefixes)
        hidden = read_intact(model, trie, states, len(model.layers) - 1, size)
        values[part] = _split(model, chosen, trie.item_node, hidden, membership, single, size)
    columns = [*names, BIAS, *(f"unit_{unit}" for unit in units)]
    return pd.DataFrame(values, columns=columns)


def _split(
    model: LanguageModel,
    items: Items,
    node: np.ndarray,
    hidden: Tensor,
    membership: Tensor,
    single: Sequence[int],
    size: SweepSize,
) -> np.ndarray:
    """Contributions of the parts, the bias and single units, of shape (items, columns)."""
    device, n_parts = model.device, membership.shape[1]
    values = np.empty((len(items), n_parts + 1 + len(single)))
    # Hidden values, two decoder rows, their difference and the products, all in 8 bytes.
    n_rows = max(1, min(4096, int(size.memory / 4 / (5 * 8 * hidden.shape[1]))))
    for first in range(0, len(items), n_rows):
        rows = slice(first, first + n_rows)
        correct, wrong, at_verb = (
            torch.as_tensor(index[rows], device=device)
            for index in (items.correct, items.wrong, node)
        )
        weight = model.decoder_weight[correct].double() - model.decoder_weight[wrong].double()
        products = hidden[at_verb].double() * weight  # (rows, units of the last layer)
        bias = model.decoder_bias[correct].double() - model.decoder_bias[wrong].double()
        values[rows, :n_parts] = (products @ membership).cpu().numpy()
        values[rows, n_parts] = bias.cpu().numpy()
        values[rows, n_parts + 1 :] = products[:, list(single)].cpu().numpy()
    return values


def _membership(model: LanguageModel, parts: Mapping[str, Sequence[int]]) -> Tensor:
    """Which unit of the last layer belongs to which part, the rest last: 0 or 1."""
    owner = np.full(model.layer_sizes[-1], len(parts))
    names = list(parts)
    for number, (name, members) in enumerate(parts.items()):
        for unit in members:
            index = _index_in_last_layer(model, unit)
            if owner[index] != len(parts):
                raise InterventionError(
                    f"unit {unit} stands in {names[owner[index]]} and in {name}; each unit belongs "
                    "to one part, and stands there once"
                )
            owner[index] = number
    one_hot = owner[:, None] == np.arange(len(parts) + 1)
    return torch.as_tensor(one_hot, dtype=torch.float64, device=model.device)


def _index_in_last_layer(model: LanguageModel, unit: int) -> int:
    layer, index = layer_and_index(model.layer_sizes, unit)
    if layer != len(model.layers) - 1:
        raise InterventionError(
            f"unit {unit} is in layer {layer + 1}, but only the last layer, {len(model.layers)}, "
            "is read by the decoder; leave it out of the parts"
        )
    return index
