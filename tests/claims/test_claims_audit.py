"""The audit as a whole: every claim once, its thresholds in print, its tables."""

import json
from dataclasses import replace

import pandas as pd
import pytest
from support.number_network import LONG_RANGE, SHORT_RANGE, flip_sign, number_network
from support.planted_results import CONTEXT, ENGLISH, planted_audit, planted_results, write_answers

from lstm_units.claims.audit import EVALUATIONS, audit_claims, count_verdicts
from lstm_units.claims.table import COLUMNS, claims_page, claims_table, write_claims_table
from lstm_units.claims.verdict import CLAIMS, FAILS, HOLDS, NOT_TESTABLE, Measure, Verdict
from lstm_units.claims.write_claims import write_claims
from lstm_units.errors import UserError
from lstm_units.io.files import make_metadata, read_json, read_metadata, write_json
from lstm_units.io.result_files import ResultFiles

THRESHOLDS = {
    "easy_accuracy": (0.9, ("C1",)),
    "chance_q": (0.03, ("C1",)),
    "confidence": (0.9, ("C2", "C3", "C23")),
    "minimum_intact": (0.57, ("C2", "C3", "C4", "C5", "C6", "C7", "C11", "C13")),
    "minimum_loss": (0.8, ("C4", "C6")),
    "maximum_q": (0.03, ("C4", "C5", "C6", "C7")),
    "maximum_units": (5, ("C4",)),
    "relative_drop": (0.15, ("C5", "C7", "C19")),
    "input_gate_ratio": (3.0, ("C8",)),
    "forget_gate": (0.7, ("C8",)),
    "cell_difference": (1.5, ("C8",)),
    "efferent_share": (0.1, ("C9",)),
    "long_range_auc": (0.9, ("C10",)),
    "rest_auc": (0.3, ("C10",)),
    "sets_p": (0.03, ("C11",)),
    "depth_r2": (0.6, ("C12",)),
    "syntax_p": (0.03, ("C13",)),
    "syntax_conditions": (3, ("C13",)),
    "spanning_auc": (0.8, ("C14",)),
    "z_threshold": (2.5, ("C15", "C21")),
    "right_share": (0.8, ("C17",)),
    "frequency_r2": (0.02, ("C18",)),
    "unsegregated_percentile": (90.0, ("C20",)),
}


@pytest.fixture(scope="module")
def network():
    return number_network(ENGLISH, CONTEXT)


@pytest.fixture(scope="module")
def planted(tmp_path_factory, network) -> ResultFiles:
    return planted_results(tmp_path_factory.mktemp("audit") / "planted", network)


def paths(files: ResultFiles) -> list:
    return [path for path in files.folder.rglob("*") if path.is_file()]


def write_replication(folder):
    path = folder / "models.json"
    verdict = Verdict("C24", "C4* in 3 networks", NOT_TESTABLE, "1 network", "give two more")
    write_json({"replication": verdict.to_json()}, path, make_metadata())
    return path


def test_every_claim_of_one_model_is_evaluated_once_under_its_id(tmp_path):
    assert list(EVALUATIONS) == [name for name in CLAIMS if name != "C24"]
    assert len(set(EVALUATIONS.values())) == len(EVALUATIONS)
    verdicts = audit_claims(ResultFiles(tmp_path), planted_audit())
    assert {name: verdict.id for name, verdict in verdicts.items()} == {n: n for n in EVALUATIONS}


def test_without_results_nothing_can_be_tested_and_each_reason_names_a_key(tmp_path):
    verdicts = audit_claims(ResultFiles(tmp_path), planted_audit())
    for verdict in verdicts.values():
        assert verdict.verdict == NOT_TESTABLE
        assert verdict.reason.count("`") >= 2, verdict
        assert verdict.criterion
        assert not verdict.data
    assert count_verdicts(verdicts) == {HOLDS: 0, FAILS: 0, NOT_TESTABLE: 23}


@pytest.mark.parametrize("name", THRESHOLDS)
def test_a_changed_threshold_shows_in_the_criteria_it_belongs_to(tmp_path, name):
    value, ids = THRESHOLDS[name]
    files = ResultFiles(tmp_path)
    before = audit_claims(files, planted_audit())
    after = audit_claims(files, planted_audit(**{name: value}))
    changed = {id for id in before if before[id].criterion != after[id].criterion}
    assert set(ids) <= changed
    assert name in {"confidence", "z_threshold"} or changed == set(ids)


def test_a_threshold_that_is_not_the_papers_has_a_star(tmp_path):
    verdicts = audit_claims(ResultFiles(tmp_path), planted_audit())
    ours = ("C1", "C4", "C6", "C8", "C9", "C10", "C12", "C13", "C14", "C17", "C18")
    assert [name for name in ours if "*" not in verdicts[name].criterion] == []


def test_claims_hold_on_the_planted_network_and_the_rest_is_open(planted):
    verdicts = audit_claims(planted, planted_audit())
    assert {name for name, found in verdicts.items() if found.verdict == HOLDS} == {
        *("C1", "C4", "C5", "C6", "C7"),
    }
    # No attraction, no difference between numbers, no effect of distance were planted.
    assert {name for name, found in verdicts.items() if found.verdict == FAILS} == {
        *("C2", "C3", "C23"),
    }


