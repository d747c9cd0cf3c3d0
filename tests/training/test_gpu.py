"""What runs on a GPU gives what the CPU gives. Without a GPU all of it skips."""

import logging
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from test_sweep import CONTEXT, SHAPES, random_items, sweep_and_reference
from test_training import SMALL, WORDS, gradients, random_text, run

from lstm_units.interventions.context_states import read_context
from lstm_units.interventions.interventions import MODES, single_units
from lstm_units.interventions.model_inputs import Compute, sweep_size
from lstm_units.interventions.sweep import sweep
from lstm_units.interventions.trie_reader import SweepSize
from lstm_units.runtime.devices import exact_matrix_products, free_memory, job_device
from lstm_units.training import loss as training_loss
from lstm_units.training.loop import train
from lstm_units.training.loss import (
    TailSampler,
    backward_full,
    backward_sampled,
    full_loss_ref,
    perplexity,
    sampled_loss_ref,
)
from lstm_units.training.network import new_network
from lstm_units.training.text import TrainingText

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
GPU = torch.device("cuda", 0)


@pytest.fixture(autouse=True)
def exact():
    exact_matrix_products()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", SHAPES)
def test_margins_equal_those_of_edited_weights_on_the_cpu(random_model, shape, dtype, mode):
    model = random_model(dtype=dtype, **SHAPES[shape])
    items, interventions, expected = sweep_and_reference(model, mode)
    there = model.to(device=GPU)
    states = read_context(there, interventions, CONTEXT)
    found = sweep(there, items, interventions, states)
    tolerance = 2e-4 if dtype == torch.float32 else 1e-10
    assert np.abs(found - expected).max() < tolerance


@pytest.mark.parametrize(("n_words", "units", "tokens"), [(7, 3, 12), (60, 5, 1300), (90, 8, 9000)])
def test_losses_in_pieces_equal_the_plain_ones(monkeypatch, n_words, units, tokens):
    monkeypatch.setattr(training_loss, "_GPU_LOGITS", 1)  # the smallest pieces, 256 tokens
    torch.manual_seed(n_words)
    problem = [torch.randn(size, units) for size in (tokens, n_words)] + [torch.randn(n_words)]
    targets = torch.randint(n_words, (tokens,))
    here = gradients(full_loss_ref, *(part.requires_grad_() for part in problem), targets)
    moved = [part.detach().to(GPU).requires_grad_() for part in problem]
    sample = TailSampler(torch.arange(n_words, 0, -1), 5, 9).draw(1)
    sampled = gradients(sampled_loss_ref, *problem, targets, sample)
    for expected, compute in (
        (here, lambda *args: backward_full(*args, targets.to(GPU))),
        (sampled, lambda *args: backward_sampled(*args, targets.to(GPU), sample.to(GPU))),
    ):
        loss, there = gradients(compute, *moved)
        assert loss == pytest.approx(expected[0], abs=1e-5)
        for a, b in zip(there, expected[1], strict=True):
            torch.testing.assert_close(a.cpu(), b, atol=1e-5, rtol=1e-3)


def trained_on(device, settings, folder):
    folder.mkdir()
    network = new_network(settings, WORDS).to(device)
    rows = train(network, random_text(), settings, folder, "one", lambda step: None)
    return network, rows


