"""The step that chooses the units that figures and tables show."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from lstm_units.files import lineage, read_json, write_json
from lstm_units.shown_units import shown_units


def write_shown_units(
    long_range: str | Path,
    accuracy: str | Path,
    layer_sizes: Sequence[int],
    tasks: Sequence[str],
    named: Sequence[int],
    syntax_unit: int | None,
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
    layer_sizes, tasks, named, syntax_unit, n_arbitrary, seed
        As in `lstm_units.shown_units.shown_units`.
    output : path
    """
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
    lineage([long_range, accuracy])  # for its check that both come from one checkpoint
    metadata = lineage([accuracy], kind="shown units", config=config, seed=seed)
    write_json({"units": units}, output, metadata)
