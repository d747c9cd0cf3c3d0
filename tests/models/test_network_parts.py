"""Which tensors of a file are the language model, and what becomes of the others."""

import functools
import json
import logging
import shutil

import pytest
import support.pickle_fixtures as px
import torch
from safetensors.torch import save_model
from test_checkpoints import WORDS, assert_same_model, random_tensors
from torch import nn

from lstm_units.checkpoint_files.unpickling import UnreadableTensor
from lstm_units.errors import CheckpointError
from lstm_units.models.checkpoints import CheckpointSource, convert_checkpoint
from lstm_units.models.contents import Contents
from lstm_units.models.formats import read_contents
from lstm_units.models.module_outline import outline
from lstm_units.models.weights import canonical_weights

pytestmark = pytest.mark.filterwarnings("ignore:Couldn't retrieve source code")
V, E, H = len(WORDS), 4, 5


class Parts(nn.Module):
    """A network of the given parts, whose forward nobody sees."""

    def __init__(self, **parts):
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)


def network(seed=0, **parts):
    """A language model of two layers, and further parts or others in place of its own."""
    torch.manual_seed(seed)
    own = {
        "encoder": nn.Embedding(V, E),
        "rnn": nn.LSTM(E, H, 2, dropout=0.2),
        "decoder": nn.Linear(H, V),
    }
    return Parts(**{name: part for name, part in (own | parts).items() if part is not None})


def canonical(module, embedding="encoder", rnn=("rnn",), decoder="decoder"):
    """The weights of a module under canonical names."""
    tensors = {"encoder.weight": module.get_submodule(embedding).weight}
    depth = 0
    for name in rnn:
        lstm = module.get_submodule(name)
        for number in range(getattr(lstm, "num_layers", 1)):
            for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                suffix = f"_l{number}" if isinstance(lstm, nn.LSTM) else ""
                tensors[f"rnn.{kind}_l{depth}"] = getattr(lstm, f"{kind}{suffix}")
            depth += 1
    head = module.get_submodule(decoder)
    tensors |= {"decoder.weight": head.weight, "decoder.bias": head.bias}
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}


@pytest.fixture
def convert(tmp_path):
    """Save something, convert it, and return what model.json holds."""
    (tmp_path / "words.txt").write_text("".join(f"{word}\n" for word in WORDS))

    def run(value, *classes, **options):
        named = {kind.__name__: kind for kind in classes}
        with px.model_module(RNNModel=Parts, **named):
            torch.save(value, tmp_path / "a.pt")
        options["stand_ins"] = ("model.RNNModel", *(f"model.{name}" for name in named))
        source = CheckpointSource(tmp_path / "a.pt", tmp_path / "words.txt", **options)
        convert_checkpoint(source, tmp_path / "out")
        return json.loads((tmp_path / "out" / "model.json").read_text())

    return run


@pytest.fixture
def same(convert, tmp_path):
    """Convert something and compare its log-probabilities with torch's."""

    def run(value, tensors, *classes, **options):
        description = convert(value, *classes, **options)
        assert_same_model(tmp_path / "out", tensors)
        return description

    return run


@pytest.fixture
def refused(convert, tmp_path):
    """Check that something is refused, and nothing written."""

    def run(value, match, *classes, **options):
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        with pytest.raises(CheckpointError, match=match):
            convert(value, *classes, **options)
        assert not (tmp_path / "out").exists()

    return run


# Pickled modules: the class decides


@pytest.mark.parametrize(
    "part",
    [
        *(nn.Tanh(), nn.Hardtanh(), nn.ReLU(), nn.LayerNorm(H, elementwise_affine=False)),
        *(nn.LayerNorm(H), nn.BatchNorm1d(H), nn.BatchNorm1d(H, affine=False), nn.Conv1d(E, E, 3)),
        *(nn.MultiheadAttention(4, 2), nn.GRU(H, H), nn.AvgPool1d(2), nn.EmbeddingBag(V, E)),
    ],
    ids=lambda part: type(part).__name__,
)
def test_modules_that_change_numbers_are_refused_by_path_and_class(refused, part):
    where = rf"blocks\.1 \({type(part).__module__}\.{type(part).__name__}\)"
    refused(network(blocks=nn.ModuleList([nn.Dropout(), part])), where)


