"""Claim C10, decoding over time: planted networks that hold, lose or swap number."""

import json
from dataclasses import replace

import pandas as pd
import pytest
from support.number_network import LONG_RANGE
from support.planted_network import lexicon_rows
from support.planted_results import ENGLISH, planted_audit
from support.scripts import run_script
from test_claims_gates import (
    dumped_results,
    failing,
    leaking,
    planted,
    values_of,
    write_long_range,
)

from lstm_units.claims.decoding import holds_number_throughout
from lstm_units.claims.units import NONE_CONFIRMED, NONE_FOUND
from lstm_units.io.files import INDEX, make_metadata, read_metadata, write_json
from lstm_units.io.result_files import ResultFiles
from lstm_units.io.verdict import FAILS, HOLDS, NOT_TESTABLE

AUDIT = planted_audit()
REST = "all other units at the attractor"
ANALYSIS = {
    "variable": "cell",
    "label": "subject_number",
    "conditions": "incongruent",
    "train_at": None,
}
SETTINGS = {
    "splits": 2,
    "test_fraction": 0.3,
    "C": 1.0,
    "tolerance": 1e-4,
    "max_iterations": 1000,
    "permutations": 0,
    "seed": 5,
}


def dumped(folder, model) -> ResultFiles:
    return dumped_results(folder, model, n_items=60, variables=["cell"])


def decode(files: ResultFiles, kinds=("grouped",), units=LONG_RANGE, **changed) -> ResultFiles:
    """Decode from all units but those listed, and from each of these; each layer too."""
    folder = files.folder
    sha256 = read_metadata(folder / "activations" / "nounpp" / INDEX)["checkpoint_sha256"]
    write_long_range(folder, units, sha256)
    shown = [{"unit": unit, "role": "long-range"} for unit in units]
    metadata = make_metadata(kind="shown units", checkpoint_sha256=sha256)
    write_json({"units": shown}, folder / "units" / "shown.json", metadata)
    for kind in kinds:
        run_script(
            "decoding/decode",
            input={
                "dump": folder / "activations" / "nounpp",
                "untrained": [],
                "stimuli": folder / "stimuli" / "nounpp.parquet",
                "long_range": folder / "units" / "long_range.json",
                "shown": folder / "units" / "shown.json",
            },
            wildcards={"cross_validation": kind},
            params={"analysis": {**ANALYSIS, **changed}, "settings": SETTINGS},
            output={"decoding": folder / "decoding" / f"fig2_{kind}.parquet"},
        )
    return files


def blind_to_attractors():
    """Build a network to which attractors say nothing, so all units keep the subject's number."""
    model = planted()
    embedding = model.embedding.clone()
    for category, *forms in lexicon_rows(ENGLISH):
        if category == "place":
            embedding[model.vocabulary.ids(forms)] = 0
    return replace(model, embedding=embedding)


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> ResultFiles:
    files = dumped(tmp_path_factory.mktemp("decoding"), planted())
    return decode(files, kinds=("grouped", "random"))


def test_planted_long_range_units_hold_number_and_the_rest_swaps(results):
    verdict = holds_number_throughout(results, AUDIT)
    assert verdict.verdict == HOLDS and verdict.reason is None
    found = values_of(verdict)
    for unit in LONG_RANGE:
        for position in (1, 2, 3, 4, 5):
            [name] = [n for n in found if n.startswith(f"unit {unit} at position {position}")][:1]
            assert found[name][-1] and found[name][0] == 1
    assert found[REST][0] < 0.05 and found[REST][-1]
    judged = [m for m in verdict.measures if m.expected is not None]
    assert len(judged) == 2 * 5 + 1
    beside = [m for m in verdict.measures if m.expected is None]
    assert len(beside) == len(judged) and all("random" in m.name for m in beside)


def test_the_mean_lowest_and_highest_are_those_of_the_file(results):
    verdict = holds_number_throughout(results, AUDIT)
    table = pd.read_parquet(results.path("decoding/fig2_grouped.parquet"))
    auc = table[
        (table["features"] == "without_long_range")
        & (table["train_position"] == 1)
        & (table["test_position"] == 4)
    ]["auc"]
    assert values_of(verdict)[REST][:3] == (auc.mean(), auc.min(), auc.max())
    assert len(auc) == SETTINGS["splits"]


