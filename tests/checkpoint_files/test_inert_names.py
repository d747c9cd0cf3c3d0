import argparse
import collections
import datetime
import functools
import gzip
import io
import pathlib
import pickle
import tarfile
import warnings
import zipfile

import numpy as np
import pytest
import support.pickle_fixtures as px
import torch
from support.pickle_fixtures import Call, Name, New, Persistent, Raw
from torch import nn

from lstm_units.checkpoint_files import inert_names
from lstm_units.checkpoint_files.pickled_values import Name as ReadName
from lstm_units.checkpoint_files.unpickling import (
    PickledTensor,
    StandIn,
    UnreadableTensor,
    load_pickled,
)
from lstm_units.errors import CheckpointError

ARRAY = torch.arange(6, dtype=torch.float32)
TENSOR = px.tensor_call(Persistent(px.storage_id("0", 6)), 0, (6,), (1,))


def load(tmp_path, data, **options):
    path = tmp_path / "a.pt"
    path.write_bytes(data)
    return load_pickled(path, **options)


def saved(value, zipped=True):
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # sources of classes that have none; layouts in beta
        torch.save(value, buffer, _use_new_zipfile_serialization=zipped)
    return buffer.getvalue()


def refusal(tmp_path, value):
    with pytest.raises(CheckpointError) as error:
        load(tmp_path, px.zip_file(px.stream(value), {"0": ARRAY}))
    return str(error.value)


def test_each_name_has_a_reason_and_stands_once():
    reasons = [*inert_names.PACKAGES.values(), *(why for _, why in inert_names.SINGLE.values())]
    assert all(reasons)
    for module, (names, _) in inert_names.SINGLE.items():
        assert len(names.split()) == len(set(names.split()))
        assert not any(f"{module}.".startswith(f"{package}.") for package in inert_names.PACKAGES)


def test_names_that_torchs_own_safe_loading_takes_are_read(tmp_path):
    from torch._weights_only_unpickler import _get_allowed_globals

    names = [Name(*dotted.rsplit(".", 1)) for dotted in _get_allowed_globals()]
    assert len(names) > 100
    assert len(load(tmp_path, px.zip_file(px.stream(names)))) == len(names)


def test_all_foreign_names_are_reported_at_once_with_what_can_be_done(tmp_path):
    own, other = Name("my_models.nets", "Net"), Name("my_models", "Vocabulary")
    message = refusal(tmp_path, [TENSOR, own, New(other), own])
    assert "asks for my_models.nets.Net, my_models.Vocabulary, which are refused" in message
    assert "If they are your own, name them in stand_ins" in message
    inner = Name("torch.jit._script", "unpackage_script_module")
    message = refusal(tmp_path, [own, Name("os", "system"), inner])
    assert "os.system has no place in a model: do not trust the file" in message
    assert (
        "torch.jit._script.unpackage_script_module is a part of the library that is not read"
        in message
    )
    assert "If my_models.nets.Net is your own model class, name it in stand_ins" in message
    assert "stand_ins" not in refusal(tmp_path, [Name("torch", "load"), Name("os", "system")])


def test_a_message_does_not_print_a_thousand_names(tmp_path):
    names = [Name(f"package{i}", "x" * 200) for i in range(1000)]
    message = refusal(tmp_path, names)
    assert "and 950 more" in message
    assert len(message) < 6000
    assert "\x1b" not in refusal(tmp_path, Name("a\x1b[2J", "b"))


