"""Claim C8, gates of long-range units: planted networks with and without such gates.

The builders here serve the tests of the claims on efferent weights and decoding too.
"""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.made_files import write_activations, write_generated
from support.number_network import (
    LONG_RANGE,
    LOWER,
    SHORT_RANGE,
    flip_sign,
    number_network,
    save_checkpoint,
)
from support.planted_results import CONTEXT, ENGLISH, planted_audit

from lstm_units.activations.reader import open_activations
from lstm_units.claims.evidence import measure, verdict_of
from lstm_units.claims.gates import _cohens_d, gates_as_theory
from lstm_units.claims.units import NONE_CONFIRMED, NONE_FOUND
from lstm_units.interventions.model_inputs import Compute, Context
from lstm_units.io.files import INDEX, make_metadata, read_metadata, write_json
from lstm_units.io.result_files import ResultFiles
from lstm_units.io.verdict import FAILS, HOLDS, NOT_TESTABLE, with_interval
from lstm_units.models.language_model import LanguageModel, Layer
from lstm_units.statistics.resampling import bootstrap_sums

GATES = ("input_gate", "forget_gate", "candidate", "output_gate")
VARIABLES = ("hidden", "cell", "input_gate", "forget_gate")
FLIPPED = (*LONG_RANGE, SHORT_RANGE, 3, 9)


def planted() -> LanguageModel:
    return number_network(ENGLISH, CONTEXT)


def flipped() -> LanguageModel:
    model = planted()
    for unit in FLIPPED:
        model = flip_sign(model, unit)
    return model


def change_gate(model, units, gate, bias=None, reads="", weight=0.0) -> LanguageModel:
    """Set a gate's bias, or the weight with which it reads kinds of lower units; in layer 2."""
    upper = model.layers[1]
    layer = Layer(upper.weight_ih.clone(), upper.weight_hh.clone(), upper.bias.clone())
    for unit in units:
        row = GATES.index(gate) * layer.size + unit - len(LOWER) - 1
        if bias is not None:
            layer.bias[row] = bias
        if reads:
            places = [place for place, name in enumerate(LOWER) if name.startswith(reads)]
            layer.weight_ih[row, places] = weight
    return replace(model, layers=(model.layers[0], layer))


def leaking() -> LanguageModel:
    """Long-range units that forget at every noun, and take in a little of anything else."""
    model = change_gate(planted(), LONG_RANGE, "forget_gate", reads="noun", weight=-40.0)
    model = change_gate(model, LONG_RANGE, "input_gate", bias=-4.0)
    return change_gate(model, LONG_RANGE, "candidate", reads="noise", weight=3.0)


def write_long_range(folder: Path, units, checkpoint_sha256=None) -> None:
    """List units, such as {13: "singular"}, as the discovery does; layers as in the network."""
    entries = [
        {"unit": unit, "layer": 1 if unit <= len(LOWER) else 2, "subject_number": number}
        for unit, number in units.items()
    ]
    metadata = make_metadata(kind="long-range units", checkpoint_sha256=checkpoint_sha256)
    write_json({"units": entries}, folder / "units" / "long_range.json", metadata)


def dumped_results(
    folder: Path,
    model: LanguageModel,
    *,
    task="nounpp",
    n_items=100,
    variables=VARIABLES,
    layers="all",
) -> ResultFiles:
    """Checkpoint, items and activations of a network whose long-range units are known."""
    checkpoint = save_checkpoint(model, folder)
    stimuli, dump = folder / "stimuli" / f"{task}.parquet", folder / "activations" / task
    write_generated(ENGLISH, task, n_items, True, 7, stimuli)
    compute = Compute(device="cpu", memory=0.2)
    context = Context(str(CONTEXT))
    write_activations(checkpoint, stimuli, context, compute, variables, layers, "float32", dump)
    write_long_range(folder, LONG_RANGE, read_metadata(dump / INDEX)["checkpoint_sha256"])
    return ResultFiles(folder)


def values_of(verdict) -> dict[str, tuple]:
    return {m.name: (m.value, m.low, m.high, m.met) for m in verdict.measures}


def assert_same_but_for_rounding(one, other):
    """Verdict, names and what is met are equal; values agree."""
    assert (one.verdict, one.criterion, one.data) == (other.verdict, other.criterion, other.data)
    left, right = values_of(one), values_of(other)
    assert list(left) == list(right)
    for name, (*numbers, met) in left.items():
        assert right[name][-1] == met
        ours, theirs = (np.array(x, dtype=float) for x in (numbers, right[name][:-1]))
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6, err_msg=name)


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> ResultFiles:
    return dumped_results(tmp_path_factory.mktemp("gates"), planted())


def failing(verdict) -> set[str]:
    return {m.name for m in verdict.measures if m.met is False}


