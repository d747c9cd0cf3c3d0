"""The network that is trained, as a plain PyTorch module, and how it starts from another."""

import itertools
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from lstm_units.config.training_settings import TrainingSettings
from lstm_units.errors import CheckpointError, ConfigurationError
from lstm_units.models.untrained import WORDS_RANGE

State = list[tuple[Tensor, Tensor]]
_MULTIPLE = 8
_OF_WORDS = ("encoder.weight", "decoder.weight", "decoder.bias")
_OF_A_LAYER = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


class LSTMNetwork(nn.Module):
    """Embedding, LSTM layers, decoder: the architecture of Gulordava et al. 2018.

    Dropout acts on the embeddings, between layers and before the decoder. Weights begin as theirs
    did: embedding and decoder uniform in (-0.1, 0.1), decoder bias 0, layers by PyTorch's default.

    Tensor cores read bfloat16 matrices fast only if a row takes a multiple of 16 bytes, which 650
    values do not. So every size is rounded up to a multiple of 8. The units that are added have
    weights of 0 and receive none: their values, and all gradients from and to them, are exactly 0,
    so they never change. `tensors` and `load_tensors` know the network without them.

    Parameters
    ----------
    layer_sizes : sequence of int
        Units of each layer, from the first.
    tied : bool
        Whether the decoder reads the embedding matrix.
    dropout : float
        Probability with which a value is set to 0.
    seed : int
        Of the initial weights.

    Raises
    ------
    ConfigurationError
        If a tied decoder does not fit the last layer.
    """

    def __init__(
        self,
        n_words: int,
        embedding_size: int,
        layer_sizes: Sequence[int],
        *,
        tied: bool = True,
        dropout: float = 0.0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if tied and embedding_size != layer_sizes[-1]:
            raise ConfigurationError(
                f"a tied decoder needs an embedding of the last layer's size: the embedding has "
                f"{embedding_size} values, the last layer {layer_sizes[-1]} units; write "
                "tied: false, or make them equal"
            )
        self.layer_sizes = tuple(layer_sizes)
        self.dropout = dropout
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            embedding = torch.empty(n_words, embedding_size).uniform_(-WORDS_RANGE, WORDS_RANGE)
            sizes = (embedding_size, *layer_sizes)
            # One module a layer, so that sizes may differ and dropout is ours.
            layers = [nn.LSTM(one, size) for one, size in itertools.pairwise(sizes)]
            decoder = None
            if not tied:
                decoder = torch.empty(n_words, sizes[-1]).uniform_(-WORDS_RANGE, WORDS_RANGE)
            wide = [_round_up(size) for size in sizes]
            self.layers = nn.ModuleList(nn.LSTM(*pair) for pair in itertools.pairwise(wide))
            self.embedding = nn.Parameter(torch.zeros(n_words, wide[0]))
            self.separate_decoder = None
            if decoder is not None:
                self.separate_decoder = nn.Parameter(torch.zeros(n_words, wide[-1]))
            self.decoder_bias = nn.Parameter(torch.zeros(n_words))
        self.embedding_size = embedding_size
        with torch.no_grad():
            for parameter in self.layers.parameters():
                parameter.zero_()
        self.load_tensors(
            {
                "encoder.weight": embedding,
                "decoder.weight": decoder,
                "decoder.bias": self.decoder_bias.detach().clone(),
                **{
                    f"rnn.{name}_l{depth}": getattr(layer, f"{name}_l0").detach()
                    for depth, layer in enumerate(layers)
                    for name in _OF_A_LAYER
                },
            }
        )

    @property
    def tied(self) -> bool:
        """Whether the decoder reads the embedding matrix."""
        return self.separate_decoder is None

    @property
    def decoder(self) -> Tensor:
        """The decoder's weight of shape (words, units of the last layer rounded up)."""
        return self.embedding if self.separate_decoder is None else self.separate_decoder

    @torch.no_grad()
    def set_bias_to_frequencies(self, counts: Tensor) -> None:
        """Set the decoder bias to the logarithm of each word's share of a text.

        Adam moves a weight by about the learning rate at each update. From 0 a bias needs thousands
        of them to tell frequent from rare words, and until then a small network learns little else.

        Parameters
        ----------
        counts : Tensor of shape (words,)
            Words that do not occur count as if they occurred once.
        """
        shares = counts.double().clamp(min=1)
        self.decoder_bias.copy_((shares / shares.sum()).log())

    def initial_state(self, n_sequences: int) -> State:
        """Return zeros for a number of sequences.

        Returns
        -------
        list of (hidden, cell)
            One pair a layer, each of shape (1, sequences, units rounded up).
        """
        sizes = [layer.hidden_size for layer in self.layers]
        zeros = [self.embedding.new_zeros(1, n_sequences, size) for size in sizes]
        return [(zero, zero.clone()) for zero in zeros]

    def forward(self, rows: Tensor, state: State) -> tuple[Tensor, State]:
        """Read words; the decoder is left to the loss, which may need only some of its rows.

        Parameters
        ----------
        rows : Tensor of shape (time, sequences)
            Rows of the vocabulary.

        Returns
        -------
        hidden : Tensor of shape (time, sequences, units of the last layer rounded up)
            After dropout, in training mode.
        state : list of (hidden, cell)
            After the last word.
        """
        values = nn.functional.embedding(rows, self.embedding)
        after: State = []
        for layer, (hidden, cell) in zip(self.layers, state, strict=True):
            values, pair = layer(self._drop(values), (hidden, cell))
            after.append(pair)
        return self._drop(values), after

    def _drop(self, values: Tensor) -> Tensor:
        # With probability 0 PyTorch would still draw a mask.
        if not self.dropout:
            return values
        return nn.functional.dropout(values, self.dropout, self.training)

    def tensors(self) -> dict[str, Tensor]:
        """Return the weights under the names of the project's checkpoints.

        Returns
        -------
        dict of str to Tensor
            ``encoder.weight``, ``rnn.weight_ih_l0`` and so on, ``decoder.bias``, and
            ``decoder.weight`` unless tied.
        """
        return {
            # Gates become rows again; a copy where units were added.
            name: view.flatten(0, 1) if name.startswith("rnn.") else view
            for name, view in self._views().items()
        }

    @torch.no_grad()
    def load_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over weights in the form of `tensors`.

        Parameters
        ----------
        tensors : mapping of str to Tensor
            All those that `tensors` has, of the same shapes.
        """
        for name, view in self._views().items():
            given = tensors[name]
            view.copy_(given.unflatten(0, (4, -1)) if name.startswith("rnn.") else given)

    def _views(self) -> dict[str, Tensor]:
        """Return the parts of the parameters that are not added units, gates apart."""
        sizes = (self.embedding_size, *self.layer_sizes)
        found = {"encoder.weight": self.embedding[:, : sizes[0]]}
        for depth, layer in enumerate(self.layers):
            for name in _OF_A_LAYER:
                # The gates i, f, g, o of all units are below one another.
                gates = getattr(layer, f"{name}_l0").unflatten(0, (4, layer.hidden_size))
                view = gates[:, : sizes[depth + 1]]
                if name == "weight_ih":
                    view = view[..., : sizes[depth]]
                elif name == "weight_hh":
                    view = view[..., : sizes[depth + 1]]
                found[f"rnn.{name}_l{depth}"] = view
        if self.separate_decoder is not None:
            found["decoder.weight"] = self.separate_decoder[:, : sizes[-1]]
        found["decoder.bias"] = self.decoder_bias
        return {name: view.detach() for name, view in found.items()}


def new_network(settings: TrainingSettings, n_words: int) -> LSTMNetwork:
    """Return a network before its training."""
    return LSTMNetwork(
        n_words,
        settings.embedding_size,
        settings.layer_sizes,
        tied=settings.tied,
        dropout=settings.dropout,
        seed=settings.seed,
    )


@torch.no_grad()
def adopt_weights(
    network: LSTMNetwork,
    words: Sequence[str],
    tensors: Mapping[str, Tensor],
    known_words: Sequence[str],
) -> int:
    """Take over the layers of a trained network, and the rows of the words that both have.

    A word that the trained network lacks keeps its initial embedding and decoder bias.

    Parameters
    ----------
    network : LSTMNetwork
        Changed in place.
    words : sequence of str
        Its vocabulary.
    tensors : mapping of str to Tensor
        Weights of a converted checkpoint, see `LSTMNetwork.tensors`.
    known_words : sequence of str
        The vocabulary of these.

    Returns
    -------
    int
        Number of words that both have.

    Raises
    ------
    CheckpointError
        If the trained network has other layers, or is tied where this is not.
    """
    own = network.tensors()
    tensors = {"decoder.bias": torch.zeros(len(known_words)), **tensors}
    if set(own) != set(tensors):
        raise CheckpointError(
            "the network to start from has other weights than the one to train: "
            f"{', '.join(sorted(set(own) ^ set(tensors)))} stand on one side only; give the "
            "training run the same number of layers, and the same `tied`, as its `initial`"
        )
    row_of = {word: row for row, word in enumerate(known_words)}
    shared = [(row, row_of[word]) for row, word in enumerate(words) if word in row_of]
    here, there = (torch.tensor(rows) for rows in zip(*shared, strict=True))
    for name, tensor in own.items():
        given = tensors[name].to(tensor)
        expected = tensor.shape[1:] if name in _OF_WORDS else tensor.shape
        found = given.shape[1:] if name in _OF_WORDS else given.shape
        if expected != found:
            raise CheckpointError(
                f"the network to start from has {name} of shape {tuple(found)} where the one to "
                f"train has {tuple(expected)}; give the training run the layers and the embedding "
                "of its `initial`"
            )
        if name not in _OF_WORDS:
            own[name] = given
            continue
        own[name] = tensor.clone()
        own[name][here.to(tensor.device)] = given[there.to(given.device)]
    network.load_tensors(own)
    return len(shared)


def _round_up(size: int) -> int:
    return -(-size // _MULTIPLE) * _MULTIPLE
