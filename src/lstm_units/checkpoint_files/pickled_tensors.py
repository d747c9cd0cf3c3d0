"""Tensors, arrays and numbers as torch and numpy write them in pickles, checked but not read.

Sources: ``torch/_utils.py`` (``_rebuild_*``) of torch 0.2 to 2.13; numpy's ``ndarray.__reduce__``,
``dtype.__reduce__`` and ``numpy/_core/numeric.py``.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from lstm_units.checkpoint_files.pickled_values import (
    MalformedPickle,
    Name,
    PickledTensor,
    StandIn,
    Storage,
    StoredArray,
    UnreadableTensor,
    shown,
)

_LARGEST = 1 << 40  # elements; no tensor of a language model comes near
_LARGEST_EXPANDED = 1 << 22  # elements of a tensor that has more of them than its storage
_MOST_DIMENSIONS = 64  # of torch and numpy
STORAGES = {
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
    "ComplexFloatStorage": torch.complex64,
    "ComplexDoubleStorage": torch.complex128,
    "UntypedStorage": torch.uint8,
    # Quantised numbers by their size; tensors of them are not read.
    "QInt8Storage": torch.int8,
    "QUInt8Storage": torch.uint8,
    "QInt32Storage": torch.int32,
    "QUInt4x2Storage": torch.uint8,
    "QUInt2x4Storage": torch.uint8,
}
# Types that torch keeps in storages of bytes, as far as this torch has them.
_BYTE_TYPES = {
    f"torch.{name}": getattr(torch, name)
    for name in (
        *("uint16", "uint32", "uint64", "complex32", "float8_e4m3fn", "float8_e4m3fnuz"),
        *("float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu"),
    )
    if hasattr(torch, name)
}
NUMPY_TYPES = {
    **{"f8": torch.float64, "f4": torch.float32, "f2": torch.float16, "b1": torch.bool},
    **{"i8": torch.int64, "i4": torch.int32, "i2": torch.int16, "i1": torch.int8},
    **{"c8": torch.complex64, "c16": torch.complex128, "u1": torch.uint8},
    **{f"u{size}": _BYTE_TYPES.get(f"torch.uint{8 * size}") for size in (2, 4, 8)},
}
UNREADABLE = {
    "torch._utils._rebuild_sparse_tensor": "a sparse tensor",
    "torch._utils._rebuild_sparse_csr_tensor": "a sparse tensor",
    "torch._utils._rebuild_qtensor": "a quantised tensor",
    "torch._utils._rebuild_nested_tensor": "a nested tensor",
    "torch.nested._internal.nested_tensor._rebuild_njt": "a nested tensor",
    "torch._utils._rebuild_meta_tensor_no_storage": "a tensor on the device meta, without values",
    "torch.nn.parameter.UninitializedParameter": "a parameter that was never given values",
    "torch.nn.parameter.UninitializedBuffer": "a buffer that was never given values",
    **{
        f"torch.{where}sparse.{kind}Tensor": "a sparse tensor"
        for where in ("", "cuda.")
        for kind in ("Double", "Float", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte")
    },
}


@dataclass(frozen=True)
class NumpyType:
    """A numpy type: its code, what torch calls it or None, and its byte order."""

    code: str
    dtype: torch.dtype | None
    big_endian: bool


def tensor(arguments: Any) -> PickledTensor | UnreadableTensor:
    """Return a tensor from storage, offset, size, stride[, gradient, hooks, metadata].

    Raises
    ------
    MalformedPickle
        If it reaches outside its storage, or is built from something else.
    """
    match arguments:
        case (Storage() as storage, offset, size, stride, *more) if len(more) <= 3:
            metadata = more[2] if len(more) == 3 else None
            return _view(storage, offset, size, stride, storage.array.dtype, metadata)
    raise MalformedPickle("a tensor is built from something that is not a storage")


def tensor_of_type(arguments: Any) -> PickledTensor | UnreadableTensor:
    """Return a tensor whose storage has bytes: as `tensor`, with a type before the metadata."""
    match arguments:
        case (Storage() as storage, offset, size, stride, _, _, Name(kind), *metadata):
            if kind not in _BYTE_TYPES:
                return UnreadableTensor(f"a tensor of type {kind.removeprefix('torch.')}")
            return _view(storage, offset, size, stride, _BYTE_TYPES[kind], *metadata[:1])
    raise MalformedPickle("a tensor is built from something that is not a storage")


def _view(
    storage: Storage,
    offset: Any,
    size: Any,
    stride: Any,
    dtype: torch.dtype,
    metadata: Any = None,
) -> PickledTensor | UnreadableTensor:
    """Return a tensor that lies within its storage; `size` and `stride` count elements."""
    if not all(isinstance(steps, tuple | list) for steps in (size, stride)) or (
        max(len(size), len(stride)) > _MOST_DIMENSIONS
    ):
        raise MalformedPickle(f"a tensor has the shape {shown(size)}")
    size, stride = tuple(size), tuple(stride)
    if any(type(n) is not int or not 0 <= n < _LARGEST for n in (offset, *size, *stride)):
        raise MalformedPickle(f"a tensor has the shape {shown(size)}, stride {shown(stride)}")
    held = storage.numel * storage.array.dtype.itemsize // dtype.itemsize
    elements = math.prod(size)
    reach = 0
    if elements and len(size) == len(stride):
        steps = zip(size, stride, strict=True)
        reach = offset + 1 + sum((length - 1) * step for length, step in steps)
    spread = math.prod(max(length, 1) for length in size)
    if len(size) != len(stride) or reach > held or spread > _LARGEST:
        raise MalformedPickle(
            f"a tensor of shape {shown(size)}, stride {shown(stride)} and offset {offset} reaches "
            f"outside its storage of {held} elements"
        )
    if elements > max(held, _LARGEST_EXPANDED):
        return UnreadableTensor(f"expanded from {held} stored elements to {elements}")
    if isinstance(metadata, dict) and metadata:
        return UnreadableTensor("kept negated or conjugated")
    return PickledTensor(storage, offset if elements else 0, size, stride, dtype)


def numpy_type(code: str, state: Any) -> NumpyType:
    """Return a numpy type from its code and the state that numpy gives it."""
    match state:
        case (int(), "<" | "|" | ">" | "=" as order, *_):
            return NumpyType(code[:20], NUMPY_TYPES.get(code), order == ">")
    raise MalformedPickle(f"a numpy type has the state {shown(state)}")


def array(
    kind: NumpyType, shape: tuple[Any, ...], fortran: bool, data: bytes
) -> PickledTensor | StandIn:
    """Return a numpy array; one of text or objects as a stand-in.

    Raises
    ------
    MalformedPickle
        If its shape does not fit its bytes.
    """
    if kind.dtype is None:
        return StandIn("numpy.ndarray", (shape, kind.code), state=data)
    if len(shape) > _MOST_DIMENSIONS or any(
        type(n) is not int or not 0 <= n < _LARGEST for n in shape
    ):
        raise MalformedPickle(f"an array has the shape {shown(shape)}")
    if math.prod(shape) * kind.dtype.itemsize != len(data):
        raise MalformedPickle(f"an array of shape {shown(shape)} has {len(data)} bytes")
    stored = StoredArray(kind.dtype, math.prod(shape), lambda: bytearray(data), kind.big_endian)
    return whole(stored, shape, fortran)


def whole(stored: StoredArray, shape: tuple[int, ...], fortran: bool = False) -> PickledTensor:
    """Return a tensor that is all of a stored array, in the order of C or of Fortran."""
    steps = [1]
    for length in shape[:-1] if fortran else shape[:0:-1]:
        steps.append(steps[-1] * max(length, 1))
    stride = tuple(steps if fortran else steps[::-1])[: len(shape)]
    return PickledTensor(Storage(stored, 0, stored.numel), 0, shape, stride, stored.dtype)


def number(kind: NumpyType, data: bytes) -> Any:
    """Return a single number; one of another type as a stand-in."""
    if kind.dtype is None or len(data) != kind.dtype.itemsize:
        return StandIn("numpy.core.multiarray.scalar", (kind.code, data))
    return np.frombuffer(data, f"{'>' if kind.big_endian else '<'}{kind.code}")[0].item()
