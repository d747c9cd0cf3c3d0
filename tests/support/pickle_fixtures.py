"""Streams of pickle opcodes put together by hand, and checkpoints made of them.

Nothing here needs the classes it names, so a checkpoint of torch 0.3 can be written without
torch 0.3, and a hostile pickle without running it.
"""

import io
import pickle
import struct
import sys
import types
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

MAGIC = 0x1950A86A20F9469CFC6C


@dataclass(frozen=True)
class Name:
    """GLOBAL: a module and a name in it."""

    module: str
    name: str


@dataclass(frozen=True)
class Call:
    """REDUCE, and BUILD when there is a state."""

    function: Any
    arguments: tuple = ()
    state: Any = None


@dataclass(frozen=True)
class New:
    """NEWOBJ and BUILD: how protocol 2 writes an ordinary instance."""

    kind: Any
    state: Any = None


@dataclass(frozen=True)
class Persistent:
    """BINPERSID."""

    identifier: Any


@dataclass(frozen=True)
class Raw:
    """Opcodes as they are."""

    code: bytes


def encode(value: Any) -> bytes:
    """Opcodes that push a value."""
    match value:
        case Raw(code):
            return code
        case Name(module, name):
            return b"c" + module.encode() + b"\n" + name.encode() + b"\n"
        case Call(function, arguments, state):
            code = encode(function) + encode(arguments) + b"R"
            return code if state is None else code + encode(state) + b"b"
        case New(kind, state):
            code = encode(kind) + b")\x81"
            return code if state is None else code + encode(state) + b"b"
        case Persistent(identifier):
            return encode(identifier) + b"Q"
        case None:
            return b"N"
        case bool():
            return b"\x88" if value else b"\x89"
        case int() if -(2**31) <= value < 2**31:
            return b"J" + struct.pack("<i", value)
        case int():
            data = value.to_bytes((value.bit_length() + 8) // 8, "little", signed=True)
            return b"\x8a" + bytes([len(data)]) + data
        case float():
            return b"G" + struct.pack(">d", value)
        case str():
            data = value.encode()
            return b"X" + struct.pack("<I", len(data)) + data
        case tuple():
            return b"(" + b"".join(map(encode, value)) + b"t"
        case list():
            return b"](" + b"".join(map(encode, value)) + b"e"
        case dict():
            return b"}(" + b"".join(encode(k) + encode(v) for k, v in value.items()) + b"u"
    raise TypeError(f"no opcodes for {value!r}")


def stream(value: Any) -> bytes:
    """A whole pickle of protocol 2."""
    return b"\x80\x02" + encode(value) + b"."


def ordered(items: dict) -> Raw:
    """An OrderedDict with items."""
    code = encode(Call(Name("collections", "OrderedDict")))
    pairs = b"".join(encode(k) + encode(v) for k, v in items.items())
    return Raw(code + (b"(" + pairs + b"u" if items else b""))


def legacy_file(value: Any, storages: dict[str, torch.Tensor] | None = None) -> bytes:
    """The legacy layout: magic number, protocol, machine, object, storage keys, storages."""
    machine = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"int": 4}}
    storages = storages or {}
    parts = [stream(MAGIC), stream(1001), stream(machine), stream(value), stream([*storages])]
    for tensor in storages.values():
        parts.append(struct.pack("<q", tensor.numel()) + tensor.contiguous().numpy().tobytes())
    return b"".join(parts)


