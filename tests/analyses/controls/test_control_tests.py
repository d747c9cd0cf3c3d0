"""Tests against random sets: ranks, corrections, intervals, planted damage, and files."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint
from support.simulated_results import NUMBER, intact_rows, write_shard

from lstm_units.analyses.controls.random_sets import control_sets, draw_sets
from lstm_units.analyses.controls.set_tests import (
    ACCURACY_SCHEMA,
    TESTS_SCHEMA,
    control_table,
    control_tests,
    count_sets,
    holm_over,
    paired_interval,
    rank_p,
    set_accuracy,
)
from lstm_units.errors import UserError
from lstm_units.io.files import make_metadata
from lstm_units.io.results import Result
from lstm_units.statistics.margins import Margins, open_margins

SIZES = (20, 30)
N = 200  # items of a condition
TESTED = [22, 23, 24]
CONDITIONS = {"nounpp": ("SP", "PP"), "simple": ("S", "P")}
STATISTICS = {"minimum_intact": 0.55, "confidence": 0.95, "near_tie": 1e-4}
FROM_MODEL = make_metadata(checkpoint_sha256="model")


@dataclass(frozen=True)
class Family:
    """A family of sets, its margins, and the intact model's."""

    margins: Margins
    scores: dict[str, Result]
    stimuli: dict[str, Result]
    sets: Result

    def arguments(self) -> tuple:
        return self.margins, self.scores, self.stimuli, self.sets


def sets_of(units, n_sets=99) -> Result:
    found = Result({"units": [{"unit": unit} for unit in units]}, FROM_MODEL)
    return control_sets(
        "short_range", SIZES, {"short_range": found},
        n_sets=n_sets, match="layer", exclude_long_range=False, seed=0,
    )  # fmt: skip


def write_family(folder: Path, per_shard=40) -> Family:
    """Sets whose units 21 to 30 take 20 items of nounpp SP each; PP is at ceiling under all.

    Simple P loses one item under the even sets, and S is at ceiling.
    """
    sets = sets_of(TESTED)
    scores, stimuli = {}, {}
    for task, conditions in CONDITIONS.items():
        names = np.repeat(conditions, N)
        margin = np.ones(2 * N)
        margin[:10] = -1 if task == "nounpp" else 1  # the intact model misses ten of SP
        scores[task] = Result(intact_rows(np.arange(2 * N), names, margin), FROM_MODEL)
        numbers = {
            "item": np.arange(2 * N, dtype=np.int32),
            "subject_number": [NUMBER[name[0]] for name in names],
            "attractor_numbers": [[NUMBER[letter] for letter in name[1:]] for name in names],
        }
        stimuli[task] = Result(pa.table(numbers), FROM_MODEL)
    blocks = []
    for number, units in sets.frame.groupby("set")["unit"].agg(list).items():
        margins = {task: np.ones(2 * N) for task in CONDITIONS}
        margins["nounpp"][:10] = -1
        costly = sum(21 <= unit <= 30 for unit in units)
        margins["nounpp"][5 : 10 + 20 * costly] = -1
        margins["nounpp"][:5] = 1  # five that only the ablated models answer
        margins["nounpp"][N : N + 3] = 1e-5  # near ties
        if number % 2 == 0:
            margins["simple"][-1] = -1
        blocks.append((number, {task: (np.arange(2 * N), m) for task, m in margins.items()}))
    made = {"checkpoint_sha256": "model", "stimuli_sha256": "stimuli", "config": {"mode": "zero"}}
    shards = []
    for first in range(0, len(blocks), per_shard):
        part = blocks[first : first + per_shard]
        path = folder / f"short_range_{part[0][0]:04d}-{part[-1][0]:04d}.parquet"
        shards.append(write_shard(path, part, key="set", **made))
    return Family(open_margins(shards, "set"), scores, stimuli, sets)


@pytest.fixture(scope="module")
def family(tmp_path_factory) -> Family:
    return write_family(tmp_path_factory.mktemp("family"))


@pytest.fixture(scope="module")
def counted(family):
    return count_sets(*family.arguments())


@pytest.fixture(scope="module")
def table(counted):
    return control_table(counted, "short_range").set_index(["task", "condition"])


