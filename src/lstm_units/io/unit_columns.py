"""Columns of files: numbers of units and sets, and tables with the types of the file contract."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa


def unit_type(units: Iterable[int]) -> type[np.integer]:
    """Return the integer type for unit or set numbers: int16, int32 where they pass 32,767."""
    wide = max(units, default=0) > np.iinfo(np.int16).max
    return np.int32 if wide else np.int16


def unit_array(units: Sequence[int]) -> pa.Array:
    """Return unit or set numbers as a column of `unit_type`."""
    return pa.array(np.asarray(units, dtype=unit_type(units)))


def arrow_table(frame: pd.DataFrame, **types: pa.DataType) -> pa.Table:
    """Return rows with the column types of the file contract.

    Parameters
    ----------
    frame : DataFrame
        A column ``unit`` gets its `unit_type`; text is dictionary-encoded in order of appearance;
        numbers keep their type, and NaN stays NaN.
    **types : pyarrow.DataType
        Other types of columns, by name.
    """
    columns = {}
    for name, values in frame.items():
        if name == "unit":
            columns[name] = unit_array(values)
        elif pd.api.types.is_numeric_dtype(values):
            array = pa.array(values.to_numpy())
            columns[name] = array.cast(types.get(name, array.type))
        else:
            columns[name] = pa.array(values.tolist(), pa.string()).dictionary_encode()
    return pa.table(columns)
