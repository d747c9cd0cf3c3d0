"""Starting a training from a trained network, whose vocabulary may be another."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from lstm_units.errors import CheckpointError
from lstm_units.training.network import LSTMNetwork

_OF_WORDS = ("encoder.weight", "decoder.weight", "decoder.bias")


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
        Weights of a converted checkpoint, see `lstm_units.training.network.LSTMNetwork.tensors`.
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