def test_planted_gates_hold_and_their_values_are_the_planted_ones(results):
    verdict = gates_as_theory(results, planted_audit())
    assert verdict.verdict == HOLDS and verdict.reason is None
    found = values_of(verdict)
    notes = {m.name: m.note for m in verdict.measures}
    for unit in LONG_RANGE:
        # The input gate is sigmoid(24.8) at the subject and sigmoid(-15.2) later.
        name = f"unit {unit}, input gate at the subject / later"
        assert found[name][0] > 1e6
        # For subjects of the other number it is shut there too.
        assert notes[name].startswith("1 at the subject")
        assert found[f"unit {unit}, forget gate"][0] == pytest.approx(1, abs=1e-6)
    assert len(verdict.measures) == 2 * (2 + 5)  # positions 1 to 5
    assert all(m.met for m in verdict.measures)
    for part in ("unit 13 (singular)", "unit 15 (plural)"):
        assert part in verdict.measured


@pytest.mark.parametrize(
    ("gate", "changes", "failed"),
    [
        ("input_gate", {"bias": 0.0}, "input gate at the subject / later"),
        ("forget_gate", {"bias": 0.5}, "forget gate"),
    ],
)
def test_a_gate_that_is_not_as_the_theory_says_fails(tmp_path, gate, changes, failed):
    model = change_gate(planted(), LONG_RANGE, gate, **changes)
    verdict = gates_as_theory(dumped_results(tmp_path, model), planted_audit())
    assert verdict.verdict == FAILS
    for unit in LONG_RANGE:
        assert f"unit {unit}, {failed}" in failing(verdict)
        assert f"unit {unit}, {failed}" in verdict.reason


def test_a_cell_that_loses_the_subject_at_the_attractor_fails_there(tmp_path):
    verdict = gates_as_theory(dumped_results(tmp_path, leaking()), planted_audit())
    assert verdict.verdict == FAILS
    for unit in LONG_RANGE:
        name = f"unit {unit}, d of the cell at position"
        assert {f"{name} 4 (attractor)", f"{name} 5 (verb)"} <= failing(verdict)
        assert not {f"{name} 1 (subject)", f"{name} 2", f"{name} 3"} & failing(verdict)
        # It is open at position 3 and shut at the attractor; what is before does not count.
        assert values_of(verdict)[f"unit {unit}, forget gate"][0] == pytest.approx(0.5, abs=1e-3)


def test_a_unit_that_follows_the_last_noun_has_a_difference_of_the_other_sign(copied):
    write_long_range(copied.folder, {SHORT_RANGE: "singular"})
    verdict = gates_as_theory(copied, planted_audit())
    found = values_of(verdict)
    name = f"unit {SHORT_RANGE}, d of the cell at position"
    assert found[f"{name} 1 (subject)"][-1] is True
    # The attractors are of both numbers alike: the subject is lost, not turned around.
    assert found[f"{name} 4 (attractor)"][0] == pytest.approx(0, abs=0.2)
    assert verdict.verdict == FAILS
    # Its input gate opens at the attractor as at the subject.
    assert f"unit {SHORT_RANGE}, input gate at the subject / later" in failing(verdict)


def test_the_sign_of_a_unit_changes_no_verdict_and_no_value(results, tmp_path):
    other = dumped_results(tmp_path, flipped())
    cells = [
        open_activations(x.path("activations/nounpp")).read("cell", units=list(LONG_RANGE))
        for x in (results, other)
    ]
    np.testing.assert_allclose(cells[0], -cells[1], atol=1e-6)
    audit = planted_audit()
    assert_same_but_for_rounding(gates_as_theory(results, audit), gates_as_theory(other, audit))


def test_without_a_long_range_unit_it_is_not_testable(copied):
    write_long_range(copied.folder, {})
    verdict = gates_as_theory(copied, planted_audit())
    assert (verdict.verdict, verdict.reason) == (NOT_TESTABLE, NONE_FOUND)


def test_only_confirmed_units_are_judged(copied):
    audit = planted_audit(forget_gate=1.0)  # which no unit meets
    path = copied.folder / "units" / "long_range.json"
    listed = json.loads(path.read_text())
    listed["units"][0]["confirmed"], listed["units"][1]["confirmed"] = True, False
    write_json(listed, path)
    verdict = gates_as_theory(copied, audit)
    one, other = (entry["unit"] for entry in listed["units"])
    assert failing(verdict) == {f"unit {one}, forget gate"}
    doubtful = [m for m in verdict.measures if m.name.startswith(f"unit {other}")]
    assert len(doubtful) == 2 + 5
    assert all(m.value is not None and m.expected is None for m in doubtful)
    assert all(m.note.startswith("not confirmed on the other half") for m in doubtful)
    assert f"unit {other} (plural, not confirmed): " in verdict.measured
    listed["units"][0]["confirmed"] = False
    write_json(listed, path)
    verdict = gates_as_theory(copied, audit)
    assert (verdict.verdict, verdict.reason) == (NOT_TESTABLE, NONE_CONFIRMED)