def test_no_verdict_of_the_audit_depends_on_the_sign_of_a_unit(planted, network, tmp_path):
    model = network
    for unit in (2, 10, *LONG_RANGE, SHORT_RANGE, model.n_units - 1):
        model = flip_sign(model, unit)
    flipped = planted_results(tmp_path / "planted", model)
    before, after = (audit_claims(files, planted_audit()) for files in (planted, flipped))
    assert {n: v.to_json() for n, v in before.items()} == {n: v.to_json() for n, v in after.items()}


def test_claims_json_holds_every_verdict_and_equal_runs_write_equal_bytes(planted, tmp_path):
    outputs = [tmp_path / name for name in ("one.json", "two.json")]
    for output in outputs:
        write_claims(planted.folder, paths(planted), planted_audit(), output)
    assert outputs[0].read_bytes() == outputs[1].read_bytes()
    found = json.loads(outputs[0].read_text())
    assert found["model"] == "planted"
    assert found["summary"] == {HOLDS: 5, FAILS: 3, NOT_TESTABLE: 15}
    verdicts = {name: Verdict.from_json(entry) for name, entry in found["verdicts"].items()}
    assert list(verdicts) == sorted(EVALUATIONS)
    for name, verdict in audit_claims(planted, planted_audit()).items():
        assert verdicts[name].to_json() == verdict.to_json()
    metadata = read_metadata(outputs[0])
    checkpoint = read_metadata(planted.folder / "units" / "long_range.json")["checkpoint_sha256"]
    assert metadata["checkpoint_sha256"] == checkpoint
    assert metadata["config"]["criteria"]["minimum_loss"] == 0.6666


def test_only_the_results_that_are_given_count(planted, tmp_path):
    """A list of units of an earlier configuration is left over, and is not read."""
    given = [path for path in paths(planted) if path.name != "long_range.json"]
    write_claims(planted.folder, given, planted_audit(), tmp_path / "claims.json")
    found = read_json(tmp_path / "claims.json")["verdicts"]["C4"]
    assert found["verdict"] == NOT_TESTABLE
    assert "was not run" in found["reason"]


def test_results_of_two_checkpoints_are_refused(planted, tmp_path):
    folder = tmp_path / "planted"
    files = ResultFiles(folder)
    write_answers(files, "simple", {"S": [True] * 20, "P": [True] * 20})
    for name in ("checkpoint/model.json", "units/long_range.json"):
        found = read_json(planted.folder / name)
        if "units" in name:
            found["metadata"]["checkpoint_sha256"] = "0" * 64
        write_json(found, folder / name)
    with pytest.raises(UserError, match=r"long_range\.json was made from another checkpoint"):
        write_claims(folder, paths(files), planted_audit(), tmp_path / "claims.json")
    assert not (tmp_path / "claims.json").exists()


def test_tables_of_claims_hold_all_twenty_four_and_read_back(planted, tmp_path):
    claims = tmp_path / "claims.json"
    write_claims(planted.folder, paths(planted), planted_audit(), claims)
    outputs = [tmp_path / "claims.csv", tmp_path / "claims.md"]
    write_claims_table(claims, write_replication(tmp_path), outputs)
    table = pd.read_csv(outputs[0], keep_default_na=False)
    assert list(table.columns) == COLUMNS
    assert table["id"].tolist() == [f"C{number}" for number in range(1, 25)]
    rows = table.set_index("id")
    entries = read_json(claims)["verdicts"]
    for name, entry in entries.items():
        for column in ("verdict", "measured", "criterion"):
            assert rows.loc[name, column] == entry[column]
        assert rows.loc[name, "reason"] == (entry["reason"] or "")
        assert rows.loc[name, "data"].split("; ") == (entry["data"] or [""])
        assert rows.loc[name, "claim"] == CLAIMS[name].claim
    assert rows.loc["C24", "reason"] == "give two more"
    text = outputs[1].read_text()
    assert "24 claims: 5 hold, 3 fail, 16 are not testable." in text
    for claim in CLAIMS.values():
        assert f"## {claim.id} {claim.claim}: {rows.loc[claim.id, 'verdict']}" in text
    assert "C4\\* in 3 networks" in text
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == 26
    assert len({line.count("|") - line.count("\\|") for line in lines}) == 1


def test_a_verdict_that_is_missing_is_named(planted, tmp_path):
    claims = tmp_path / "claims.json"
    write_claims(planted.folder, paths(planted), planted_audit(), claims)
    found = read_json(claims)
    del found["verdicts"]["C7"]
    write_json(found, claims)
    with pytest.raises(UserError, match="no verdict on C7"):
        write_claims_table(claims, write_replication(tmp_path), [tmp_path / "claims.csv"])
    with pytest.raises(UserError, match=r"\.csv, \.md or \.tex"):
        write_json(
            {**found, "verdicts": {**found["verdicts"], "C7": found["verdicts"]["C6"]}}, claims
        )
        write_claims_table(claims, write_replication(tmp_path), [tmp_path / "claims.txt"])


def test_stars_and_bars_of_a_verdict_stay_text_in_markdown():
    verdict = Verdict("C1", "a >= .95* of b*", FAILS, "x|y", "too low*", (Measure("m", 1.0),))
    verdicts = {name: replace(verdict, id=name) for name in CLAIMS}
    table = claims_table(verdicts)
    assert table["criterion"].unique().tolist() == ["a >= .95* of b*"]
    text = claims_page("model", verdicts, table, {"note": "a--b"})
    assert text.count("Criterion: a >= .95\\* of b\\*.\n") == 24
    assert "x\\|y" in text
    assert text.count("-->") == 1
