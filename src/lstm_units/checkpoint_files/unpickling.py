"""Reading what ``torch.save`` wrote without running anything that is in it.

A pickle is a program: it names functions and calls them. Here a machine that can neither import nor
call reads it (`pickle_machine`), and tables decide what becomes of the names (`pickle_outline`,
`inert_names`). Tensors become `PickledTensor`, other objects `StandIn`; both hold data and have no
behaviour a pickle could use.

Read are the zip archive (default since torch 1.6); the older sequence of pickles followed by raw
storages (torch 0.2 to 1.5, and ``_use_new_zipfile_serialization=False``), with the class sources
that torch up to 1.x stored beside modules; plain pickles of tensors or numpy arrays;
``numpy.savez``; and each of them packed by gzip. What reading costs follows from the size of the
file: tensors are views, and a storage is read when a tensor of it is first asked for.
"""

import errno
import mmap
import struct
import sys
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from lstm_units.checkpoint_files.byte_source import Source, unpack_gzip
from lstm_units.checkpoint_files.file_kinds import HEAD, refuse_other_kinds, text_beginning
from lstm_units.checkpoint_files.numpy_archive import read_numpy_archive
from lstm_units.checkpoint_files.pickle_machine import Budget, Machine
from lstm_units.checkpoint_files.pickle_outline import CheckpointOutline
from lstm_units.checkpoint_files.pickled_values import (
    CostlyPickle,
    MalformedPickle,
    PickledTensor,
    StandIn,
    Storage,
    UnreadableTensor,
)
from lstm_units.errors import CheckpointError

__all__ = ["PickledTensor", "StandIn", "UnreadableTensor", "load_pickled"]
_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_BEGINNING = b"\x80\x02\x8a\n" + _LEGACY_MAGIC.to_bytes(10, "little") + b"."
_LEGACY_PROTOCOL = 1001
_MOST_NAMES = 50  # in a message


@dataclass(frozen=True)
class _Reading:
    """One file being read: what may be named, what it may cost, what it named that is not known."""

    source: Source
    stand_ins: frozenset[str]
    budget: Budget
    foreign: dict[str, None]

    def outline(self) -> CheckpointOutline:
        """Return what decides what becomes of the names in a pickle."""
        load_bytes = partial(_load_storage, self)
        return CheckpointOutline(self.stand_ins, self.budget, self.foreign, load_bytes)


def load_pickled(path: str | Path, stand_ins: Iterable[str] = ("model.RNNModel",)) -> Any:
    """Read a file that ``torch.save``, ``pickle.dump`` or ``numpy.savez`` wrote, running nothing.

    Parameters
    ----------
    path : str or Path
        The checkpoint.
    stand_ins : iterable of str
        Dotted names of classes that the file may hold, such as the class of the model, besides
        those of `lstm_units.checkpoint_files.inert_names`. They are not imported either.

    Returns
    -------
    object
        What was saved: dicts, lists, tuples, sets, strings and numbers as they are, with
        subclasses such as OrderedDict as plain ones; each tensor, parameter or array of numbers as
        a `PickledTensor`, or as an `UnreadableTensor` where it cannot be rebuilt; each other object
        as a `StandIn`.

    Raises
    ------
    CheckpointError
        If the file is missing, empty, damaged or of another kind, names anything that is not
        allowed (all such names are listed), has a tensor that reaches outside its storage, or
        takes more to read than its size warrants.
    """
    path, foreign = Path(path), {}
    try:
        source = Source(path, path.stat().st_size)
        loaded = _load(_Reading(source, frozenset(stand_ins), Budget(source.size), foreign))
    except (CheckpointError, MemoryError):
        raise
    except Exception as error:  # a hostile or cut-off file can fail in any way it likes
        raise _explained(path, list(foreign), error) from error
    if foreign:
        raise _refused(path, list(foreign))
    return loaded


def _explained(path: Path, foreign: list[str], error: Exception) -> CheckpointError:
    """Say why a file could not be read."""
    if isinstance(error, FileNotFoundError):
        return CheckpointError(f"there is no checkpoint {path}; check its path")
    # A damaged archive sends the reader to places before its beginning: an invalid argument.
    if isinstance(error, OSError) and error.errno != errno.EINVAL:
        return CheckpointError(f"cannot read {path}: {error.strerror or error}")
    if isinstance(error, CostlyPickle):
        return CheckpointError(
            f"{path} {error}, which no language model with its vocabulary does; save the weights "
            "alone with torch.save(model.state_dict(), path)"
        )
    if foreign:
        return _refused(path, foreign)
    return CheckpointError(
        f"{path} is damaged, cut off, or no checkpoint of torch 0.2 or later: {str(error)[:300]}. "
        "Download or save it again; a state_dict or a safetensors file is read too"
    )


