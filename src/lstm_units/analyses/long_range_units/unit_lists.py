"""The lists of discovered units, gathered for people or made into sets."""

from collections.abc import Mapping

import pyarrow as pa

from lstm_units.io.files import make_metadata
from lstm_units.io.results import Result
from lstm_units.io.unit_columns import unit_array


def unit_lists(lists: Mapping[str, Result]) -> Result:
    """Say of each discovered unit which lists name it.

    Parameters
    ----------
    lists : mapping of str to Result
        By the name of the list; the ``units`` of each have a ``unit`` (1-based).

    Returns
    -------
    Result
        ``units``, each with ``unit`` and the sorted names of its ``lists``.
    """
    units: dict[int, list[str]] = {}
    for name, result in lists.items():
        for entry in result.content["units"]:
            units.setdefault(entry["unit"], []).append(name)
    listed = [{"unit": unit, "lists": sorted(names)} for unit, names in sorted(units.items())]
    return Result({"units": listed}, make_metadata(kind="units"))


def single_unit_sets(units: Result) -> Result:
    """Make each discovered unit a set of its own: ``set, unit, seed`` (no seed: nothing drawn).

    So the units can be ablated on tasks without a sweep by the job that ablates random sets.

    Parameters
    ----------
    units : Result
        Its ``units`` have a ``unit`` each (1-based).

    Returns
    -------
    Result
        Sets are numbered from 1 in the order of `units`.
    """
    numbers = [entry["unit"] for entry in units.content["units"]]
    column = unit_array(numbers)
    table = pa.table(
        {
            "set": pa.array(range(1, len(numbers) + 1), column.type),
            "unit": column,
            "seed": pa.nulls(len(numbers), pa.int64()),
        }
    )
    return Result(table, make_metadata(kind="sets of one discovered unit"), "the discovered units")
