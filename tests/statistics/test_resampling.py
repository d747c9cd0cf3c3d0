"""Halves keep words together, and the crossed bootstrap equals brute force."""

import numpy as np
import pandas as pd
import pytest

from lstm_units.statistics.resampling import (
    bootstrap_sums,
    choose_groups,
    lexical_groups,
    percentile_interval,
)


def stimuli(rows):
    columns = ["frame", "subject_lemma", "attractor_lemmas", "verb_lemma"]
    return pd.DataFrame(rows, columns=columns).astype(object)


def test_items_of_a_frame_and_of_a_lexical_frame_share_a_group_across_tasks():
    nounpp = stimuli(
        [(0, "boy", ["car"], "greet"), (0, "boy", ["car"], "greet"), (1, "boy", ["dog"], "greet")]
    )
    other = stimuli(
        [(0, "girl", ["car"], "know"), (7, "boy", ["car"], "greet"), (8, "boy", ["dog"], "know")]
    )
    group = lexical_groups({"nounpp": nounpp, "nounpp_adv": other})
    assert group[0] == group[1] == group[4]
    assert len(set(group)) == 4
    assert group[2] not in (group[0], group[5])


def test_items_of_unknown_words_and_frame_stand_alone():
    table = stimuli([(None, None, None, None)] * 3 + [(None, "boy", None, "greet")] * 2)
    group = lexical_groups({"linzen": table})
    assert len(set(group[:3])) == 3
    assert group[3] == group[4]


def test_items_of_one_frame_share_a_group_even_where_their_words_are_unknown():
    group = lexical_groups({"nounpp": stimuli([(0, None, None, None)] * 2)})
    assert group[0] == group[1]


def test_the_order_of_tasks_changes_no_group():
    a = stimuli([(i, f"s{i % 3}", [], f"v{i % 2}") for i in range(12)])
    b = stimuli([(i, f"s{i % 5}", [], f"v{i % 3}") for i in range(9)])
    forward, backward = lexical_groups({"a": a, "b": b}), lexical_groups({"b": b, "a": a})
    np.testing.assert_array_equal(forward, np.concatenate([backward[9:], backward[:9]]))


def test_halves_split_no_group_and_follow_the_seed():
    group = np.repeat([f"group {number}" for number in range(2000)], 4)
    half = choose_groups(group, 0.3, 1)
    by_group = half.reshape(-1, 4)
    assert (by_group.all(axis=1) == by_group.any(axis=1)).all()
    # Binomial with n = 2000, p = .3 has a standard deviation of 20.5.
    assert abs(by_group.any(axis=1).sum() - 600) < 4 * 20.5
    np.testing.assert_array_equal(half, choose_groups(group, 0.3, 1))
    assert (half != choose_groups(group, 0.3, 2)).any()


def test_a_further_task_moves_no_item_to_the_other_half():
    a = stimuli([(i, f"s{i % 3}", ["n"], f"v{i % 5}") for i in range(30)])
    b = stimuli([(i, f"s{i % 5}", [], f"v{i % 3}") for i in range(20)])
    alone = choose_groups(lexical_groups({"a": a}), 0.5, 1)
    assert 0 < alone.sum() < 30
    both = choose_groups(lexical_groups({"b": b, "a": a}), 0.5, 1)
    np.testing.assert_array_equal(alone, both[20:])


def test_crossed_bootstrap_equals_brute_force():
    rng = np.random.default_rng(0)
    subject = rng.choice(list("abcd"), 40)
    verb = rng.choice(list("xyz"), 40)
    values = rng.normal(size=(40, 2))
    found = bootstrap_sums(values, subject.astype(object), verb.astype(object), 50, rng_at(3))
    again = rng_at(3)
    subjects = again.multinomial(4, np.full(4, 1 / 4), size=50)
    verbs = again.multinomial(3, np.full(3, 1 / 3), size=50)
    for sample in range(50):
        weight = [
            subjects[sample]["abcd".index(s)] * verbs[sample]["xyz".index(v)]
            for s, v in zip(subject, verb, strict=True)
        ]
        np.testing.assert_allclose(found.sums[sample], np.array(weight) @ values, atol=1e-9)
    assert found.resampled == "subject and verb lemmas"


def rng_at(seed):
    return np.random.default_rng(seed)


def test_without_lemmas_items_are_drawn_and_it_is_said():
    values = np.column_stack([np.ones(200), np.arange(200) < 60])
    unknown = np.array([None] * 200, dtype=object)
    found = bootstrap_sums(values, unknown, unknown, 4000, rng_at(0))
    assert found.resampled == "items"
    assert (found.sums[:, 0] == 200).all()
    share = found.sums[:, 1] / 200
    assert share.mean() == pytest.approx(0.3, abs=0.005)
    assert share.std() == pytest.approx(np.sqrt(0.3 * 0.7 / 200), rel=0.05)


def test_one_subject_lemma_falls_back_to_items():
    words = np.array(["boy"] * 20, dtype=object)
    verbs = np.array(["greet", "know"] * 10, dtype=object)
    assert bootstrap_sums(np.ones((20, 1)), words, verbs, 10, rng_at(0)).resampled == "items"


def test_the_interval_covers_the_truth_of_a_crossed_design_at_least_as_often_as_stated():
    covered = 0
    rng = rng_at(5)
    for _ in range(100):
        effect = rng.normal(0, 0.5, 20)[:, None] + rng.normal(0, 0.5, 15)[None, :]
        drop = 1.0 + effect + rng.normal(0, 0.5, (20, 15))
        subject = np.repeat([f"s{i}" for i in range(20)], 15).astype(object)
        verb = np.tile([f"v{i}" for i in range(15)], 20).astype(object)
        values = np.column_stack([np.ones(300), drop.ravel()])
        draws = bootstrap_sums(values, subject, verb, 400, rng).sums
        low, high = percentile_interval(draws[:, 1] / draws[:, 0], 0.95)
        covered += low <= 1.0 <= high
    # Binomial: 95 of 100 expected; the percentile interval of 15 levels is slightly narrow.
    assert covered >= 87


def test_draws_that_are_not_numbers_are_left_out():
    assert percentile_interval(np.array([np.nan, 1.0, 1.0]), 0.95) == (1.0, 1.0)
    assert np.isnan(percentile_interval(np.array([np.nan]), 0.95)).all()