@pytest.mark.parametrize("softmax", ["full", "sampled"])
def test_training_follows_that_of_the_cpu(tmp_path, softmax):
    # Without dropout: masks are drawn by the device.
    settings = replace(SMALL, dropout=0.0, softmax=softmax, head=4, sample=5)
    here, rows = trained_on(torch.device("cpu"), settings, tmp_path / "cpu")
    there, rows_there = trained_on(GPU, settings, tmp_path / "gpu")
    for name, tensor in here.tensors().items():
        torch.testing.assert_close(there.tensors()[name].cpu(), tensor, atol=5e-4, rtol=1e-3)
    for row, other in zip(rows, rows_there, strict=True):
        expected = row["training_perplexity"]
        assert other["training_perplexity"] == pytest.approx(expected, rel=1e-3)
    ids = random_text().validation
    assert perplexity(there, ids)[0] == pytest.approx(perplexity(here, ids)[0], rel=1e-3)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_stopped_training_goes_on_where_it_was(tmp_path, monkeypatch, precision):
    import test_training

    settings = replace(SMALL, precision=precision)
    monkeypatch.setattr(test_training, "new_network", lambda s, n: new_network(s, n).to(GPU))
    whole, rows, _ = run(settings, tmp_path / "whole")
    assert run(settings, tmp_path / "part", stop_after=5)[1] is None
    after, rows_after, kept = run(settings, tmp_path / "part")
    assert 0 not in kept  # it did not begin anew
    # Sums are added in any order on a GPU, so the weights may differ in their last digits.
    tolerance = 1e-4 if precision == "float32" else 2e-2
    for name, tensor in whole.tensors().items():
        torch.testing.assert_close(after.tensors()[name], tensor, atol=tolerance, rtol=1e-3)
    for row, other in zip(rows, rows_after, strict=True):
        assert other["step"] == row["step"]
        expected = pytest.approx(row["training_perplexity"], rel=tolerance)
        assert other["training_perplexity"] == expected


def test_a_text_of_small_integers_is_read_on_the_gpu(tmp_path):
    text = random_text()
    for kind in (torch.uint16, torch.int32):
        moved = TrainingText(text.train.to(torch.int64).to(kind), text.validation, text.counts)
        network = new_network(SMALL, WORDS).to(GPU)
        rows = train(network, moved, SMALL, tmp_path, str(kind), lambda step: None)
        assert rows[-1]["step"] == SMALL.steps


def test_a_job_leases_the_gpu(tmp_path):
    with job_device("auto", str(tmp_path)) as device:
        assert device == GPU


def large_problem(random_model):
    model = random_model(layer_sizes=(256, 256), embedding_size=64, dtype=torch.float32)
    items, interventions = random_items(n=2000), single_units("zero", range(1, 513))
    there = model.to(device=GPU)
    return there, items, interventions, read_context(there, interventions, CONTEXT)


def test_a_sweep_goes_on_with_half_when_the_memory_runs_out(random_model, caplog):
    model, items, interventions, states = large_problem(random_model)
    size = SweepSize(memory=20 * 2**30, rows=65536, tile_rows=65536)
    expected = sweep(model, items, interventions, states, size)
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(GPU).total_memory
    try:
        torch.cuda.set_per_process_memory_fraction(2**29 / total)  # 0.5 GiB, as if others had it
        with caplog.at_level(logging.INFO):
            found = sweep(model, items, interventions, states, size)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert "going on with" in caplog.text
    assert np.abs(found - expected).max() < 1e-4


HOG = """
import sys, time, torch
free, _ = torch.cuda.mem_get_info(0)
held = torch.empty(free - int(sys.argv[1]), dtype=torch.uint8, device="cuda")
torch.cuda.synchronize()
print("held", flush=True)
time.sleep(120)
"""


def test_two_users_share_a_gpu(random_model):
    # The other program takes all but 0.75 GiB between the choice of the size and the sweep.
    model, items, interventions, states = large_problem(random_model)
    size = sweep_size(Compute(), GPU)
    assert size.memory > 0.8 * free_memory(GPU)
    expected = sweep(model, items, interventions, states, size)
    torch.cuda.empty_cache()
    room = int(0.75 * 2**30)
    hog = subprocess.Popen(
        [sys.executable, "-c", HOG, str(room)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert hog.stdout.readline() == "held\n"
        found = sweep(model, items, interventions, states, size)
        small = sweep_size(Compute(), GPU)
        assert small.memory <= room
        again = sweep(model, items, interventions, states, small)
    finally:
        hog.kill()
        hog.wait()
        hog.stdout.close()
    assert np.abs(found - expected).max() < 1e-4
    assert np.abs(again - expected).max() < 1e-4
