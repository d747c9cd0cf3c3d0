"""The margin split into parts, and how often parts point right, with and without their constant.

Sums, brute force, invariance to a unit's sign, known answers.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from test_contributions_outputs import STATISTICS, UNITS, marks, planted, row

from lstm_units.analyses.contributions.figure import contributions_figure
from lstm_units.analyses.contributions.parts import contributions
from lstm_units.analyses.contributions.table import (
    constant_preference,
    contributions_legend,
    contributions_table,
    print_table,
)
from lstm_units.errors import InterventionError
from lstm_units.interventions.context_states import read_context, zero_states
from lstm_units.interventions.intact import score_intact
from lstm_units.interventions.interventions import Interventions
from lstm_units.interventions.sweep import Items
from lstm_units.interventions.sweep_reference import sweep_ref
from lstm_units.interventions.trie_reader import SweepSize
from lstm_units.io.seeds import seed_stream
from lstm_units.io.unit_numbers import layer_and_index
from lstm_units.models.cell import lstm_step_ref
from lstm_units.models.language_model import LanguageModel, Layer
from lstm_units.statistics.significance import wilson_interval

INTACT = Interventions("zero", ((),))
PARTS = {"long_range": [7, 12], "short_range": [6, 9, 10]}
SUM = ["long_range", "short_range", "rest", "bias"]


def random_items(n=40, words=8, seed=0) -> Items:
    rng = np.random.default_rng(seed)
    prefixes = [tuple(rng.integers(words, size=rng.integers(1, 6)).tolist()) for _ in range(n)]
    forms = np.array([rng.permutation(words)[:2] for _ in range(n)])
    return Items(tuple(prefixes), forms[:, 0], forms[:, 1])


def negated(model: LanguageModel, unit: int) -> LanguageModel:
    """The same network with the hidden and cell value of one unit negated."""
    depth, index = layer_and_index(model.layer_sizes, unit)
    layers = list(model.layers)
    size = layers[depth].size
    ih, hh, bias = (
        getattr(layers[depth], name).clone() for name in ("weight_ih", "weight_hh", "bias")
    )
    hh[:, index] *= -1
    candidate = 2 * size + index
    for tensor in (ih, hh, bias):
        tensor[candidate] *= -1
    layers[depth] = Layer(ih, hh, bias)
    decoder = model.decoder_weight.clone()
    if depth + 1 < len(layers):
        above = layers[depth + 1].weight_ih.clone()
        above[:, index] *= -1
        layers[depth + 1] = replace(layers[depth + 1], weight_ih=above)
    else:
        decoder[:, index] *= -1
    return replace(model, layers=tuple(layers), decoder_weight=decoder)


def hidden_ref(model: LanguageModel, words) -> torch.Tensor:
    """Hidden values of the last layer after the words, from a zero state, gate by gate."""
    states = [(torch.zeros(1, n, dtype=model.dtype),) * 2 for n in model.layer_sizes]
    for word in words:
        inputs = model.embedding[word : word + 1]
        for depth, layer in enumerate(model.layers):
            step = lstm_step_ref(layer, inputs, *states[depth])
            states[depth] = (step["hidden"], step["cell"])
            inputs = step["hidden"]
    return inputs[0]


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("context", [(), (1, 3, 2, 0)])
def test_the_parts_add_up_to_the_margin_of_torch_lstm(random_model, tied, context):
    model, items = random_model(tied=tied, seed=3), random_items()
    states = read_context(model, INTACT, context)
    split = contributions(model, items, states, PARTS)
    assert list(split.columns) == SUM
    margin = sweep_ref(model, items, INTACT, context)[0]
    np.testing.assert_allclose(split.sum(axis=1), margin, rtol=0, atol=1e-10)


def test_each_part_is_the_sum_over_its_units(random_model):
    model, items = random_model(seed=5), random_items(seed=5)
    split = contributions(model, items, zero_states(model, 1), PARTS, units=[7, 12, 6])
    assert list(split.columns) == [*SUM, "unit_7", "unit_12", "unit_6"]
    first = 1 + sum(model.layer_sizes[:-1])
    of_part = {unit: name for name, units in PARTS.items() for unit in units}
    for item, prefix in enumerate(items.prefixes):
        correct, wrong = items.correct[item], items.wrong[item]
        expected = dict.fromkeys(SUM, 0.0)
        expected["bias"] = float(model.decoder_bias[correct] - model.decoder_bias[wrong])
        for index, value in enumerate(hidden_ref(model, prefix).tolist()):
            weight = float(
                model.decoder_weight[correct, index] - model.decoder_weight[wrong, index]
            )
            expected[of_part.get(first + index, "rest")] += value * weight
            if f"unit_{first + index}" in split.columns:
                assert split[f"unit_{first + index}"][item] == pytest.approx(
                    value * weight, abs=1e-12
                )
        for name in SUM:
            assert split[name][item] == pytest.approx(expected[name], abs=1e-10)


@pytest.mark.parametrize("sizes", [(4,), (5, 7), (3, 4, 6)])
def test_flipping_the_sign_of_any_unit_changes_no_part(random_model, sizes):
    model, items = random_model(sizes, seed=1), random_items(25)
    last = list(range(sum(sizes[:-1]) + 1, sum(sizes) + 1))
    parts = {"long_range": last[:2], "short_range": last[2:3]}
    context = (1, 2, 5)
    split = contributions(model, items, read_context(model, INTACT, context), parts, units=last)
    for unit in range(1, model.n_units + 1):
        other = negated(model, unit)
        states = read_context(other, INTACT, context)
        layer, index = layer_and_index(sizes, unit)
        before = read_context(model, INTACT, context).hidden[layer][0, index]
        assert states.hidden[layer][0, index] == pytest.approx(-float(before), abs=1e-14)
        flipped = contributions(other, items, states, parts, units=last)
        np.testing.assert_allclose(flipped, split, rtol=0, atol=1e-12)


def test_a_unit_that_the_decoder_does_not_read_contributes_nothing(random_model):
    model, items = random_model(seed=2), random_items()
    decoder = model.decoder_weight.clone()
    decoder[:, 12 - 6] = 0  # unit 12 is the seventh of layer 2
    model = replace(model, decoder_weight=decoder)
    parts = {"long_range": [12], "short_range": [7]}
    split = contributions(model, items, zero_states(model, 1), parts)
    assert (split["long_range"] == 0).all()
    assert (split["short_range"] != 0).all()


def test_parts_may_be_empty(random_model):
    model, items = random_model(seed=2), random_items()
    empty = {"long_range": [], "short_range": []}
    split = contributions(model, items, zero_states(model, 1), empty)
    assert (split[["long_range", "short_range"]] == 0).all(axis=None)
    margin = score_intact(model, items, zero_states(model, 1)).margin
    np.testing.assert_allclose(split["rest"] + split["bias"], margin, rtol=0, atol=1e-10)


def test_memory_does_not_change_the_split(random_model):
    model, items = random_model(seed=4), random_items(200)
    split = contributions(model, items, zero_states(model, 1), PARTS, units=[8])
    small = contributions(
        model, items, zero_states(model, 1), PARTS, SweepSize(memory=4000), units=[8]
    )
    np.testing.assert_allclose(small, split, rtol=0, atol=1e-12)


def test_in_single_precision_the_sum_still_is_the_margin(random_model):
    model = random_model((40, 60), 30, dtype=torch.float32, seed=6, scale=2.0)
    items = random_items(300, seed=6)
    split = contributions(model, items, zero_states(model, 1), {"long_range": [41, 77]})
    margin = score_intact(model, items, zero_states(model, 1)).margin
    assert np.abs(margin).max() > 10
    np.testing.assert_allclose(split.sum(axis=1), margin, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("parts", "units", "message"),
    [
        ({"long_range": [5]}, (), "unit 5 is in layer 1"),
        ({"long_range": [13]}, (), "unit 13 does not exist"),
        ({"long_range": [7], "short_range": [7]}, (), "unit 7 stands in long_range and in short"),
        ({"long_range": [7, 7]}, (), "unit 7 stands in long_range and in long_range"),
        ({}, (1,), "unit 1 is in layer 1"),
    ],
)
def test_units_that_do_not_fit_are_refused(random_model, parts, units, message):
    model = random_model()
    with pytest.raises(InterventionError, match=message):
        contributions(model, random_items(), zero_states(model, 1), parts, units=units)


def shares(table, answer="all", group="short_range"):
    """Raw share and share without constant by condition."""
    rows = table[(table["answer"] == answer) & (table["condition"] != "all")]
    names = [f"{group}_right", f"{group}_right_without_constant"]
    return dict(zip(rows["condition"], map(tuple, rows[names].to_numpy()), strict=True))


def towards_singular(items: pd.DataFrame) -> np.ndarray:
    return np.where(items["subject_number"] == "singular", 1.0, -1.0)


@pytest.mark.parametrize("constant", [0.1, 1 / 3, -7.3])
def test_a_part_that_is_its_constant_alone_never_points_right_without_it(constant):
    """Nothing is left, though the mean of equal numbers is a rounding error off."""
    items = planted(n=31)
    items["short_range"] = constant * towards_singular(items)
    table = contributions_table({"nounpp": items}, UNITS, **STATISTICS)
    assert table["short_range_constant"].to_numpy() == pytest.approx(constant)
    raw = (1, 0) if constant > 0 else (0, 1)
    assert shares(table) == {
        **dict.fromkeys(("SS", "SP"), (raw[0], 0)),
        **dict.fromkeys(("PS", "PP"), (raw[1], 0)),
    }


def test_a_signal_below_a_constant_always_points_right_without_it():
    items = planted()
    signal = np.random.default_rng(4).uniform(0.05, 0.2, len(items))
    sign = towards_singular(items)
    for number in (1, -1):  # so that the mean signal is no constant
        signal[sign == number] += 0.1 - signal[sign == number].mean()
    items["short_range"] = signal + 0.6 * sign
    assert signal.min() > 0 and signal.max() < 0.6
    table = contributions_table({"nounpp": items}, UNITS, **STATISTICS)
    assert table["short_range_constant"].to_numpy() == pytest.approx(0.6)
    expected = {"SS": (1, 1), "SP": (1, 1), "PS": (0, 1), "PP": (0, 1)}
    assert shares(table) == shares(table, "wrong") == expected


def test_the_two_shares_of_a_part_that_serves_both_numbers_alike_are_equal():
    items = planted(n=40)
    half = np.random.default_rng(8).normal(0.1, 1, len(items) // 2)
    items["short_range"] = np.tile(half, 2)  # singular subjects first, then plural ones
    table = contributions_table({"nounpp": items}, UNITS, **STATISTICS)
    assert table["short_range_constant"].to_numpy() == pytest.approx(0, abs=1e-15)
    for end in ("", "_low", "_high"):
        raw, without = (
            table[f"short_range_{kind}{end}"] for kind in ("right", "right_without_constant")
        )
        assert 0 < raw.mean() < 1
        np.testing.assert_array_equal(raw, without)


def test_a_constant_weighs_the_numbers_of_subjects_alike_and_is_one_per_task():
    """However many subjects have which number, and whatever the answer."""
    items = planted(("S", "P"), n=30)
    items = items[(items["condition"] == "S") | (items["item"] % 3 == 0)].reset_index(drop=True)
    items["short_range"] = np.where(items["condition"] == "S", 0.7, -0.1)
    number = items["subject_number"].to_numpy()
    assert constant_preference(items["short_range"].to_numpy(), number) == pytest.approx(0.4)
    table = contributions_table(
        {"simple": items, "nounpp": planted()}, UNITS, **STATISTICS
    ).set_index("task")
    assert table.loc["simple", "short_range_constant"].to_numpy() == pytest.approx(0.4)
    assert table.loc["nounpp", "short_range_constant"].to_numpy() == pytest.approx(0)
    legend = " ".join(contributions_legend(table.reset_index(), UNITS, 0.95, {"simple": "Simple"}))
    assert "short-range units towards the singular form, in nats: 0.400 (Simple), 0.0" in legend


@pytest.mark.parametrize("number", [None, "singular", "one unknown"])
def test_without_both_numbers_known_there_is_no_constant(number):
    items = planted()
    if number == "one unknown":
        items.loc[3, "subject_number"] = None
    else:
        items["subject_number"] = number
    table = contributions_table({"nounpp": items}, UNITS, **STATISTICS)
    raw = contributions_table({"nounpp": planted()}, UNITS, **STATISTICS)
    for group in ("long_range", "short_range"):
        names = [f"{group}_right_without_constant{end}" for end in ("", "_low", "_high")]
        assert table[[*names, f"{group}_constant"]].isna().all(axis=None)
        pd.testing.assert_series_equal(table[f"{group}_right"], raw[f"{group}_right"])
    assert set(print_table(table, UNITS)["short-range without constant, %"]) == {"-"}
    legend = " ".join(contributions_legend(table, UNITS, 0.95))
    assert "No constant of the short-range units is known in nounpp" in legend
    assert "estimated anew" not in legend
    figure = contributions_figure(table, UNITS)
    assert len(marks(figure.axes[1])) == 4 * 2 * 2
    assert not any("constant" in text.get_text() for text in figure.legends[0].get_texts())


def test_swapping_singular_and_plural_turns_the_constant_alone():
    items = planted()
    items["short_range"] += 0.2 * towards_singular(items)
    swapped = items.replace({"subject_number": {"singular": "plural", "plural": "singular"}})
    one, two = (contributions_table({"nounpp": t}, UNITS, **STATISTICS) for t in (items, swapped))
    assert one["short_range_constant"].to_numpy() == pytest.approx(0.2)
    constants = ["long_range_constant", "short_range_constant"]
    two[constants] *= -1
    pd.testing.assert_frame_equal(one, two)


def test_negating_a_unit_changes_no_share_and_no_constant(random_model):
    model, items = random_model(seed=3), random_items(60)
    number = np.random.default_rng(2).permutation(["singular", "plural"] * 30)
    tables = []
    for network in (model, negated(model, 7), negated(model, 8), negated(model, 3)):
        parts = {name: UNITS[name] for name in ("long_range", "short_range")}
        split = contributions(network, items, zero_states(network, 1), parts)
        split = split.assign(
            item=np.arange(60),
            condition=np.where(number == "singular", "S", "P"),
            subject_number=number,
            margin=split.sum(axis=1),
            right=split.sum(axis=1) > 0,
            subject_lemma=[f"noun {item % 5}" for item in range(60)],
            verb_lemma=[f"verb {item % 4}" for item in range(60)],
        )
        tables.append(contributions_table({"simple": split}, UNITS, **STATISTICS))
    assert tables[0]["short_range_right"].nunique() > 2
    for other in tables[1:]:
        pd.testing.assert_frame_equal(tables[0], other, rtol=1e-10)


def test_intervals_of_shares_are_those_of_a_direct_crossed_bootstrap():
    items = planted(n=18, seed=6)
    items["short_range"] = np.random.default_rng(6).normal(0.3, 1, len(items))
    table = contributions_table({"nounpp": items}, UNITS, **STATISTICS)
    constant = table["short_range_constant"].iloc[0]
    sign = towards_singular(items)
    for condition, answer in (("SP", "all"), ("PP", "right"), ("all", "wrong")):
        chosen = (
            np.ones(len(items), bool) if condition == "all" else items["condition"] == condition
        )
        if answer != "all":
            chosen &= items["right"] == (answer == "right")
        here = items[chosen]
        nouns, verbs = (sorted(set(here[name])) for name in ("subject_lemma", "verb_lemma"))
        rng = seed_stream(1, "contributions", "nounpp", condition, answer)
        weights = [
            rng.multinomial(len(words), np.full(len(words), 1 / len(words)), size=200)
            for words in (nouns, verbs)
        ]
        found = row(table, "nounpp", condition, answer)
        for name, left in (
            ("short_range_right", here["short_range"]),
            ("short_range_right_without_constant", here["short_range"] - constant * sign[chosen]),
        ):
            draws = []
            for of_noun, of_verb in zip(*weights, strict=True):
                total = right = 0
                for noun, verb, value in zip(
                    here["subject_lemma"], here["verb_lemma"], left, strict=True
                ):
                    count = of_noun[nouns.index(noun)] * of_verb[verbs.index(verb)]
                    total, right = total + count, right + count * (value > 0)
                if total:
                    draws.append(right / total)
            assert 0 < found[name] < 1
            expected = np.quantile(draws, [0.025, 0.975])
            np.testing.assert_allclose(found[[f"{name}_low", f"{name}_high"]].tolist(), expected)


def test_shares_are_less_certain_where_the_word_decides_them():
    items = planted(n=60)
    items["short_range"] = np.where(items["subject_lemma"].isin(["noun 0", "noun 1"]), -1.0, 1.0)
    known = row(contributions_table({"n": items}, UNITS, **STATISTICS), "n", "SS", "all")
    unknown = items.assign(subject_lemma=None, verb_lemma=None)
    plain = row(contributions_table({"n": unknown}, UNITS, **STATISTICS), "n", "SS", "all")
    name = "short_range_right"
    assert known[name] == plain[name] == pytest.approx(2 / 3)
    wilson = np.ravel(wilson_interval(40, 60))
    np.testing.assert_allclose(plain[[f"{name}_low", f"{name}_high"]].tolist(), wilson)
    assert known[f"{name}_high"] - known[f"{name}_low"] > 1.5 * np.diff(wilson)[0]


def test_the_legend_explains_each_share_and_names_units_against_their_number():
    items = planted()
    legend = contributions_legend(
        contributions_table({"n": items}, UNITS, **STATISTICS), UNITS, 0.9
    )
    starts = (
        "right, %:",
        "without constant, %:",
        "Constant of the long-range units",
        "Brackets of",
    )
    for start in starts:
        assert sum(sentence.startswith(start) for sentence in legend) == 1
    assert "the same bootstrap; Wilson" in legend[-1] and "90% intervals" in legend[0]
    assert "not estimated anew" in legend[-1]
    assert not any("against" in sentence for sentence in legend)
    units = {**UNITS, "short_range_against": [9]}
    legend = contributions_legend(
        contributions_table({"n": items}, units, **STATISTICS), units, 0.9
    )
    assert "Short-range, but push the verb form against the number they hold: 9." in legend
