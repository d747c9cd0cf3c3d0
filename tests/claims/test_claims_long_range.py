"""Claims on single units, on planted networks that meet them and such that do not."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from support.number_network import LAYER_SIZES, LONG_RANGE, SHORT_RANGE, number_network
from support.planted_results import (
    CONTEXT,
    CRITERIA,
    ENGLISH,
    PLURAL,
    SINGULAR,
    STATISTICS,
    measure,
    planted_audit,
    planted_results,
    reread,
)
from support.simulated_results import write_results

from lstm_units.analyses.long_range_units.discovery import long_range_units
from lstm_units.claims.ablation import (
    in_the_last_layer,
    short_is_distributed,
)
from lstm_units.claims.long_range import number_is_local, serves_one_number
from lstm_units.io.files import read_metadata, write_json, write_parquet
from lstm_units.io.result_files import ResultFiles
from lstm_units.io.results import write_result
from lstm_units.io.verdict import FAILS, HOLDS, NOT_TESTABLE
from lstm_units.models.language_model import LanguageModel, Layer
from lstm_units.models.variables import GATES
from lstm_units.statistics.agreement import unit_accuracy

SPARE = (14, 19, 20)  # random units of the last layer, which others can take the place of


def copied(model: LanguageModel, source: int, targets: tuple[int, ...]) -> LanguageModel:
    """Make units of the last layer work as another one does; none of them is read by this layer."""
    upper, first = model.layers[-1], LAYER_SIZES[0] + 1
    layer = Layer(upper.weight_ih.clone(), upper.weight_hh.clone(), upper.bias.clone())
    decoder = model.decoder_weight.clone()
    for target in targets:
        for gate in range(len(GATES)):
            rows = [gate * upper.size + unit - first for unit in (source, target)]
            for part in (layer.weight_ih, layer.weight_hh, layer.bias):
                part[rows[1]] = part[rows[0]]
        decoder[:, target - first] = decoder[:, source - first]
    layer.weight_hh[:, [unit - first for unit in (source, *targets)]] = 0
    return replace(model, layers=(*model.layers[:-1], layer), decoder_weight=decoder)


def both_numbers(model: LanguageModel) -> LanguageModel:
    """One unit stores singular and plural subjects, with opposite signs."""
    upper = model.layers[-1]
    layer = Layer(upper.weight_ih.clone(), upper.weight_hh.clone(), upper.bias.clone())
    own, other = (unit - LAYER_SIZES[0] - 1 for unit in (SINGULAR, PLURAL))
    candidate = GATES.index("candidate") * layer.size + own
    inputs = layer.weight_ih[[own, other]]  # the input gate stands first
    layer.weight_ih[own] = inputs.sum(dim=0)
    layer.weight_ih[candidate] = (inputs[0] - inputs[1]) / 8
    layer.bias[candidate] = 0
    return reread(replace(model, layers=(*model.layers[:-1], layer)), {PLURAL: 0})


def in_the_first_layer(model: LanguageModel) -> tuple[LanguageModel, int]:
    """Store a singular subject in a unit of layer 1, which the singular unit only passes on."""
    keeper = LAYER_SIZES[0] - 1  # the last but one, a random unit
    lower, upper = (
        Layer(layer.weight_ih.clone(), layer.weight_hh.clone(), layer.bias.clone())
        for layer in model.layers
    )

    def plant(layer, unit, **biases):
        for gate, bias in biases.items():
            row = GATES.index(gate) * layer.size + unit
            layer.weight_ih[row] = layer.weight_hh[row] = 0
            layer.bias[row] = bias

    own = keeper - 1
    plant(lower, own, input_gate=-15.2, forget_gate=15.2, candidate=5, output_gate=20)
    lower.weight_hh[own, [2, 3]] = 40  # the units that notice a singular noun after "The"
    lower.weight_ih[GATES.index("forget_gate") * lower.size + own, 0] = -40
    passing = SINGULAR - LAYER_SIZES[0] - 1
    plant(upper, passing, input_gate=20, forget_gate=-20, candidate=0, output_gate=20)
    upper.weight_ih[GATES.index("candidate") * upper.size + passing, own] = 5
    return replace(model, layers=(lower, upper)), keeper


@pytest.fixture(scope="module")
def network():
    return number_network(ENGLISH, CONTEXT)


@pytest.fixture(scope="module")
def results(tmp_path_factory, network):
    """Results of several networks."""
    quarter = {unit: 0.3 * sign for unit, sign in ((SINGULAR, 1), *((u, 1) for u in SPARE))}
    models = {
        "network": network,
        "redundant": copied(copied(network, SINGULAR, SPARE[:1]), PLURAL, SPARE[1:2]),
        # Four units of .3 against a short-range unit of 1: each one is needed.
        "many": reread(copied(network, SINGULAR, SPARE), quarter),
        "both": both_numbers(network),
        "first layer": in_the_first_layer(network)[0],
        "short only": reread(network, {SINGULAR: 0, PLURAL: 0}),
    }
    folder = tmp_path_factory.mktemp("units")
    return {name: planted_results(folder / name, model) for name, model in models.items()}


def changed(files: ResultFiles, folder: Path, **edits) -> ResultFiles:
    """Copy results, with the table of a mode or the list of units edited; None removes it."""
    shutil.copytree(files.folder, folder, ignore=shutil.ignore_patterns("context", "source"))
    for name, edit in edits.items():
        if name == "long_range":
            path = folder / "units" / "long_range.json"
            found = json.loads(path.read_text())
            edit(found)
            write_json(found, path)
            continue
        path = folder / "ablation" / name / "accuracy.parquet"
        if edit is None:
            path.unlink()
            continue
        table, metadata = edit(pd.read_parquet(path)), read_metadata(path)
        for count, share in (("right", "accuracy"), ("full_right", "full_accuracy")):
            table[count] = (table[share] * table["n"]).round().astype("int32")
        write_parquet(pa.Table.from_pandas(table, preserve_index=False), path, metadata)
    return ResultFiles(folder)


def test_two_planted_units_are_local_number(results):
    verdict = number_is_local(results["network"], planted_audit())
    assert verdict.verdict == HOLDS
    assert f"unit {SINGULAR} (singular): loss 2.000" in verdict.measured
    assert f"unit {PLURAL} (plural): loss 2.000" in verdict.measured
    assert measure(verdict, f"unit {SINGULAR}, nounPP SP: loss").value == 2
    assert measure(verdict, f"unit {SINGULAR}, nounPPAdv PS: loss").value == 0
    assert measure(verdict, "units found").value == 2


def test_number_that_two_units_hold_alike_is_not_local(results):
    verdict = number_is_local(results["redundant"], planted_audit())
    assert verdict.verdict == FAILS
    assert verdict.reason.startswith("no unit meets the criterion; unit ")
    assert verdict.measured.startswith("no unit; the closest, ")
    assert measure(verdict, "units found").met is False


def test_more_units_than_the_maximum_are_not_local(results):
    verdict = number_is_local(results["many"], planted_audit())
    assert verdict.verdict == FAILS
    assert verdict.reason.startswith("5 units were found")
    assert measure(verdict, "units found").met is False


def test_without_number_over_attractors_nothing_can_be_local(results):
    files = results["short only"]
    verdict = number_is_local(files, planted_audit())
    assert verdict.verdict == NOT_TESTABLE
    assert "accuracy of nounPP SP, nounPP PS, nounPPAdv SP and nounPPAdv PS is too low" in (
        verdict.reason
    )
    for claim in (serves_one_number, in_the_last_layer):
        assert "no long-range unit was found" in claim(files, planted_audit()).reason


def test_a_unit_that_the_other_half_does_not_confirm_does_not_count(results, tmp_path):
    def doubt(found, units):
        for entry in found["units"]:
            entry["confirmed"] = entry["unit"] not in units

    one = changed(
        results["network"], tmp_path / "one", long_range=lambda found: doubt(found, [SINGULAR])
    )
    verdict = number_is_local(one, planted_audit())
    assert verdict.verdict == HOLDS
    assert f"unit {SINGULAR} (singular, not confirmed)" in verdict.measured
    none = changed(
        results["network"], tmp_path / "none", long_range=lambda found: doubt(found, LONG_RANGE)
    )
    verdict = number_is_local(none, planted_audit())
    assert verdict.verdict == FAILS
    assert f"units {SINGULAR} and {PLURAL} not confirmed on the other half" in verdict.reason


def test_other_claims_judge_the_confirmed_units_only(results, network, tmp_path):
    """A unit of layer 1, or one that serves both numbers, speaks against a claim if confirmed."""

    def doubt(found, *units):
        for entry in found["units"]:
            entry["confirmed"] = entry["unit"] not in units

    keeper = in_the_first_layer(network)[1]
    for name, claim, unit in (
        ("first layer", in_the_last_layer, keeper),
        ("both", serves_one_number, SINGULAR),
    ):
        files = results[name]
        assert claim(files, planted_audit()).verdict == FAILS
        others = [entry["unit"] for entry in files.json("units/long_range.json")["units"]]
        others.remove(unit)
        one = changed(files, tmp_path / name, long_range=lambda found, u=unit: doubt(found, u))
        verdict = claim(one, planted_audit())
        assert verdict.verdict == (HOLDS if others else NOT_TESTABLE)
        assert f"unit {unit}" in verdict.measured and "not confirmed" in verdict.measured
        own = [m for m in verdict.measures if m.name.startswith(f"unit {unit}")]
        assert own and all(m.met is None and m.expected is None for m in own)
        none = changed(
            files,
            tmp_path / f"{name}, none",
            long_range=lambda found, u=(unit, *others): doubt(found, *u),
        )
        verdict = claim(none, planted_audit())
        assert verdict.verdict == NOT_TESTABLE
        assert "no long-range unit was confirmed" in verdict.reason


def test_units_that_were_not_ablated_leave_the_claim_open(results, tmp_path):
    files = changed(
        results["network"], tmp_path / "some", long_range=lambda found: found.update(n_units=15)
    )
    verdict = number_is_local(files, planted_audit())
    assert verdict.verdict == NOT_TESTABLE
    assert (
        "only 15 of 20 units were ablated (`ablation.layers`, `ablation.units`)" in verdict.reason
    )
    assert f"Met: units {SINGULAR} and {PLURAL} found" in verdict.reason
    short = changed(
        results["network"], tmp_path / "short", zero=lambda table: table[table["unit"] <= 15]
    )
    verdict = short_is_distributed(short, planted_audit())
    assert verdict.verdict == NOT_TESTABLE
    assert "only 15 of 20 units" in verdict.reason.lower()


def test_other_tasks_than_those_of_the_claims_are_noticed(results):
    files = results["network"]
    other = planted_audit({"simple": "simple", "nounpp": "nounpp", "nounpp_adv": "my_task"})
    verdict = number_is_local(files, other)
    assert verdict.verdict == NOT_TESTABLE
    assert "nounPP and nounPPAdv (`discovery.tasks`)" in verdict.reason


def test_a_unit_serves_one_number_or_both(results):
    verdict = serves_one_number(results["network"], planted_audit())
    assert verdict.verdict == HOLDS
    assert f"unit {SINGULAR}: singular (" in verdict.measured
    assert f"unit {PLURAL}: plural (" in verdict.measured
    assert measure(verdict, f"unit {SINGULAR}, nounPP SP: relative drop").value == 1
    both = serves_one_number(results["both"], planted_audit())
    assert both.verdict == FAILS
    assert "singular (" in both.reason and "plural (" in both.reason
    assert number_is_local(results["both"], planted_audit()).verdict == HOLDS


def test_conditions_at_chance_do_not_speak_for_a_number(results, tmp_path):
    """Were it not at chance, a plural condition would speak against the singular unit."""

    def harm(table, full):
        here = (table["task"] == "adv") & (table["condition"] == "P")
        table.loc[here, "full_accuracy"] = full
        here &= table["unit"] == SINGULAR
        table.loc[here, ["accuracy", "relative_drop", "q"]] = 0.2, 1 - 0.2 / full, 1e-6
        return table

    name = f"unit {SINGULAR}, Adv P: relative drop"
    chance = changed(results["network"], tmp_path / "a", zero=lambda table: harm(table, 0.6))
    verdict = serves_one_number(chance, planted_audit())
    assert verdict.verdict == HOLDS
    assert measure(verdict, name).note.startswith("takes no part: intact accuracy of Adv P too low")
    testable = changed(results["network"], tmp_path / "b", zero=lambda table: harm(table, 0.9))
    assert serves_one_number(testable, planted_audit()).verdict == FAILS

    # Items that do not say their subject's number speak for none.
    unknown = changed(testable, tmp_path / "c")
    path = unknown.folder / "stimuli" / "adv.parquet"
    stimuli = pd.read_parquet(path).assign(subject_number=None)
    write_parquet(pa.Table.from_pandas(stimuli), path, read_metadata(path))
    assert serves_one_number(unknown, planted_audit()).verdict == HOLDS


def test_long_range_units_are_in_the_last_layer_or_before(results, network):
    verdict = in_the_last_layer(results["network"], planted_audit())
    assert verdict.verdict == HOLDS
    assert f"unit {SINGULAR} is in layer 2 of 2" in verdict.measured
    assert "largest loss of an earlier layer under `legacy`: 0.000" in verdict.measured
    keeper = in_the_first_layer(network)[1]
    found = in_the_last_layer(results["first layer"], planted_audit())
    assert found.verdict == FAILS
    assert found.reason.startswith(f"unit {keeper} is in layer 1 of 2")


def test_a_unit_of_an_earlier_layer_under_legacy_speaks_against_the_last(results, tmp_path):
    def harm(table, conditions, tasks=("nounpp", "nounpp_adv"), q=1e-6, unit=7):
        here = table["task"].isin(tasks) & table["condition"].isin(conditions)
        here &= table["unit"] == unit
        table.loc[here, ["accuracy", "relative_drop", "q"]] = 0.4, 0.6, q
        return table

    cases = {
        "both tasks": (dict(conditions=["PS"]), FAILS),
        "one task": (dict(conditions=["PS"], tasks=["nounpp"]), HOLDS),
        "no attractor of the other number": (dict(conditions=["SS", "PP"]), HOLDS),
        "chance": (dict(conditions=["PS"], q=0.5), HOLDS),
    }
    for name, (case, expected) in cases.items():
        files = changed(
            results["network"], tmp_path / name, legacy=lambda table, case=case: harm(table, **case)
        )
        verdict = in_the_last_layer(files, planted_audit())
        assert verdict.verdict == expected, name
    files = changed(
        results["network"], tmp_path / "named", legacy=lambda table: harm(table, ["PS"])
    )
    verdict = in_the_last_layer(files, planted_audit())
    assert verdict.reason.startswith("under `legacy`, of earlier layers too: 7")
    assert "unit 7" in verdict.measured


def test_the_last_layer_needs_legacy_and_a_second_layer(results, tmp_path):
    files = changed(results["network"], tmp_path / "a", legacy=None)
    verdict = in_the_last_layer(files, planted_audit())
    assert verdict.verdict == NOT_TESTABLE
    assert "mode legacy was not run (`ablation.modes`)" in verdict.reason
    assert f"Met: unit {SINGULAR} is in layer 2 of 2" in verdict.reason
    path = files.folder / "checkpoint" / "model.json"
    write_json({**json.loads(path.read_text()), "layer_sizes": [20]}, path)
    assert "one layer" in in_the_last_layer(files, planted_audit()).reason
    fewer = changed(
        results["network"], tmp_path / "b", legacy=lambda table: table[table["unit"] <= 5]
    )
    verdict = in_the_last_layer(fewer, planted_audit())
    assert verdict.verdict == NOT_TESTABLE
    assert "7 units of earlier layers were not ablated under `legacy`" in verdict.reason


def test_short_tasks_that_several_units_carry_and_such_that_hang_on_one(results):
    verdict = short_is_distributed(results["network"], planted_audit())
    assert verdict.verdict == HOLDS
    assert "largest relative drop 0.0" in verdict.measured
    one = short_is_distributed(results["short only"], planted_audit())
    assert one.verdict == FAILS
    assert f"(unit {SHORT_RANGE}, " in one.measured
    failing = [text for text in one.reason.split("; ") if f"{SHORT_RANGE}" in text]
    assert len(failing) == 6


def test_a_short_task_at_chance_or_not_swept_leaves_the_claim_open(results, tmp_path):
    def weaken(table):
        table.loc[table["task"] == "adv", "full_accuracy"] = 0.6
        return table[table["task"] != "simple"]

    files = changed(results["network"], tmp_path / "a", zero=weaken)
    verdict = short_is_distributed(files, planted_audit())
    assert verdict.verdict == NOT_TESTABLE
    assert "no unit was ablated on Simple" in verdict.reason.replace("No", "no")
    assert "ntact accuracy of Adv S too low" in verdict.reason
    assert "Met: 2Adv S; 2Adv P" in verdict.reason


def test_noise_hides_neither_the_units_nor_their_layer(tmp_path):
    """Answers with errors, 50 units: 27 for plural and 41 for singular subjects in layer 2."""
    planted = {27: ({"PS"}, 3.0), 41: ({"SP"}, 2.4)}
    simulated = write_results(tmp_path, planted=planted, seed=11, frames=200)
    folder = tmp_path / "model"
    sizes = simulated.layer_sizes
    write_json({"layer_sizes": list(sizes)}, folder / "checkpoint" / "model.json", {})
    margins, scores = simulated.margins, simulated.scores
    table = unit_accuracy(margins, scores, sizes, units=simulated.units, **STATISTICS)
    write_result(table, folder / "ablation" / "zero" / "accuracy.parquet")
    found = long_range_units(
        margins, scores, simulated.items, sizes, CRITERIA, units=simulated.units
    )
    write_result(found, folder / "units" / "long_range.json")
    (tmp_path / "stimuli").rename(folder / "stimuli")
    files = ResultFiles(folder)
    tasks = {task: task for task in simulated.intact}
    local = number_is_local(files, planted_audit(tasks))
    assert local.verdict == HOLDS
    loss = measure(local, "unit 41, nounPP SP: loss")
    assert 0.6666 < loss.value < 2 and loss.low < loss.value < loss.high
    assert serves_one_number(files, planted_audit(tasks)).verdict == HOLDS
    short = short_is_distributed(files, planted_audit(tasks))
    assert short.verdict == NOT_TESTABLE
    assert "Met: Simple S; Simple P" in short.reason
