"""Tables 1 and 2, their formats, and the snippets of the page on reading the results."""

import json
import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from support.simulated_results import intact_rows, write_results, write_shard

from lstm_units.analyses.long_range_units.conditions import Criteria
from lstm_units.analyses.long_range_units.discovery import discover_long_range
from lstm_units.analyses.long_range_units.table1 import table1
from lstm_units.analyses.long_range_units.table2 import accuracy_rows, table2
from lstm_units.io.files import make_metadata, write_json, write_parquet
from lstm_units.io.published import paper_table2
from lstm_units.io.results import Result
from lstm_units.statistics.agreement import accuracy_table, intact_counts
from lstm_units.statistics.margins import open_margins


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return write_results(
        tmp_path_factory.mktemp("results"),
        layer_sizes=(10, 20),
        planted={12: ({"PS", "PP"}, 3.0), 20: ({"SP"}, 3.0)},
    )


@pytest.fixture(scope="module")
def tables(results):
    margins, scores, sizes = results.margins, results.scores, results.layer_sizes
    accuracy = accuracy_table(margins, scores, sizes, units=results.units)
    criteria = Criteria(bootstrap_samples=200)
    found = discover_long_range(
        margins, scores, results.items, sizes, criteria, units=results.units
    )
    return intact_counts(scores, near_tie=1e-4), accuracy, found


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


