"""The words of a network, read from the files in which people keep them."""

import csv
import json
import logging
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from lstm_units.errors import CheckpointError
from lstm_units.io.plain_text import PICKLES, decoded
from lstm_units.io.wording import faults_listed, words_listed

log = logging.getLogger(__name__)

_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?", re.IGNORECASE)
# What the words or their rows are called in JSON and in pickled objects (torchtext, AWD-LSTM, ...).
_LISTS = ("itos", "idx2word", "id2word", "i2w", "idx2sym", "symbols", "words", "vocab", "tokens")
_ROWS = ("stoi", "word2idx", "word2id", "w2i", "sym2idx", "indices", "token2idx", "word_index")
_OBJECTS = ("dictionary", "model", "src_dict")
_SYMBOLS = {"unk": {"unk", "unknown", "oov"}, "eos": {"eos", "/s", "sep", "endoftext", "end"}}


def _letters(word: str) -> str:
    return "".join(c for c in word.casefold() if c.isalpha() or c == "/")


@dataclass(frozen=True)
class Vocabulary:
    """The words of a model in the order of its embedding rows.

    Parameters
    ----------
    words : tuple of str
        One word per embedding row; no duplicates.
    unk : str
        The word that stands for unknown words.
    eos : str
        The word that ends a sentence.
    read_as : str
        What the file was, if it was not plain UTF-8 of one word a line.
    """

    words: tuple[str, ...] = field(repr=False)
    unk: str = "<unk>"
    eos: str = "<eos>"
    read_as: str = field(default="", repr=False, compare=False)

    def __post_init__(self) -> None:
        for name, what in (("unk", "unknown-word"), ("eos", "end-of-sentence")):
            word = getattr(self, name)
            if word not in self.index:
                has = words_listed(w for w in self.words if _letters(w) in _SYMBOLS[name])
                raise CheckpointError(
                    f"the vocabulary has no {what} symbol {word!r}; name the one that the model "
                    f"uses as {name}{f' (it has {has})' if has else ''}"
                )
        if len(self.index) != len(self.words):
            seen: set[str] = set()
            double = next(w for w in self.words if w in seen or seen.add(w))
            raise CheckpointError(f"the vocabulary lists {double!r} twice; each word needs one row")

    @cached_property
    def index(self) -> dict[str, int]:
        """Row of each word."""
        return {word: row for row, word in enumerate(self.words)}

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: object) -> bool:
        return word in self.index

    def has_form(self, word: str) -> bool:
        """Whether a word is known and a word: the symbols for unknown words and ends are none."""
        return word in self.index and word not in (self.unk, self.eos)

    def ids(self, tokens: Iterable[str]) -> list[int]:
        """Return the row of each token; an unknown token gets the row of `unk`."""
        unknown = self.index[self.unk]
        return [self.index.get(token, unknown) for token in tokens]


