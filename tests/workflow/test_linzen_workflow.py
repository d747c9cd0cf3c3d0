"""Imported test sets through the workflow: dropped items, discovered units, rows of Table 2."""

import json

import pandas as pd
import pyarrow.parquet as pq
import pytest
from support.planted_network import PLURAL_UNIT
from support.workflow_fixture import LINZEN, PAIRS, RELEASED

pytestmark = pytest.mark.extended


@pytest.fixture(scope="module")
def table2(finished) -> pd.DataFrame:
    return pd.read_csv(finished.results / "tiny/tables/table2.csv", dtype={"condition": str})


def rows(table: pd.DataFrame, task: str, column: str) -> dict[str, float]:
    chosen = table[table["task"] == task]
    return dict(zip(chosen["condition"], chosen[column], strict=True))


def unit_column(table: pd.DataFrame) -> str:
    (name,) = [c for c in table.columns if str(PLURAL_UNIT) in c and "776" not in c]
    return name


@pytest.mark.parametrize(
    ("task", "items", "dropped"),
    [("linzen", LINZEN, [(5, "zorps", "zorp")]), ("pairs", PAIRS, [(4, "purrs", "purr")])],
)
def test_items_with_unknown_forms_are_dropped_counted_and_listed(finished, task, items, dropped):
    report = json.loads((finished.results / f"tiny/stimuli/{task}.json").read_text())
    assert (report["n_items"], report["n_kept"]) == (len(items), len(items) - len(dropped))
    found = [(entry["item"], entry["correct"], entry["wrong"]) for entry in report["dropped"]]
    assert found == dropped
    intact = pq.read_table(finished.results / f"tiny/intact/{task}.parquet")["item"].to_pylist()
    assert intact == [n for n in range(len(items)) if n not in {entry[0] for entry in dropped}]


def test_unknown_words_before_the_verb_are_counted(finished):
    report = json.loads((finished.results / "tiny/stimuli/linzen.json").read_text())
    unknown = report["unknown_before_verb"]
    assert unknown["most_frequent"] == [{"word": "rusty", "count": 1}]
    assert unknown["tokens"] == 1


def test_table_2_has_the_rows_of_the_linzen_set(table2):
    n = rows(table2, "linzen", "n")
    assert n == {"all": 5, "0": 2, "1": 1, "2": 2}
    assert list(table2["task"])[-4:] == ["linzen"] * 4


def test_the_discovered_unit_ran_on_the_tasks_without_a_sweep(table2, finished):
    ablated = unit_column(table2)
    # It serves plural subjects, so singular ones stay right.
    found = {key: float(value) for key, value in rows(table2, "linzen", ablated).items()}
    assert found == {"all": 40, "0": 50, "1": 0, "2": 50}
    assert rows(table2, "pairs", ablated) == {"SP": "-", "PS": "0.0"}
    sets = pq.read_table(finished.results / "tiny/controls/sets/long_range.parquet").to_pylist()
    assert sets == [{"set": 1, "unit": PLURAL_UNIT, "seed": None}]
    path = finished.results / "tiny/ablation_sets/zero/imported/long_range_0001-1000.parquet"
    shard = pq.read_table(path).to_pandas()
    assert set(shard["task"]) == {"linzen", "pairs"}
    assert len(shard) == len(LINZEN) + len(PAIRS) - 2
    assert not (finished.results / "tiny/ablation/zero/imported").exists()


def test_an_imported_task_with_a_sweep_is_ablated_unit_by_unit(finished):
    shard = finished.results / "tiny/ablation/zero/noun/units_0006-0008.parquet"
    margins = pq.read_table(shard).to_pandas()
    ours = margins[(margins["task"] == "nounpp_2019") & (margins["unit"] == PLURAL_UNIT)]
    plural = [number.startswith("plural") for *_, number in RELEASED]
    assert ((ours.sort_values("item")["margin"] < 0).to_numpy() == plural).all()
    stimuli = pq.read_table(finished.results / "tiny/stimuli/nounpp_2019.parquet").to_pylist()
    assert {row["subject_lemma"] for row in stimuli} == {"boy"}
    assert [row["condition"] for row in stimuli] == ["SS", "SP", "PS", "PP"]
