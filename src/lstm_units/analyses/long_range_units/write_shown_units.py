"""The step that chooses the units that figures and tables show."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from lstm_units.analyses.long_range_units.shown_units import shown_units
from lstm_units.io.files import lineage, read_json, write_json


def write_shown_units(
    long_range: str | Path,
    accuracy: str | Path,
    layer_sizes: Sequence[int],
    tasks: Sequence[str],
    named: Sequence[int],
    syntax_unit: int | None,
    syntax: str | Path | None,
    n_arbitrary: int,
    seed: int,
    output: str | Path,
) -> None:
    """Write ``units/shown.json``.

    Parameters
    ----------
    long_range : path
        ``units/long_range.json``.
    accuracy : path
        ``ablation/{mode}/accuracy.parquet`` of the mode of the discovery.
    layer_sizes, tasks, named, n_arbitrary, seed
        As in `lstm_units.analyses.long_range_units.shown_units.shown_units`.
    syntax_unit : int or None
        A unit to show as the syntax unit.
    syntax : path or None
        ``units/syntax.json``: without `syntax_unit`, its top unit is shown, if one was found.
    output : path
    """
    # Called for their check that all come from one checkpoint.
    lineage([long_range, accuracy])
    if syntax_unit is None and syntax is not None:
        lineage([syntax, accuracy])
        top = read_json(syntax)["top"]
        syntax_unit = None if top is None else int(top["unit"])
    units = shown_units(
        read_json(long_range),
        pd.read_parquet(accuracy, columns=["unit", "task", "condition", "drop"]),
        layer_sizes,
        tasks,
        named,
        syntax_unit,
        n_arbitrary,
        seed,
    )
    config = {
        "tasks": list(tasks),
        "units": list(named),
        "syntax_unit": syntax_unit,
        "n_arbitrary": n_arbitrary,
    }
    metadata = lineage([accuracy], kind="shown units", config=config, seed=seed)
    write_json({"units": units}, output, metadata)
