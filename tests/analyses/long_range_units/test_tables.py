"""Tables 1 and 2, their formats, and the snippets of the page on reading the results."""

import json
import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.simulated_results import intact_rows, write_results, write_shard

from lstm_units.analyses.long_range_units.conditions import Criteria
from lstm_units.analyses.long_range_units.discovery import discover_long_range
from lstm_units.analyses.long_range_units.tables import (
    table1,
    table2,
    table2_headers,
    table2_legend,
)
from lstm_units.errors import UserError
from lstm_units.io.files import make_metadata, write_json, write_parquet
from lstm_units.io.published import paper_table2
from lstm_units.io.table_formats import (
    escape_latex,
    format_csv,
    format_latex,
    format_markdown,
    write_table,
)
from lstm_units.statistics.agreement import accuracy_table, intact_table, set_accuracy_table


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return write_results(
        tmp_path_factory.mktemp("results"),
        layer_sizes=(10, 20),
        planted={12: ({"PS", "PP"}, 3.0), 20: ({"SP"}, 3.0)},
    )


@pytest.fixture(scope="module")
def tables(results):
    accuracy = accuracy_table(results.shards, results.intact, results.layer_sizes)
    long_range = discover_long_range(
        results.shards,
        results.intact,
        results.stimuli,
        results.layer_sizes,
        Criteria(bootstrap_samples=200),
    )
    return intact_table(results.intact), accuracy, long_range


def unit(number, confirmed=True, subject="plural", loss=0.9):
    conditions = [{"incongruent": True, "loss": loss}]
    return {
        "unit": number,
        "confirmed": confirmed,
        "subject_number": subject,
        "confirmation": {"conditions": conditions},
    }


def long_range_of(*units):
    return {
        "units": list(units),
        "summary": "A summary.",
        "criteria": {"mode": "zero"},
        "not_testable": [],
    }


def rows(task, conditions, n, accuracies, **columns):
    return pd.DataFrame(
        {
            "task": task,
            "condition": conditions,
            "n": n,
            "accuracy": accuracies,
            "n_near_ties": columns.pop("near", 0),
            **columns,
        }
    )


def test_paper_table_holds_the_published_numbers():
    table = paper_table2().set_index(["task", "condition"])
    assert table.loc[("nounpp", "SP"), "paper_988"] == 54.2
    assert table.loc[("nounpp", "PS"), "paper_776"] == 48.0
    assert table.loc[("linzen", "all"), "paper_full"] == 93.9
    assert table["paper_full"].notna().all()
    assert (table["paper_776"].notna().sum(), table["paper_988"].notna().sum()) == (6, 3)


def test_table1_shows_the_first_item_up_to_its_verb(results):
    table = table1(results.stimuli, {"nounpp": "nounPP"}).set_index("task")
    assert list(table.index) == ["simple", "nounpp", "nounpp_adv"]
    row = table.loc["nounpp"]
    assert row["label"] == "nounPP"
    assert re.fullmatch(r"The subject\d+S near the noun\d+S verb\d+s", row["example"])
    assert (row["words"], row["conditions"], row["n"]) == (6, "SS, SP, PS, PP", "300")


def test_table1_lists_unequal_counts(results, tmp_path):
    path = tmp_path / "simple.parquet"
    pq.write_table(pq.read_table(results.stimuli["simple"]).slice(0, 450), path)
    assert table1({"simple": path}).loc[0, "n"] == "300, 150"


def test_table2_stands_in_the_papers_order_beside_its_numbers(tables):
    table = table2(*tables)
    keys = list(zip(table["task"], table["condition"], strict=True))
    noun = [(t, c) for t in ("nounpp", "nounpp_adv") for c in ("SS", "SP", "PS", "PP")]
    assert keys == [("simple", "S"), ("simple", "P"), *noun, ("linzen", "all")]
    assert list(table.columns) == [
        *("task", "label", "condition", "n", "full", "unit_12", "unit_20"),
        *("paper_full", "paper_776", "paper_988", "n_near_ties"),
    ]
    row = table.set_index(["task", "condition"]).loc[("nounpp", "SP")]
    assert (row["paper_full"], row["paper_776"], row["paper_988"]) == (87.2, "-", 54.2)


