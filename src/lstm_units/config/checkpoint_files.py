"""What a checkpoint is made from, and how it is read.

Every function takes a configuration from `lstm_units.config.validate.validate_config`. Standard
library only: it is imported when the Snakefile is parsed.
"""

from collections.abc import Mapping
from typing import Any, Literal

from lstm_units.config.analysis_plan import origin_of
from lstm_units.config.training_runs import corpus_file, trained_by
from lstm_units.config.training_settings import weights_file
from lstm_units.config.validate import is_url
from lstm_units.errors import ConfigurationError


def source_file(config: Mapping[str, Any], model: str, key: Literal["source", "vocabulary"]) -> str:
    """Return the weights or the vocabulary of a model: the user's own file, or one that is made."""
    entry = config["checkpoints"][model]
    like, run = entry["untrained_like"], trained_by(config, model)
    if like is not None:
        made = f"{model}/checkpoint/untrained.safetensors"
        return f"<results>/{made if key == 'source' else f'{like}/checkpoint/vocab.txt'}"
    if run is not None:
        trained = f"<results>/training/{run}/checkpoints"
        return trained if key == "source" else corpus_file(config, run, "vocab.txt")
    if is_url(entry[key]):
        return f"<results>/{model}/download/{key}"
    return entry[key]


def file_in_folder(config: Mapping[str, Any], model: str) -> str:
    """Return the file of weights in the folder of a training; nothing for other checkpoints."""
    if trained_by(config, model) is None:
        return ""
    return weights_file(config["checkpoints"][model]["training_step"])


def reading_options(config: Mapping[str, Any], model: str) -> dict[str, Any]:
    """Return how a checkpoint is read; an untrained network has the special words of its model."""
    origin = origin_of(config, model)
    entry = config["checkpoints"][origin]
    named = ("part", "embedding", "decoder", "layers", "padding_rows")
    hashes = ("source_sha256", "vocabulary_sha256")
    keys = ("format", "stand_ins", "unk", "eos", *named, *hashes)
    options = {key: entry[key] for key in keys}
    if origin != model:
        options |= {"format": "safetensors", **dict.fromkeys((*named, *hashes))}
    return options


def trained_weights(config: Mapping[str, Any], model: str) -> str:
    """Return the converted checkpoint whose shape an untrained network has.

    Raises
    ------
    ConfigurationError
        If the network is a trained one.
    """
    like = origin_of(config, model)
    if like == model:
        raise ConfigurationError(f"checkpoints.{like} is no untrained network: it has a source")
    return f"<results>/{like}/checkpoint/model.safetensors"


def word_counts(config: Mapping[str, Any], model: str) -> str:
    """Return the table of word counts of a model: of its training, else the general one.

    A model that the workflow trains has one among the results, unless its entry names another.
    """
    origin = origin_of(config, model)
    checkpoints, run = config["checkpoints"], trained_by(config, origin)
    own = checkpoints[model]["word_counts"] or checkpoints[origin]["word_counts"]
    made = corpus_file(config, run, "counts.tsv") if run is not None else None
    return own or made or config["depth"]["word_counts"]
