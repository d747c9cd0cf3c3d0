"""What depth is regressed on: activations, and the baselines that these have to beat."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from sklearn.preprocessing import OneHotEncoder

from lstm_units.activations.reader import ActivationDump
from lstm_units.depth_corpus.sample import DepthSample
from lstm_units.errors import ConfigurationError, UserError
from lstm_units.stimuli.word_frequency import count_words, log_frequency, read_word_counts

UNITS = "units"
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
    """

    name: str
    matrix: np.ndarray = field(repr=False)
    covariate: int | None
    units: tuple[int, ...] = ()

    def without_covariate(self) -> np.ndarray:
        """Return the matrix without the column of the word's frequency."""
        if self.covariate is None:
            return self.matrix
        return np.delete(self.matrix, self.covariate, axis=1)


def numbered(name: str) -> tuple[str, int] | None:
    """Take ``layer_2`` apart into ``("layer", 2)``; None for a name without a number."""
    match = _NUMBERED.fullmatch(name)
    return (match[1], int(match[2])) if match else None


def frequency(sample: DepthSample, word_counts: str | Path, procedure: str) -> np.ndarray:
    """Return the covariate: how frequent each sampled word is.

    Parameters
    ----------
    sample : DepthSample
    word_counts : path
        As in `lstm_units.stimuli.word_frequency.read_word_counts`.
    procedure : {"nested", "paper"}
        ``paper``: the counts themselves, as in the paper's code; else log(count + 1).

    Returns
    -------
    ndarray of float64, shape (rows,)

    Raises
    ------
    UserError
        As in `lstm_units.stimuli.word_frequency`.
    """
    counts = count_words(sample.words, read_word_counts(word_counts), str(word_counts))
    return counts if procedure == "paper" else log_frequency(counts)


def activity_regressors(
    name: str, dump: ActivationDump, sample: DepthSample, covariate: np.ndarray
) -> Regressors:
    """Return the activity of units at the sampled words, and the covariate.

    Parameters
    ----------
    name : str
        ``layer_2`` and the like read one layer of `dump`, other names all of it.
    dump : ActivationDump
        Of the sentences of `sample`, with one variable.
    sample : DepthSample
    covariate : ndarray of shape (rows,)
        From `frequency`.

    Returns
    -------
    Regressors

    Raises
    ------
    ConfigurationError
        If `dump` lacks the layer.
    UserError
        If `dump` is of other sentences, or of several variables.
    """
    if dump.metadata.get("stimuli_sha256") != sample.sha256:
        raise UserError(
            f"{dump.folder} was made from other sentences or positions than are given now. Delete "
            f"the folder {dump.folder} and run the workflow again"
        )
    if len(dump.variables) != 1:
        raise UserError(
            f"{dump.folder} holds {', '.join(dump.variables)}; depth is regressed on one variable "
            "(depth.variable in config.yaml)"
        )
    kind = numbered(name)
    units = dump.units([kind[1]] if kind and kind[0] == "layer" else None)
    nodes = dump.node[np.searchsorted(dump.item, sample.sentence), sample.position]
    values = dump.read_nodes(dump.variables[0], units=units)[nodes]
    if not np.isfinite(values).all():
        raise UserError(
            f"{dump.folder} holds values that are no finite numbers; is the model whole? Convert "
            "the checkpoint again"
        )
    return _with_covariate(name, values, covariate, tuple(units))


def position_regressors(sample: DepthSample, covariate: np.ndarray) -> Regressors:
    """Return the position in the sentence and the covariate.

    Parameters
    ----------
    sample : DepthSample
    covariate : ndarray of shape (rows,)

    Returns
    -------
    Regressors
    """
    return _with_covariate(POSITION_FREQUENCY, sample.position[:, None], covariate)


def word_regressors(sample: DepthSample) -> Regressors:
    """Return the identity of the word and of the word before it, one column each; no covariate.

    Frequency is a function of the word. A word of a held-out sentence that no training sentence
    has counts as no word: its column is constant there, so its coefficient is 0.

    Parameters
    ----------
    sample : DepthSample

    Returns
    -------
    Regressors
    """
    pairs = np.array([sample.words, sample.previous_words], dtype=object).T
    encoder = OneHotEncoder(sparse_output=False, handle_unknown="ignore")
    return Regressors(WORDS, encoder.fit_transform(pairs), None)


def embedding_regressors(
    embedding: np.ndarray, rows: Sequence[int], covariate: np.ndarray
) -> Regressors:
    """Return the embedding of the sampled word and the covariate.

    Parameters
    ----------
    embedding : ndarray of shape (words, embedding)
    rows : sequence of int
        Row of each sampled word.
    covariate : ndarray of shape (rows,)

    Returns
    -------
    Regressors
    """
    return _with_covariate(EMBEDDINGS, embedding[np.asarray(rows)], covariate)


def check_name(name: str) -> None:
    """Refuse a name that stands for no baseline.

    Raises
    ------
    ConfigurationError
    """
    if name not in (POSITION_FREQUENCY, WORDS, EMBEDDINGS) and numbered(name) is None:
        raise ConfigurationError(
            f"there are no regressors {name!r}; expected {POSITION_FREQUENCY}, {WORDS}, "
            f"{EMBEDDINGS}, layer_1 or untrained_1 and so on"
        )


def _with_covariate(
    name: str, values: np.ndarray, covariate: np.ndarray, units: tuple[int, ...] = ()
) -> Regressors:
    matrix = np.column_stack([values.astype(float), covariate])
    return Regressors(name, matrix, matrix.shape[1] - 1, units)
