"""What a pickle becomes when it is read without running it: data, and nothing with a behaviour."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor


class MalformedPickle(Exception):
    """What is read is no pickle that torch, numpy or Python write."""


class CostlyPickle(Exception):
    """Reading a file would cost more than it warrants."""


@dataclass(frozen=True, slots=True)
class Name:
    """A class or function that a file mentions; never the thing itself."""

    dotted_name: str


@dataclass(eq=False, slots=True)
class StandIn:
    """What is left of an object whose class was not loaded.

    Parameters
    ----------
    dotted_name : str
        The name of its class, or of the function that would have made it.
    arguments : tuple
        What that would have been called with.
    keywords : dict of str to object
        The named ones among these.
    state : object
        What its ``__setstate__`` would have been given; for a module the dict of its attributes.
        None when the file sets no state.
    items : dict or list or None
        What the file puts into it, of a subclass of dict or list.
    """

    dotted_name: str
    arguments: tuple[Any, ...] = field(default=(), repr=False)
    keywords: dict[str, Any] = field(default_factory=dict, repr=False)
    state: Any = field(default=None, repr=False)
    items: dict[Any, Any] | list[Any] | None = field(default=None, repr=False)


@dataclass(eq=False, slots=True)
class Unfinished(StandIn):
    """A stand-in that its state turns into something else, such as a numpy array.

    Parameters
    ----------
    finish : callable
        Makes that of the state.
    places : list of int
        Where the memo of the pickle has it.
    """

    finish: Callable[[Any], Any] = field(kw_only=True, repr=False)
    places: list[int] = field(default_factory=list, repr=False)


@dataclass(frozen=True, eq=False, slots=True)
class OpaqueKey:
    """A key of a dict or a member of a set whose hash a file could make expensive."""

    value: Any = field(repr=False)


class Latin1Text(str):
    """Text of Python 2 that is no UTF-8, so that its bytes can be had back."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class StorageType:
    """A type of storages that a file mentions."""

    dtype: torch.dtype


@dataclass(eq=False, slots=True)
class StoredArray:
    """Numbers in a file, read when the first tensor made of them is asked for, and once.

    Parameters
    ----------
    dtype : torch.dtype
    numel : int
        How many they are.
    read : callable
        Returns their bytes. None until it is known where they are.
    big_endian : bool
        Their byte order.
    """

    dtype: torch.dtype
    numel: int
    read: Callable[[], bytearray] | None = field(default=None, repr=False)
    big_endian: bool = False
    _tensor: Tensor | None = field(default=None, init=False, repr=False)

    @property
    def nbytes(self) -> int:
        """How many bytes they take in the file."""
        return self.numel * self.dtype.itemsize

    def tensor(self) -> Tensor:
        """Return them, of shape (numel,)."""
        if self._tensor is None:
            if self.numel == 0:
                self._tensor = torch.empty(0, dtype=self.dtype)
            else:
                tensor = torch.frombuffer(self.read(), dtype=self.dtype)
                if self.big_endian:
                    size = self.dtype.itemsize // (2 if self.dtype.is_complex else 1)
                    tensor = tensor.view(torch.uint8).view(-1, size).flip(1).view(-1)
                self._tensor = tensor.view(self.dtype)
        return self._tensor


@dataclass(frozen=True, eq=False, slots=True)
class Storage:
    """A run of `numel` elements of a stored array, from element `start` on."""

    array: StoredArray
    start: int
    numel: int


@dataclass(frozen=True, slots=True)
class PickledTensor:
    """A tensor in a file, checked to lie within its storage, not yet read.

    Parameters
    ----------
    storage : object
        Where its elements are; the same object for tensors that share memory.
    offset : int
        Elements of the storage before its first.
    size, stride : tuple of int
        Shape, and steps in elements.
    dtype : torch.dtype
        Type of its elements.
    """

    storage: Storage = field(repr=False)
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype

    def tensor(self) -> Tensor:
        """Return the tensor, on the CPU, in the type it was saved in.

        It is a view: several share a storage, and an expanded one may have far more elements than
        the file has bytes, so who copies it looks at `size` first.

        Raises
        ------
        CheckpointError
            If the file was changed since, or its checksum shows that it is damaged.
        """
        storage = self.storage
        run = storage.array.tensor()[storage.start : storage.start + storage.numel]
        if run.dtype != self.dtype:  # bytes, in files of torch 2
            run = run[: run.numel() // self.dtype.itemsize * self.dtype.itemsize].view(self.dtype)
        return run.as_strided(self.size, self.stride, run.storage_offset() + self.offset)


@dataclass(frozen=True, slots=True)
class UnreadableTensor:
    """A tensor that the file holds and that cannot be rebuilt here.

    Parameters
    ----------
    what : str
        Its kind, to follow "is" in a message: "a sparse tensor", "a quantised tensor".
    """

    what: str


def shown(value: Any) -> str:
    """Describe a value of a file in a few words, whatever it holds."""
    match value:
        case str() | bytes():
            return repr(value[:40]) + ("..." if len(value) > 40 else "")
        case bool() | float() | None:
            return repr(value)
        case int():
            return str(value) if value.bit_length() <= 64 else f"{value.bit_length()} bits"
        case Name(dotted_name):
            return dotted_name
        case StandIn(dotted_name):
            return f"an object of {dotted_name}"
        case tuple():
            parts = [type(x).__name__ if isinstance(x, tuple) else shown(x) for x in value[:8]]
            return f"({', '.join(parts)}{', ...' if len(value) > 8 else ''})"
    return f"a {type(value).__name__}"
