"""The step that dumps activations on the sampled sentences of the depth corpus."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from lstm_units.activations.dump import Sentences, dump_activations
from lstm_units.depth_corpus.sample import DepthSample, read_depth_sample
from lstm_units.errors import ConfigurationError, UserError
from lstm_units.interventions.model_inputs import Compute, Context, loaded_model
from lstm_units.models.language_model import Vocabulary
from lstm_units.models.untrained import untrained_like

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
    if not 0 <= maximum_unknown <= 1:
        raise ConfigurationError(
            f"depth.maximum_unknown is {maximum_unknown}; write a share from 0 to 1"
        )
    sample = read_depth_sample(sentences, positions)
    with loaded_model(checkpoint, replace(compute, precision=_FLOAT_TYPE)) as model:
        share = check_unknown(sample, model.vocabulary, maximum_unknown, str(sentences))
        if untrained_seed is not None:
            model = untrained_like(model, untrained_seed)
        items, tokens = list(sample.tokens), list(sample.tokens.values())
        dump_activations(
            model,
            Sentences(TASK, np.array(items), [TASK] * len(items), tokens, sample.sha256),
            context,
            output_folder,
            variables=[variable],
            layers=layers,
            float_type=_FLOAT_TYPE,
            memory=compute.memory,
            unknown_share=share,
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
