"""The plain counterpart of the sweep: edited weights in ``torch.nn.LSTM``, one item at a time."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from lstm_units.interventions.interventions import Interventions
from lstm_units.interventions.sweep import Items
from lstm_units.io.unit_numbers import layer_and_index
from lstm_units.models.cell import Layer
from lstm_units.models.language_model import LanguageModel


def torch_lstm(layer: Layer) -> torch.nn.LSTM:
    """Return a one-layer ``torch.nn.LSTM`` with the weights of `layer`."""
    inputs, size = layer.weight_ih.shape[1], layer.size
    lstm = torch.nn.LSTM(inputs, size, device=layer.bias.device, dtype=layer.bias.dtype)
    lstm.weight_ih_l0.data.copy_(layer.weight_ih)
    lstm.weight_hh_l0.data.copy_(layer.weight_hh)
    lstm.bias_ih_l0.data.copy_(layer.bias)
    lstm.bias_hh_l0.data.zero_()
    return lstm


def edited_weights_ref(
    model: LanguageModel, mode: str, units: Sequence[int], values: Tensor | None = None
) -> tuple[list[Layer], Tensor, Tensor]:
    """Cut a set of units out of copies of the weights.

    A reader's column of the unit is set to zero; in mode ``mean`` the column times the constant is
    added to the reader's bias first.

    Parameters
    ----------
    mode : {"zero", "legacy", "mean"}
    units : sequence of int
        1-based unit numbers.
    values : Tensor of shape (units,), optional
        For mode ``mean``: the constant of every unit of the model.

    Returns
    -------
    layers : list of Layer
    decoder_weight : Tensor of shape (words, hidden of the last layer)
    decoder_bias : Tensor of shape (words,)
    """
    layers = [
        Layer(layer.weight_ih.clone(), layer.weight_hh.clone(), layer.bias.clone())
        for layer in model.layers
    ]
    decoder_weight, decoder_bias = model.decoder_weight.clone(), model.decoder_bias.clone()
    last = len(layers) - 1
    for unit in units:
        depth, index = layer_and_index(model.layer_sizes, unit)
        readers = [(layers[depth].weight_hh, layers[depth].bias)]
        if depth == last:
            readers.append((decoder_weight, decoder_bias))
        elif mode != "legacy":
            readers.append((layers[depth + 1].weight_ih, layers[depth + 1].bias))
        for weight, bias in readers:
            if mode == "mean":
                bias += weight[:, index] * values[unit - 1]
            weight[:, index] = 0
    return layers, decoder_weight, decoder_bias


@torch.inference_mode()
def sweep_ref(
    model: LanguageModel,
    items: Items,
    interventions: Interventions,
    context: Sequence[int] = (),
) -> np.ndarray:
    """Score every item under every intervention, one after the other, with a full softmax.

    The context is read here, not given as states.

    Parameters
    ----------
    model, items, interventions
        As in `sweep`.
    context : sequence of int
        Vocabulary rows of the context; may be empty.

    Returns
    -------
    ndarray of shape (interventions, items)
        As in `sweep`.
    """
    margins = np.empty((len(interventions.sets), len(items)))
    for row, units in enumerate(interventions.sets):
        layers, decoder_weight, decoder_bias = edited_weights_ref(
            model, interventions.mode, units, interventions.values
        )
        lstms = [torch_lstm(layer) for layer in layers]
        start = _run(model, lstms, context, [None] * len(lstms))[1] if context else None
        for item, prefix in enumerate(items.prefixes):
            outputs, _ = _run(model, lstms, prefix, start or [None] * len(lstms))
            logits = decoder_weight @ outputs[-1] + decoder_bias
            log_p = torch.log_softmax(logits, dim=0)
            margins[row, item] = log_p[items.correct[item]] - log_p[items.wrong[item]]
    return margins


def _run(model: LanguageModel, lstms: list, words: Sequence[int], states: list):
    """Feed words through stacked one-layer LSTMs; return the outputs and the states after them."""
    outputs = model.embedding[list(words)]
    after = []
    for lstm, state in zip(lstms, states, strict=True):
        outputs, state = lstm(outputs, state)
        after.append(state)
    return outputs, after
