"""What is dumped for the regression of depth: sentences up to their last sampled word."""

import logging
from collections import Counter

import numpy as np

from lstm_units.activations.dump import Sentences
from lstm_units.depth_corpus.sample import DepthSample
from lstm_units.errors import ConfigurationError, NotRun
from lstm_units.models.vocabulary import Vocabulary

log = logging.getLogger(__name__)

TASK = "depth"
_LISTED = 20


def sampled_sentences(sample: DepthSample) -> Sentences:
    """Return the sentences that have a sampled word; items are numbers of sentences."""
    items, tokens = list(sample.tokens), list(sample.tokens.values())
    return Sentences(TASK, np.array(items), [TASK] * len(items), tokens, sample.sha256)


def unknown_share(sample: DepthSample, vocabulary: Vocabulary, maximum: float) -> float:
    """Return the share of tokens that a model does not know; refuse too large a one.

    Parameters
    ----------
    maximum : float
        Largest share, from 0 to 1.

    Raises
    ------
    ConfigurationError
        If `maximum` is no share.
    UserError
        If more tokens are unknown.
    """
    if not 0 <= maximum <= 1:
        raise ConfigurationError(f"the largest share is {maximum}; write a share from 0 to 1")
    tokens = [word for words in sample.tokens.values() for word in words]
    unknown = Counter(word for word in tokens if word not in vocabulary)
    share = unknown.total() / len(tokens)
    commonest = ", ".join(f"{word} ({n})" for word, n in unknown.most_common(_LISTED))
    if share > maximum:
        raise NotRun(
            f"the model does not know {100 * share:.2f} % of the {len(tokens):,} tokens of the "
            f"sentences that {sample.source} samples, and {100 * maximum:g} % are allowed. The "
            f"commonest of {len(unknown)} unknown words: {commonest}. Give a grammar of words that "
            "it knows, or allow more"
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
