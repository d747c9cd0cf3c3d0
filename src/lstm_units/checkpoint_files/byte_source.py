"""The bytes of a checkpoint, read where they are asked for and never all at once."""

import gzip
import io
import mmap
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from lstm_units.checkpoint_files.pickled_values import CostlyPickle, MalformedPickle
from lstm_units.errors import CheckpointError

MOST_UNPACKED = 20  # times what is packed; trained weights shrink by a tenth


@dataclass(frozen=True)
class Source:
    """The bytes of a checkpoint: of a file, or unpacked from one.

    Parameters
    ----------
    path : Path
        The file.
    size : int
        How many they are.
    unpacked : bytes, optional
        They themselves, when they are not those of the file.
    """

    path: Path
    size: int
    unpacked: bytes | None = field(default=None, repr=False)

    def open(self) -> BinaryIO:
        """Open them for reading."""
        return self.path.open("rb") if self.unpacked is None else io.BytesIO(self.unpacked)

    def buffer(self) -> bytes | mmap.mmap:
        """Return them as something to take slices of, without reading all."""
        if self.unpacked is not None:
            return self.unpacked
        with self.path.open("rb") as handle:
            return mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ)

    def read(self, start: int, count: int) -> bytearray:
        """Return `count` bytes from `start` on.

        Raises
        ------
        CheckpointError
            If they are no longer there.
        """
        data = bytearray(count)
        with self.open() as handle:
            handle.seek(start)
            if handle.readinto(data) != count:
                raise CheckpointError(f"{self.path} was changed while it was read; try again")
        return data


def unpack_gzip(source: Source) -> Source:
    """Return what gzip packed in a file.

    Raises
    ------
    MalformedPickle
        If that is damaged.
    CostlyPickle
        If it is more than weights can be packed.
    """
    most = max(MOST_UNPACKED * source.size, 1 << 20)
    data = bytearray()
    try:
        with source.open() as handle, gzip.GzipFile(fileobj=handle) as packed:
            while chunk := packed.read(min(1 << 20, most + 1 - len(data))):
                data += chunk
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise MalformedPickle(f"it is packed by gzip and cannot be unpacked ({error})") from error
    if len(data) > most:
        raise CostlyPickle(f"unpacks to more than {MOST_UNPACKED} times its size")
    return Source(source.path, len(data), bytes(data))
