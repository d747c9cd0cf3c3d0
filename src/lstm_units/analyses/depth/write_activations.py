"""The step that dumps activations on the sampled sentences of the depth corpus."""

import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lstm_units.activations.dump import dump_activations
from lstm_units.activations.write_dump import (
    choose_layers,
    choose_variables,
    compute_in,
    tokens_sha256,
)
from lstm_units.depth_corpus.sample import DepthSample, read_depth_sample
from lstm_units.errors import ConfigurationError, UserError
from lstm_units.interventions.context_states import read_context
from lstm_units.interventions.interventions import Interventions
from lstm_units.interventions.model_inputs import Compute, Context, loaded_model
from lstm_units.interventions.prefix_trie import build_trie
from lstm_units.io.files import make_metadata
from lstm_units.models.language_model import Vocabulary
from lstm_units.models.untrained import untrained_like
from lstm_units.runtime.console import progress

log = logging.getLogger(__name__)

TASK = "depth"
_FLOAT_TYPE = "float32"
_LISTED = 20


def write_depth_activations(
    checkpoint: str | Path,
    sentences: str | Path,
    positions: str | Path,
    context: Context,
    compute: Compute,
    variable: str,
    layers: str | Sequence[int],
    maximum_unknown: float,
    output_folder: str | Path,
    untrained_seed: int | None = None,
) -> None:
    """Dump the intact model's activations on the sentences that have a sampled word.

    Sentences are cut after their last sampled word. Each is read from the state after the context.

    Parameters
    ----------
    checkpoint : path
        Folder of a converted checkpoint.
    sentences, positions : path
        As in `lstm_units.depth_corpus.sample.read_depth_sample`.
    context : Context
    compute : Compute
        Its precision is replaced by float32.
    variable : str
        One of `lstm_units.activations.layout.VARIABLES`.
    layers : "all" or sequence of int
        1-based.
    maximum_unknown : float
        Largest share of tokens that the model may not know.
    output_folder : path
        In the layout of `lstm_units.activations.layout`; ``item`` is the sentence's number. Its
        metadata record the share of unknown tokens.
    untrained_seed : int, optional
        Dump the untrained network of the checkpoint's shape instead, made with this seed.

    Raises
    ------
    ConfigurationError
        If the model has no such layer, or the variable is unknown.
    StimuliError
        As in `lstm_units.depth_corpus.sample.read_depth_sample`.
    UserError
        If more than `maximum_unknown` of the tokens are unknown to the model.
    """
    (variable,) = choose_variables([variable])
    if not 0 <= maximum_unknown <= 1:
        raise ConfigurationError(
            f"depth.maximum_unknown is {maximum_unknown}; write a share from 0 to 1"
        )
    sample = read_depth_sample(sentences, positions)
    compute = compute_in(compute, _FLOAT_TYPE)
    with loaded_model(checkpoint, compute) as model:
        chosen_layers = choose_layers(layers, len(model.layers))
        share = check_unknown(sample, model.vocabulary, maximum_unknown, str(sentences))
        untrained = {}
        if untrained_seed is not None:
            untrained = {"untrained_seed": untrained_seed, "untrained_like": model.sha256}
            model = untrained_like(model, untrained_seed)
        items, tokens = list(sample.tokens), list(sample.tokens.values())
        metadata = make_metadata(
            kind="activations",
            task=TASK,
            config={
                "precision": compute.precision,
                "variables": [variable],
                "layers": list(chosen_layers),
                "layer_sizes": list(model.layer_sizes),
                "float_type": _FLOAT_TYPE,
                **context.metadata(),
                **untrained,
            },
            checkpoint_sha256=model.sha256,
            stimuli_sha256=sample.sha256,
            tokens_sha256=tokens_sha256(items, tokens),
            unknown_share=share,
        )
        ids = context.ids(model.vocabulary, ablated=False)
        states = read_context(model, Interventions("zero", ((),)), ids)
        total = build_trie([model.vocabulary.ids(words) for words in tokens]).n_nodes
        with progress(total=total, description="activations", unit="prefixes") as bar:
            dump_activations(
                model,
                np.array(items),
                [TASK] * len(items),
                tokens,
                states,
                [variable],
                chosen_layers,
                _FLOAT_TYPE,
                compute.memory * 2**30,
                output_folder,
                metadata,
                bar.update,
            )


def check_unknown(
    sample: DepthSample, vocabulary: Vocabulary, maximum_unknown: float, source: str
) -> float:
    """Return the share of tokens that a model does not know; refuse too large a one.

    Parameters
    ----------
    sample : DepthSample
    vocabulary : Vocabulary
    maximum_unknown : float
    source : str
        What the message calls the sentences.

    Returns
    -------
    float

    Raises
    ------
    UserError
        If the share is above `maximum_unknown`.
    """
    tokens = [word for words in sample.tokens.values() for word in words]
    unknown = Counter(word for word in tokens if word not in vocabulary)
    share = unknown.total() / len(tokens)
    commonest = ", ".join(f"{word} ({n})" for word, n in unknown.most_common(_LISTED))
    if share > maximum_unknown:
        raise UserError(
            f"the model does not know {100 * share:.2f} % of the {len(tokens):,} tokens of "
            f"{source}, and depth.maximum_unknown allows {100 * maximum_unknown:g} %. The "
            f"commonest of {len(unknown)} unknown words: {commonest}. Give a grammar of words that "
            "it knows, or raise depth.maximum_unknown in config.yaml"
        )
    if unknown:
        log.info(
            "the model does not know %d words (%.2f %% of the tokens), which it reads as %s: %s",
            len(unknown),
            100 * share,
            vocabulary.unk,
            commonest,
        )
    return share
