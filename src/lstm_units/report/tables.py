"""Tables of the report: those of the results as they were printed, and how they are shown."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from lstm_units.errors import UserError

# A number, alone or with what belongs to it: "0.75 [0.70, 0.80]", "8.1 (3)", "12 %", "2: 23, 7".
_NUMBER = re.compile(r"<?\s*[-−+]?[\d,]*\.?\d+(e[-+]?\d+)?(\*|:|\s*%|\s+(\[|\(|to\b|\+).*)?(?=$|:)")
_BREAK = re.compile(r"(?<!\\)\|")


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
    title : str
    columns : tuple of Column
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
    id, title
        As in `ReportTable`.
    titles : sequence of str
        Of the columns.
    rows : iterable of sequence
        Cells; None is an empty one.
    notes, files
        As in `ReportTable`.
    verdicts : sequence of str
        Titles of the columns that hold verdicts.

    Returns
    -------
    ReportTable
    """
    cells = tuple(tuple("" if cell is None else str(cell) for cell in row) for row in rows)
    columns = tuple(
        Column(name, "verdict" if name in verdicts else _kind([row[place] for row in cells]))
        for place, name in enumerate(titles)
    )
    return ReportTable(id, title, columns, cells, tuple(notes), tuple(files))


def read_printed_table(
    path: str | Path,
    id: str,
    title: str,
    *,
    repeated: int = 0,
    files: Sequence[FileLink] = (),
) -> ReportTable:
    """Read a table that `lstm_units.io.table_formats.write_table` wrote as Markdown.

    The printed table has the digits, intervals and legend that are meant for people.

    Parameters
    ----------
    path : path
        Ends in ``.md``.
    id, title, files
        As in `ReportTable`.
    repeated : int
        In so many columns, from the left, an empty cell means the same as the one above. It is
        filled in, since rows of the page can be sorted.

    Returns
    -------
    ReportTable

    Raises
    ------
    UserError
        If the file cannot be read or holds no table.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"cannot read {path}: {error}. Delete it and run the workflow again"
        ) from error
    printed = [_cells(line) for line in lines if line.startswith("|")]
    if len(printed) < 2 or any(len(row) != len(printed[0]) for row in printed):
        raise UserError(
            f"{path} holds no table: expected rows of equally many cells between bars. Delete it "
            "and run the workflow again"
        )
    titles, rows = printed[0], [list(row) for row in printed[2:]]
    for above, row in pairwise(rows):
        for place in range(min(repeated, len(row))):
            row[place] = row[place] or above[place]
    notes = [
        line.replace("\\*", "*")
        for line in lines
        if line.strip() and not line.startswith(("|", "<!--"))
    ]
    return make_table(id, title, titles, rows, notes, files)


def _cells(line: str) -> list[str]:
    return [cell.strip().replace("\\|", "|") for cell in _BREAK.split(line.strip())[1:-1]]


def _kind(cells: Sequence[str]) -> str:
    told = [cell for cell in cells if cell not in ("", "-", "not run", "not given")]
    return "number" if told and all(_NUMBER.match(cell) for cell in told) else "text"