def test_table2_shows_an_accuracy_only_below_nine_tenths_of_full(tables):
    intact, accuracy, long_range = tables
    table = table2(intact, accuracy, long_range, natural_tasks=())
    table = table.set_index(["task", "condition"])
    known = accuracy.set_index(["unit", "task", "condition"])
    shown = 0
    for key, row in table.iterrows():
        for number in (12, 20):
            measured = known.loc[(number, *key)]
            if measured["accuracy"] < 0.9 * measured["full_accuracy"] - 1e-9:
                assert row[f"unit_{number}"] == pytest.approx(100 * measured["accuracy"], abs=1e-3)
                shown += 1
            else:
                assert row[f"unit_{number}"] == "-"
    assert 3 <= shown < 16


def test_exactly_nine_tenths_of_full_is_no_drop():
    intact = rows("simple", ["S", "P"], 1000, [1.0, 1.0])
    accuracy = rows("simple", ["S", "P"], 1000, [0.9, 0.899], unit=7)
    table = table2(intact, accuracy, long_range_of(unit(7)))
    assert table["unit_7"].tolist()[:2] == ["-", 89.9]


def test_a_task_of_another_name_stands_beside_the_paper_task_that_it_is(tables):
    long_range = tables[2]
    renamed = [t.assign(task=t["task"].astype(str).replace("nounpp", "mine")) for t in tables[:2]]
    rows = table2(*renamed, long_range, paper_tasks={"mine": "nounpp"})
    rows = rows.set_index(["task", "condition"])
    assert rows.loc[("mine", "SP"), "paper_988"] == 54.2
    rows = table2(*renamed, long_range).set_index(["task", "condition"])
    assert rows.loc[("mine", "SP"), "paper_988"] == ""


def test_linzen_gets_all_and_one_row_by_number_of_attractors(tmp_path):
    margin = np.array([1, 1, 1, -1, 1, 1, 1, 1, -1, -1], float)
    condition = list("0000111222")
    intact_path = tmp_path / "linzen.parquet"
    write_parquet(intact_rows(np.arange(10), condition, margin), intact_path, make_metadata())
    ablated = margin.copy()
    ablated[:3] = -1
    file = write_shard(
        tmp_path / "found_0000-0000.parquet",
        [(0, {"linzen": (np.arange(10), ablated.astype(np.float32))})],
        key="set",
    )
    sets = tmp_path / "sets.parquet"
    pq.write_table(pa.table({"set": [0], "unit": pa.array([7], pa.int16()), "seed": [0]}), sets)
    by_set = set_accuracy_table([file], {"linzen": intact_path}, sets)
    simple = rows("simple", ["S"], 10, [1.0])
    intact = pd.concat([simple, intact_table({"linzen": intact_path})])
    accuracy = rows("simple", ["S"], 10, [1.0], unit=7)
    table = table2(intact, accuracy, long_range_of(unit(7)), set_accuracy=by_set)
    natural = table[table["task"] == "linzen"].set_index("condition")
    assert list(natural.index) == ["all", "0", "1", "2"]
    assert natural["n"].tolist() == [10, 4, 3, 3]
    assert natural["full"].tolist() == pytest.approx([70.0, 75.0, 100.0, 33.3333])
    assert natural["unit_7"].tolist() == [40.0, 0.0, "-", "-"]
    assert natural.loc["all", "paper_776"] == 75.3
    without = table2(intact, accuracy, long_range_of(unit(7)))
    assert set(without.loc[without["task"] == "linzen", "unit_7"]) == {"not run"}


def test_a_missing_test_set_says_not_given(tables):
    last = table2(*tables).iloc[-1]
    assert (last["task"], last["full"], last["n_near_ties"]) == ("linzen", "not given", "")
    assert "linzen" not in set(table2(*tables, natural_tasks=())["task"])


def test_a_model_without_units_still_gets_its_table(tables):
    intact, accuracy, _ = tables
    nothing = {**long_range_of(), "summary": "No long-range number unit among 30 units."}
    table = table2(intact, accuracy, nothing)
    assert [name for name in table.columns if name.startswith("unit_")] == []
    text = format_markdown(table, legend=table2_legend(table, nothing))
    assert "No long-range number unit among 30 units." in text


