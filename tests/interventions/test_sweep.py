"""The sweep agrees with edited weights in torch.nn.LSTM, whatever is computed at a time."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lstm_units.errors import InterventionError
from lstm_units.interventions.context_states import read_context, zero_states
from lstm_units.interventions.intact import mean_hidden, score_intact
from lstm_units.interventions.interventions import MODES, Interventions, single_units
from lstm_units.interventions.prefix_trie import build_trie
from lstm_units.interventions.sweep import Items, sweep
from lstm_units.interventions.sweep_reference import sweep_ref
from lstm_units.interventions.trie_reader import SweepSize, read_intact
from lstm_units.models.cell import lstm_step_ref

TOLERANCE = {torch.float32: 1e-4, torch.float64: 1e-10}
SHAPES = {
    "two unequal layers": dict(layer_sizes=(5, 7)),
    "one layer": dict(layer_sizes=(6,)),
    "three layers, tied": dict(layer_sizes=(4, 9, 5), tied=True),
    "four layers, no decoder bias": dict(layer_sizes=(3, 5, 4, 6), decoder_bias=False),
    "two equal layers, small embedding": dict(layer_sizes=(8, 8), embedding_size=3),
    "wide first layer, driven hard": dict(layer_sizes=(12, 4), scale=3.0),
}
CONTEXT = [2, 3, 1, 4, 4, 1]


def random_items(n=40, longest=6, seed=1):
    rng = np.random.default_rng(seed)
    prefixes = [tuple(rng.integers(0, 8, rng.integers(1, longest + 1)).tolist()) for _ in range(n)]
    return Items(tuple(prefixes), rng.integers(0, 4, n), rng.integers(4, 8, n))


def all_kinds_of_sets(model, seed=2):
    rng = np.random.default_rng(seed)
    units = range(1, model.n_units + 1)
    random_sets = [
        tuple(rng.choice(units, size=rng.integers(2, model.n_units), replace=False).tolist())
        for _ in range(6)
    ]
    return (*((unit,) for unit in units), (), (1, model.n_units), tuple(units), *random_sets)


def sweep_and_reference(model, mode):
    """Items, interventions of all kinds, and the margins that edited weights give."""
    items = random_items()
    values = torch.randn(model.n_units, generator=torch.Generator().manual_seed(3))
    interventions = Interventions(mode, all_kinds_of_sets(model), values.to(model.dtype) / 3)
    return items, interventions, sweep_ref(model, items, interventions, CONTEXT)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("shape", SHAPES)
def test_margins_equal_those_of_edited_weights(random_model, shape, dtype, mode):
    model = random_model(dtype=dtype, **SHAPES[shape])
    items, interventions, expected = sweep_and_reference(model, mode)
    states = read_context(model, interventions, CONTEXT)
    found = sweep(model, items, interventions, states)
    assert np.abs(found - expected).max() < TOLERANCE[dtype]
    # The comparison means something only if interventions differ.
    assert np.ptp(expected, axis=0).max() > 1e-2


@settings(deadline=None, max_examples=30)
@given(
    rows=st.integers(1, 200),
    tile_rows=st.integers(1, 64),
    memory=st.floats(2e4, 1e6),
    order=st.randoms(use_true_random=False),
    cut=st.integers(1, 11),
)
def test_results_do_not_depend_on_what_is_computed_at_a_time(
    random_model, rows, tile_rows, memory, order, cut
):
    model = random_model(layer_sizes=(5, 7))
    items = random_items(n=25)
    interventions = single_units("zero", range(1, 13))
    states = read_context(model, interventions, CONTEXT)
    expected = sweep(model, items, interventions, states)
    shuffled = list(range(len(items)))
    order.shuffle(shuffled)
    size = SweepSize(memory=memory, rows=rows, tile_rows=tile_rows)
    for shard in (list(range(cut)), list(range(cut, 12))):
        found = sweep(
            model, items.subset(shuffled), interventions.subset(shard), states.subset(shard), size
        )
        assert np.abs(found - expected[np.ix_(shard, shuffled)]).max() < 1e-10


def test_results_do_not_depend_on_the_number_of_threads(random_model):
    model = random_model(layer_sizes=(64, 96), dtype=torch.float32, embedding_size=32)
    items, interventions = random_items(n=200), single_units("zero", range(1, 161))
    threads = torch.get_num_threads()
    found = []
    try:
        for n in (1, 2, 4):
            torch.set_num_threads(n)
            states = read_context(model, interventions, CONTEXT)
            found.append(sweep(model, items, interventions, states))
    finally:
        torch.set_num_threads(threads)
    assert np.abs(np.ptp(found, axis=0)).max() < 1e-4


def test_the_empty_set_is_the_intact_model(random_model):
    model = random_model(layer_sizes=(5, 7))
    items = random_items()
    nothing = Interventions("zero", ((),))
    states = read_context(model, nothing, CONTEXT)
    scores = score_intact(model, items, states)
    margins = sweep(model, items, nothing, states)[0]
    assert np.abs(scores.margin - margins).max() < 1e-12
    assert np.abs(scores.logp_correct - scores.logp_wrong - margins).max() < 1e-12


def test_legacy_equals_zero_in_the_last_layer_and_not_below(random_model):
    model = random_model(layer_sizes=(5, 7))
    items = random_items()
    margins = {}
    for mode in ("zero", "legacy"):
        interventions = single_units(mode, range(1, 13))
        states = read_context(model, interventions, CONTEXT)
        margins[mode] = sweep(model, items, interventions, states)
    assert np.array_equal(margins["zero"][5:], margins["legacy"][5:])
    assert np.abs(margins["zero"][:5] - margins["legacy"][:5]).max(axis=1).min() > 1e-3


def test_intact_hidden_values_equal_the_gate_by_gate_reference(random_model):
    model = random_model(layer_sizes=(5, 7, 4))
    trie = build_trie(random_items().prefixes)
    states = read_context(model, Interventions("zero", ((),)), CONTEXT)
    for layer in range(3):
        found = read_intact(model, trie, states, layer)
        for node in range(trie.n_nodes):
            hidden = _hidden_ref(model, CONTEXT + trie.path(node))[layer][-1]
            assert torch.allclose(found[node], hidden, atol=1e-12)


def test_mean_hidden_weighs_each_word_by_its_items(random_model):
    model = random_model(layer_sizes=(5, 7))
    items = random_items()
    states = read_context(model, Interventions("zero", ((),)), CONTEXT)
    rows = []
    for prefix in items.prefixes:
        layers = _hidden_ref(model, CONTEXT + list(prefix))
        rows.append(torch.cat([h[len(CONTEXT) :] for h in layers], dim=1))
    expected = torch.cat(rows).mean(dim=0)
    assert torch.allclose(mean_hidden(model, items, states), expected, atol=1e-12)


def test_no_context_starts_from_zeros(random_model):
    model = random_model(layer_sizes=(5, 7))
    items, interventions = random_items(), single_units("zero", [1, 9])
    expected = sweep_ref(model, items, interventions)
    assert np.abs(sweep(model, items, interventions) - expected).max() < 1e-10
    assert read_context(model, interventions, []).hidden[0].abs().max() == 0
    assert zero_states(model, 2).cell[1].shape == (2, 7)


def test_allocations_stay_within_the_memory_limit(random_model):
    # Tensors of a sweep with ever more units and items, counted by the allocator's own profile.
    model = random_model(layer_sizes=(32, 32), dtype=torch.float32)
    limit = 2**20
    for n_items in (50, 400):
        items = random_items(n=n_items, longest=12)
        interventions = single_units("zero", range(1, 65))
        with torch.profiler.profile(profile_memory=True) as profile:
            sweep(model, items, interventions, size=SweepSize(memory=limit))
        live = peak = 0
        for event in profile.profiler.kineto_results.events():
            if event.name() == "[memory]":
                live += event.nbytes()
                peak = max(peak, live)
        results = 64 * n_items * 4
        assert 0 < peak < 1.25 * limit + 2 * results


def test_errors_name_what_is_wrong(random_model):
    model = random_model(layer_sizes=(5, 7))
    items = random_items(n=3)
    with pytest.raises(InterventionError, match=r"unit 13 does not exist.*1 to 12"):
        sweep(model, items, single_units("zero", [13]))
    with pytest.raises(InterventionError, match=r"unit 0 does not exist"):
        sweep(model, items, single_units("zero", [0]))
    with pytest.raises(InterventionError, match="unknown ablation mode 'half'"):
        single_units("half", [1])
    with pytest.raises(InterventionError, match="needs the mean hidden value"):
        single_units("mean", [1])
    with pytest.raises(InterventionError, match="12 values, found shape"):
        sweep(model, items, single_units("mean", [1], torch.zeros(3, dtype=torch.float64)))
    with pytest.raises(InterventionError, match="names a unit twice"):
        Interventions("zero", ((1, 1),))
    with pytest.raises(InterventionError, match="cannot work within"):
        sweep(model, items, single_units("zero", [1]), size=SweepSize(memory=10))


def _hidden_ref(model, words):
    """Hidden values of every layer at every word, shape (words, units), from a zero state."""
    inputs = model.embedding[words]
    layers = []
    for layer in model.layers:
        hidden = cell = model.embedding.new_zeros(1, layer.size)
        rows = []
        for row in inputs:
            step = lstm_step_ref(layer, row[None], hidden, cell)
            hidden, cell = step["hidden"], step["cell"]
            rows.append(hidden[0])
        inputs = torch.stack(rows)
        layers.append(inputs)
    return layers
