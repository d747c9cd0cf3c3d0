"""What an analysis brings, and where the rooms of the analyses are found.

A room is a folder of `analyses` with a ``room.py`` that describes it: plain data, importable
without anything heavy. Its other modules are imported where they are needed, by names such as
``f"lstm_units.analyses.{room}.captions"``, which tell fingerprints what may be meant:
``captions.py`` (one function for each figure), ``card.py`` (what a unit card says of a unit),
``claims.py`` (claims on one model); its sections of the configuration stand in ``schema.json``.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

ANALYSES = Path(__file__).resolve().parents[1] / "analyses"


@dataclass(frozen=True)
class Figure:
    """A figure, or figures whose names differ in a part.

    Parameters
    ----------
    name : str
        Under ``figures/``, without the format; a star stands for any part without a slash.
    caption : str
        The function of the room's ``captions.py``, which takes an `lstm_units.io.captions.About`
        and the figure's name.
    place : float
        In the report, in the order of the paper.
    drawn_from : str or None
        A pattern of result files without which a figure of that name is another room's; ``{}``
        stands for its name.
    """

    name: str
    caption: str
    place: float
    drawn_from: str | None = None

    def matches(self, name: str) -> bool:
        """Whether a figure is one of these."""
        return self.name.count("/") == name.count("/") and fnmatchcase(name, self.name)


@dataclass(frozen=True)
class Table:
    """A table in print.

    Parameters
    ----------
    name : str
        Under ``tables/``, without the format.
    place : float
        In the report.
    repeated : int
        Columns in which an empty cell repeats the one above.
    """

    name: str
    title: str
    place: float
    repeated: int = 0


@dataclass(frozen=True)
class Products:
    """What an analysis makes of a model; paths are relative to the model's folder.

    Parameters
    ----------
    figures, tables : tuple of str
        Names under ``figures/`` and ``tables/``, without the format.
    files : tuple of str
        Results that a run is asked for beside them.
    dumped : tuple of str
        Tasks whose activations it reads.
    audited, compared, on_cards : tuple of str
        What the audit of the claims, the table of all models and the cards of units read.
    not_run : tuple of (str, str)
        What the configuration leaves out or makes impossible for the model, and why: in the report,
        "not run, because ...".
    """

    figures: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    dumped: tuple[str, ...] = ()
    audited: tuple[str, ...] = ()
    compared: tuple[str, ...] = ()
    on_cards: tuple[str, ...] = ()
    not_run: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Room:
    """An analysis: what it is called, makes and shows.

    Parameters
    ----------
    name : str
        Of its folder.
    title : str
        In print.
    products : callable
        ``products(config, model)``: what it makes of a model, and what it does not and why.
    figures, tables : tuple
        What it shows in the report.
    """

    name: str
    title: str
    products: Callable[[Mapping[str, Any], str], Products]
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()


def each(pattern: str, names: Iterable[object]) -> tuple[str, ...]:
    """Put each name in the place of ``{}`` in a pattern."""
    return tuple(pattern.format(name) for name in names)


def not_run(what: str, why: str | None) -> tuple[tuple[str, str], ...]:
    """Return an entry of `Products.not_run`, if there is a reason."""
    return ((what, why),) if why else ()


@cache
def rooms() -> tuple[Room, ...]:
    """Return the rooms, by name."""
    return tuple(
        import_module(f"lstm_units.analyses.{name}.room").ROOM for name in names_with("room")
    )


def names_with(module: str) -> list[str]:
    """Return the names of the rooms that have a module of that name, such as ``card``."""
    return sorted(path.parent.name for path in ANALYSES.glob(f"*/{module}.py"))


def room_of_figure(name: str) -> Room:
    """Return the room that draws a figure; where several may, one that needs no files to tell."""
    found = [(figure, room) for room in rooms() for figure in room.figures if figure.matches(name)]
    return min(found, key=lambda pair: pair[0].drawn_from is not None)[1]


def room_of_table(name: str) -> Room:
    """Return the room that prints a table."""
    return next(room for room in rooms() for table in room.tables if table.name == name)
