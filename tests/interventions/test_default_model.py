"""The shipped model: the sweep against the plain reference, and its card against the stimuli."""

import numpy as np
import pandas as pd
import pytest
import torch

from lstm_units.interventions.context_states import read_context
from lstm_units.interventions.intact import score_intact
from lstm_units.interventions.interventions import Interventions, single_units
from lstm_units.interventions.sweep import Items, sweep
from lstm_units.interventions.sweep_reference import sweep_ref
from lstm_units.models.checkpoints import load_language_model
from lstm_units.stimuli.formats import read_released
from lstm_units.stimuli.generation import generate
from lstm_units.stimuli.table import read_context_words, scored_items

# Accuracy in % on the released items after the first of the paper's five sentences, by condition,
# as models/wikipedia650/README.md states it.
CARD = {
    "simple": (99.3, 98.7),
    "adv": (99.7, 100),
    "adv_adv": (93.3, 99.9),
    "adv_conjunction": (57.2, 91.3),
    "namepp": (98.3, 56.8),
    "nounpp": (99.0, 60.0, 92.3, 99.7),
    "nounpp_adv": (99.8, 76.7, 100, 100),
}


@pytest.fixture(scope="module")
def default_model(project):
    return load_language_model(project / "models" / "wikipedia650")


def to_items(table, model):
    scored = scored_items(table)
    ids = model.vocabulary.ids
    prefixes = tuple(tuple(ids(prefix)) for prefix in scored.prefixes)
    items = Items(prefixes, np.asarray(ids(scored.correct)), np.asarray(ids(scored.wrong)))
    return items, scored.condition


@pytest.mark.extended
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("mode", ["zero", "legacy", "mean"])
def test_sweep_of_the_default_model_equals_edited_weights(
    english, project, default_model, mode, dtype
):
    model = default_model.to(dtype)
    table = generate(english, "nounpp_adv", 30, True, 2019).slice(0, 120)
    items, _ = to_items(table, model)
    items = items.subset(range(0, 120, 20))
    context = model.vocabulary.ids(
        read_context_words(project / "stimuli" / "english" / "context.txt", "true")
    )[:20]
    values = torch.linspace(-0.5, 0.5, 1300, dtype=dtype)
    interventions = single_units(mode, [1, 77, 650, 651, 776, 1300], values)
    found = sweep(model, items, interventions, read_context(model, interventions, context))
    expected = sweep_ref(model, items, interventions, context)
    tolerance = {torch.float32: 1e-4, torch.float64: 1e-10}[dtype]
    assert np.abs(found - expected).max() < tolerance


@pytest.mark.extended
def test_single_precision_stays_within_the_tolerance_of_double(english, project, default_model):
    items, _ = to_items(generate(english, "nounpp", 60, True, 2019), default_model)
    context = default_model.vocabulary.ids(
        read_context_words(project / "stimuli" / "english" / "context.txt", "true")
    )
    interventions = single_units("zero", [*range(1, 9), *range(651, 659)])
    margins = []
    for model in (default_model, default_model.to(torch.float64)):
        states = read_context(model, interventions, context)
        margins.append(sweep(model, items, interventions, states))
    assert np.abs(margins[0] - margins[1]).max() < 1e-4


@pytest.mark.golden
@pytest.mark.parametrize("task", CARD)
def test_model_card_states_the_accuracy_on_the_released_items(
    english, published_data, default_model, task
):
    table = read_released(published_data / "na_tasks_2019" / f"{task}.txt", english)
    items, conditions = to_items(table, default_model)
    words = read_context_words(published_data / "context_2019.txt", "true")
    first = words[: words.index("<eos>") + 1]
    states = read_context(
        default_model, Interventions("zero", ((),)), default_model.vocabulary.ids(first)
    )
    scores = score_intact(default_model, items, states)
    right = pd.Series(scores.margin > 0).groupby(list(conditions), sort=False).mean() * 100
    assert np.abs(right.to_numpy() - CARD[task]).max() < 0.25
