"""A sweep on a GPU that others use too: it goes on with less memory, and loses nothing.

Without a GPU, what PyTorch raises when one is full is raised by the test.
"""

import logging

import numpy as np
import pytest
import torch
from test_sweep import CONTEXT, random_items

from lstm_units.errors import UserError
from lstm_units.interventions import model_inputs
from lstm_units.interventions import sweep as sweep_module
from lstm_units.interventions.context_states import read_context
from lstm_units.interventions.interventions import single_units
from lstm_units.interventions.model_inputs import Compute, sweep_size
from lstm_units.interventions.prefix_trie import build_trie
from lstm_units.interventions.sweep import sweep
from lstm_units.interventions.trie_reader import Reader, SweepSize, plan, walk_bytes
from lstm_units.runtime import devices
from lstm_units.runtime.devices import is_out_of_memory, memory_errors

READ = Reader.read
FULL = torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


@pytest.fixture
def problem(random_model):
    model = random_model(layer_sizes=(5, 7))
    items, interventions = random_items(n=60), single_units("zero", range(1, 13))
    states = read_context(model, interventions, CONTEXT)
    return model, items, interventions, states, sweep(model, items, interventions, states)


@pytest.fixture
def small_gpu(monkeypatch):
    """Let each walk fail that needs more than so many bytes; return the sizes that went through."""

    def limit(model, room):
        passed = []

        def reading(reader, walk, sink):
            needed = walk_bytes(model, walk, reader.n, reader.depths[0])
            if needed > room():
                raise FULL
            passed.append(needed)
            READ(reader, walk, sink)

        monkeypatch.setattr(Reader, "read", reading)
        return passed

    return limit


def smallest(model, items):
    """Bytes of the walk of one intervention on one prefix at a time."""
    trie = build_trie(items.prefixes)
    return max(
        walk_bytes(model, plan(trie, 1, SweepSize(rows=1)), 1, bottom) for bottom in range(2)
    )


@pytest.mark.parametrize("factor", [1.1, 2, 5])
def test_a_sweep_halves_its_memory_until_it_fits(problem, small_gpu, caplog, factor):
    model, items, interventions, states, expected = problem
    room = factor * smallest(model, items)
    passed = small_gpu(model, lambda: room)
    counted = []
    with caplog.at_level(logging.INFO):
        found = sweep(model, items, interventions, states, SweepSize(memory=1e6), counted.append)
    assert np.abs(found - expected).max() < 1e-10
    assert max(passed) <= room
    assert "the GPU's memory ran out: going on with" in caplog.text
    # Items that are read in parts have prefixes in common; what was lost counts for nothing.
    whole = build_trie(items.prefixes).n_nodes * len(interventions.sets)
    assert whole <= sum(counted) < 1.5 * whole


def test_batches_that_were_done_are_not_done_again(problem, small_gpu, monkeypatch):
    model, items, interventions, states, expected = problem
    calls, scored = [], []
    # Another program takes the memory for a moment.
    small_gpu(model, lambda: calls.append(None) or (10**9 if len(calls) != 6 else 0))
    sweep_batch = sweep_module._sweep_batch

    def scoring(task, chosen, trie, inputs, batch, *rest):
        found = sweep_batch(task, chosen, trie, inputs, batch, *rest)
        scored.append(len(batch) * len(chosen))
        return found

    monkeypatch.setattr(sweep_module, "_sweep_batch", scoring)
    size = SweepSize(memory=1e6, rows=8)  # two interventions at a time
    found = sweep(model, items, interventions, states, size)
    assert np.abs(found - expected).max() < 1e-10
    assert len(calls) > len(scored) > 6
    assert sum(scored) == expected.size


def test_a_sweep_that_never_fits_gives_up_with_the_error_of_the_gpu(problem, small_gpu):
    model, items, interventions, states, _ = problem
    small_gpu(model, lambda: 0)
    with pytest.raises(torch.cuda.OutOfMemoryError):
        sweep(model, items, interventions, states)


def test_other_errors_are_not_taken_for_a_full_gpu(problem, monkeypatch):
    model, items, interventions, states, _ = problem
    calls = []

    def fail(*_):
        calls.append(None)
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(Reader, "read", fail)
    with pytest.raises(RuntimeError, match="illegal"):
        sweep(model, items, interventions, states)
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (FULL, True),
        (RuntimeError("CUDA error: out of memory"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`"), True),
        (RuntimeError("CUDA error: device-side assert triggered"), False),
        (MemoryError("out of memory"), False),
    ],
)
def test_what_counts_as_a_full_gpu(error, full):
    assert is_out_of_memory(error) == full


def test_a_full_gpu_is_told_with_what_to_do():
    gpu = torch.device("cuda", 1)
    told = pytest.raises(
        UserError, match=r"memory of cuda:1 is full.*Tried.*another device, such as cpu"
    )
    with told, memory_errors(gpu):
        raise FULL
    with pytest.raises(RuntimeError, match="another"), memory_errors(gpu):
        raise RuntimeError("another")
    with pytest.raises(torch.cuda.OutOfMemoryError), memory_errors(torch.device("cpu")):
        raise FULL


def test_the_size_on_a_gpu_follows_what_is_free(monkeypatch):
    gpu, cpu = torch.device("cuda", 0), torch.device("cpu")
    monkeypatch.setattr(model_inputs, "free_memory", lambda device: 40 * 2**30)
    assert sweep_size(Compute(memory=1.0), gpu).memory == pytest.approx(36 * 2**30)
    assert sweep_size(Compute(memory=1.0, gpu_memory=3.0), gpu).memory == 3 * 2**30
    assert sweep_size(Compute(memory=1.0, gpu_memory=3.0), cpu).memory == 2**30


def test_free_memory_counts_what_pytorch_keeps_for_this_process(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (10, 80))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 7)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 3)
    assert devices.free_memory(torch.device("cuda", 0)) == 14


@pytest.mark.parametrize("shape", [{"layer_sizes": (6,)}, {"layer_sizes": (4, 9, 5)}])
def test_scores_taken_together_are_those_taken_node_by_node(random_model, monkeypatch, shape):
    model = random_model(**shape)
    items = random_items(n=80)
    interventions = single_units("zero", range(1, model.n_units + 1))
    states = read_context(model, interventions, CONTEXT)
    expected = sweep(model, items, interventions, states)
    scorer = sweep_module._Scorer
    monkeypatch.setattr(scorer, "take", scorer._take_together)
    for rows in (1, 7, 2048):
        found = sweep(model, items, interventions, states, SweepSize(rows=rows))
        assert np.abs(found - expected).max() < 1e-10
