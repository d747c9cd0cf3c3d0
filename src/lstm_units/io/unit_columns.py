"""Numbers of units and sets as columns of files."""

from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa


def unit_type(units: Iterable[int]) -> type[np.integer]:
    """Return the integer type for unit or set numbers: int16, int32 where they pass 32,767."""
    wide = max(units, default=0) > np.iinfo(np.int16).max
    return np.int32 if wide else np.int16


def unit_array(units: Sequence[int]) -> pa.Array:
    """Return unit or set numbers as a column of `unit_type`."""
    return pa.array(np.asarray(units, dtype=unit_type(units)))
