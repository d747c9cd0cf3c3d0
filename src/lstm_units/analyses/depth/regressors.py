"""What depth is regressed on: activations, and the baselines that these have to beat."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.preprocessing import OneHotEncoder

from lstm_units.activations.reader import ActivationDump
from lstm_units.analyses.depth.scores import UNITS
from lstm_units.depth_corpus.sample import DepthSample
from lstm_units.errors import ConfigurationError, UserError
from lstm_units.io.files import sha256_file
from lstm_units.io.results import Result, require_same
from lstm_units.stimuli.word_frequency import count_words, log_frequency, read_word_counts

if TYPE_CHECKING:
    from lstm_units.models.language_model import LanguageModel

# The fixed baselines; layer_1, untrained_1 and so on beside them.
POSITION_FREQUENCY = "position_frequency"
WORDS = "words"
EMBEDDINGS = "embeddings"
_NUMBERED = re.compile(r"(layer|untrained)_([1-9]\d*)")


@dataclass(frozen=True)
class Regressors:
    """A named matrix of regressors.

    Parameters
    ----------
    name : str
        ``units``, ``layer_2``, ``untrained_1``, ``position_frequency``, ``words`` or
        ``embeddings``.
    matrix : ndarray of float64, shape (rows, columns)
    covariate : int or None
        Column of the word's frequency; the last one.
    units : tuple of int
        1-based numbers of the units that the first columns hold; empty where they hold none.
    made : mapping
        Metadata: what they were made from.
    """

    name: str
    matrix: np.ndarray = field(repr=False)
    covariate: int | None
    units: tuple[int, ...] = ()
    made: Mapping[str, Any] = field(default_factory=dict)

    def without_covariate(self) -> np.ndarray:
        """Return the matrix without the column of the word's frequency."""
        if self.covariate is None:
            return self.matrix
        return np.delete(self.matrix, self.covariate, axis=1)


def numbered(name: str) -> tuple[str, int] | None:
    """Take ``layer_2`` apart into ``("layer", 2)``; None for a name without a number."""
    match = _NUMBERED.fullmatch(name)
    return (match[1], int(match[2])) if match else None


def read_word_frequencies(path: str | Path) -> Result:
    """Read how often each word occurs, as `lstm_units.stimuli.word_frequency.read_word_counts`."""
    return Result(read_word_counts(path), {"word_counts_sha256": sha256_file(path)}, str(path))


def frequency(sample: DepthSample, word_counts: Result, procedure: str) -> np.ndarray:
    """Return the covariate: how frequent each sampled word is.

    Parameters
    ----------
    word_counts : Result
        From `read_word_frequencies`.
    procedure : {"nested", "paper"}
        ``paper``: the counts themselves, as in the paper's code; else log(count + 1).

    Returns
    -------
    ndarray of float64, shape (rows,)

    Raises
    ------
    UserError
        If the table knows less than half of the words.
    """
    counts = count_words(sample.words, word_counts.content, word_counts.source)
    return counts if procedure == "paper" else log_frequency(counts)


def build_regressors(
    name: str,
    sample: DepthSample,
    procedure: str,
    *,
    word_counts: Result | None = None,
    dump: ActivationDump | None = None,
    model: "LanguageModel | None" = None,
) -> Regressors:
    """Return what depth is regressed on, with where it comes from.

    Parameters
    ----------
    name : str
        ``units``: all units and frequency. The baselines: ``position_frequency`` (position and
        frequency), ``words`` (the word and the one before it), ``embeddings`` (the word's embedding
        and frequency), ``layer_1`` and so on (the units of one layer and frequency),
        ``untrained_1`` and so on (all units of an untrained network and frequency).
    procedure : {"nested", "paper"}
        For `frequency`.
    word_counts : Result, optional
        From `read_word_frequencies`; all but ``words`` need them.
    dump : ActivationDump, optional
        For regressors that are units: the model's, or that of the untrained network.
    model : LanguageModel, optional
        For ``embeddings``.

    Raises
    ------
    ConfigurationError
        If there are no such regressors.
    UserError
        If the dump lacks the layer, or the inputs do not fit each other.
    """
    if name not in (UNITS, POSITION_FREQUENCY, WORDS, EMBEDDINGS) and numbered(name) is None:
        raise ConfigurationError(
            f"there are no regressors {name!r}; expected {POSITION_FREQUENCY}, {WORDS}, "
            f"{EMBEDDINGS}, layer_1 or untrained_1 and so on"
        )
    if name == WORDS:
        return word_regressors(sample)
    if word_counts is None:
        raise ValueError(f"{name} needs the word counts")
    covariate = frequency(sample, word_counts, procedure)
    if name == POSITION_FREQUENCY:
        built = position_regressors(sample, covariate)
    elif name == EMBEDDINGS and model is not None:
        built = embedding_regressors(sample, model, covariate)
    elif name != EMBEDDINGS and dump is not None:
        built = activity_regressors(name, dump, sample, covariate)
    else:
        raise ValueError(f"{name} needs a model or a dump of activations")
    return replace(built, made={**built.made, **word_counts.metadata})


