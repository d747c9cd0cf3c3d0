"""What is wrong in a file of stimuli, line by line, and the checks that importers share."""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from lstm_units.errors import StimuliError
from lstm_units.io.wording import faults_listed

log = logging.getLogger(__name__)

ON_DUPLICATE = ("error", "drop")
VERB_FIRST = (
    "a network needs a word before the verb; where the verb comes first, give the end of the "
    "sentence before it, <eos> or what the model has for it"
)


class Faults:
    """The faults of one file or table, so that all of them can be named at once.

    Parameters
    ----------
    where : path or str
        The file or table.
    """

    def __init__(self, where: object) -> None:
        self.where = where
        self.found: list[str] = []

    @contextmanager
    def of(self, place: str) -> Iterator[None]:
        """Note the `StimuliError` of a block with its place and go on.

        Parameters
        ----------
        place : str
            It holds a number, by which faults are ordered: ``line 3``.
        """
        try:
            yield
        except StimuliError as error:
            self.found.append(f"{place}: {error}")

    def refuse(self) -> None:
        """Raise a `StimuliError` if there are any."""
        if self.found:
            by_number = sorted(self.found, key=lambda fault: int(re.search("[0-9]+", fault)[0]))
            raise StimuliError(faults_listed(self.where, by_number))


def whole_number(text: str, what: str, limit: int) -> int:
    """Return the number that a field holds; ``3.0``, as pandas writes it beside gaps, is 3.

    Parameters
    ----------
    text : str
        The field.
    what : str
        Name of the field, for messages.
    limit : int
        The largest number that is allowed.

    Raises
    ------
    StimuliError
        Without the place, if the field is not a whole number from 0 to `limit`.
    """
    match = re.fullmatch(r"([0-9]{1,15})(\.0*)?", text)
    if match is None or int(match[1]) > limit:
        raise StimuliError(f"{what} is {text!r}; expected a whole number from 0 to {limit}")
    return int(match[1])


def check_forms(row: Mapping[str, Any], *, different: bool = False) -> None:
    """Refuse a verb form that is not one word and, if asked, two equal forms.

    Parameters
    ----------
    row : mapping
        Holds the forms ``correct`` and ``wrong``.
    different : bool, default False
        Whether the two forms must differ.

    Raises
    ------
    StimuliError
        Without the place.
    """
    for form in (row["correct"], row["wrong"]):
        if form == "" or form.split() != [form]:
            raise StimuliError(f"the verb form is {form!r}; expected one word without spaces")
    if different and row["correct"] == row["wrong"]:
        raise StimuliError(
            f"the correct and the wrong form are both {row['correct']!r}; give two different "
            "forms, or remove the item"
        )


def check_verb(row: Mapping[str, Any], sentence: str) -> None:
    """Refuse a gold line whose position or form does not fit its sentence.

    Parameters
    ----------
    row : mapping
        Holds ``tokens``, ``verb_position`` (0-based) and ``correct``.
    sentence : str
        Where the sentence stands, for messages.

    Raises
    ------
    StimuliError
        Without the place, if the position is not that of a later word of the sentence, or the word
        there is not the correct form (but for upper and lower case).
    """
    tokens, verb = row["tokens"], row["verb_position"]
    if verb == 0:
        raise StimuliError(f"the verb's position is 0, but {VERB_FIRST}")
    if not 1 <= verb < len(tokens):
        raise StimuliError(
            f"the verb's position is {verb}; expected 1 to {len(tokens) - 1} for the "
            f"{len(tokens)} words of {sentence} (positions count from 0)"
        )
    if tokens[verb].lower() != row["correct"].lower():
        raise StimuliError(
            f"the correct form is {row['correct']!r}, but word {verb} (counted from 0) of "
            f"{sentence} is {tokens[verb]!r}; correct one of them"
        )


def distinct(
    rows: Sequence[Mapping[str, Any]], places: Sequence[str], faults: Faults, on_duplicate: str
) -> list[int]:
    """Return which rows to keep: the first of each item, by its full sentence and forms.

    Parameters
    ----------
    rows : sequence of mappings
        Each holds ``tokens``, ``verb_position``, ``correct`` and ``wrong``.
    places : sequence of str
        One per row, such as ``line 3``.
    faults : Faults
        Gets the others if they may not be dropped; else they are counted in the log.
    on_duplicate : {"error", "drop"}

    Raises
    ------
    StimuliError
        If `on_duplicate` is something else.
    """
    if on_duplicate not in ON_DUPLICATE:
        raise StimuliError(f"on_duplicate is {on_duplicate!r}; expected error or drop")
    first: dict[tuple, int] = {}
    keep, doubles, faulty = [], [], []
    for number, (row, place) in enumerate(zip(rows, places, strict=True)):
        key = (tuple(row["tokens"]), row["verb_position"], row["correct"], row["wrong"])
        seen = first.setdefault(key, number)
        if seen == number:
            keep.append(number)
        else:
            doubles.append(f"{place} ({places[seen]})")
            faulty.append(
                f"{place}: the same sentence with the same forms is {places[seen]} already; remove "
                "one of the two, or have duplicates dropped"
            )
    if on_duplicate == "error":
        faults.found += faulty
    elif doubles:
        named = ", ".join(doubles[:20]) + ", ..." * (len(doubles) > 20)
        log.warning("%s: left out as duplicates are %d: %s", faults.where, len(doubles), named)
    return keep
