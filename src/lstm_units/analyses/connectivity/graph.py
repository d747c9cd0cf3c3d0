"""The strong connections of a network as a graph, for Gephi, yEd, Cytoscape or networkx."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import networkx as nx
import pandas as pd

from lstm_units.analyses.connectivity.known_units import (
    KnownUnit,
    content_of,
    in_layers,
    known_units,
    left_out_sentence,
)
from lstm_units.io.files import atomic_path
from lstm_units.io.results import Result, made_from, require_same
from lstm_units.io.wording import capital

_READING = "mean"


def strong_connections(
    afferents: Result, shown: Result, syntax: Result | None, short_range: Result | None
) -> nx.MultiDiGraph:
    """Return the graph of `connection_graph` with how it was made.

    Its attribute ``left_out`` says which layers and units are missing because they were not dumped;
    there is none if all were.

    Parameters
    ----------
    afferents : Result
        From `lstm_units.analyses.connectivity.afferents.afferents`; at least the strong ones.
    shown, syntax, short_range : Result or None
        As `afferents` was made from.

    Raises
    ------
    UserError
        If they were made from different checkpoints.
    """
    lists = (shown, syntax, short_range)
    require_same(afferents, *(units for units in lists if units))
    config = afferents.config
    metadata = made_from(afferents, kind="graph of strong connections", config=config)
    units = known_units(*map(content_of, lists))
    said = left_out_sentence(units, config["layers"])
    return connection_graph(
        afferents.frame,
        in_layers(units, config["layers"]),
        {
            "task": config["task"],
            "threshold": float(config["threshold"]),
            "reading": "mean",
            **({"left_out": capital(said)} if said else {}),
            "lstm_units": json.dumps(metadata, sort_keys=True),
        },
    )


def connection_graph(
    afferents: pd.DataFrame, units: Mapping[int, KnownUnit], attributes: Mapping[str, Any]
) -> nx.MultiDiGraph:
    """Return the units, what drives their gates, and the connections beyond the threshold.

    Parameters
    ----------
    afferents : DataFrame
        From `lstm_units.analyses.connectivity.afferents.afferent_table`; ``outlier_mean`` says what
        is strong.
    units : mapping of int to KnownUnit
        The targets of `afferents`.
    attributes : mapping
        Of the graph; strings and numbers.

    Returns
    -------
    networkx.MultiDiGraph
        A node per unit of `units` and per source of a strong connection to one. Nodes are named by
        unit (a string) and have ``unit, layer, kinds`` (separated by commas; ``source`` where there
        is none), ``name, label``. A strong connection is an edge from source to target, with the
        key ``{source}-{target}-{gate}`` and ``gate, connection, connection_weight, activity,
        effective_input, z, strength``. The strength is the size of z: programs that draw graphs
        want a positive number. Nodes and edges are in the order of the units and gates.
    """
    graph = nx.MultiDiGraph(**attributes)
    strong = afferents[afferents[f"outlier_{_READING}"].astype(bool)]
    layers = {int(row.source): int(row.source_layer) for row in strong.itertuples()}
    layers |= {unit: known.layer for unit, known in units.items()}
    for unit in sorted(layers):
        known = units.get(unit) or KnownUnit(unit, layers[unit], ("source",))
        graph.add_node(
            str(unit),
            unit=unit,
            layer=known.layer,
            kinds=", ".join(known.kinds),
            name=known.name,
            label=str(unit),
        )
    for row in strong.itertuples():
        graph.add_edge(
            str(row.source),
            str(row.target),
            key=f"{row.source}-{row.target}-{row.gate}",
            gate=str(row.gate),
            connection=str(row.connection),
            connection_weight=float(row.weight),
            activity=float(getattr(row, f"activity_{_READING}")),
            effective_input=float(getattr(row, f"input_{_READING}")),
            z=float(getattr(row, f"z_{_READING}")),
            strength=abs(float(getattr(row, f"z_{_READING}"))),
        )
    return graph


def write_graph(graph: nx.MultiDiGraph, path: str | Path) -> None:
    """Write a graph as GraphML, whole or not at all; equal graphs give equal bytes.

    Parameters
    ----------
    graph : networkx.MultiDiGraph
        `networkx.read_graphml` gives it back with ``force_multigraph=True``.
    path : path
        Ends in ``.graphml``.
    """
    with atomic_path(path) as temporary:
        # Not write_graphml, which writes other bytes where lxml is installed.
        nx.write_graphml_xml(graph, temporary)


def write_no_graph(metadata: Mapping[str, Any], paths: Iterable[str | Path]) -> None:
    """Write a graph without units that says why; see `lstm_units.io.not_run.or_not_run`."""
    for path in paths:
        write_graph(nx.MultiDiGraph(**metadata), path)
