"""The trainer: losses against the plain softmax, exact resumption, and learning agreement."""

import math
from contextlib import nullcontext
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file
from support.agreement_text import agreement_articles, agreement_items, write_text
from support.scripts import run_script
from torch import nn

from lstm_units.config.training_settings import TrainingSettings, kept_steps
from lstm_units.errors import CheckpointError, ConfigurationError, UserError
from lstm_units.io.files import read_json
from lstm_units.models.checkpoints import CheckpointSource, convert_checkpoint
from lstm_units.models.language_model import LanguageModel, Layer, log_probabilities_ref
from lstm_units.models.vocabulary import Vocabulary
from lstm_units.training import loop as training
from lstm_units.training import run as training_run
from lstm_units.training.corpus import CorpusSettings, build_corpus, collect, training_corpus
from lstm_units.training.loop import train
from lstm_units.training.loss import (
    TailSampler,
    backward_full,
    backward_sampled,
    full_loss_ref,
    perplexity,
    sampled_loss_ref,
)
from lstm_units.training.network import LSTMNetwork, adopt_weights, new_network
from lstm_units.training.run import read_starting_point, train_network
from lstm_units.training.sentences import tokenise_text
from lstm_units.training.text import TextStream, TrainingText, read_training_text

WORDS = 20  # of the vocabulary
SMALL = TrainingSettings(
    embedding_size=6,
    layer_sizes=(5, 6),
    dropout=0.3,
    seed=4,
    learning_rate=0.02,
    warm_up=3,
    steps=14,
    batch_size=3,
    window=4,
    checkpoints=4,
    first_checkpoint=1,
    validate_every=5,
    validation_tokens=60,
)


def random_text(n_words=WORDS, n_tokens=400):
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(n_words, (n_tokens,), generator=generator).to(torch.uint16)
    counts = torch.bincount(ids.to(torch.int64), minlength=n_words)
    return TrainingText(ids, ids[:100], counts)


def as_language_model(network, words):
    """The network as the workflow reads it once it is converted."""
    tensors = network.tensors()
    layers = tuple(
        Layer(
            tensors[f"rnn.weight_ih_l{d}"],
            tensors[f"rnn.weight_hh_l{d}"],
            tensors[f"rnn.bias_ih_l{d}"] + tensors[f"rnn.bias_hh_l{d}"],
        )
        for d in range(len(network.layer_sizes))
    )
    embedding = tensors["encoder.weight"]
    decoder = embedding if network.tied else tensors["decoder.weight"]
    return LanguageModel(Vocabulary(words), embedding, layers, decoder, tensors["decoder.bias"])


# Losses.


@pytest.fixture(params=[(7, 3, 12), (40, 9, 700), (60, 5, 1300)])
def problem(request):
    """Hidden values, decoder, bias and targets of several shapes."""
    n_words, units, tokens = request.param
    torch.manual_seed(n_words)
    hidden = torch.randn(tokens, units, requires_grad=True)
    decoder = torch.randn(n_words, units, requires_grad=True)
    bias = torch.randn(n_words, requires_grad=True)
    return hidden, decoder, bias, torch.randint(n_words, (tokens,))


def gradients(compute, hidden, decoder, bias, *further):
    """The loss, and the gradients of hidden values, decoder and bias."""
    for tensor in (hidden, decoder, bias):
        tensor.grad = None
    loss = compute(hidden * 1.0, decoder, bias, *further)
    if loss.requires_grad:
        loss.backward()
    return loss.item(), [tensor.grad.clone() for tensor in (hidden, decoder, bias)]


def assert_same(one, other):
    assert one[0] == pytest.approx(other[0], abs=2e-6)
    for a, b in zip(one[1], other[1], strict=True):
        torch.testing.assert_close(a, b, atol=2e-6, rtol=1e-4)


def test_losses_in_pieces_equal_the_plain_ones(problem):
    assert_same(gradients(backward_full, *problem), gradients(full_loss_ref, *problem))
    counts = torch.arange(problem[1].shape[0], 0, -1)
    for head in (1, 5):
        sample = TailSampler(counts, head, 9).draw(3)
        fast = gradients(backward_sampled, *problem, sample)
        assert_same(fast, gradients(sampled_loss_ref, *problem, sample))


