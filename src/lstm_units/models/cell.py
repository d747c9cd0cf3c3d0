"""One time step of a layer, once for all that walk a network: plain, and scaled for the sweep.

Whoever walks a network adds up the gates in the order that suits it (siblings of a trie share the
recurrent half) and has the time step made here: `update` gives every variable, `update_scaled` only
the state, in place. The equations are those of ``torch.nn.LSTM``. Another kind of cell would bring
its own `Layer`, `update` and `lstm_step_ref`, and their scaled twins.

``tanh(x) = 2 sigmoid(2 x) - 1``, and PyTorch's CPU sigmoid is about six times as fast as its tanh.
So the scaled step is one sigmoid over all gates: hidden values are kept at half and cells at double
their size, and the weights are scaled to match. All factors are powers of two: scaling is exact,
and only the identity itself rounds differently from a tanh, by about one unit in the last place
of 1.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, repr=False)
class Layer:
    """The weights of one LSTM layer, gates stacked in the order of `variables.GATES`.

    Parameters
    ----------
    weight_ih : Tensor of shape (4 * hidden, inputs)
    weight_hh : Tensor of shape (4 * hidden, hidden)
    bias : Tensor of shape (4 * hidden,)
        The sum of the two biases that PyTorch keeps apart.
    """

    weight_ih: Tensor
    weight_hh: Tensor
    bias: Tensor

    @property
    def size(self) -> int:
        """Number of units."""
        return self.weight_hh.shape[1]


def lstm_step_ref(layer: Layer, inputs: Tensor, hidden: Tensor, cell: Tensor) -> dict[str, Tensor]:
    """One time step of one layer, written out gate by gate: the readable reference.

    Parameters
    ----------
    inputs : Tensor of shape (rows, inputs)
    hidden, cell : Tensor of shape (rows, hidden)
        State before the step.

    Returns
    -------
    dict of str to Tensor of shape (rows, hidden)
        Each of `variables.VARIABLES` after the step.
    """
    return update(inputs @ layer.weight_ih.T + hidden @ layer.weight_hh.T + layer.bias, cell)


def update(gates: Tensor, cell: Tensor) -> dict[str, Tensor]:
    """Turn the sums of the gates into all variables.

    Parameters
    ----------
    gates : Tensor of shape (rows, 4 * hidden)
    cell : Tensor of shape (rows, hidden)
        Before the step.

    Returns
    -------
    dict of str to Tensor of shape (rows, hidden)
    """
    input_gate, forget_gate, candidate, output_gate = gates.chunk(4, dim=1)
    step = {
        "input_gate": torch.sigmoid(input_gate),
        "forget_gate": torch.sigmoid(forget_gate),
        "candidate": torch.tanh(candidate),
        "output_gate": torch.sigmoid(output_gate),
    }
    step["cell"] = step["forget_gate"] * cell + step["input_gate"] * step["candidate"]
    step["hidden"] = step["output_gate"] * torch.tanh(step["cell"])
    return step


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
    """Return the scaled layer, with weights of its own.

    Parameters
    ----------
    below : bool
        Whether its inputs are hidden values of half size: true for every layer but the first, which
        reads embeddings at full size.
    """
    size = layer.size
    factor = layer.bias.new_ones(4 * size)
    factor[2 * size : 3 * size] = 2
    return ScaledLayer(
        layer.weight_ih.T.contiguous().mul_((2 if below else 1) * factor),
        layer.weight_hh.T.contiguous().mul_(2 * factor),
        factor * layer.bias,
    )


def update_scaled(gates: Tensor, parent_cell: Tensor, cell: Tensor, hidden: Tensor) -> None:
    """Turn the sums of a scaled layer's gates into the next state, in place.

    Parameters
    ----------
    gates : Tensor of shape (..., 4 * hidden)
        Overwritten.
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