def read_vocabulary(
    path: str | Path, unk: str = "<unk>", eos: str = "<eos>", stand_ins: Sequence[str] = ()
) -> Vocabulary:
    """Read a vocabulary: the words of a model in the order of its embedding rows.

    Plain is UTF-8 of one word a line. Also read, and said in the log, are a byte-order mark (which
    may name UTF-16), other line ends, spaces around words, columns of numbers beside the words
    (counts, which are passed over, or rows, which give the order), JSON, and pickles of a list, a
    dict or an object that has one, of which nothing is run.

    Parameters
    ----------
    path : str or Path
    unk, eos : str
        The words that stand for unknown words and for the end of a sentence.
    stand_ins : sequence of str
        Classes that a pickle may hold besides those of well-known projects.

    Raises
    ------
    CheckpointError
        If the file is missing or of another kind, a word is empty, stands twice, or could be no
        word of a sentence since sentences are split within it, or `unk` or `eos` is missing.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CheckpointError(
            f"cannot read the vocabulary {path}: {error.strerror}; give the file that lists the "
            "words of the model, one a line in the order of the embedding rows"
        ) from error
    try:
        # torch.save writes a zip archive, and so do others.
        if data.startswith(PICKLES) or (data.startswith(b"PK") and b"data.pkl" in data):
            words, places, notes = _words_of_pickle(path, stand_ins)
        else:
            text, encoding = decoded(data)
            words, places, notes = _words_of_text(text)
            notes = [*filter(None, [encoding]), *notes]
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"the vocabulary {path} {error}") from error
    if not words:
        raise CheckpointError(f"the vocabulary {path} is empty; expected one word a line")
    faults, first = [], {}
    for word, place in zip(words, places, strict=True):
        if word.split() != [word]:
            faults.append(f"{place}: {_unmatched(word)}")
        elif first.setdefault(word, place) != place:
            faults.append(f"{place}: {word!r} stands in {first[word]} already; {_ONE_ROW}")
    if faults:
        raise CheckpointError(faults_listed(path, faults))
    read_as = ", ".join(notes)
    try:
        vocabulary = Vocabulary(tuple(words), unk, eos, read_as)
    except CheckpointError as error:
        kind = f", read as {read_as}" if read_as else ""
        raise CheckpointError(f"{path}{kind}: {error}{_FAIRSEQ * (_PASSED in kind)}") from error
    if read_as:
        log.info("%s is read as %s: %d words", path, read_as, len(words))
    return vocabulary


_ONE_ROW = "each word needs one row of its own"
_PASSED = "numbers that were passed over"
_FAIRSEQ = (
    ". The dict.txt of fairseq lacks its first rows: write the words alone, one a line, after <s>, "
    "<pad>, </s> and <unk>"
)
_SPACES = {"\t": "tab", "\r": "carriage return", "\n": "line end"}
_PICKLE = (
    "is a pickle in which no words were found: {}. If you trust it, write them one a line in the "
    "order of the rows: python -c \"import pickle; v = pickle.load(open('{}', 'rb')); words = "
    "getattr(v, 'itos', None) or getattr(v, 'idx2word', None) or v; "
    "open('vocab.txt', 'w', encoding='utf-8').write('\\n'.join(words))\""
)


def _unmatched(word: str) -> str:
    """Say why no word of a sentence can be this one."""
    if not word:
        return "is empty; every line holds the word of one embedding row"
    space = next(c for c in word if c.isspace())
    name = _SPACES.get(space) or unicodedata.name(space, "control character").lower()
    return (
        f"{_shortened(word)} holds a {name} (U+{ord(space):04X}), at which sentences are split, so "
        "no word can match it. If it is the word of this row, write it with another character"
    )


def _shortened(word: str) -> str:
    return repr(word if len(word) <= 60 else f"{word[:57]}...")


def _words_of_text(text: str) -> tuple[Sequence[str], Sequence[str], list[str]]:
    """Return the words, the place of each in the file, and what was special about the file.

    Raises
    ------
    ValueError
        As `decoded`, if the order of the words cannot be told.
    """
    if text.lstrip()[:1] in ("[", "{"):
        try:
            value = json.loads(text, object_pairs_hook=_once_each)
        except json.JSONDecodeError as error:  # words may begin so
            if len(text.split()) > 1 and len(text.splitlines()) == 1:
                raise ValueError(
                    f"is one line that begins with {text[:20]!r}, but no JSON ({error}); write the "
                    "words one a line, in the order of the rows"
                ) from error
        else:
            return _entries(value, "JSON")
    notes = []
    # Not splitlines(): words of real vocabularies hold characters that it takes for line ends.
    if "\n" not in text and "\r" in text:
        text = text.replace("\r", "\n")
        notes.append("lines that end in a carriage return")
    elif "\r\n" in text:
        text = text.replace("\r\n", "\n")
        notes.append("lines with Windows ends")
    lines = text.removesuffix("\n").split("\n")
    if not lines[-1].strip(" \t"):
        notes.append("blank lines at the end")
    while lines and not lines[-1].strip(" \t"):
        lines.pop()
    numbers: Sequence[int] = range(1, len(lines) + 1)
    table = _words_of_columns(lines)
    if table is not None:
        words, numbers, note = table
        notes.append(note)
    else:
        words = [line.strip(" \t") for line in lines]
        if words != lines:
            notes.append("words with spaces around them")
    return words, [f"line {number}" for number in numbers], notes


def _words_of_columns(lines: Sequence[str]) -> tuple[list[str], list[int], str] | None:
    """Read lines of a word and numbers, separated or written as CSV; None if they are none.

    The words are the one column that is not all numbers. A column of the numbers from 0, or from
    1 line by line, gives the rows; others are counts or the like.

    Returns
    -------
    words : list of str
        In the order of the rows.
    numbers : list of int
        The line of each.
    note : str
    """
    for separator in "\t ,;":
        if not lines or separator not in lines[-1]:  # one column: spare reading all lines so
            continue
        rows = _rows_of_fields(lines, separator)
        width = len(rows[-1])
        if len(rows) < 2 or width < 2 or any(len(row) != width for row in rows):
            continue
        columns = list(zip(*rows, strict=True))
        is_numbers = [all(map(_NUMBER.fullmatch, column[1:])) for column in columns]
        if is_numbers.count(False) != 1:
            return None
        place = is_numbers.index(False)
        cells = [c[0] for c, numeric in zip(columns, is_numbers, strict=True) if numeric]
        header = not any(map(_NUMBER.fullmatch, cells))
        if not all(cells if header else map(_NUMBER.fullmatch, cells)):
            return None
        words = list(columns[place][header:])
        order, kinds = None, []
        for number, column in enumerate(columns, start=1):
            if number - 1 == place:
                continue
            found = _row_numbers(column[header:], number)
            kinds.append("their rows" if found else _PASSED)
            if found and order not in (None, found):
                raise ValueError("has two columns of rows that differ; leave one of them out")
            order = found or order
        order = order or range(len(words))
        return (
            [words[at] for at in order],
            [at + 1 + header for at in order],
            f"words beside {' and '.join(dict.fromkeys(kinds))}"
            f"{', with a header' if header else ''}",
        )
    return None


def _rows_of_fields(lines: Sequence[str], separator: str) -> list[list[str]]:
    if separator == " ":
        return [[field for field in line.split(separator) if field] for line in lines]
    try:
        rows = list(csv.reader(lines, delimiter=separator, strict=True))
    except csv.Error:  # then quotation marks are words
        rows = []
    if len(rows) != len(lines):
        rows = [line.split(separator) for line in lines]
    return [[field.strip(" ") for field in row] for row in rows]


def _row_numbers(column: Sequence[str], number: int) -> list[int] | None:
    """Return the lines in the order of the rows, or None if the numbers are no rows."""
    if not all(cell.isdecimal() and len(cell) < 10 for cell in column):
        return None
    rows, ordered = list(map(int, column)), list(range(len(column)))
    from_one = [row + 1 for row in ordered]
    if rows in (ordered, from_one):
        return ordered
    backwards = rows == ordered[::-1]
    if rows == sorted(rows, reverse=True) and not backwards:  # counts, the frequent first
        return None
    if sorted(rows) == ordered and not backwards:
        return sorted(ordered, key=rows.__getitem__)
    if backwards or sorted(rows) == from_one or sorted(set(rows)) == rows:
        raise ValueError(
            f"has rows in column {number}, it seems, from {rows[0]} to {rows[-1]} for "
            f"{len(rows)} words; write the words one a line, in the order of the rows"
        )
    return None


def _once_each(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Make a dict of JSON, which would keep the last of two equal keys."""
    made = dict(pairs)
    if len(made) < len(pairs):
        seen: set[str] = set()
        double = next(key for key, _ in pairs if key in seen or seen.add(key))
        raise ValueError(f"is JSON in which {double!r} stands twice; {_ONE_ROW}")
    return made


