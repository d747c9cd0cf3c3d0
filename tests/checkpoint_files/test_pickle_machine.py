import gzip
import io
import pickle
import random
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
import support.pickle_fixtures as px
import torch
from support.pickle_fixtures import Call, Name, Persistent, Raw

from lstm_units.checkpoint_files.unpickling import PickledTensor, UnreadableTensor, load_pickled
from lstm_units.errors import CheckpointError

NUMBERS = 1 << 18
WHOLE = px.tensor_call(Persistent(px.storage_id("0", NUMBERS)), 0, (NUMBERS,), (1,))


def load(tmp_path, data, **options):
    path = tmp_path / "a.pt"
    path.write_bytes(data)
    return load_pickled(path, **options)


def long_text(count):
    return b"X" + struct.pack("<I", count) + b"a" * count


@pytest.mark.parametrize("protocol", range(6))
def test_plain_values_are_what_python_makes_of_them(tmp_path, protocol):
    draw = random.Random(protocol)
    texts = ["", "word", "été", "猫", "\U0001f600", "a\nb\\", "x" * 300, "\udc80"]
    values = {
        "numbers": [
            0,
            -1,
            255,
            256,
            65536,
            -(2**31),
            2**31,
            2**63,
            -(2**200),
            2**3000,
            0.1,
            -1e300,
        ],
        "random": [draw.getrandbits(draw.randrange(1, 90)) for _ in range(50)],
        "constants": (None, True, False, (), [], {}, set(), frozenset(), b"", ""),
        "texts": texts,
        "bytes": [b"\0\xff\n", bytes(range(256)), b"x" * 70000],
        "tuples": [(1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)],
        "keys": {"a": 1, 2: 3, 4.5: 6, None: 7, b"x": 8},
        "sets": [{1, "a"}, frozenset(range(1000))],
        "complex": [1 + 2j],
        "many": {f"key{i}": [i] for i in range(2500)},
    }
    values["shared"] = [texts, texts]
    loaded = load(tmp_path, pickle.dumps(values, protocol))
    assert loaded == values
    assert loaded["shared"][0] is loaded["shared"][1] is loaded["texts"]
    assert [type(v) for v in loaded["constants"]] == [type(v) for v in values["constants"]]


def test_a_value_that_holds_itself_is_read(tmp_path):
    ring = []
    ring.append({"ring": ring})
    loaded = load(tmp_path, pickle.dumps(ring))
    assert loaded[0]["ring"] is loaded


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"plain", "plain"),
        ("é".encode(), "é"),
        ("é".encode("latin-1"), "é"),
        (b"\x80\xff", "\x80\xff"),
    ],
)
def test_strings_of_python_2_are_utf_8_or_else_latin_1(tmp_path, data, text):
    for code in (
        b"U" + bytes([len(data)]) + data,
        b"T" + struct.pack("<i", len(data)) + data,
        b"S'" + "".join(f"\\x{byte:02x}" for byte in data).encode() + b"'\n",
    ):
        assert load(tmp_path, b"\x80\x02" + code + b".") == text


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (b"", "ends within its pickle"),
        (b"N", "ends within its pickle"),
        (b"\xff.", "no pickle opcode"),
        (b".", "empty stack"),
        (b"(.", "empty stack"),
        (b"N(\x85.", "empty stack"),
        (b"t.", "no mark"),
        (b"h\x05.", "no such entry"),
        (b"](NNu.", "puts items into a list"),
        (b"}Na.", "puts items into a dict"),
        (b"}(NNNu.", "key without a value"),
        (b"N(N\x90.", "what is no set"),
        (b"\x97.", "outside of the file"),
        (b"I1x\n.", "invalid literal"),
        (b"L" + b"9" * 5000 + b"L\n.", "4300"),
        (b"T\xff\xff\xff\xff.", "ends within its pickle"),
        (b"p" + b"9" * 100 + b"\n.", "empty stack"),
        (b"Np" + b"9" * 100 + b"\n.", "index that is none"),
    ],
)
def test_what_is_no_pickle_is_reported(tmp_path, code, message):
    with pytest.raises(CheckpointError, match=message):
        load(tmp_path, px.zip_file(b"\x80\x02" + code))