def test_own_classes_without_tensors_are_refused_but_dropout_and_losses(refused, same):
    kinds = [type(name, (nn.Module,), {}) for name in ("LockedDropout", "MyLoss", "Swish")]
    module = network(lock=kinds[0](), loss=kinds[1]())
    same(module, canonical(module), *kinds)
    module.extra = nn.Sequential(kinds[2]())
    refused(module, r"extra\.0 \(model\.Swish\)", *kinds)
    del module.extra
    module.functions = [kinds[2]()]  # in a plain list, where state_dict does not look
    refused(module, r"functions\.0 \(model\.Swish\)", *kinds)


def test_functions_that_change_numbers_are_refused_by_path(refused, same):
    module = network()
    module.ends = [nn.functional.dropout, nn.functional.cross_entropy, torch.log_softmax]
    module.kind = nn.LSTM
    same(module, canonical(module))
    for function in (torch.tanh, nn.functional.relu, functools.partial(nn.functional.elu, alpha=2)):
        module.ends = [function]
        refused(module, r"not applied here: ends\.0.* \((tanh|relu|elu)\)")


def test_dropout_identity_losses_and_the_softmax_over_words_are_passed_over(same, refused):
    weighted = nn.CrossEntropyLoss(weight=torch.ones(V))
    module = network(
        **{"drop": nn.Dropout(), "same": nn.Identity(), "loss": weighted, "last": nn.LogSoftmax(1)}
    )
    described = same(module, canonical(module))
    assert described["passed_over"] == {
        "loss.weight": f"of a {nn.CrossEntropyLoss.__module__}.CrossEntropyLoss"
    }
    ends = nn.Sequential(nn.Linear(H, V), nn.Softmax(dim=-1), nn.Dropout())
    module = network(decoder=ends)
    same(module, canonical(module, decoder="decoder.0"))
    refused(network(decoder=nn.Sequential(nn.Softmax(dim=-1), nn.Linear(H, V))), r"decoder\.0 \(")


def test_the_class_decides_not_the_name(same):
    module = network(encoder=nn.Linear(H, V), decoder=nn.Embedding(V, E), rnn=None)
    module.fc = nn.LSTM(E, H)
    same(module, canonical(module, "decoder", ("fc",), "encoder"))


def test_subclasses_of_torch_classes_are_known_by_their_attributes(same):
    kinds = [type(f"My{k.__name__}", (k,), {}) for k in (nn.Embedding, nn.LSTM, nn.Linear)]
    module = Parts(words=kinds[0](V, E), a=kinds[1](E, H), b=kinds[2](H, V))
    same(module, canonical(module, "words", ("a",), "b"), *kinds)


@pytest.mark.parametrize("norm", [1.0, 2.0, float("inf")])
def test_max_norm_is_applied_as_torch_applies_it(same, norm):
    module = network(encoder=nn.Embedding(V, E, max_norm=0.9, norm_type=norm))
    tensors = canonical(module)
    with torch.no_grad():
        tensors["encoder.weight"] = nn.Embedding.from_pretrained(
            tensors["encoder.weight"].clone(), max_norm=0.9, norm_type=norm
        )(torch.arange(V))
    assert not torch.equal(tensors["encoder.weight"], module.encoder.weight)
    described = same(module, tensors)
    assert described["changed"] == [
        f"encoder.weight: rows scaled to max_norm 0.9 (norm_type {norm:g})"
    ]


def test_max_norm_with_a_tied_decoder(same, refused):
    module = network(encoder=nn.Embedding(V, H, max_norm=0.9), rnn=nn.LSTM(H, H))
    module.decoder.weight = nn.Parameter(module.encoder.weight.detach().clone())
    tensors = canonical(module)  # two matrices of the same numbers: torch scales one of them
    module.encoder(torch.arange(V))
    tensors["encoder.weight"] = module.encoder.weight.detach().clone()
    module.encoder.weight.data.copy_(tensors["decoder.weight"])
    assert not same(module, tensors)["tied"]
    module.decoder.weight = module.encoder.weight
    refused(module, "max_norm 0.9 and is the decoder too")
    module.encoder(torch.arange(V))  # now no row is longer
    assert same(module, canonical(module))["tied"]


