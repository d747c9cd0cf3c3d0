"""C15, C16, C21 and C22 on planted networks, and on their tables with one thing changed."""

import functools
from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pyarrow as pa
import pytest
from support.connected_network import (
    FOUND,
    OTHER_SYNTAX,
    PLURAL,
    SINGULAR,
    STAND_INS,
    SYNTAX,
    SYNTAX_FOUND,
    SYNTAX_MISSING,
    connected_network,
    rewrite_units,
    write_files,
)
from support.number_network import flip_sign

from lstm_units.analyses.connectivity.summary import connectivity_summary
from lstm_units.claims.connectivity import (
    controls_gates,
    number_units_inhibit,
    only_one_controls,
    scaling_does_not_matter,
)
from lstm_units.claims.criteria import Audit, ClaimCriteria
from lstm_units.errors import UserError
from lstm_units.io.files import make_metadata, read_metadata, write_json, write_parquet
from lstm_units.io.result_files import ResultFiles
from lstm_units.io.results import read_result, write_result
from lstm_units.io.verdict import FAILS, HOLDS, NOT_TESTABLE
from lstm_units.models.variables import GATES

AUDIT = Audit(ClaimCriteria(), {}, {})
CLAIMS = (controls_gates, number_units_inhibit, only_one_controls, scaling_does_not_matter)
INHIBITED = {"input_gate", "forget_gate"}


@pytest.fixture(scope="module")
def language(project):
    return project / "stimuli" / "english"


@pytest.fixture(scope="module")
def results(tmp_path_factory, language):
    """A function from a change of the planted network to the result files of its connections."""
    folder = tmp_path_factory.mktemp("networks")
    (folder / "context.txt").write_text("The boy .\n", encoding="utf-8")

    @functools.cache
    def build(name, change=lambda model: model, **options):
        model = change(connected_network(language, folder / "context.txt", **options))
        written = write_files(folder / name, model, language)
        output = written.folder / "connectivity" / "afferents.parquet"
        write_result(written.afferents(), output)
        summarise(written.folder)
        return ResultFiles(written.folder)

    return build


@pytest.fixture(scope="module")
def driven(results):
    return results("driven")


@pytest.fixture
def changed(driven, tmp_path):
    """A function that copies the results of the driven network, with other rows or units."""

    def copy(change=None, shown=FOUND, syntax=SYNTAX_FOUND):
        folder = tmp_path / "changed"
        source = driven.path("connectivity/afferents.parquet")
        table, metadata = pd.read_parquet(source), read_metadata(source)
        if change is not None:
            change(table)
        target = folder / "connectivity" / "afferents.parquet"
        write_parquet(pa.Table.from_pandas(table, preserve_index=False), target, metadata)
        rewrite_units(unit_paths(folder), metadata["checkpoint_sha256"], shown, syntax)
        summarise(folder)
        return ResultFiles(folder)

    return copy


def unit_paths(folder):
    names = ("shown", "syntax", "short_range")
    return SimpleNamespace(**{name: folder / "units" / f"{name}.json" for name in names})


def summarise(folder):
    names = ("connectivity/afferents.parquet", "units/shown.json", "units/syntax.json")
    summary = connectivity_summary(*(read_result(folder / name) for name in names))
    write_result(summary, folder / "connectivity" / "summary.json")


def set_weights(model, target, source, values):
    """Set weights from a source to gates of a target; both are 1-based units of the last layer."""
    first = model.layer_sizes[0] + 1
    own = model.layers[-1]
    weight = own.weight_hh.clone()
    for gate, value in values.items():
        weight[GATES.index(gate) * own.size + target - first, source - first] = value
    return replace(model, layers=(*model.layers[:-1], replace(own, weight_hh=weight)))


def excited(model):
    """The number units raise each other's gates."""
    for target, source in ((SINGULAR, PLURAL), (PLURAL, SINGULAR)):
        model = set_weights(model, target, source, dict.fromkeys(INHIBITED, -1.5))
    return model


def excited_once(model):
    """Of the four inputs between number units one is positive."""
    return set_weights(model, PLURAL, SINGULAR, {"input_gate": -1.5})


def shut(model):
    """The syntax unit shuts the forget gate of one number unit."""
    return set_weights(model, SINGULAR, SYNTAX, {"forget_gate": -8.0})


CASES = {"driven": lambda model: model, "excited": excited}


def verdicts(files, audit=AUDIT):
    return {claim.__name__: claim(files, audit) for claim in CLAIMS}


# Planted networks


