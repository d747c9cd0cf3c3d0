"""The steps that print the connections of the number and syntax units, and say what they show."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from lstm_units.analyses.connectivity.afferents import READINGS
from lstm_units.analyses.connectivity.known_units import (
    in_layers,
    known_units,
    left_out_sentence,
    read_units,
    top_syntax_unit,
)
from lstm_units.analyses.connectivity.verdicts import (
    DRIVEN,
    connections,
    syntax_to_long_range,
    verdicts,
)
from lstm_units.io.files import lineage, read_metadata, rounded, write_json
from lstm_units.io.table_formats import write_table

_STARRED = ("nearest", "nearest syntax")
_PRINTED_READINGS = ("mean", "largest", "oriented", "raw", "maximum")
_LAYERS = {"recurrent": "same", "from_below": "below", "none": "not connected"}
_GATE_NAMES = {
    "input_gate": "input",
    "forget_gate": "forget",
    "candidate": "candidate",
    "output_gate": "output",
}


def write_connectivity_table(
    afferents: str | Path,
    shown: str | Path,
    syntax: str | Path | None,
    outputs: Sequence[str | Path],
) -> None:
    """Write ``tables/connectivity``: see `connectivity_table`.

    Parameters
    ----------
    afferents : path
        ``connectivity/afferents.parquet``.
    shown : path
        ``units/shown.json``.
    syntax : path or None
        ``units/syntax.json``; None where syntax units were not searched.
    outputs : sequence of path
        One file per format; the suffix names it.

    Raises
    ------
    UserError
        If the files were made from different checkpoints.
    """
    found = read_units(afferents, shown, syntax)
    rows, made = _read(afferents, *found)
    table = connectivity_table(rows, *found, made["config"]["layers"])
    legend = _legend(table, made["config"], _sentences(rows, *found, made["config"]))
    metadata = lineage([afferents], kind="table of connections", config=made["config"])
    for path in outputs:
        csv = str(path).endswith(".csv")
        write_table(
            table if csv else _printed(table),
            path,
            legend=() if csv else legend,
            metadata=metadata,
        )


def write_connectivity_summary(
    afferents: str | Path, shown: str | Path, syntax: str | Path | None, output: str | Path
) -> None:
    """Write ``connectivity/summary.json``: what the connections show, in numbers and in words.

    Parameters
    ----------
    afferents, shown, syntax : path
        As in `write_connectivity_table`.
    output : path
        JSON: ``summary`` (text), ``verdicts`` (see `lstm_units.analyses.connectivity.verdicts.verdicts`),
        ``units`` (long-range and syntax units with ``kinds``, ``number`` and ``measured``, which is
        false where the layer was not dumped), ``top_syntax_unit``, ``task``, ``threshold``,
        ``layers`` (those that were dumped).

    Raises
    ------
    UserError
        If the files were made from different checkpoints.
    """
    found = read_units(afferents, shown, syntax)
    rows, made = _read(afferents, *found)
    config = made["config"]
    result = {
        "summary": " ".join(_sentences(rows, *found, config)),
        "verdicts": verdicts(rows, *found, config["threshold"], config["layers"]),
        "units": [
            {
                "unit": u.unit,
                "layer": u.layer,
                "kinds": list(u.kinds),
                "number": u.number,
                "measured": u.layer in config["layers"],
            }
            for u in known_units(*found).values()
        ],
        "top_syntax_unit": top_syntax_unit(found[1]),
        "task": config["task"],
        "threshold": config["threshold"],
        "layers": config["layers"],
    }
    metadata = lineage([afferents], kind="summary of connections", config=config)
    write_json(rounded(result), output, metadata)


def connectivity_table(
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
        the readings of `lstm_units.analyses.connectivity.afferents.afferent_table`. By target; the long-range units
        come first (the target itself included), then the syntax units by their score. A pair
        without a connection has one row, and no gate.
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


def _read(
    afferents: str | Path, shown: Mapping[str, Any], syntax: Mapping[str, Any]
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read the rows to the long-range units, and how they were made."""
    units = known_units(shown, syntax)
    targets = [unit for unit, known in units.items() if known.long_range]
    # An empty list of targets would not be a valid filter; no unit is numbered 0.
    rows = pd.read_parquet(afferents, filters=[("target", "in", targets or [0])])
    return rows, read_metadata(afferents)


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
            "gate": _GATE_NAMES.get(row.gate, ""),
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


def _legend(table: pd.DataFrame, config: Mapping[str, Any], sentences: Sequence[str]) -> list[str]:
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
        *sentences,
    ]
    kinds = set(table["target_kinds"]) | set(table["source_kinds"])
    if any(kind.split(", ")[0] in _STARRED for kind in kinds):
        legend.append(
            "* Stands in where no unit was found: the unit that comes nearest to a long-range unit "
            "for a subject number, or to a syntax unit. It is none."
        )
    return legend


def _sentences(
    afferents: pd.DataFrame,
    shown: Mapping[str, Any],
    syntax: Mapping[str, Any],
    config: Mapping[str, Any],
) -> list[str]:
    """Say what was measured, and what is not tested."""
    layers = config["layers"]
    found = verdicts(afferents, shown, syntax, config["threshold"], layers)
    drive = syntax_to_long_range(afferents, shown, syntax)
    top = drive[drive["top"] & drive["gate"].isin(DRIVEN) & (drive["connection"] != "none")]
    left_out = left_out_sentence(known_units(shown, syntax), layers)
    # A sentence starts with a capital; the name of the key does not.
    said = [f"The setting {left_out}"] if left_out else []
    if not top.empty:
        source = int(top["source"].iloc[0])
        start = _described(source, "syntax unit", top["source_found"].all())
        parts = []
        for target, rows in top.groupby("target", sort=False):
            gates = " and ".join(
                f"{_GATE_NAMES[row.gate]} gate z = {round(row.z_mean, 1) + 0.0:.1f} "
                f"(rank {int(row.rank_mean)})"
                if pd.notna(row.z_mean)
                else f"{_GATE_NAMES[row.gate]} gate without spread"
                for row in rows.itertuples()
            )
            end = _described(int(target), "long-range unit", rows["target_found"].all())
            parts.append(f"to {end}: {gates}")
        said.append(f"From {start} {'; '.join(parts)}.")
    control = found["gate_control"]
    if not control["testable"]:
        said.append(f"Control of the gates by a syntax unit is not tested: {control['reason']}.")
    else:
        yes = "opens" if control["met"] else "does not open"
        same = "agree" if found["scaling"]["met"] else "do not agree"
        said.append(
            f"It {yes} the forget gate and {'shuts' if control['met'] else 'shut'} the input gate "
            f"of each long-range unit beyond {config['threshold']:g} SD; the readings that do not "
            f"depend on signs {same}."
        )
        if found["only_one"]["testable"]:
            others = ", ".join(map(str, found["only_one"]["others"]))
            said.append(
                f"Other syntax units that reach these gates of all long-range units: {others}."
                if others
                else "No other syntax unit reaches these gates of all long-range units."
            )
    inhibition = found["mutual_inhibition"]
    if inhibition["testable"]:
        said.append(
            "The long-range units of the two numbers "
            f"{'inhibit' if inhibition['met'] else 'do not inhibit'} each other's input and forget "
            "gates."
        )
    else:
        said.append(f"Mutual inhibition is not tested: {inhibition['reason']}.")
    return said


def _described(unit: int, kind: str, found: bool) -> str:
    return f"the {kind} {unit}" if found else f"unit {unit} (no {kind})"