def test_near_ties_are_summed_over_the_columns_and_stand_in_the_legend():
    intact = rows("simple", ["S", "P"], 100, [1.0, 1.0], near=[2, 0])
    accuracy = rows("simple", ["S", "P"], 100, [1.0, 1.0], unit=7, near=[1, 4])
    table = table2(intact, accuracy, long_range_of(unit(7)))
    assert table["n_near_ties"].tolist() == [3, 4, ""]
    assert table2_legend(table, long_range_of(unit(7)))[-1] == (
        "Items counted with |margin| < 0.0001: 7 over all columns."
    )


def test_unconfirmed_units_carry_an_asterisk_and_the_excess_is_told():
    found = long_range_of(*(unit(i, i != 2, loss=i / 10) for i in (1, 2, 3)))
    intact = rows("simple", ["S"], 10, [1.0])
    accuracy = pd.concat(rows("simple", ["S"], 10, [0.5], unit=i) for i in (1, 2, 3))
    table = table2(intact, accuracy, found, maximum_units=2)
    assert [c for c in table.columns if c.startswith("unit_")] == ["unit_2", "unit_3"]
    assert table2_headers(found)["unit_2"] == "unit 2 (plural)*"
    legend = table2_legend(table, found)
    assert any(line.startswith("2 of 3 units") for line in legend)
    assert any(line.startswith("* found on one half") for line in legend)


def test_csv_reads_back_as_plain_numbers(tables):
    from io import StringIO

    table = table2(*tables)
    back = pd.read_csv(StringIO(format_csv(table)), keep_default_na=False)
    assert list(back.columns) == list(table.columns)
    assert [float(v) for v in back["full"][:-1]] == table["full"].tolist()[:-1]


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


def test_tables_are_written_by_suffix_with_metadata_and_equal_bytes(tables, tmp_path):
    table = table2(*tables)
    for suffix in ("csv", "md", "tex"):
        one, two = tmp_path / f"one.{suffix}", tmp_path / f"two.{suffix}"
        for path in (one, two):
            write_table(table, path, metadata=make_metadata(note="a--b"))
        assert one.read_bytes() == two.read_bytes()
        assert ("schema_version" in one.read_text()) == (suffix != "csv")
    assert "a--b" not in (tmp_path / "one.md").read_text()
    with pytest.raises(UserError, match=r"must end in .csv, .md or .tex"):
        write_table(table, tmp_path / "one.xlsx")


def test_the_pandas_snippets_of_the_docs_run(results, tables, project, monkeypatch, capsys):
    _, accuracy, long_range = tables
    (results.folder / "model").rename(results.folder / "wikipedia650")
    base = results.folder / "wikipedia650"
    path = base / "ablation" / "zero" / "accuracy.parquet"
    write_parquet(pa.Table.from_pandas(accuracy, preserve_index=False), path, make_metadata(seed=1))
    write_json(long_range, base / "units" / "long_range.json", make_metadata())
    units = pa.table({"unit": [7, 7, 7, 8, 8, 8], "position": [1, 2, 3] * 2, "auc": [0.9] * 6})
    write_parquet(units, base / "decoding" / "units.parquet", make_metadata())
    sentences = pa.table({"sentence": [0, 1], "tokens": [["The", "boy", "runs"], ["She", "runs"]]})
    write_parquet(sentences, results.folder / "stimuli/depth/sentences.parquet", make_metadata())
    depth = {"sentence": [0, 1], "position": [1, 0], "open_nodes": [2, 1], "predicted": [2.4, 3.0]}
    write_parquet(pa.table(depth), base / "depth/predictions/units.parquet", make_metadata())
    page = (project / "docs" / "reading-the-results.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", page, flags=re.S)
    assert len(blocks) == 7
    monkeypatch.chdir(results.folder)
    names = {}
    for block in blocks:
        exec(compile(block, "docs/reading-the-results.md", "exec"), names)
    # The snippets answer what they ask: the planted units stand on top, and their items are lost.
    assert names["worst"]["unit"].isin([12, 20]).any()
    assert len(names["lost"]) > 100
    printed = capsys.readouterr().out
    assert json.dumps(long_range["summary"])[1:-1] in printed
    assert "1 3.0 She\n2 2.4 The boy\n" in printed


def test_every_column_of_the_accuracy_table_is_explained_in_the_docs(tables, project):
    page = (project / "docs" / "reading-the-results.md").read_text()
    for name in tables[1].columns:
        assert f"`{name}`" in page, name
    for name in tables[2]:
        assert f"`{name}`" in page or name == "halves", name
