"""Checks that importers of stimuli share; every message names the file and the line."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lstm_units.errors import StimuliError


def whole_number(text: str, path: str | Path, line: int, what: str, limit: int) -> int:
    """Return the number that a field holds, or refuse the line.

    Parameters
    ----------
    text : str
        The field.
    path : str or Path
        The file, for messages.
    line : int
        Number of the line, for messages.
    what : str
        Name of the field, for messages.
    limit : int
        The largest number that is allowed.

    Raises
    ------
    StimuliError
        If the field is not a whole number from 0 to `limit`.
    """
    if not (text.isascii() and text.isdigit()) or int(text) > limit:
        raise StimuliError(
            f"{path}, line {line}: {what} is {text!r}; expected a whole number from 0 to {limit}"
        )
    return int(text)


def check_forms(
    row: Mapping[str, Any], path: str | Path, line: int, *, different: bool = False
) -> None:
    """Refuse a verb form that is not one word and, if asked, two equal forms.

    Parameters
    ----------
    row : mapping
        Holds the forms ``correct`` and ``wrong``.
    path, line
        As in `whole_number`.
    different : bool, default False
        Whether the two forms must differ.

    Raises
    ------
    StimuliError
        If a form is empty or has spaces, or the forms are the same and must not be.
    """
    for form in (row["correct"], row["wrong"]):
        if form == "" or form.split() != [form]:
            raise StimuliError(
                f"{path}, line {line}: the verb form is {form!r}; expected one word without spaces"
            )
    if different and row["correct"] == row["wrong"]:
        raise StimuliError(
            f"{path}, line {line}: the correct and the wrong form are both {row['correct']!r}; "
            "give two different forms, or remove the item"
        )


def check_verb(row: Mapping[str, Any], text: str | Path, line: int, gold: str | Path) -> None:
    """Refuse a gold line whose position or form does not fit its sentence.

    Parameters
    ----------
    row : mapping
        Holds ``tokens``, ``verb_position`` (0-based) and ``correct``.
    text, gold : str or Path
        The file of sentences and the file of verbs, for messages.
    line : int
        Number of the line in both files, for messages.

    Raises
    ------
    StimuliError
        If the position is not that of a later word of the sentence, or the word there is not the
        correct form (but for upper and lower case).
    """
    tokens, verb = row["tokens"], row["verb_position"]
    if not 1 <= verb < len(tokens):
        raise StimuliError(
            f"{gold}, line {line}: the verb's position is {verb}; expected 1 to {len(tokens) - 1} "
            f"for the {len(tokens)} words of line {line} in {text} (positions count from 0)"
        )
    if tokens[verb].lower() != row["correct"].lower():
        raise StimuliError(
            f"{gold}, line {line}: the correct form is {row['correct']!r}, but word {verb} "
            f"(counted from 0) of line {line} in {text} is {tokens[verb]!r}; correct one of them"
        )


def refuse_duplicates(rows: list[dict[str, Any]], places: list[str], path: str | Path) -> None:
    """Refuse two items with the same full sentence and forms; `places` names their lines.

    Parameters
    ----------
    rows : list of dict
        Each holds ``tokens``, ``verb_position``, ``correct`` and ``wrong``.
    places : list of str
        One per row, for messages.
    path : str or Path
        The file, for messages.

    Raises
    ------
    StimuliError
        If two rows are the same item.
    """
    seen: dict[tuple, str] = {}
    for row, place in zip(rows, places, strict=True):
        key = (tuple(row["tokens"]), row["verb_position"], row["correct"], row["wrong"])
        if key in seen:
            raise StimuliError(
                f"{path}: {place} repeat {seen[key]}: {' '.join(row['tokens'])!r} with "
                f"{row['correct']!r} and {row['wrong']!r}; remove one of the two"
            )
        seen[key] = place
