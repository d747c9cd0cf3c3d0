"""The step that draws Figure 1d: weights of the shown units to verb forms."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from lstm_units.analyses.efferents.figure import efferents_figure
from lstm_units.io.figure_style import save_figure
from lstm_units.io.files import lineage, read_json


def write_figure1d(
    weights: str | Path,
    units: str | Path,
    shown: str | Path,
    outputs: Sequence[str | Path],
) -> None:
    """Draw Figure 1d.

    Parameters
    ----------
    weights, units : path
        ``efferents/weights.parquet`` and ``efferents/units.parquet``.
    shown : path
        ``units/shown.json``.
    outputs : sequence of path
        Each ends in ``.pdf`` or ``.png``.
    """
    figure = efferents_figure(
        pd.read_parquet(weights), pd.read_parquet(units), read_json(shown)["units"]
    )
    metadata = lineage([weights, units, shown], kind="figure 1d")
    for path in outputs:
        save_figure(figure, path, metadata)
