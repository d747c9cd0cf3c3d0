"""The sampled words of the depth corpus: where they stand and how many nodes are open there."""

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lstm_units.errors import StimuliError


@dataclass(frozen=True)
class DepthSample:
    """Sampled words, in the order of sentences and positions.

    Parameters
    ----------
    sentence : ndarray of int32, shape (rows,)
        Number of each word's sentence.
    position : ndarray of int16, shape (rows,)
        0-based place of the word.
    open_nodes : ndarray of int16, shape (rows,)
        The depth of the word.
    tokens : dict of int to tuple of str
        The words of each sentence that has a sampled word, up to the last of these.
    source : str
        What messages call it.
    """

    sentence: np.ndarray
    position: np.ndarray
    open_nodes: np.ndarray
    tokens: dict[int, tuple[str, ...]] = field(repr=False)
    source: str = "the sample of words"

    def __len__(self) -> int:
        return len(self.sentence)

    @property
    def words(self) -> list[str]:
        """The sampled words, one per row."""
        pairs = zip(self.sentence.tolist(), self.position.tolist(), strict=True)
        return [self.tokens[sentence][position] for sentence, position in pairs]

    @property
    def previous_words(self) -> list[str]:
        """The word before each sampled word; empty at the beginning of a sentence."""
        pairs = zip(self.sentence.tolist(), self.position.tolist(), strict=True)
        return [self.tokens[s][p - 1] if p else "" for s, p in pairs]

    @property
    def metadata(self) -> dict[str, str]:
        """What files made from it record."""
        return {"stimuli_sha256": self.sha256}

    @cached_property
    def sha256(self) -> str:
        """Hash of everything in the sample."""
        digest = hashlib.sha256()
        for sentence, tokens in self.tokens.items():
            digest.update(json.dumps([sentence, tokens], ensure_ascii=False).encode() + b"\n")
        for row in zip(self.sentence, self.position, self.open_nodes, strict=True):
            digest.update(json.dumps([int(value) for value in row]).encode() + b"\n")
        return digest.hexdigest()


def read_depth_sample(sentences: str | Path, positions: str | Path) -> DepthSample:
    """Read the sampled words with their sentences, cut after the last sampled word.

    Parameters
    ----------
    sentences : path
        ``stimuli/depth/sentences.parquet``, with ``sentence, tokens``.
    positions : path
        ``stimuli/depth/positions.parquet``, with ``sentence, position, open_nodes``.

    Raises
    ------
    StimuliError
        If a file cannot be read, lacks a column, or the two do not fit each other.
    """
    text = _read(sentences, ("sentence", "tokens"))
    rows = _read(positions, ("sentence", "position", "open_nodes"))
    sentence = rows["sentence"].to_numpy().astype(np.int32)
    position = rows["position"].to_numpy().astype(np.int16)
    if len(sentence) == 0:
        raise StimuliError(f"{positions} has no row: no word was sampled")
    order = np.lexsort((position, sentence))
    if not np.array_equal(order, np.arange(len(order))):
        raise StimuliError(f"{positions} is not sorted by sentence and position")
    same = (np.diff(sentence) == 0) & (np.diff(position) == 0)
    if same.any():
        row = int(np.flatnonzero(same)[0])
        raise StimuliError(
            f"{positions} names position {position[row]} of sentence {sentence[row]} twice"
        )
    wanted, first = np.unique(sentence, return_index=True)
    last = position[np.append(first[1:], len(sentence)) - 1]
    by_number = dict(zip(text["sentence"].to_pylist(), text["tokens"].to_pylist(), strict=True))
    tokens = {}
    for number, stop in zip(wanted.tolist(), last.tolist(), strict=True):
        words = by_number.get(number)
        if words is None or not 0 <= stop < len(words):
            found = "has no such sentence" if words is None else f"has {len(words)} words there"
            raise StimuliError(
                f"{positions} names position {stop} of sentence {number}, but {sentences} {found}. "
                "Make both anew from the same corpus"
            )
        tokens[number] = tuple(words[: stop + 1])
    if position.min() < 0:
        raise StimuliError(f"{positions} has a position below 0; they count from 0")
    open_nodes = rows["open_nodes"].to_numpy().astype(np.int16)
    return DepthSample(sentence, position, open_nodes, tokens, str(positions))


def _read(path: str | Path, columns: tuple[str, ...]) -> pa.Table:
    try:
        return pq.ParquetFile(path).read(columns=list(columns)).select(columns)
    except (OSError, pa.ArrowException, KeyError) as error:
        raise StimuliError(
            f"cannot read {path}: {error}. It needs the columns {', '.join(columns)}; delete it "
            "and run the workflow again"
        ) from error
