"""Claims on connections: C15, C21, C22 (a syntax unit drives the gates) and C16 (inhibition).

Lakretz et al. 2019, Section 4.4 and Figure 4. The verdicts are those of
`lstm_units.analyses.connectivity.verdicts`, without the long-range units that are not confirmed;
here they get their values. Weights are read as weight times activity, which does not depend on the
arbitrary sign of a unit.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lstm_units.analyses.connectivity.afferents import READINGS, SIGN_FREE
from lstm_units.analyses.connectivity.known_units import known_units
from lstm_units.analyses.connectivity.verdicts import (
    DRIVEN,
    mutual_inhibition,
    syntax_to_long_range,
    verdicts,
)
from lstm_units.claims.criteria import Audit
from lstm_units.claims.units import (
    LONG_RANGE,
    NONE_CONFIRMED,
    SHOWN,
    SYNTAX,
    long_range_units,
)
from lstm_units.io.result_files import ResultFiles
from lstm_units.io.results import require_same
from lstm_units.io.verdict import (
    FAILS,
    HOLDS,
    NOT_TESTABLE,
    Lacking,
    Measure,
    Verdict,
    not_testable,
)

SUMMARY, AFFERENTS = "connectivity/summary.json", "connectivity/afferents.parquet"
_GATES = {"input_gate": "input gate", "forget_gate": "forget gate"}
_NOT_RUN = Lacking("connections were not measured", "`connectivity.task`")
_SCALINGS = {
    "oriented": "weights (source turned so that its mean activity is positive)",
    "mean": "weights x mean activity",
    "largest": "weights x activity of largest size",
    "raw": "raw weights",
    "maximum": "weights x largest value",
}


@dataclass(frozen=True)
class _Connections:
    """What the claims read: the verdicts, and the rows of the units they are about."""

    verdicts: Mapping[str, Any]
    drive: pd.DataFrame  # from syntax units to the driven gates of long-range units
    mutual: pd.DataFrame  # between long-range units, to the same gates
    n_sources: pd.Series  # by target, gate and connection
    data: tuple[str, ...]


def controls_gates(files: ResultFiles, audit: Audit) -> Verdict:
    """C15: the top syntax unit opens the forget gates of the long-range units, shuts the input.

    ``gate_control`` of the verdicts. Values are z among all units of the source's layer; their rank
    by size is in the notes.
    """
    z = audit.criteria.z_threshold
    criterion = (
        "effective input from the syntax unit (weight x its mean activity from the subject to the "
        f"word before the verb) to each long-range unit, among all units of its layer: z > {z:g} "
        f"to the forget gate and z < -{z:g} to the input gate"
    )
    found = _read(files)
    if found is None:
        return not_testable("C15", criterion, _NOT_RUN)
    verdict = found.verdicts["gate_control"]
    measures = [
        Measure(
            f"unit {row.source} to unit {row.target}, {_GATES[row.gate]}: z",
            _number(row.z_mean),
            expected=_wanted(row.gate, z) if verdict["testable"] else None,
            met=_drives(row, z) if verdict["testable"] else None,
            note=_rank(row, found.n_sources) + _stand_in(row),
        )
        for row in _tested(found.drive[found.drive["top"]]).itertuples()
    ]
    failing = [
        f"{m.name.replace(': z', '')} {_signed(m.value, m.name)}" for m in measures if not m.met
    ]
    return _verdict(
        "C15",
        criterion,
        verdict,
        _joined(measures),
        f"not beyond {z:g} in the right direction: {', '.join(failing)}",
        measures,
        found,
    )


def number_units_inhibit(files: ResultFiles, audit: Audit) -> Verdict:
    """C16: long-range units of different number lower each other's input and forget gates.

    ``mutual_inhibition`` of the verdicts.
    """
    criterion = (
        "weight x mean activity of the other long-range unit (in items of the subject number that "
        "it serves, from the subject to the word before the verb) is negative, to the input and "
        "the forget gate, in both directions"
    )
    found = _read(files)
    if found is None:
        return not_testable("C16", criterion, _NOT_RUN)
    verdict = found.verdicts["mutual_inhibition"]
    measures = [
        Measure(
            f"unit {row.source} ({row.source_number}) to unit {row.target} ({row.target_number}), "
            f"{_GATES[row.gate]}",
            _number(row.input_preferred),
            expected="< 0" if verdict["testable"] else None,
            met=bool(row.negative) if verdict["testable"] else None,
            note=_stand_in(row).removeprefix("; ") or None,
        )
        for row in found.mutual.itertuples()
    ]
    failing = [f"{m.name} {_signed(m.value, m.name)}" for m in measures if not m.met]
    return _verdict(
        "C16",
        criterion,
        verdict,
        _joined(measures),
        f"not negative: {', '.join(failing)}",
        measures,
        found,
    )


def only_one_controls(files: ResultFiles, audit: Audit) -> Verdict:
    """C21: no other syntax unit reaches the input or forget gates of all long-range units.

    ``only_one`` of the verdicts. The value of a syntax unit is the largest of |z| to either gate,
    in that long-range unit where this is least.
    """
    z = audit.criteria.z_threshold
    criterion = (
        f"no syntax unit but the one of C15 is beyond |z| {z:g} on the input or the forget gate of "
        "every long-range unit"
    )
    found = _read(files)
    if found is None:
        return not_testable("C21", criterion, _NOT_RUN)
    verdict = found.verdicts["only_one"]
    drive = _tested(found.drive)
    measures = []
    for source, rows in drive.groupby("source", sort=False):
        least = _number(rows.groupby("target")["z_mean"].apply(lambda z: z.abs().max()).min())
        top = bool(rows["top"].iloc[0])
        asked = verdict["testable"] and not top
        measures.append(
            Measure(
                f"unit {source}: |z| reached in every long-range unit",
                least,
                expected=f"<= {z:g}" if asked else None,
                met=not (least is not None and least > z) if asked else None,
                note="the unit of C15; reported only"
                if top
                else _stand_in(rows.iloc[0])[2:] or None,
            )
        )
    others = [int(unit) for unit in verdict["others"]]
    n_others = int(drive.loc[~drive["top"], "source"].nunique())
    measured = f"{len(others)} of {n_others} other syntax units" if measures else ""
    if others:
        measured += f": {', '.join(map(str, others))}"
    own = [m for m in measures if m.note and m.note.startswith("the unit of C15")]
    if own and own[0].value is not None:
        measured += f"; the one of C15 reaches |z| {own[0].value:.1f}"
    reason = f"beyond {z:g} too: {', '.join(map(str, others))}"
    return _verdict("C21", criterion, verdict, measured, reason, measures, found)


def scaling_does_not_matter(files: ResultFiles, audit: Audit) -> Verdict:
    """C22: C15 comes out the same however weights are scaled by activity.

    ``scaling`` of the verdicts: over the readings that do not depend on the arbitrary sign of the
    source. The two that do (the paper's) are reported.
    """
    z = audit.criteria.z_threshold
    criterion = (
        "the verdict on C15 is the same with weights alone, times the mean activity, and times the "
        "activity of largest size, each read so that it does not depend on the arbitrary sign of "
        "the source*"
    )
    found = _read(files)
    if found is None:
        return not_testable("C22", criterion, _NOT_RUN)
    verdict = found.verdicts["scaling"]
    top = _tested(found.drive[found.drive["top"]])
    outcomes = verdict["by_reading"]
    measures = []
    for reading in (*SIGN_FREE, *(r for r in READINGS if r not in SIGN_FREE)):
        counts = reading in SIGN_FREE and verdict["testable"]
        note = f"criterion of C15 {_said(outcomes[reading])}"
        if reading not in SIGN_FREE:
            note += "; depends on the arbitrary sign of the source, reported only"
        measures.append(
            Measure(
                f"{_SCALINGS[reading]}: least z in the direction of C15",
                _least_directed(top, reading),
                expected=f"on one side of {z:g} with the others" if counts else None,
                met=bool(verdict["met"]) if counts else None,
                note=note,
            )
        )
    said = [f"{reading} {_said(outcomes[reading])}" for reading in SIGN_FREE]
    measured = "" if top.empty else f"criterion of C15: {', '.join(said)}"
    reason = f"the readings do not agree: {', '.join(said)}"
    return _verdict("C22", criterion, verdict, measured, reason, measures, found)


def _read(files: ResultFiles) -> _Connections | None:
    results = {name: files.read(name) for name in (SUMMARY, AFFERENTS, SHOWN, SYNTAX)}
    results = {name: result for name, result in results.items() if result is not None}
    if not {SUMMARY, AFFERENTS, SHOWN} <= set(results):
        return None
    require_same(*results.values())
    require_same(results[SUMMARY], results[AFFERENTS], stimuli_sha256="version of the stimuli")
    summary, afferents = results[SUMMARY].content, results[AFFERENTS].frame
    shown = results[SHOWN].content
    syntax = results[SYNTAX].content if SYNTAX in results else {"units": []}
    found = summary["verdicts"]
    data = list(results)
    doubtful = {unit.unit for unit in long_range_units(files) or [] if not unit.confirmed}
    if doubtful:
        kept = [entry for entry in shown["units"] if entry["unit"] not in doubtful]
        shown = {**shown, "units": kept}
        found = verdicts(afferents, shown, syntax, summary["threshold"], summary["layers"])
        if not any(entry["role"] == "long-range" for entry in kept):
            found = {
                name: {**part, "testable": False, "reason": NONE_CONFIRMED}
                for name, part in found.items()
            }
        data.append(LONG_RANGE)
    units = known_units(shown, syntax)
    measured = {unit for unit, known in units.items() if known.layer in summary["layers"]}

    def driven(rows: pd.DataFrame) -> pd.DataFrame:
        rows = rows[rows["gate"].isin(DRIVEN)]
        rows = rows[rows["source"].isin(measured) & rows["target"].isin(measured)]
        return rows[rows["connection"] != "none"]

    groups = afferents.groupby(["target", "gate", "connection"], observed=True)
    return _Connections(
        verdicts=found,
        drive=driven(syntax_to_long_range(afferents, shown, syntax)),
        mutual=driven(mutual_inhibition(afferents, shown)),
        n_sources=groups.size(),
        data=tuple(data),
    )


def _tested(drive: pd.DataFrame) -> pd.DataFrame:
    """Leave out the stand-in for a long-range unit where another one was found."""
    return drive[drive["target_found"]] if drive["target_found"].any() else drive


def _verdict(
    id: str,
    criterion: str,
    verdict: Mapping[str, Any],
    measured: str,
    failing: str,
    measures: list[Measure],
    found: _Connections,
) -> Verdict:
    """Carry a verdict over; what was measured on stand-ins is shown as such."""
    if not verdict["testable"]:
        reason = verdict["reason"] or "there is nothing to measure"
        shown = f"units that stand in: {measured}" if measured else ""
        return Verdict(id, criterion, NOT_TESTABLE, shown, reason, tuple(measures), found.data)
    outcome, reason = (HOLDS, None) if verdict["met"] else (FAILS, failing)
    return Verdict(id, criterion, outcome, measured, reason, tuple(measures), found.data)


def _drives(row: Any, threshold: float) -> bool:
    return bool(row.z_mean > threshold if row.gate == "forget_gate" else row.z_mean < -threshold)


def _wanted(gate: str, threshold: float) -> str:
    return f"> {threshold:g}" if gate == "forget_gate" else f"< -{threshold:g}"


def _least_directed(top: pd.DataFrame, reading: str) -> float | None:
    """Least z over gates and targets, that to an input gate negated; None without spread."""
    if top.empty:
        return None
    z = top[f"z_{reading}"].to_numpy(float)
    directed = np.where((top["gate"] == "forget_gate").to_numpy(), z, -z)
    return _number(directed.min())


def _rank(row: Any, n_sources: pd.Series) -> str:
    n = int(n_sources.get((row.target, row.gate, row.connection), 0))
    return f"rank {int(row.rank_mean)} of {n} by size"


def _stand_in(row: Any) -> str:
    ends = [e for e in ("source", "target") if not getattr(row, f"{e}_found")]
    missing = [str(getattr(row, end)) for end in ends]
    if not missing:
        return ""
    if len(missing) == 1:
        return f"; unit {missing[0]} stands in for one that was not found"
    return f"; units {' and '.join(missing)} stand in for others that were not found"


def _joined(measures: list[Measure]) -> str:
    """List values, the units of a pair once: ``unit 3 to unit 5: forget gate 8.1, ...``."""
    by_pair: dict[str, list[str]] = {}
    for measure in measures:
        pair, gate = measure.name.removesuffix(": z").rsplit(", ", 1)
        by_pair.setdefault(pair, []).append(f"{gate} {_signed(measure.value, measure.name)}")
    kind = "z " if any(m.name.endswith(": z") for m in measures) else ""
    return "; ".join(f"{pair}: {kind}{', '.join(gates)}" for pair, gates in by_pair.items())


def _said(outcome: bool | None) -> str:
    return "not measured" if outcome is None else "met" if outcome else "not met"


def _signed(value: float | None, name: str) -> str:
    """Print a z with one decimal, an input with two digits."""
    if value is None:
        return "without spread"
    # Adding 0 turns a rounded -0 into 0.
    return f"{round(value, 1) + 0.0:.1f}" if name.endswith(": z") else f"{value:.2g}"


def _number(value: Any) -> float | None:
    return None if pd.isna(value) else float(value)