@pytest.mark.parametrize("zipped", [True, False])
def test_what_training_scripts_save_beside_weights_is_read(tmp_path, zipped):
    attribute_dict = "pytorch_lightning.utilities.parsing.AttributeDict"
    with px.classes(attribute_dict, "yacs.config.Tree", "somewhere.Words", base=dict) as made:
        value = {
            "counter": collections.Counter("aab"),
            "ordered": collections.OrderedDict(a=1),
            "default": collections.defaultdict(functools.partial(int, base=2), a=1),
            "deque": collections.deque([1, 2], maxlen=2),
            "attributes": made[0](lr=0.1),
            "tree": made[1](lr=0.1),
            "words": made[2](a=1),
            "device": torch.device("cuda", 1),
            "size": torch.Size([2, 3]),
            "version": torch.__version__,
            "type": torch.float32,
            "number": np.float32(0.5),
            "count": np.int64(-3),
            "truth": np.True_,
            "options": argparse.Namespace(cuda=True),
            "path": pathlib.PurePosixPath("a"),
            "when": datetime.timedelta(1),
            "text": np.array(["a"]),
            "function": nn.functional.cross_entropy,
            "method": nn.Linear(2, 2).forward,
        }
        data = saved(value, zipped)
    loaded = load(tmp_path, data, stand_ins=["somewhere.Words"])
    assert loaded["counter"] == {"a": 2, "b": 1}
    assert loaded["ordered"] == loaded["default"] == {"a": 1}
    assert loaded["deque"] == [1, 2]
    assert loaded["attributes"] == loaded["tree"].items == {"lr": 0.1}
    assert loaded["words"].items == {"a": 1}
    assert (loaded["device"], loaded["size"]) == ("cuda:1", (2, 3))
    assert loaded["version"] == torch.__version__
    assert loaded["type"] == ReadName("torch.float32")
    assert (loaded["number"], loaded["count"], loaded["truth"]) == (0.5, -3, True)
    assert loaded["options"].state == {"cuda": True}
    assert {type(loaded[name]) for name in ("path", "when", "text", "method")} == {StandIn}
    assert all(type(value) is not torch.Tensor for value in loaded.values())


def test_items_of_a_list_of_a_foreign_class_are_kept(tmp_path):
    with px.classes("somewhere.Words", base=list) as (kind,):
        data = saved(kind(["a", "b"]))
    assert load(tmp_path, data, stand_ins=["somewhere.Words"]).items == ["a", "b"]


@pytest.mark.parametrize("protocol", [0, 1, 2])
def test_an_ordered_dict_of_python_2_is_a_dict(tmp_path, protocol):
    pairs = Call(Name("collections", "OrderedDict"), ([["a", 1], ["b", 2]],))
    assert load(tmp_path, px.stream(pairs)) == {"a": 1, "b": 2}
    with px.classes("argparse.Namespace") as (kind,):
        instance = kind()
        instance.lr = 1
        data = pickle.dumps(instance, protocol)
    assert load(tmp_path, data).state == {"lr": 1}


def test_the_dropout_state_of_torch_0_3_is_read(tmp_path):
    unserializable = New(Name("torch.backends.cudnn.rnn", "Unserializable"), "<unserializable>")
    weights = {
        name: torch.ones(shape)
        for name, shape in {
            "encoder.weight": (8, 5),
            **{"rnn.weight_ih_l0": (20, 5), "rnn.weight_hh_l0": (20, 5)},
            **{"rnn.bias_ih_l0": (20,), "rnn.bias_hh_l0": (20,)},
            **{"decoder.weight": (8, 5), "decoder.bias": (8,)},
        }.items()
    }
    data = px.torch_03_checkpoint(weights, dropout_state={"desc_0": unserializable})
    model = load(tmp_path, data)
    rnn = model.state["_modules"]["rnn"].state
    assert rnn["dropout_state"]["desc_0"].dotted_name == "torch.backends.cudnn.rnn.Unserializable"
    assert torch.equal(rnn["_parameters"]["weight_hh_l0"].tensor(), torch.ones(20, 5))


