"""An LSTM language model as a frozen object."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from lstm_units.models.cell import Layer, lstm_step_ref
from lstm_units.models.vocabulary import Vocabulary


@dataclass(frozen=True, repr=False)
class LanguageModel:
    """An LSTM language model, without dropout.

    Parameters
    ----------
    vocabulary : Vocabulary
    embedding : Tensor of shape (words, embedding)
    layers : tuple of Layer
    decoder_weight : Tensor of shape (words, hidden of the last layer)
        The same tensor as `embedding` when the model is tied.
    decoder_bias : Tensor of shape (words,)
        Zeros when the model has none.
    sha256 : str
        The sha256 of the converted weights file; empty for a model that was built in memory.
    origin : mapping
        What results record of how it was made, where it was not loaded from a file.
    """

    vocabulary: Vocabulary
    embedding: Tensor
    layers: tuple[Layer, ...]
    decoder_weight: Tensor
    decoder_bias: Tensor
    sha256: str = field(default="", compare=False)
    origin: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def __repr__(self) -> str:
        sizes = " + ".join(map(str, self.layer_sizes))
        tied = "tied" if self.tied else "not tied"
        return (
            f"<LanguageModel: layers of {sizes} units, {len(self.vocabulary):,} words, {tied}, "
            f"{self.dtype} on {self.device}>"
        )

    @property
    def metadata(self) -> dict[str, str]:
        """Where its weights are from, to be compared with results: `lstm_units.io.results`."""
        return {"checkpoint_sha256": self.sha256} if self.sha256 else {}

    @property
    def source(self) -> str:
        """What messages call the model."""
        return "the checkpoint"

    @property
    def layer_sizes(self) -> tuple[int, ...]:
        """Number of units of each layer."""
        return tuple(layer.size for layer in self.layers)

    @property
    def n_units(self) -> int:
        """Number of units of all layers."""
        return sum(self.layer_sizes)

    @property
    def tied(self) -> bool:
        """Whether the decoder reads the embedding matrix."""
        return self.decoder_weight is self.embedding

    @property
    def dtype(self) -> torch.dtype:
        """Floating-point type of the weights."""
        return self.embedding.dtype

    @property
    def precision(self) -> str:
        """Its name: ``float32`` or ``float64``."""
        return str(self.dtype).removeprefix("torch.")

    @property
    def device(self) -> torch.device:
        """Device that holds the weights."""
        return self.embedding.device

    def to(
        self, dtype: torch.dtype | None = None, device: torch.device | str | None = None
    ) -> "LanguageModel":
        """Return the same model in another floating-point type or on another device.

        Parameters
        ----------
        dtype : torch.dtype, optional
            By default the present one.
        device : torch.device or str, optional
            By default the present one.

        Returns
        -------
        LanguageModel
            A tied decoder stays tied.
        """
        embedding = self.embedding.to(device, dtype)
        return replace(
            self,
            embedding=embedding,
            layers=tuple(
                Layer(
                    layer.weight_ih.to(device, dtype),
                    layer.weight_hh.to(device, dtype),
                    layer.bias.to(device, dtype),
                )
                for layer in self.layers
            ),
            decoder_weight=embedding if self.tied else self.decoder_weight.to(device, dtype),
            decoder_bias=self.decoder_bias.to(device, dtype),
        )


def log_probabilities_ref(model: LanguageModel, tokens: Sequence[str]) -> Tensor:
    """Log-probability of every word after each prefix of a sentence, from a zero state.

    Parameters
    ----------
    model : LanguageModel
    tokens : sequence of str

    Returns
    -------
    Tensor of shape (tokens, words)
        Row t is the distribution after reading ``tokens[: t + 1]``.
    """
    rows = []
    states = [
        (model.embedding.new_zeros(1, layer.size), model.embedding.new_zeros(1, layer.size))
        for layer in model.layers
    ]
    for word in model.vocabulary.ids(tokens):
        inputs = model.embedding[word : word + 1]
        for depth, layer in enumerate(model.layers):
            step = lstm_step_ref(layer, inputs, *states[depth])
            states[depth] = (step["hidden"], step["cell"])
            inputs = step["hidden"]
        logits = inputs @ model.decoder_weight.T + model.decoder_bias
        rows.append(torch.log_softmax(logits, dim=1))
    return torch.cat(rows)
