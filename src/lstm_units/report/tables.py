"""Tables of the report: those of the results as they were printed, and how they are shown."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

# A number, alone or with what belongs to it: "0.75 [0.70, 0.80]", "8.1 (3)", "12 %", "2: 23, 7".
_NUMBER = re.compile(r"<?\s*[-−+]?[\d,]*\.?\d+(e[-+]?\d+)?(\*|:|\s*%|\s+(\[|\(|to\b|\+).*)?(?=$|:)")


@dataclass(frozen=True)
class Column:
    """A column: its title, and ``text``, ``number`` or ``verdict``."""

    title: str
    kind: str = "text"


@dataclass(frozen=True)
class FileLink:
    """A file to follow a number to: its path in the results, and a link if it is there."""

    text: str
    href: str | None = None


@dataclass(frozen=True)
class ReportTable:
    """A table as the page shows it.

    Parameters
    ----------
    id : str
        Anchor in the page.
    rows : tuple of tuple of str
        Text of each cell.
    notes : tuple of str
        Sentences below it.
    files : tuple of FileLink
        Where its numbers are.
    """

    id: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    files: tuple[FileLink, ...] = ()

    @property
    def filterable(self) -> bool:
        """Whether it is large enough to be searched."""
        return len(self.rows) >= 10


def make_table(
    id: str,
    title: str,
    titles: Sequence[str],
    rows: Iterable[Sequence[object]],
    notes: Sequence[str] = (),
    files: Sequence[FileLink] = (),
    verdicts: Sequence[str] = (),
) -> ReportTable:
    """Build a table from cells; a column in which all cells open with a number sorts as numbers.

    Parameters
    ----------
    id, title, notes, files
        As in `ReportTable`.
    titles : sequence of str
        Of the columns.
    rows : iterable of sequence
        Cells; None is an empty one.
    verdicts : sequence of str
        Titles of the columns that hold verdicts.
    """
    cells = tuple(tuple("" if cell is None else str(cell) for cell in row) for row in rows)
    columns = tuple(
        Column(name, "verdict" if name in verdicts else _kind([row[place] for row in cells]))
        for place, name in enumerate(titles)
    )
    return ReportTable(id, title, columns, cells, tuple(notes), tuple(files))


def printed_table(
    printed: Mapping[str, Any],
    id: str,
    title: str,
    *,
    repeated: int = 0,
    files: Sequence[FileLink] = (),
) -> ReportTable:
    """Show a table with the digits, intervals and legend that were printed for people.

    Parameters
    ----------
    printed : mapping
        From `lstm_units.io.table_formats.printed_cells`.
    id, title, files
        As in `ReportTable`.
    repeated : int
        In so many columns, from the left, an empty cell means the same as the one above. It is
        filled in, since rows of the page can be sorted.
    """
    rows = [list(row) for row in printed["rows"]]
    for above, row in pairwise(rows):
        for place in range(min(repeated, len(row))):
            row[place] = row[place] or above[place]
    return make_table(id, title, printed["columns"], rows, printed["legend"], files)


def _kind(cells: Sequence[str]) -> str:
    told = [cell for cell in cells if cell not in ("", "-", "not run", "not given")]
    return "number" if told and all(_NUMBER.match(cell) for cell in told) else "text"
