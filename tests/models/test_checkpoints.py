import json
from dataclasses import replace
from pathlib import Path

import pytest
import support.pickle_fixtures as px
import torch
from safetensors.torch import load_file, save_file

from lstm_units.errors import CheckpointError, UserError
from lstm_units.io.files import sha256_file
from lstm_units.models.checkpoints import (
    CheckpointSource,
    _language_model,
    convert_checkpoint,
    load_language_model,
    verify_log_probabilities,
)
from lstm_units.models.contents import Contents
from lstm_units.models.formats import read_contents
from lstm_units.models.language_model import log_probabilities_ref
from lstm_units.models.vocabulary import Vocabulary
from lstm_units.models.weights import canonical_weights, converted_weights

WORDS = ("<unk>", "<eos>", "a", "b", "c", "d", "e", "f")
SHAPES = {
    "one layer": ((5,), 3),
    "two equal": ((5, 5), 4),
    "two unequal": ((4, 7), 3),
    "three": ((4, 6, 5), 5),
    "four unequal": ((3, 6, 2, 5), 4),
}


def random_tensors(
    layer_sizes=(5, 5),
    embedding_size=4,
    *,
    tied=False,
    decoder_bias=True,
    lstm_bias=True,
    dtype=torch.float32,
    seed=0,
):
    """A state dict under canonical names."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=generator).to(dtype)

    if tied:
        embedding_size = layer_sizes[-1]
    tensors = {"encoder.weight": normal(len(WORDS), embedding_size)}
    below = embedding_size
    for depth, size in enumerate(layer_sizes):
        tensors[f"rnn.weight_ih_l{depth}"] = normal(4 * size, below)
        tensors[f"rnn.weight_hh_l{depth}"] = normal(4 * size, size)
        if lstm_bias:
            tensors[f"rnn.bias_ih_l{depth}"] = normal(4 * size)
            tensors[f"rnn.bias_hh_l{depth}"] = normal(4 * size)
        below = size
    if not tied:
        tensors["decoder.weight"] = normal(len(WORDS), below)
    if decoder_bias:
        tensors["decoder.bias"] = normal(len(WORDS))
    return tensors


def torch_log_probabilities(tensors, ids):
    """What torch.nn modules with these weights say, one LSTM module a layer."""
    tensors = {name: tensor.double() for name, tensor in tensors.items()}
    outputs = tensors["encoder.weight"][ids]
    depth = 0
    while (recurrent := tensors.get(f"rnn.weight_hh_l{depth}")) is not None:
        bias = f"rnn.bias_ih_l{depth}" in tensors
        lstm = torch.nn.LSTM(outputs.shape[1], recurrent.shape[1], bias=bias).double()
        names = [name.removeprefix("rnn.") for name in tensors if name.endswith(f"_l{depth}")]
        lstm.load_state_dict({n[:-1] + "0": tensors[f"rnn.{n}"] for n in names})
        with torch.no_grad():
            outputs = lstm(outputs)[0]
        depth += 1
    decoder = tensors.get("decoder.weight", tensors["encoder.weight"])
    logits = outputs @ decoder.T + tensors.get("decoder.bias", torch.zeros(len(WORDS)))
    return torch.log_softmax(logits.double(), dim=1)


@pytest.fixture
def vocabulary(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("".join(f"{word}\n" for word in WORDS))
    return path


def assert_same_model(directory, tensors):
    ids = torch.randint(len(WORDS), (9,), generator=torch.Generator().manual_seed(7))
    model = load_language_model(directory, torch.float64)
    found = log_probabilities_ref(model, [WORDS[i] for i in ids])
    assert (found - torch_log_probabilities(tensors, ids)).abs().max() < 1e-10
    assert model.vocabulary.words == WORDS
    assert model.sha256 == sha256_file(directory / "model.safetensors")
    return model


def awd(tensors, *, nested, shadow, as_modules):
    """AWD-LSTM's names: one LSTM a layer, raw recurrent weights, the rest inside `module`."""
    renamed = {}
    for name, tensor in tensors.items():
        if not name.startswith("rnn."):
            renamed[f"{'1' if name.startswith('dec') else '0'}.{name}"] = tensor
            continue
        kind, depth = name.removeprefix("rnn.").rsplit("_l", 1)
        inner = "module." if nested else ""
        if kind == "weight_hh":
            renamed[f"{as_modules}rnns.{depth}.weight_hh_l0_raw"] = tensor
            if shadow:
                renamed[f"{as_modules}rnns.{depth}.{inner}weight_hh_l0"] = tensor * 0.7
        else:
            renamed[f"{as_modules}rnns.{depth}.{inner}{kind}_l0"] = tensor
    return renamed


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("decoder_bias", [False, True])
@pytest.mark.parametrize("lstm_bias", [False, True])
def test_state_dict_of_any_shape(tmp_path, vocabulary, shape, tied, decoder_bias, lstm_bias):
    tensors = random_tensors(
        *SHAPES[shape], tied=tied, decoder_bias=decoder_bias, lstm_bias=lstm_bias
    )
    torch.save(tensors, tmp_path / "a.pt")
    description = convert_checkpoint(
        CheckpointSource(tmp_path / "a.pt", vocabulary), tmp_path / "out"
    )
    model = assert_same_model(tmp_path / "out", tensors)
    assert model.layer_sizes == SHAPES[shape][0] == tuple(description["layer_sizes"])
    assert model.tied == tied == description["tied"]
    assert description["decoder_bias"] == decoder_bias
    written = load_file(tmp_path / "out" / "model.safetensors")
    assert ("decoder.weight" in written) == (not tied)
    assert ("decoder.bias" in written) == decoder_bias