@pytest.mark.parametrize("zipped", [True, False])
def test_an_awd_lstm_is_read_as_its_script_saves_it(tmp_path, zipped):
    """List of model, criterion and ASGD with averages of weights; a method is an attribute."""
    names = ("model.RNNModel", "weight_drop.WeightDrop", "locked_dropout.LockedDropout")
    with px.classes(*names, "splitcross.SplitCrossEntropyLoss", base=nn.Module) as made:
        model, wrapper, dropout, criterion = (kind() for kind in made)
        model.encoder, model.lockdrop, wrapper.module = nn.Embedding(8, 5), dropout, nn.LSTM(5, 5)
        wrapper.module.flatten_parameters = wrapper.eval
        model.rnns = nn.ModuleList([wrapper])
        criterion.stats = collections.defaultdict(list)
        optimizer = torch.optim.ASGD(model.parameters(), lr=30, t0=0, lambd=0)
        for weight in model.parameters():
            optimizer.state[weight] = {"step": torch.tensor(1.0), "ax": weight.detach().clone()}
        data = saved([model, criterion, optimizer], zipped)
        weight = wrapper.module.weight_hh_l0.detach().clone()
    loaded = load(tmp_path, data)
    assert [type(part) for part in loaded] == [StandIn] * 3
    wrapped = loaded[0].state["_modules"]["rnns"].state["_modules"]["0"].state["_modules"]
    assert torch.equal(wrapped["module"].state["_parameters"]["weight_hh_l0"].tensor(), weight)


def marked(tensor):
    tensor.mark = "kept out of weight decay"
    return tensor


READABLE = {
    "parameter": nn.Parameter(ARRAY),
    "buffer": nn.Buffer(ARRAY),
    "parameter with attributes": marked(nn.Parameter(ARRAY)),
    "tensor with attributes": marked(ARRAY.clone()),
    "expanded": ARRAY[1].expand(3, 4),
    "windows": ARRAY.unfold(0, 3, 1),
    "float8": ARRAY.to(torch.float8_e4m3fn),
    "uint16": ARRAY.to(torch.uint16),
    "complex": torch.complex(ARRAY, ARRAY + 1),
}
UNREADABLE = {
    "sparse": (lambda: torch.eye(3).to_sparse(), "a sparse tensor"),
    "sparse rows": (lambda: torch.eye(3).to_sparse_csr(), "a sparse tensor"),
    "quantised": (
        lambda: torch.quantize_per_tensor(ARRAY, 0.1, 0, torch.qint8),
        "a quantised tensor",
    ),
    "meta": (lambda: ARRAY.to("meta"), "a tensor on the device meta, without values"),
    "nested": (lambda: torch.nested.nested_tensor([ARRAY, ARRAY[1:]]), "a nested tensor"),
    "never initialised": (
        lambda: nn.LazyLinear(3).weight,
        "a parameter that was never given values",
    ),
    "negated": (lambda: torch.complex(ARRAY, ARRAY).conj().imag, "kept negated or conjugated"),
}


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("kind", READABLE)
def test_a_tensor_that_carries_more_than_its_values_is_read(tmp_path, kind, zipped):
    loaded = load(tmp_path, saved({"x": READABLE[kind]}, zipped))["x"]
    assert loaded.dtype == READABLE[kind].dtype
    found, expected = loaded.tensor(), READABLE[kind].detach()
    if kind == "float8":
        found, expected = found.to(torch.float32), expected.to(torch.float32)
    assert torch.equal(found, expected)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("kind", UNREADABLE)
def test_a_tensor_that_cannot_be_rebuilt_is_named_for_what_it_is(tmp_path, kind, zipped):
    make, what = UNREADABLE[kind]
    loaded = load(tmp_path, saved({"x": make(), "y": ARRAY}, zipped))
    assert loaded["x"] == UnreadableTensor(what)
    assert torch.equal(loaded["y"].tensor(), ARRAY)


@pytest.mark.parametrize("name", ["mine.Marked", "fastai.torch_core.TensorText"])
def test_a_tensor_of_a_class_is_plain_only_where_the_class_is_known(tmp_path, name):
    with px.classes(name, base=torch.Tensor) as (kind,):
        data = saved({"x": ARRAY.as_subclass(kind)})
    loaded = load(tmp_path, data)["x"]
    if name.startswith("mine"):
        assert loaded == UnreadableTensor("a tensor of the class mine.Marked")
    else:
        assert torch.equal(loaded.tensor(), ARRAY)