def rows(task, conditions, n, right, **columns):
    return pd.DataFrame(
        {
            "task": task,
            "condition": conditions,
            "n": n,
            "right": right,
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
    stimuli = {
        task: Result(result.content, {"stimuli_sha256": task})
        for task, result in results.items.items()
    }
    found = table1(stimuli, {"nounpp": "nounPP"})
    table = found.table.set_index("task")
    assert list(table.index) == ["simple", "nounpp", "nounpp_adv"]
    row = table.loc["nounpp"]
    assert row["label"] == "nounPP"
    assert re.fullmatch(r"The subject\d+S near the noun\d+S verb\d+s", row["example"])
    assert (row["words"], row["conditions"], row["n"]) == (6, "SS, SP, PS, PP", "300")
    assert found.metadata["stimuli_sha256"] == {task: task for task in table.index}


def test_table1_lists_unequal_counts(results):
    table = results.items["simple"].content.slice(0, 450)
    stimuli = {"simple": Result(table, {"stimuli_sha256": "s"})}
    assert table1(stimuli, {}).table.loc[0, "n"] == "300, 150"


def test_table2_stands_in_the_papers_order_beside_its_numbers(tables):
    table = accuracy_rows(*tables)
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
    accuracy = tables[1]
    table = accuracy_rows(*tables, natural_tasks=())
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
    intact = rows("simple", ["S", "P"], 1000, [1000, 1000])
    accuracy = rows("simple", ["S", "P"], 1000, [900, 899], unit=7)
    table = accuracy_rows(intact, accuracy, long_range_of(unit(7)))
    assert table["unit_7"].tolist()[:2] == ["-", 89.9]


def test_a_drop_is_one_from_what_the_intact_model_gets_right():
    intact = rows("simple", ["S", "P"], 1000, [900, 900])
    accuracy = rows("simple", ["S", "P"], 1000, [850, 809], unit=7)
    table = accuracy_rows(intact, accuracy, long_range_of(unit(7)))
    assert table["unit_7"].tolist()[:2] == ["-", 80.9]


def test_a_task_of_another_name_stands_beside_the_paper_task_that_it_is(tables):
    long_range = tables[2]
    renamed = [t.assign(task=t["task"].astype(str).replace("nounpp", "mine")) for t in tables[:2]]
    rows = accuracy_rows(*renamed, long_range, paper_tasks={"mine": "nounpp"})
    rows = rows.set_index(["task", "condition"])
    assert rows.loc[("mine", "SP"), "paper_988"] == 54.2
    rows = accuracy_rows(*renamed, long_range).set_index(["task", "condition"])
    assert rows.loc[("mine", "SP"), "paper_988"] == ""


def test_linzen_gets_all_and_one_row_by_number_of_attractors(tmp_path):
    margin = np.array([1, 1, 1, -1, 1, 1, 1, 1, -1, -1], float)
    linzen = Result(intact_rows(np.arange(10), list("0000111222"), margin))
    scores = {"linzen": linzen, "simple": Result(intact_rows([0], ["S"], [1.0]))}
    ablated = margin.copy()
    ablated[:3] = -1
    block = (0, {"linzen": (np.arange(10), ablated.astype(np.float32))})
    margins = open_margins([write_shard(tmp_path / "found.parquet", [block], key="set")], "set")
    accuracy = Result(pa.table(rows("simple", ["S"], 1, [1], unit=7).to_dict("list")))
    arguments = (scores, accuracy, Result(long_range_of(unit(7))), {})
    options = {"relative_drop": 0.1, "near_tie": 1e-4}
    sets = Result(pa.table({"set": [0], "unit": pa.array([7], pa.int16())}))
    swept = {"sets": sets, "set_margins": margins, "unswept": ["linzen"]}
    table = table2(*arguments, **options, **swept).table
    natural = table[table["task"] == "linzen"].set_index("condition")
    assert list(natural.index) == ["all", "0", "1", "2"]
    assert natural["n"].tolist() == [10, 4, 3, 3]
    assert natural["full"].tolist() == pytest.approx([70.0, 75.0, 100.0, 33.3333])
    assert natural["unit_7"].tolist() == [40.0, 0.0, "-", "-"]
    assert natural.loc["all", "paper_776"] == 75.3
    without = table2(*arguments, **options).table
    assert set(without.loc[without["task"] == "linzen", "unit_7"]) == {"not run"}


def test_a_missing_test_set_says_not_given(tables):
    last = accuracy_rows(*tables).iloc[-1]
    assert (last["task"], last["full"], last["n_near_ties"]) == ("linzen", "not given", "")
    assert "linzen" not in set(accuracy_rows(*tables, natural_tasks=())["task"])


def shown_table(found, near=(0, 0), n=100):
    """Table 2 of one task that the intact model gets right; ablated, half of S is lost."""
    scores = Result(intact_rows(np.arange(2 * n), np.repeat(["S", "P"], n), np.ones(2 * n)))
    units = [entry["unit"] for entry in found["units"]]
    tables = [rows("simple", ["S", "P"], n, [n // 2, n], unit=i, near=list(near)) for i in units]
    columns = rows("simple", ["S", "P"], n, [n, n], unit=0)
    accuracy = Result(pa.Table.from_pandas(pd.concat([columns, *tables]), preserve_index=False))
    options = {"relative_drop": 0.1, "near_tie": 1e-4}
    return table2({"simple": scores}, accuracy, Result(found), {}, **options)


def test_a_model_without_units_still_gets_its_table():
    nothing = {**long_range_of(), "summary": "No long-range number unit among 30 units."}
    found = shown_table(nothing)
    assert [name for name in found.table.columns if name.startswith("unit_")] == []
    assert found.legend[0] == "No long-range number unit among 30 units."


def test_near_ties_are_summed_over_the_columns_and_stand_in_the_legend():
    found = shown_table(long_range_of(unit(7), unit(8)), near=[1, 4])
    assert found.table["n_near_ties"].tolist() == [2, 8, ""]
    assert found.legend[-1] == "Items counted with |margin| < 0.0001: 10 over all columns."


def test_unconfirmed_units_carry_an_asterisk_and_the_excess_is_told():
    found = shown_table(long_range_of(*(unit(i, i != 2, loss=i / 10) for i in range(1, 9))))
    shown = [name for name in found.table.columns if name.startswith("unit_")]
    assert shown == [f"unit_{i}" for i in range(3, 9)]
    assert found.headers["unit_2"] == "unit 2 (plural)*"
    assert any(line.startswith("6 of 8 units") for line in found.legend)
    found = shown_table(long_range_of(unit(2, confirmed=False)))
    assert any(line.startswith("* found on one half") for line in found.legend)


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
