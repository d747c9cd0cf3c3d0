"""Table of the connections between number and syntax units."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pandas as pd

from lstm_units.analyses.connectivity.afferents import READINGS
from lstm_units.analyses.connectivity.known_units import (
    content_of,
    in_layers,
    known_units,
    top_syntax_unit,
)
from lstm_units.analyses.connectivity.summary import GATE_NAMES, sentences
from lstm_units.analyses.connectivity.verdicts import DRIVEN, connections
from lstm_units.io.results import Result, made_from, require_same
from lstm_units.io.table_formats import PrintedTable

_STARRED = ("nearest", "nearest syntax")
_PRINTED_READINGS = ("mean", "largest", "oriented", "raw", "maximum")
_LAYERS = {"recurrent": "same", "from_below": "below", "none": "not connected"}


def connectivity_table(afferents: Result, shown: Result, syntax: Result | None) -> PrintedTable:
    """Return the table of `connection_rows` as it is printed.

    Parameters
    ----------
    afferents : Result
        From `lstm_units.analyses.connectivity.afferents.afferents`.
    shown : Result
        The shown units.
    syntax : Result or None
        The syntax units; None where they were not searched.

    Raises
    ------
    UserError
        If they were made from different checkpoints.
    """
    require_same(afferents, shown, *([] if syntax is None else [syntax]))
    rows, config = afferents.frame, afferents.config
    lists = content_of(shown), content_of(syntax)
    table = connection_rows(rows, *lists, config["layers"])
    return PrintedTable(
        table,
        _printed(table),
        legend=_legend(table, config, sentences(rows, *lists, config)),
        metadata=made_from(afferents, kind="table of connections", config=config),
    )


def connection_rows(
    afferents: pd.DataFrame,
    shown: Mapping[str, Any],
    syntax: Mapping[str, Any],
    layers: Collection[int] | None = None,
) -> pd.DataFrame:
    """Return the connections to each long-range unit from the long-range and the syntax units.

    Parameters
    ----------
    afferents : DataFrame
        From `lstm_units.analyses.connectivity.afferents.afferent_table`.
    shown, syntax : mapping
        ``units/shown.json`` and ``units/syntax.json``.
    layers : collection of int or None
        1-based: those of which `afferents` has rows. Units of other layers are left out. None for
        all.

    Returns
    -------
    DataFrame
        ``target, target_kinds, source, source_kinds, gate, connection, weight``, the activities and
        the readings of `lstm_units.analyses.connectivity.afferents.afferent_table`. By target; the
        long-range units come first (the target itself included), then the syntax units by their
        score. A pair without a connection has one row, and no gate.
    """
    units = in_layers(known_units(shown, syntax), layers)
    targets = [u.unit for u in units.values() if u.long_range]
    ranked = [int(entry["unit"]) for entry in syntax["units"]]
    top = top_syntax_unit(syntax)
    sources = [*targets, *([] if top is None else [top]), *ranked]
    sources = [unit for unit in dict.fromkeys(sources) if unit in units]
    table = connections(afferents, targets, sources)
    none = table["connection"] == "none"
    table = table[~none | (table["gate"] == DRIVEN[0])].reset_index(drop=True)
    table["gate"] = table["gate"].where(table["connection"] != "none", "")
    for name in ("target", "source"):
        kinds = {unit: ", ".join(known.kinds) for unit, known in units.items()}
        table[f"{name}_kinds"] = table[name].map(kinds)
    numbers = [
        *("weight", "activity_mean", "activity_preferred", "activity_largest", "activity_maximum"),
        *("input_mean", "input_preferred"),
    ]
    parts = [f"{part}_{r}" for r in READINGS for part in ("input", "z", "rank")]
    named = ["target", "target_kinds", "source", "source_kinds", "gate", "connection"]
    table = table[named + numbers + [name for name in parts if name not in numbers]].copy()
    for reading in READINGS:
        table[f"rank_{reading}"] = table[f"rank_{reading}"].astype("Int64")
    return table


def _printed(table: pd.DataFrame) -> pd.DataFrame:
    """Few digits, z and rank in one column, and an asterisk at units that stand in."""

    def unit(row: Any, name: str) -> str:
        star = "*" if getattr(row, f"{name}_kinds").split(", ")[0] in _STARRED else ""
        return f"{getattr(row, name)}{star}"

    def number(value: float, digits: int = 3) -> str:
        # Adding 0 turns a rounded -0 into 0.
        return "" if pd.isna(value) else f"{round(value, digits) + 0.0:.{digits}f}"

    rows = []
    for row in table.itertuples():
        cells = {
            "target": unit(row, "target"),
            "source": unit(row, "source"),
            "kind of source": row.source_kinds,
            "layer": _LAYERS[row.connection],
            "gate": GATE_NAMES.get(row.gate, ""),
            "W": number(row.weight),
            "mean h": number(row.activity_mean),
            "W h": number(row.input_mean),
            "preferred h": number(row.activity_preferred),
            "W preferred h": number(row.input_preferred),
        }
        for reading in _PRINTED_READINGS:
            z, rank = getattr(row, f"z_{reading}"), getattr(row, f"rank_{reading}")
            cells[f"z {reading} (rank)"] = "" if pd.isna(z) else f"{number(z, 1)} ({rank})"
        rows.append(cells)
    columns = [
        *("target", "source", "kind of source", "layer", "gate", "W", "mean h", "W h"),
        *(
            "preferred h",
            "W preferred h",
            *(f"z {reading} (rank)" for reading in _PRINTED_READINGS),
        ),
    ]
    return pd.DataFrame(rows, columns=columns)


def _legend(table: pd.DataFrame, config: Mapping[str, Any], said: Sequence[str]) -> list[str]:
    first, last = config["dependency"]
    legend = [
        "Connections to the gates of the long-range units, from their layer or the one below. W: "
        "weight; mean h: mean hidden state of "
        f"the source in {config['task']} from the subject to the word before the verb (positions "
        f"{first} to {last}); preferred h: the same in items whose subject has the number that "
        "the source serves. z: distance of the source's input from the mean of all sources of its "
        "layer, in SD; rank: rank by size of the input, whatever its sign; 1 is the largest.",
        "Readings of the input: mean, W times mean h; largest, W times the h of largest size, with "
        "its sign; oriented, W with the signs of all sources chosen so that their mean h is "
        "positive; raw, W alone; maximum, W times the largest value of h. The last two depend on "
        "the arbitrary signs of the sources. The sign of the input to a candidate depends on the "
        "arbitrary sign of the target.",
        *said,
    ]
    kinds = set(table["target_kinds"]) | set(table["source_kinds"])
    if any(kind.split(", ")[0] in _STARRED for kind in kinds):
        legend.append(
            "* Stands in where no unit was found: the unit that comes nearest to a long-range unit "
            "for a subject number, or to a syntax unit. It is none."
        )
    return legend
