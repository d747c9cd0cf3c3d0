"""The step that draws Figure 4: the connections between number and syntax units."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from lstm_units.analyses.connectivity.figure import afferents_figure
from lstm_units.analyses.connectivity.known_units import known_units, read_units, top_syntax_unit
from lstm_units.analyses.connectivity.mutual_figure import mutual_connections_figure
from lstm_units.io.figure_style import save_figure
from lstm_units.io.files import lineage, read_metadata


def write_figure4(
    afferents: str | Path,
    shown: str | Path,
    syntax: str | Path | None,
    outputs_a: Sequence[str | Path],
    outputs_b: Sequence[str | Path],
) -> None:
    """Draw Figure 4a (long-range units among each other) and 4b (what reaches their gates).

    Parameters
    ----------
    afferents : path
        ``connectivity/afferents.parquet``; its metadata say which threshold to draw.
    shown : path
        ``units/shown.json``.
    syntax : path or None
        ``units/syntax.json``; None where syntax units were not searched.
    outputs_a, outputs_b : sequence of path
        Each ends in ``.pdf`` or ``.png``.

    Raises
    ------
    UserError
        If the files were made from different checkpoints.
    """
    config = read_metadata(afferents)["config"]
    shown_units, syntax_units = read_units(afferents, shown, syntax)
    units = known_units(shown_units, syntax_units)
    targets = [known for known in units.values() if known.long_range]
    # An empty list of targets would not be a valid filter; no unit is numbered 0.
    numbers = [known.unit for known in targets] or [0]
    layers = config["layers"]
    table = pd.read_parquet(afferents, filters=[("target", "in", numbers)])
    top = top_syntax_unit(syntax_units)
    metadata = lineage([afferents], kind="figure 4", config=config)
    for figure, outputs in (
        (mutual_connections_figure(table, targets, layers), outputs_a),
        (afferents_figure(table, units, top, config["threshold"], layers), outputs_b),
    ):
        for path in outputs:
            save_figure(figure, path, metadata)