@pytest.mark.parametrize(
    "value",
    [
        Call(Name("torch.nn.parameter", "Parameter"), (TENSOR,), (True, False, None)),
        Call(Name("torch.autograd.variable", "Variable"), (TENSOR,), (True, False, None)),
        Call(Name("torch", "FloatTensor"), (), (Persistent(px.storage_id("0", 6)), 0, (6,), (1,))),
        Call(
            Name("torch._tensor", "_rebuild_from_type"),
            (TENSOR.function, Name("torch", "Tensor"), TENSOR.arguments, {}),
        ),
        Call(
            Name("torch._utils", "_rebuild_device_tensor_from_numpy"),
            (Call(Name("numpy._core.numeric", "_frombuffer"), (
                Raw(b"C\x18" + ARRAY.numpy().tobytes()),
                Call(Name("numpy", "dtype"), ("f4", False, True), (3, "<", None)), (6,), "C",
            )), Name("torch", "float32"), "xla:0", False),
        ),
    ],
)  # fmt: skip
def test_tensors_as_older_and_other_torch_wrote_them(tmp_path, value):
    loaded = load(tmp_path, px.zip_file(px.stream([value]), {"0": ARRAY}))
    assert torch.equal(loaded[0].tensor(), ARRAY)


def test_no_tensor_vanishes_in_an_object_of_a_listed_class(tmp_path):
    value = [
        Call(Name("mine", "wrap"), (TENSOR, 1)),
        Call(Name("mine", "rebuild"), TENSOR.arguments),
        Call(Name("mine", "rebuild"), (TENSOR.function, Name("mine", "T"), TENSOR.arguments)),
        Call(Name("torch._utils", "_rebuild_of_tomorrow"), (1,)),
    ]
    data = px.zip_file(px.stream(value), {"0": ARRAY})
    wrapped, *rest = load(tmp_path, data, stand_ins=["mine.wrap", "mine.rebuild", "mine.T"])
    assert isinstance(wrapped.arguments[0], PickledTensor)
    assert [type(each) for each in rest] == [UnreadableTensor] * 3


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("kind", ["torch", "numpy"])
def test_plain_pickles_of_tensors_and_arrays_are_read(tmp_path, kind, protocol):
    tensors = {
        "rows": torch.arange(12.0).reshape(3, 4),
        "columns": torch.arange(12).reshape(3, 4).T,
        "half": torch.tensor(0.5, dtype=torch.float16),
        "empty": torch.empty(0, 3),
        "truth": torch.tensor([True, False]),
    }
    convert = torch.Tensor.numpy if kind == "numpy" else torch.Tensor.contiguous
    data = pickle.dumps({name: convert(tensor) for name, tensor in tensors.items()}, protocol)
    loaded = load(tmp_path, data)
    assert list(loaded) == list(tensors)
    assert all(torch.equal(loaded[name].tensor(), tensor) for name, tensor in tensors.items())


def test_all_pickles_of_a_file_are_read(tmp_path):
    data = pickle.dumps({"a": np.ones(2)}) + pickle.dumps(["word"])
    first, second = load(tmp_path, data)
    assert isinstance(first["a"], PickledTensor)
    assert second == ["word"]


