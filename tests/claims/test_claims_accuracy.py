"""Claims on the accuracy of the intact model, on planted networks and planted answers."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest
from support.number_network import SHORT_RANGE, number_network
from support.planted_results import (
    CONTEXT,
    ENGLISH,
    PLURAL,
    SINGULAR,
    TASKS,
    measure,
    planted_audit,
    planted_results,
    reread,
    shares,
    write_answers,
)

from lstm_units.claims.accuracy import (
    attractors_cost,
    distance_is_hard,
    does_the_tasks,
    read_answers,
    singular_is_harder,
)
from lstm_units.errors import UserError
from lstm_units.io.result_files import ResultFiles
from lstm_units.io.verdict import FAILS, HOLDS, NOT_TESTABLE
from lstm_units.statistics.condition_differences import weighted_difference
from lstm_units.statistics.resampling import percentile_interval

NO_ABLATION = {"modes": ()}
CLAIMS = (does_the_tasks, attractors_cost, singular_is_harder, distance_is_hard)


@pytest.fixture(scope="module")
def network():
    return number_network(ENGLISH, CONTEXT)


@pytest.fixture(scope="module")
def weak(network):
    """Some verbs hardly read the long-range units, and follow the noun nearest to them."""
    return reread(network, {SINGULAR: 0.3, PLURAL: -0.3}, slice(None, None, 4))


@pytest.fixture(scope="module")
def results(tmp_path_factory, network, weak):
    """Intact results of several networks."""
    models = {
        "network": network,
        "weak": weak,
        "singular weak": reread(network, {SINGULAR: 0.3}, slice(None, None, 4)),
        "plural weak": reread(network, {PLURAL: -0.3}, slice(None, None, 4)),
        "blind": reread(network, {SINGULAR: 0, PLURAL: 0, SHORT_RANGE: 0}),
        "nearest noun": reread(network, {SINGULAR: 0, PLURAL: 0}),
    }
    folder = tmp_path_factory.mktemp("accuracy")
    return {
        name: planted_results(folder / name, model, **NO_ABLATION) for name, model in models.items()
    }


def test_a_network_that_agrees_does_the_tasks(results):
    verdict = does_the_tasks(results["network"], planted_audit())
    assert verdict.verdict == HOLDS
    assert verdict.reason is None
    assert len(verdict.measures) == 18
    assert all(measure.met and measure.value == 1 for measure in verdict.measures)
    assert {f"intact/{task}.parquet" for task in TASKS} == set(verdict.data)


def test_a_network_that_does_not_read_number_fails_the_tasks(results):
    verdict = does_the_tasks(results["blind"], planted_audit())
    assert verdict.verdict == FAILS
    assert "is not above chance" in verdict.reason


def test_chance_and_easy_accuracy_are_told_apart(results):
    """Following the nearest noun is wrong over attractors, and right in Simple and Adv."""
    verdict = does_the_tasks(results["nearest noun"], planted_audit())
    assert verdict.verdict == FAILS
    failing = {measure.name for measure in verdict.measures if measure.met is False}
    assert failing == {"nounPP SP", "nounPP PS", "nounPPAdv SP", "nounPPAdv PS"}


@pytest.mark.parametrize(("share", "expected"), [(0.96, HOLDS), (0.94, FAILS)])
def test_the_easy_tasks_are_held_to_a_higher_accuracy(tmp_path, share, expected):
    files = ResultFiles(tmp_path)
    for task in TASKS:
        write_answers(files, task, shares(100, S=0.8 if task != "adv" else share, P=0.8))
    write_answers(files, "simple", shares(100, S=1, P=1))
    write_answers(files, "adv", shares(100, S=share, P=1))
    verdict = does_the_tasks(files, planted_audit())
    assert verdict.verdict == expected
    assert does_the_tasks(files, planted_audit(easy_accuracy=0.97)).verdict == FAILS


def test_chance_is_judged_by_q_over_all_conditions(tmp_path):
    """60 of 100 has p = .028, which counts alone; beside 11 conditions at chance q is above .05."""
    files, audit = ResultFiles(tmp_path), planted_audit({"simple": "simple", "adv": "adv"})
    write_answers(files, "adv", shares(100, S=0.6))
    audit_of_one = planted_audit({"adv": "adv"}, easy_accuracy=0.5)
    alone = measure(does_the_tasks(files, audit_of_one), "Adv S")
    assert alone.met and "q = 0.028" in alone.note
    write_answers(files, "simple", {f"{i}": np.arange(100) < 50 for i in range(11)})
    assert measure(does_the_tasks(files, audit), "Adv S").met is False


def test_a_linzen_set_is_one_condition_and_missing_tasks_leave_the_claim_open(tmp_path):
    files = ResultFiles(tmp_path)
    write_answers(files, "simple", shares(50, S=1, P=1))
    write_answers(files, "natural", {"0": np.ones(90, bool), "3": np.zeros(5, bool)})
    audit = planted_audit({"simple": "simple", "adv": "adv", "natural": "linzen"})
    verdict = does_the_tasks(files, audit)
    assert verdict.verdict == NOT_TESTABLE
    assert "Adv was not run (`tasks`)" in verdict.reason
    assert "Met: 3 of 3 conditions" in verdict.reason
    found = measure(verdict, "natural all")
    assert found.value == pytest.approx(90 / 95) and found.met


def test_attractors_that_cost_accuracy_and_such_that_do_not(results):
    verdict = attractors_cost(results["weak"], planted_audit())
    assert verdict.verdict == HOLDS
    assert sum(m.met is True for m in verdict.measures) == 4
    assert all(m.high < 0 for m in verdict.measures if m.expected)
    assert "drawn: frames" in measure(verdict, "nounPP SP - SS").note
    none = attractors_cost(results["network"], planted_audit())
    assert none.verdict == FAILS
    assert measure(none, "nounPP SP - SS").value == 0


def test_singular_harder_plural_harder_and_both_alike(results):
    audit = planted_audit()
    assert singular_is_harder(results["singular weak"], audit).verdict == HOLDS
    plural = singular_is_harder(results["plural weak"], audit)
    assert plural.verdict == FAILS
    assert measure(plural, "nounPP SP - PS").low > 0
    assert singular_is_harder(results["network"], audit).verdict == FAILS
    # Only singular subjects suffer from an attractor, so C2 fails in part.
    partly = attractors_cost(results["singular weak"], audit)
    assert partly.verdict == FAILS
    assert "Met: nounPP SP - SS" in partly.reason


def test_an_interval_that_reaches_zero_shows_no_difference(tmp_path):
    files = ResultFiles(tmp_path)
    for task in ("nounpp", "nounpp_adv"):
        write_answers(files, task, shares(200, SP=0.80, PS=0.81))
    verdict = singular_is_harder(files, planted_audit())
    found = measure(verdict, "nounPP SP - PS")
    assert found.low < found.value < 0 == found.high
    assert verdict.verdict == FAILS


def test_conditions_at_chance_are_not_tested_and_what_holds_is_named(results, tmp_path):
    audit = planted_audit()
    verdict = attractors_cost(results["nearest noun"], audit)
    assert verdict.verdict == NOT_TESTABLE
    assert measure(verdict, "nounPP SP - SS").met is None
    assert measure(verdict, "nounPP SP - SS").value == -1
    files = ResultFiles(tmp_path)
    for task in ("nounpp", "nounpp_adv"):
        write_answers(files, task, shares(200, SS=1, SP=0.8, PS=0.5, PP=1))
    partly = attractors_cost(files, audit)
    assert partly.verdict == NOT_TESTABLE
    assert "intact accuracy of nounPP PS too low (lower bound 0.4" in partly.reason
    assert "Met: nounPP SP - SS -0.200" in partly.reason
    # A part that can be tested and fails decides.
    write_answers(files, "nounpp", shares(200, SS=0.8, SP=0.8, PS=0.5, PP=1))
    assert attractors_cost(files, audit).verdict == FAILS
    assert singular_is_harder(files, audit).verdict == NOT_TESTABLE
    assert singular_is_harder(files, planted_audit(minimum_intact=0.4)).verdict == FAILS


def test_tasks_and_conditions_that_are_missing_are_named(tmp_path):
    files = ResultFiles(tmp_path)
    for claim in CLAIMS:
        assert claim(files, planted_audit({})).verdict == NOT_TESTABLE
    write_answers(files, "nounpp", shares(50, SS=1, SP=0.8))
    write_answers(files, "nounpp_adv", shares(50, SS=1, SP=0.8, PS=0.8, PP=1))
    assert "nounPP has no condition PS" in attractors_cost(files, planted_audit()).reason
    assert "nounPP has no condition PS" in distance_is_hard(files, planted_audit()).reason


def test_distance_is_the_fall_of_mean_accuracies(tmp_path):
    files, audit = ResultFiles(tmp_path), planted_audit()
    write_answers(files, "simple", shares(350, S=1, P=0.96))
    write_answers(files, "adv_conjunction", shares(350, S=0.9, P=0.9))
    write_answers(files, "nounpp", shares(350, SS=0.1, SP=0.8, PS=0.6, PP=0.1))
    verdict = distance_is_hard(files, audit)
    assert verdict.verdict == HOLDS
    assert measure(verdict, "Simple - CoAdv").value == pytest.approx(0.08, abs=0.002)
    assert measure(verdict, "nounPP SP, PS").value == pytest.approx(0.7, abs=0.002)
    assert "subject and verb lemmas" in measure(verdict, "Simple - CoAdv").note
    write_answers(files, "adv_conjunction", shares(350, S=0.65, P=0.65))
    turned = distance_is_hard(files, audit)
    assert turned.verdict == FAILS
    assert "CoAdv - nounPP SP, PS is -0.049" in turned.reason
    assert "Met: Simple - CoAdv" in turned.reason


def test_an_item_without_stimulus_is_refused(tmp_path):
    files = ResultFiles(tmp_path)
    write_answers(files, "nounpp", shares(20, SS=1, SP=0.5))
    (tmp_path / "stimuli" / "nounpp.parquet").rename(tmp_path / "kept.parquet")
    assert read_answers(files, "nounpp")["frame"].isna().all()
    write_answers(ResultFiles(tmp_path / "other"), "nounpp", shares(10, SS=1, SP=0.5))
    (tmp_path / "other" / "stimuli" / "nounpp.parquet").rename(
        tmp_path / "stimuli" / "nounpp.parquet"
    )
    with pytest.raises(UserError, match="two come from different runs"):
        read_answers(files, "nounpp")


def answers_of(right: Mapping[str, np.ndarray], task="task", **columns) -> pd.DataFrame:
    frames = [
        pd.DataFrame(
            {"task": task, "condition": name, "right": values, "frame": range(len(values))}
        )
        for name, values in right.items()
    ]
    table = pd.concat(frames, ignore_index=True)
    table["subject_lemma"] = [f"noun{frame % 7}" for frame in table["frame"]]
    table["verb_lemma"] = [f"verb{frame % 5}" for frame in table["frame"]]
    return table.assign(**columns)


def test_paired_intervals_agree_with_resampling_frames_one_by_one():
    rng = np.random.default_rng(3)
    one = rng.random(200) < 0.9
    other = np.where(rng.random(200) < 0.9, one, ~one)
    answers = answers_of({"SP": one, "SS": other})
    weights = {("task", "SP"): 1.0, ("task", "SS"): -1.0}
    found = weighted_difference([answers], weights, 4000, 0.95, np.random.default_rng(1))
    assert found.resampled == "frames"
    assert found.value == pytest.approx(one.mean() - other.mean())
    difference = one.astype(float) - other
    draws = [difference[rng.integers(0, 200, 200)].mean() for _ in range(4000)]
    np.testing.assert_allclose(
        (found.low, found.high), percentile_interval(np.array(draws), 0.95), atol=0.006
    )
    # As independent answers they would differ by more from sample to sample.
    unpaired = 1.96 * np.sqrt((one.var() + other.var()) / 200)
    assert (found.high - found.low) / 2 < 0.8 * unpaired


def test_words_are_drawn_once_for_both_tasks():
    """Two tasks with the same answers for each pair of words differ by nothing in every draw."""
    right = np.random.default_rng(2).random(350) < 0.7
    tasks = [answers_of({"S": right}, task) for task in ("one", "other")]
    weights = {("one", "S"): 1.0, ("other", "S"): -1.0}
    found = weighted_difference(tasks, weights, 300, 0.95, np.random.default_rng(1))
    assert found.resampled == "subject and verb lemmas"
    assert (found.value, found.low, found.high) == (0, 0, 0)
    single = weighted_difference(
        tasks[:1], {("one", "S"): 1.0}, 300, 0.95, np.random.default_rng(1), by_frame=False
    )
    assert single.resampled == "subject and verb lemmas"
    assert single.high > single.low


def test_crossed_intervals_agree_with_repeating_items_by_hand():
    rng = np.random.default_rng(5)
    answers = answers_of({"SP": rng.random(210) < 0.6, "PS": rng.random(140) < 0.8})
    answers["frame"] = None
    weights = {("task", "SP"): 1.0, ("task", "PS"): -1.0}
    found = weighted_difference([answers], weights, 3000, 0.9, np.random.default_rng(1))
    assert found.resampled == "subject and verb lemmas"
    right, first = answers["right"].to_numpy(), (answers["condition"] == "SP").to_numpy()
    noun, verb = (pd.factorize(answers[name])[0] for name in ("subject_lemma", "verb_lemma"))
    draws = []
    for _ in range(3000):
        nouns, verbs = (np.bincount(rng.integers(0, n, n), minlength=n) for n in (7, 5))
        items = np.repeat(np.arange(350), nouns[noun] * verbs[verb])
        chosen, answer = first[items], right[items]
        draws.append(answer[chosen].mean() - answer[~chosen].mean())
    np.testing.assert_allclose(
        (found.low, found.high), percentile_interval(np.array(draws), 0.9), atol=0.015
    )


def test_unmatched_frames_are_not_paired_and_unknown_words_leave_the_items():
    rng = np.random.default_rng(4)
    answers = answers_of({"SP": rng.random(80) < 0.6, "SS": rng.random(60) < 0.9})
    weights = {("task", "SP"): 1.0, ("task", "SS"): -1.0}
    draw = np.random.default_rng(1)
    found = weighted_difference([answers], weights, 200, 0.95, draw)
    assert found.resampled == "subject and verb lemmas"
    items = weighted_difference(
        [answers.assign(subject_lemma=None)], weights, 200, 0.95, np.random.default_rng(1)
    )
    assert items.resampled == "items"
    assert items.value == found.value
    # A condition without items gives no number rather than a wrong one.
    absent = weighted_difference(
        [answers], {("task", "SP"): 1.0, ("task", "PP"): -1.0}, 200, 0.95, draw
    )
    assert np.isnan(absent.value)
