"""Reading what ``torch.save`` wrote without running anything that is in it.

A pickle is a program: it names functions and calls them. Here it may name only what a saved model
is made of, and what it gets for those names is never the real thing. Tensors become
`PickledTensor`, modules become `StandIn`; both hold data and have no behaviour a pickle could use.
No name in a file is ever imported.

Two layouts are read: the zip archive (default since torch 1.6) and the older sequence of pickles
followed by raw storages (torch 0.2 to 1.5, and ``_use_new_zipfile_serialization=False``), with the
class sources that torch up to 1.x stored beside modules.
"""

import io
import math
import pickle
import pickletools
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor

from lstm_units.errors import CheckpointError

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL = 1001
_LARGEST = 1 << 40  # elements; no tensor of a language model comes near
_DTYPES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
    "UntypedStorage": torch.uint8,
}


class _Inert:
    """Base of what a pickle may hold. Without it, BUILD would write into ``__dict__``."""

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError(f"it sets the state of a {type(self).__name__.lstrip('_')}")


class StandIn:
    """What is left of an instance of a class that was not loaded.

    Attributes
    ----------
    dotted_name : str
        The name of the class in the file; a class attribute.
    arguments : tuple
        What its constructor would have been called with.
    keywords : dict of str to object
        The named ones among these.
    state : object
        What its ``__setstate__`` would have been given; for a module the dict of its attributes.
        None when the file sets no state.
    items : dict or list or None
        What the file puts into it, of a subclass of dict or list.
    """

    __slots__ = ("arguments", "items", "keywords", "state")
    dotted_name = ""

    def __new__(cls, *arguments: Any, **keywords: Any) -> "StandIn":
        """Keep the arguments and do nothing with them."""
        instance = object.__new__(cls)
        instance.arguments = arguments
        instance.keywords = keywords
        instance.state = None
        instance.items = None
        return instance

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _PlainDict(OrderedDict):
    """An OrderedDict whose attributes a pickle cannot set (state dicts carry ``_metadata``)."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        pass


class _Builder(_Inert):
    """A function that a pickle may call, wrapped so that it can do nothing else with it."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __call__(self, *arguments: Any) -> Any:
        return self.function(*arguments)


@dataclass(frozen=True)
class _StorageType(_Inert):
    dtype: torch.dtype


@dataclass(frozen=True)
class _Storage(_Inert):
    """A run of `numel` elements that begins at element `start` of the stored array `key`."""

    key: str
    dtype: torch.dtype
    start: int
    numel: int
    arrays: dict[str, Tensor] = field(repr=False)


@dataclass(frozen=True)
class PickledTensor(_Inert):
    """A tensor in a checkpoint, checked to lie within its storage, not yet built.

    Parameters
    ----------
    storage : object
        Where its elements are.
    offset : int
        Elements of the storage before its first.
    size, stride : tuple of int
        Shape, and steps in elements.
    """

    storage: _Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]

    def tensor(self) -> Tensor:
        """Return the tensor, on the CPU, in the type it was saved in.

        It is a view: several share a storage, and an expanded one may have far more elements than
        the file has bytes, so who copies it looks at `size` first.
        """
        array = self.storage.arrays[self.storage.key]
        start = self.storage.start + self.offset
        return torch.as_strided(array, self.size, self.stride, start)


@dataclass(frozen=True)
class UnreadableTensor(_Inert):
    """A tensor that the file holds and that cannot be rebuilt here.

    Parameters
    ----------
    what : str
        Its kind, to follow "is" in a message: "a sparse tensor", "a quantised tensor".
    """

    what: str


def load_pickled(path: str | Path, stand_ins: Iterable[str] = ("model.RNNModel",)) -> Any:
    """Read a file that ``torch.save`` wrote, running nothing of it.

    Parameters
    ----------
    path : str or Path
        The checkpoint, in the zip or the legacy layout.
    stand_ins : iterable of str
        Dotted names of the classes outside ``torch.nn`` that the file may hold, such as the class
        of the model. They are not imported either.

    Returns
    -------
    object
        What was saved: dicts, lists, tuples, sets, strings and numbers as they are, each tensor or
        parameter as a `PickledTensor` (torch 0.3 parameters: a `StandIn` with one as its only
        argument), each module as a `StandIn`.

    Raises
    ------
    CheckpointError
        If the file is missing, empty, damaged or of another kind, names anything that is not
        allowed, or has a tensor that reaches outside its storage.

    Notes
    -----
    Allowed names: ``collections.OrderedDict``; the storage types of ``torch`` and ``torch.cuda``;
    ``torch._utils._rebuild_tensor``, ``_rebuild_tensor_v2`` and ``_rebuild_parameter``; the builtin
    ``set`` (every module saved since torch 1.6 holds one); as stand-ins anything in ``torch.nn``
    and `stand_ins`.
    """
    path = Path(path)
    names = frozenset(stand_ins)
    try:
        with path.open("rb") as handle:
            head = handle.read(4)
            if not head:
                raise CheckpointError(
                    f"{path} is empty; download or save the checkpoint again, then give its path"
                )
            handle.seek(0)
            if head == b"PK\x03\x04":
                return _load_zip(handle, path, names)
            return _load_legacy(handle, path, names)
    except FileNotFoundError as error:
        raise CheckpointError(f"there is no checkpoint {path}; check its path") from error
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror or error}") from error