def doubled(levels, first=b"N\x85"):
    """Code of a tuple of 2 ** levels parts, each level twice the one before."""
    steps = (b"h" + bytes([i]) + b"\x86q" + bytes([i + 1]) for i in range(levels))
    return first + b"q\x00" + b"".join(steps)


def in_a_list(code, times=20000):
    return b"](" + code * times + b"e"


def repeated_call(name, argument):
    """Code that calls a function with the same large argument over and over."""
    again = b"h\x00h\x01R0"
    return argument + b"\x85q\x010" + px.encode(name) + b"q\x000" + again * 20000 + b"N"


def pairs(keys, value=b"N"):
    """Code that puts keys with one value into the dict on top of the stack."""
    return b"(" + b"".join(px.encode(key) + value for key in keys) + b"u"


ALL_ONES = (1,) * 100000
DOUBLES = Call(Name("numpy", "dtype"), ("f8", False, True), (3, "<", None))
ARRAY = Call(Name("numpy.core.multiarray", "_reconstruct"), (Name("numpy", "ndarray"), (0,), "b"))
MANY = b"](" + b"N" * 20000 + b"e"
HELD = {
    "a large index of the memo": b"Nr\xff\xff\xff\x7f",
    "an index of the memo in words": b"Np4294967295\n",
    "a key that never ends": b"}" + doubled(60) + b"Ns",
    "a member that never ends": b"\x8f(" + doubled(60) + b"\x90",
    "a long key, again and again": (
        long_text(100000) + b"q\x000" + long_text(100000) + b"q\x010"
        + b"}(h\x00N" + b"h\x01N" * 20000 + b"u"
    ),
    "numbers of one hash": b"}" + pairs(i * (2**61 - 1) for i in range(1, 3000)),
    "a tuple that never ends, as state": (
        px.encode(px.New(Name("torch.nn", "Linear"))) + doubled(60) + b"b"
    ),
    "tensors of one storage": (
        px.encode(WHOLE) + b"q\x000}" + pairs((f"w{i}" for i in range(2000)), b"h\x00")
    ),
}  # fmt: skip
REFUSED = {
    "a length of 2 ** 40": (b"\x8d" + struct.pack("<Q", 1 << 40), "ends within"),
    "a length of bytes": (b"\x8e" + struct.pack("<Q", 1 << 62), "ends within"),
    "a length of a number": (b"\x8b" + struct.pack("<i", 2**31 - 1), "ends within"),
    "a storage id that never ends": (doubled(60) + b"Q", r"described by \(tuple, tuple\)"),
    "a long name": (long_text(9000) + b"q\x00" + in_a_list(b"h\x00h\x00\x93"), "18000 characters"),
    "copies of a list": (repeated_call(Name("builtins", "set"), MANY), "steps to read"),
    "copies of a dict": (
        repeated_call(Name("collections", "Counter"), b"}" + pairs(range(20000))),
        "steps to read",
    ),
    "copies of bytes": (
        b"X\x05\x00\x00\x00latin" + b"0" + long_text(50000) + b"X\x06\x00\x00\x00latin1\x86q\x01"
        + px.encode(Name("_codecs", "encode")) + b"q\x00" + in_a_list(b"h\x00h\x01R"),
        "more bytes than it has",
    ),
    "a hundred thousand dimensions": (
        px.encode(px.tensor_call(Persistent(px.storage_id("0", 6)), 0, ALL_ONES, ALL_ONES)),
        "has the shape",
    ),
    "calls with many arguments": (
        b"(" + b"N" * 50000 + b"tq\x01" + px.encode(Name("torch._utils", "_rebuild_tensor_v2"))
        + b"q\x00" + in_a_list(b"h\x00h\x01R"),
        "called with too much",
    ),
    "an array of a huge shape": (
        px.encode(ARRAY) + px.encode((1, (2**62,) * 60, DOUBLES, False, "")) + b"b",
        "array has the shape",
    ),
}  # fmt: skip


def peak_of(tmp_path, data):
    """Read a file; return its outcome, and the peak of memory beside it in bytes."""
    tracemalloc.start()
    try:
        outcome = load(tmp_path, data)
    except CheckpointError as error:
        outcome = error
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return outcome, peak