def test_a_difference_without_spread_is_infinite_and_a_file_says_so_in_words():
    found = measure("d", np.inf, (np.nan, np.nan), ">= 1", lambda d: d >= 1, "over all items")
    assert found.met and with_interval(found.value, found.low, found.high) == "infinite"
    assert found.note == "infinite: no spread within the groups; over all items"
    verdict = verdict_of("C8", "", [replace(found, met=False)], "", ())
    assert verdict.reason == "d infinite (expected >= 1)"
    assert verdict.to_json()["measures"][0]["value"] is None
    none = measure("d", np.nan, (np.nan, np.nan), ">= 1", lambda d: d >= 1)
    assert none.value is None and none.met is None


def test_what_was_not_dumped_is_named_and_the_rest_is_tested(tmp_path):
    audit = planted_audit()
    no_gate = dumped_results(tmp_path / "variables", planted(), variables=["cell", "forget_gate"])
    verdict = gates_as_theory(no_gate, audit)
    assert verdict.verdict == NOT_TESTABLE
    assert "input_gate was not dumped (`activations.variables`)" in verdict.reason
    assert "unit 13, forget gate" in verdict.reason.split("Met: ")[1]
    no_layer = dumped_results(tmp_path / "layers", planted(), layers=[1])
    verdict = gates_as_theory(no_layer, audit)
    assert verdict.verdict == NOT_TESTABLE
    assert "layer 2 was not dumped (`activations.layers`)" in verdict.reason
    assert all(m.value is None for m in verdict.measures)
    shutil.rmtree(no_layer.folder / "activations")
    assert "(`activations.tasks`)" in gates_as_theory(no_layer, audit).reason
    assert (
        "(`dynamics.tasks`)" in gates_as_theory(no_layer, replace(audit, dynamics_task=None)).reason
    )


def test_a_task_without_words_between_leaves_the_gates_untested(tmp_path):
    """Simple has no attractor either: the interval is over subject and verb lemmas."""
    results = dumped_results(tmp_path, planted(), task="simple")
    verdict = gates_as_theory(results, replace(planted_audit(), dynamics_task="simple"))
    assert verdict.verdict == NOT_TESTABLE
    assert "only one word stands between subject and verb, or none" in verdict.reason
    cells = [m for m in verdict.measures if "cell" in m.name]
    assert len(cells) == 2 * 2 and all(m.met for m in cells)
    assert all("subject and verb lemmas" in m.note for m in cells)


def test_a_unit_of_both_numbers_has_no_gates_to_test(copied):
    write_long_range(copied.folder, {13: None})
    verdict = gates_as_theory(copied, planted_audit())
    assert verdict.verdict == NOT_TESTABLE
    assert "serves no single number" in verdict.reason
    assert len([m for m in verdict.measures if m.met]) == 5


def test_cohens_d_and_its_draws_are_those_of_repeated_items():
    rng = np.random.default_rng(1)
    first = rng.random(60) < 0.4
    values = rng.normal(5, 1, (60, 3)) + 2 * first[:, None]
    subject, verb = rng.choice(list("abcdef"), (2, 60)).astype(object)

    def draw(columns):
        seen.append(bootstrap_sums(columns, subject, verb, 4, np.random.default_rng(2)).sums)
        return seen[-1]

    def plain(rows):
        one, two = values[rows][first[rows]], values[rows][~first[rows]]
        pooled = (len(one) - 1) * one.var(0, ddof=1) + (len(two) - 1) * two.var(0, ddof=1)
        return (one.mean(0) - two.mean(0)) / np.sqrt(pooled / (len(rows) - 2))

    seen = []
    d, draws = _cohens_d(values, first, draw)
    np.testing.assert_allclose(d, plain(np.arange(60)), rtol=1e-10)
    # How often each item was drawn, from sums of one indicator per item.
    times = bootstrap_sums(np.eye(60), subject, verb, 4, np.random.default_rng(2)).sums.astype(int)
    for place in range(4):
        rows = np.repeat(np.arange(60), times[place])
        np.testing.assert_allclose(draws[place], plain(rows), rtol=1e-10)


def test_groups_without_spread_are_infinitely_far_apart_or_equal():
    first = np.array([True, True, False, False])
    values = np.array([[1.0, 2.0], [1.0, 2.0], [0.0, 2.0], [0.0, 2.0]])
    d, _ = _cohens_d(values, first, lambda columns: columns.sum(axis=0, keepdims=True))
    assert d.tolist() == [np.inf, 0.0]
