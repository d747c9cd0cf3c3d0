"""The untrained network of the same shape as a model: what its architecture alone can do."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from lstm_units.io.files import atomic_path, encode_metadata, make_metadata
from lstm_units.models.cell import Layer
from lstm_units.models.language_model import LanguageModel

WORDS_RANGE = 0.1  # of embedding and decoder


def untrained_like(model: LanguageModel, seed: int) -> LanguageModel:
    """Return a network of the same shape and vocabulary as it was before training.

    Initialised as the networks of Gulordava et al. (2018, NAACL), "Colorless green recurrent
    networks dream hierarchically", whose training code is PyTorch's word-level language model:
    embedding and decoder uniform in (-0.1, 0.1), decoder bias 0; in layers of h units all weights
    and both biases uniform in (-1 / sqrt(h), 1 / sqrt(h)), which is PyTorch's default for an LSTM.

    Parameters
    ----------
    model : LanguageModel
        Its shape, vocabulary, tying, floating-point type and device are kept.

    Returns
    -------
    LanguageModel
        The same network, up to rounding of the biases, in every floating-point type and on every
        device. Its `sha256` is made from the model's and the seed, its `origin` names both.
    """
    generator = torch.Generator().manual_seed(seed)

    def uniform(bound: float, *shape: int) -> Tensor:
        drawn = torch.empty(shape, dtype=torch.float32).uniform_(-bound, bound, generator=generator)
        return drawn.to(model.dtype)

    embedding = uniform(WORDS_RANGE, *model.embedding.shape)
    layers = []
    for layer in model.layers:
        bound = layer.size**-0.5
        layers.append(
            Layer(
                weight_ih=uniform(bound, *layer.weight_ih.shape),
                weight_hh=uniform(bound, *layer.weight_hh.shape),
                bias=uniform(bound, *layer.bias.shape) + uniform(bound, *layer.bias.shape),
            )
        )
    decoder_weight = embedding
    if not model.tied:
        decoder_weight = uniform(WORDS_RANGE, *model.decoder_weight.shape)
    network = LanguageModel(
        vocabulary=model.vocabulary,
        embedding=embedding,
        layers=tuple(layers),
        decoder_weight=decoder_weight,
        decoder_bias=embedding.new_zeros(len(model.vocabulary)),
    )
    name = f"untrained network of seed {seed} like {model.sha256}"
    sha256 = hashlib.sha256(name.encode()).hexdigest()
    origin = {"untrained_seed": seed, "untrained_like": model.sha256}
    return replace(network.to(device=model.device), sha256=sha256, origin=origin)


def untrained_checkpoint_seed(seed: int) -> int:
    """Return the seed of an untrained network that is studied like any other.

    The references that decoding and depth are compared with are untrained networks too, which use
    their seeds as they are. With one of these, this network would be compared with itself.
    """
    return int(np.random.SeedSequence([seed, 1]).generate_state(1, np.uint64)[0] >> 1)


def write_untrained_weights(trained: LanguageModel, seed: int, path: str | Path) -> None:
    """Write the weights of a network of a model's shape and vocabulary, before any training.

    Parameters
    ----------
    trained : LanguageModel
        Gives shape, tying and vocabulary.
    seed : int
        See `untrained_checkpoint_seed`.
    path : path
        Gets weights in float32 under the names of a state dict, as `lstm_units.models.checkpoints`
        reads them.
    """
    model = untrained_like(trained, untrained_checkpoint_seed(seed))
    tensors = {"encoder.weight": model.embedding, "decoder.bias": model.decoder_bias}
    if not model.tied:
        tensors["decoder.weight"] = model.decoder_weight
    for depth, layer in enumerate(model.layers):
        tensors[f"rnn.weight_ih_l{depth}"] = layer.weight_ih
        tensors[f"rnn.weight_hh_l{depth}"] = layer.weight_hh
        tensors[f"rnn.bias_ih_l{depth}"] = layer.bias
        tensors[f"rnn.bias_hh_l{depth}"] = layer.bias.new_zeros(layer.bias.shape)
    config = {"untrained_like": trained.sha256, "untrained_seed": seed}
    metadata = encode_metadata(make_metadata(config=config, seed=seed))
    with atomic_path(path) as temporary:
        save_file({n: t.contiguous() for n, t in tensors.items()}, temporary, metadata)
