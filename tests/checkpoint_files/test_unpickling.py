import copyreg
import io
import pickle
import warnings
import zipfile
from pathlib import Path

import pytest
import support.pickle_fixtures as px
import torch
from support.pickle_fixtures import Call, Name, New, Persistent, Raw

from lstm_units.checkpoint_files import pickled_values as pv
from lstm_units.checkpoint_files.unpickling import PickledTensor, StandIn, load_pickled
from lstm_units.errors import CheckpointError

HOSTILE = sorted(px.hostile_pickles(Path("x")))
ARRAY = torch.arange(6, dtype=torch.float32)


def save(path, data):
    path.write_bytes(data)
    return path


def containers(pickled):
    """The same pickle alone, in the legacy layout and in a zip archive."""
    parts = [px.stream(px.MAGIC), px.stream(1001), px.stream({}), pickled, px.stream([])]
    return {"bare": pickled, "legacy": b"".join(parts), "zip": px.zip_file(pickled)}


@pytest.mark.parametrize("container", ["bare", "legacy", "zip"])
@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_pickle_is_refused_by_name_and_not_run(tmp_path, kind, container):
    marker = tmp_path / "marker"
    pickled, name = px.hostile_pickles(marker)[kind]
    path = save(tmp_path / "model.pt", containers(pickled)[container])
    with pytest.raises(CheckpointError) as error:
        load_pickled(path)
    assert name in str(error.value)
    assert not marker.exists()


@pytest.mark.parametrize("kind", ["os.system", "exec", "Popen", "INST", "OBJ", "in a storage id"])
def test_hostile_pickles_would_run_elsewhere(tmp_path, kind):
    """The fixtures are real: the standard unpickler runs them."""
    marker = tmp_path / "marker"
    pickled, _ = px.hostile_pickles(marker)[kind]

    class Careless(pickle.Unpickler):
        def persistent_load(self, identifier):
            return identifier

    result = Careless(io.BytesIO(pickled)).load()
    if hasattr(result, "wait"):
        result.wait()
    assert marker.exists()


@pytest.mark.parametrize("zipped", [True, False])
def test_what_torch_saves_of_a_hostile_object_is_refused(tmp_path, zipped):
    marker = tmp_path / "marker"
    path = tmp_path / "model.pt"
    value = {"weight": torch.zeros(2), "more": px.Gadget(f"touch {marker}")}
    torch.save(value, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError, match=r"posix\.system has no place in a model"):
        load_pickled(path)
    assert not marker.exists()


def test_listing_a_name_makes_it_inert_not_runnable(tmp_path):
    marker = tmp_path / "marker"
    pickled, _ = px.hostile_pickles(marker)["os.system"]
    path = save(tmp_path / "model.pt", px.zip_file(pickled))
    loaded = load_pickled(path, stand_ins=["os.system"])
    assert isinstance(loaded, StandIn)
    assert loaded.dotted_name == "os.system"
    assert loaded.arguments == (f"touch {marker}",)
    assert not marker.exists()


def test_extension_codes_do_not_reach_registered_objects(tmp_path):
    """The registry's cache would hand out the object without asking for its name."""
    marker = tmp_path / "marker"
    copyreg.add_extension("pathlib", "Path", 240)
    try:
        pickle.loads(px.stream(Raw(b"\x82\xf0")))  # fills the cache
        touch = px.stream(Call(Raw(b"\x82\xf0"), (str(marker),)))
        path = save(tmp_path / "model.pt", px.zip_file(touch))
        with pytest.raises(CheckpointError, match="EXT1"):
            load_pickled(path)
    finally:
        copyreg.remove_extension("pathlib", "Path", 240)


def test_stand_ins_of_torch_nn_are_never_the_real_thing(tmp_path):
    pickled = px.stream([New(Name("torch.nn", "Linear")), Name("torch.nn.functional", "relu")])
    instance, function = load_pickled(save(tmp_path / "a.pt", px.zip_file(pickled)))
    assert isinstance(instance, StandIn)
    assert function == pv.Name("torch.nn.functional.relu")


def slots(value, **attributes):
    return Raw(px.encode(value) + px.encode((None, attributes)) + b"b")


REBUILD = Name("torch._utils", "_rebuild_tensor_v2")
TENSOR = px.tensor_call(Persistent(px.storage_id("0", 6)), 0, (6,), (1,))