@pytest.mark.filterwarnings("ignore:Couldn't retrieve source code")
@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("tie", [True, False])
def test_module_pickled_by_this_torch(tmp_path, vocabulary, zipped, tie):
    tensors = px.save_real_module(tmp_path / "a.pt", zipped=zipped, tie=tie)
    source = CheckpointSource(tmp_path / "a.pt", vocabulary, format="pickled_module")
    assert convert_checkpoint(source, tmp_path / "out")["tied"] == tie
    assert_same_model(tmp_path / "out", tensors)


@pytest.mark.parametrize("tie", [True, False])
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_module_pickled_by_torch_03_on_a_gpu(tmp_path, vocabulary, layers, tie):
    tensors = random_tensors((5,) * layers, 5)
    if tie:
        tensors["decoder.weight"] = tensors["encoder.weight"]
    (tmp_path / "a.pt").write_bytes(px.torch_03_checkpoint(tensors, tie=tie))
    description = convert_checkpoint(
        CheckpointSource(tmp_path / "a.pt", vocabulary), tmp_path / "out"
    )
    assert description["tied"] == tie
    assert_same_model(tmp_path / "out", tensors)


def test_own_model_class_must_be_listed(tmp_path, vocabulary):
    kind = px.rnn_model_class()
    with px.model_module(MyNetwork=kind) as module:
        torch.save(module.MyNetwork(8, 6, 5, 2), tmp_path / "a.pt")
        tensors = module.MyNetwork(8, 6, 5, 2).state_dict()
    with pytest.raises(CheckpointError, match=r"model\.MyNetwork, which is refused.*stand_ins"):
        convert_checkpoint(CheckpointSource(tmp_path / "a.pt", vocabulary), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    source = CheckpointSource(tmp_path / "a.pt", vocabulary, stand_ins=("model.MyNetwork",))
    convert_checkpoint(source, tmp_path / "out")
    assert (
        read_contents(tmp_path / "a.pt", stand_ins=source.stand_ins).tensors.keys()
        == tensors.keys()
    )


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda t: {f"module.{k}": v for k, v in t.items()},
        lambda t: {f"model.{k}": v for k, v in t.items()},
        lambda t: {f"module.model.{k}": v for k, v in t.items()},
        lambda t: {k.replace("encoder", "embedding"): v for k, v in t.items()},
        lambda t: {k.replace("rnn", "lstm"): v for k, v in t.items()},
        lambda t: {k.replace("decoder", "linear"): v for k, v in t.items()},
        lambda t: {"epoch": 3, "state_dict": t},
        lambda t: {"model_state_dict": t, "loss": torch.tensor(2.0), "args": {"lr": 20}},
        lambda t: {"model": {"state_dict": t}},
        lambda t: [t, None, {"lr": 1}],
        lambda t: {**t, "steps": torch.tensor(3)},
    ],
)
def test_prefixes_other_names_and_wrappers(tmp_path, vocabulary, zipped, wrap):
    tensors = random_tensors((4, 7), 3)
    torch.save(wrap(tensors), tmp_path / "a.pt", _use_new_zipfile_serialization=zipped)
    convert_checkpoint(CheckpointSource(tmp_path / "a.pt", vocabulary), tmp_path / "out")
    assert_same_model(tmp_path / "out", tensors)


