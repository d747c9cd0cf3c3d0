"""The step that dumps the activations of one task."""

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lstm_units.activations.dump import FLOAT_TYPES, dump_activations
from lstm_units.errors import ConfigurationError
from lstm_units.interventions.context_states import read_context
from lstm_units.interventions.interventions import Interventions
from lstm_units.interventions.model_inputs import (
    Compute,
    Context,
    loaded_model,
    model_metadata,
    read_group,
)
from lstm_units.interventions.prefix_trie import build_trie
from lstm_units.models.language_model import LanguageModel
from lstm_units.models.variables import VARIABLES
from lstm_units.runtime.console import progress
from lstm_units.stimuli.table import read_stimuli

log = logging.getLogger(__name__)


def write_activations(
    checkpoint: str | Path,
    stimuli: str | Path,
    context: Context,
    compute: Compute,
    variables: Sequence[str],
    layers: str | Sequence[int],
    float_type: str,
    output_folder: str | Path,
) -> None:
    """Dump the intact model's activations on the complete sentences of one task.

    Parameters
    ----------
    checkpoint : path
        Folder of a converted checkpoint.
    stimuli : path
        ``stimuli/{task}.parquet``.
    context : Context
    compute : Compute
        Its precision is replaced by that of `float_type`.
    variables : sequence of str
        Of `lstm_units.activations.layout.VARIABLES`.
    layers : "all" or sequence of int
        1-based.
    float_type : {"float16", "float32", "float64"}
        float16 is computed in float32 and rounded.
    output_folder : path
        ``activations/{task}``; its name names the task. The layout is described in
        `lstm_units.activations.layout`.

    Raises
    ------
    ConfigurationError
        If the model has no such layer, or a variable or float type is unknown.
    """
    with loaded_model(checkpoint, compute_in(compute, float_type)) as model:
        write_model_activations(
            model, stimuli, context, compute, variables, layers, float_type, output_folder
        )


def compute_in(compute: Compute, float_type: str) -> Compute:
    """Return `compute` in the precision that `float_type` needs.

    Raises
    ------
    ConfigurationError
        If the float type is unknown.
    """
    if float_type not in FLOAT_TYPES:
        raise ConfigurationError(
            f"activations.float_type is {float_type!r}; expected one of {', '.join(FLOAT_TYPES)}"
        )
    return replace(compute, precision="float64" if float_type == "float64" else "float32")


def write_model_activations(
    model: LanguageModel,
    stimuli: str | Path,
    context: Context,
    compute: Compute,
    variables: Sequence[str],
    layers: str | Sequence[int],
    float_type: str,
    output_folder: str | Path,
    extra: Mapping[str, Any] | None = None,
) -> None:
    """Dump the activations of a model that is loaded already.

    Parameters
    ----------
    model : LanguageModel
        In the precision of `compute_in`.
    stimuli, context, compute, variables, layers, float_type, output_folder
        As in `write_activations`.
    extra : mapping, optional
        What else the metadata record of the configuration.
    """
    task = Path(output_folder).name
    chosen_layers = choose_layers(layers, len(model.layers))
    chosen_variables = choose_variables(variables)
    group = read_group({task: stimuli}, model.vocabulary)
    sentences = read_stimuli(stimuli)["tokens"].to_pylist()
    unknown = sorted({word for s in sentences for word in s if word not in model.vocabulary})
    if unknown:
        log.info(
            "the model does not know %d words of %s, which it reads as %s: %s",
            len(unknown),
            task,
            model.vocabulary.unk,
            " ".join(unknown[:20]),
        )
    config = {
        "variables": list(chosen_variables),
        "layers": list(chosen_layers),
        "layer_sizes": list(model.layer_sizes),
        "float_type": float_type,
        **context.metadata(),
        **(extra or {}),
    }
    precise = compute_in(compute, float_type)
    metadata = {
        **model_metadata("activations", model, precise, group, **config),
        "task": task,
        "tokens_sha256": tokens_sha256(group.number.tolist(), sentences),
    }
    states = read_context(
        model, Interventions("zero", ((),)), context.ids(model.vocabulary, ablated=False)
    )
    total = build_trie([model.vocabulary.ids(sentence) for sentence in sentences]).n_nodes
    with progress(total=total, description="activations", unit="prefixes") as bar:
        dump_activations(
            model,
            group.number,
            group.condition,
            sentences,
            states,
            chosen_variables,
            chosen_layers,
            float_type,
            compute.memory * 2**30,
            output_folder,
            metadata,
            bar.update,
        )


def tokens_sha256(items: Sequence[int], sentences: Sequence[Sequence[str]]) -> str:
    """Hash item numbers and complete sentences, which `stimuli_sha256` leaves out.

    Parameters
    ----------
    items : sequence of int
    sentences : sequence of sequences of str

    Returns
    -------
    str
        Hexadecimal.
    """
    digest = hashlib.sha256()
    for row in zip(items, sentences, strict=True):
        digest.update(json.dumps(row, ensure_ascii=False).encode() + b"\n")
    return digest.hexdigest()


def choose_layers(layers: str | Sequence[int], n_layers: int) -> tuple[int, ...]:
    """Return the layers to dump, 1-based and ascending.

    Parameters
    ----------
    layers : "all" or sequence of int
    n_layers : int
        Layers of the model.

    Raises
    ------
    ConfigurationError
        If the model has no such layer, or none is named.
    """
    known = range(1, n_layers + 1)
    chosen = sorted(set(known if layers == "all" else layers))
    unknown = [layer for layer in chosen if layer not in known]
    if unknown or not chosen:
        raise ConfigurationError(
            f"activations.layers is {layers!r}, but the model's layers are "
            f"{', '.join(map(str, known))}; name some of them in config.yaml, or write `all`"
        )
    return tuple(chosen)


def choose_variables(variables: Sequence[str]) -> tuple[str, ...]:
    """Return the variables to dump in the order of `lstm_units.activations.layout.VARIABLES`.

    Raises
    ------
    ConfigurationError
        If there is no such variable, or none is named.
    """
    unknown = [name for name in variables if name not in VARIABLES]
    if unknown or not variables:
        raise ConfigurationError(
            f"activations.variables is {list(variables)!r}; expected some of {', '.join(VARIABLES)}"
        )
    return tuple(name for name in VARIABLES if name in variables)
