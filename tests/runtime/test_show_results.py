"""What a run prints at its end."""

from lstm_units.io.files import write_json, write_text
from lstm_units.runtime.show_results import describe_results


def test_table_2_and_the_lists_of_units_that_were_searched_are_printed(tmp_path):
    write_text("| task |\n\n<!-- metadata -->\n", tmp_path / "mine" / "tables" / "table2.md")
    assert describe_results(tmp_path).splitlines() == [
        *("", "Table 2, mine", "", "| task |", ""),
        f"{tmp_path}/mine/tables: "
        "Tables 1 and 2, depth, controls, connections and more (CSV, Markdown, LaTeX)",
    ]
    for name in ("short_range", "syntax"):
        write_json({"summary": f"No {name} unit."}, tmp_path / "mine" / "units" / f"{name}.json")
    printed = describe_results(tmp_path)
    assert "No short_range unit.\n\nNo syntax unit.\n" in printed
    assert f"{tmp_path}/mine/units: " in printed


def test_a_folder_without_results_says_how_to_make_them(tmp_path):
    assert "run `make results`" in describe_results(tmp_path)
