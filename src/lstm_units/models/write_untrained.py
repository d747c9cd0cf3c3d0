"""The step that makes the checkpoint of an untrained network, to be studied like any other."""

from pathlib import Path

import numpy as np
from safetensors.torch import save_file

from lstm_units.io.files import atomic_path, encode_metadata, make_metadata
from lstm_units.models.checkpoints import load_language_model
from lstm_units.models.untrained import untrained_like

_STREAM = 1  # apart from the references of decoding and depth, which use their seeds as they are


def untrained_checkpoint_seed(seed: int) -> int:
    """Return the seed for `lstm_units.models.untrained.untrained_like`.

    The references that decoding and depth are compared with are untrained networks too. With one
    of their seeds, this network would be compared with itself.

    Parameters
    ----------
    seed : int
        Of the configuration.

    Returns
    -------
    int
    """
    return int(np.random.SeedSequence([seed, _STREAM]).generate_state(1, np.uint64)[0] >> 1)


def write_untrained_checkpoint(like: str | Path, seed: int, output: str | Path) -> None:
    """Write the weights of a network of a model's shape and vocabulary, before any training.

    Parameters
    ----------
    like : path
        Folder of a converted checkpoint: gives shape, tying and vocabulary.
    seed : int
        Of the weights, see `untrained_checkpoint_seed` and
        `lstm_units.models.untrained.untrained_like`.
    output : path
        Weights in float32 under the names of a state dict, as `lstm_units.models.checkpoints`
        reads them.

    Raises
    ------
    CheckpointError
        If `like` cannot be loaded.
    """
    trained = load_language_model(like)
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
    with atomic_path(output) as temporary:
        save_file({n: t.contiguous() for n, t in tensors.items()}, temporary, metadata)