def test_a_head_of_all_words_is_the_full_softmax(problem):
    counts = torch.ones(problem[1].shape[0])
    sample = TailSampler(counts, len(counts), 9).draw(0)
    assert_same(gradients(backward_sampled, *problem, sample), gradients(full_loss_ref, *problem))


def test_the_sampled_normaliser_is_unbiased_and_its_logarithm_low(problem):
    hidden, decoder, bias, targets = (tensor.detach() for tensor in problem)
    hidden, targets = hidden[:5], targets[:5]
    logits = nn.functional.linear(hidden, decoder, bias)
    own = logits.gather(1, targets[:, None])[:, 0]
    sampler = TailSampler(torch.arange(len(decoder), 0, -1), 2, 6)
    draws = 1000
    estimates = torch.empty(draws, 5, dtype=torch.float64)
    for seed in range(draws):
        sample = sampler.draw(seed)
        for token in range(5):
            loss = sampled_loss_ref(
                hidden[token : token + 1], decoder, bias, targets[token : token + 1], sample
            )
            estimates[seed, token] = loss + own[token]
    exact = torch.logsumexp(logits, dim=1).double()
    ratio = (estimates - exact).exp()
    error = ratio.std(dim=0) / draws**0.5
    assert ((ratio.mean(dim=0) - 1).abs() < 4.5 * error + 1e-6).all()
    assert (estimates.mean(dim=0) <= exact + 1e-6).all()


def test_a_sample_prefers_frequent_words_and_its_seed_repeats_it():
    sampler = TailSampler(torch.tensor([100.0, 50.0, 40.0, 0.0]), 1, 4000, power=1.0)
    sample = sampler.draw(2)
    assert torch.equal(sample.rows, sampler.draw(2).rows)
    assert not torch.equal(sample.rows, sampler.draw(3).rows)
    found = torch.bincount(sample.rows, minlength=4)[1:] / 4000
    torch.testing.assert_close(found, torch.tensor([51, 41, 1]) / 93, atol=0.03, rtol=0)


# The stream, the network, perplexity.


def test_windows_hold_each_word_of_each_sequence_once_with_its_follower():
    stream = TextStream(torch.arange(32), batch_size=3, window=4)
    words = torch.cat([w for w, _ in stream])
    followers = torch.cat([f for _, f in stream])
    assert stream.windows == 3
    assert words.T.tolist() == [list(range(10 * b, 10 * b + 9)) for b in range(3)]
    assert torch.equal(followers, words + 1)


def test_a_text_too_short_for_its_sequences_is_refused():
    with pytest.raises(UserError, match="too few for 20 sequences"):
        TextStream(torch.arange(30), 20, 5)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_perplexity_is_that_of_the_converted_model(tied, precision):
    settings = replace(SMALL, tied=tied)
    network = new_network(settings, WORDS)
    words = ("<unk>", "<eos>", *(f"w{n}" for n in range(18)))
    ids = random_text(n_tokens=90).train
    model = as_language_model(network, words)
    tokens = [words[row] for row in ids.tolist()]
    log_p = log_probabilities_ref(model, tokens[:-1])
    expected = -log_p.gather(1, ids.to(torch.int64)[1:, None]).mean().exp().log().item()
    tolerance = 1e-5 if precision == "float32" else 0.02
    found, n_tokens = perplexity(network.train(), ids, precision=precision)
    assert n_tokens == 89
    assert math.log(found) == pytest.approx(expected, abs=tolerance)
    assert network.training


def test_a_tied_decoder_must_fit_the_last_layer():
    with pytest.raises(ConfigurationError, match="tied decoder"):
        LSTMNetwork(9, 4, (4, 5), tied=True)