def _load(reading: _Reading) -> Any:
    source = reading.source
    with source.open() as handle:
        head = handle.read(HEAD)
        handle.seek(max(0, source.size - 8))
        tail = handle.read(8)
    if not head:
        raise CheckpointError(
            f"{source.path} is empty; download or save the checkpoint again, then give its path"
        )
    if head.startswith(b"\x1f\x8b") and source.unpacked is None:
        unpacked = unpack_gzip(source)
        return _load(replace(reading, source=unpacked, budget=Budget(unpacked.size)))
    if head.startswith(b"PK\x03\x04"):
        with source.open() as handle, zipfile.ZipFile(handle) as archive:
            return _load_zip(reading, handle, archive)
    refuse_other_kinds(source.path, head, tail)
    return _load_pickles(reading, head)


def _refused(path: Path, names: list[str]) -> CheckpointError:
    """Say at once all names that are not read, and which of them the user can vouch for."""
    python = [n for n in names if n.partition(".")[0] in {*sys.stdlib_module_names, "__builtin__"}]
    library = [name for name in names if name.partition(".")[0] in ("torch", "numpy")]
    own = [name for name in names if name not in python and name not in library]
    advice = []
    if python:
        verb = "has" if len(python) == 1 else "have"
        advice.append(f"{_listed(python)} {verb} no place in a model: do not trust the file")
    if library:
        verb = "is a part of the library that is" if len(library) == 1 else "are parts that are"
        advice.append(f"{_listed(library)} {verb} not read here")
    if len(own) == 1:
        what = f"{own[0][:100]} is your own model class, name it"
    else:
        what = f"{'the others' if advice else 'they'} are your own, name them"
    if own:
        advice.append(
            f"If {what} in stand_ins (nothing is imported); if not, do not trust the file"
        )
    if not python:
        advice.append(
            "A checkpoint with other classes can be saved again with "
            "torch.save(model.state_dict(), path)"
        )
    return CheckpointError(
        f"{path} asks for {_listed(names)}, which {'is' if len(names) == 1 else 'are'} refused: "
        f"only tensors and the outline of a model are read, and nothing was run. "
        f"{'. '.join(advice)}"
    )


def _listed(names: list[str]) -> str:
    shown = [name[:100] if name.isprintable() else ascii(name)[:100] for name in names]
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(shown[:_MOST_NAMES]) + more


def _read_pickle(
    reading: _Reading, data: bytes | mmap.mmap, start: int, outline: CheckpointOutline | None = None
) -> tuple[Any, int]:
    """Return what the pickle at byte `start` holds, and where it ends."""
    machine = Machine(data, start, outline or reading.outline(), reading.budget)
    return machine.run(), machine.position


def _load_pickles(reading: _Reading, head: bytes) -> Any:
    """Load a plain pickle, or the sequence of pickles of the legacy layout."""
    data = reading.source.buffer()
    outline = reading.outline()
    try:
        first, position = _read_pickle(reading, data, 0, outline)
    except Exception:
        if not reading.foreign and (text := text_beginning(head)) is not None:
            raise CheckpointError(
                f"{reading.source.path} is a text that begins with {text!r}, no checkpoint; "
                "give the file of the weights, and a vocabulary as `vocabulary`"
            ) from None
        raise
    if type(first) is int and first == _LEGACY_MAGIC:
        return _load_legacy(reading, data, position)
    values = [first]
    while position < reading.source.size:  # by further calls of pickle.dump
        value, position = _read_pickle(reading, data, position, outline)
        values.append(value)
    if outline.stored:
        raise MalformedPickle("its tensors are in storages that it does not have")
    return first if len(values) == 1 else values


def _load_legacy(reading: _Reading, data: bytes | mmap.mmap, position: int) -> Any:
    """Load what follows torch's magic number: protocol, machine, object, keys, storages."""
    protocol, position = _read_pickle(reading, data, position)
    if protocol != _LEGACY_PROTOCOL:
        raise MalformedPickle(f"its layout has another number than {_LEGACY_PROTOCOL}")
    # Facts about the machine; storages are little-endian whatever they say.
    _, position = _read_pickle(reading, data, position)
    outline = reading.outline()
    loaded, position = _read_pickle(reading, data, position, outline)
    keys, position = _read_pickle(reading, data, position)
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise MalformedPickle("it has no list of storages")
    if sorted(keys) != sorted(outline.stored):
        raise MalformedPickle("its list of storages does not fit its tensors")
    for key in keys:
        stored = outline.stored[key]
        if data[position : position + 8] != struct.pack("<q", stored.numel):
            raise MalformedPickle(
                f"storage {key!r} does not have the {stored.numel} elements it should"
            )
        position += 8
        if position + stored.nbytes > reading.source.size:
            raise MalformedPickle(f"it ends within storage {key!r}")
        stored.read = partial(reading.source.read, position, stored.nbytes)
        position += stored.nbytes
    return loaded


