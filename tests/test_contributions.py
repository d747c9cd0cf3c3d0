"""The margin split into parts: sums, brute force, invariance to a unit's sign, known answers."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from lstm_units.context_states import read_context, zero_states
from lstm_units.contributions import contributions
from lstm_units.errors import InterventionError
from lstm_units.intact import score_intact
from lstm_units.interventions import Interventions
from lstm_units.language_model import LanguageModel, Layer, layer_and_index, lstm_step_ref
from lstm_units.sweep import Items
from lstm_units.sweep_reference import sweep_ref
from lstm_units.trie_reader import SweepSize

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
