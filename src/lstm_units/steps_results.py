"""The steps of an experiment that turn margins into results: accuracy, units, tables, figures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from lstm_units.agreement import accuracy_table, intact_table, set_accuracy_table
from lstm_units.discovery import Criteria, discover_long_range
from lstm_units.figures import save_figure, units_at_a_glance
from lstm_units.files import make_metadata, read_json, read_metadata, write_json, write_parquet
from lstm_units.table_formats import write_table
from lstm_units.tables import table1, table2, table2_headers, table2_legend


def write_accuracy(
    shards: Sequence[str | Path],
    intact_by_task: Mapping[str, str | Path],
    layer_sizes: Sequence[int],
    units: Sequence[int],
    statistics: Mapping[str, Any],
    output: str | Path,
) -> None:
    """Accuracy of every unit of one mode in every task and condition, against the intact model."""
    table = accuracy_table(shards, intact_by_task, layer_sizes, units=units, **statistics)
    _write_frame(table, output, _lineage(shards, kind="accuracy", config=dict(statistics)))


def write_long_range(
    shards: Sequence[str | Path],
    intact_by_task: Mapping[str, str | Path],
    stimuli_by_task: Mapping[str, str | Path],
    layer_sizes: Sequence[int],
    units: Sequence[int],
    criteria: Criteria,
    output: str | Path,
) -> None:
    """Discover the long-range units, with the evidence of both halves."""
    found = discover_long_range(
        shards, intact_by_task, stimuli_by_task, layer_sizes, criteria, units=units
    )
    write_json(found, output, _lineage(shards, kind="long-range units", seed=criteria.seed))


def write_unit_lists(lists: Mapping[str, str | Path], output: str | Path) -> None:
    """Gather the lists of discovered units in one file for people: which lists name each unit."""
    units: dict[int, list[str]] = {}
    for name, path in lists.items():
        for entry in read_json(path)["units"]:
            units.setdefault(entry["unit"], []).append(name)
    listed = [{"unit": unit, "lists": sorted(names)} for unit, names in sorted(units.items())]
    write_json({"units": listed}, output, make_metadata(kind="units"))


def write_single_sets(units: str | Path, output: str | Path) -> None:
    """Make each discovered unit a set of its own: ``set, unit, seed`` (no seed: nothing drawn)."""
    numbers = [entry["unit"] for entry in read_json(units)["units"]]
    table = pa.table(
        {
            "set": pa.array(range(1, len(numbers) + 1), pa.int16()),
            "unit": pa.array(numbers, pa.int16()),
            "seed": pa.nulls(len(numbers), pa.int64()),
        }
    )
    write_parquet(table, output, make_metadata(kind="sets of one discovered unit"))


def write_table1(
    stimuli_by_task: Mapping[str, str | Path],
    labels: Mapping[str, str],
    outputs: Sequence[str | Path],
) -> None:
    """Table 1: the tasks, with an example, the conditions and the number of items."""
    table = table1(stimuli_by_task, labels)
    sources = {
        task: read_metadata(path)["stimuli_sha256"] for task, path in stimuli_by_task.items()
    }
    metadata = make_metadata(kind="table 1", stimuli_sha256=sources)
    for path in outputs:
        shown = table if str(path).endswith(".csv") else table.drop(columns="task")
        write_table(shown, path, headers={"label": "task"}, metadata=metadata)


def write_table2(
    intact_by_task: Mapping[str, str | Path],
    accuracy: str | Path,
    long_range: str | Path,
    labels: Mapping[str, str],
    relative_drop: float,
    statistics: Mapping[str, Any],
    outputs: Sequence[str | Path],
    sets: str | Path | None = None,
    set_shards: Sequence[str | Path] = (),
    unswept_by_task: Mapping[str, str | Path] | None = None,
    natural_tasks: Sequence[str] = (),
) -> None:
    """Table 2: accuracy of the intact model and with each discovered unit ablated."""
    units = read_json(long_range)
    interval = {key: statistics[key] for key in ("confidence", "near_tie")}
    set_accuracy = None
    if set_shards and units["units"]:
        set_accuracy = set_accuracy_table(set_shards, unswept_by_task, sets, **statistics)
    table = table2(
        intact_table(intact_by_task, **interval),
        pd.read_parquet(accuracy),
        units,
        labels,
        relative_drop=relative_drop,
        set_accuracy=set_accuracy,
        natural_tasks=tuple(natural_tasks) or ("linzen",),
    )
    legend = table2_legend(
        table, units, relative_drop=relative_drop, near_tie=statistics["near_tie"]
    )
    metadata = _lineage([accuracy], kind="table 2", config={"relative_drop": relative_drop})
    for path in outputs:
        csv = str(path).endswith(".csv")
        shown = table if csv else table.drop(columns="task")
        headers = None if csv else table2_headers(units)
        write_table(shown, path, headers=headers, legend=legend, metadata=metadata)


def write_units_figure(
    accuracy_by_mode: Mapping[str, str | Path],
    layer_sizes: Sequence[int],
    long_range: str | Path,
    labels: Mapping[str, str],
    relative_drop: float,
    maximum_q: float,
    outputs: Sequence[str | Path],
) -> None:
    """All units at a glance: the change in accuracy per condition, by layer and mode."""
    figure = units_at_a_glance(
        {mode: pd.read_parquet(path) for mode, path in accuracy_by_mode.items()},
        layer_sizes,
        read_json(long_range),
        labels=labels,
        relative_drop=relative_drop,
        maximum_q=maximum_q,
    )
    metadata = _lineage(
        list(accuracy_by_mode.values()),
        kind="figure of all units",
        config={"relative_drop": relative_drop, "maximum_q": maximum_q},
    )
    for path in outputs:
        save_figure(figure, path, metadata)


def criteria_from(discovery: Mapping[str, Any], statistics: Mapping[str, Any]) -> Criteria:
    """Build the criteria of discovery from two sections of the configuration."""
    return Criteria(**discovery, **statistics)


def _write_frame(table: pd.DataFrame, output: str | Path, metadata: Mapping[str, Any]) -> None:
    write_parquet(pa.Table.from_pandas(table, preserve_index=False), output, metadata)


def _lineage(sources: Sequence[str | Path], **fields: Any) -> dict[str, Any]:
    """Carry the hashes of the first source along; all sources of a step share its checkpoint."""
    found = read_metadata(sources[0])
    stimuli: Any = found.get("stimuli_sha256")
    if len(sources) > 1:
        stimuli = sorted({str(read_metadata(path).get("stimuli_sha256")) for path in sources})
    return make_metadata(
        checkpoint_sha256=found.get("checkpoint_sha256"), stimuli_sha256=stimuli, **fields
    )
