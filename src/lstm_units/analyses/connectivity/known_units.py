"""Which units the analyses of connectivity are about, and what each of them is."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from lstm_units.io.results import Result
from lstm_units.io.wording import listing

KINDS = ("long-range", "nearest", "syntax", "nearest syntax", "short-range")


@dataclass(frozen=True)
class KnownUnit:
    """A unit that another analysis has found, or that stands in for one it has not.

    Parameters
    ----------
    unit, layer : int
        1-based.
    kinds : tuple of str
        Of `KINDS`, in that order. ``nearest`` and ``nearest syntax`` stand in where no long-range
        unit serves a subject number, and where no syntax unit is found.
    number : {"singular", "plural"} or None
        The subject number that a long-range unit or its stand-in serves.
    """

    unit: int
    layer: int
    kinds: tuple[str, ...]
    number: str | None = None

    @property
    def long_range(self) -> bool:
        """Whether it is a long-range unit or stands in for one."""
        return not {"long-range", "nearest"}.isdisjoint(self.kinds)

    @property
    def syntax(self) -> bool:
        """Whether it is a syntax unit or stands in for one."""
        return not {"syntax", "nearest syntax"}.isdisjoint(self.kinds)

    @property
    def name(self) -> str:
        """What to call it: ``776 long-range, singular``."""
        kinds = [
            f"{kind} ({self.number})" if kind in ("long-range", "nearest") and self.number else kind
            for kind in self.kinds
        ]
        return f"{self.unit} {', '.join(kinds)}".strip()


def content_of(units: Result | None) -> Mapping[str, Any]:
    """Return a list of units; one without units for None, an analysis that was not run."""
    return {"units": []} if units is None else units.content


def known_units(
    shown: Mapping[str, Any],
    syntax: Mapping[str, Any],
    short_range: Mapping[str, Any] | None = None,
) -> dict[int, KnownUnit]:
    """Collect the long-range, syntax and short-range units, and the stand-ins for missing ones.

    Parameters
    ----------
    shown : mapping
        ``units/shown.json``; only its roles ``long-range`` and ``nearest`` count.
    syntax : mapping
        ``units/syntax.json``.
    short_range : mapping, optional
        ``units/short_range.json``.

    Returns
    -------
    dict of int to KnownUnit
        By unit, in rising order.
    """
    kinds: dict[int, set[str]] = {}
    layers: dict[int, int] = {}
    numbers: dict[int, str | None] = {}

    def add(entry: Mapping[str, Any], kind: str) -> None:
        unit = int(entry["unit"])
        kinds.setdefault(unit, set()).add(kind)
        layers[unit] = int(entry["layer"])

    for entry in shown["units"]:
        if entry["role"] in ("long-range", "nearest"):
            add(entry, entry["role"])
            numbers[int(entry["unit"])] = entry["number"]
    for entry in syntax["units"]:
        add(entry, "syntax")
    top = top_syntax_entry(syntax)
    if top is not None and not syntax["units"]:
        add(top, "nearest syntax")
    for entry in (short_range or {"units": []})["units"]:
        add(entry, "short-range")
    return {
        unit: KnownUnit(
            unit,
            layers[unit],
            tuple(kind for kind in KINDS if kind in kinds[unit]),
            numbers.get(unit),
        )
        for unit in sorted(kinds)
    }


def in_layers(
    units: Mapping[int, KnownUnit], layers: Collection[int] | None
) -> dict[int, KnownUnit]:
    """Keep the units of some layers.

    Parameters
    ----------
    units : mapping of int to KnownUnit
        From `known_units`.
    layers : collection of int or None
        1-based: those whose activations were dumped. None for all.
    """
    return {unit: known for unit, known in units.items() if layers is None or known.layer in layers}


def left_out_sentence(units: Mapping[int, KnownUnit], layers: Collection[int] | None) -> str | None:
    """Say what cannot be measured because the activations of a layer were not dumped.

    It begins in lower case.

    Parameters
    ----------
    units, layers
        As in `in_layers`.

    Returns
    -------
    str or None
        None if all layers of the units, and those below them, were dumped.
    """
    if layers is None:
        return None
    needed = {layer for known in units.values() for layer in (known.layer - 1, known.layer)} - {0}
    missing = sorted(needed - set(layers))
    if not missing:
        return None
    lost = [f"{u.unit} ({', '.join(u.kinds)})" for u in units.values() if u.layer not in layers]
    text = (
        f"the activations of layer{'s' * (len(missing) > 1)} {listing(missing)} were not dumped: "
        "nothing from there is measured"
    )
    if lost:
        one = len(lost) == 1
        text += (
            f", and unit{'' if one else 's'} {', '.join(lost)} {'is' if one else 'are'} left out"
        )
    return text + "."


def top_syntax_entry(syntax: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the entry of the first syntax unit, or of the one that stands in; None if neither."""
    if syntax["units"]:
        return syntax.get("top") or syntax["units"][0]
    return syntax.get("nearest")


def top_syntax_unit(syntax: Mapping[str, Any]) -> int | None:
    """Return the number of the unit of `top_syntax_entry`."""
    entry = top_syntax_entry(syntax)
    return None if entry is None else int(entry["unit"])