def _damaged(path: Path, why: object) -> CheckpointError:
    return CheckpointError(
        f"{path} is damaged, cut off, or no checkpoint of torch 0.2 or later: {why}. Download or "
        "save it again; a state_dict or a safetensors file is read too"
    )


class _Unpickler(pickle.Unpickler):
    """Resolves names by table and never imports."""

    def __init__(self, handle: BinaryIO, path: Path, stand_ins: frozenset[str]) -> None:
        super().__init__(handle, encoding="utf-8")  # torch 0.3 ran on Python 2 as well
        self.path = path
        self.stand_ins = stand_ins
        self.arrays: dict[str, Tensor] = {}
        self.stored: dict[str, tuple[torch.dtype, int]] = {}
        self.classes: dict[str, type[StandIn]] = {}

    def find_class(self, module: str, name: str) -> Any:
        """Return what stands for ``module.name`` in a checkpoint, or refuse it.

        Parameters
        ----------
        module, name : str
            As the pickle names them.

        Returns
        -------
        type or callable
            Never the named object itself.

        Raises
        ------
        CheckpointError
            If the name is not in the table, among the stand-ins or in ``torch.nn``.
        """
        dotted = f"{module}.{name}"
        if dotted == "collections.OrderedDict":
            return _PlainDict
        if dotted in ("builtins.set", "__builtin__.set"):
            return _Builder(set)
        if module in ("torch", "torch.cuda", "torch.storage") and name in _DTYPES:
            return _StorageType(_DTYPES[name])
        if dotted in ("torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2"):
            return _Builder(self._rebuild_tensor)
        if dotted == "torch._utils._rebuild_parameter":
            return _Builder(self._rebuild_parameter)
        # A dotted name in torch.nn would be a walk through attributes: no class is saved so.
        in_torch_nn = module == "torch.nn" or module.startswith("torch.nn.")
        if dotted in self.stand_ins or (in_torch_nn and name.isidentifier()):
            if dotted not in self.classes:
                body = {"__slots__": (), "dotted_name": dotted}
                self.classes[dotted] = type("StandIn", (StandIn,), body)
            return self.classes[dotted]
        raise CheckpointError(
            f"{self.path} asks for {dotted}, which is refused: only tensors and the outline of a "
            f"model are read, and nothing was run. If {dotted} is your own model class, name it in "
            "stand_ins (it is not imported); if not, do not trust the file. A checkpoint with "
            "other classes can be saved again with torch.save(model.state_dict(), path)"
        )

    def persistent_load(self, identifier: Any) -> Any:
        """Return a storage, or the class that torch before 2.0 stored with its source."""
        match identifier:
            case ("module", type() as kind, _, _) if issubclass(kind, StandIn):
                return kind
            case ("storage", _StorageType(dtype), str(key), str(), int(numel), *rest):
                if numel < 0 or self.stored.setdefault(key, (dtype, numel)) != (dtype, numel):
                    raise pickle.UnpicklingError(f"storage {key!r} is described in two ways")
                match rest:
                    case [] | [None]:
                        return _Storage(key, dtype, 0, numel, self.arrays)
                    case [(str(), int(start), int(size))] if 0 <= start <= start + size <= numel:
                        return _Storage(key, dtype, start, size, self.arrays)
        raise pickle.UnpicklingError(f"no storage is described by {str(identifier)[:200]}")

    def _rebuild_tensor(
        self, storage: Any, offset: Any, size: Any, stride: Any, *_: Any
    ) -> PickledTensor:
        numbers = (offset, *size, *stride)
        if not isinstance(storage, _Storage) or any(
            type(number) is not int or not 0 <= number < _LARGEST for number in numbers
        ):
            raise pickle.UnpicklingError("a tensor is built from something that is not a storage")
        size, stride = tuple(size), tuple(stride)
        elements = math.prod(size)
        reach = 0
        if elements:
            steps = zip(size, stride, strict=True)
            reach = offset + 1 + sum((length - 1) * step for length, step in steps)
        # More elements than the storage has means overlap, a way to make a small file fill memory.
        spread = math.prod(max(length, 1) for length in size) if elements == 0 else elements
        outside = reach > storage.numel or elements > storage.numel or spread > _LARGEST
        if len(size) != len(stride) or outside:
            raise CheckpointError(
                f"{self.path}: a tensor of shape {size}, stride {stride} and offset {offset} "
                f"reaches outside its storage of {storage.numel} elements. The file is damaged or "
                "forged; download or save it again"
            )
        return PickledTensor(storage, offset if elements else 0, size, stride)

    def _rebuild_parameter(self, data: Any, *_: Any) -> PickledTensor:
        if not isinstance(data, PickledTensor):
            raise pickle.UnpicklingError("a parameter is built from something that is no tensor")
        return data