def _words_of_pickle(
    path: Path, stand_ins: Sequence[str]
) -> tuple[Sequence[str], Sequence[str], list[str]]:
    """Return what `_words_of_text` does.

    Raises
    ------
    ValueError
        As `decoded`.
    """
    from lstm_units.checkpoint_files.unpickling import load_pickled  # torch comes with it

    try:
        return _entries(load_pickled(path, stand_ins), "a pickle")
    except (CheckpointError, ValueError) as error:
        raise ValueError(_PICKLE.format(str(error).removeprefix(f"{path} "), path)) from error


def _entries(value: Any, kind: str) -> tuple[Sequence[str], Sequence[str], list[str]]:
    words, found = _words_of_value(value)
    return words, [f"entry {n}" for n in range(1, len(words) + 1)], [f"{kind} ({found})"]


def _contents(value: Any) -> Any:
    """Return the attributes or items of an object of a pickle (`StandIn`), else the value."""
    if hasattr(value, "dotted_name"):
        return value.items if value.state is None else value.state
    return value


def _words_of_value(value: Any) -> tuple[list[str], str]:
    """Find the words in a list or dict, and say where.

    Raises
    ------
    ValueError
        As `decoded`.
    """
    value = _contents(value)
    if isinstance(value, list | tuple) and value:
        if all(type(word) is str for word in value):
            return list(value), "a list"
        pairs = [entry for entry in value if isinstance(entry, list | tuple) and len(entry) > 1]
        if len(pairs) == len(value) and all(type(pair[0]) is str for pair in pairs):
            order = _row_numbers([str(pair[1]) for pair in pairs], 2) or range(len(pairs))
            return [pairs[at][0] for at in order], "a list of words with numbers"
    if isinstance(value, dict) and value:
        rows = value.values()
        if all(type(row) is int and type(word) is str for word, row in value.items()):
            if sorted(rows) != list(range(len(rows))):
                raise ValueError(
                    f"has the rows {min(rows)} to {max(rows)} for {len(rows)} words; "
                    "expected each from 0 once. Give one word a line, in the order of the rows"
                )
            return sorted(value, key=value.__getitem__), "a row for each word"
        if all(type(word) is str and _is_row(row) for row, word in value.items()):
            by_row = {int(row): word for row, word in value.items()}
            if sorted(by_row) == list(range(len(value))):
                return [by_row[row] for row in range(len(value))], "a word for each row"
        inside = {name: _contents(value.get(name)) for name in (*_LISTS, *_ROWS, *_OBJECTS)}
        found = {
            name: _words_of_value(held)[0]
            for name, held in inside.items()
            if isinstance(held, list | dict)
        }
        if len(set(map(tuple, found.values()))) == 1:
            return next(iter(found.values())), " and ".join(found)
    raise ValueError(
        "holds no list of words and no dict that gives the row of each; write the words one a "
        "line, in the order of the rows"
    )


def _is_row(key: object) -> bool:
    return type(key) is int or (type(key) is str and key.isdecimal())
