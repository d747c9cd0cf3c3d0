"""Finding short-range number units: those that carry the number of the last noun to the verb.

Lakretz et al. 2019, Section 4.2: units of the last layer whose efferent weights are segregated by
the number of the verb, from which the subject's number can be decoded at the subject, and whose
sign swaps at the attractor. The paper found ten and does not list them.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from lstm_units.errors import ConfigurationError, NotRun, UserError
from lstm_units.io.files import rounded
from lstm_units.io.results import Result, made_from
from lstm_units.stimuli.aligned_items import AlignedItems

CRITERIA = ("efferents", "subject", "attractor")
# The state changes its sign with the unit; gates do not, so with them the sign says nothing.
_SIGNED = ("cell", "hidden", "candidate")


@dataclass(frozen=True)
class ShortRangeCriteria:
    """What makes a short-range unit; each field is a key of the config.

    Parameters
    ----------
    minimum_efferent_auc : float
        The weights to singular and to plural verb forms are told apart at least this well,
        whichever are larger.
    minimum_subject_auc : float
        The subject's number is told at the subject at least this well.
    maximum_attractor_auc : float
        At the attractor, with the sign kept, at most this well: the unit tells the attractor's
        number by then, which is the other one.
    """

    minimum_efferent_auc: float = 0.9
    minimum_subject_auc: float = 0.9
    maximum_attractor_auc: float = 0.1

    def __post_init__(self) -> None:
        for key, low, high in (
            ("minimum_efferent_auc", 0.5, 1.0),
            ("minimum_subject_auc", 0.5, 1.0),
            ("maximum_attractor_auc", 0.0, 0.5),
        ):
            value = getattr(self, key)
            if not low <= value <= high:
                raise ConfigurationError(f"{key} is {value}; write an AUC from {low:g} to {high:g}")


def short_range_units(
    unit_decoding: Result,
    efferents: Result,
    items: AlignedItems,
    long_range: Result,
    criteria: ShortRangeCriteria,
) -> Result:
    """Find the short-range units among the results of other analyses.

    Parameters
    ----------
    unit_decoding : Result
        From `lstm_units.analyses.decoding.single_units.unit_decoding`, of the subject's number.
    efferents : Result
        How far apart the weights of each unit to verb forms stand: ``efferents/units.parquet``.
    items : AlignedItems
        All items of the task of `unit_decoding`.
    long_range : Result
        The long-range units, in JSON.

    Returns
    -------
    Result
        What `discover_short_range` returns.

    Raises
    ------
    ConfigurationError
        If another label than the subject's number was decoded, or the task or its items cannot
        show a swap.
    UserError
        If the results do not belong together.
    """
    config = unit_decoding.config
    if config["label"] != "subject_number":
        raise ConfigurationError(
            f"the units were decoded for {config['label']}; short-range units are found by the "
            "subject's number: decode subject_number"
        )
    metadata = made_from(
        *(unit_decoding, efferents, long_range),
        kind="short-range units",
        config=config,
        stimuli_sha256=unit_decoding.metadata["stimuli_sha256"],  # only it looked at items itself
    )
    found = discover_short_range(
        unit_decoding.frame,
        efferents.frame,
        items.select(config["conditions"]),
        long_range.content,
        criteria,
        variable=config["variable"],
    )
    return Result(found, metadata, "the short-range units")


def discover_short_range(
    unit_decoding: pd.DataFrame,
    efferents: pd.DataFrame,
    items: AlignedItems,
    long_range: Mapping[str, Any],
    criteria: ShortRangeCriteria,
    *,
    variable: str = "cell",
) -> dict[str, Any]:
    """Find the short-range units of the last layer, with the evidence for each.

    The criteria are those of Lakretz et al. 2019, Section 4.2 (see `ShortRangeCriteria`), each
    applied to the AUC itself; whether its interval clears the threshold too is part of the
    evidence. No criterion depends on a unit's sign. With several attractors the first counts.

    Parameters
    ----------
    unit_decoding : DataFrame
        From `lstm_units.analyses.decoding.single_units.decode_units`, of the subject's number, on
        `items`.
    efferents : DataFrame
        ``unit, layer, auc, separability, q`` of the units of the last layer; ``auc`` is the
        probability that the weight to a singular form exceeds that to a plural form.
    items : AlignedItems
        The items of `unit_decoding`, all of whose (first) attractors have another number than the
        subject.
    long_range : mapping
        Its ``units`` are no short-range units.
    variable : str
        What was decoded; recorded, and it decides whether ``supports_its_number`` is known.

    Returns
    -------
    dict
        JSON types. ``units``, each with its number and layer, ``efferents`` (``auc`` as folded to
        1/2 and above, ``separability, q``), ``at_subject`` and ``at_attractor`` (``auc``, interval,
        and ``interval_clears`` the threshold), ``positions`` (the AUC at every position), and
        ``supports_its_number``: whether the weights raise the verb forms of the number that the
        unit holds (null for gates, which have no sign). ``excluded``: units that meet the criteria
        but are long-range units. ``n_units`` examined, ``n_passing`` (each criterion alone,
        ``jointly``), ``nearest`` (the unit that misses by least, by the largest of its
        ``shortfalls``), ``criteria``, ``task``, ``variable``, ``summary``.

    Raises
    ------
    ConfigurationError
        If the task has no attractor, an item's first attractor has the number of its subject, or
        the last layer was not decoded.
    UserError
        If the two tables are not of the same units.
    """
    _check_items(items)
    table = _join(unit_decoding, efferents, items)
    passes = _passes(table, criteria)
    joint = np.logical_and.reduce([passes[name] for name in CRITERIA])
    known = {int(unit["unit"]) for unit in long_range["units"]}
    is_known = table["unit"].isin(known).to_numpy()
    by_unit = {unit: rows for unit, rows in unit_decoding.groupby("unit", sort=False)}

    def evidence(row: int) -> dict[str, Any]:
        unit = table.iloc[row]
        return _evidence(unit, by_unit[unit["unit"]], items, criteria, variable)

    excluded = [
        {**evidence(row), "reason": "it is a long-range unit"}
        for row in np.flatnonzero(joint & is_known)
    ]
    units = [evidence(row) for row in np.flatnonzero(joint & ~is_known)]
    result = {
        "units": units,
        "excluded": excluded,
        "criteria": asdict(criteria),
        "task": items.task,
        "variable": variable,
        "n_items": len(items),
        "n_units": len(table),
        "n_passing": {
            **{name: int(passes[name].sum()) for name in CRITERIA},
            "jointly": int(joint.sum()),
        },
        "nearest": _nearest(table, ~joint & ~is_known, criteria, evidence),
    }
    result["summary"] = _summary(result)
    return rounded(result)


def _check_items(items: AlignedItems) -> None:
    if not items.attractor_positions:
        raise NotRun(
            f"{items.task} has no attractor, so no unit can swap there; decode a task with one, "
            "such as nounpp"
        )
    same = items.agreeing[:, 0]
    if same.any():
        other = sorted(set(items.condition[~same].tolist()) - set(items.condition[same].tolist()))
        hint = f"choose the conditions {', '.join(other)}" if other else "choose another task"
        raise NotRun(
            f"the first attractor of {same.sum()} of the {len(items)} chosen items of {items.task} "
            f"has the number of its subject, so a swap would not show there; {hint}"
        )


def _join(
    unit_decoding: pd.DataFrame, efferents: pd.DataFrame, items: AlignedItems
) -> pd.DataFrame:
    """One row per unit of the last layer: efferents, and AUC at the subject and the attractor."""
    last = efferents[["unit", "layer", "auc", "separability", "q"]].rename(
        columns={"auc": "singular_above_plural"}
    )
    auc = last["singular_above_plural"]
    last["efferent_auc"] = np.maximum(auc, 1 - auc)
    decoded = unit_decoding[unit_decoding["unit"].isin(last["unit"])]
    if decoded.empty:
        raise ConfigurationError(
            "the activations lack the last layer, which short-range units are looked for in; dump "
            f"layer {int(efferents['layer'].max())} too"
        )
    places = {"subject": items.subject_position, "attractor": items.attractor_positions[0]}
    for name, position in places.items():
        here = decoded[decoded["position"] == position]
        columns = ["unit", "auc", "ci_low", "ci_high"]
        names = {column: f"{name}_{column}" for column in columns[1:]}
        last = last.merge(here[columns].rename(columns=names), on="unit", how="left")
    missing = last["unit"][last[["subject_auc", "attractor_auc"]].isna().any(axis=1)]
    if len(missing) or last["unit"].duplicated().any():
        raise UserError(
            f"the decoding of single units and the efferent weights do not name the same units "
            f"once each (unit {missing.iloc[0] if len(missing) else 'twice'}); delete both files "
            "and run the workflow again"
        )
    return last.sort_values("unit", ignore_index=True)


def _shortfalls(table: pd.DataFrame, criteria: ShortRangeCriteria) -> dict[str, np.ndarray]:
    """How much AUC each unit lacks for each criterion; at most 0 where it is met."""
    return {
        "efferents": criteria.minimum_efferent_auc - table["efferent_auc"].to_numpy(),
        "subject": criteria.minimum_subject_auc - table["subject_auc"].to_numpy(),
        "attractor": table["attractor_auc"].to_numpy() - criteria.maximum_attractor_auc,
    }


def _passes(table: pd.DataFrame, criteria: ShortRangeCriteria) -> dict[str, np.ndarray]:
    return {
        "efferents": table["efferent_auc"].to_numpy() >= criteria.minimum_efferent_auc,
        "subject": table["subject_auc"].to_numpy() >= criteria.minimum_subject_auc,
        "attractor": table["attractor_auc"].to_numpy() <= criteria.maximum_attractor_auc,
    }


def _evidence(
    unit: pd.Series,
    rows: pd.DataFrame,
    items: AlignedItems,
    criteria: ShortRangeCriteria,
    variable: str,
) -> dict[str, Any]:
    rows = rows.sort_values("position")
    supports = None
    raises_singular = unit["singular_above_plural"] - 0.5
    if variable in _SIGNED and raises_singular != 0:
        supports = bool((raises_singular > 0) == (int(rows["sign"].iloc[0]) > 0))
    return {
        "unit": int(unit["unit"]),
        "layer": int(unit["layer"]),
        "efferents": {
            "auc": float(unit["efferent_auc"]),
            "separability": float(unit["separability"]),
            "q": float(unit["q"]),
        },
        "supports_its_number": supports,
        "at_subject": _place(
            unit, "subject", unit["subject_ci_low"] >= criteria.minimum_subject_auc
        ),
        "at_attractor": _place(
            unit, "attractor", unit["attractor_ci_high"] <= criteria.maximum_attractor_auc
        ),
        "positions": [
            {
                "position": int(row.position),
                "word": items.words[int(row.position)],
                "auc": float(row.auc),
                "ci_low": float(row.ci_low),
                "ci_high": float(row.ci_high),
            }
            for row in rows.itertuples()
        ],
    }


def _place(unit: pd.Series, name: str, clears: bool) -> dict[str, Any]:
    low, high = float(unit[f"{name}_ci_low"]), float(unit[f"{name}_ci_high"])
    return {
        "auc": float(unit[f"{name}_auc"]),
        "ci_low": low,
        "ci_high": high,
        "interval_clears": None if np.isnan(low) else bool(clears),
    }


def _nearest(table, candidates: np.ndarray, criteria, evidence) -> dict[str, Any] | None:
    """Return the unit whose largest shortfall is the smallest."""
    rows = np.flatnonzero(candidates)
    if not len(rows):
        return None
    shortfalls = _shortfalls(table, criteria)
    lacking = np.maximum([shortfalls[name][rows] for name in CRITERIA], 0)
    # Rounded, so that the last bits of a difference do not decide between equals.
    largest, total = lacking.max(axis=0).round(12), lacking.sum(axis=0).round(12)
    row = rows[np.lexsort((table["unit"].to_numpy()[rows], total, largest))[0]]
    passes = _passes(table, criteria)
    missed = {name: float(shortfalls[name][row]) for name in CRITERIA if not passes[name][row]}
    return {**evidence(row), "shortfalls": missed}


def _summary(result: Mapping[str, Any]) -> str:
    """Say in a sentence or two what was found."""
    criteria, units = result["criteria"], result["units"]
    tested = f"the {result['n_units']:,} units of the last layer"
    if units:
        named = ", ".join(str(unit["unit"]) for unit in units)
        text = f"{len(units)} short-range number unit{'s' * (len(units) > 1)} among {tested}: "
        text = f"{text}{named}."
        against = [str(unit["unit"]) for unit in units if unit["supports_its_number"] is False]
        if against:
            text += f" Against the number that they hold push the verb: {', '.join(against)}."
    else:
        text = f"No short-range number unit among {tested}."
    if result["excluded"]:
        named = ", ".join(str(unit["unit"]) for unit in result["excluded"])
        text += f" Left out because long-range: {named}."
    near = result["nearest"]
    if units or near is None:
        return text
    said = {
        "efferents": f"its efferent weights tell the numbers apart with AUC "
        f"{near['efferents']['auc']:.3f} where {criteria['minimum_efferent_auc']:g} is needed",
        "subject": f"its AUC at the subject is {near['at_subject']['auc']:.3f} where "
        f"{criteria['minimum_subject_auc']:g} is needed",
        "attractor": f"its AUC at the attractor is {near['at_attractor']['auc']:.3f} where at most "
        f"{criteria['maximum_attractor_auc']:g} is allowed",
    }
    missed = "; ".join(said[name] for name in CRITERIA if name in near["shortfalls"])
    return f"{text} Unit {near['unit']} comes closest: {missed}."