def test_long_range_units_that_leak_at_the_attractor_fail_there(tmp_path):
    verdict = holds_number_throughout(decode(dumped(tmp_path, leaking())), AUDIT)
    assert verdict.verdict == FAILS
    for unit in LONG_RANGE:
        at = f"unit {unit} at position"
        assert {f"{at} 4 (attractor)", f"{at} 5 (verb)"} <= failing(verdict)
        assert not {f"{at} 1 (subject)", f"{at} 2", f"{at} 3"} & failing(verdict)
        assert f"{at} 4 (attractor)" in verdict.reason


def test_other_units_that_keep_the_number_fail(tmp_path):
    verdict = holds_number_throughout(decode(dumped(tmp_path, blind_to_attractors())), AUDIT)
    assert verdict.verdict == FAILS
    assert failing(verdict) == {REST}
    assert values_of(verdict)[REST][0] > 0.5


def test_the_thresholds_decide(results):
    verdict = holds_number_throughout(results, planted_audit(rest_auc=0.0))
    assert verdict.verdict == FAILS and failing(verdict) == {REST}
    changed = planted_audit(long_range_auc=1.5, rest_auc=0.125)
    verdict = holds_number_throughout(results, changed)
    assert REST not in failing(verdict) and len(failing(verdict)) == 10


def test_congruent_items_cannot_show_a_swap(copied):
    (copied.folder / "decoding" / "fig2_random.parquet").unlink()
    verdict = holds_number_throughout(decode(copied, conditions="all"), AUDIT)
    assert verdict.verdict == NOT_TESTABLE
    assert "in 120 of 240 items the attractor has the subject's number" in verdict.reason
    assert [m.name for m in verdict.measures if m.met is None] == [REST]


def test_without_long_range_units_all_units_are_reported_and_nothing_judged(copied):
    decode(copied, kinds=("grouped", "random"), units={})
    verdict = holds_number_throughout(copied, AUDIT)
    assert (verdict.verdict, verdict.reason) == (NOT_TESTABLE, NONE_FOUND)
    assert verdict.measured.startswith("all units at the attractor 0.")
    assert len(verdict.measures) == 2
    assert all(m.met is None and m.value is not None for m in verdict.measures)


def test_only_confirmed_units_are_judged(copied):
    audit = planted_audit(long_range_auc=1.5)  # which no unit meets
    path = copied.folder / "units" / "long_range.json"
    listed = json.loads(path.read_text())
    for entry, confirmed in zip(listed["units"], (True, False), strict=True):
        entry["confirmed"] = confirmed
    write_json(listed, path)
    verdict = holds_number_throughout(copied, audit)
    one, other = (entry["unit"] for entry in listed["units"])
    assert len(failing(verdict)) == 5
    assert all(name.startswith(f"unit {one} at") for name in failing(verdict))
    assert f"unit {other} at" in verdict.measured and ", not confirmed" in verdict.measured
    listed["units"][0]["confirmed"] = False
    write_json(listed, path)
    verdict = holds_number_throughout(copied, audit)
    assert (verdict.verdict, verdict.reason) == (NOT_TESTABLE, NONE_CONFIRMED)
    assert verdict.measured.startswith("all other units at the attractor")


def test_what_was_not_run_is_named(copied):
    write_long_range(copied.folder, {**LONG_RANGE, 4: "singular"})
    verdict = holds_number_throughout(copied, AUDIT)  # unit 4 is listed, but not decoded
    assert verdict.verdict == NOT_TESTABLE
    assert "unit 4 at position 1 (subject)" in verdict.reason
    other = replace(AUDIT, analysis="attractor")
    assert "attractor was not run (`decoding.run`)" in holds_number_throughout(copied, other).reason
    nothing = replace(AUDIT, analysis=None)
    assert "(`decoding.run`)" in holds_number_throughout(copied, nothing).reason
    (copied.folder / "stimuli" / "nounpp.parquet").unlink()
    assert "stimuli/nounpp.parquet" in holds_number_throughout(copied, AUDIT).reason


def test_a_decoding_of_the_attractors_number_is_refused(copied):
    decode(copied, label="attractor_number", conditions="all")
    verdict = holds_number_throughout(copied, AUDIT)
    assert verdict.verdict == NOT_TESTABLE
    assert "is of attractor_number (`decoding.analyses`)" in verdict.reason