def p_values(counts, observed: int) -> tuple[float, float]:
    """Of one count among others: ours and the paper's."""
    counts = np.asarray(counts)
    n = len(counts)
    return rank_p(int((counts <= observed).sum()), n), rank_p(int((counts < observed).sum()), n)


def test_all_at_ceiling_is_no_evidence_here_and_is_in_the_paper():
    assert p_values([600] * 1000, 600) == (1.0, 1 / 1001)


@given(st.lists(st.integers(0, 12), min_size=2, max_size=40))
def test_p_is_valid_for_every_draw_of_exchangeable_sets_whatever_the_ties(counts):
    # Each of the counts is the tested one with equal probability: P(p <= alpha) <= alpha exactly.
    p = [p_values(counts[:i] + counts[i + 1 :], counts[i])[0] for i in range(len(counts))]
    for rank in range(1, len(counts) + 1):
        assert sum(value <= rank / len(counts) + 1e-12 for value in p) <= rank


def test_without_ties_p_is_uniform_and_equals_the_papers():
    counts = np.random.default_rng(0).permutation(50).tolist()
    both = [p_values(counts[:i] + counts[i + 1 :], counts[i]) for i in range(50)]
    assert sorted(p for p, _ in both) == pytest.approx([(i + 1) / 50 for i in range(50)])
    assert all(p == paper for p, paper in both)


def damage(units, cost, rng) -> int:
    """Right items of 200 under a set: each unit of layer 2 costs something, layer 1 nothing."""
    lost = sum(cost[unit - 1] for unit in units)
    return int(rng.binomial(200, max(0.02, 0.9 - lost)))


def simulated_p(match: str, n_tests=300, n_sets=39) -> np.ndarray:
    """Tested sets without any property but their layer, against their null."""
    rng = np.random.default_rng(8)
    cost = np.r_[np.zeros(20), rng.uniform(0.0, 0.1, 30)]
    found = []
    for number in range(n_tests):
        tested = rng.choice(np.arange(21, 51), 4, replace=False)  # any four of layer 2
        sets = draw_sets(tested, SIZES, n_sets, number, match)
        counts = [damage(chosen.units, cost, rng) for chosen in sets]
        found.append(p_values(counts[1:], counts[0])[0])
    return np.array(found)


def test_random_tested_sets_are_not_significant_more_often_than_they_may_be():
    p = simulated_p("layer")
    for alpha in (0.05, 0.1, 0.25, 0.5):
        assert (p <= alpha).mean() <= alpha + 3 * np.sqrt(alpha * (1 - alpha) / len(p))
    assert (p <= 0.5).mean() > 0.4  # nor is the test idle


def test_a_null_over_all_layers_calls_a_costly_layer_significant():
    # Why matching by layer is the default.
    assert (simulated_p("all") <= 0.05).mean() > 0.15


def test_counts_come_from_the_items(table, family):
    members = family.sets.frame.groupby("set")["unit"].agg(list)
    costly = np.array([sum(21 <= unit <= 30 for unit in units) for units in members])
    right = N - 5 - 20 * costly
    row = table.loc["nounpp", "SP"]
    assert costly[0] == 3 and (row["n"], row["n_units"], row["n_sets"]) == (N, 3, 99)
    assert row["observed"] == right[0] / N
    assert row["full_accuracy"] == (N - 10) / N
    null = right[1:]
    assert row["null_mean"] == pytest.approx(null.mean() / N)
    assert row["null_sd"] == pytest.approx(null.std(ddof=1) / N)
    for name, share in (("q01", 0.01), ("q05", 0.05), ("q50", 0.5), ("q95", 0.95)):
        assert row[f"null_{name}"] == pytest.approx(np.quantile(null, share) / N)
    assert row["difference_to_full"] == pytest.approx((right[0] - (N - 10)) / N)
    assert row["difference_to_null"] == pytest.approx((right[0] - null.mean()) / N)
    assert (row["n_at_most"], row["n_below"]) == ((null <= right[0]).sum(), (null < right[0]).sum())
    assert row["n_at_most"] > row["n_below"] == 0  # other sets of three costly units tie with it
    assert row["p"] == (row["n_at_most"] + 1) / 100
    assert row["p_paper"] == 1 / 100