@pytest.mark.parametrize("nested", [True, False])
@pytest.mark.parametrize("shadow", [True, False])
@pytest.mark.parametrize("as_modules", ["", "0."])
def test_awd_lstm_raw_weights_win(tmp_path, vocabulary, nested, shadow, as_modules):
    tensors = random_tensors((6, 7, 4), 4, tied=True)
    names = awd(tensors, nested=nested, shadow=shadow, as_modules=as_modules)
    names["0.encoder_dp.emb.weight"] = names["0.encoder.weight"]
    torch.save(names, tmp_path / "a.pt")
    convert_checkpoint(CheckpointSource(tmp_path / "a.pt", vocabulary), tmp_path / "out")
    assert_same_model(tmp_path / "out", tensors)


def test_more_than_ten_layers_in_a_list_stay_in_order():
    tensors = random_tensors((3,) * 12, 3)
    names = awd(tensors, nested=True, shadow=True, as_modules="")
    weights = canonical_weights(Contents("a.pt", names), len(WORDS))
    for depth in range(12):
        name = f"rnn.weight_ih_l{depth}"
        assert torch.equal(weights.tensors[name], tensors[name])


def test_tied_by_equal_values_without_sharing(tmp_path, vocabulary):
    tensors = random_tensors((5, 6), tied=True)
    copied = {**tensors, "decoder.weight": tensors["encoder.weight"].clone()}
    save_file(copied, tmp_path / "a.safetensors")
    source = CheckpointSource(tmp_path / "a.safetensors", vocabulary)
    assert convert_checkpoint(source, tmp_path / "out")["tied"]
    assert assert_same_model(tmp_path / "out", tensors).tied


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_floating_type_is_kept(tmp_path, vocabulary, dtype):
    tensors = random_tensors(dtype=dtype)
    save_file(tensors, tmp_path / "a.bin")  # known by its head, not by its suffix
    source = CheckpointSource(tmp_path / "a.bin", vocabulary)
    description = convert_checkpoint(source, tmp_path / "out")
    assert description["stored_as"] == str(dtype).removeprefix("torch.")
    written = load_file(tmp_path / "out" / "model.safetensors")
    assert {name: t.dtype for name, t in written.items()} == dict.fromkeys(tensors, dtype)
    assert all(torch.equal(written[name], tensor) for name, tensor in tensors.items())
    assert load_language_model(tmp_path / "out").dtype == torch.float32
    assert_same_model(tmp_path / "out", tensors)


