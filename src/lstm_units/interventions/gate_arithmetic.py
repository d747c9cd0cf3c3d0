"""The LSTM update as the sweep computes it: one sigmoid over all gates, powers of two folded in.

``tanh(x) = 2 sigmoid(2 x) - 1``, and PyTorch's CPU sigmoid is about six times as fast as its tanh.
So the sweep keeps hidden values at half and cells at double their size, and scales the weights to
match. All factors are powers of two: scaling is exact, and only the identity itself rounds
differently from a tanh, by about one unit in the last place of 1.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from lstm_units.models.language_model import Layer


@dataclass(frozen=True)
class ScaledLayer:
    """A layer whose candidate rows are doubled and which reads hidden values of half size.

    Parameters
    ----------
    weight_ih_t : Tensor of shape (inputs, 4 * hidden)
    weight_hh_t : Tensor of shape (hidden, 4 * hidden)
    bias : Tensor of shape (4 * hidden,)
    """

    weight_ih_t: Tensor
    weight_hh_t: Tensor
    bias: Tensor

    @property
    def size(self) -> int:
        """Number of units."""
        return self.weight_hh_t.shape[0]


def scale_layer(layer: Layer, below: bool) -> ScaledLayer:
    """Prepare a layer; `below` says whether its inputs are hidden values of half size.

    Parameters
    ----------
    layer : Layer
    below : bool
        True for every layer but the first, which reads embeddings at full size.

    Returns
    -------
    ScaledLayer
        With weights of its own; `layer` stays as it is.
    """
    size = layer.size
    factor = layer.bias.new_ones(4 * size)
    factor[2 * size : 3 * size] = 2
    return ScaledLayer(
        layer.weight_ih.T.contiguous().mul_((2 if below else 1) * factor),
        layer.weight_hh.T.contiguous().mul_(2 * factor),
        factor * layer.bias,
    )


def update_state(gates: Tensor, parent_cell: Tensor, cell: Tensor, hidden: Tensor) -> None:
    """Turn gate sums into the next cell and hidden values, in place.

    Parameters
    ----------
    gates : Tensor of shape (..., 4 * hidden)
        Sums of a `ScaledLayer`; overwritten.
    parent_cell : Tensor broadcastable to (..., hidden)
        Twice the cell before the step.
    cell, hidden : Tensor of shape (..., hidden)
        Receive twice the cell and half the hidden values after the step.
    """
    input_gate, forget_gate, candidate, output_gate = gates.sigmoid_().chunk(4, dim=-1)
    torch.mul(forget_gate, parent_cell, out=cell)
    cell.addcmul_(input_gate, candidate.sub_(0.5), value=4)
    torch.sigmoid(cell, out=hidden)
    hidden.sub_(0.5).mul_(output_gate)
