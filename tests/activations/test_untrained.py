"""The untrained network of a model's shape: its distribution, and what its dump says of itself."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from support.number_network import save_checkpoint

from lstm_units.models.checkpoints import CheckpointSource, convert_checkpoint, load_language_model
from lstm_units.models.untrained import (
    untrained_checkpoint_seed,
    untrained_like,
    write_untrained_weights,
)

WORDS = ("<unk>", "<eos>", *(f"w{number}" for number in range(400)))


def tensors(model):
    yield "embedding", model.embedding
    for depth, layer in enumerate(model.layers):
        yield f"weight_ih {depth}", layer.weight_ih
        yield f"weight_hh {depth}", layer.weight_hh
        yield f"bias {depth}", layer.bias
    yield "decoder_weight", model.decoder_weight
    yield "decoder_bias", model.decoder_bias


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("decoder_bias", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_shape_vocabulary_tying_and_type_are_those_of_the_model(
    random_model, tied, decoder_bias, dtype
):
    model = random_model((5, 7, 4), tied=tied, decoder_bias=decoder_bias, dtype=dtype)
    network = untrained_like(model, 0)
    assert network.vocabulary == model.vocabulary
    assert network.tied is tied
    for (name, trained), (_, new) in zip(tensors(model), tensors(network), strict=True):
        assert new.shape == trained.shape, name
        assert new.dtype == dtype, name
        assert name == "decoder_bias" or not torch.equal(new, trained), name
    assert not network.decoder_bias.any()


def test_weights_are_uniform_within_the_bounds_of_the_training_code(random_model):
    network = untrained_like(random_model((30, 60), 50, WORDS), 3)
    bounds = {"embedding": 0.1, "decoder_weight": 0.1}
    for depth, size in enumerate((30, 60)):
        bounds |= {f"weight_ih {depth}": size**-0.5, f"weight_hh {depth}": size**-0.5}
    for name, values in tensors(network):
        if name not in bounds:
            continue
        scaled = (values / bounds[name]).flatten().numpy()
        assert np.abs(scaled).max() <= 1 + 1e-6, name
        # Uniform in (-1, 1): the largest distance between the two distribution functions is
        # beyond 1.95 / sqrt(n) in 1 of 1,000 samples (Kolmogorov and Smirnov).
        n = len(scaled)
        distance = np.abs(np.sort(scaled) / 2 + 0.5 - (np.arange(n) + 0.5) / n).max()
        assert distance < 1.95 / n**0.5, name


def test_the_bias_is_the_sum_of_two_uniform_ones(random_model):
    biases = torch.cat([untrained_like(random_model((64,)), s).layers[0].bias for s in range(40)])
    scaled = biases.numpy() * 8
    assert np.abs(scaled).max() <= 2
    assert np.abs(scaled).max() > 1.5  # one uniform bias alone would stay within 1
    assert np.var(scaled) == pytest.approx(2 / 3, rel=0.05)


def test_a_seed_gives_one_network_and_another_seed_another(random_model):
    model = replace(random_model(), sha256="abc")
    first, again, other = (untrained_like(model, seed) for seed in (1, 1, 2))
    for (name, a), (_, b), (_, c) in zip(*map(tensors, (first, again, other)), strict=True):
        assert torch.equal(a, b), name
        assert name == "decoder_bias" or not torch.equal(a, c), name
    assert first.sha256 == again.sha256
    trained_too = untrained_like(replace(model, sha256="abd"), 1)
    assert len({model.sha256, first.sha256, other.sha256, trained_too.sha256}) == 4
    assert len(first.sha256) == 64


def test_the_network_does_not_depend_on_the_weights_or_on_torch_random_state(random_model):
    torch.manual_seed(1)
    first = untrained_like(random_model(seed=0), 1)
    state = torch.random.get_rng_state()
    torch.manual_seed(2)
    second = untrained_like(random_model(seed=5), 1)
    assert all(
        torch.equal(a, b) for (_, a), (_, b) in zip(tensors(first), tensors(second), strict=True)
    )
    torch.random.set_rng_state(state)


def test_precisions_give_the_same_network_up_to_rounding(random_model):
    model = random_model()
    double, single = untrained_like(model, 4), untrained_like(model.to(torch.float32), 4)
    for (name, a), (_, b) in zip(tensors(double), tensors(single), strict=True):
        torch.testing.assert_close(a.float(), b, rtol=1e-6, atol=1e-7, msg=name)


@pytest.mark.parametrize("tied", [False, True])
def test_untrained_checkpoint_is_converted_like_any_other(random_model, tmp_path, tied):
    """It is the untrained network of the seed, under a sha256 of its own."""
    trained = random_model((5, 7, 4), tied=tied, dtype=torch.float32)
    folder = save_checkpoint(trained, tmp_path / "trained", tied=tied)
    networks = {}
    for seed in (1, 2):
        source = tmp_path / f"{seed}.safetensors"
        write_untrained_weights(load_language_model(folder), seed, source)
        words = {"unk": trained.vocabulary.unk, "eos": trained.vocabulary.eos}
        made = CheckpointSource(source, folder / "vocab.txt", "safetensors", **words)
        convert_checkpoint(made, tmp_path / str(seed))
        networks[seed] = load_language_model(tmp_path / str(seed))
        expected = untrained_like(trained, untrained_checkpoint_seed(seed))
        # The references of the analyses take the seeds as they are.
        assert not torch.equal(untrained_like(trained, seed).embedding, expected.embedding)
        assert networks[seed].vocabulary == trained.vocabulary
        assert networks[seed].tied is tied
        for (name, one), (_, other) in zip(tensors(networks[seed]), tensors(expected), strict=True):
            assert torch.equal(one, other), name
    assert len({trained.sha256, networks[1].sha256, networks[2].sha256}) == 3
