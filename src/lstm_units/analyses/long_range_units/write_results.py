"""The steps of an experiment that turn margins into results: accuracy, and lists of units."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from lstm_units.analyses.long_range_units.discovery import Criteria, discover_long_range
from lstm_units.io.files import lineage, make_metadata, read_json, write_json, write_parquet
from lstm_units.io.unit_columns import unit_type
from lstm_units.statistics.agreement import accuracy_table


def write_accuracy(
    shards: Sequence[str | Path],
    intact_by_task: Mapping[str, str | Path],
    layer_sizes: Sequence[int],
    units: Sequence[int],
    statistics: Mapping[str, Any],
    output: str | Path,
) -> None:
    """Accuracy of every unit of one mode in every task and condition, against the intact model.

    Parameters
    ----------
    shards, intact_by_task, layer_sizes
        As in `lstm_units.statistics.agreement.accuracy_table`.
    units : sequence of int
        The 1-based units that must be there.
    statistics : mapping
        ``confidence, correction, near_tie`` of `lstm_units.statistics.agreement.accuracy_table`.
    output : path
        Gets the table of `lstm_units.statistics.agreement.accuracy_table`.
    """
    table = accuracy_table(shards, intact_by_task, layer_sizes, units=units, **statistics)
    _write_frame(table, output, lineage(shards, kind="accuracy", config=dict(statistics)))


def write_long_range(
    shards: Sequence[str | Path],
    intact_by_task: Mapping[str, str | Path],
    stimuli_by_task: Mapping[str, str | Path],
    layer_sizes: Sequence[int],
    units: Sequence[int],
    criteria: Criteria,
    output: str | Path,
) -> None:
    """Discover the long-range units, with the evidence of both halves.

    Parameters
    ----------
    shards, intact_by_task, stimuli_by_task, layer_sizes, criteria
        As in `lstm_units.analyses.long_range_units.discovery.discover_long_range`.
    units : sequence of int
        The 1-based units that must be there.
    output : path
        JSON, see `lstm_units.analyses.long_range_units.discovery.discover_long_range`.
    """
    found = discover_long_range(
        shards, intact_by_task, stimuli_by_task, layer_sizes, criteria, units=units
    )
    write_json(found, output, lineage(shards, kind="long-range units", seed=criteria.seed))


def write_unit_lists(lists: Mapping[str, str | Path], output: str | Path) -> None:
    """Gather the lists of discovered units in one file for people: which lists name each unit.

    Parameters
    ----------
    lists : mapping of str to path
        JSON from `write_long_range`, by the name of the list.
    output : path
        JSON: ``units``, each with ``unit`` (1-based) and the sorted names of its ``lists``.
    """
    units: dict[int, list[str]] = {}
    for name, path in lists.items():
        for entry in read_json(path)["units"]:
            units.setdefault(entry["unit"], []).append(name)
    listed = [{"unit": unit, "lists": sorted(names)} for unit, names in sorted(units.items())]
    write_json({"units": listed}, output, make_metadata(kind="units"))


def write_single_sets(units: str | Path, output: str | Path) -> None:
    """Make each discovered unit a set of its own: ``set, unit, seed`` (no seed: nothing drawn).

    Parameters
    ----------
    units : path
        JSON whose ``units`` have a ``unit`` each (1-based), such as `write_long_range` writes.
    output : path
        Parquet; sets are numbered from 1 in the order of `units`.
    """
    numbers = [entry["unit"] for entry in read_json(units)["units"]]
    table = pa.table(
        {
            "set": pa.array(np.arange(1, len(numbers) + 1, dtype=unit_type(numbers))),
            "unit": pa.array(np.asarray(numbers, dtype=unit_type(numbers))),
            "seed": pa.nulls(len(numbers), pa.int64()),
        }
    )
    write_parquet(table, output, make_metadata(kind="sets of one discovered unit"))


def criteria_from(discovery: Mapping[str, Any], statistics: Mapping[str, Any]) -> Criteria:
    """Build the criteria of discovery from two sections of the configuration.

    Parameters
    ----------
    discovery : mapping
        The other fields of `Criteria`.
    statistics : mapping
        The fields ``confidence, correction, near_tie``.

    Returns
    -------
    Criteria

    Raises
    ------
    ConfigurationError
        If a value is out of range.
    """
    return Criteria(**discovery, **statistics)


def _write_frame(table: pd.DataFrame, output: str | Path, metadata: Mapping[str, Any]) -> None:
    write_parquet(pa.Table.from_pandas(table, preserve_index=False), output, metadata)
