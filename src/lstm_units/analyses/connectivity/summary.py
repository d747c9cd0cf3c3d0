"""What the connections of the number and syntax units show, in numbers and in words."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from lstm_units.analyses.connectivity.known_units import (
    content_of,
    known_units,
    left_out_sentence,
    top_syntax_unit,
)
from lstm_units.analyses.connectivity.verdicts import DRIVEN, syntax_to_long_range, verdicts
from lstm_units.io.files import rounded
from lstm_units.io.results import Result, made_from, require_same
from lstm_units.io.wording import capital

GATE_NAMES = {
    "input_gate": "input",
    "forget_gate": "forget",
    "candidate": "candidate",
    "output_gate": "output",
}


def connectivity_summary(afferents: Result, shown: Result, syntax: Result | None) -> Result:
    """Say what the connections show, in numbers and in words.

    Parameters
    ----------
    afferents : Result
        From `lstm_units.analyses.connectivity.afferents.afferents`.
    shown : Result
        The shown units.
    syntax : Result or None
        The syntax units; None where they were not searched.

    Returns
    -------
    Result
        ``summary`` (text), ``verdicts`` (see
        `lstm_units.analyses.connectivity.verdicts.verdicts`), ``units`` (long-range and syntax
        units with ``kinds``, ``number`` and ``measured``, which is false where the layer was not
        dumped), ``top_syntax_unit``, ``task``, ``threshold``, ``layers`` (those that were dumped).

    Raises
    ------
    UserError
        If they were made from different checkpoints.
    """
    require_same(afferents, shown, *([] if syntax is None else [syntax]))
    rows, config = afferents.frame, afferents.config
    lists = content_of(shown), content_of(syntax)
    result = {
        "summary": " ".join(sentences(rows, *lists, config)),
        "verdicts": verdicts(rows, *lists, config["threshold"], config["layers"]),
        "units": [
            {
                "unit": u.unit,
                "layer": u.layer,
                "kinds": list(u.kinds),
                "number": u.number,
                "measured": u.layer in config["layers"],
            }
            for u in known_units(*lists).values()
        ],
        "top_syntax_unit": top_syntax_unit(lists[1]),
        "task": config["task"],
        "threshold": config["threshold"],
        "layers": config["layers"],
    }
    metadata = made_from(afferents, kind="summary of connections", config=config)
    return Result(rounded(result), metadata)


def sentences(
    afferents: pd.DataFrame,
    shown: Mapping[str, Any],
    syntax: Mapping[str, Any],
    config: Mapping[str, Any],
) -> list[str]:
    """Say what was measured, and what is not tested.

    Parameters
    ----------
    afferents, shown, syntax
        As in `lstm_units.analyses.connectivity.verdicts.verdicts`.
    config : mapping
        How `afferents` were made: ``threshold, layers``.
    """
    layers = config["layers"]
    found = verdicts(afferents, shown, syntax, config["threshold"], layers)
    drive = syntax_to_long_range(afferents, shown, syntax)
    top = drive[drive["top"] & drive["gate"].isin(DRIVEN) & (drive["connection"] != "none")]
    left_out = left_out_sentence(known_units(shown, syntax), layers)
    said = [capital(left_out)] if left_out else []
    if not top.empty:
        source = int(top["source"].iloc[0])
        start = _described(source, "syntax unit", top["source_found"].all())
        parts = []
        for target, rows in top.groupby("target", sort=False):
            gates = " and ".join(
                f"{GATE_NAMES[row.gate]} gate z = {round(row.z_mean, 1) + 0.0:.1f} "
                f"(rank {int(row.rank_mean)})"
                if pd.notna(row.z_mean)
                else f"{GATE_NAMES[row.gate]} gate without spread"
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