def test_a_padding_row_counts_like_any_other(same):
    module = network(encoder=nn.Embedding(V, E, padding_idx=2, scale_grad_by_freq=True))
    nn.init.normal_(module.encoder.weight)  # loading pretrained vectors overwrites the zeros
    same(module, canonical(module))


def test_layers_stand_in_the_order_of_their_container(same):
    ordered = nn.Sequential()
    ordered.add_module("upper", nn.LSTM(E, E))
    ordered.add_module("lower", nn.LSTM(E, H))
    for stack, names in (
        (ordered, ("upper", "lower")),
        (nn.ModuleList([nn.LSTM(E, 3), nn.Dropout(), nn.LSTM(3, 4, 2), nn.LSTM(4, H)]), "023"),
        (
            nn.ModuleList([Parts(lstm=nn.LSTM(E, E)), Parts(lstm=nn.LSTM(E, H))]),
            ("0.lstm", "1.lstm"),
        ),
        (nn.ModuleList([nn.LSTMCell(E, E), nn.LSTMCell(E, H)]), "01"),
        (Parts(lstm2=nn.LSTM(E, H), lstm=nn.LSTM(E, E)), ("lstm", "lstm2")),
    ):
        module = network(rnn=stack)
        same(module, canonical(module, rnn=[f"rnn.{name}" for name in names]))


def test_modules_in_a_plain_list_are_found(same):
    module = network(rnn=None)
    module.layers = [nn.LSTM(E, E), nn.LSTM(E, H)]  # no part of the state dict
    tensors = canonical(
        Parts(**vars(module)["_modules"], layers=nn.ModuleList(module.layers)),
        rnn=("layers.0", "layers.1"),
    )
    same(module, tensors)


def test_a_module_that_is_applied_twice_is_refused(refused):
    lstm = nn.LSTM(E, E)
    refused(
        network(rnn=nn.ModuleList([lstm, lstm]), decoder=nn.Linear(E, V)),
        r"rnn\.0 and rnn\.1 are one module",
    )


def test_hooks_are_refused(refused):
    module = network(decoder=nn.utils.weight_norm(nn.Linear(H, V)))
    refused(module, r"decoder has a hook")


def test_what_the_module_of_the_layers_says_must_fit(refused):
    for attribute, value, match in (
        ("mode", "GRU", "is no LSTM: rnn is of mode GRU"),
        ("bidirectional", True, "is bidirectional .rnn"),
        ("proj_size", 2, "with projections .rnn"),
        ("num_layers", 3, "weights of 2 layers, but num_layers is 3"),
    ):
        module = network()
        vars(module.rnn)[attribute] = value
        refused(module, match)
    module = network(rnn=nn.LSTM(E, H, bias=False))
    module.rnn.bias = True
    refused(module, "lacks rnn.bias_ih_l0. A layer has both biases or none")


def test_states_left_behind_are_passed_over_and_other_attributes_refused(same, refused):
    module = network()
    module.hidden = (torch.ones(2, 1, H), torch.ones(2, 1, H))
    assert same(module, canonical(module))["passed_over"] == {"hidden": "left by the last batch"}
    module.scale = torch.tensor(2.0)
    refused(module, "no part of an LSTM language model.*scale")


# Files with more than a network


def halves(module):
    """The state dict of a network without its decoder, and that of the decoder."""
    own = {n: t for n, t in module.state_dict().items() if not n.startswith("decoder")}
    return own, module.decoder.state_dict()


@pytest.mark.parametrize(
    "join",
    [
        lambda body, head: {"model": body, "generator": head, "epoch": 3},
        lambda body, head: [body, head],
        lambda body, head: {"model": body, "generator": {f"0.{k}": v for k, v in head.items()}},
        lambda body, head: {"net": {"body": body, "decoder": head}, "vocab": {"words": ["a"]}},
    ],
)
def test_a_decoder_in_another_entry_is_joined(same, join):
    module = network()
    described = same(join(*halves(module)), canonical(module))
    assert described["decoder"] == "own"


def test_a_layer_is_never_taken_for_settings_or_a_vocabulary(refused):
    body, head = halves(network())
    refused({"model": body, "vocab": head}, r"no part of .*: vocab\.bias \(8,\), vocab\.weight")


