"""The margin split into parts: sums, brute force, and invariance to a unit's sign."""

import numpy as np
import pytest
import torch

from lstm_units.analyses.contributions.parts import split_margins
from lstm_units.errors import InterventionError
from lstm_units.interventions.context_states import read_context, zero_states
from lstm_units.interventions.intact import score_intact
from lstm_units.interventions.interventions import Interventions
from lstm_units.interventions.sweep import Items
from lstm_units.interventions.sweep_reference import sweep_ref
from lstm_units.interventions.trie_reader import SweepSize
from lstm_units.models.cell import lstm_step_ref
from lstm_units.models.language_model import LanguageModel

INTACT = Interventions("zero", ((),))
PARTS = {"long_range": [7, 12], "short_range": [6, 9, 10]}
EMPTY = {"long_range": [], "short_range": []}
SUM = ["long_range", "short_range", "rest", "bias"]


def random_items(n=40, words=8, seed=0) -> Items:
    rng = np.random.default_rng(seed)
    prefixes = [tuple(rng.integers(words, size=rng.integers(1, 6)).tolist()) for _ in range(n)]
    forms = np.array([rng.permutation(words)[:2] for _ in range(n)])
    return Items(tuple(prefixes), forms[:, 0], forms[:, 1])


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


@pytest.mark.parametrize(
    ("tied", "context", "parts"),
    [(False, (), PARTS), (True, (1, 3, 2, 0), PARTS), (False, (1, 3, 2, 0), EMPTY)],
)
def test_the_parts_add_up_to_the_margin_of_torch_lstm(random_model, tied, context, parts):
    model, items = random_model(tied=tied, seed=3), random_items()
    split = split_margins(model, items, read_context(model, INTACT, context), parts)
    assert list(split.columns) == SUM
    margin = sweep_ref(model, items, INTACT, context)[0]
    np.testing.assert_allclose(split.sum(axis=1), margin, rtol=0, atol=1e-10)
    assert [(split[name] == 0).all() for name in parts] == [not units for units in parts.values()]


def test_each_part_is_the_sum_over_its_units(random_model):
    model, items = random_model(seed=5), random_items(seed=5)
    split = split_margins(model, items, zero_states(model, 1), PARTS, units=[7, 12, 6])
    assert list(split.columns) == [*SUM, "unit_7", "unit_12", "unit_6"]
    first = 1 + sum(model.layer_sizes[:-1])
    of_part = {unit: name for name, units in PARTS.items() for unit in units}
    for item, prefix in enumerate(items.prefixes):
        correct, wrong = items.correct[item], items.wrong[item]
        weight = model.decoder_weight[correct] - model.decoder_weight[wrong]
        expected = dict.fromkeys(split.columns, 0.0)
        expected["bias"] = float(model.decoder_bias[correct] - model.decoder_bias[wrong])
        for unit, product in enumerate((hidden_ref(model, prefix) * weight).tolist(), first):
            expected[of_part.get(unit, "rest")] += product
            if f"unit_{unit}" in expected:
                expected[f"unit_{unit}"] = product
        assert split.loc[item].to_dict() == pytest.approx(expected, abs=1e-10)


def test_memory_does_not_change_the_split(random_model):
    model, items = random_model(seed=4), random_items(200)
    states, small = zero_states(model, 1), SweepSize(memory=4000)
    split = split_margins(model, items, states, PARTS, units=[8])
    again = split_margins(model, items, states, PARTS, small, units=[8])
    np.testing.assert_allclose(again, split, rtol=0, atol=1e-12)


def test_in_single_precision_the_sum_still_is_the_margin(random_model):
    model = random_model((40, 60), 30, dtype=torch.float32, seed=6, scale=2.0)
    items = random_items(300, seed=6)
    split = split_margins(model, items, zero_states(model, 1), {"long_range": [41, 77]})
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
        split_margins(model, random_items(), zero_states(model, 1), parts, units=units)