def test_holm_runs_over_the_chosen_rows_only():
    p = np.array([0.03, 0.001, 0.01, 0.02, 0.5])
    chosen = np.array([True, False, True, True, False])
    # By hand: .01 x 3, .02 x 2, then .03 x 1 raised to the one before.
    np.testing.assert_allclose(holm_over(p, chosen), [0.04, np.nan, 0.03, 0.04, np.nan])
    assert np.isnan(holm_over(p, np.zeros(5, bool))).all()
    np.testing.assert_allclose(holm_over(p, np.ones(5, bool)), [0.06, 0.005, 0.04, 0.06, 0.5])


def test_p_values_are_adjusted_over_testable_rows_that_are_not_congruent(table, counted):
    assert table["adjusted"].to_dict() == {
        ("nounpp", "SP"): True,
        ("nounpp", "PP"): False,
        ("simple", "S"): True,
        ("simple", "P"): True,
    }
    p = table["p"]
    smallest = p["nounpp", "SP"]
    assert smallest < 1 / 6  # so the hand example below is not all ones
    assert table["p_holm"]["nounpp", "SP"] == pytest.approx(3 * smallest)
    assert table["p_holm"]["simple"].tolist() == [1, 1]  # 1 and 2 x 0.5
    assert np.isnan(table["p_holm"]["nounpp", "PP"])
    # Where SP is not testable, two are left; where nothing is, none.
    low = table["full_ci_low"]
    some = control_table(counted, "short_range", minimum_intact=low["nounpp", "SP"])
    assert some["adjusted"].tolist() == [False, False, True, True]
    assert some["p_holm"].isna().tolist() == [True, True, False, False]
    none = control_table(counted, "short_range", minimum_intact=1.0)
    assert not none["adjusted"].any() and none["p_holm"].isna().all()


def test_ceiling_and_ties_in_the_table(table):
    for condition in (("nounpp", "PP"), ("simple", "S")):
        row = table.loc[condition]
        assert (row["p"], row["p_paper"], row["n_at_most"], row["n_below"]) == (1, 0.01, 99, 0)
        assert row["difference_to_full"] == row["difference_to_null"] == 0
        assert row["difference_to_full_ci_low"] == row["difference_to_full_ci_high"] == 0
    row = table.loc["simple", "P"]  # set 0 and half of the others lose one item
    assert (row["n_at_most"], row["n_below"], row["p"]) == (49, 0, 0.5)


def test_near_ties_are_counted(table):
    assert table.loc[("nounpp", "PP"), "n_near_ties"] == 3
    assert table.loc[("nounpp", "PP"), "n_near_ties_null"] == 3 * 99
    assert table.loc[("simple", "S"), "n_near_ties"] == 0


def test_testable_asks_for_the_lower_bound_of_the_intact_accuracy(counted):
    low, _ = proportion_confint(N - 10, N, method="wilson")
    for minimum, testable in ((low - 1e-6, True), (low + 1e-6, False)):
        row = control_table(counted, "short_range", minimum_intact=minimum).iloc[0]
        assert (row["condition"], row["testable"]) == ("SP", testable)
        assert row["full_ci_low"] == pytest.approx(low)


def test_the_paired_interval_agrees_with_the_normal_approximation():
    for lost, gained, n in ((60, 20, 600), (150, 0, 600), (30, 30, 900)):
        low, high = paired_interval(lost, gained, n, 0.95, np.random.default_rng(0))
        difference = (gained - lost) / n
        error = np.sqrt((lost + gained) / n - difference**2) / np.sqrt(n)
        np.testing.assert_allclose(
            [low, high],
            [difference - 1.96 * error, difference + 1.96 * error],
            atol=0.1 * error + 1 / n,
        )
    narrow = paired_interval(60, 20, 600, 0.5, np.random.default_rng(0))
    wide = paired_interval(60, 20, 600, 0.99, np.random.default_rng(0))
    assert wide[0] < narrow[0] < narrow[1] < wide[1]
    assert paired_interval(0, 0, 600, 0.95, np.random.default_rng(0)) == (0, 0)