def _load_storage(reading: _Reading, data: bytes) -> Storage:
    """Load a storage that ``pickle.dump`` wrote by ``torch.save`` within its pickle."""
    part = replace(reading, source=Source(reading.source.path, len(data), data))
    if data.startswith(_LEGACY_BEGINNING):
        _, position = _read_pickle(part, data, 0)
        if isinstance(storage := _load_legacy(part, data, position), Storage):
            return storage
    raise MalformedPickle("torch.storage._load_from_bytes is given what is no storage")


def _load_zip(reading: _Reading, handle: BinaryIO, archive: zipfile.ZipFile) -> Any:
    path, names = reading.source.path, archive.namelist()
    pickles = [name for name in names if name.rpartition("/")[2] == "data.pkl"]
    if not pickles and names and all(name.endswith(".npy") for name in names):
        return read_numpy_archive(reading.source, archive)
    if not pickles:
        raise CheckpointError(
            f"{path} is a zip archive without the data.pkl of a checkpoint; it holds "
            f"{_listed(names)[:300] or 'nothing'}. If one of these is a checkpoint, unpack it and "
            "give that"
        )
    if len(pickles) > 1:
        raise MalformedPickle(f"the archive holds {len(pickles)} data.pkl, not one")
    prefix = pickles[0].removesuffix("data.pkl")
    if f"{prefix}constants.pkl" in names:
        raise CheckpointError(
            f"{path} is a TorchScript archive, which holds code. Save the weights instead: "
            "torch.save(torch.jit.load(path).state_dict(), new_path)"
        )
    entries = _entries(path, handle, archive)
    loaded_bytes = _entry_bytes(reading.source, entries, pickles[0])
    outline = reading.outline()
    loaded, _ = _read_pickle(reading, bytes(loaded_bytes), 0, outline)
    order = b"little"  # before torch 2.1 the archive did not say
    if f"{prefix}byteorder" in entries:
        order = bytes(_entry_bytes(reading.source, entries, f"{prefix}byteorder"))
    if order not in (b"little", b"big"):
        raise MalformedPickle(f"byte order {order[:20]!r}, expected 'little' or 'big'")
    for key, stored in outline.stored.items():
        name = f"{prefix}data/{key}"
        if name not in entries:
            raise MalformedPickle(f"the archive has no storage {key!r}")
        found = entries[name][1].file_size
        if found != stored.nbytes:
            raise MalformedPickle(
                f"storage {key!r} has {found} bytes where {stored.numel} elements of "
                f"{stored.dtype} need {stored.nbytes}"
            )
        stored.read = partial(_entry_bytes, reading.source, entries, name)
        stored.big_endian = order == b"big"
    return loaded


def _entries(
    path: Path, handle: BinaryIO, archive: zipfile.ZipFile
) -> dict[str, tuple[int, zipfile.ZipInfo]]:
    """Return where each entry begins and what the directory says of it.

    Raises
    ------
    CheckpointError
        If one is compressed.
    MalformedPickle
        If one shares bytes with another: a way to make much of a small file.
    """
    entries = {}
    end = archive.start_dir
    for entry in sorted(archive.infolist(), key=lambda entry: -entry.header_offset):
        if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1:
            raise CheckpointError(
                f"{path} is an archive with compressed or locked entries, which torch "
                "never writes; unpack it, and pack the folder anew with `zip -0 -r`"
            )
        handle.seek(max(0, entry.header_offset))
        header = handle.read(30)
        if len(header) < 30 or header[:4] != b"PK\x03\x04":
            raise MalformedPickle("the archive has an entry without a beginning")
        start = entry.header_offset + 30 + sum(struct.unpack("<HH", header[26:]))
        if start + entry.file_size > end or entry.file_size != entry.compress_size:
            raise MalformedPickle("the archive has entries that lie over each other")
        end = entry.header_offset
        entries[entry.filename] = (start, entry)
    return entries


def _entry_bytes(
    source: Source, entries: dict[str, tuple[int, zipfile.ZipInfo]], name: str
) -> bytearray:
    start, entry = entries[name]
    data = source.read(start, entry.file_size)
    # torch writes a zero when it is told not to compute checksums.
    if entry.CRC not in (0, zlib.crc32(data)):
        raise CheckpointError(
            f"{source.path} is damaged: the checksum of {name[:100]!r} does not fit. Download or "
            "save it again"
        )
    return data
