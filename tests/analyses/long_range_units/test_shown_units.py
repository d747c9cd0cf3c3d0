"""Shown units: long-range first, an honest stand-in where there is none, no unit twice."""

import itertools

import pandas as pd
import pyarrow as pa
import pytest

from lstm_units.analyses.long_range_units.shown_units import nearest_unit, shown_units
from lstm_units.analyses.long_range_units.write_shown_units import write_shown_units
from lstm_units.errors import UserError
from lstm_units.io.files import make_metadata, read_json, write_json, write_parquet

SIZES = (4, 8)
TASKS = ["nounpp", "nounpp_adv"]
CONDITIONS = ("SS", "SP", "PS", "PP")


def accuracy(drops=(), tasks=TASKS, conditions=CONDITIONS, units=range(1, 13)):
    """No drop anywhere but where `drops` (unit, task, condition) says."""
    drops = dict(drops)
    keys = itertools.product(units, tasks, conditions)
    rows = [(*key, float(drops.get(key, 0.0))) for key in keys]
    return pd.DataFrame(rows, columns=["unit", "task", "condition", "drop"])


def found(*units):
    return {"units": [{"unit": unit, "layer": 2, "subject_number": n} for unit, n in units]}


def in_both(unit, condition, drop):
    return {(unit, task, condition): drop for task in TASKS}


def test_long_range_units_come_first_by_number():
    long_range = found((6, None), (9, "plural"), (12, "singular"), (11, "singular"))
    shown = shown_units(long_range, accuracy(), SIZES, TASKS, n_arbitrary=0)
    assert [(entry["unit"], entry["number"]) for entry in shown] == [
        (11, "singular"),
        (12, "singular"),
        (9, "plural"),
        (6, None),
    ]
    assert {entry["role"] for entry in shown} == {"long-range"}
    assert all(entry["found"] for entry in shown)


def test_the_nearest_stands_in_only_for_the_number_that_is_missing():
    drops = in_both(7, "PS", 0.3) | in_both(8, "SP", 0.4)
    shown = shown_units(found((11, "singular")), accuracy(drops), SIZES, TASKS, n_arbitrary=0)
    assert [(e["unit"], e["role"], e["number"], e["found"]) for e in shown] == [
        (11, "long-range", "singular", True),
        (7, "nearest", "plural", False),
    ]


def test_the_nearest_is_the_one_with_the_largest_smallest_drop():
    drops = {(5, "nounpp", "SP"): 0.9, (5, "nounpp_adv", "SP"): 0.1} | in_both(6, "SP", 0.2)
    drops |= in_both(2, "SP", 0.8)  # not of the last layer
    drops |= in_both(7, "SS", 0.7)  # congruent
    table = accuracy(drops)
    assert nearest_unit(table, TASKS, "singular", range(5, 13)) == 6
    assert nearest_unit(table, ["nounpp"], "singular", range(5, 13)) == 5
    assert nearest_unit(table, TASKS, "plural", range(5, 13)) is None
    ties = accuracy(in_both(9, "PS", 0.2) | in_both(8, "PS", 0.2))
    assert nearest_unit(ties.iloc[::-1], TASKS, "plural", range(5, 13)) == 8


def test_of_two_attractors_one_of_another_number_is_enough():
    drops = {(6, "nested", "SPS"): 0.5, (7, "nested", "SSS"): 0.9, (8, "nested", "PSP"): 0.9}
    table = accuracy(drops, ["nested"], ("SSS", "SSP", "SPS", "SPP", "PSP", "PPP"))
    assert nearest_unit(table, ["nested"], "singular", range(5, 13)) == 6
    assert nearest_unit(table, ["nested"], "plural", range(5, 13)) == 8


def test_without_incongruent_conditions_there_is_no_nearest():
    table = accuracy(conditions=("S", "P", "natural"))
    shown = shown_units(found(), table, SIZES, TASKS, n_arbitrary=0)
    assert shown == []


def test_one_unit_cannot_stand_in_for_both_numbers():
    drops = in_both(6, "SP", 0.5) | in_both(6, "PS", 0.5) | in_both(9, "PS", 0.2)
    shown = shown_units(found(), accuracy(drops), SIZES, TASKS, n_arbitrary=0)
    assert [(entry["unit"], entry["number"]) for entry in shown] == [
        (6, "singular"),
        (9, "plural"),
    ]


