"""The audit as a whole: every claim once, its thresholds in print, its tables."""

from dataclasses import asdict, replace

import pandas as pd
import pytest
from support.number_network import LONG_RANGE, SHORT_RANGE, flip_sign, number_network
from support.planted_results import CONTEXT, ENGLISH, planted_audit, planted_results, write_answers
from support.scripts import run_script

from lstm_units.claims.audit import EVALUATIONS, audit_claims, count_verdicts, evaluate_claims
from lstm_units.claims.catalogue import every_claim
from lstm_units.claims.criteria import with_recorded_thresholds
from lstm_units.claims.table import COLUMNS, all_verdicts, claims_page, claims_table
from lstm_units.errors import NotRun, UserError
from lstm_units.io.files import read_json, read_metadata, write_json
from lstm_units.io.not_run import or_not_run
from lstm_units.io.result_files import ResultFiles
from lstm_units.io.results import Result
from lstm_units.io.verdict import FAILS, HOLDS, NOT_TESTABLE, Measure, Verdict

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
# What to run so that a claim can be tested.
KEYS = {
    "tasks": ("C1", "C2", "C3", "C19", "C23"),
    "discovery.tasks": ("C4", "C5", "C8", "C9", "C10", "C17"),
    "checkpoints": ("C6",),
    "ablation.modes": ("C7",),
    "efferents.verb_pairs": ("C11", "C20"),
    "depth.run": ("C12", "C13", "C14", "C18"),
    "connectivity.task": ("C15", "C16", "C21", "C22"),
}


@pytest.fixture(scope="module")
def network():
    return number_network(ENGLISH, CONTEXT)


@pytest.fixture(scope="module")
def planted(tmp_path_factory, network) -> ResultFiles:
    return planted_results(tmp_path_factory.mktemp("audit") / "planted", network)


def paths(files: ResultFiles) -> list:
    return [path for path in files.folder.rglob("*") if path.is_file()]


def replication() -> Result:
    """Stands for ``models.json``."""
    verdict = Verdict("C24", "C4* in 3 networks", NOT_TESTABLE, "1 network", "give two more")
    return Result({"replication": verdict.to_json()})


def test_every_claim_of_one_model_is_evaluated_once_under_its_id(tmp_path):
    assert list(EVALUATIONS) == [name for name in every_claim() if name != "C24"]
    assert len(set(EVALUATIONS.values())) == len(EVALUATIONS)
    verdicts = evaluate_claims(ResultFiles(tmp_path), planted_audit())
    assert {name: verdict.id for name, verdict in verdicts.items()} == {n: n for n in EVALUATIONS}


def test_without_results_nothing_can_be_tested_and_each_reason_names_a_key(tmp_path):
    verdicts = evaluate_claims(ResultFiles(tmp_path), planted_audit())
    for key, names in KEYS.items():
        for name in names:
            assert f"`{key}`" in verdicts[name].reason, verdicts[name]
            assert verdicts[name].criterion
            assert not verdicts[name].data
    assert count_verdicts(verdicts) == {HOLDS: 0, FAILS: 0, NOT_TESTABLE: 23}


def test_results_that_could_not_be_run_give_their_reason_in_place_of_the_key(tmp_path):
    names = ("units/long_range.json", "units/syntax.json", "connectivity/summary.json")
    with or_not_run([tmp_path / name for name in names]):
        raise NotRun("it knows no item")
    found = evaluate_claims(ResultFiles(tmp_path), planted_audit())
    why = "because it knows no item"
    assert found["C5"].reason == f"the search for long-range units was not run, {why}"
    assert found["C14"].reason == f"syntax units were not searched, {why}"
    assert found["C15"].reason.endswith(why)
    assert "because" not in found["C20"].reason


@pytest.mark.parametrize("name", THRESHOLDS)
def test_a_changed_threshold_shows_in_the_criteria_it_belongs_to(tmp_path, name):
    value, ids = THRESHOLDS[name]
    files = ResultFiles(tmp_path)
    before = evaluate_claims(files, planted_audit())
    after = evaluate_claims(files, planted_audit(**{name: value}))
    changed = {id for id in before if before[id].criterion != after[id].criterion}
    assert set(ids) <= changed
    assert name in {"confidence", "z_threshold"} or changed == set(ids)


def test_a_threshold_that_is_not_the_papers_has_a_star(tmp_path):
    verdicts = evaluate_claims(ResultFiles(tmp_path), planted_audit())
    ours = ("C1", "C4", "C6", "C8", "C9", "C10", "C12", "C13", "C14", "C17", "C18")
    assert [name for name in ours if "*" not in verdicts[name].criterion] == []


def test_claims_hold_on_the_planted_network_and_the_rest_is_open(planted):
    verdicts = evaluate_claims(planted, planted_audit())
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
    before, after = (evaluate_claims(files, planted_audit()) for files in (planted, flipped))
    assert {n: v.to_json() for n, v in before.items()} == {n: v.to_json() for n, v in after.items()}


