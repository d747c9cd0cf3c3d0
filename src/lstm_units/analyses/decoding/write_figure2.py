"""The step that draws the decoding across time."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from lstm_units.analyses.decoding.figure import decoding_figure
from lstm_units.errors import UserError
from lstm_units.io.figure_style import save_figure
from lstm_units.io.files import lineage, read_json, read_metadata
from lstm_units.stimuli.aligned_items import read_aligned_items
from lstm_units.stimuli.table import read_stimuli

# What the decodings of one figure must have in common.
_SHARED = ("label", "train_at", "conditions", "variable")


def write_decoding_figure(
    by_hold_out: Mapping[str, str | Path],
    stimuli: str | Path,
    shown: str | Path,
    outputs: Sequence[str | Path],
) -> None:
    """Draw the decoding across time, one column of panels per kind of hold-outs.

    Parameters
    ----------
    by_hold_out : mapping of str to path
        ``decoding/{analysis}_{hold_out}.parquet`` by kind of hold-outs.
    stimuli : path
        ``stimuli/{task}.parquet``; the first of the decoded items is the example on the axes.
    shown : path
        ``units/shown.json``.
    outputs : sequence of path
        Each ends in ``.pdf`` or ``.png``.

    Raises
    ------
    UserError
        If the decodings do not belong together, or to the stimuli.
    """
    metadata = {name: read_metadata(path) for name, path in by_hold_out.items()}
    first = next(iter(metadata))
    for name, other in metadata.items():
        for key in _SHARED:
            if other["config"][key] != metadata[first]["config"][key]:
                raise UserError(
                    f"{by_hold_out[name]} was made with another {key} than {by_hold_out[first]}; "
                    "run the workflow again"
                )
    config = metadata[first]["config"]
    items = read_aligned_items(stimuli).select(config["conditions"])
    if items.task != metadata[first]["task"]:
        raise UserError(
            f"{by_hold_out[first]} was decoded from the task {metadata[first]['task']}, but the "
            f"stimuli are {stimuli}"
        )
    table = read_stimuli(stimuli)
    example = table["tokens"][table["item"].to_pylist().index(int(items.item[0]))].as_py()
    figure = decoding_figure(
        {name: pd.read_parquet(path) for name, path in by_hold_out.items()},
        replace(items, words=tuple(example)),
        config["label"],
        shown=read_json(shown)["units"],
        removed=metadata[first]["units_removed"],
        held_out={name: other.get("held_out", []) for name, other in metadata.items()},
        decoded=f"{config['variable'].replace('_', ' ')}, {_named(config['conditions'])}",
        train_at=config["train_at"],
    )
    note = lineage(
        list(by_hold_out.values()),
        kind="figure of decoding across time",
        config={key: config[key] for key in _SHARED},
    )
    for path in outputs:
        save_figure(figure, path, note)


def _named(conditions: str | Sequence[str]) -> str:
    return f"{conditions if isinstance(conditions, str) else ', '.join(conditions)} items"