def test_kept_steps_are_even_in_the_logarithm_and_end_with_the_last():
    assert kept_steps(10_000, 5, 1) == [0, 1, 10, 100, 1000, 10_000]
    assert kept_steps(5, 8, 10) == [0, 5]
    assert kept_steps(7, 1, 2) == [0, 7]
    assert kept_steps(6, 9, 1) == [0, 1, 2, 3, 4, 5, 6]


# Training.


def run(settings, folder, text=None, stop_after=None, **options):
    """Train; with `stop_after`, stop after that many steps of this call."""
    network, kept, calls = new_network(settings, WORDS), {}, []
    options.setdefault("save_every", 1e9)

    def keep(step):
        kept[step] = {name: tensor.clone() for name, tensor in network.tensors().items()}

    def stopped():
        calls.append(1)
        return len(calls) == stop_after

    folder.mkdir(exist_ok=True)
    try:
        rows = train(
            network,
            text or random_text(),
            settings,
            folder,
            "one",
            keep,
            stopped=stopped,
            **options,
        )
    except SystemExit as stop:
        assert stop.code == 143
        rows = None
    return network, rows, kept


@pytest.mark.parametrize(
    "over",
    [
        {},
        {"optimizer": "sgd", "learning_rate": 2.0},
        {"softmax": "sampled", "head": 4, "sample": 5, "full_from": 0.6},
        {"precision": "bfloat16", "tied": False, "weight_decay": 0.1},
    ],
)
@pytest.mark.parametrize("stops", [(6,), (3, 4, 2)])
@pytest.mark.parametrize("onednn", [True, False])
def test_a_stopped_training_ends_with_the_very_same_weights(tmp_path, over, stops, onednn):
    with torch.backends.mkldnn.flags(enabled=onednn):
        _compare_with_stops(tmp_path, replace(SMALL, **over), stops)


def _compare_with_stops(tmp_path, settings, stops):
    whole, rows, kept = run(settings, tmp_path / "whole")
    kept_after = {}
    for stop in stops:
        _, none, some = run(settings, tmp_path / "parts", stop_after=stop)
        assert none is None
        kept_after |= some
    parts, rows_after, some = run(settings, tmp_path / "parts")
    assert 0 not in some  # it did not begin anew
    kept_after |= some
    for name, tensor in whole.tensors().items():
        assert torch.equal(tensor, parts.tensors()[name]), name
    assert rows_after == rows
    assert set(kept_after) == set(kept) == {0, 1, 2, 6, 14}
    for step, tensors in kept.items():
        assert all(torch.equal(tensor, kept_after[step][n]) for n, tensor in tensors.items())


def test_a_state_of_another_training_is_not_taken_up(tmp_path):
    run(SMALL, tmp_path, stop_after=5)
    network, optimizer_state = new_network(SMALL, WORDS), (tmp_path / "state.safetensors")
    assert optimizer_state.exists()
    kept = []
    train(network, random_text(), SMALL, tmp_path, "another", kept.append)
    assert kept[0] == 0


def test_saving_at_every_step_changes_nothing(tmp_path):
    whole, rows, _ = run(SMALL, tmp_path / "a")
    saved, rows_saved, _ = run(SMALL, tmp_path / "b", save_every=0.0)
    assert rows == rows_saved
    for name, tensor in whole.tensors().items():
        assert torch.equal(tensor, saved.tensors()[name])


def test_a_damaged_state_is_named(tmp_path):
    (tmp_path / "state.safetensors").write_bytes(b"damaged")
    with pytest.raises(UserError, match=r"state\.safetensors.*Delete the file"):
        run(SMALL, tmp_path)


@pytest.mark.parametrize("softmax", ["full", "sampled"])
def test_losses_that_are_read_many_at_once_survive_stops(tmp_path, monkeypatch, softmax):
    monkeypatch.setattr(training, "_ROWS_OF_HISTORY", 1)
    settings = replace(
        SMALL, softmax=softmax, head=4, sample=5, steps=140, checkpoints=1, validate_every=1000
    )
    whole, rows, _ = run(settings, tmp_path / "whole")
    assert len(rows) <= 2
    for stop in (20, 3, 57):
        assert run(settings, tmp_path / "parts", stop_after=stop)[1] is None
    parts, rows_after, _ = run(settings, tmp_path / "parts")
    assert rows_after == rows
    for name, tensor in whole.tensors().items():
        assert torch.equal(tensor, parts.tensors()[name]), name