def test_modules_in_several_entries_are_joined(same):
    module = network()
    head = module.decoder
    del module.decoder
    tensors = canonical(Parts(m=module, g=head), "m.encoder", ("m.rnn",), "g")
    same({"model": module, "generator": head}, tensors)


def test_names_of_a_stacked_lstm_of_cells(same):
    """As OpenNMT has them."""
    module = network(rnn=nn.ModuleList([nn.LSTMCell(E, H), nn.LSTMCell(H, H)]))
    renamed = {
        "encoder": "decoder.embeddings.make_embedding.emb_luts.0",
        "rnn": "decoder.rnn.layers",
    }
    body, head = halves(module)
    body = {f"{renamed[n.split('.')[0]]}.{n.split('.', 1)[1]}": t for n, t in body.items()}
    head = {f"0.{name}": tensor for name, tensor in head.items()}
    same({"model": body, "generator": head}, canonical(module, rnn=("rnn.0", "rnn.1")))


def test_an_averaged_network_and_one_in_data_parallel(same):
    module = network()
    same(torch.optim.swa_utils.AveragedModel(module), canonical(module))
    same(nn.DataParallel(module), canonical(module))


def test_the_state_dict_of_a_sequential(same):
    module = nn.Sequential(nn.Embedding(V, E), nn.LSTM(E, H), nn.Dropout(), nn.Linear(H, V))
    same(module.state_dict(), canonical(module, "0", ("1",), "3"))


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"optimizer": {"state": {0: {"exp_avg": torch.ones(3)}}, "param_groups": []}}, "training"),
        ({"optimizer_states": [{"x": torch.ones(3)}]}, "training"),
        ({"best_val_loss": torch.tensor(2.0)}, "record of the training"),
        ({"train_losses": torch.ones(9)}, "record of the training"),
        ({"hidden": (torch.ones(2, 1, H), torch.ones(2, 1, H))}, "last batch"),
        ({"cuda_rng_state": [torch.ones(3)]}, "training"),
        ({"hyper_parameters": {"vectors": torch.ones(3)}}, "settings"),
        ({"vocab": {"vectors": torch.ones(3)}}, "vocabulary"),
        ({"mask": torch.ones(3, dtype=torch.bool)}, "whole numbers"),
    ],
)
def test_what_surrounds_a_network_is_passed_over_with_the_reason(same, more, reason):
    module = network()
    described = same({**more, "state_dict": module.state_dict()}, canonical(module))
    (name,) = more
    assert reason in described["passed_over"][name]


def test_a_checkpoint_of_lightning(same):
    module = network()
    kept = {"best_k_models": {"a.ckpt": torch.tensor(3.0)}, "kth_value": torch.tensor(3.0)}
    saved = {
        "state_dict": {f"model.{name}": t for name, t in module.state_dict().items()},
        "callbacks": {"ModelCheckpoint{'monitor': 'val.loss'}": kept},
        "loops": {"fit_loop": {"state_dict": {}}},
        "optimizer_states": [{"state": {}, "param_groups": []}],
    }
    same(saved, canonical(module))


def test_other_tensors_beside_a_network_are_refused_until_its_part_is_named(same, refused):
    module = network()
    saved = {"net": module.state_dict(), "speaker": {"weight": torch.ones(3, 3)}}
    refused(saved, r"no part of an LSTM language model.*speaker\.weight \(3, 3\).*name it as part")
    same(saved, canonical(module), part="net")
    same({"optimizer": {"slow": saved["net"]}}, canonical(module), part="optimizer.slow")
    refused(saved, "has no part 'nets' that holds tensors", part="nets")


@pytest.mark.parametrize("saved", [lambda module: module, lambda module: module.state_dict()])
@pytest.mark.parametrize(
    ("pack", "named", "part"),
    [
        (lambda a, b: {"models": [a, b]}, r"network: models\.0, models\.1", "models.0"),
        (lambda a, b: {"student": a, "teacher": b}, "student.rnn, teacher.rnn", "student"),
        (lambda a, b: [a, {"ema": b}], r"0\.rnn, 1\.ema\.rnn", "0"),
    ],
)
def test_two_networks_are_refused_until_one_is_named(same, refused, saved, pack, named, part):
    first, second = network(0), network(1)
    refused(pack(saved(first), saved(second)), f"more than one.*{named}")
    same(pack(saved(first), saved(second)), canonical(first), part=part)


