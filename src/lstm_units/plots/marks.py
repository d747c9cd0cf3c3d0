"""What colours and marks mean, in every figure.

Colours are mostly those of Okabe and Ito ("Color Universal Design", 2008), which colour-blind
readers can tell apart; marks differ in shape too. A hollow mark is less than a filled one: a unit
that only comes nearest to the criteria, attractors of another number, wrong answers; the legend
says which.
"""

from dataclasses import dataclass, replace
from typing import Any

from matplotlib.lines import Line2D

from lstm_units.plots.style import BLACK, GREY


@dataclass(frozen=True)
class Mark:
    """One meaning: its colour, its shape and its name in a legend."""

    color: str
    marker: str
    label: str = ""
    filled: bool = True

    def style(self, size: float) -> dict[str, Any]:
        """Return keyword arguments for ``Axes.plot``; `size` in points."""
        return {
            "color": self.color,
            "marker": self.marker,
            "markersize": size,
            "markerfacecolor": self.color if self.filled else "white",
            "markeredgewidth": 1.2 if self.marker in "|_" else 0.6,
        }

    def points(self, size: float) -> dict[str, Any]:
        """Return keyword arguments for marks that no line joins."""
        return {**self.style(size), "linestyle": ""}

    def hollow(self, hollow: bool = True) -> "Mark":
        """Return the same mark, not filled."""
        return replace(self, filled=not hollow)

    def crossed(self) -> "Mark":
        """Return a cross of the same colour: the same without a part of it."""
        return replace(self, marker="x")

    def handle(self, size: float, label: str | None = None, **line: Any) -> Line2D:
        """Return an entry of a legend; without a style of line it is the mark alone."""
        label = self.label if label is None else label
        return Line2D([], [], **{**self.points(size), **line}, label=label)


# Number: of a subject, a verb form, or the subjects that a long-range unit serves.
NUMBERS = {
    "singular": Mark("#D55E00", "v", "singular"),
    "plural": Mark("#0072B2", "^", "plural"),
}
# Units by role; long-range ones that serve one number have the mark of that number.
ROLES = {
    "long-range": Mark("#009E73", "D", "long-range unit"),
    "short-range": Mark("#CC79A7", "s", "short-range unit"),
    "syntax": Mark("#E69F00", "P", "syntax unit"),
    "named": Mark("#882255", "X", "named unit"),
    "arbitrary": Mark("#b0b0b0", "o", "arbitrary unit"),
}
# What has no role: other units, all units together, conditions of both numbers.
NEUTRAL = Mark(BLACK, "o")
MEAN = Mark(BLACK, "|", "mean")
SUM = Mark(BLACK, "_")
UNTRAINED = Mark(GREY, "x", "untrained network")
# Series that are no units, such as tasks and layers, take neither a role's colour nor its shape.
_SERIES_COLORS = (BLACK, "#56B4E9", "#999933", "#555555")
_SERIES_MARKERS = ("*", "p", "<", ">", "H")
_SERIES_LINES = ("-", "--", ":", "-.", (0, (4, 1, 1, 1, 1, 1)), (0, (6, 2)), (0, (1, 2)))


def number_mark(number: str | None) -> Mark:
    """Return the mark of a number; the neutral one where it is unknown or differs."""
    return NUMBERS.get(number, NEUTRAL)


def unit_mark(role: str, number: str | None = None) -> Mark:
    """Return the mark of a unit.

    Parameters
    ----------
    role : str
        Of `ROLES`; or ``nearest`` (to a long-range unit), ``nearest syntax``, ``nearest
        short-range``: the unit that stands in where none was found.
    number : {"singular", "plural"}, optional
        The subject number that a long-range unit serves; None for both.
    """
    nearest = role.startswith("nearest")
    kind = role.removeprefix("nearest").strip() or "long-range"
    mark = ROLES[kind]
    label = f"nearest to a {mark.label} (criteria not met)" if nearest else mark.label
    if kind == "long-range":
        mark = NUMBERS.get(number, mark)
        served = number or "both numbers"
        label = f"nearest, {served} (criteria not met)" if nearest else f"{label}, {served}"
    return Mark(mark.color, mark.marker, label, filled=not nearest)


def series_mark(place: int) -> tuple[Mark, Any]:
    """Return mark and style of line of the series at a place, from 0; the first 140 differ."""
    return (
        Mark(
            _SERIES_COLORS[place % len(_SERIES_COLORS)],
            _SERIES_MARKERS[place % len(_SERIES_MARKERS)],
        ),
        _SERIES_LINES[place % len(_SERIES_LINES)],
    )