def test_divergence_is_named_with_its_step_and_nothing_is_kept_of_it(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "_ROWS_OF_HISTORY", 1)
    settings = replace(SMALL, steps=140, checkpoints=2, first_checkpoint=30, validate_every=1000)
    kept = []
    step = training.training_step

    def diverging(network, *others):
        loss = step(network, *others)
        return loss * math.nan if others[3].step == 17 else loss

    monkeypatch.setattr(training, "training_step", diverging)
    with pytest.raises(UserError, match=r"loss of update 17 is nan: training diverged"):
        train(new_network(settings, WORDS), random_text(), settings, tmp_path, "one", kept.append)
    assert kept == [0]
    assert not list(tmp_path.iterdir())


def test_sgd_divides_its_rate_when_validation_does_not_improve(tmp_path):
    text = random_text()
    unlearnable = replace(text, validation=torch.randint(20, (80,)).to(torch.uint16))
    settings = replace(
        SMALL, optimizer="sgd", learning_rate=5.0, steps=60, validate_every=5, dropout=0.0
    )
    _, rows, _ = run(settings, tmp_path, text=unlearnable)
    rates = [row["learning_rate"] for row in rows]
    best, expected = math.inf, 5.0
    for row in rows:
        assert row["learning_rate"] == pytest.approx(expected)
        if row["step"] % 5 == 0:
            if row["validation_perplexity"] >= best:
                expected /= 4
            best = min(best, row["validation_perplexity"])
    assert rates[-1] < 5.0


