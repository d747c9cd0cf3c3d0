"""Shown units: long-range first, an honest stand-in where there is none, no unit twice."""

import itertools

import pandas as pd
import pyarrow as pa
import pytest
from support.simulated_results import NUMBER

from lstm_units.analyses.long_range_units.shown_units import (
    choose_units,
    nearest_unit,
    shown_units,
)
from lstm_units.errors import UserError
from lstm_units.io.files import make_metadata
from lstm_units.io.results import Result
from lstm_units.stimuli.congruence import condition_numbers

SIZES = (4, 8)
TASKS = ["nounpp", "nounpp_adv"]
CONDITIONS = ("SS", "SP", "PS", "PP")


def numbers(tasks=TASKS, conditions=CONDITIONS):
    """The numbers that the letters stand for."""
    return {
        (task, name): condition_numbers(
            [NUMBER.get(name[0])], [[NUMBER.get(letter) for letter in name[1:]]]
        )
        for task in tasks
        for name in conditions
    }


def chosen(long_range, table, *more, **options):
    return choose_units(long_range, table, numbers(), SIZES, *more, **options)


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
    shown = chosen(long_range, accuracy(), n_arbitrary=0)
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
    shown = chosen(found((11, "singular")), accuracy(drops), n_arbitrary=0)
    assert [(e["unit"], e["role"], e["number"], e["found"]) for e in shown] == [
        (11, "long-range", "singular", True),
        (7, "nearest", "plural", False),
    ]


def test_the_nearest_is_the_one_with_the_largest_smallest_drop():
    drops = {(5, "nounpp", "SP"): 0.9, (5, "nounpp_adv", "SP"): 0.1} | in_both(6, "SP", 0.2)
    drops |= in_both(2, "SP", 0.8)  # not of the last layer
    drops |= in_both(7, "SS", 0.7)  # congruent
    table = accuracy(drops)
    assert nearest_unit(table, numbers(), "singular", range(5, 13)) == 6
    assert nearest_unit(table, numbers(["nounpp"]), "singular", range(5, 13)) == 5
    assert nearest_unit(table, numbers(), "plural", range(5, 13)) is None
    ties = accuracy(in_both(9, "PS", 0.2) | in_both(8, "PS", 0.2))
    assert nearest_unit(ties.iloc[::-1], numbers(), "plural", range(5, 13)) == 8


def test_without_incongruent_conditions_there_is_no_nearest():
    drops = in_both(7, "SS", 0.5)
    table = accuracy(drops, conditions=("S", "P", "SS"))
    known = numbers(conditions=("S", "P", "SS"))
    assert choose_units(found(), table, known, SIZES, n_arbitrary=0) == []


def test_one_unit_cannot_stand_in_for_both_numbers():
    drops = in_both(6, "SP", 0.5) | in_both(6, "PS", 0.5) | in_both(9, "PS", 0.2)
    shown = chosen(found(), accuracy(drops), n_arbitrary=0)
    assert [(entry["unit"], entry["number"]) for entry in shown] == [
        (6, "singular"),
        (9, "plural"),
    ]


def test_a_unit_is_listed_once_under_its_first_role():
    shown = chosen(found((11, "singular")), accuracy(in_both(7, "PS", 0.3)), [3, 11, 3], 7, 20)
    units = [entry["unit"] for entry in shown]
    assert len(set(units)) == len(units)
    by_unit = {entry["unit"]: entry["role"] for entry in shown}
    assert (by_unit[11], by_unit[7], by_unit[3]) == ("long-range", "nearest", "named")
    assert {entry["unit"]: entry["layer"] for entry in shown}[3] == 1
    arbitrary = [entry["unit"] for entry in shown if entry["role"] == "arbitrary"]
    assert sorted([*arbitrary, 7, 11]) == list(range(5, 13))  # all that is left of the layer


def test_layers_are_right_at_their_ends():
    shown = chosen(found(), accuracy(), [1, 4, 5, 12], n_arbitrary=0)
    assert [entry["layer"] for entry in shown] == [1, 1, 2, 2]


def test_the_seed_decides_the_arbitrary_units_and_other_units_hardly_move_them():
    def drawn(seed, named=()):
        shown = choose_units(found(), accuracy(), {}, (100, 900), named, None, 5, seed)
        return {entry["unit"] for entry in shown if entry["role"] == "arbitrary"}

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
    assert all(unit > 100 for unit in drawn(1))
    taken = min(drawn(1))
    assert drawn(1) - {taken} < drawn(1, [taken])


@pytest.mark.parametrize("unit", [0, 13, -1])
def test_a_unit_that_the_model_lacks_is_left_out_with_a_warning(unit, caplog):
    known = chosen(found(), accuracy())
    assert chosen(found(), accuracy(), [unit], unit) == known
    assert f"no unit {unit}: this model has units 1 to 12" in caplog.text


def test_where_no_unit_was_ablated_none_is_nearest():
    assert {entry["role"] for entry in chosen(found(), None, [3])} == {"named", "arbitrary"}


def made(content, **metadata) -> Result:
    metadata = {"checkpoint_sha256": "c", "stimuli_sha256": "s", **metadata}
    return Result(content, make_metadata(**metadata))


@pytest.fixture
def inputs():
    table = accuracy(in_both(7, "PS", 0.3))
    stimuli = {
        "condition": pa.array(CONDITIONS).dictionary_encode(),
        "subject_number": [NUMBER[name[0]] for name in CONDITIONS],
        "attractor_numbers": [[NUMBER[name[1]]] for name in CONDITIONS],
    }
    return {
        "long_range": made(found((11, "singular"))),
        "accuracy": made(pa.Table.from_pandas(table, preserve_index=False)),
        "stimuli": {task: made(pa.table(stimuli), stimuli_sha256=task) for task in TASKS},
        "syntax": made({"top": {"unit": 6}, "units": [{"unit": 6}]}, stimuli_sha256="t"),
    }


def test_the_list_says_how_it_was_made(inputs):
    options = {"named": [3], "syntax_unit": None, "n_arbitrary": 2, "seed": 5}
    found = shown_units(**inputs, layer_sizes=SIZES, **options)
    assert [(entry["unit"], entry["role"]) for entry in found.content["units"]][:4] == [
        *((11, "long-range"), (7, "nearest"), (3, "named"), (6, "syntax"))
    ]
    assert [entry["role"] for entry in found.content["units"]][4:] == ["arbitrary"] * 2
    config = {"tasks": TASKS, "units": [3], "syntax_unit": 6, "n_arbitrary": 2}
    expected = {"checkpoint_sha256": "c", "stimuli_sha256": "s", "seed": 5, "config": config}
    assert expected.items() <= found.metadata.items()


def test_the_top_syntax_unit_is_shown_unless_another_is_named(inputs):
    def syntax_units(named, syntax):
        options = {"named": [], "syntax_unit": named, "n_arbitrary": 0, "seed": 5}
        shown = shown_units(**{**inputs, "syntax": syntax}, layer_sizes=SIZES, **options)
        return [e["unit"] for e in shown.content["units"] if e["role"] == "syntax"]

    assert syntax_units(None, inputs["syntax"]) == [6]
    assert syntax_units(8, inputs["syntax"]) == [8]
    assert syntax_units(None, None) == []
    assert syntax_units(None, made({"top": None, "units": []})) == []
    with pytest.raises(UserError, match="another checkpoint"):
        syntax_units(None, made({"top": None}, checkpoint_sha256="d"))