def test_the_planted_network_meets_all_four(driven):
    found = verdicts(driven)
    assert {name: verdict.verdict for name, verdict in found.items()} == dict.fromkeys(found, HOLDS)
    assert all(verdict.reason is None for verdict in found.values())
    control = found["controls_gates"]
    assert len(control.measures) == 4
    for measure in control.measures:
        assert measure.name.startswith(f"unit {SYNTAX} to unit ")
        assert abs(measure.value) > 3
        assert (measure.value > 0) == ("forget" in measure.name)
        assert measure.note == "rank 1 of 60 by size"
    inhibition = found["number_units_inhibit"]
    assert all(measure.value < 0 and measure.met for measure in inhibition.measures)
    names = {measure.name.rsplit(",", 1)[0] for measure in inhibition.measures}
    assert names == {
        f"unit {SINGULAR} (singular) to unit {PLURAL} (plural)",
        f"unit {PLURAL} (plural) to unit {SINGULAR} (singular)",
    }
    assert str(SYNTAX) in control.measured
    only_one = found["only_one_controls"]
    assert only_one.measured.startswith("0 of 1 other syntax units")
    assert {m.name.split(":")[0]: m.met for m in only_one.measures} == {
        f"unit {SYNTAX}": None,
        f"unit {OTHER_SYNTAX}": True,
    }
    assert found["scaling_does_not_matter"].measured.count(" met") == 3


def test_without_planted_connections_control_and_inhibition_fail(results):
    for seed in (0, 1):
        found = verdicts(results(f"undriven{seed}", driven=False, seed=seed))
        assert found["controls_gates"].verdict == FAILS
        assert f"unit {SYNTAX} to unit" in found["controls_gates"].reason
        assert found["number_units_inhibit"].verdict == FAILS
        assert found["number_units_inhibit"].reason.startswith("not negative: unit")
        # All readings agree that there is no control, and no other unit has any.
        assert found["scaling_does_not_matter"].verdict == HOLDS
        assert found["only_one_controls"].verdict == HOLDS


@pytest.mark.parametrize("change", [excited, excited_once])
def test_number_units_that_raise_each_others_gates_fail(results, change):
    found = verdicts(results(change.__name__, change))
    assert found["number_units_inhibit"].verdict == FAILS
    assert found["controls_gates"].verdict == HOLDS
    met = [measure.met for measure in found["number_units_inhibit"].measures]
    assert met.count(False) == (4 if change is excited else 1)


def test_a_gate_that_is_shut_instead_of_opened_fails(results):
    found = verdicts(results("shut", shut))
    assert found["controls_gates"].verdict == FAILS
    assert f"unit {SYNTAX} to unit {SINGULAR}, forget gate -" in found["controls_gates"].reason
    assert f"unit {PLURAL}" not in found["controls_gates"].reason
    assert found["number_units_inhibit"].verdict == HOLDS


def test_a_second_syntax_unit_with_the_same_reach_fails_the_only_one(results):
    def second(model):
        first = model.layer_sizes[0] + 1
        own = model.layers[-1]
        hidden, inputs, bias = (
            tensor.clone() for tensor in (own.weight_hh, own.weight_ih, own.bias)
        )
        for gate in range(4):  # always active, as the first one
            row = gate * own.size + OTHER_SYNTAX - first
            other = gate * own.size + SYNTAX - first
            hidden[row], inputs[row], bias[row] = hidden[other], inputs[other], bias[other]
        hidden[:, OTHER_SYNTAX - first] = hidden[:, SYNTAX - first]
        last = replace(own, weight_hh=hidden, weight_ih=inputs, bias=bias)
        return replace(model, layers=(*model.layers[:-1], last))

    found = only_one_controls(results("second", second), AUDIT)
    assert found.verdict == FAILS
    assert found.reason == f"beyond 3 too: {OTHER_SYNTAX}"
    assert found.measured.startswith(f"1 of 1 other syntax units: {OTHER_SYNTAX}")


@pytest.mark.parametrize("unit", [SYNTAX, SINGULAR, PLURAL, OTHER_SYNTAX, 3, 60])
@pytest.mark.parametrize("case", list(CASES))
def test_no_verdict_depends_on_the_sign_of_a_unit(results, unit, case):
    change = CASES[case]
    expected = verdicts(results(f"{case} as it is", change))
    found = verdicts(results(f"{case} {unit}", lambda model: flip_sign(change(model), unit)))
    assert found["controls_gates"].verdict == HOLDS
    assert found["number_units_inhibit"].verdict == (HOLDS if case == "driven" else FAILS)
    for name, verdict in found.items():
        # But for the readings that depend on the sign, every word and number is the same.
        pairs = zip(verdict.measures, expected[name].measures, strict=True)
        for one, other in pairs:
            if "arbitrary sign" not in (one.note or ""):
                assert one.value == pytest.approx(other.value, rel=1e-9, abs=1e-12)
                assert replace(one, value=None) == replace(other, value=None)
        assert replace(verdict, measures=()) == replace(expected[name], measures=())


# What decides, on tables


