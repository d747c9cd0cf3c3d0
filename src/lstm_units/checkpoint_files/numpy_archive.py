"""Archives of numpy arrays, as ``numpy.savez`` writes them; no array of objects is unpickled.

Source of the format: ``numpy/lib/format.py``.
"""

import math
import zipfile
from functools import partial
from typing import Any

from numpy.lib import format as npy

from lstm_units.checkpoint_files.byte_source import MOST_UNPACKED, Source
from lstm_units.checkpoint_files.pickled_tensors import NUMPY_TYPES, whole
from lstm_units.checkpoint_files.pickled_values import (
    CostlyPickle,
    MalformedPickle,
    StandIn,
    StoredArray,
)

_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def read_numpy_archive(source: Source, archive: zipfile.ZipFile) -> dict[str, Any]:
    """Return the arrays of an archive by their names.

    Parameters
    ----------
    source : Source
        The file, opened anew when an array is asked for.
    archive : zipfile.ZipFile
        The same, open.

    Returns
    -------
    dict of str to PickledTensor or StandIn
        Arrays of numbers, and what stands for the others.

    Raises
    ------
    MalformedPickle
        If a header is wrong or does not fit its array.
    CostlyPickle
        If it unpacks to much more than its size.
    """
    entries = archive.infolist()
    if sum(entry.file_size for entry in entries) > max(MOST_UNPACKED * source.size, 1 << 20):
        raise CostlyPickle(f"unpacks to more than {MOST_UNPACKED} times its size")
    return {
        entry.filename.removesuffix(".npy"): _array(source, archive, entry) for entry in entries
    }


def _array(source: Source, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Any:
    with archive.open(entry) as stream:
        version = npy.read_magic(stream)
        if version not in _HEADERS:
            raise MalformedPickle(f"array {entry.filename[:100]!r} has the version {version}")
        shape, fortran, kind = _HEADERS[version](stream)
        start = stream.tell()
    dtype = NUMPY_TYPES.get(kind.str[1:])
    if dtype is None:
        return StandIn("numpy.ndarray", (shape, kind.str[:20]))
    count = math.prod(shape)
    if min(shape, default=0) < 0 or start + count * dtype.itemsize != entry.file_size:
        raise MalformedPickle(
            f"array {entry.filename[:100]!r} of shape {str(shape)[:100]} has "
            f"{entry.file_size - start} bytes"
        )
    stored = StoredArray(dtype, count, big_endian=kind.str.startswith(">"))
    stored.read = partial(_entry_bytes, source, entry.filename, start, stored.nbytes)
    return whole(stored, tuple(shape), fortran)


def _entry_bytes(source: Source, name: str, start: int, count: int) -> bytearray:
    data = bytearray(count)
    with source.open() as handle, zipfile.ZipFile(handle) as archive, archive.open(name) as stream:
        stream.read(start)
        view = memoryview(data)
        while view and (read := stream.readinto(view)):
            view = view[read:]
        stream.read(1)  # compares the checksum
    return data