def zip_file(
    pickled: bytes, storages: dict[str, torch.Tensor] | None = None, byteorder: str = "little"
) -> bytes:
    """The zip layout around a pickle."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", pickled)
        archive.writestr("archive/byteorder", byteorder)
        for key, tensor in (storages or {}).items():
            data = tensor.contiguous().numpy()
            data = data.byteswap() if byteorder == "big" else data
            archive.writestr(f"archive/data/{key}", data.tobytes())
        archive.writestr("archive/version", "3\n")
    return buffer.getvalue()


def storage_id(key: str, numel: int, kind: str = "FloatStorage", module: str = "torch") -> tuple:
    """What identifies a storage in the zip layout."""
    return ("storage", Name(module, kind), key, "cpu", numel)


def tensor_call(storage: Any, offset: Any, size: Any, stride: Any, version: str = "_v2") -> Call:
    """A call that rebuilds a tensor."""
    arguments = (storage, offset, size, stride)
    if version:
        arguments += (False, ordered({}))
    return Call(Name("torch._utils", f"_rebuild_tensor{version}"), arguments)


def torch_03_checkpoint(
    state: dict[str, torch.Tensor], tie: bool = False, dropout_state: Any = None
) -> bytes:
    """A whole RNNModel as torch 0.3 saved it on a GPU.

    Persistent ids carry the sources of the classes and the views of storages, storages are CUDA
    ones, parameters are made by calling Parameter, modules point to the THNN backend, and the LSTM
    has `_all_weights` and `_data_ptrs` but no `_flat_weights`.
    """
    storages: dict[str, torch.Tensor] = {}
    backend = Call(Name("torch.nn.backends.thnn", "_get_thnn_function_backend"))

    def parameter(name: str) -> Call:
        tensor = state[name]
        key = str(94000 + len(storages))
        storages[key] = tensor
        identifier = (
            "storage",
            Name("torch.cuda", "FloatStorage"),
            key,
            "cuda:0",
            tensor.numel(),
            None,
        )
        shape, stride = tuple(tensor.shape), tuple(tensor.stride())
        data = tensor_call(Persistent(identifier), 0, shape, stride, version="")
        hooks = ordered({})
        return Call(Name("torch.nn.parameter", "Parameter"), (data,), (True, False, hooks))

    def module(kind: Name, parameters: dict, children: dict, **attributes: Any) -> New:
        hooks = ("_backward_hooks", "_forward_hooks", "_forward_pre_hooks", "_buffers")
        source = f"class {kind.name}(Module):\n    pass\n"
        persistent = Persistent(("module", kind, f"/somewhere/{kind.name}.py", source))
        body = {name: ordered({}) for name in hooks}
        body |= {"_parameters": ordered(parameters), "_modules": ordered(children)}
        return New(persistent, body | {"_backend": backend, "training": True} | attributes)

    layers = 1 + max(int(name[-1]) for name in state if name.startswith("rnn.weight_hh"))
    names = [
        [f"{kind}_l{d}" for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        for d in range(layers)
    ]
    rnn = module(
        Name("torch.nn.modules.rnn", "LSTM"),
        {name: parameter(f"rnn.{name}") for group in names for name in group},
        {},
        _all_weights=names,
        _data_ptrs=[],
        mode="LSTM",
        num_layers=layers,
        dropout=0.2,
        dropout_state=dropout_state or {},
        bias=True,
        bidirectional=False,
    )
    encoder_weight = parameter("encoder.weight")
    decoder_weight = encoder_weight if tie else parameter("decoder.weight")
    decoder = {"weight": decoder_weight, "bias": parameter("decoder.bias")}
    linear = Name("torch.nn.modules.linear", "Linear")
    embedding = Name("torch.nn.modules.sparse", "Embedding")
    drop = module(Name("torch.nn.modules.dropout", "Dropout"), {}, {}, p=0.2, inplace=False)
    model = module(
        Name("model", "RNNModel"),
        {},
        {
            "drop": drop,
            "encoder": module(embedding, {"weight": encoder_weight}, {}, padding_idx=None),
            "rnn": rnn,
            "decoder": module(linear, decoder, {}),
        },
        rnn_type="LSTM",
    )
    return legacy_file(model, storages)


def hostile_pickles(marker: Path) -> dict[str, tuple[bytes, str]]:
    """Pickles that would create `marker` if they ran, each with the name it is refused by."""
    touch = f"touch {marker}"
    python = f"open({str(marker)!r}, 'w').close()"
    inside = storage_id("0", 4)

    def call(module: str, name: str, *arguments: Any) -> tuple[bytes, str]:
        return stream(Call(Name(module, name), arguments)), f"{module}.{name}"

    def short(text: str) -> bytes:
        return b"\x8c" + bytes([len(text)]) + text.encode()

    system = Name("os", "system")
    walk = short("torch.nn") + short("modules.os.system") + b"\x93"
    walk_builtins = short("torch.nn.functional") + short("math.__loader__.load_module") + b"\x93"
    inst = b"(" + encode(touch) + b"ios\nsystem\n"
    obj = b"(" + encode(system) + encode(touch) + b"o"
    reconstructor = Name("copyreg", "_reconstructor")
    popen = Call(Name("subprocess", "Popen"), (["touch", str(marker)],))
    new_popen = encode(Name("subprocess", "Popen")) + encode((["touch", str(marker)],)) + b"\x81"
    model = Name("torch.nn.modules.rnn", "LSTM")
    return {
        "os.system": call("os", "system", touch),
        "posix.system": call("posix", "system", touch),
        "eval": call("builtins", "eval", python),
        "exec": call("builtins", "exec", python),
        "python 2 eval": call("__builtin__", "eval", python),
        "getattr": (
            stream(Call(Call(Name("builtins", "getattr"), (Name("os", "path"), "os")), (touch,))),
            "os.path",
        ),
        "Popen": (stream(popen), "subprocess.Popen"),
        "Popen by NEWOBJ": (stream(Raw(new_popen)), "subprocess.Popen"),
        "torch.load": call("torch", "load", str(marker)),
        "torch.hub": call("torch.hub", "load_state_dict_from_url", "http://127.0.0.1:9/x"),
        "torch storage bytes": call("torch.storage", "_load_from_bytes", "x"),
        "functools.partial": (
            stream(Call(Call(Name("functools", "partial"), (system, touch)))),
            "os.system",
        ),
        "copyreg": (
            stream(Call(reconstructor, (popen.function, Name("builtins", "object"), None))),
            "subprocess.Popen",
        ),
        "numpy": call("numpy", "fromfile", str(marker)),
        "numpy runstring": call("numpy.testing._private.utils", "runstring", python, {}),
        "importlib": call("importlib", "import_module", "antigravity"),
        "in a storage id": (
            stream(Persistent(("storage", Call(system, (touch,)), "0", "cpu", 4))),
            "os.system",
        ),
        "in a module id": (
            stream(Persistent(("module", system, "file.py", "source"))),
            "os.system",
        ),
        "traversal": (b"\x80\x04" + walk + encode((touch,)) + b"R.", "torch.nn.modules.os.system"),
        "traversal in functional": (
            b"\x80\x04" + walk_builtins + encode(("os",)) + b"R.",
            "torch.nn.functional.math.__loader__.load_module",
        ),
        "INST": (stream(Raw(inst)), "os.system"),
        "OBJ": (stream(Raw(obj)), "os.system"),
        "EXT1": (stream(Raw(b"\x82\xf0" + encode((touch,)) + b"R")), "EXT1"),
        "EXT4": (stream(Raw(b"\x84" + struct.pack("<i", 240) + encode((touch,)) + b"R")), "EXT4"),
        "stand-in argument": (stream(Call(model, (Call(system, (touch,)),))), "os.system"),
        "stand-in state": (stream(New(model, {"x": Call(system, (touch,))})), "os.system"),
        "tensor hooks": (
            stream(
                Call(
                    Name("torch._utils", "_rebuild_tensor_v2"),
                    (Persistent(inside), 0, (2,), (1,), False, Call(system, (touch,))),
                )
            ),
            "os.system",
        ),
        "rebuild from type": (
            stream(Call(Name("torch._tensor", "_rebuild_from_type_v2"), (system, touch, (), {}))),
            "os.system",
        ),
    }


class Gadget:
    """What real pickles make of an object that wants `os.system` to run."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self):
        import os

        return os.system, (self.command,)