def test_thresholds_of_the_analyses_are_those_of_their_results(planted, tmp_path):
    """The planted results hold the search alone; what was not run keeps what it was given."""
    given = planted_audit(minimum_loss=0.8, relative_drop=0.3, z_threshold=2.5, easy_accuracy=0.9)
    found = with_recorded_thresholds(replace(given, mode="mean"), planted)
    assert found == planted_audit(z_threshold=2.5, easy_accuracy=0.9)
    others = {
        "units/syntax.json": ({"criteria": {"minimum_auc": 0.8, "minimum_folds": 2}}, {}),
        "connectivity/summary.json": ({}, {"config": {"threshold": 2.0}}),
    }
    for name, (content, metadata) in others.items():
        write_json(content, tmp_path / name, metadata)
    criteria = with_recorded_thresholds(given, ResultFiles(tmp_path)).criteria
    assert (criteria.spanning_auc, criteria.minimum_folds, criteria.z_threshold) == (0.8, 2, 2.0)
    assert criteria.minimum_loss == 0.8


def test_the_script_writes_the_verdicts_on_the_results_that_it_is_given(planted, tmp_path):
    """A list of units of an earlier configuration is left over, and is not read."""
    audit = asdict(planted_audit())
    criteria = audit.pop("criteria")
    for name, left_out in (("all", None), ("some", "long_range.json")):
        run_script(
            "claims/claims",
            input={"results": [path for path in paths(planted) if path.name != left_out]},
            output={"claims": tmp_path / f"{name}.json"},
            params={"folder": str(planted.folder), "criteria": criteria, "audit": audit},
        )
    found = read_json(tmp_path / "all.json")
    assert found["model"] == "planted"
    assert found["summary"] == {HOLDS: 5, FAILS: 3, NOT_TESTABLE: 15}
    assert found["verdicts"] == {
        name: verdict.to_json()
        for name, verdict in evaluate_claims(planted, planted_audit()).items()
    }
    verdict = Verdict.from_json(found["verdicts"]["C4"])
    assert verdict.to_json() == found["verdicts"]["C4"]
    search = read_metadata(planted.folder / "units" / "long_range.json")
    assert found["metadata"]["checkpoint_sha256"] == search["checkpoint_sha256"]
    assert found["metadata"]["config"]["criteria"]["minimum_loss"] == 0.6666
    verdict = read_json(tmp_path / "some.json")["verdicts"]["C4"]
    assert verdict["verdict"] == NOT_TESTABLE
    assert "was not run" in verdict["reason"]


def test_results_of_two_checkpoints_are_refused(planted, tmp_path):
    files = ResultFiles(tmp_path)
    write_answers(files, "simple", {"S": [True] * 20, "P": [True] * 20})
    for name in ("checkpoint/model.json", "units/long_range.json"):
        found = read_json(planted.folder / name)
        if "units" in name:
            found["metadata"]["checkpoint_sha256"] = "0" * 64
        write_json(found, tmp_path / name)
    with pytest.raises(UserError, match=r"long_range\.json was made from another checkpoint"):
        audit_claims(files, planted_audit())


def test_table_and_page_of_claims_hold_all_twenty_four(planted, tmp_path):
    claims, models = audit_claims(planted, planted_audit()), replication()
    for result, name in ((claims, "claims.json"), (models, "models.json")):
        write_json(result.content, tmp_path / name, result.metadata)
    run_script(
        "claims/claims_table",
        input={"claims": tmp_path / "claims.json", "models": tmp_path / "models.json"},
        output={"table": tmp_path / "claims.csv", "page": tmp_path / "claims.md"},
    )
    table = pd.read_csv(tmp_path / "claims.csv", keep_default_na=False)
    assert list(table.columns) == COLUMNS
    assert table["id"].tolist() == [f"C{number}" for number in range(1, 25)]
    rows = table.set_index("id")
    for name, entry in claims.content["verdicts"].items():
        for column in ("verdict", "measured", "criterion"):
            assert rows.loc[name, column] == entry[column]
        assert rows.loc[name, "reason"] == (entry["reason"] or "")
        assert rows.loc[name, "data"].split("; ") == (entry["data"] or [""])
        assert rows.loc[name, "claim"] == every_claim()[name].claim
    assert rows.loc["C24", "reason"] == "give two more"
    text = (tmp_path / "claims.md").read_text()
    assert "24 claims: 5 hold, 3 fail, 16 are not testable." in text
    for claim in every_claim().values():
        assert f"## {claim.id} {claim.claim}: {rows.loc[claim.id, 'verdict']}" in text
    assert "C4\\* in 3 networks" in text
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == 26
    assert len({line.count("|") - line.count("\\|") for line in lines}) == 1


def test_a_verdict_that_is_missing_is_named():
    entry = Verdict("C1", "", HOLDS, "").to_json()
    claims = Result(
        {"verdicts": {name: entry for name in every_claim() if name not in ("C7", "C24")}}
    )
    with pytest.raises(UserError, match="no verdict on C7"):
        all_verdicts(claims, replication())


def test_stars_and_bars_of_a_verdict_stay_text_in_markdown():
    verdict = Verdict("C1", "a >= .95* of b*", FAILS, "x|y", "too low*", (Measure("m", 1.0),))
    verdicts = {name: replace(verdict, id=name) for name in every_claim()}
    table = claims_table(verdicts)
    assert table["criterion"].unique().tolist() == ["a >= .95* of b*"]
    text = claims_page(Result({"model": "model"}, {"seed": "a--b"}), verdicts)
    assert text.count("Criterion: a >= .95\\* of b\\*.\n") == 24
    assert "x\\|y" in text
    assert text.count("-->") == 1
