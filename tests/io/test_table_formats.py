"""Tables as CSV, Markdown and LaTeX."""

import pandas as pd
import pytest

from lstm_units.errors import UserError
from lstm_units.io.files import make_metadata
from lstm_units.io.table_formats import (
    PrintedTable,
    escape_latex,
    format_latex,
    format_markdown,
    write_tables,
)


def test_markdown_columns_line_up_and_escape_pipes():
    table = pd.DataFrame({"name": ["a|b", "longer name"], "value": [1.25, 100.0]})
    lines = format_markdown(table, legend=["|x| < 1"]).splitlines()
    assert len({len(line) for line in lines[:4]}) == 1
    assert lines[1] == "| ----------- | ----: |"
    assert lines[2] == "| a\\|b        |   1.2 |"
    assert lines[-1] == "|x| < 1"


def test_latex_is_escaped_and_has_as_many_columns_as_its_tabular():
    table = pd.DataFrame({"task": ["adv_adv"], "a&b": [99.5], "50 %": ["-"]})
    text = format_latex(table, legend=["|margin| < 1e-4"])
    assert r"\begin{tabular}{lrl}" in text
    assert r"adv\_adv & 99.5 & - \\" in text
    assert r"task & a\&b & 50 \% \\" in text
    assert r"\textbar{}margin\textbar{} \textless{} 1e-4" in text
    assert escape_latex("\\{~^#$") == (r"\textbackslash{}\{\textasciitilde{}\textasciicircum{}\#\$")


def test_tables_are_written_by_suffix_with_metadata_and_equal_bytes(tmp_path):
    plain = pd.DataFrame({"share": [0.123456]})
    printed = pd.DataFrame({"share": ["12 %"]})
    table = PrintedTable(plain, printed, {"share": "part"}, ["A note."], make_metadata(note="a--b"))
    for suffix in ("csv", "md", "tex", "json"):
        one, two = tmp_path / f"one.{suffix}", tmp_path / f"two.{suffix}"
        write_tables(table, [one, two])
        assert one.read_bytes() == two.read_bytes()
        assert ("schema_version" in one.read_text()) == (suffix != "csv")
        assert ("A note." in one.read_text()) == (suffix != "csv")
    assert (tmp_path / "one.csv").read_text() == "share\n0.123456\n"
    assert "| part |" in (tmp_path / "one.md").read_text()
    assert "a--b" not in (tmp_path / "one.md").read_text()
    with pytest.raises(UserError, match=r"must end in .csv, .md, .tex or .json"):
        write_tables(table, [tmp_path / "one.xlsx"])
