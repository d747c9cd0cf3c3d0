"""The columns of minimal pairs: the four that each needs, and those that open further analyses."""

import itertools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lstm_units.errors import StimuliError
from lstm_units.io.files import read_lines
from lstm_units.stimuli.format_checks import VERB_FIRST, check_forms, whole_number
from lstm_units.stimuli.lexicon import NUMBERS

PAIR_REQUIRED = ("prefix", "good", "bad", "condition")
_STRINGS = ("subject_number", "subject_lemma", "verb_lemma")
_INTEGERS = ("subject_position", "frame", "n_attractors")
# One entry for each attractor, separated by spaces.
_LISTS = ("attractor_positions", "attractor_numbers", "attractor_lemmas")
PAIR_COLUMNS = (*PAIR_REQUIRED, *_STRINGS, *_INTEGERS, *_LISTS, "rest")
# How data frames write what is not there; words such as NA stay words in other columns.
_MISSING = ("", "NA", "<NA>", "NaN", "nan", "None", "null")
# Names that tables of pairs give to what stands before the word, or to whole sentences.
_TWO = r"\b(?:two_prefix_prefix|prefix|context|sentence)_(?:good|bad)\b"

_ONE_PREFIX = (
    "Here two forms are compared after the same words: if the sentences part there, give prefix, "
    "good, bad and condition; if they part earlier, the pair needs a tool that scores whole "
    "sentences"
)


def refuse_two_prefixes(path: str | Path) -> None:
    """Refuse pairs of sentences that differ before the word that is compared, by their header.

    Raises
    ------
    StimuliError
        It says what such pairs need.
    """
    names = list(dict.fromkeys(re.findall(_TWO, read_lines(path)[0])))
    if len(names) > 1:
        raise StimuliError(
            f"{path}, line 1: {' and '.join(names[:2])} say that each sentence of a pair has words "
            f"of its own before the one compared. {_ONE_PREFIX}"
        )


def pair_item(entry: Mapping[str, str]) -> dict[str, Any]:
    """Return the item that a row of minimal pairs describes.

    Parameters
    ----------
    entry : mapping of str to str
        Some of `PAIR_COLUMNS`, all of `PAIR_REQUIRED` among them.

    Raises
    ------
    StimuliError
        Without the line, if something does not fit.
    """
    prefix = entry["prefix"].split()
    row: dict[str, Any] = {
        "tokens": [*prefix, entry["good"], *entry.get("rest", "").split()],
        "verb_position": len(prefix),
        "correct": entry["good"],
        "wrong": entry["bad"],
        "condition": entry["condition"],
    }
    row |= {name: entry.get(name) or None for name in _STRINGS}
    if row["subject_number"] in _MISSING:
        row["subject_number"] = None
    for name in _INTEGERS:
        if entry.get(name, "") not in _MISSING:
            row[name] = whole_number(entry[name], name, 2**31 - 1 if name == "frame" else 32767)
    good, bad = entry["good"].split(), entry["bad"].split()
    if min(len(good), len(bad)) > 1 and good[:-1] != bad[:-1]:
        raise StimuliError(
            f"good and bad are {entry['good']!r} and {entry['bad']!r}, which part before their "
            f"last words. {_ONE_PREFIX}"
        )
    check_forms(row, different=True)
    if not prefix:
        raise StimuliError(f"the prefix is empty, but {VERB_FIRST}")
    if not row["condition"]:
        raise StimuliError("the condition is empty; give it a name")
    row |= _attractors(entry, row.get("n_attractors"))
    nouns = [("subject_position", row.get("subject_position"))]
    nouns += [("attractor_positions", position) for position in row["attractor_positions"] or ()]
    taken: dict[int, str] = {}
    for name, position in nouns:
        if position is None:
            continue
        if position >= len(prefix):
            raise StimuliError(
                f"{name} is {position}; expected 0 to {len(prefix) - 1}, a word of the prefix "
                "(positions count from 0)"
            )
        if position in taken:
            raise StimuliError(f"{taken[position]} and {name} are both {position}; each is a word")
        taken[position] = name
    if row["subject_number"] not in (None, *NUMBERS):
        raise StimuliError(
            f"subject_number is {row['subject_number']!r}; expected singular, plural or nothing"
        )
    return row


def _attractors(entry: Mapping[str, str], count: int | None) -> dict[str, Any]:
    """Return what a row says of its attractors; a list that it does not give is None."""
    lists = {
        name: None if entry.get(name, "") in _MISSING else entry[name].split() for name in _LISTS
    }
    lengths = {name: len(values) for name, values in lists.items() if values is not None}
    if count is not None:
        lengths["n_attractors"] = count
    for one, other in itertools.pairwise(lengths):
        if lengths[one] != lengths[other]:
            raise StimuliError(
                f"{one} tells of {lengths[one]} attractors, {other} of {lengths[other]}; give an "
                "entry for each, separated by spaces"
            )
    for number in lists["attractor_numbers"] or ():
        if number not in NUMBERS:
            raise StimuliError(
                f"attractor_numbers holds {number!r}; expected singular or plural for each "
                "attractor, separated by spaces"
            )
    if lists["attractor_positions"] is not None:
        lists["attractor_positions"] = [
            whole_number(text, "attractor_positions", 32767)
            for text in lists["attractor_positions"]
        ]
    return {**lists, "n_attractors": next(iter(lengths.values()), None)}