def test_a_second_copy_of_the_same_network_is_no_second_network(same):
    module = network()
    copy = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    same({"last": module.state_dict(), "best": copy}, canonical(module))


def test_an_encoder_and_a_decoder_network_are_refused_until_layers_are_named(same, refused):
    module = network(rnn=Parts(up=nn.LSTM(E, E), down=nn.LSTM(E, E)), decoder=nn.Linear(E, V))
    for saved in (module, module.state_dict()):
        refused(saved, r"more than one recurrent network: rnn\.down, rnn\.up\. Name the layers")
        tensors = canonical(module, rnn=("rnn.down", "rnn.up"))
        same(saved, tensors, layers=("rnn.down", "rnn.up"))
        same(saved, canonical(module, rnn=("rnn.up",)), layers=("rnn.up",))
    refused(module, r"no layers 'up'; those it has are rnn\.down, rnn\.up", layers=("up",))


def test_embedding_and_decoder_can_be_named(same, refused):
    module = network(encoder=None, decoder=None)
    module.words, module.pos = nn.Embedding(V, E), nn.Embedding(V, E)
    module.classifier, module.tags = nn.Linear(H, V), nn.Linear(H, V)
    tensors = canonical(module, "words", ("rnn",), "classifier")
    refused(module, r"more than one embedding: pos\.weight \(8, 4\), words\.weight.*as embedding")
    refused(module, "more than one decoder", embedding="words")
    described = same(module, tensors, embedding="words", decoder="classifier.weight")
    assert described["source_tensors"]["encoder.weight"] == "words.weight"
    assert described["passed_over"]["tags.bias"] == "not the decoder named"
    names = {n: t for n, t in module.state_dict().items() if not n.startswith(("pos", "tags"))}
    refused(names, "lacks an embedding matrix such as encoder.weight .*name it as embedding")
    refused(names, r"no part .*classifier\.bias", embedding="words")
    same(names, tensors, embedding="words", decoder="classifier")
    refused(names, "lacks nothing.*named as embedding", embedding="nothing")


def test_a_projection_before_a_tied_decoder_is_named():
    tensors = random_tensors((5, 5), 4)
    del tensors["decoder.weight"]
    tensors |= {"projection.weight": torch.ones(4, 5), "projection.bias": torch.ones(4)}
    with pytest.raises(CheckpointError, match=r"no part .*: projection\.bias.*\.weight \(4, 5\)\."):
        canonical_weights(Contents("a.pt", tensors), V)


@pytest.mark.parametrize("rows", ["end", (1, 5)])
def test_padding_rows_are_left_out(same, refused, rows):
    module = network(encoder=nn.Embedding(V + 2, E), decoder=nn.Linear(H, V + 2))
    kept = [
        row for row in range(V + 2) if row + 1 not in ((V + 1, V + 2) if rows == "end" else rows)
    ]
    tensors = canonical(module)
    for name in ("encoder.weight", "decoder.weight", "decoder.bias"):
        tensors[name] = tensors[name][kept]
    described = same(module, tensors, padding_rows=rows)
    assert "left out" in described["changed"][0]
    refused(module, "8 words, but .* 10 rows; .*padding_rows")
    refused(module, "without 1 padding_rows", padding_rows=(3,))
    refused(module, "rows count from 1 to 10", padding_rows=(3, 11))


# Tensors that are missing or cannot be read


def test_unreadable_tensors_are_refused_by_name():
    held = {
        "encoder.weight": UnreadableTensor("a sparse tensor"),
        "optimizer": {"x": UnreadableTensor("a")},
    }
    contents = outline(held, "a.pt")
    contents.tensors.update({n: t for n, t in random_tensors().items() if n != "encoder.weight"})
    with pytest.raises(CheckpointError, match=r"cannot be read here: encoder\.weight is a sparse"):
        canonical_weights(contents, V)
    assert contents.passed_over == {"optimizer": "state of the training"}


def test_weights_of_whole_numbers_are_refused_by_name():
    tensors = random_tensors((5, 5), tied=True)
    tensors["quantised.weight"] = torch.ones(V, 5, dtype=torch.int8)
    with pytest.raises(CheckpointError, match=r"no part .*: quantised\.weight \(8, 5\)"):
        canonical_weights(Contents("a.pt", tensors), V)