def test_a_z_within_the_threshold_fails(changed):
    def weaken(table):
        rows = table["source"].eq(SYNTAX) & table["target"].eq(PLURAL)
        table.loc[rows & table["gate"].eq("input_gate"), "z_mean"] = -2.9

    found = verdicts(changed(weaken))
    assert found["controls_gates"].verdict == FAILS
    assert found["controls_gates"].reason.endswith(f"unit {PLURAL}, input gate -2.9")
    assert [m.value for m in found["controls_gates"].measures if not m.met] == [-2.9]
    assert found["scaling_does_not_matter"].verdict == FAILS
    assert "mean not met" in found["scaling_does_not_matter"].reason
    assert found["number_units_inhibit"].verdict == HOLDS


def test_readings_that_depend_on_signs_decide_nothing(changed):
    def spoil(table):
        table[["z_raw", "z_maximum"]] = 0.0

    found = scaling_does_not_matter(changed(spoil), AUDIT)
    assert found.verdict == HOLDS
    assert [m.met for m in found.measures] == [True] * 3 + [None] * 2


def test_stand_ins_are_shown_but_not_tested(changed):
    files = changed(shown=STAND_INS)
    for found in verdicts(files).values():
        assert found.verdict == NOT_TESTABLE
        assert found.reason.startswith(
            ("no long-range unit was found", "no long-range unit serves")
        )
        assert found.measured.startswith("units that stand in: ")
        assert all(m.met is None and m.expected is None for m in found.measures)
    control = controls_gates(files, AUDIT)
    assert f"unit {SINGULAR} stands in" in control.measures[0].note
    found = verdicts(changed(syntax=SYNTAX_MISSING))
    assert found["controls_gates"].reason == "no syntax unit was found"
    assert found["number_units_inhibit"].verdict == HOLDS


def test_a_stand_in_beside_a_long_range_unit_is_left_out(changed):
    found = verdicts(changed(shown=[FOUND[0], STAND_INS[1]]))
    control = found["controls_gates"]
    assert control.verdict == HOLDS
    assert len(control.measures) == 2
    assert all(f"to unit {SINGULAR}" in measure.name for measure in control.measures)
    assert found["only_one_controls"].verdict == NOT_TESTABLE
    assert "fewer than two" in found["only_one_controls"].reason
    assert found["number_units_inhibit"].reason.endswith("serves plural subjects alone")


def test_long_range_units_that_are_not_confirmed_are_left_out(changed):
    def weaken(table):
        rows = table["source"].eq(SYNTAX) & table["target"].eq(PLURAL)
        table.loc[rows & table["gate"].eq("input_gate"), "z_mean"] = -2.9

    files = changed(weaken)
    assert controls_gates(files, AUDIT).verdict == FAILS

    def confirm(*units):
        listed = [
            {
                "unit": entry["unit"],
                "layer": entry["layer"],
                "subject_number": entry["number"],
                "confirmed": entry["unit"] in units,
            }
            for entry in FOUND
        ]
        sha = read_metadata(files.path("connectivity/afferents.parquet"))["checkpoint_sha256"]
        path = files.folder / "units" / "long_range.json"
        write_json({"units": listed}, path, make_metadata(checkpoint_sha256=sha))

    confirm(SINGULAR, PLURAL)
    assert controls_gates(files, AUDIT).verdict == FAILS
    confirm(SINGULAR)
    found = verdicts(files)
    control = found["controls_gates"]
    assert control.verdict == HOLDS and "units/long_range.json" in control.data
    assert all(f"to unit {SINGULAR}" in measure.name for measure in control.measures)
    assert found["number_units_inhibit"].verdict == NOT_TESTABLE
    confirm()
    for verdict in verdicts(files).values():
        assert verdict.verdict == NOT_TESTABLE
        assert verdict.reason == "no long-range unit was confirmed on the other half of the items"


def test_without_any_unit_nothing_is_tested(changed):
    files = changed(shown=[], syntax={"units": [], "top": None, "nearest": None})
    for found in verdicts(files).values():
        assert found.verdict == NOT_TESTABLE
        assert found.reason
        assert found.measures == () or all(m.value is None for m in found.measures)


def test_what_was_not_run_is_named(tmp_path, driven):
    for files in (ResultFiles(tmp_path), ResultFiles.among(driven.folder, [])):
        for found in verdicts(files).values():
            assert found.verdict == NOT_TESTABLE
            assert "`connectivity.task`" in found.reason
    # Syntax units may not have been searched; then there is nothing that could drive the gates.
    known = [driven.folder / name for name in ("connectivity/summary.json", "units/shown.json")]
    known.append(driven.folder / "connectivity/afferents.parquet")
    assert number_units_inhibit(ResultFiles.among(driven.folder, known), AUDIT).verdict == HOLDS


def test_units_of_another_model_are_refused(changed):
    files = changed()
    rewrite_units(unit_paths(files.folder), "another", FOUND, SYNTAX_FOUND)
    for claim in CLAIMS:
        with pytest.raises(UserError, match="another checkpoint"):
            claim(files, AUDIT)
