"""The sentences of the depth corpus: drawn from a grammar, or those that others released."""

import logging
from pathlib import Path

from lstm_units.depth_corpus.generation import generate_depth_corpus
from lstm_units.depth_corpus.grammar import Grammar
from lstm_units.depth_corpus.grammar_file import read_grammar
from lstm_units.depth_corpus.sentences import (
    make_sentence_table,
    read_depth_sentences,
    sentences_sha256,
    without_duplicates,
)
from lstm_units.io.files import make_metadata, sha256_file
from lstm_units.io.results import Result

log = logging.getLogger(__name__)

_READERS = {"generated": read_grammar, "released": read_depth_sentences}


def read_source(path: str | Path, format: str) -> Result:
    """Read what sentences are made from.

    Parameters
    ----------
    path : path
    format : {"generated", "released"}
        ``generated``: a file for `lstm_units.depth_corpus.grammar_file.read_grammar`. ``released``:
        one for `lstm_units.depth_corpus.sentences.read_depth_sentences`.

    Returns
    -------
    Result
        A `Grammar`, or a list of `DepthSentence`; the metadata hold the ``sha256`` of the file.

    Raises
    ------
    StimuliError
        If the file has a fault; the message names its line.
    """
    return Result(_READERS[format](path), {"sha256": sha256_file(path)}, str(path))


def depth_sentences(source: Result, **sampling) -> Result:
    """Make the table of sentences with their trees and open nodes.

    Parameters
    ----------
    source : Result
        From `read_source`. Of released sentences with the same words the first is kept.
    **sampling
        For a grammar: ``per_length, lengths, seed`` of
        `lstm_units.depth_corpus.generation.generate_depth_corpus`.

    Returns
    -------
    Result
        The columns of `lstm_units.depth_corpus.sentences.SCHEMA`. The metadata hold ``counts``.

    Raises
    ------
    StimuliError
        If a number is impossible, or the grammar has no sentence of any of the lengths.
    """
    hashed = source.metadata["sha256"]
    if isinstance(source.content, Grammar):
        return _generated(source.content, hashed, **sampling)
    kept = without_duplicates(source.content)
    n_read, n_kept = len(source.content), len(kept)
    if n_kept < n_read:
        log.info(
            "%s: %d of %d sentences left out as duplicates", source.source, n_read - n_kept, n_read
        )
    counts = {"from": "file", "sentences_in_file": n_read, "duplicates": n_read - n_kept}
    return _result(kept, config={"file_sha256": hashed}, counts=counts)


def _generated(
    grammar: Grammar, hashed: str, *, per_length: int, lengths: tuple[int, int], seed: int
) -> Result:
    corpus = generate_depth_corpus(grammar, per_length, tuple(lengths), seed)
    config = {"grammar_sha256": hashed, "per_length": per_length, "lengths": list(lengths)}
    counts = {
        "from": "grammar",
        "productions": len(grammar.productions),
        "productions_with_bracket": sum(p.label is not None for p in grammar.productions),
        "word_types_of_grammar": len(grammar.word_types),
        "drawn_anew": corpus.exhausted,
        "fewer_than_wanted": {
            str(length): found for length, found in corpus.per_length.items() if found < per_length
        },
    }
    return _result(corpus.sentences, config=config, counts=counts, seed=seed)


def _result(sentences, **fields) -> Result:
    table = make_sentence_table(sentences)
    hashed = sentences_sha256(table)
    metadata = make_metadata(kind="depth_sentences", stimuli_sha256=hashed, **fields)
    return Result(table, metadata, "the depth sentences")
