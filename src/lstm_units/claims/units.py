"""The long-range units that claims are about: which were found, and which of them confirmed.

They are searched for on one half of the items. Claims judge those that the other half confirms;
the rest is reported.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from lstm_units.io.result_files import ResultFiles
from lstm_units.io.verdict import Lacking, Measure

LONG_RANGE, SHORT_RANGE = "units/long_range.json", "units/short_range.json"
SYNTAX, SHOWN = "units/syntax.json", "units/shown.json"
NOT_SEARCHED = Lacking("the search for long-range units was not run", "`discovery.tasks`")
NONE_FOUND = "no long-range unit was found"
UNCONFIRMED = "not confirmed on the other half of the items"
NONE_CONFIRMED = "no long-range unit was confirmed on the other half of the items"


@dataclass(frozen=True)
class LongRangeUnit:
    """A discovered long-range unit.

    Parameters
    ----------
    unit, layer : int
        1-based.
    number : {"singular", "plural"} or None
        The subject number that it serves; None where that differs over conditions.
    confirmed : bool
        On the half of the items that had no part in finding it.
    """

    unit: int
    layer: int
    number: str | None
    confirmed: bool = True

    @property
    def name(self) -> str:
        """What to call it: ``unit 776 (plural, not confirmed)``."""
        known = [self.number, None if self.confirmed else "not confirmed"]
        described = ", ".join(text for text in known if text)
        return f"unit {self.unit}" + (f" ({described})" if described else "")


def long_range_units(files: ResultFiles) -> list[LongRangeUnit] | None:
    """Return the discovered long-range units; None if they were not searched for."""
    found = files.json(LONG_RANGE)
    if found is None:
        return None
    return [
        LongRangeUnit(
            int(entry["unit"]), int(entry["layer"]), entry["subject_number"], is_confirmed(entry)
        )
        for entry in found["units"]
    ]


def is_confirmed(entry: Mapping[str, Any]) -> bool:
    """Whether an entry of ``long_range.json`` counts as confirmed: also one that does not say."""
    return bool(entry.get("confirmed", True))


def reported_only(measures: Iterable[Measure], why: str | None = UNCONFIRMED) -> list[Measure]:
    """Hold measures to nothing, and say why in their notes.

    Parameters
    ----------
    why : str, optional
        By default that the unit is not confirmed. None adds nothing.
    """
    return [
        replace(
            found,
            expected=None,
            met=None,
            note="; ".join(text for text in (why, found.note) if text) or None,
        )
        for found in measures
    ]


def judged_if_confirmed(unit: LongRangeUnit, measures: Iterable[Measure]) -> list[Measure]:
    """Return the measures of a unit: as they are if it is confirmed, else held to nothing."""
    return list(measures) if unit.confirmed else reported_only(measures)