@pytest.mark.parametrize("kind", HELD)
def test_a_bomb_that_is_read_costs_no_more_than_its_size(tmp_path, kind):
    storages = {"0": torch.zeros(NUMBERS)} if "storage" in kind else {}
    data = px.zip_file(b"\x80\x02" + HELD[kind] + b".", storages)
    outcome, peak = peak_of(tmp_path, data)
    assert not isinstance(outcome, CheckpointError), outcome
    assert peak < 20 * len(data) + 1_000_000


@pytest.mark.parametrize("kind", REFUSED)
def test_a_bomb_is_refused_in_a_short_sentence(tmp_path, kind):
    code, message = REFUSED[kind]
    data = px.zip_file(b"\x80\x02" + code + b".", {"0": torch.zeros(6)})
    outcome, peak = peak_of(tmp_path, data)
    assert isinstance(outcome, CheckpointError), outcome
    assert len(str(outcome)) < 500
    assert peak < 60 * len(data) + 1_000_000
    with pytest.raises(CheckpointError, match=message):
        raise outcome


def test_tensors_of_one_storage_share_its_memory(tmp_path):
    data = px.zip_file(px.stream({f"w{i}": WHOLE for i in range(9)}), {"0": torch.ones(NUMBERS)})
    tensors = [tensor.tensor() for tensor in load(tmp_path, data).values()]
    assert len({tensor.data_ptr() for tensor in tensors}) == 1


def test_an_expanded_tensor_is_a_view_up_to_a_size(tmp_path):
    def expanded(*size):
        return px.tensor_call(Persistent(px.storage_id("0", 6)), 1, size, (0,) * len(size))

    values = {"small": expanded(2, 4), "large": expanded(50, 10**9)}
    loaded = load(tmp_path, px.zip_file(px.stream(values), {"0": torch.arange(6.0)}))
    assert torch.equal(loaded["small"].tensor(), torch.ones(2, 4))
    assert loaded["large"] == UnreadableTensor("expanded from 6 stored elements to 50000000000")


def overlapping_archive(count):
    """A zip file whose every storage runs through those that follow it to the end."""
    names = [f"a/data/{i}" for i in range(count)]
    heads, rest = [], b"\0" * 4096
    for name in reversed(names):
        head = struct.pack(
            "<4s5H3I2H", b"PK\3\4", 20, 0, 0, 0, 33, 0, len(rest), len(rest), len(name), 0
        )
        heads.append((name, len(rest)))
        rest = head + name.encode() + rest
    heads.reverse()
    values = {
        name: px.tensor_call(
            Persistent(px.storage_id(name[7:], size, "ByteStorage")), 0, (size,), (1,)
        )
        for name, size in heads
    }
    buffer = io.BytesIO(rest)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("a/data.pkl", px.stream(values))
        offset = 0
        for name, size in heads:
            entry = zipfile.ZipInfo(name)
            entry.file_size = entry.compress_size = size
            entry.header_offset, entry.CRC = offset, 0
            archive.filelist.append(entry)
            archive.NameToInfo[name] = entry
            offset += 30 + len(name)
    return buffer.getvalue()


def test_entries_of_an_archive_that_lie_over_each_other_are_refused(tmp_path):
    assert isinstance(load(tmp_path, overlapping_archive(1))["a/data/0"], PickledTensor)
    with pytest.raises(CheckpointError, match="lie over each other"):
        load(tmp_path, overlapping_archive(2))


def zeros_of_numpy():
    buffer = io.BytesIO()
    np.savez_compressed(buffer, zeros=np.zeros(1_000_000))
    return buffer.getvalue()


@pytest.mark.parametrize("data", [gzip.compress(bytes(8_000_000)), zeros_of_numpy()])
def test_packed_zeros_are_not_unpacked(tmp_path, data):
    outcome, peak = peak_of(tmp_path, data)
    assert "unpacks to more than 20 times its size" in str(outcome)
    assert peak < 4_000_000


def test_a_pickle_of_too_many_steps_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("lstm_units.checkpoint_files.pickle_machine.MOST_STEPS", 1000)
    assert load(tmp_path, px.stream(Raw(b"N0" * 490 + b"N"))) is None
    with pytest.raises(CheckpointError, match=r"more than 1,000 steps to read.*state_dict"):
        load(tmp_path, px.stream(Raw(b"N0" * 500 + b"N")))
    with pytest.raises(CheckpointError, match="steps to read"):  # sets are large
        load(tmp_path, px.stream(Raw(b"\x8f0" * 250 + b"N")))
