"""Tables as CSV for machines, as Markdown and LaTeX for people, and as JSON for pages."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from lstm_units.errors import UserError
from lstm_units.io.files import NOT_RUN, write_json, write_text

_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
}


def format_csv(table: pd.DataFrame) -> str:
    """Format a table as CSV: column names as they are, plain numbers."""
    return table.to_csv(index=False, lineterminator="\n")


def format_markdown(
    table: pd.DataFrame,
    *,
    headers: Mapping[str, str] | None = None,
    legend: Sequence[str] = (),
    decimals: int = 1,
) -> str:
    """Format a table as Markdown whose columns line up as plain text.

    Parameters
    ----------
    table : DataFrame
    headers : mapping of str to str, optional
        Titles of columns; others keep their names.
    legend : sequence of str
        Sentences below the table.
    decimals : int
        Decimals of floats; integers have none.
    """
    titles, cells, numeric = _cells(table, headers, decimals)
    escaped = [[text.replace("|", "\\|") for text in row] for row in [titles, *cells]]
    widths = [max(3, *map(len, column)) for column in zip(*escaped, strict=True)]

    def line(row):
        parts = zip(row, widths, numeric, strict=True)
        return (
            "| " + " | ".join(t.rjust(w) if num else t.ljust(w) for t, w, num in parts) + " |"
        ).rstrip()

    pairs = zip(widths, numeric, strict=True)
    rule = "| " + " | ".join("-" * (w - 1) + (":" if num else "-") for w, num in pairs) + " |"
    lines = [line(escaped[0]), rule, *map(line, escaped[1:])]
    # An asterisk that opens a sentence would make a list.
    notes = [sentence.replace("*", "\\*") for sentence in legend]
    return "\n".join(lines) + "\n" + "".join(f"\n{sentence}\n" for sentence in notes)


def format_latex(
    table: pd.DataFrame,
    *,
    headers: Mapping[str, str] | None = None,
    legend: Sequence[str] = (),
    decimals: int = 1,
) -> str:
    """Format a table as a LaTeX tabular that needs no package; parameters of `format_markdown`.

    Parameters
    ----------
    table, headers, legend, decimals
        As in `format_markdown`.
    """
    titles, cells, numeric = _cells(table, headers, decimals)

    def line(row):
        return " & ".join(escape_latex(text) for text in row) + r" \\"

    lines = [
        r"\begin{tabular}{" + "".join("r" if right else "l" for right in numeric) + "}",
        r"\hline",
        line(titles),
        r"\hline",
        *map(line, cells),
        r"\hline",
        r"\end{tabular}",
    ]
    lines += [r"\par{\footnotesize " + escape_latex(sentence) + r"\par}" for sentence in legend]
    return "\n".join(lines) + "\n"


def escape_latex(text: str) -> str:
    """Escape the characters that LaTeX reads as commands."""
    return "".join(_LATEX.get(letter, letter) for letter in text)


def printed_cells(
    table: pd.DataFrame, *, headers: Mapping[str, str] | None = None, legend: Sequence[str] = ()
) -> dict[str, Any]:
    """Return a table as `format_markdown` prints it, cell by cell: what a page shows.

    Returns
    -------
    dict
        ``columns`` (titles), ``rows`` (text of each cell), ``legend``.
    """
    titles, rows, _ = _cells(table, headers, 1)
    return {"columns": titles, "rows": rows, "legend": list(legend)}


def write_table(
    table: pd.DataFrame,
    path: str | Path,
    *,
    headers: Mapping[str, str] | None = None,
    legend: Sequence[str] = (),
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Write a table in the format that the suffix of `path` names: .csv, .md, .tex or .json.

    Parameters
    ----------
    table : DataFrame
    path : path
    headers, legend
        Not for CSV; see `format_markdown`.
    metadata : mapping, optional
        From `lstm_units.io.files.make_metadata`; a comment in Markdown and LaTeX, a key in JSON.
        CSV has none.

    Raises
    ------
    UserError
        If the suffix is another one.
    """
    suffix = Path(path).suffix
    if suffix == ".json":
        write_json(printed_cells(table, headers=headers, legend=legend), path, metadata)
        return
    note = "" if metadata is None else json.dumps(dict(metadata), sort_keys=True)
    if suffix == ".csv":
        text = format_csv(table)
    elif suffix == ".md":
        text = format_markdown(table, headers=headers, legend=legend)
        # Two hyphens would end the comment.
        text += f"\n<!-- {note.replace('--', '- -')} -->\n" if note else ""
    elif suffix == ".tex":
        text = (f"% {note}\n" if note else "") + format_latex(table, headers=headers, legend=legend)
    else:
        raise UserError(
            f"cannot write a table to {path}: the name must end in .csv, .md, .tex or .json"
        )
    write_text(text, path)


@dataclass(frozen=True)
class PrintedTable:
    """A table for machines, and the same for people.

    Parameters
    ----------
    table : DataFrame
        Plain numbers: what goes into the CSV file.
    printed : DataFrame
        In words: what goes into Markdown, LaTeX and JSON.
    headers : mapping of str to str
        Titles of columns of `printed`; others keep their names.
    legend : sequence of str
        Sentences below it.
    metadata : mapping
        From `lstm_units.io.files.make_metadata`.
    """

    table: pd.DataFrame
    printed: pd.DataFrame
    headers: Mapping[str, str] = field(default_factory=dict)
    legend: Sequence[str] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)


def write_tables(table: PrintedTable, paths: Iterable[str | Path]) -> None:
    """Write a table in each format that a path's suffix names.

    Raises
    ------
    UserError
        If a suffix is another than .csv, .md, .tex or .json.
    """
    for path in paths:
        if Path(path).suffix == ".csv":
            write_table(table.table, path)
        else:
            write_table(
                table.printed,
                path,
                headers=table.headers,
                legend=table.legend,
                metadata=table.metadata,
            )


def write_no_table(metadata: Mapping[str, Any], paths: Iterable[str | Path]) -> None:
    """Write a table that says why there is none; see `lstm_units.io.not_run.or_not_run`."""
    reason = pd.DataFrame({"not run, because": [metadata[NOT_RUN]]})
    write_tables(PrintedTable(reason, reason, metadata=metadata), paths)


def _cells(table: pd.DataFrame, headers, decimals: int):
    titles = [str((headers or {}).get(name, name)) for name in table.columns]
    numeric = [
        any(_is_number(value) for value in table[name])
        and not any(isinstance(value, str) and len(value) > 12 for value in table[name])
        for name in table.columns
    ]
    columns = [[_text(value, decimals) for value in table[name]] for name in table.columns]
    return titles, [list(row) for row in zip(*columns, strict=True)], numeric


def _is_number(value: Any) -> bool:
    return hasattr(value, "__float__") and not isinstance(value, str)


def _text(value: Any, decimals: int) -> str:
    if isinstance(value, str):
        return value
    if pd.isna(value):
        return ""
    if isinstance(value, float):
        return f"{value:.{decimals}f}"
    return str(value)
