"""Planted long-range units are found, with their number; noise yields none."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.simulated_results import BASE, write_results

from lstm_units.analyses.long_range_units.conditions import (
    Condition,
    Criteria,
    describe_conditions,
    one_subject_number,
)
from lstm_units.analyses.long_range_units.confirmation import confirm_unit, effect_sizes
from lstm_units.analyses.long_range_units.discovery import (
    discover_long_range,
    long_range_units,
    write_no_units,
)
from lstm_units.errors import ConfigurationError, NotRun
from lstm_units.io.results import read_result
from lstm_units.statistics.agreement import count_right, intact_counts
from lstm_units.statistics.intact_items import IntactItems, lay_out_items, stimuli_of_items
from lstm_units.statistics.margins import Margins
from lstm_units.statistics.resampling import choose_groups, lexical_groups
from lstm_units.statistics.significance import mcnemar_exact, q_values

CRITERIA = Criteria(bootstrap_samples=400)
NOUN = {
    "nounpp": (["SS", "SP", "PS", "PP"], "noun"),
    "nounpp_adv": (["SS", "SP", "PS", "PP"], "noun"),
}


def discover(results, criteria=CRITERIA, *, margins=None, scores=None, units=None):
    return discover_long_range(
        margins or results.margins,
        scores or results.scores,
        results.items,
        results.layer_sizes,
        criteria,
        units=units or results.units,
    )


def conditions(evidence):
    return {(row["task"], row["condition"]): row for row in evidence["conditions"]}


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """Network of 50 units; 27 carries plural across attractors and everywhere, 41 singular."""
    return write_results(
        tmp_path_factory.mktemp("planted"),
        planted={
            27: ({"P", "PS", "PP"}, 3.0),
            41: ({"SP"}, 2.4),
            # Only one of the two tasks, and different numbers in the two: not long-range units.
            5: {"nounpp": ({"SP"}, 3.0)},
            6: {"nounpp": ({"SP"}, 3.0), "nounpp_adv": ({"PS"}, 3.0)},
        },
        seed=11,
    )


@pytest.fixture(scope="module")
def found(planted):
    return discover(planted)


def test_planted_units_are_found_with_layer_and_number_and_confirmed(found):
    assert [(u["unit"], u["layer"], u["subject_number"]) for u in found["units"]] == [
        (27, 2, "plural"),
        (41, 2, "singular"),
    ]
    assert all(unit["confirmed"] for unit in found["units"])
    assert not found["too_many"]
    assert "27 (layer 2, plural, confirmed)" in found["summary"]


def test_the_two_halves_share_no_item_and_make_up_all(found, planted):
    n = intact_counts(planted.scores, near_tie=0).set_index(["task", "condition"])["n"]
    for unit in found["units"]:
        one, other = conditions(unit["discovery"]), conditions(unit["confirmation"])
        assert {key: one[key]["n"] + other[key]["n"] for key in one} == n.to_dict()
        assert all(120 <= row["n"] <= 180 for row in one.values())


def test_evidence_of_the_confirmation_half_is_that_of_its_items(found, planted):
    """Full and ablated accuracy of both halves average to those of all items."""
    shards = [pq.read_table(path).to_pandas() for path in planted.shards]
    unit = found["units"][0]
    for task in ("nounpp", "nounpp_adv"):
        ablated = np.concatenate(
            [s.loc[(s["unit"] == 27) & (s["task"] == task), "margin"].to_numpy() for s in shards]
        )
        names = pq.read_table(planted.intact[task]).to_pandas()["condition"].to_numpy()
        for condition in ("SS", "SP", "PS", "PP"):
            one = conditions(unit["discovery"])[task, condition]
            other = conditions(unit["confirmation"])[task, condition]
            right = one["n"] * one["ablated"] + other["n"] * other["ablated"]
            assert right == pytest.approx((ablated[names == condition] > 0).sum(), abs=1e-2)
            assert other["drop"] == pytest.approx(other["full"] - other["ablated"], abs=1e-5)
            loss = other["drop"] / (other["full"] - 0.5)
            assert other["loss"] == pytest.approx(loss, abs=1e-4)
            assert other["drop_low"] <= other["drop"] <= other["drop_high"]
            assert other["resampled"] == "subject and verb lemmas"


def test_q_runs_over_all_units_and_conditions(found, planted):
    intact = lay_out_items(dict(sorted(planted.scores.items())))
    groups = lexical_groups(stimuli_of_items(planted.items, intact))
    half = choose_groups(groups, CRITERIA.discovery_fraction, CRITERIA.seed)
    counts = count_right(planted.margins, intact, planted.units, near_tie=0, use=half)
    q = q_values(mcnemar_exact(counts.lost, counts.gained))
    for unit in found["units"]:
        values = [row["q"] for row in unit["discovery"]["conditions"]]
        assert values == pytest.approx(q[unit["unit"] - 1], rel=1e-5)


def test_equal_input_gives_equal_bytes_whatever_the_order_of_the_tasks(found, planted):
    margins = replace(planted.margins, parts=planted.margins.parts[::-1])
    backwards = dict(reversed(planted.scores.items()))
    again = discover(planted, margins=margins, scores=backwards)
    assert json.dumps(again) == json.dumps(found)
    assert "NaN" not in json.dumps(found, allow_nan=False)


def test_another_seed_makes_other_halves_and_finds_the_same_units(found, planted):
    other = discover(planted, Criteria(bootstrap_samples=200, seed=7))
    assert [u["unit"] for u in other["units"]] == [27, 41]
    assert other["units"][0]["discovery"] != found["units"][0]["discovery"]


def test_a_unit_of_both_numbers_has_none(tmp_path):
    results = write_results(tmp_path, tasks=NOUN, planted={3: ({"SP", "PS"}, 3.0)})
    (unit,) = discover(results)["units"]
    assert unit["unit"] == 3
    assert unit["found_for"] == ["plural", "singular"]
    assert unit["subject_number"] is None
    assert "nounpp PS" in unit["subject_number_reason"]
    assert unit["confirmation"]["subject_number"] is None


def test_an_effect_in_the_discovery_half_alone_is_not_confirmed(planted):
    """Undo the planted effect of unit 41 in the items that discovery did not use."""
    intact = lay_out_items({task: planted.scores[task] for task in sorted(planted.scores)})
    groups = lexical_groups(stimuli_of_items(planted.items, intact))
    half = choose_groups(groups, 0.5, CRITERIA.seed)
    parts = []
    for path in planted.shards:
        table = pq.read_table(path)
        rows = zip(table["task"].to_pylist(), table["item"].to_pylist(), strict=True)
        place = np.array([intact.span(task).start + item for task, item in rows])
        undone = (table["unit"].to_numpy() == 41) & ~half[place]
        margin = np.where(undone, intact.margin[place], table["margin"].to_numpy())
        parts.append(table.set_column(3, "margin", pa.array(margin, pa.float32())))
    found = discover(planted, margins=Margins(tuple(parts)))
    assert {u["unit"]: u["confirmed"] for u in found["units"]} == {27: True, 41: False}
    assert found["units"][1]["confirmation"]["confirmed_for"] == []
    assert "41 (layer 2, singular, not confirmed)" in found["summary"]


@pytest.mark.parametrize(
    ("harm", "minimum_loss"),
    [
        # Half of the items trade places: the null hypothesis of McNemar's test. The criterion of
        # loss is all but off, so q alone must hold the units back.
        ({"noise": 0.0, "shuffled": 0.5, "base": dict.fromkeys(BASE, 1.0)}, 0.02),
        # Strong noise harms every unit's accuracy for real, but nothing about number.
        ({"noise": 2.0}, Criteria.minimum_loss),
    ],
)
def test_random_flips_yield_at_most_one_unit_in_twenty_networks(tmp_path, harm, minimum_loss):
    total, largest = 0, 0.0
    for seed in range(20):
        results = write_results(
            tmp_path / str(seed),
            tasks=NOUN,
            frames=100,
            layer_sizes=(30, 30),
            seed=seed,
            shard_size=60,
            **harm,
        )
        criteria = Criteria(bootstrap_samples=100, minimum_loss=minimum_loss)
        found = discover(results, criteria)
        total += len(found["units"])
        largest = max(largest, found["best_unit"]["loss"])
    assert total <= 1
    # The flips did reach the criterion of loss at least once where it was all but off.
    assert largest > 0.02


def test_without_units_the_summary_says_how_far_the_best_one_came(tmp_path):
    results = write_results(tmp_path, tasks=NOUN, planted={33: ({"PS"}, 1.0)})
    found = discover(results)
    assert found["units"] == []
    assert found["summary"].startswith("No long-range number unit among 50 units")
    assert found["best_unit"]["unit"] == 33
    assert found["best_unit"]["subject_number"] == "plural"
    assert 0 < found["best_unit"]["loss"] < CRITERIA.minimum_loss
    assert "Unit 33 (layer 2) comes closest" in found["summary"]


def test_conditions_near_chance_are_not_testable_and_find_nothing(tmp_path):
    results = write_results(
        tmp_path, tasks=NOUN, base={**BASE, "PS": 0.0}, planted={9: ({"PS"}, 3.0), 8: ({"SP"}, 3.0)}
    )
    found = discover(results)
    listed = {(row["task"], row["condition"]) for row in found["not_testable"]}
    assert listed == {("nounpp", "PS"), ("nounpp_adv", "PS")}
    assert all("is not above 0.55" in row["reason"] for row in found["not_testable"])
    assert [unit["unit"] for unit in found["units"]] == [8]
    assert found["n_tested"] == 50 * 6
    assert conditions(found["units"][0]["discovery"])["nounpp", "PS"]["q"] is None


def test_a_model_at_chance_everywhere_is_said_to_be_untestable(tmp_path):
    results = write_results(tmp_path, tasks=NOUN, frames=60, base=dict.fromkeys(BASE, 0.0))
    found = discover(results)
    assert found["units"] == []
    assert found["best_unit"] is None
    assert len(found["not_testable"]) == 8
    assert "no testable incongruent condition" in found["summary"]


def test_more_units_than_the_maximum_are_all_listed(tmp_path):
    results = write_results(
        tmp_path, tasks=NOUN, planted={unit: ({"SP"}, 3.0) for unit in (2, 4, 6, 8)}
    )
    found = discover(results)
    assert [unit["unit"] for unit in found["units"]] == [2, 4, 6, 8]
    assert found["too_many"]
    assert "not local" in found["summary"]


def test_without_lemmas_items_are_resampled_and_it_is_said(tmp_path):
    results = write_results(tmp_path, tasks=NOUN, planted={3: ({"SP"}, 3.0)}, with_lemmas=False)
    (unit,) = discover(results)["units"]
    assert unit["confirmed"]
    assert {row["resampled"] for row in unit["confirmation"]["conditions"]} == {"items"}


def test_a_part_of_the_units_can_be_searched(tmp_path):
    results = write_results(
        tmp_path, tasks=NOUN, planted={27: ({"PS"}, 3.0)}, units=range(21, 31), shard_size=10
    )
    found = discover(results, units=range(21, 31))
    assert ([u["unit"] for u in found["units"]], found["n_units"]) == ([27], 10)


def test_criteria_are_read_from_the_arguments_alone(planted):
    strict = discover(planted, Criteria(bootstrap_samples=100, minimum_loss=5.0))
    assert strict["units"] == []
    one_task = discover(planted, Criteria(bootstrap_samples=100, tasks=("nounpp",)))
    assert {unit["unit"] for unit in one_task["units"]} == {5, 6, 27, 41}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"tasks": ()}, "tasks is empty"),
        ({"discovery_fraction": 1.0}, "discovery_fraction is 1.0"),
        ({"minimum_intact": 0.2}, "minimum_intact is 0.2"),
        ({"bootstrap_samples": 5}, "bootstrap_samples is 5"),
    ],
)
def test_wrong_criteria_name_the_key(fields, message):
    with pytest.raises(ConfigurationError, match=message):
        Criteria(**fields)


def test_a_task_that_was_not_swept_is_named(planted):
    with pytest.raises(NotRun, match=r"'linzen', which is not among the tasks"):
        discover(planted, Criteria(tasks=("nounpp", "linzen")))


def test_a_task_without_attractors_is_named(planted):
    with pytest.raises(NotRun, match=r"'simple', but none of its conditions is incong"):
        discover(planted, Criteria(tasks=("simple",)))


def test_a_list_that_is_not_searched_says_why_and_has_all_that_others_read(found, tmp_path):
    with pytest.raises(NotRun, match="not asked for"):
        long_range_units(None, {}, {}, (), CRITERIA, units=(), why_not="not asked for")
    path = tmp_path / "long_range.json"
    write_no_units({"not_run": "not asked for"}, [path], criteria=CRITERIA, units=[1, 2])
    content = read_result(path).content
    assert set(content) == {*found, "not_run"}
    assert content["units"] == [] and content["not_run"] == "not asked for"
    assert content["summary"].endswith("not run, because not asked for.")


def test_conditions_without_a_known_number_leave_the_subject_number_as_it_is():
    known = [
        Condition("nounpp", "PS", "plural", True, None),
        Condition("nounpp_adv", "PS", "plural", True, None),
    ]
    unknown = Condition("linzen", "1", None, False, None)
    assert one_subject_number([*known, unknown], 0.1) == ("plural", None)
    other = Condition("nounpp", "SP", "singular", True, None)
    assert one_subject_number([*known, other], 0.1)[0] is None
    number, reason = one_subject_number([unknown], 0.1)
    assert number is None
    assert "known subject number" in reason


def test_effect_sizes_by_hand():
    drop, relative, loss = effect_sizes([10, 10], [8, 5], [5, 5])
    np.testing.assert_allclose(drop, [0.3, 0])
    np.testing.assert_allclose(relative, [0.375, 0])
    np.testing.assert_allclose(loss, [1, np.nan])


def singular_items(margin):
    """Items of one incongruent condition as the intact network answers them."""
    n = len(margin)
    cell = np.zeros(n, dtype=int)
    return IntactItems(
        ("nounpp",), np.array([0, n]), np.arange(n), margin, cell, (("nounpp", "SP"),)
    )


@pytest.mark.parametrize(("wrong", "confirmed"), [(30, False), (40, True)])
def test_a_unit_is_confirmed_by_its_loss_not_by_any_drop(wrong, confirmed):
    number = np.arange(100)
    margin = np.where(number * 7 % 100 < wrong, 0.0, 1.0)  # a tie is wrong
    lemmas = [np.array([f"word {n}" for n in which], object) for which in divmod(number, 10)]
    result = confirm_unit(
        margin,
        singular_items(np.ones(100)),
        np.ones(100, dtype=bool),
        lemmas,
        [Condition("nounpp", "SP", "singular", True, None)],
        ["singular"],
        Criteria(tasks=("nounpp",), bootstrap_samples=200),
    )
    (row,) = result["confirmation"]["conditions"]
    assert row["drop_low"] > 0
    assert row["loss"] == pytest.approx(wrong / 50)
    assert result["confirmed"] is confirmed


@pytest.mark.parametrize(("right", "low"), [(13, "0.433"), (19, None)])
def test_the_lower_bound_of_the_intact_accuracy_decides_what_is_testable(right, low):
    numbers = {"subject_number": ["singular"] * 20, "attractor_numbers": [["plural"]] * 20}
    (cell,) = describe_conditions(
        singular_items(np.where(np.arange(20) < right, 1.0, -1.0)),
        {"nounpp": pd.DataFrame(numbers)},
        np.arange(20) % 2 == 0,
        Criteria(tasks=("nounpp",)),
    )
    assert cell.incongruent
    assert (low is None) == (cell.problem is None)
    assert low is None or f"lower bound of the intact accuracy, {low}" in cell.problem