def _read_pickle(unpickler: _Unpickler, handle: BinaryIO) -> Any:
    """Load the pickle at the position of `handle`."""
    start = handle.tell()
    try:
        for opcode, argument, _ in pickletools.genops(handle):
            # Extension codes reach objects by number, without asking find_class.
            if opcode.name in ("EXT1", "EXT2", "EXT4"):
                raise CheckpointError(
                    f"{unpickler.path} uses the pickle opcode {opcode.name} (copyreg extension "
                    f"{argument}), which is refused: torch never writes it. Do not trust the file"
                )
        handle.seek(start)
        return unpickler.load()
    except (CheckpointError, OSError):
        raise
    except Exception as error:  # a hostile or cut-off stream can fail in any way it likes
        raise _damaged(unpickler.path, error) from error


def _array(data: bytes, dtype: torch.dtype, big_endian: bool = False) -> Tensor:
    if not data:
        return torch.empty(0, dtype=dtype)
    if big_endian:
        data = np.frombuffer(data, np.uint8).reshape(-1, dtype.itemsize)[:, ::-1].tobytes()
    return torch.frombuffer(bytearray(data), dtype=dtype)


def _load_zip(handle: BinaryIO, path: Path, stand_ins: frozenset[str]) -> Any:
    try:
        with zipfile.ZipFile(handle) as archive:
            pickles = [name for name in archive.namelist() if name.endswith("data.pkl")]
            if len(pickles) != 1:
                raise _damaged(path, f"the archive holds {len(pickles)} data.pkl, not one")
            prefix = pickles[0].removesuffix("data.pkl")
            if f"{prefix}constants.pkl" in archive.namelist():
                raise CheckpointError(
                    f"{path} is a TorchScript archive, which holds code. Save the weights instead: "
                    "torch.save(torch.jit.load(path).state_dict(), new_path)"
                )
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
                raise _damaged(path, "the archive is compressed, which torch never does")
            stream = io.BytesIO(archive.read(pickles[0]))
            unpickler = _Unpickler(stream, path, stand_ins)
            loaded = _read_pickle(unpickler, stream)
            order = b"little"  # before torch 2.1 the archive did not say
            if f"{prefix}byteorder" in archive.namelist():
                order = archive.read(f"{prefix}byteorder")
            if order not in (b"little", b"big"):
                raise _damaged(path, f"byte order {order[:20]!r}, expected 'little' or 'big'")
            for key, (dtype, numel) in unpickler.stored.items():
                entry = archive.getinfo(f"{prefix}data/{key}")
                if entry.file_size != numel * dtype.itemsize:
                    raise _damaged(
                        path,
                        f"storage {key!r} has {entry.file_size} bytes where {numel} elements of "
                        f"{dtype} need {numel * dtype.itemsize}",
                    )
                unpickler.arrays[key] = _array(archive.read(entry), dtype, order == b"big")
    except (CheckpointError, OSError):
        raise
    except Exception as error:  # zipfile fails in many ways on damaged archives
        raise _damaged(path, error) from error
    return loaded


def _load_legacy(handle: BinaryIO, path: Path, stand_ins: frozenset[str]) -> Any:
    def plain() -> Any:
        return _read_pickle(_Unpickler(handle, path, frozenset()), handle)

    if (magic := plain()) != _LEGACY_MAGIC:
        raise _damaged(path, f"it begins with a {type(magic).__name__}, not torch's magic number")
    if plain() != _LEGACY_PROTOCOL:
        raise _damaged(path, f"its layout has another number than {_LEGACY_PROTOCOL}")
    plain()  # facts about the machine; storages are little-endian whatever it says
    unpickler = _Unpickler(handle, path, stand_ins)
    loaded = _read_pickle(unpickler, handle)
    keys = plain()
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise _damaged(path, "it has no list of storages")
    if sorted(keys) != sorted(unpickler.stored):
        raise _damaged(path, "its list of storages does not fit its tensors")
    end = path.stat().st_size
    for key in keys:
        dtype, numel = unpickler.stored[key]
        header = handle.read(8)
        if len(header) < 8 or struct.unpack("<q", header) != (numel,):
            raise _damaged(path, f"storage {key!r} does not have the {numel} elements it should")
        if handle.tell() + numel * dtype.itemsize > end:
            raise _damaged(path, f"it ends within storage {key!r}")
        unpickler.arrays[key] = _array(handle.read(numel * dtype.itemsize), dtype)
    return loaded
