"""Mean contributions and how often they point right, with and without a constant; and in print."""

import re

import numpy as np
import pandas as pd
import pytest
from support.made_contributions import SUM, UNITS, made_contributions

from lstm_units.analyses.contributions.summary import constant_preference, summarise_contributions
from lstm_units.analyses.contributions.table import contributions_legend, printed_table
from lstm_units.io.seeds import seed_stream
from lstm_units.statistics.significance import wilson_interval

ENDS = ("", "_low", "_high")


def summary(items, task="nounpp", units=UNITS) -> pd.DataFrame:
    by_task = items if isinstance(items, dict) else {task: items}
    return summarise_contributions(by_task, units, confidence=0.95, samples=200, seed=1)


def legend_of(table, units=UNITS, confidence=0.95, labels=None) -> str:
    return " ".join(contributions_legend(table, units, confidence, labels))


def row(table, condition, answer) -> pd.Series:
    chosen = table[(table[["condition", "answer"]] == [condition, answer]).all(axis=1)]
    assert len(chosen) == 1
    return chosen.iloc[0]


def shares(table, answer="all", group="short_range"):
    """Raw share and share without constant by condition."""
    rows = table[(table["answer"] == answer) & (table["condition"] != "all")]
    names = [f"{group}_right", f"{group}_right_without_constant"]
    return dict(zip(rows["condition"], map(tuple, rows[names].to_numpy()), strict=True))


def towards_singular(items: pd.DataFrame) -> np.ndarray:
    return np.where(items["subject_number"] == "singular", 1.0, -1.0)


# Means and shares


def test_the_summary_finds_the_planted_means_and_shares():
    items = made_contributions()
    table = summary(items)
    assert len(table) == 5 * 3
    wrong = row(table, "SP", "wrong")
    assert (wrong["n"], wrong["long_range_right"], wrong["short_range_right"]) == (10, 0.9, 0)
    assert wrong["long_range"] == pytest.approx((9 - 0.5) / 10)
    assert wrong["short_range"] == pytest.approx(-0.3)
    chosen = items[(items["condition"] == "SP") & ~items["right"]]
    assert wrong["rest"] == pytest.approx(chosen["rest"].mean())
    for end in ENDS:
        assert wrong[f"bias{end}"] == pytest.approx(0.1)  # a constant has no spread
    assert wrong["long_range_right_low"] < 0.9 < wrong["long_range_right_high"]
    # Of a share of 0, Wilson's interval.
    low, high = (wrong[f"short_range_right_{end}"] for end in ("low", "high"))
    assert (low, high) == pytest.approx((0, 0.2775), abs=1e-4)
    pooled = row(table, "all", "all")
    assert pooled["n"] == len(items)
    assert pooled["margin"] == pytest.approx(items["margin"].mean())


def test_parts_of_the_mean_add_up_in_every_row():
    table = summary(made_contributions())
    np.testing.assert_allclose(table[SUM].sum(axis=1), table["margin"], atol=1e-12)
    for name in [*SUM, "margin"]:
        assert (table[f"{name}_low"] <= table[name] + 1e-12).all()
        assert (table[name] <= table[f"{name}_high"] + 1e-12).all()


def test_a_further_task_changes_no_row_of_the_others():
    simple = made_contributions(("S", "P"))
    both = summary({"nounpp": made_contributions(seed=3), "simple": simple})
    assert list(dict.fromkeys(both["task"])) == ["simple", "nounpp"]
    found = both[both["task"] == "simple"].reset_index(drop=True)
    pd.testing.assert_frame_equal(found, summary(simple, "simple"))


def test_without_known_words_items_are_resampled_and_it_is_said():
    items = made_contributions(n=60)
    assert set(summary(items)["resampled"]) == {"subject and verb lemmas"}
    found = summary(items.assign(subject_lemma=None, verb_lemma=None))
    assert set(found["resampled"]) == {"items"}
    share = row(found, "SS", "all")
    low, high = wilson_interval(54, 60)
    assert share["long_range_right"] == pytest.approx(0.9)
    assert share["long_range_right_low"] == pytest.approx(low)
    assert share["long_range_right_high"] == pytest.approx(high)
    legend = legend_of(found)
    assert "bootstrap over items." in legend
    assert legend.endswith("95% Wilson intervals, which ignore that items share words.")


def test_intervals_of_shares_are_those_of_a_direct_crossed_bootstrap():
    items = made_contributions(n=18, seed=6)
    items["short_range"] = np.random.default_rng(6).normal(0.3, 1, len(items))
    table = summary(items)
    left = items["short_range"] - table["short_range_constant"].iloc[0] * towards_singular(items)
    of = {"short_range_right": items["short_range"], "short_range_right_without_constant": left}
    for condition, answer in (("SP", "all"), ("PP", "right"), ("all", "wrong")):
        chosen = (condition == "all") | (items["condition"] == condition)
        chosen &= (answer == "all") | (items["right"] == (answer == "right"))
        nouns, verbs = (items.loc[chosen, name] for name in ("subject_lemma", "verb_lemma"))
        rng = seed_stream(1, "contributions", "nounpp", condition, answer)
        draws = []
        for words in (nouns, verbs):
            names = sorted(set(words))
            weight = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=200)
            draws.append(weight[:, [names.index(word) for word in words]])  # (samples, items)
        weight = draws[0] * draws[1]
        weight = weight[weight.sum(axis=1) > 0]
        found = row(table, condition, answer)
        for name, value in of.items():
            assert 0 < found[name] < 1
            drawn = weight @ (value[chosen].to_numpy() > 0) / weight.sum(axis=1)
            expected = np.quantile(drawn, [0.025, 0.975])
            np.testing.assert_allclose(found[[f"{name}_low", f"{name}_high"]].tolist(), expected)


