import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import binomtest

from lstm_units.errors import StimuliError
from lstm_units.stimuli.balance import _binomial_p, balance_table, check_balance, require_balance
from lstm_units.stimuli.formats import read_linzen, read_released
from lstm_units.stimuli.generation import generate
from lstm_units.stimuli.table import make_stimuli


@pytest.fixture(scope="module")
def table(english):
    return generate(english, "nounpp_adv", 600, True, 2019)


def natural(words, conditions):
    """Items whose verb is known by its forms only."""
    rows = [
        {"tokens": ["x", w], "verb_position": 1, "correct": w, "wrong": w + "s", "condition": c}
        for w, c in zip(words, conditions, strict=True)
    ]
    return make_stimuli(rows)


def test_counts_add_up_to_the_items_of_each_condition(table):
    balance = balance_table(table)
    assert set(balance["slot"]) == {
        "subject",
        "attractor_1",
        "verb",
        "position 2",
        "position 5",
        "position 8",
    }
    sums = balance.groupby(["slot", "condition"])[["count", "expected", "deviation"]].sum()
    np.testing.assert_allclose(sums.to_numpy(), [[600, 600, 0]] * len(sums), atol=1e-9)
    assert (balance["n"] == 600).all()
    assert set(balance.loc[balance["slot"] == "position 5", "word"]) == {
        "probably",
        "definitely",
        "certainly",
    }


def test_generated_tasks_are_balanced(english, table):
    assert check_balance(table).empty
    assert balance_table(table).query("slot == 'verb'")["deviation"].abs().max() == 0
    for matched in (True, False):
        for task in ("simple", "namepp", "double_subject_relative"):
            made = generate(english, task, 60, matched, 4)
            assert len(require_balance(made, task)) > 0


def test_a_word_used_too_often_in_one_condition_is_flagged(table):
    lemmas = table["subject_lemma"].to_pylist()
    conditions = table["condition"].to_pylist()
    planted = [
        "poet" if c == "SP" and lemma in ("boy", "girl") else lemma
        for lemma, c in zip(lemmas, conditions, strict=True)
    ]
    index = table.schema.get_field_index("subject_lemma")
    flagged = check_balance(table.set_column(index, "subject_lemma", pa.array(planted)))
    assert set(zip(flagged["slot"], flagged["word"], flagged["condition"], strict=True)) == {
        ("subject", word, "SP") for word in ("poet", "boy", "girl")
    }
    with pytest.raises(StimuliError, match=r"task t: 3 words .*poet in SP: 90 instead of 30"):
        require_balance(table.set_column(index, "subject_lemma", pa.array(planted)), "t")


def test_fair_draws_are_seldom_flagged_and_unfair_ones_always():
    generator = np.random.default_rng(0)
    conditions = ["S"] * 200 + ["P"] * 200
    false_alarms = found = 0
    for _ in range(25):
        fair = generator.integers(20, size=400)
        false_alarms += not check_balance(_subjects(fair, conditions)).empty
        # One word of twenty takes a quarter of the items of one condition.
        unfair = np.where(np.arange(400) < 50, 0, fair)
        flagged = check_balance(_subjects(unfair, conditions))
        found += ("S", "w0") in set(zip(flagged["condition"], flagged["word"], strict=True))
    assert false_alarms <= 2
    assert found == 25


def _subjects(words, conditions):
    rows = [
        {
            "tokens": ["x", str(index)],
            "verb_position": 1,
            "correct": "a",
            "wrong": "b",
            "condition": condition,
            "subject_lemma": f"w{word}",
        }
        for index, (word, condition) in enumerate(zip(words, conditions, strict=True))
    ]
    return make_stimuli(rows)


def test_a_word_missing_from_one_condition_is_flagged_even_in_small_samples():
    even = list(range(8)) * 5
    table = _subjects(even + [(w + 1) if w == 0 else w for w in even], ["P"] * 40 + ["S"] * 40)
    flagged = check_balance(table)
    assert flagged[["word", "condition"]].to_numpy().tolist() == [["w0", "S"]]


def test_rounding_of_small_samples_is_not_flagged(english):
    # 15 verbs in 7 items: most cannot occur, and none more than once.
    assert check_balance(generate(english, "nounpp", 7, False, 1)).empty


def test_significant_trifles_are_tolerated():
    words = ["a"] * 52000 + ["b"] * 48000
    table = natural(words, ["S"] * 100000)
    assert check_balance(table, tolerance=0.1).empty
    assert len(check_balance(table, tolerance=0.01)) == 2


def test_natural_text_is_judged_by_the_spread_over_conditions():
    words, conditions = [], []
    for condition, n in (("0", 900), ("1", 300)):
        words += ["is"] * n + ["goes"] * (n // 10) + ["lies"] * (60 if condition == "1" else 0)
        conditions += [condition] * (len(words) - len(conditions))
    table = natural(words, conditions)
    frequent = check_balance(table)
    assert "is/iss" in set(frequent["word"])
    flagged = check_balance(table, expectation="conditions")
    assert set(flagged["word"]) == {"lies/liess"}
    assert set(flagged["condition"]) == {"0", "1"}
    with pytest.raises(StimuliError, match="expectation is 'x'; expected words or conditions"):
        balance_table(table, "x")


def test_p_is_the_binomial_tail():
    table = natural(["a"] * 9 + ["b"], ["S"] * 10)
    balance = balance_table(table).set_index("word")
    # Two-sided, fair coin: 2 * (1 + 10) / 2**10.
    assert balance.loc["a/as", "p"] == pytest.approx(22 / 1024)
    assert balance.loc["a/as", "relative"] == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("trials", "share"), [(1, 0.5), (10, 0.5), (37, 0.05), (600, 1 / 3), (8, 1)]
)
def test_p_is_that_of_the_library(trials, share):
    counts = np.arange(trials + 1)
    expected = [binomtest(int(k), trials, share).pvalue for k in counts]
    np.testing.assert_allclose(_binomial_p(counts, trials, share), expected, atol=1e-9)


@pytest.mark.golden
@pytest.mark.parametrize("task", ["simple", "namepp", "nounpp", "nounpp_adv"])
def test_released_files_are_as_balanced_as_fair_draws(published_data, english, task):
    table = read_released(published_data / "na_tasks_2019" / f"{task}.txt", english)
    assert check_balance(table).empty
    assert set(balance_table(table)["slot"]) >= {"subject", "verb"}


@pytest.mark.golden
def test_published_natural_text_is_not_balanced(published_data):
    folder = published_data / "linzen_2018"
    table = read_linzen(folder / "subj_agr_filtered.text", folder / "subj_agr_filtered.gold")
    flagged = check_balance(table, expectation="conditions")
    assert "are/is" in set(flagged["word"])
