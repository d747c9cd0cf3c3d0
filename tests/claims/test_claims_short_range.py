"""Claims C11, short-range units, and C17, right when wrong: planted result files."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from support.planted_results import planted_audit
from test_claims_gates import failing, values_of, write_long_range

from lstm_units.analyses.contributions.summary import summarise_contributions
from lstm_units.analyses.controls.set_tests import TESTS_SCHEMA
from lstm_units.claims.contributions import right_when_wrong
from lstm_units.claims.short_range import short_range_carries
from lstm_units.claims.units import NONE_FOUND
from lstm_units.io.files import make_metadata, write_json, write_parquet
from lstm_units.io.result_files import ResultFiles
from lstm_units.io.verdict import FAILS, HOLDS, NOT_TESTABLE

AUDIT = planted_audit()
CELLS = [(task, condition) for task in ("simple", "adv", "adv_adv") for condition in "SP"]


def write_tests(folder, family, n_at_most=0, n_sets=1000, low=0.9, cells=CELLS, reason=None, **at):
    """Write tests against random sets; `at` gives other columns of single cells, as simple_S."""
    rows = []
    for task, condition in cells:
        row = {
            "family": family,
            "task": task,
            "condition": condition,
            "n": 300,
            "n_units": 2,
            "n_sets": n_sets,
            "full_accuracy": 0.95,
            "full_ci_low": low,
            "observed": 0.7,
            "null_mean": 0.94,
            "null_sd": 0.01,
            "null_q01": 0.91,
            "null_q05": 0.92,
            "null_q50": 0.94,
            "null_q95": 0.95,
            "difference_to_full": -0.25,
            "difference_to_full_ci_low": -0.3,
            "difference_to_full_ci_high": -0.2,
            "difference_to_null": -0.24,
            "n_at_most": n_at_most,
            "n_below": n_at_most,
            "n_near_ties": 0,
            "n_near_ties_null": 0,
            **at.get(f"{task}_{condition}", {}),
        }
        row["p"] = row["p_paper"] = row["p_holm"] = (row["n_at_most"] + 1) / (n_sets + 1)
        row["testable"] = row["adjusted"] = row["full_ci_low"] > 0.55
        rows.append(row)
    table = pa.Table.from_pylist(rows, schema=TESTS_SCHEMA)
    path = folder / "controls" / "tests" / f"{family}.parquet"
    write_parquet(table, path, make_metadata(kind="tests", reason=reason))


def write_short_range(folder, units=(41, 42)) -> None:
    entries = [{"unit": unit, "layer": 2} for unit in units]
    write_json({"units": entries}, folder / "units" / "short_range.json", make_metadata())


@pytest.fixture
def short(tmp_path) -> ResultFiles:
    write_short_range(tmp_path)
    for family in ("short_range", "short_and_long_range"):
        write_tests(tmp_path, family)
    return ResultFiles(tmp_path)


# C11


def test_sets_below_all_random_ones_in_all_conditions_hold(short):
    verdict = short_range_carries(short, AUDIT)
    assert verdict.verdict == HOLDS and verdict.reason is None
    judged = [m for m in verdict.measures if m.expected is not None]
    assert len(judged) == 1 + 2 * 6 and all(m.met for m in judged)
    found = values_of(verdict)
    p, low, high, _ = found["short-range units, 2Adv P, p"]
    assert p == pytest.approx(1 / 1001) and low <= p <= high
    change = found["short- and long-range units, Adv S, change of accuracy"]
    assert change == (-0.25, -0.3, -0.2, None)
    assert "2 short-range units" in verdict.measured and "6 of 6 conditions" in verdict.measured


def test_one_condition_like_random_sets_fails(short):
    write_tests(short.folder, "short_and_long_range", adv_P={"n_at_most": 10})
    verdict = short_range_carries(short, AUDIT)
    assert verdict.verdict == FAILS
    assert failing(verdict) == {"short- and long-range units, Adv P, p"}
    assert "short- and long-range units, Adv P, p 0.011" in verdict.reason
    verdict = short_range_carries(short, planted_audit(sets_p=0.02))
    assert verdict.verdict == HOLDS and "p < 0.02" in verdict.criterion
    write_tests(short.folder, "short_and_long_range", adv_P={"n_at_most": 9})  # p = 10 / 1001
    assert short_range_carries(short, AUDIT).verdict == HOLDS


def test_no_short_range_unit_fails(short):
    write_short_range(short.folder, ())
    for family in ("short_range", "short_and_long_range"):
        write_tests(short.folder, family, cells=[], reason="there is no short-range unit")
    verdict = short_range_carries(short, AUDIT)
    assert verdict.verdict == FAILS
    assert failing(verdict) == {"number of short-range units"}
    assert "number of short-range units 0 (expected >= 1)" in verdict.reason
    assert "there is no short-range unit" in verdict.reason


def test_without_long_range_units_that_part_is_untested_and_what_holds_is_said(short):
    reason = "this model has no long-range unit"
    write_tests(short.folder, "short_and_long_range", cells=[], reason=reason)
    verdict = short_range_carries(short, AUDIT)
    assert verdict.verdict == NOT_TESTABLE
    assert f"short- and long-range units ablated together: {reason}" in verdict.reason
    assert "short-range units, Simple S, p" in verdict.reason


def test_conditions_near_chance_are_reported_and_not_judged(short):
    near_chance = {"full_ci_low": 0.55, "n_at_most": 700}
    write_tests(short.folder, "short_range", simple_P=near_chance)
    verdict = short_range_carries(short, AUDIT)
    assert verdict.verdict == NOT_TESTABLE
    value, *_, met = values_of(verdict)["short-range units, Simple P, p"]
    assert value == pytest.approx(701 / 1001) and met is None
    assert "the lower bound of the intact accuracy is not above 0.55" in verdict.reason
    assert short_range_carries(short, planted_audit(minimum_intact=0.5)).verdict == FAILS


def test_too_few_random_sets_cannot_reach_the_p_value(short):
    for family in ("short_range", "short_and_long_range"):
        write_tests(short.folder, family, n_sets=99)
    verdict = short_range_carries(short, AUDIT)
    assert verdict.verdict == NOT_TESTABLE
    assert "with 99 random sets p is at least 0.01 (`controls.sets`)" in verdict.reason
    for family in ("short_range", "short_and_long_range"):
        write_tests(short.folder, family, n_sets=100)
    assert short_range_carries(short, AUDIT).verdict == HOLDS


def test_what_was_not_run_is_named_with_its_key(short):
    write_tests(short.folder, "short_range", cells=CELLS[:4])
    verdict = short_range_carries(short, AUDIT)
    assert verdict.verdict == NOT_TESTABLE
    assert "short-range units, 2Adv S, p" in verdict.reason
    assert "(`controls.tasks.short_range`)" in verdict.reason
    only = planted_audit({"simple": "simple", "adv": "adv"})
    assert "no task is 2Adv (`tasks`)" in short_range_carries(short, only).reason
    (short.folder / "controls" / "tests" / "short_range.parquet").unlink()
    assert "(`controls.run`)" in short_range_carries(short, AUDIT).reason


# C17


def write_contributions(
    folder, task="nounpp", share=0.95, n_wrong=200, constant=0.0, units=(44,), lower=(), seed=0
):
    """Write contributions; in a share of wrong items long-range units point right.

    `constant` is added to the singular form in every item.
    """
    rng = np.random.default_rng([seed, len(task)])
    n = 800
    number = np.repeat(["singular", "plural"], n // 2)
    wrong = np.zeros(n, bool)
    wrong[rng.permutation(n)[:n_wrong]] = True
    points = np.ones(n)
    places = rng.permutation(np.flatnonzero(wrong))
    points[places[round(share * n_wrong) :]] = -1
    long_range = points * rng.uniform(0.5, 1, n) + constant * np.where(number == "singular", 1, -1)
    margin = np.where(wrong, -1.0, 1.0) * rng.uniform(0.1, 1, n)
    if not units:
        long_range = np.zeros(n)
    columns = {
        "item": np.arange(n, dtype=np.int32),
        "condition": np.where(number == "singular", "SP", "PS"),
        "right": ~wrong,
        "margin": margin.astype(np.float32),
        "long_range": long_range.astype(np.float32),
        "short_range": np.zeros(n, np.float32),
        "rest": (margin - long_range).astype(np.float32),
        "bias": np.zeros(n, np.float32),
        "subject_number": number,
        "subject_lemma": rng.choice([f"noun{k}" for k in range(20)], n),
        "verb_lemma": rng.choice([f"verb{k}" for k in range(15)], n),
    }
    known = {
        "long_range": list(units),
        "short_range": [],
        "long_range_in_lower_layers": list(lower),
        "short_range_in_lower_layers": [],
        "both": [],
        "short_range_against": [],
        "n_rest": 8,
        "last_layer": 2,
    }
    metadata = make_metadata(
        kind="contributions", checkpoint_sha256="c", stimuli_sha256=task, config={"units": known}
    )
    write_parquet(pa.table(columns), folder / "contributions" / f"{task}.parquet", metadata)
    return pd.DataFrame(columns), known


@pytest.fixture
def wrong(tmp_path) -> ResultFiles:
    write_long_range(tmp_path, {44: "singular"})
    write_contributions(tmp_path)
    write_contributions(tmp_path, "nounpp_adv", share=1.0)
    return ResultFiles(tmp_path)


def test_units_that_point_right_in_most_wrong_items_hold(wrong):
    verdict = right_when_wrong(wrong, AUDIT)
    assert verdict.verdict == HOLDS and verdict.reason is None
    found = values_of(verdict)
    share, low, high, met = found["nounPP, wrong answers"]
    assert share == pytest.approx(0.95) and low < share < high and met
    share, low, high, met = found["nounPPAdv, wrong answers"]
    assert share == high == 1 and low < 1 and met  # Wilson's, as no resample differs
    assert [m.expected for m in verdict.measures[2:]] == [None] * (len(verdict.measures) - 2)
    assert "nounPP, wrong answers 0.950 [" in verdict.measured


def test_the_interval_is_that_of_the_table_of_contributions(wrong):
    table, units = write_contributions(wrong.folder)
    known = summarise_contributions(
        {"nounpp": table}, units, samples=AUDIT.criteria.bootstrap_samples, seed=2019
    )
    row = known[known["condition"].eq("all") & known["answer"].eq("wrong")].iloc[0]
    names = ("long_range_right", "long_range_right_low", "long_range_right_high")
    found = values_of(right_when_wrong(wrong, AUDIT))["nounPP, wrong answers"]
    assert found[:3] == tuple(row[name] for name in names)


@pytest.mark.parametrize("share", [0.85, 0.0])
def test_one_task_with_less_fails(wrong, share):
    write_contributions(wrong.folder, "nounpp_adv", share=share)
    verdict = right_when_wrong(wrong, AUDIT)
    assert verdict.verdict == FAILS
    assert failing(verdict) == {"nounPPAdv, wrong answers"}
    assert "expected >= 0.9" in verdict.reason
    verdict = right_when_wrong(wrong, planted_audit(right_share=0.8))
    assert verdict.verdict == (HOLDS if share > 0.8 else FAILS)
    assert "80 %*" in verdict.criterion


def test_a_constant_preference_shows_by_number_and_is_taken_out(wrong):
    """A unit that adds 5 to the singular form is right with singular subjects only."""
    write_contributions(wrong.folder, share=1.0, constant=5.0)
    found = values_of(right_when_wrong(wrong, AUDIT))
    name = "nounPP, wrong answers"
    assert found[f"{name}, singular subjects"][0] == 1
    assert found[f"{name}, plural subjects"][0] == 0
    assert found[name][0] == pytest.approx(0.5, abs=0.1) and found[name][-1] is False
    for who in ("", ", singular subjects", ", plural subjects"):
        assert found[f"{name}{who}, without constant"][0] == 1


def test_what_cannot_be_tested_is_named_and_the_rest_is_said(wrong):
    write_contributions(wrong.folder, "nounpp_adv", n_wrong=0)
    verdict = right_when_wrong(wrong, AUDIT)
    assert verdict.verdict == NOT_TESTABLE
    assert "no item of nounPPAdv is answered wrongly" in verdict.reason
    assert verdict.reason.endswith(". Met: nounPP, wrong answers")
    for task in ("nounpp", "nounpp_adv"):
        write_contributions(wrong.folder, task, units=(), lower=(3,))
    verdict = right_when_wrong(wrong, AUDIT)
    assert verdict.verdict == NOT_TESTABLE and "is in the last layer" in verdict.reason
    write_long_range(wrong.folder, {})
    assert right_when_wrong(wrong, AUDIT).reason == NONE_FOUND
    write_long_range(wrong.folder, {44: "plural"})
    for path in wrong.folder.glob("contributions/*"):
        path.unlink()
    assert "(`contributions.tasks`)" in right_when_wrong(wrong, AUDIT).reason
