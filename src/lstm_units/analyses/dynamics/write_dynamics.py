"""The step that measures what every unit does over time."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from lstm_units.activations.reader import open_activations
from lstm_units.analyses.dynamics.time_courses import dynamics_table
from lstm_units.errors import ConfigurationError, UserError
from lstm_units.io.files import make_metadata, read_metadata, write_parquet
from lstm_units.statistics.margins import read_columns
from lstm_units.stimuli.aligned_items import read_aligned_items


def write_dynamics(
    dump_folder: str | Path,
    stimuli: str | Path,
    intact: str | Path,
    items: str,
    output: str | Path,
) -> None:
    """Write ``dynamics/{task}.parquet``, the table of `lstm_units.analyses.dynamics.time_courses.dynamics_table`.

    Parameters
    ----------
    dump_folder : path
        ``activations/{task}``.
    stimuli : path
        ``stimuli/{task}.parquet``.
    intact : path
        ``intact/{task}.parquet``, which says which items the model answers rightly.
    items : {"right", "all"}
        ``right`` is what the figure of Lakretz et al. 2019 shows.
    output : path

    Raises
    ------
    ConfigurationError
        If `items` is another word.
    UserError
        If activations, stimuli and answers do not belong together.
    """
    if items not in ("right", "all"):
        raise ConfigurationError(f"dynamics: items: {items!r} is unknown; write right or all")
    dump = open_activations(dump_folder)
    aligned = read_aligned_items(stimuli)
    answers = read_columns(intact, ("item", "right"))
    checkpoint = dump.metadata.get("checkpoint_sha256")
    if checkpoint != read_metadata(intact).get("checkpoint_sha256") or not np.array_equal(
        answers["item"].to_numpy(), aligned.item
    ):
        raise UserError(
            f"{intact} and {dump_folder} were made from different checkpoints or stimuli. Delete "
            "the one that is out of date, or both, and run the workflow again"
        )
    right = answers["right"].to_numpy(zero_copy_only=False) if items == "right" else None
    metadata = make_metadata(
        kind="dynamics",
        checkpoint_sha256=checkpoint,
        stimuli_sha256=dump.metadata.get("stimuli_sha256"),
        config={"items": items},
    )
    write_parquet(_arrow(dynamics_table(dump, aligned, right)), output, metadata)


def _arrow(table: pd.DataFrame) -> pa.Table:
    unit = pa.int16() if table["unit"].max() <= np.iinfo(np.int16).max else pa.int32()
    types = {"unit": unit, "layer": pa.int16(), "position": pa.int16(), "n": pa.int32()}
    types |= {"mean": pa.float32(), "sd": pa.float32()}
    return pa.table(
        {
            # Not pa.array(series, type): that would turn NaN into null.
            name: pa.array(table[name].to_numpy()).cast(types[name])
            if name in types
            else pa.Array.from_pandas(table[name])
            for name in table.columns
        }
    )