# Without what a part adds to one form whatever the subject


@pytest.mark.parametrize("constant", [0.1, 1 / 3, -7.3])
def test_a_part_that_is_its_constant_alone_never_points_right_without_it(constant):
    """Nothing is left, though the mean of equal numbers is a rounding error off."""
    items = made_contributions(n=31)
    items["short_range"] = constant * towards_singular(items)
    table = summary(items)
    assert table["short_range_constant"].to_numpy() == pytest.approx(constant)
    singular, plural = (1, 0) if constant > 0 else (0, 1)
    expected = {"SS": singular, "SP": singular, "PS": plural, "PP": plural}
    assert shares(table) == {name: (raw, 0) for name, raw in expected.items()}


def test_a_signal_below_a_constant_always_points_right_without_it():
    items = made_contributions()
    signal = np.random.default_rng(4).uniform(0.05, 0.2, len(items))
    sign = towards_singular(items)
    for number in (1, -1):  # so that the mean signal is no constant
        signal[sign == number] += 0.1 - signal[sign == number].mean()
    items["short_range"] = signal + 0.6 * sign
    assert signal.min() > 0 and signal.max() < 0.6
    table = summary(items)
    assert table["short_range_constant"].to_numpy() == pytest.approx(0.6)
    expected = {"SS": (1, 1), "SP": (1, 1), "PS": (0, 1), "PP": (0, 1)}
    assert shares(table) == shares(table, "wrong") == expected


def test_a_constant_weighs_the_numbers_of_subjects_alike_and_is_one_per_task():
    """However many subjects have which number, and whatever the answer."""
    items = made_contributions(("S", "P"))
    items = items[(items["condition"] == "S") | (items["item"] % 3 == 0)].reset_index(drop=True)
    items["short_range"] = np.where(items["condition"] == "S", 0.7, -0.1)
    number = items["subject_number"].to_numpy()
    assert constant_preference(items["short_range"].to_numpy(), number) == pytest.approx(0.4)
    table = summary({"simple": items, "nounpp": made_contributions()})
    constants = table.groupby("task")["short_range_constant"].agg(["min", "max"])
    np.testing.assert_allclose(constants.loc[["simple", "nounpp"]], [[0.4] * 2, [0] * 2], atol=1e-9)
    legend = legend_of(table, labels={"simple": "Simple"})
    assert "short-range units towards the singular form, in nats: 0.400 (Simple), 0.0" in legend


@pytest.mark.parametrize("number", [None, "singular", "one unknown"])
def test_without_both_numbers_known_there_is_no_constant(number):
    items = made_contributions()
    raw = summary(items)
    if number == "one unknown":
        items.loc[3, "subject_number"] = None
    else:
        items["subject_number"] = number
    table = summary(items)
    for group in ("long_range", "short_range"):
        names = [f"{group}_right_without_constant{end}" for end in ENDS]
        assert table[[*names, f"{group}_constant"]].isna().all(axis=None)
        pd.testing.assert_series_equal(table[f"{group}_right"], raw[f"{group}_right"])
    assert set(printed_table(table, UNITS)["short-range without constant, %"]) == {"-"}
    legend = legend_of(table)
    assert "No constant of the short-range units is known in nounpp" in legend
    assert "estimated anew" not in legend


# In print


def test_without_units_there_is_no_share():
    units = {**UNITS, "long_range": []}
    table = summary(made_contributions().assign(long_range=0.0), units=units)
    names = [f"long_range_right{kind}{end}" for kind in ("", "_without_constant") for end in ENDS]
    assert table[[*names, "long_range_constant"]].isna().all(axis=None)
    assert table["short_range_right"].notna().all()
    shown = printed_table(table, units)
    assert set(shown["long-range"]) == {"-"} and "-" not in set(shown["short-range"])
    assert [name for name in shown if "%" in name] == [
        *("short-range right, %", "short-range without constant, %")
    ]
    assert "There is no long-range unit in layer 2" in legend_of(table, units)


def test_conditions_without_items_and_single_items_are_said_so():
    items = made_contributions(("S", "P")).query("condition == 'P' or right")
    wrong = items.index[~items["right"]]
    table = summary(items.drop(index=wrong[1:]))
    none, single = row(table, "S", "wrong"), row(table, "P", "wrong")
    assert none["n"] == 0 and np.isnan(none["margin"]) and np.isnan(none["long_range_right"])
    assert single["n"] == 1 and np.isfinite(single["margin"]) and np.isnan(single["margin_low"])
    shown = printed_table(table, UNITS)
    assert shown.loc[none.name, "margin"] == "-"
    assert "[" not in shown.loc[single.name, "margin"]


def test_cells_for_people_hold_mean_and_interval_without_minus_zero():
    shown = printed_table(summary(made_contributions().assign(bias=-0.001)), UNITS)
    assert set(shown["bias"]) == {"0.00 [0.00, 0.00]"}
    for cell in shown["rest"]:
        mean, low, high = map(float, re.fullmatch(r"(\S+) \[(\S+), (\S+)\]", cell).groups())
        assert low <= mean <= high


def test_the_legend_explains_each_share_and_names_units_against_their_number():
    table = summary(made_contributions())
    legend = contributions_legend(table, UNITS, 0.9)
    for start in ("right, %:", "without constant, %:", "Constant of the long-range", "Brackets of"):
        assert sum(sentence.startswith(start) for sentence in legend) == 1
    assert "the same bootstrap; Wilson" in legend[-1] and "90% intervals" in legend[0]
    assert "not estimated anew" in legend[-1]
    against = "Short-range, but push the verb form against the number they hold: 9."
    assert against not in legend
    assert against in contributions_legend(table, {**UNITS, "short_range_against": [9]}, 0.9)
