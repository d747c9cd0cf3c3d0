"""What the connections say: who drives the gates of the long-range units, and who inhibits whom.

Lakretz et al. 2019, section 4.4. A verdict is about long-range and syntax units that were found;
where others stand in for them, the same numbers are given, but nothing is tested.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from lstm_units.analyses.connectivity.afferents import READINGS, SIGN_FREE
from lstm_units.analyses.connectivity.known_units import (
    KnownUnit,
    in_layers,
    known_units,
    top_syntax_unit,
)
from lstm_units.models.variables import GATES

DRIVEN = ("input_gate", "forget_gate")


def connections(
    afferents: pd.DataFrame, targets: Sequence[int], sources: Sequence[int]
) -> pd.DataFrame:
    """Pick the rows from some sources to some targets; pairs without a connection get one too.

    Parameters
    ----------
    afferents : DataFrame
        From `lstm_units.analyses.connectivity.afferents.afferent_table`.
    targets, sources : sequence of int
        1-based units.

    Returns
    -------
    DataFrame
        Rows by target, source (in the orders given) and gate. Where the source is neither in the
        layer of the target nor in the one below, ``connection`` is ``none`` and the numbers are
        missing.
    """
    wanted = pd.MultiIndex.from_tuples(
        [(t, s, gate) for t in targets for s in sources for gate in GATES],
        names=["target", "source", "gate"],
    )
    rows = afferents[
        afferents["target"].isin(list(targets)) & afferents["source"].isin(list(sources))
    ].copy()
    for name in ("gate", "connection", "target_kind"):
        rows[name] = rows[name].astype(object)
    rows = rows.set_index(["target", "source", "gate"]).reindex(wanted).reset_index()
    rows["connection"] = rows["connection"].where(rows["connection"].notna(), "none")
    return rows


def syntax_to_long_range(
    afferents: pd.DataFrame, shown: Mapping[str, Any], syntax: Mapping[str, Any]
) -> pd.DataFrame:
    """Return the connections from every syntax unit to every long-range unit, or the stand-ins.

    Parameters
    ----------
    afferents : DataFrame
        From `lstm_units.analyses.connectivity.afferents.afferent_table`.
    shown, syntax : mapping
        ``units/shown.json`` and ``units/syntax.json``.

    Returns
    -------
    DataFrame
        As in `connections`, with ``top`` (the syntax unit of the highest score, or its stand-in),
        ``source_found`` and ``target_found``. Long-range units are no sources here, even if depth
        can be read from them.
    """
    units = known_units(shown, syntax)
    targets = _long_range(units)
    sources = [u.unit for u in units.values() if u.syntax and not u.long_range]
    table = connections(afferents, targets, sources)
    table.insert(3, "top", table["source"] == top_syntax_unit(syntax))
    return _with_found(table, units)


def mutual_inhibition(afferents: pd.DataFrame, shown: Mapping[str, Any]) -> pd.DataFrame:
    """Return the connections between long-range units of different numbers, or their stand-ins.

    Parameters
    ----------
    afferents : DataFrame
        From `lstm_units.analyses.connectivity.afferents.afferent_table`.
    shown : mapping
        ``units/shown.json``.

    Returns
    -------
    DataFrame
        As in `connections`, one row for each ordered pair and gate, with ``target_number``,
        ``source_number``, ``target_found``, ``source_found``, and ``negative``: whether the input
        from the source, at the mean activity in items of the number that it serves, is below 0.
    """
    units = known_units(shown, {"units": []})
    served = {unit: known.number for unit, known in units.items() if known.number}
    table = connections(afferents, list(served), list(served))
    table.insert(3, "target_number", table["target"].map(served))
    table.insert(4, "source_number", table["source"].map(served))
    table = table[table["target_number"] != table["source_number"]].reset_index(drop=True)
    table.insert(5, "negative", table["input_preferred"] < 0)
    return _with_found(table, units)


def verdicts(
    afferents: pd.DataFrame,
    shown: Mapping[str, Any],
    syntax: Mapping[str, Any],
    threshold: float,
    layers: Collection[int] | None = None,
) -> dict[str, Any]:
    """Say which of the paper's findings on connections this model shows.

    Parameters
    ----------
    afferents : DataFrame
        From `lstm_units.analyses.connectivity.afferents.afferent_table`.
    shown, syntax : mapping
        ``units/shown.json`` and ``units/syntax.json``.
    threshold : float
        Of z, as in `afferents`.
    layers : collection of int or None
        1-based: those of which `afferents` has rows. Units of other layers are left out, and what
        is about them is not tested. None for all.

    Returns
    -------
    dict
        ``gate_control``: whether the top syntax unit drives the forget gate of each long-range unit
        up (z > threshold) and the input gate down (z < -threshold), by the reading ``mean``;
        ``scaling``: the same by each reading, and whether the readings that do not depend on a
        unit's sign agree; ``only_one``: the other syntax units beyond the threshold, on the input
        or the forget gate, of every long-range unit; ``mutual_inhibition``: whether the input
        between long-range units of different numbers is negative to the input and the forget gate,
        in both directions. Each with ``met`` (None if there is nothing to look at), ``testable``
        (all units were found) and ``reason`` (why not).
    """
    units = known_units(shown, syntax)
    lost = [known for unit, known in units.items() if unit not in in_layers(units, layers)]
    drive = _driven(syntax_to_long_range(afferents, shown, syntax), lost)
    # Where one long-range unit is found, the stand-in for the other is not tested.
    if drive["target_found"].any():
        drive = drive[drive["target_found"]]
    top = drive[drive["top"]]
    mutual = _driven(mutual_inhibition(afferents, shown), lost)
    by_reading = {reading: _gates_driven(top, reading, threshold) for reading in READINGS}
    sign_free = [by_reading[reading] for reading in SIGN_FREE]
    reason = _untested(top, units, top_syntax_unit(syntax), lost)
    others = _others_beyond(drive[~drive["top"]], threshold)
    few = "fewer than two long-range units were found" if drive["target"].nunique() < 2 else None
    unread = _left_out([known for known in lost if "syntax" in known.kinds])
    return {
        "gate_control": _verdict(by_reading["mean"], reason),
        "scaling": {
            **_verdict(None if None in sign_free else len(set(sign_free)) == 1, reason),
            "by_reading": by_reading,
        },
        "only_one": {
            **_verdict(None if drive.empty else not others, reason or few or unread),
            "others": others,
        },
        "mutual_inhibition": _verdict(
            None if mutual.empty else bool(mutual["negative"].all()),
            _untested_pairs(mutual, units, lost),
        ),
    }


def _long_range(units: Mapping[int, KnownUnit]) -> list[int]:
    return [known.unit for known in units.values() if known.long_range]


def _with_found(table: pd.DataFrame, units: Mapping[int, KnownUnit]) -> pd.DataFrame:
    found = {
        unit: "syntax" in known.kinds or "long-range" in known.kinds
        for unit, known in units.items()
    }
    for name in ("source", "target"):
        table.insert(3, f"{name}_found", table[name].map(found).astype(bool))
    return table


def _gates_driven(top: pd.DataFrame, reading: str, threshold: float) -> bool | None:
    """Whether every target has z > threshold to the forget gate and < -threshold to the input."""
    if top.empty:
        return None
    z = top[f"z_{reading}"].to_numpy(float)  # a missing one is beyond nothing
    forget = (top["gate"] == "forget_gate").to_numpy()
    return bool(np.where(forget, z > threshold, z < -threshold).all())


def _others_beyond(others: pd.DataFrame, threshold: float) -> list[int]:
    beyond = others["z_mean"].abs() > threshold
    by_pair = beyond.groupby([others["source"], others["target"]]).any()
    by_source = by_pair.groupby(level="source").all()
    return [int(unit) for unit in by_source.index[by_source]]


def _driven(rows: pd.DataFrame, lost: Sequence[KnownUnit]) -> pd.DataFrame:
    """Keep the rows to the input and the forget gate, without the units that are left out."""
    out = [known.unit for known in lost]
    among = rows["target"].isin(out) | rows["source"].isin(out)
    return rows[rows["gate"].isin(DRIVEN) & ~among]


def _untested(
    top: pd.DataFrame,
    units: Mapping[int, KnownUnit],
    top_unit: int | None,
    lost: Sequence[KnownUnit],
) -> str | None:
    if not _long_range(units) or top_unit is None:
        return "there is no long-range unit or no syntax unit, nor one that stands in"
    if not any("long-range" in known.kinds for known in units.values()):
        return "no long-range unit was found"
    if "syntax" not in units[top_unit].kinds:
        return "no syntax unit was found"
    if units[top_unit].long_range:
        return "the syntax unit is itself a long-range unit, or stands in for one"
    out = _left_out([u for u in lost if u.unit == top_unit or "long-range" in u.kinds])
    if out:
        return out
    if (top["connection"] == "none").any():
        return "the syntax unit is neither in the layer of the long-range units nor in that below"
    return None


def _untested_pairs(
    mutual: pd.DataFrame, units: Mapping[int, KnownUnit], lost: Sequence[KnownUnit]
) -> str | None:
    found = {known.number for known in units.values() if "long-range" in known.kinds}
    missing = [number for number in ("singular", "plural") if number not in found]
    if len(missing) == 2:
        return "no long-range unit serves one subject number alone"
    if missing:
        return f"no long-range unit serves {missing[0]} subjects alone"
    out = _left_out([known for known in lost if "long-range" in known.kinds and known.number])
    if out:
        return out
    if (mutual["connection"] == "none").any():
        return "the long-range units are not connected"
    return None


def _left_out(lost: Sequence[KnownUnit]) -> str | None:
    if not lost:
        return None
    listed = ", ".join(f"unit {known.unit} is in layer {known.layer}" for known in lost)
    return f"{listed}, whose activations were not dumped"


def _verdict(met: bool | None, reason: str | None) -> dict[str, Any]:
    return {"met": met, "testable": reason is None and met is not None, "reason": reason}