@pytest.mark.parametrize("value", [[0.0] * V, 0.0, {1, 2}, "zeros"])
def test_what_stands_in_place_of_a_tensor_is_refused_by_name(refused, value):
    kind = type(value).__name__
    tensors = {**random_tensors(), "decoder.bias": value, "steps": 7, "config": {"bias": 1.0}}
    refused(tensors, f"cannot be read here: decoder.bias is no tensor but a {kind}")


def test_an_object_in_place_of_a_parameter_is_refused_by_name(refused):
    kind = type("Packed", (), {})
    module = network()
    module.decoder._parameters["bias"] = kind()
    refused(module, r"decoder.bias is no tensor but a model\.Packed", kind)


@pytest.mark.parametrize("name", [n for n in random_tensors() if n.startswith("rnn.bias")])
def test_one_missing_bias_is_refused_by_name(name):
    tensors = random_tensors()
    del tensors[name]
    with pytest.raises(CheckpointError, match=f"lacks {name}; .* are there"):
        canonical_weights(Contents("a.pt", tensors), V)


def test_what_a_file_has_not_is_said(convert, caplog):
    caplog.set_level(logging.INFO)
    tensors = random_tensors((5, 5), tied=True, decoder_bias=False)
    described = convert(tensors)
    assert described["decoder"] == "tied: the file has no matrix for it"
    assert described["biases_taken_as_zeros"] == ["decoder.bias"]
    (warning,) = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert "no matrix and no bias for the decoder" in warning
    described = convert({**tensors, "decoder.weight": tensors["encoder.weight"].clone()})
    assert described["decoder"] == "tied: its matrix equals the embedding"
    module = network(rnn=nn.ModuleList([nn.LSTM(E, E, bias=False), nn.LSTM(E, H)]))
    described = convert(module)
    assert described["decoder"] == "own"
    assert described["biases_taken_as_zeros"] == ["rnn.bias_ih_l0", "rnn.bias_hh_l0"]
    assert "are zeros: rnn.bias_ih_l0, rnn.bias_hh_l0" in caplog.text


def test_the_aliases_of_safetensors_are_used(tmp_path):
    module = network(encoder=nn.Embedding(V, H), rnn=nn.LSTM(H, H))
    module.decoder.weight = module.encoder.weight
    save_model(module, str(tmp_path / "a.safetensors"))
    weights = canonical_weights(read_contents(tmp_path / "a.safetensors"), V)
    assert torch.equal(weights.tensors["encoder.weight"], module.encoder.weight)
    assert weights.tied


def test_the_upper_layer_of_a_list_alone_is_refused():
    tensors = {n.replace("rnn.", "rnns.1."): t for n, t in random_tensors((5,), 5).items()}
    with pytest.raises(CheckpointError, match=r"lacks the layer before rnns\.1"):
        canonical_weights(Contents("a.pt", tensors), V)


# Bounds


def test_many_names_of_one_storage_take_no_memory(tmp_path):
    shared = torch.randn(4 * 512, 512)
    torch.save(
        {f"rnn.weight_{k}_l{d}": shared for d in range(200) for k in ("ih", "hh")}
        | {"encoder.weight": torch.randn(V, 512)},
        tmp_path / "a.pt",
    )
    contents = read_contents(tmp_path / "a.pt")
    assert len({tensor.data_ptr() for tensor in contents.tensors.values()}) == 2
    with pytest.raises(CheckpointError, match=r"its tensors would take 1,677,7.*share their numb"):
        canonical_weights(contents, V)


def test_tensors_in_one_storage_are_written_apart(same):
    tensors = random_tensors()
    whole = torch.cat([tensor.flatten() for tensor in tensors.values()])
    views = dict(zip(tensors, whole.split([t.numel() for t in tensors.values()]), strict=True))
    views = {name: view.view_as(tensors[name]) for name, view in views.items()}
    views["rnn.bias_hh_l0"] = views["rnn.bias_ih_l0"]
    same(views, {**tensors, "rnn.bias_hh_l0": tensors["rnn.bias_ih_l0"]})


def test_names_that_would_fill_the_memory_are_refused():
    held = {}
    for _ in range(20_000):
        held = {"a" * 200: held}
    with pytest.raises(CheckpointError, match="nested too deeply"):
        outline(held, "a.pt")
