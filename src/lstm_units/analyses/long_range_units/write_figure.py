"""The steps of an experiment that draw figures.

They stand apart from those that make the numbers, so that an edit of a figure reruns nothing else.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from lstm_units.analyses.long_range_units.units_figure import units_at_a_glance
from lstm_units.io.figure_style import save_figure
from lstm_units.io.files import lineage, read_json


def write_units_figure(
    accuracy_by_mode: Mapping[str, str | Path],
    layer_sizes: Sequence[int],
    long_range: str | Path,
    labels: Mapping[str, str],
    relative_drop: float,
    maximum_q: float,
    outputs: Sequence[str | Path],
) -> None:
    """All units at a glance: the change in accuracy per condition, by layer and mode.

    Parameters
    ----------
    accuracy_by_mode : mapping of str to path
        Accuracy tables (Parquet) by ablation mode.
    layer_sizes, labels, relative_drop, maximum_q
        As in `lstm_units.analyses.long_range_units.units_figure.units_at_a_glance`.
    long_range : path
        JSON of the long-range units.
    outputs : sequence of path
        Each ends in ``.pdf`` or ``.png``.
    """
    figure = units_at_a_glance(
        {mode: pd.read_parquet(path) for mode, path in accuracy_by_mode.items()},
        layer_sizes,
        read_json(long_range),
        labels=labels,
        relative_drop=relative_drop,
        maximum_q=maximum_q,
    )
    metadata = lineage(
        list(accuracy_by_mode.values()),
        kind="figure of all units",
        config={"relative_drop": relative_drop, "maximum_q": maximum_q},
    )
    for path in outputs:
        save_figure(figure, path, metadata)
