"""How often words occur, as a covariate of regressions on activations.

The table is that of the model's training text where it is known, else one that the user gives.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from lstm_units.errors import WordCountsError

log = logging.getLogger(__name__)

_LISTED = 10
_LEAST_KNOWN = 0.5  # share of the word types; a table that knows fewer is another language's


def read_word_counts(path: str | Path) -> dict[str, int]:
    r"""Read how often each word occurs.

    Parameters
    ----------
    path : path
        UTF-8 text, one ``word<TAB>count`` a line, no header.

    Raises
    ------
    WordCountsError
        If the file cannot be read or is empty, a line has not two columns, a count is no whole
        number of 0 or more, or a word stands twice.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise WordCountsError(
            f"cannot read the word counts {path}: {error}. Give a UTF-8 text file with one word, a "
            "tab and its count a line"
        ) from error
    counts: dict[str, int] = {}
    # Only line feeds end a line: a word may be any other character.
    lines = text.removesuffix("\n").split("\n") if text.strip() else []
    for number, line in enumerate(lines, start=1):
        columns = line.removesuffix("\r").split("\t")
        if len(columns) != 2 or not columns[0]:
            raise WordCountsError(
                f"{path}, line {number}: found {line[:80]!r}; expected a word, a tab and its "
                "count. Mend the line, or give another table"
            )
        word, count = columns
        if not (count.isascii() and count.isdigit()):
            raise WordCountsError(
                f"{path}, line {number}: the count of {word!r} is {count!r}; expected a whole "
                "number of 0 or more, and no header. Mend the line, or give another table"
            )
        if word in counts:
            raise WordCountsError(
                f"{path}, line {number}: {word!r} stands twice; add its counts up in one line, or "
                "give another table"
            )
        counts[word] = int(count)
    if not counts:
        raise WordCountsError(
            f"{path} is empty; expected a word, a tab and its count a line. Give another table"
        )
    return counts


def count_words(words: Sequence[str], counts: Mapping[str, int], source: str) -> np.ndarray:
    """Look up how often each word occurs; a word that the table lacks counts 0.

    Parameters
    ----------
    counts : mapping of str to int
        From `read_word_counts`.
    source : str
        What messages call the table.

    Returns
    -------
    ndarray of float64, shape (words,)

    Raises
    ------
    WordCountsError
        If the table knows less than half of the distinct words.
    """
    types = sorted(set(words))
    unknown = [word for word in types if word not in counts]
    if len(types) - len(unknown) < _LEAST_KNOWN * len(types):
        raise WordCountsError(
            f"the word counts {source} know {len(types) - len(unknown)} of the {len(types)} words "
            f"of the depth sentences; they lack {', '.join(unknown[:_LISTED])}. Give a table of "
            "the same language and spelling, case kept"
        )
    if unknown:
        share = sum(word not in counts for word in words) / len(words)
        log.info(
            "%s lacks %d of %d words (%.2f %% of the tokens), which count 0: %s",
            source,
            len(unknown),
            len(types),
            100 * share,
            " ".join(unknown[:_LISTED]),
        )
    return np.array([counts.get(word, 0) for word in words], dtype=float)


def log_frequency(counts: np.ndarray) -> np.ndarray:
    """Return the natural logarithm of counts + 1.

    Parameters
    ----------
    counts : ndarray of shape (words,)

    Returns
    -------
    ndarray of shape (words,)
        0 for a word that never occurs.
    """
    return np.log1p(counts)