def test_a_unit_is_listed_once_under_its_first_role():
    shown = shown_units(
        found((11, "singular")), accuracy(in_both(7, "PS", 0.3)), SIZES, TASKS, [3, 11, 3], 7, 20
    )
    units = [entry["unit"] for entry in shown]
    assert len(set(units)) == len(units)
    by_unit = {entry["unit"]: entry["role"] for entry in shown}
    assert (by_unit[11], by_unit[7], by_unit[3]) == ("long-range", "nearest", "named")
    assert {entry["unit"]: entry["layer"] for entry in shown}[3] == 1
    arbitrary = [entry["unit"] for entry in shown if entry["role"] == "arbitrary"]
    assert sorted([*arbitrary, 7, 11]) == list(range(5, 13))  # all that is left of the layer


def test_layers_are_right_at_their_ends():
    shown = shown_units(found(), accuracy(), SIZES, TASKS, [1, 4, 5, 12], n_arbitrary=0)
    assert [entry["layer"] for entry in shown] == [1, 1, 2, 2]


def test_the_seed_decides_the_arbitrary_units_and_other_units_hardly_move_them():
    def drawn(seed, named=()):
        shown = shown_units(found(), accuracy(), (100, 900), [], named, None, 5, seed)
        return {entry["unit"] for entry in shown if entry["role"] == "arbitrary"}

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
    assert all(unit > 100 for unit in drawn(1))
    taken = min(drawn(1))
    assert drawn(1) - {taken} < drawn(1, [taken])


@pytest.mark.parametrize("unit", [0, 13, -1])
def test_an_unknown_unit_is_refused_with_the_key(unit):
    with pytest.raises(UserError, match=r"shown_units.named: unit -?\d+ does not exist.*1 to 12"):
        shown_units(found(), accuracy(), SIZES, TASKS, [unit])
    with pytest.raises(UserError, match="the syntax unit: unit"):
        shown_units(found(), accuracy(), SIZES, TASKS, [], unit)


def test_the_step_writes_the_list_with_its_lineage(tmp_path):
    metadata = make_metadata(checkpoint_sha256="c", stimuli_sha256="s")
    write_json(found((11, "singular")), tmp_path / "units" / "long_range.json", metadata)
    table = accuracy(in_both(7, "PS", 0.3))
    path = tmp_path / "accuracy.parquet"
    write_parquet(pa.Table.from_pandas(table, preserve_index=False), path, metadata)
    output = tmp_path / "units" / "shown.json"
    arguments = (SIZES, TASKS, [3], None, None, 2, 5)
    write_shown_units(tmp_path / "units" / "long_range.json", path, *arguments, output)
    written = read_json(output)
    assert [entry["role"] for entry in written["units"]] == [
        *("long-range", "nearest", "named", "arbitrary", "arbitrary")
    ]
    assert written["metadata"]["checkpoint_sha256"] == "c"
    assert written["metadata"]["seed"] == 5
    before = output.read_bytes()
    write_shown_units(tmp_path / "units" / "long_range.json", path, *arguments, output)
    assert output.read_bytes() == before
    other = make_metadata(checkpoint_sha256="d", stimuli_sha256="s")
    write_parquet(pa.Table.from_pandas(table, preserve_index=False), path, other)
    with pytest.raises(UserError, match="another checkpoint"):
        write_shown_units(tmp_path / "units" / "long_range.json", path, *arguments, output)


def test_the_top_syntax_unit_is_shown_unless_the_configuration_names_one(tmp_path):
    metadata = make_metadata(checkpoint_sha256="c", stimuli_sha256="s")
    paths = {name: tmp_path / "units" / f"{name}.json" for name in ("long_range", "syntax")}
    write_json(found((11, "singular")), paths["long_range"], metadata)
    other_stimuli = make_metadata(checkpoint_sha256="c", stimuli_sha256="t")
    write_json({"top": {"unit": 6}, "units": [{"unit": 6}]}, paths["syntax"], other_stimuli)
    accuracies = tmp_path / "accuracy.parquet"
    table = pa.Table.from_pandas(accuracy(in_both(7, "PS", 0.3)), preserve_index=False)
    write_parquet(table, accuracies, metadata)

    def syntax_units(named, path):
        output = tmp_path / "shown.json"
        arguments = (SIZES, TASKS, [], named, path, 0, 5)
        write_shown_units(paths["long_range"], accuracies, *arguments, output)
        return [e["unit"] for e in read_json(output)["units"] if e["role"] == "syntax"]

    assert syntax_units(None, paths["syntax"]) == [6]
    assert syntax_units(8, paths["syntax"]) == [8]
    assert syntax_units(None, None) == []
    write_json({"top": None, "units": []}, paths["syntax"], metadata)
    assert syntax_units(None, paths["syntax"]) == []
    write_json({"top": None}, paths["syntax"], make_metadata(checkpoint_sha256="d"))
    with pytest.raises(UserError, match="another checkpoint"):
        syntax_units(None, paths["syntax"])
