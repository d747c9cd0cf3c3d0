"""The benchmark of sets measures what it says, on the controls' tasks."""

import numpy as np
import pytest
import torch

from lstm_units.benchmarks.sets import CONTROL_TASKS, contests, describe, measure
from lstm_units.benchmarks.sweep import required_operations, shipped_items
from lstm_units.interventions.prefix_trie import build_trie
from lstm_units.interventions.sweep import Items
from lstm_units.interventions.trie_reader import SweepSize
from lstm_units.io.unit_numbers import layer_of_units


@pytest.fixture(scope="module")
def model(random_model):
    return random_model(layer_sizes=(12, 16), dtype=torch.float32)


@pytest.fixture(scope="module")
def items():
    rng = np.random.default_rng(0)
    prefixes = tuple(tuple(rng.integers(0, 8, 4).tolist()) for _ in range(50))
    return Items(prefixes, rng.integers(0, 4, 50), rng.integers(4, 8, 50))


def test_sets_are_compared_with_single_units_of_their_lowest_layer(model):
    layer = layer_of_units(model.layer_sizes)
    found = contests(model, 30, 7, seed=1)
    assert [(contest.name, contest.layer) for contest in found] == [
        ("all layers", 0), ("last layer", 1),
    ]  # fmt: skip
    for contest in found:
        assert len(contest.sets.sets) == len(contest.single.sets) == 30
        assert {len(units) for units in contest.sets.sets} == {7}
        assert len(set(contest.sets.sets)) > 25
        lowest = {min(layer[unit - 1] for unit in units) for units in contest.sets.sets}
        assert lowest == {contest.layer + 1}
        assert {layer[unit - 1] for (unit,) in contest.single.sets} == {contest.layer + 1}
    counts = {sum(layer[unit - 1] == 1 for unit in units) for units in found[0].sets.sets}
    assert len(counts) == 1 and 0 < counts.pop() < 7  # both layers, equally many in every set


def test_a_model_of_one_layer_has_sets_of_that_layer_only(random_model):
    (contest,) = contests(random_model(layer_sizes=(9,)), 5, 3, seed=0)
    assert (contest.name, contest.layer) == ("last layer", 0)


def test_times_shares_and_totals_belong_together(model, items):
    result = measure(
        model,
        {"some task": items},
        [1, 2, 3],
        n_sets=6,
        set_size=5,
        total=1000,
        rounds=2,
        size=SweepSize(),
        cube=64,
    )
    assert [(row["units"], row["layer"]) for row in result["rows"]] == [
        ("all layers", 1), ("last layer", 2),
    ]  # fmt: skip
    n_read = build_trie(items.prefixes).n_nodes + 3
    for row in result["rows"]:
        assert row["seconds_per_set"] > 0 and row["seconds_per_unit"] > 0
        assert row["seconds_total"] == pytest.approx(1000 * row["seconds_per_set"])
        required = required_operations(model.layer_sizes, row["layer"] - 1, n_read)
        rate = row["share_of_sgemm"] * result["sgemm"]
        assert rate == pytest.approx(required / row["seconds_per_set"])
        assert row["share_of_sgemm_single"] / row["share_of_sgemm"] == pytest.approx(
            row["seconds_per_set"] / row["seconds_per_unit"]
        )
    text = describe(result)
    assert "1,000 sets (scaled from 6)" in text and "some task:" in text
    assert "(all measured)" in describe({**result, "n_sets": 1000})


def test_the_tasks_are_those_of_the_controls(project, random_model):
    words = tuple(
        dict.fromkeys(
            word
            for path in sorted((project / "stimuli" / "english").glob("*.t*"))
            for word in path.read_text(encoding="utf-8").split()
        )
    )
    model = random_model(layer_sizes=(3,), words=(*dict.fromkeys(("<unk>", "<eos>", *words)),))
    groups, context = shipped_items(model.vocabulary, project, CONTROL_TASKS)
    assert {name: len(items) for name, items in groups.items()} == {
        "simple, adv, adv_adv": 2 * (300 + 900 + 900),
        "nounpp, nounpp_adv": 2 * 4 * 600,
    }
    assert len(context) > 20