@contextmanager
def classes(*dotted_names: str, base: type = object):
    """Classes that can be pickled under these names while the block runs, in their order."""
    modules, made = {}, []
    for dotted in dotted_names:
        module, _, name = dotted.rpartition(".")
        parts = module.split(".")
        for count in range(1, len(parts) + 1):
            path = ".".join(parts[:count])
            modules.setdefault(path, types.ModuleType(path))
        made.append(type(name, (base,), {"__module__": module, "__qualname__": name}))
        setattr(modules[module], name, made[-1])
    previous = {path: sys.modules.get(path) for path in modules}
    sys.modules.update(modules)
    try:
        yield made
    finally:
        for path, module in previous.items():
            sys.modules.pop(path)
            if module is not None:
                sys.modules[path] = module


@contextmanager
def model_module(**classes: type):
    """A module named `model` on the path, as the training scripts of the field have it."""
    module = types.ModuleType("model")
    previous = sys.modules.get("model")
    sys.modules["model"] = module
    for name, kind in classes.items():
        kind.__module__ = "model"
        kind.__qualname__ = kind.__name__ = name
        setattr(module, name, kind)
    try:
        yield module
    finally:
        sys.modules.pop("model")
        if previous is not None:
            sys.modules["model"] = previous


def rnn_model_class() -> type:
    """The model class of PyTorch's word_language_model example, reduced to its modules."""

    class RNNModel(torch.nn.Module):
        def __init__(self, words, embedding_size, units, layers, tie=False):
            super().__init__()
            self.drop = torch.nn.Dropout(0.2)
            self.encoder = torch.nn.Embedding(words, embedding_size)
            dropout = 0.2 if layers > 1 else 0.0
            self.rnn = torch.nn.LSTM(embedding_size, units, layers, dropout=dropout)
            self.decoder = torch.nn.Linear(units, words)
            if tie:
                self.decoder.weight = self.encoder.weight

    return RNNModel


def save_real_module(path: Path, *, zipped: bool, tie: bool = False, seed: int = 0):
    """Save a whole module with torch itself; return its state dict."""
    torch.manual_seed(seed)
    with model_module(RNNModel=rnn_model_class()) as module:
        model = module.RNNModel(8, 6, 6 if tie else 5, 2, tie)
        torch.save(model, path, _use_new_zipfile_serialization=zipped)
        return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def plain_pickle(value: Any) -> bytes:
    """What `pickle.dumps` makes of a value."""
    return pickle.dumps(value, protocol=2)
