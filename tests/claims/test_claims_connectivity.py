"""C15, C16, C21 and C22 on planted networks, and on their tables with one thing changed."""

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

AUDIT = Audit(ClaimCriteria(), {}, {})
CLAIMS = (controls_gates, number_units_inhibit, only_one_controls, scaling_does_not_matter)


@pytest.fixture(scope="module")
def driven(tmp_path_factory, project):
    """Connections of the planted network."""
    folder, language = tmp_path_factory.mktemp("driven"), project / "stimuli" / "english"
    written = write_files(folder, connected_network(language), language)
    write_result(written.afferents(), folder / "connectivity" / "afferents.parquet")
    summarise(folder)
    return ResultFiles(folder)


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


def verdicts(files, audit=AUDIT):
    return {claim.__name__: claim(files, audit) for claim in CLAIMS}


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


def test_a_positive_input_between_number_units_fails(changed):
    def excite(table):
        rows = table["source"].eq(SINGULAR) & table["target"].eq(PLURAL)
        table.loc[rows & table["gate"].eq("input_gate"), "input_preferred"] = 0.5

    found = verdicts(changed(excite))
    assert found["controls_gates"].verdict == HOLDS
    inhibition = found["number_units_inhibit"]
    assert inhibition.verdict == FAILS
    assert inhibition.reason.startswith(
        f"not negative: unit {SINGULAR} (singular) to unit {PLURAL}"
    )
    assert [measure.met for measure in inhibition.measures].count(False) == 1


def test_a_second_syntax_unit_with_the_same_reach_fails_the_only_one(changed):
    def reach(table):
        rows = table["source"].eq(OTHER_SYNTAX) & table["gate"].eq("forget_gate")
        table.loc[rows, "z_mean"] = 3.5

    found = only_one_controls(changed(reach), AUDIT)
    assert found.verdict == FAILS
    assert found.reason == f"beyond 3 too: {OTHER_SYNTAX}"
    assert found.measured.startswith(f"1 of 1 other syntax units: {OTHER_SYNTAX}")


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


def test_a_z_within_the_threshold_fails_unless_the_unit_is_not_confirmed(changed):
    def weaken(table):
        rows = table["source"].eq(SYNTAX) & table["target"].eq(PLURAL)
        table.loc[rows & table["gate"].eq("input_gate"), "z_mean"] = -2.9

    files = changed(weaken)
    found = verdicts(files)
    assert found["controls_gates"].verdict == FAILS
    assert found["controls_gates"].reason.endswith(f"unit {PLURAL}, input gate -2.9")
    assert "mean not met" in found["scaling_does_not_matter"].reason

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


def test_inhibition_is_tested_though_syntax_units_were_not_searched(driven):
    known = [driven.folder / name for name in ("connectivity/summary.json", "units/shown.json")]
    known.append(driven.folder / "connectivity/afferents.parquet")
    assert number_units_inhibit(ResultFiles.among(driven.folder, known), AUDIT).verdict == HOLDS


def test_units_of_another_model_are_refused(changed):
    files = changed()
    rewrite_units(unit_paths(files.folder), "another", FOUND, SYNTAX_FOUND)
    for claim in CLAIMS:
        with pytest.raises(UserError, match="another checkpoint"):
            claim(files, AUDIT)