def test_a_further_task_changes_no_row_but_by_the_correction(family, counted):
    tables = [pq.read_table(path) for path in family.margins.parts]
    alone = tuple(table.filter(pa.compute.equal(table["task"], "nounpp")) for table in tables)
    noun = replace(
        family,
        margins=replace(family.margins, parts=alone),
        scores={"nounpp": family.scores["nounpp"]},
    )
    fewer = control_table(count_sets(*noun.arguments()), "short_range")
    all_rows = control_table(counted, "short_range")
    expected = all_rows[all_rows["task"] == "nounpp"].drop(columns="p_holm")
    pd.testing.assert_frame_equal(
        fewer.drop(columns="p_holm"), expected.reset_index(drop=True), check_exact=True
    )


def test_a_pooled_task_is_one_row_of_all_its_items(family, counted):
    pooled = count_sets(*family.arguments(), pooled_tasks=["simple", "nounpp"])
    assert pooled.congruent == (False, False)  # of both kinds, or without attractors
    pooled = count_sets(*family.arguments(), pooled_tasks=["simple"])
    apart, together = (set_accuracy(c).set_index(["task", "set"]) for c in (counted, pooled))
    assert together.loc["simple", "condition"].unique().tolist() == ["all"]
    assert together.loc["nounpp", "right"].tolist() == apart.loc["nounpp", "right"].tolist()
    summed = apart.loc["simple"].groupby("set")[["n", "right"]].sum()
    assert (together.loc["simple", ["n", "right"]].to_numpy() == summed.to_numpy()).all()
    table = control_table(pooled, "short_range").set_index(["task", "condition"])
    assert table.loc[("simple", "all"), "full_accuracy"] == 1
    assert table.loc[("simple", "all"), "n"] == 2 * N
    assert table.loc[("simple", "all"), "difference_to_full"] == -1 / (2 * N)


def test_accuracy_has_a_row_per_set_task_and_condition(counted):
    accuracy = set_accuracy(counted)
    assert list(accuracy) == ACCURACY_SCHEMA.names
    assert len(accuracy) == 100 * 4
    assert accuracy["set"].is_monotonic_increasing
    np.testing.assert_array_equal(accuracy["accuracy"], accuracy["right"] / accuracy["n"])
    ceiling = accuracy[(accuracy["task"] == "nounpp") & (accuracy["condition"] == "PP")]
    assert (ceiling["right"] == N).all()


def test_both_tables_say_how_they_were_made(family):
    found = control_tests(*family.arguments(), seed=3, pooled_tasks=["simple"], **STATISTICS)
    for result, schema in zip(found, (ACCURACY_SCHEMA, TESTS_SCHEMA), strict=True):
        made = result.metadata
        assert result.content.schema == schema
        assert (made["tested"], made["excluded"], made["reason"]) == (TESTED, [], None)
        expected = {**STATISTICS, "mode": "zero", "pooled_tasks": ["simple"]}
        assert made["config"] == {**family.sets.config, **expected}
        assert (made["checkpoint_sha256"], made["stimuli_sha256"]) == ("model", ["stimuli"])
    tests = found[1].content
    assert tests["p_holm"].is_valid().to_pylist() == tests["adjusted"].to_pylist()


def test_without_a_set_both_tables_have_no_rows_and_say_why():
    none = sets_of([])
    results = control_tests(Margins(()), {}, {}, none, seed=3, **STATISTICS)
    for result, schema in zip(results, (ACCURACY_SCHEMA, TESTS_SCHEMA), strict=True):
        assert result.content.num_rows == 0 and result.content.schema == schema
        assert result.metadata["reason"] == "this model has no short-range unit"
        assert result.metadata["checkpoint_sha256"] == "model"


def test_wrong_shards_are_refused(family):
    first, second, third = family.margins.parts
    for parts, message in (
        ((first, third), "set 40 is missing for the task nounpp"),
        ((first, second, third, first), "set 0 stands in more than one shard"),
    ):
        with pytest.raises(UserError, match=message):
            count_sets(replace(family.margins, parts=parts), *family.arguments()[1:])
    other = replace(family.margins, metadata=make_metadata(checkpoint_sha256="another"))
    with pytest.raises(UserError, match="made from another checkpoint"):
        control_tests(other, *family.arguments()[1:], seed=3, **STATISTICS)
