"""Bracketed sentences: their words, the open nodes at each, and the files that hold them."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from lstm_units.errors import StimuliError
from lstm_units.io.files import read_lines

SCHEMA = pa.schema(
    [
        pa.field("sentence", pa.int32(), nullable=False),
        pa.field("tokens", pa.list_(pa.string()), nullable=False),
        pa.field("bracketing", pa.string(), nullable=False),
        pa.field("open_nodes", pa.list_(pa.int16()), nullable=False),
        pa.field("length", pa.int16(), nullable=False),
    ]
)
_SEPARATOR = " | "
_PRINTED_LINE_END = "\\n'"


@dataclass(frozen=True)
class DepthSentence:
    """One sentence with its tree.

    Parameters
    ----------
    tokens : tuple of str
        The words as a model reads them, the first one capitalised.
    bracketing : str
        The tree; its first word is written as in the middle of a sentence.
    open_nodes : tuple of int
        One number per token; see `open_nodes`.
    """

    tokens: tuple[str, ...]
    bracketing: str
    open_nodes: tuple[int, ...]


def open_nodes(bracketing: str) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Count the open nodes at each word of a bracketed sentence.

    The measure of Nelson et al. (2017, PNAS) as Lakretz et al. (2019, Section 4.3) use it. The
    bracket around a single word (its pre-terminal) is taken together with the word. Each word then
    opens one node, the brackets that close after it close one each, and the count is read at the
    word, before these close.

    Parameters
    ----------
    bracketing : str
        Such as ``[S [NP [D the ] [N boy ] ] [V greets ] ]``: parts separated by spaces, labels
        attached to the opening bracket.

    Returns
    -------
    tokens : tuple of str
    open_nodes : tuple of int
        1 or more each, in the order of the words.

    Raises
    ------
    StimuliError
        If the brackets do not match, a bracket has no label or is empty, words or a second tree
        stand outside the tree, or there is no word.
    """
    tokens: list[str] = []
    counts: list[int] = []
    unclosed: list[str] = []
    # For each unclosed bracket the number of its parts, and whether one of them is a word.
    parts: list[int] = []
    has_word: list[bool] = []
    count = 0

    def fail(what: str) -> StimuliError:
        return StimuliError(f"{what}, in {bracketing!r}; expected '[S [N boys ] [V greet ] ]'")

    for piece in bracketing.split():
        if tokens and not unclosed:
            raise fail(f"{piece!r} stands after the end of the tree")
        if piece == "]":
            if not unclosed:
                raise fail("']' closes nothing")
            label, size, of_word = unclosed.pop(), parts.pop(), has_word.pop()
            if size == 0:
                raise fail(f"the bracket '[{label}' is empty")
            if not (size == 1 and of_word):
                count -= 1
        elif piece.startswith("["):
            if len(piece) == 1 or "]" in piece or "[" in piece[1:]:
                raise fail(f"{piece!r} is no label; separate all parts by spaces")
            if parts:
                parts[-1] += 1
            unclosed.append(piece[1:])
            parts.append(0)
            has_word.append(False)
        else:
            if "[" in piece or "]" in piece:
                raise fail(f"{piece!r} is neither a word nor a bracket; separate them by spaces")
            if not unclosed:
                raise fail(f"the word {piece!r} stands outside the tree")
            parts[-1] += 1
            has_word[-1] = True
            count += 1
            tokens.append(piece)
            counts.append(count)
    if unclosed:
        raise fail(f"{len(unclosed)} brackets are not closed, the innermost is '[{unclosed[-1]}'")
    if not tokens:
        raise fail("there is no word")
    return tuple(tokens), tuple(counts)


def capitalised(tokens: Sequence[str]) -> tuple[str, ...]:
    """Return the words with a capital at the beginning of the first."""
    return (tokens[0][:1].upper() + tokens[0][1:], *tokens[1:])


def read_depth_sentences(path: str | Path) -> list[DepthSentence]:
    r"""Read sentences with their trees, in the format that Lakretz et al. (2019) released.

    Parameters
    ----------
    path : path
        One sentence per line: the sentence, its bracketing, and, where they are given, its open
        nodes and a fourth field that is not read (the released file has the number of adjacent
        brackets there), separated by `` | ``. A literal ``\n'`` at the end of a line is dropped.

    Returns
    -------
    list of DepthSentence
        In the order of the file, duplicates included.

    Raises
    ------
    StimuliError
        If the file cannot be read, or a line has another number of fields, brackets that do not
        match, other words than its bracketing, or other open nodes than the bracketing gives. The
        message names the line.
    """
    sentences = []
    for number, line in enumerate(read_lines(path), start=1):
        if line.strip():
            try:
                sentences.append(_parse_line(line))
            except StimuliError as error:
                raise StimuliError(f"{path}, line {number}: {error}") from None
    return sentences


def _parse_line(line: str) -> DepthSentence:
    fields = line.strip().removesuffix(_PRINTED_LINE_END).split(_SEPARATOR)
    if not 2 <= len(fields) <= 4:
        raise StimuliError(
            f"{len(fields)} fields; expected 2 to 4, separated by {_SEPARATOR!r}: sentence, "
            "bracketing, open nodes, adjacent brackets"
        )
    tokens = tuple(fields[0].split())
    words, counts = open_nodes(fields[1])
    # The released trees have lower-case first words; names keep their capitals.
    if tokens not in (words, capitalised(words)):
        raise StimuliError(
            f"the sentence is {' '.join(tokens)!r}, but the words of its bracketing are "
            f"{' '.join(words)!r}; write the same words in both (the first may be capitalised in "
            "the sentence)"
        )
    if len(fields) > 2:
        found = fields[2].split()
        if found != [str(count) for count in counts]:
            raise StimuliError(
                f"the open nodes are given as {' '.join(found)}, but the bracketing gives "
                f"{' '.join(map(str, counts))}; mend the bracketing, or leave the field out"
            )
    return DepthSentence(tokens, " ".join(fields[1].split()), counts)


def without_duplicates(sentences: Sequence[DepthSentence]) -> list[DepthSentence]:
    """Keep the first of sentences with the same words.

    The released file has its last sentence twice, which is why the paper counts 1,303 sentences
    and 4,033 words where there are 1,302 and 4,032.
    """
    return list({sentence.tokens: sentence for sentence in reversed(sentences)}.values())[::-1]


def make_sentence_table(sentences: Sequence[DepthSentence]) -> pa.Table:
    """Make a table of sentences with the columns of `SCHEMA`, numbered from 0."""
    columns = {
        "sentence": range(len(sentences)),
        "tokens": [list(sentence.tokens) for sentence in sentences],
        "bracketing": [sentence.bracketing for sentence in sentences],
        "open_nodes": [list(sentence.open_nodes) for sentence in sentences],
        "length": [len(sentence.tokens) for sentence in sentences],
    }
    return pa.table([pa.array(columns[field.name], field.type) for field in SCHEMA], schema=SCHEMA)


def sentences_sha256(table: pa.Table) -> str:
    """Hash what analyses of depth depend on: the words of the sentences and their open nodes."""
    rows = table.select(["sentence", "tokens", "open_nodes"]).to_pylist()
    encoded = json.dumps(rows, ensure_ascii=False, sort_keys=True).encode()
    return hashlib.sha256(encoded).hexdigest()