def test_converting_twice_gives_equal_bytes(tmp_path, vocabulary):
    torch.save(random_tensors((4, 7), 3, lstm_bias=False), tmp_path / "a.pt")
    fields = {"config": {"unk": "<unk>"}}
    convert_checkpoint(CheckpointSource(tmp_path / "a.pt", vocabulary), tmp_path / "1", fields)
    convert_checkpoint(CheckpointSource(tmp_path / "a.pt", vocabulary), tmp_path / "2", fields)
    convert_checkpoint(CheckpointSource(tmp_path / "1"), tmp_path / "3", fields)
    for name in ("model.safetensors", "model.json", "vocab.txt"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()
    for name in ("model.safetensors", "vocab.txt"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "3" / name).read_bytes()
    written = json.loads((tmp_path / "1" / "model.json").read_text())
    assert written["metadata"]["config"] == {"unk": "<unk>"}
    assert written["metadata"]["checkpoint_sha256"] == written["sha256"]
    assert written["source_sha256"] == sha256_file(tmp_path / "a.pt")
    assert written["verification"]["largest_log_probability_difference"] < 1e-4


def test_shipped_default_converts_to_the_same_weights(tmp_path, project):
    shipped = project / "models" / "wikipedia650"
    description = convert_checkpoint(CheckpointSource(shipped), tmp_path)
    recorded = json.loads((shipped / "model.json").read_text())
    # The shipped files came from those that training wrote, whose metadata differ.
    same = set(recorded) - {"metadata", "source_sha256", "verification"}
    assert {key: description[key] for key in same} == {key: recorded[key] for key in same}
    assert {"sha256", "vocabulary_sha256", "layer_sizes", "tied"} <= same
    written, source = (load_file(d / "model.safetensors") for d in (tmp_path, shipped))
    assert written.keys() == source.keys()
    assert all(torch.equal(written[name], source[name]) for name in source)
    assert load_language_model(tmp_path).sha256 == description["sha256"]
    assert load_language_model(shipped).n_units == 1300


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype, bound", [(torch.float32, 1e-5), (torch.float64, 1e-13)])
def test_reference_agrees_with_torch(random_model, shape, dtype, bound):
    sizes, embedding_size = SHAPES[shape]
    model = random_model(layer_sizes=sizes, embedding_size=embedding_size, dtype=dtype)
    assert verify_log_probabilities(model) < bound


@pytest.mark.parametrize("part", ["weight_hh", "bias", "decoder_bias", "embedding", "order"])
def test_verification_sees_a_wrong_weight(part):
    weights = canonical_weights(Contents("a.pt", random_tensors((4, 4), 4)), len(WORDS))
    model = _language_model(weights, Vocabulary(WORDS))
    assert verify_log_probabilities(model, weights) < 1e-5
    layer = model.layers[1]
    match part:
        case "weight_hh":
            changed = replace(layer, weight_hh=layer.weight_hh.roll(1, 0))
            model = replace(model, layers=(model.layers[0], changed))
        case "bias":
            bias = weights.tensors["rnn.bias_ih_l1"]
            model = replace(model, layers=(model.layers[0], replace(layer, bias=bias)))
        case "decoder_bias":
            model = replace(model, decoder_bias=model.decoder_bias + torch.arange(8))
        case "embedding":
            model = replace(model, embedding=model.embedding * 1.01)
        case "order":
            model = replace(model, layers=model.layers[::-1])
    assert verify_log_probabilities(model, weights) > 1e-3


def test_weights_too_large_for_float32_are_not_converted(tmp_path, vocabulary):
    tensors = random_tensors((40, 40), 40)
    tensors["decoder.weight"] *= 1e6  # rounding in the hidden state becomes visible
    save_file(tensors, tmp_path / "a.safetensors")
    source = CheckpointSource(tmp_path / "a.safetensors", vocabulary)
    with pytest.raises(
        CheckpointError, match=r"differ from torch\.nn\.LSTM's by .*more than 1e-04"
    ):
        convert_checkpoint(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def refused(tensors, match, words=8):
    with pytest.raises(CheckpointError, match=match):
        canonical_weights(Contents("a.pt", tensors), words)


@pytest.mark.parametrize("name", [n for n in random_tensors() if "bias" not in n])
def test_missing_tensor_is_named_and_what_was_found_listed(name):
    tensors = random_tensors()
    del tensors[name]
    layer_above_gone = name.endswith("l1")
    if name.endswith("decoder.weight"):
        refused(tensors, r"lacks a decoder.*rows have 4 numbers.*5 units.*encoder\.weight \(8, 4\)")
    elif name == "encoder.weight":
        refused(tensors, r"lacks an embedding matrix.*it holds decoder\.bias \(8,\)")
    else:
        side = "ih" if "_ih_" in name else "hh"
        refused(tensors, rf"lacks weight_{side} beside rnn\..*l{int(layer_above_gone)}; it holds")


def test_missing_lower_layer_is_seen_even_where_shapes_fit():
    tensors = {n: t for n, t in random_tensors((5, 5, 5), 5).items() if not n.endswith("_l0")}
    refused(tensors, "lacks the layer before rnn.weight_ih_l1")
    tensors = {n: t for n, t in random_tensors((5, 5, 5), 5).items() if not n.endswith("_l1")}
    refused(tensors, "lacks the layer before rnn.weight_ih_l2")
    names = awd(random_tensors((5, 5, 5), 5), nested=True, shadow=False, as_modules="")
    refused({n: t for n, t in names.items() if "rnns.0" not in n}, "lacks the layer before rnns.1")
    refused({n: t for n, t in names.items() if "rnns.1" not in n}, "lacks the layer before rnns.2")


def resized(name, *shape):
    return {**random_tensors(), name: torch.zeros(shape)}


def test_shapes_that_do_not_fit_name_both_tensors():
    refused(resized("rnn.weight_ih_l0", 20, 9), r"rnn\.weight_ih_l0.*\(20, 9\).*encoder\.weight")
    refused(resized("rnn.weight_ih_l1", 20, 9), r"rnn\.weight_ih_l1.*rnn\.weight_hh_l0 \(20, 5\)")
    refused(resized("rnn.weight_ih_l1", 16, 5), r"rnn\.weight_ih_l1.*rnn\.weight_hh_l1 \(20, 5\)")
    refused(resized("rnn.bias_ih_l1", 19), r"rnn\.bias_ih_l1.*rnn\.weight_hh_l1")
    refused(resized("decoder.weight", 8, 6), r"decoder\.weight.*rnn\.weight_hh_l1")
    refused(resized("decoder.weight", 7, 5), r"decoder\.weight.*\(7, 5\)")
    refused(resized("decoder.bias", 7), r"decoder\.bias.*decoder\.weight")


def test_vocabulary_of_the_wrong_length_gives_both_numbers():
    refused(random_tensors(), r"vocabulary has 9 words.*encoder\.weight has 8 rows", words=9)
    refused(random_tensors(tied=True), "vocabulary has 7 words.*has 8 rows", words=7)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_values_that_are_not_finite_are_counted(value):
    tensors = random_tensors()
    tensors["rnn.weight_hh_l1"][3, :2] = value
    refused(tensors, r"rnn\.weight_hh_l1 has 2 of 100 values that are NaN or infinite")


def test_other_networks_are_refused_by_name():
    tensors = random_tensors()
    refused({**tensors, "rnn.weight_ih_l0_reverse": torch.zeros(1)}, "bidirectional.*l0_reverse")
    refused({**tensors, "rnn.weight_hr_l0": torch.zeros(1)}, "projections.*rnn.weight_hr_l0")
    refused({**tensors, "rnn.weight_hh_l0": torch.zeros(15, 5)}, "rnn.weight_hh_l0.*GRU")
    refused({**tensors, "rnn.weight_hh_l0": torch.zeros(5, 5)}, "rnn.weight_hh_l0.*simple recur")
    refused({**tensors, "norm.weight": torch.ones(5)}, r"no part of an LSTM.*norm\.weight \(5,\)")
    refused({"a.weight": torch.zeros(2, 2)}, r"lacks LSTM weights.*a\.weight")
    two = {n.replace("rnn", "translator"): t + 1 for n, t in tensors.items() if "rnn" in n}
    refused({**tensors, **two}, "more than one recurrent network: rnn, translator")
    refused({**tensors, "other.embedding.weight": torch.ones(8, 4)}, "more than one embedding")
    integers = {**tensors, "encoder.weight": torch.ones(8, 4, dtype=torch.int64)}
    refused(integers, r"encoder\.weight is of type int64")


def test_an_unknown_decoder_is_not_taken_for_tied():
    tensors = random_tensors((5, 4), 4)
    tensors["classifier.weight"] = tensors.pop("decoder.weight")
    refused(tensors, r"no part of an LSTM language model.*classifier\.weight \(8, 4\)")


@pytest.mark.parametrize("keep", [0, 4, 30, 400])
def test_empty_or_cut_off_safetensors(tmp_path, vocabulary, keep):
    save_file(random_tensors(), tmp_path / "a.safetensors")
    data = (tmp_path / "a.safetensors").read_bytes()
    (tmp_path / "a.safetensors").write_bytes(data[:keep])
    with pytest.raises(CheckpointError, match=r"a\.safetensors is empty, cut off"):
        convert_checkpoint(
            CheckpointSource(tmp_path / "a.safetensors", vocabulary), tmp_path / "out"
        )
    assert not (tmp_path / "out").exists()


def test_missing_files_are_named(tmp_path, vocabulary):
    with pytest.raises(CheckpointError, match=r"there is no checkpoint .*none\.pt"):
        convert_checkpoint(CheckpointSource(tmp_path / "none.pt", vocabulary), tmp_path / "out")
    torch.save(random_tensors(), tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match=r"cannot read the vocabulary .*vocab\.txt"):
        convert_checkpoint(CheckpointSource(tmp_path / "a.pt"), tmp_path / "out")
    with pytest.raises(CheckpointError, match=r"model\.json is missing"):
        load_language_model(tmp_path)


@pytest.mark.parametrize(
    ("value", "match"),
    [
        ({"a": 1}, "holds no tensors.*a dict of a"),
        ({}, "holds no tensors"),
        (7, "holds no tensors.*found a int"),
        ([[]], "holds no tensors"),
    ],
)
def test_files_without_tensors(tmp_path, value, match):
    torch.save(value, tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match=match):
        read_contents(tmp_path / "a.pt")


def test_a_module_inside_itself_is_read_once(tmp_path):
    # memo 0 is the module; a child of its is the module again
    linear = px.tensor_call(px.Persistent(px.storage_id("0", 4)), 0, (2, 2), (2, 1))
    groups = {"_parameters": {"weight": linear}, "_buffers": {}}
    groups["_modules"] = px.Raw(b"}Vx\nh\x00s")
    code = b"cmodel\nRNNModel\n)\x81q\x00" + px.encode(groups) + b"b"
    pickled = px.stream(px.Raw(code))
    (tmp_path / "a.pt").write_bytes(px.zip_file(pickled, {"0": torch.arange(4.0)}))
    assert [*read_contents(tmp_path / "a.pt").tensors] == ["weight"]


@pytest.mark.parametrize("state", [None, "text", {"_parameters": {}}, {"_modules": 3}])
def test_a_stand_in_that_is_no_module_is_reported(tmp_path, state):
    pickled = px.stream(px.New(px.Name("torch.nn", "Linear"), state))
    (tmp_path / "a.pt").write_bytes(px.zip_file(pickled))
    with pytest.raises(CheckpointError, match=r"torch\.nn\.Linear. is not a torch module"):
        read_contents(tmp_path / "a.pt")


def test_an_object_that_holds_a_module_is_looked_into(tmp_path):
    with px.classes("fastai.learner.Learner") as (kind,):
        learner = kind()
        learner.model = torch.nn.Sequential(torch.nn.Linear(2, 3))
        torch.save(learner, tmp_path / "a.pt")
        torch.save(kind(), tmp_path / "b.pt")
    assert [*read_contents(tmp_path / "a.pt").tensors] == ["model.0.weight", "model.0.bias"]
    with pytest.raises(CheckpointError, match=r"found an object of fastai\.learner\.Learner"):
        read_contents(tmp_path / "b.pt")


def test_modules_nested_very_deeply_are_read(tmp_path):
    empty = px.encode({"_parameters": {}, "_buffers": {}})[:-1]  # left open
    head = b"ctorch.nn\nModule\n)\x81" + empty + px.encode("_modules") + b"}Vx\n"
    code = head * 3000 + b"N" + b"sub" * 3000
    (tmp_path / "a.pt").write_bytes(px.zip_file(px.stream(px.Raw(code))))
    with pytest.raises(CheckpointError, match="holds no tensors"):
        read_contents(tmp_path / "a.pt")


def test_the_format_given_must_be_that_of_the_file(tmp_path):
    torch.save(random_tensors(), tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match=r"holds a state_dict, but format is pickled_module"):
        read_contents(tmp_path / "a.pt", "pickled_module")
    with pytest.raises(CheckpointError, match="is empty, cut off or no safetensors"):
        read_contents(tmp_path / "a.pt", "safetensors")
    with pytest.raises(CheckpointError, match="format 'onnx' is unknown"):
        read_contents(tmp_path / "a.pt", "onnx")


@pytest.mark.parametrize("name", ["model.safetensors", "vocab.txt"])
def test_a_changed_file_is_refused_on_loading(tmp_path, vocabulary, name):
    save_file(random_tensors(), tmp_path / "a.safetensors")
    convert_checkpoint(CheckpointSource(tmp_path / "a.safetensors", vocabulary), tmp_path / "out")
    data = bytearray((tmp_path / "out" / name).read_bytes())
    data[-2] ^= 1
    (tmp_path / "out" / name).write_bytes(data)
    with pytest.raises(CheckpointError, match=rf"{name} has sha256 \w+, but model.json .*records"):
        load_language_model(tmp_path / "out")


@pytest.mark.parametrize(
    ("edit", "named"),
    [
        ({"rnn.bias_hh_l1": None}, "rnn.bias_hh_l1"),
        ({"rnn.weight_hh_l0": None}, "rnn.weight_hh_l0"),
        ({"encoder.weight": None}, "encoder.weight"),
        ({"norm.weight": torch.ones(5)}, "norm.weight"),
        ({"encoder.weight": torch.ones(9, 4)}, "encoder.weight"),
        ({"decoder.bias": torch.ones(7)}, "decoder.bias"),
        ({"rnn.weight_ih_l1": torch.ones(20, 6)}, "rnn.weight_ih_l1"),
        ({"decoder.bias": torch.full((8,), torch.nan)}, "decoder.bias has 8 of 8 values"),
    ],
)
def test_converted_weights_that_do_not_fit_are_named(tmp_path, edit, named):
    tensors = {**random_tensors(), **edit}
    save_file({n: t for n, t in tensors.items() if t is not None}, tmp_path / "a.safetensors")
    with pytest.raises(CheckpointError, match=rf"a\.safetensors: .*{named}"):
        converted_weights(tmp_path / "a.safetensors", 8)


def test_a_full_disk_leaves_no_half_written_model(tmp_path, vocabulary, monkeypatch):
    def full(tensors, path):
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("lstm_units.models.checkpoints.save_file", full)
    save_file(random_tensors(), tmp_path / "a.safetensors")
    with pytest.raises(UserError, match="No space left"):
        convert_checkpoint(
            CheckpointSource(tmp_path / "a.safetensors", vocabulary), tmp_path / "out"
        )
    assert list((tmp_path / "out").iterdir()) == []
