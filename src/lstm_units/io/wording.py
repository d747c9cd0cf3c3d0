"""Numbers, units and lists in the sentences of the report and of messages."""

import math
from collections.abc import Iterable, Mapping, Sequence

from lstm_units.io.plain_text import visible

_SMALL = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def listing(items: Iterable[object]) -> str:
    """Join with commas and a final "and"."""
    words = [str(item) for item in items]
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Count a noun: ``one unit``, ``no units``, ``1,300 units``; words up to ten."""
    amount = _SMALL[number] if number < len(_SMALL) else f"{number:,}"
    return f"{amount} {noun if number == 1 else plural or noun + 's'}"


def percent(share: float, digits: int = 1) -> str:
    """Print a share as ``98.7 %``."""
    return f"{100 * share:.{digits}f} %"


def number(value: float | None, digits: int = 2) -> str:
    """Print a number with so many decimals; a missing one as ``not known``."""
    if value is None or not math.isfinite(value):
        return "not known"
    return f"{value:.{digits}f}"


def interval(low: float | None, high: float | None, digits: int = 2) -> str:
    """Print an interval as `` [0.70, 0.80]`` with a space before it; a missing one as nothing."""
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return ""
    return f" [{low:.{digits}f}, {high:.{digits}f}]"


def probability(p: float) -> str:
    """Print a p value as ``p = 0.034`` or ``p < 0.001``."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}".rstrip("0").rstrip(".")


def units_named(units: Sequence[int], most: int = 12) -> str:
    """List units: ``unit 776``, ``units 776 and 988``; of many, the first and how many more."""
    if len(units) == 1:
        return f"unit {units[0]}"
    if len(units) > most:
        named = ", ".join(str(unit) for unit in units[:most])
        return f"units {named} and {len(units) - most:,} more"
    return f"units {listing(units)}"


def words_listed(words: Mapping[str, int] | Iterable[str], most: int = 20) -> str:
    """List words in quotation marks, invisible characters escaped; of many, the first and how many.

    Parameters
    ----------
    words : mapping or iterable of str
        With counts, each stands behind its word, and the most frequent come first.
    most : int
        How many are listed.
    """
    if isinstance(words, Mapping):
        ordered = sorted(words.items(), key=lambda entry: (-entry[1], entry[0]))
        named = [f"'{visible(word)}' ({number:,})" for word, number in ordered]
    else:
        named = [f"'{visible(word)}'" for word in words]
    more = len(named) - most
    return ", ".join(named[:most]) + (f" and {more:,} more" if more > 0 else "")


def faults_listed(place: object, faults: Sequence[str], most: int = 20) -> str:
    """Name the one fault of a file, or how many it has and the first of them, a line each.

    Parameters
    ----------
    place : path or str
    faults : sequence of str
        One or more, each beginning with where it is in `place`, such as ``line 3: ...``.
    most : int
        How many are listed.
    """
    if len(faults) == 1:
        return f"{place}, {faults[0]}"
    first = f"; the first {most} are" if len(faults) > most else ""
    return "\n  ".join([f"{place} has {len(faults):,} faults{first}:", *faults[:most]])


def capital(text: str) -> str:
    """Return the text with its first letter in upper case."""
    return text[:1].upper() + text[1:]