def test_the_rate_of_adam_rises_then_falls_along_a_cosine():
    settings = replace(SMALL, learning_rate=1.0, warm_up=4, steps=104, final_rate=0.1)
    rates = [settings.adam_rate(step) for step in range(104)]
    assert rates[:4] == [0.25, 0.5, 0.75, 1.0]
    assert rates[-1] == pytest.approx(0.1)
    assert rates[3:] == sorted(rates[3:], reverse=True)
    assert rates[4 + 99 // 2] == pytest.approx(0.55, abs=0.02)


def test_the_last_part_of_a_sampled_training_is_full(tmp_path):
    settings = replace(SMALL, softmax="sampled", head=4, sample=5, full_from=0.5)
    _, rows, _ = run(settings, tmp_path)
    assert [row["softmax"] for row in rows] == ["sampled"] * 7 + ["full"] * 7
    _, rows, _ = run(replace(settings, steps=600, checkpoints=1), tmp_path / "long")
    assert 300 in [row["step"] for row in rows]
    assert all((row["softmax"] == "full") == (row["step"] > 300) for row in rows)


def test_one_step_is_that_of_plain_pytorch(tmp_path):
    settings = replace(SMALL, dropout=0.0, steps=1, optimizer="sgd", learning_rate=0.7, clip=0.05)
    text = random_text()
    trained, _, _ = run(settings, tmp_path, text=text)
    before = new_network(settings, WORDS).tensors()
    weights = {name: tensor.clone() for name, tensor in before.items()}
    embedding = nn.Parameter(weights["encoder.weight"])
    bias = nn.Parameter(weights["decoder.bias"])
    layers = [nn.LSTM(6, 5), nn.LSTM(5, 6)]
    for depth, layer in enumerate(layers):
        layer.load_state_dict(
            {name: weights[f"rnn.{name[:-1]}{depth}"] for name in layer.state_dict()}
        )
    words, followers = TextStream(text.train, 3, 4)[0]
    values = nn.functional.embedding(words, embedding)
    for layer in layers:
        values, _ = layer(values)
    logits = values @ embedding.T + bias
    nn.functional.cross_entropy(logits.flatten(0, 1), followers.flatten()).backward()
    parameters = [embedding, bias, *(one for layer in layers for one in layer.parameters())]
    nn.utils.clip_grad_norm_(parameters, 0.05)
    with torch.no_grad():
        for parameter in parameters:
            parameter -= 0.7 * parameter.grad
    expected = {"encoder.weight": embedding, "decoder.bias": bias}
    for depth, layer in enumerate(layers):
        expected |= {f"rnn.{name[:-1]}{depth}": one for name, one in layer.named_parameters()}
    assert set(expected) == set(weights)
    for name, tensor in expected.items():
        torch.testing.assert_close(tensor.detach(), trained.tensors()[name], atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("tied", [True, False])
def test_units_that_round_a_size_up_stay_zero(tmp_path, tied):
    settings = replace(SMALL, tied=tied, weight_decay=0.1)
    network, _, _ = run(settings, tmp_path)
    tensors = {name: tensor.clone() for name, tensor in network.tensors().items()}
    assert all(
        len(parameter.shape) == 1 or parameter.shape[1] == 8 for parameter in network.parameters()
    )
    assert {tensor.shape[1] for tensor in tensors.values() if tensor.ndim == 2} == {5, 6}
    # Without the units that count nothing is left.
    network.load_tensors({name: torch.zeros_like(tensor) for name, tensor in tensors.items()})
    assert not any(parameter.any() for parameter in network.parameters())
    network.load_tensors(tensors)
    for name, tensor in network.tensors().items():
        assert torch.equal(tensor, tensors[name])


# Starting from another network.


def test_shared_words_start_from_their_rows_and_layers_are_taken_over():
    old = new_network(SMALL, 5)
    old.decoder_bias.data = torch.arange(5.0)
    new = new_network(replace(SMALL, seed=9), 4)
    new.decoder_bias.data.fill_(0.5)
    before = new.tensors()["encoder.weight"].clone()
    words, known = ("<unk>", "<eos>", "new", "c"), ("<unk>", "<eos>", "a", "b", "c")
    assert adopt_weights(new, words, old.tensors(), known) == 3
    rows = new.tensors()["encoder.weight"]
    assert torch.equal(rows[3], old.tensors()["encoder.weight"][4])
    assert torch.equal(rows[2], before[2])
    assert new.decoder_bias.tolist() == [0.0, 1.0, 0.5, 4.0]
    for name, tensor in old.tensors().items():
        if name.startswith("rnn"):
            assert torch.equal(tensor, new.tensors()[name])


@pytest.mark.parametrize(
    ("over", "message"),
    [
        ({"layer_sizes": (6, 6)}, "of shape"),
        ({"layer_sizes": (5, 6, 6)}, "other weights"),
        ({"tied": False}, "other weights"),
    ],
)
def test_a_network_of_another_shape_cannot_be_gone_on_from(over, message):
    old, new = new_network(SMALL, WORDS), new_network(replace(SMALL, **over), WORDS)
    words = tuple(map(str, range(20)))
    with pytest.raises(CheckpointError, match=message):
        adopt_weights(new, words, old.tensors(), words)


# Learning.


@pytest.mark.parametrize(
    "over",
    [
        {},
        {"softmax": "sampled", "head": 12, "sample": 12, "full_from": 0.6},
    ],
)
def test_a_small_network_learns_agreement_across_an_attractor(tmp_path, over):
    articles = agreement_articles(300, seed=3)
    sentences = ((n, s) for n, article in enumerate(articles) for s in article)
    corpus = build_corpus(collect(sentences), CorpusSettings(100, seed=1))
    parts = {name: torch.from_numpy(ids) for name, ids in corpus.ids.items()}
    text = TrainingText(parts["train"], parts["validation"], torch.from_numpy(corpus.counts))
    settings = TrainingSettings(
        embedding_size=32,
        layer_sizes=(32, 32),
        tied=False,
        dropout=0.0,
        learning_rate=0.01,
        warm_up=20,
        clip=1.0,
        steps=1000,
        batch_size=32,
        window=12,
        validate_every=500,
        **over,
    )
    torch.set_num_threads(1)
    network = new_network(settings, len(corpus.words))
    rows = train(network, text, settings, tmp_path, "x", lambda step: None)
    model = as_language_model(network.eval(), corpus.words)
    margins = []
    for prefix, correct, wrong in agreement_items():
        last = log_probabilities_ref(model, ["<eos>", *prefix])[-1]
        margins.append(last[model.vocabulary.index[correct]] - last[model.vocabulary.index[wrong]])
    right = sum(margin > 0 for margin in margins) / len(margins)
    assert right >= 0.95
    assert rows[-1]["validation_perplexity"] < 0.5 * rows[0]["training_perplexity"]


# A run, with its files.

WORD_LIST = ("<unk>", "<eos>", *(f"w{n}" for n in range(WORDS - 2)))


def write(folder, settings=SMALL, **options):
    """Train on a random text; return the names of the weights that were kept."""
    text = replace(random_text(), words=WORD_LIST)
    outputs = (folder / "checkpoints", folder / "history.csv")
    train_network(text, settings, torch.device("cpu"), *outputs, **options)
    return sorted(path.name for path in outputs[0].iterdir())


def test_weights_that_another_training_left_are_not_among_those_of_this_one(tmp_path):
    (tmp_path / "unfinished").mkdir()
    stray = tmp_path / "unfinished" / "step_0000003.safetensors"
    save_file({"a": torch.zeros(1)}, stray)
    kept = write(tmp_path, replace(SMALL, steps=9, checkpoints=1))
    assert kept == ["step_0000000.safetensors", "step_0000009.safetensors"]
    assert not stray.exists()


def test_what_another_version_of_the_code_began_is_begun_anew(tmp_path, monkeypatch, caplog):
    caplog.set_level("INFO", logger="lstm_units")
    for code in ("one", "other", "other"):
        stop = iter([False, False, True])
        monkeypatch.setattr(
            training_run, "stop_request", lambda stop=stop: nullcontext(lambda: next(stop))
        )
        with pytest.raises(SystemExit):
            write(tmp_path, code=code)
    assert [record.message for record in caplog.records if "going on" in record.message] == [
        "going on after update 3 of 14"
    ]


def test_a_network_with_other_special_words_can_be_gone_on_from(tmp_path):
    old = new_network(SMALL, 4)
    (tmp_path / "old").mkdir()
    save_file({k: v.clone() for k, v in old.tensors().items()}, tmp_path / "old" / "w.safetensors")
    (tmp_path / "old" / "vocab.txt").write_text("w1\n<UNK>\nzebra\n</s>\n")
    source = CheckpointSource(
        tmp_path / "old" / "w.safetensors",
        tmp_path / "old" / "vocab.txt",
        unk="<UNK>",
        eos="</s>",
    )
    convert_checkpoint(source, tmp_path / "converted")
    names = ("model.json", "model.safetensors", "vocab.txt")
    start = read_starting_point([tmp_path / "converted" / name for name in names])
    write(tmp_path, replace(SMALL, steps=1, checkpoints=1), start=start)
    first = load_file(tmp_path / "checkpoints" / "step_0000000.safetensors")["encoder.weight"]
    given = old.tensors()["encoder.weight"]
    for row, known in ((0, 1), (1, 3), (3, 0)):  # <unk>, <eos>, w1
        assert torch.equal(first[row], given[known])


def test_the_decoder_bias_starts_from_frequencies_or_from_zero(tmp_path):
    counts = random_text().counts.double()
    for bias in ("frequency", "zero"):
        settings = replace(SMALL, steps=1, checkpoints=1, initial_bias=bias)
        write(tmp_path / bias, settings)
        path = tmp_path / bias / "checkpoints" / "step_0000000.safetensors"
        found = load_file(path)["decoder.bias"].double()
        expected = (counts / counts.sum()).log() if bias == "frequency" else counts * 0
        torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


def test_scripts_lead_from_text_to_weights_and_their_perplexity(tmp_path):
    """Two texts, one of them chosen from; the run goes on from nothing, its weights in halves."""
    for number, seed in ((1, 3), (2, 4)):
        path = write_text(agreement_articles(30, seed=seed), tmp_path / f"{number}.txt")
        run_script(
            "training/tokenise_text",
            wildcards={"corpus": "articles"},
            input={"text": path},
            output={"sentences": tmp_path / f"{number}.parquet"},
        )
    (tmp_path / "required.txt").write_text("river boy")
    (tmp_path / "chosen.txt").write_text("knows know")
    names = {"ids": "ids.safetensors", "vocabulary": "vocab.txt", "counts": "counts.tsv"}
    files = {key: tmp_path / name for key, name in names.items()}
    run_script(
        "training/training_corpus",
        input={
            "sentences": [tmp_path / "1.parquet", tmp_path / "2.parquet"],
            "required": [tmp_path / "required.txt"],
            "chosen": tmp_path / "chosen.txt",
        },
        output={**files, "statistics": tmp_path / "corpus.json"},
        params={"settings": {"vocabulary_size": 60, "share_of_others": 0.5, "seed": 3}},
    )
    statistics = read_json(tmp_path / "corpus.json")
    text = read_training_text(**files)
    assert statistics["required_words"]["river"] == 0
    assert statistics["required_words"]["boy"] == text.counts[text.words.index("boy")] > 0
    assert statistics["vocabulary"] == len(text.words)
    assert statistics["train"]["left_out_by_choice"] > 0
    assert statistics["metadata"]["config"]["chosen_words"] == 2
    assert text.counts.sum() == len(text.train) == statistics["train"]["tokens"]
    files["counts"].write_text("a\t1\n")
    with pytest.raises(UserError, match=r"counts\.tsv and .*vocab\.txt do not belong together"):
        read_training_text(**files)
    rows = zip(text.words, text.counts.tolist(), strict=True)
    files["counts"].write_text("".join(f"{word}\t{count}\n" for word, count in rows))
    entry = {**vars(SMALL), "layers": [5, 6], "embedding": None, "stored_as": "float16"}
    entry.pop("layer_sizes"), entry.pop("embedding_size")
    common = {"params": {"run": entry, "code": "", "weights": "step_0000014.safetensors"}}
    common["resources"] = {"device": "cpu"}
    run_script(
        "training/train_network",
        input={**files, "initial": []},
        output={"checkpoints": tmp_path / "weights", "history": tmp_path / "history.csv"},
        **common,
    )
    run_script(
        "training/perplexity",
        input={**files, "checkpoints": tmp_path / "weights"},
        output={"perplexity": tmp_path / "perplexity.json"},
        **common,
    )
    found = read_json(tmp_path / "perplexity.json")
    weights = load_file(tmp_path / "weights" / "step_0000014.safetensors")
    assert {tensor.dtype for tensor in weights.values()} == {torch.float16}
    network = new_network(SMALL, len(text.words))
    network.load_tensors(weights)
    expected, tokens = perplexity(network, text.test)
    assert found["test"] == {"perplexity": round(expected, 4), "tokens": tokens}


def test_unreadable_texts_and_sentences_are_named(tmp_path):
    with pytest.raises(UserError, match=r"cannot read the text .*none\.txt"):
        tokenise_text(tmp_path / "none.txt", tmp_path / "a.parquet")
    (tmp_path / "empty.txt").write_text("\n\n")
    with pytest.raises(UserError, match=r"empty\.txt holds no sentence"):
        tokenise_text(tmp_path / "empty.txt", tmp_path / "a.parquet")
    assert not (tmp_path / "a.parquet").exists()
    (tmp_path / "broken.parquet").write_bytes(b"x")
    with pytest.raises(UserError, match=r"cannot read the sentences .*broken\.parquet"):
        training_corpus([tmp_path / "broken.parquet"], vocabulary_size=9)
    (tmp_path / "none").write_text(" ")
    with pytest.raises(UserError, match="holds no word to choose sentences by"):
        training_corpus([], [], tmp_path / "none", vocabulary_size=9)