def activity_regressors(
    name: str, dump: ActivationDump, sample: DepthSample, covariate: np.ndarray
) -> Regressors:
    """Return the activity of units at the sampled words, and the covariate.

    Parameters
    ----------
    name : str
        ``layer_2`` and the like read one layer of `dump`, other names all of it.
    dump : ActivationDump
        Of one variable, on the sentences of `sample`.
    covariate : ndarray of shape (rows,)
        From `frequency`.

    Raises
    ------
    UserError
        If `dump` lacks the layer, is of other sentences, or of several variables.
    """
    require_same(sample, dump, checkpoint=False, stimuli_sha256="version of the depth corpus")
    if len(dump.variables) != 1:
        raise UserError(
            f"{dump.source} holds {', '.join(dump.variables)}; depth is regressed on one variable"
        )
    kind = numbered(name)
    units = dump.units([kind[1]] if kind and kind[0] == "layer" else None)
    nodes = dump.node[np.searchsorted(dump.item, sample.sentence), sample.position]
    values = dump.read_nodes(dump.variables[0], units=units)[nodes]
    if not np.isfinite(values).all():
        raise UserError(
            f"{dump.source} holds values that are no finite numbers; is the model whole? Convert "
            "the checkpoint again"
        )
    made = {
        "checkpoint_sha256": dump.metadata["checkpoint_sha256"],
        "variable": dump.variables[0],
    }
    if "untrained_like" in dump.metadata["config"]:
        made["untrained_like"] = dump.metadata["config"]["untrained_like"]
    return _with_covariate(name, values, covariate, tuple(units), made)


def position_regressors(sample: DepthSample, covariate: np.ndarray) -> Regressors:
    """Return the position in the sentence and the covariate, of shape (rows,)."""
    return _with_covariate(POSITION_FREQUENCY, sample.position[:, None], covariate)


def word_regressors(sample: DepthSample) -> Regressors:
    """Return the identity of the word and of the word before it, one column each; no covariate.

    Frequency is a function of the word. A word of a held-out sentence that no training sentence
    has counts as no word: its column is constant there, so its coefficient is 0.
    """
    pairs = np.array([sample.words, sample.previous_words], dtype=object).T
    encoder = OneHotEncoder(sparse_output=False, handle_unknown="ignore")
    return Regressors(WORDS, encoder.fit_transform(pairs), None)


def embedding_regressors(
    sample: DepthSample, model: "LanguageModel", covariate: np.ndarray
) -> Regressors:
    """Return the embedding of the sampled word and the covariate, of shape (rows,)."""
    values = model.embedding.numpy()[np.asarray(model.vocabulary.ids(sample.words))]
    made = {"checkpoint_sha256": model.sha256}
    return _with_covariate(EMBEDDINGS, values, covariate, made=made)


def _with_covariate(
    name: str,
    values: np.ndarray,
    covariate: np.ndarray,
    units: tuple[int, ...] = (),
    made: Mapping[str, Any] | None = None,
) -> Regressors:
    matrix = np.column_stack([values.astype(float), covariate])
    return Regressors(name, matrix, matrix.shape[1] - 1, units, made or {})
