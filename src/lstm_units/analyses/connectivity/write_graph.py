"""The step that writes the strong connections as a graph."""

import json
from pathlib import Path

import pandas as pd

from lstm_units.analyses.connectivity.graph import connection_graph, write_graph
from lstm_units.analyses.connectivity.known_units import (
    in_layers,
    known_units,
    left_out_sentence,
    read_units,
)
from lstm_units.io.files import lineage, read_metadata


def write_connectivity_graph(
    afferents: str | Path,
    shown: str | Path,
    syntax: str | Path | None,
    short_range: str | Path | None,
    output: str | Path,
) -> None:
    """Write ``connectivity/graph.graphml``, see `lstm_units.analyses.connectivity.graph.connection_graph`.

    Its attribute ``left_out`` says which layers and units are missing because they were not dumped;
    there is none if all were.

    Parameters
    ----------
    afferents : path
        ``connectivity/afferents.parquet``, whose threshold says which connections are strong.
    shown, syntax, short_range : path or None
        As `afferents` was made from.
    output : path
        Ends in ``.graphml``.

    Raises
    ------
    UserError
        If the files were made from different checkpoints.
    """
    config = read_metadata(afferents)["config"]
    metadata = lineage([afferents], kind="graph of strong connections", config=config)
    units = known_units(*read_units(afferents, shown, syntax, short_range))
    said = left_out_sentence(units, config["layers"])
    graph = connection_graph(
        pd.read_parquet(afferents, filters=[("outlier_mean", "==", True)]),
        in_layers(units, config["layers"]),
        {
            "task": config["task"],
            "threshold": float(config["threshold"]),
            "reading": "mean",
            **({"left_out": said} if said else {}),
            "lstm_units": json.dumps(metadata, sort_keys=True),
        },
    )
    write_graph(graph, output)
