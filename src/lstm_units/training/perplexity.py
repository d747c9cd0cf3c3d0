"""Perplexity of a language model on a text, always by the softmax over all words."""

import math

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, linear

from lstm_units.errors import UserError
from lstm_units.training.network import LSTMNetwork
from lstm_units.training.stream import TextStream

_SEQUENCES = 16
_WINDOW = 64
_LARGEST = 700.0  # nats; exp of more is no float


@torch.inference_mode()
def perplexity(
    network: LSTMNetwork, ids: Tensor, *, precision: str = "float32"
) -> tuple[float, int]:
    """Read a text in sequences side by side, and return exp of the mean loss per token.

    Parameters
    ----------
    network : LSTMNetwork
    ids : Tensor of integers, shape (tokens,)
        Sentences one after the other, as the model was trained on them.
    precision : {"float32", "bfloat16"}
        Of matrix products.

    Returns
    -------
    perplexity : float
        Of all words, the ends of sentences and unknown words among them; infinite where it is too
        large for a float.
    n_tokens : int
        Words that were predicted: not the first one of each sequence, nor the few that are left
        over when the text is cut into equal sequences.

    Raises
    ------
    UserError
        If the text is shorter than two tokens.
    """
    if len(ids) < 2:
        raise UserError(f"a text of {len(ids)} tokens has no perplexity; give at least two")
    sequences = max(1, min(_SEQUENCES, len(ids) // (2 * _WINDOW)))
    device = network.embedding.device
    training = network.training
    network.eval()
    state = network.initial_state(sequences)
    total, n_tokens = 0.0, 0
    with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16"):
        for words, targets in TextStream(ids, sequences, _WINDOW):
            hidden, state = network(words.to(device), state)
            logits = linear(hidden.flatten(0, 1), network.decoder).float() + network.decoder_bias
            loss = cross_entropy(logits, targets.to(device).flatten(), reduction="sum")
            total += float(loss)
            n_tokens += targets.numel()
    network.train(training)
    mean = total / n_tokens
    return (math.exp(mean) if mean < _LARGEST else math.inf), n_tokens