@pytest.mark.parametrize(
    "value",
    [
        slots(REBUILD, __defaults__=(1,)),
        slots(REBUILD, function=Name("torch.nn", "Linear")),
        slots(Name("collections", "OrderedDict"), fromkeys=1),
        slots(Name("torch", "FloatStorage"), dtype=1),
        slots(Name("torch.nn", "Linear"), dotted_name="x"),
        slots(TENSOR, offset=-5),
        Raw(px.encode(TENSOR) + px.encode({"offset": 100}) + b"b"),
        Raw(px.encode(Persistent(px.storage_id("0", 6))) + px.encode({"numel": 100}) + b"b"),
        Call(Name("torch", "FloatStorage"), (4,)),
        Call(REBUILD, (Name("torch.nn", "Linear"), 0, (1,), (1,), False, None)),
        Call(Name("torch._utils", "_rebuild_parameter"), ([1], True, None)),
        Call(Name("builtins", "set"), (New(Name("torch.nn", "Linear")),)),
        Persistent("os.system"),
        Persistent(("storage", "FloatStorage", "0", "cpu", 6)),
        Persistent(("module", "os.system", "file", "source")),
        Persistent(("module", New(Name("torch.nn", "Linear")), "file", "source")),
    ],
)
def test_what_is_allowed_cannot_be_altered_or_misused(tmp_path, value):
    path = save(tmp_path / "a.pt", px.zip_file(px.stream(value), {"0": ARRAY}))
    with pytest.raises(CheckpointError, match="damaged"):
        load_pickled(path)
    good = save(tmp_path / "b.pt", px.zip_file(px.stream(TENSOR), {"0": ARRAY}))
    assert torch.equal(load_pickled(good).tensor(), ARRAY)


@pytest.mark.parametrize(
    ("offset", "size", "stride"),
    [
        (0, (7,), (1,)),
        (1, (6,), (1,)),
        (0, (2, 3), (4, 1)),
        (0, (2, 3), (3, 2)),
        (100, (1,), (1,)),
        (0, (2**39, 2**39), (0, 0)),
        (0, (0, 2**39, 2**39), (1, 1, 1)),
    ],
)
def test_tensor_reaching_outside_its_storage_is_refused(tmp_path, offset, size, stride):
    value = px.tensor_call(Persistent(px.storage_id("0", 6)), offset, size, stride)
    path = save(tmp_path / "a.pt", px.zip_file(px.stream(value), {"0": ARRAY}))
    with pytest.raises(CheckpointError, match="reaches outside its storage of 6 elements"):
        load_pickled(path)


@pytest.mark.parametrize(
    ("offset", "size", "stride"),
    [
        (-1, (2,), (1,)),
        (0, (-2,), (1,)),
        (5, (2,), (-1,)),
        (0, (2,), ("a",)),
        (0, (True,), (1,)),
        (0, (1,), (2**63,)),
    ],
)
def test_tensor_of_odd_numbers_is_refused(tmp_path, offset, size, stride):
    value = px.tensor_call(Persistent(px.storage_id("0", 6)), offset, size, stride)
    path = save(tmp_path / "a.pt", px.zip_file(px.stream(value), {"0": ARRAY}))
    with pytest.raises(CheckpointError, match="damaged"):
        load_pickled(path)


@pytest.mark.parametrize("strides", [((2, 3), (3, 1), 0), ((3, 2), (1, 3), 0), ((2, 2), (2, 1), 2)])
def test_views_of_a_storage_are_what_torch_makes_of_them(tmp_path, strides):
    size, stride, offset = strides
    value = px.tensor_call(Persistent(px.storage_id("0", 6)), offset, size, stride)
    path = save(tmp_path / "a.pt", px.zip_file(px.stream(value), {"0": ARRAY}))
    assert torch.equal(load_pickled(path).tensor(), ARRAY.as_strided(size, stride, offset))


def test_big_endian_archive(tmp_path):
    path = save(tmp_path / "a.pt", px.zip_file(px.stream(TENSOR), {"0": ARRAY}, "big"))
    assert torch.equal(load_pickled(path).tensor(), ARRAY)


def test_legacy_view_of_a_storage(tmp_path):
    identifier = ("storage", Name("torch.cuda", "FloatStorage"), "9", "cuda:1", 6, ("10", 2, 3))
    value = px.tensor_call(Persistent(identifier), 1, (2,), (1,), version="")
    path = save(tmp_path / "a.pt", px.legacy_file(value, {"9": ARRAY}))
    assert load_pickled(path).tensor().tolist() == [3.0, 4.0]
    outside = px.tensor_call(Persistent(identifier), 2, (2,), (1,), version="")
    path = save(tmp_path / "b.pt", px.legacy_file(outside, {"9": ARRAY}))
    with pytest.raises(CheckpointError, match="outside its storage of 3"):
        load_pickled(path)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int64, torch.bool]
)
def test_tensors_come_back_as_torch_saved_them(tmp_path, zipped, dtype):
    base = torch.arange(24).reshape(4, 6)
    saved = {
        "whole": base.to(dtype),
        "column": base.to(dtype)[:, 2],
        "transposed": base.to(dtype).T,
        "scalar": torch.tensor(3).to(dtype),
        "empty": torch.empty(0, 3, dtype=dtype),
        "other": [1, 2.5, "text", None, True, (1, 2), {3, 4}],
    }
    if dtype.is_floating_point:
        saved["parameter"] = torch.nn.Parameter(base.to(dtype))
    path = tmp_path / "a.pt"
    torch.save(saved, path, _use_new_zipfile_serialization=zipped)
    loaded = load_pickled(path)
    assert loaded.pop("other") == saved.pop("other")
    assert list(loaded) == list(saved)
    for name, tensor in saved.items():
        assert isinstance(loaded[name], PickledTensor)
        assert loaded[name].tensor().dtype == dtype
        assert torch.equal(loaded[name].tensor(), tensor.detach())


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.6, 0.9, 0.999])
def test_a_cut_off_file_is_reported(tmp_path, zipped, share):
    path = tmp_path / "a.pt"
    torch.save({"w": torch.ones(300)}, path, _use_new_zipfile_serialization=zipped)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(CheckpointError, match=r"a\.pt (is empty|is damaged)"):
        load_pickled(path)