def test_an_array_of_python_2_and_of_the_other_byte_order_is_read(tmp_path):
    array = np.array([1.5, -2.0, 200.0], ">f4")
    text = Raw(b"T" + len(array.tobytes()).to_bytes(4, "little") + array.tobytes())
    kind = Call(Name("numpy", "dtype"), ("f4", 0, 1), (3, ">", None))
    empty = (Name("numpy", "ndarray"), (0,), "b")
    array_code = px.encode(Call(Name("numpy.core.multiarray", "_reconstruct"), empty)) + b"q\x00"
    state = px.encode((1, (3,), kind, False, text))
    value = Raw(array_code + state + b"bh\x00\x86")  # from the stack, and from the memo
    for loaded in load(tmp_path, px.stream(value)):
        assert loaded.tensor().tolist() == array.tolist()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_numpy_archives_are_read(tmp_path, save):
    arrays = {
        "weight": np.arange(6, dtype=">f8").reshape(2, 3),
        "columns": np.asfortranarray(np.arange(6, dtype=np.float16).reshape(2, 3)),
        "words": np.array(["a", "b"]),
        "objects": np.array([{"a": 1}], dtype=object),
    }
    buffer = io.BytesIO()
    save(buffer, **arrays)
    loaded = load(tmp_path, buffer.getvalue())
    assert list(loaded) == list(arrays)
    for name in ("weight", "columns"):
        assert loaded[name].tensor().tolist() == arrays[name].tolist()
    assert isinstance(loaded["words"], StandIn)
    assert isinstance(loaded["objects"], StandIn)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_packed_checkpoint_is_read(tmp_path, zipped):
    data = gzip.compress(saved({"x": ARRAY}, zipped))
    assert torch.equal(load(tmp_path, data)["x"].tensor(), ARRAY)
    with pytest.raises(CheckpointError, match="packed by gzip and cannot be unpacked"):
        load(tmp_path, data[:-20])


def archive_of_torch_01():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("sys_info"))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"<!DOCTYPE html>\n<html>", "is a web page"),
        (b"\n <html><body>Sign in", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "Git LFS pointer.*git lfs pull"),
        (b"\x89HDF\r\n\x1a\n" + bytes(90), "HDF5.*encoder.weight"),
        (b"\x93NUMPY\x01\x00" + bytes(90), "single numpy array.*numpy.savez"),
        (b"\x08\x07\x12\x07pytorch\x1a" + bytes(90), "ONNX"),
        (bytes(90) + b"\x57\xfb\x80\x8b\x24\x75\x47\xdb", "TensorFlow"),
        (archive_of_torch_01(), "tar archive of torch 0.1.*state_dict"),
        (b"\4\0\0\0\1\0\0\0\3\0\0\0V 1\r\0\0\0nn.Sequential" + bytes(90), "Torch 7"),
        (b"BZh91AY" + bytes(90), "bunzip2"),
        (bytes([90, 0, 0, 0, 0, 0, 0, 0]) + b'{"a":{}}', "safetensors"),
        ("the\nof\nänd\nto\nin\n".encode(), "a text that begins with 'the of änd to in'"),
        ("the\nof\nto\n".encode("utf-16"), "a text that begins with 'the of to'"),
    ],
)
def test_a_file_of_another_kind_is_told_what_it_is(tmp_path, data, message):
    with pytest.raises(CheckpointError, match=message) as error:
        load(tmp_path, data)
    assert "damaged" not in str(error.value)


def test_an_archive_of_other_files_is_told_what_it_holds(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("folder/model.pt", b"x")
    with pytest.raises(CheckpointError, match=r"it holds folder/model\.pt\. If one .* unpack"):
        load_pickled(tmp_path / "a.zip")


def test_a_storage_is_read_when_it_is_asked_for(tmp_path):
    data = bytearray(saved({"x": ARRAY, "y": ARRAY + 1}))
    place = data.index((ARRAY + 1).numpy().tobytes())
    data[place] ^= 1
    loaded = load(tmp_path, bytes(data))
    assert torch.equal(loaded["x"].tensor(), ARRAY)
    with pytest.raises(CheckpointError, match=r"checksum of .*data/1' does not fit"):
        loaded["y"].tensor()
    (tmp_path / "a.pt").write_bytes(b"")
    assert torch.equal(loaded["x"].tensor(), ARRAY)
    with pytest.raises(CheckpointError, match="was changed while it was read"):
        loaded["y"].tensor()


def test_an_archive_without_checksums_is_read(tmp_path):
    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(False)
    try:
        data = saved({"x": ARRAY})
    finally:
        torch.serialization.set_crc32_options(before)
    assert torch.equal(load(tmp_path, data)["x"].tensor(), ARRAY)
