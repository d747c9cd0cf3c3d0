"""The weights of a layer under construction, for networks in which units are planted."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from torch import Tensor

from lstm_units.models.language_model import Layer

GATES = ("input", "forget", "candidate", "output")
OPEN, SHUT = 20.0, -20.0  # biases of a gate


@dataclass
class LayerWeights:
    """Weights whose gates are addressed by name, and units by their place in the layer."""

    weight_ih: Tensor
    weight_hh: Tensor
    bias: Tensor

    @classmethod
    def drawn(cls, draw: Callable[..., Tensor], inputs: int, size: int) -> "LayerWeights":
        return cls(draw(4 * size, inputs), draw(4 * size, size), draw(4 * size))

    def row(self, gate: str, unit: int) -> int:
        return GATES.index(gate) * self.weight_hh.shape[1] + unit

    def plant(self, unit: int, **biases: float) -> None:
        """Cut a unit off from everything and set the biases of its gates."""
        for gate, bias in biases.items():
            row = self.row(gate, unit)
            self.weight_ih[row] = self.weight_hh[row] = 0
            self.bias[row] = bias

    def connect(
        self, gate: str, unit: int, inputs: Iterable[int], weight: float | Tensor, recurrent=False
    ) -> None:
        matrix = self.weight_hh if recurrent else self.weight_ih
        matrix[self.row(gate, unit), list(inputs)] = weight

    def layer(self) -> Layer:
        return Layer(self.weight_ih, self.weight_hh, self.bias)