@pytest.mark.parametrize("zipped", [True, False])
def test_damage_anywhere_gives_a_checkpoint_error_or_data(tmp_path, zipped):
    path = tmp_path / "a.pt"
    torch.save({"w": torch.ones(3)}, path, _use_new_zipfile_serialization=zipped)
    data = path.read_bytes()
    generator = torch.Generator().manual_seed(1)
    failures = 0
    for place in torch.randint(len(data), (300,), generator=generator).tolist():
        damaged = bytearray(data)
        damaged[place] ^= 1 << (place % 8)
        path.write_bytes(damaged)
        try:
            load_pickled(path)
        except CheckpointError:
            failures += 1
    assert failures > 30


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"plain text, no pickle", "is a text that begins with 'plain text"),
        (b"PK\x03\x04 but nothing else", "damaged"),
    ],
)
def test_files_of_another_kind_are_reported(tmp_path, data, message):
    with pytest.raises(CheckpointError, match=message):
        load_pickled(save(tmp_path / "a.pt", data))


def test_missing_file_and_folder_are_reported(tmp_path):
    with pytest.raises(CheckpointError, match="there is no checkpoint"):
        load_pickled(tmp_path / "none.pt")
    with pytest.raises(CheckpointError, match="cannot read"):
        load_pickled(tmp_path)


def test_torchscript_archive_is_reported(tmp_path):
    path = tmp_path / "a.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), path)
    with pytest.raises(CheckpointError, match="TorchScript"):
        load_pickled(path)


def test_storage_of_the_wrong_length_is_reported(tmp_path):
    path = save(tmp_path / "a.pt", px.zip_file(px.stream(TENSOR), {"0": ARRAY[:5]}))
    with pytest.raises(CheckpointError, match="20 bytes where 6 elements"):
        load_pickled(path)
    path = save(tmp_path / "b.pt", px.legacy_file(TENSOR, {"0": ARRAY[:5]}))
    with pytest.raises(CheckpointError, match="damaged"):
        load_pickled(path)


@pytest.mark.parametrize("view", [("10", 4, 3), ("10", -1, 3), ("10", 0, 7), ("10", 3, -1)])
def test_a_view_outside_its_storage_is_refused(tmp_path, view):
    identifier = ("storage", Name("torch", "FloatStorage"), "9", "cpu", 6, view)
    value = px.tensor_call(Persistent(identifier), 0, (1,), (1,), version="")
    with pytest.raises(CheckpointError, match="no storage is described"):
        load_pickled(save(tmp_path / "a.pt", px.legacy_file(value, {"9": ARRAY})))


@pytest.mark.parametrize("other", [px.storage_id("0", 12), px.storage_id("0", 6, "IntStorage")])
def test_a_storage_described_in_two_ways_is_refused(tmp_path, other):
    twice = [TENSOR, px.tensor_call(Persistent(other), 0, (6,), (1,))]
    with pytest.raises(CheckpointError, match="storage '0' is described in two ways"):
        load_pickled(save(tmp_path / "a.pt", px.zip_file(px.stream(twice), {"0": ARRAY})))


def test_a_storage_larger_than_the_file_is_reported(tmp_path):
    identifier = (*px.storage_id("0", 2**31 - 1), None)
    value = px.tensor_call(Persistent(identifier), 0, (1,), (1,))
    data = px.legacy_file(value, {"0": ARRAY})
    head = (6).to_bytes(8, "little")
    data = data.replace(head + ARRAY.numpy().tobytes(), (2**31 - 1).to_bytes(8, "little") + b"1234")
    with pytest.raises(CheckpointError, match="ends within storage '0'"):
        load_pickled(save(tmp_path / "a.pt", data))


def test_a_compressed_archive_is_refused(tmp_path):
    path = tmp_path / "a.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", px.stream(TENSOR))
        archive.writestr("archive/data/0", bytes(24))
    with pytest.raises(CheckpointError, match=r"compressed .* `zip -0 -r`"):
        load_pickled(path)


def test_deeply_nested_values_are_reported_not_followed(tmp_path):
    nested = b"\x80\x02" + b"]" * 5000 + b"a" * 4999 + b"."
    assert isinstance(load_pickled(save(tmp_path / "a.pt", nested)), list)
    assert isinstance(load_pickled(save(tmp_path / "b.pt", px.zip_file(nested))), list)
