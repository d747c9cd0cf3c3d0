"""Captions of the figures of depth, syntax units, controls and connections."""

from collections.abc import Mapping
from typing import Any

from lstm_units.io.wording import capital, count, interval, listing, number, units_named
from lstm_units.report.caption import About, Caption, kept


def depth_caption(about: About, stem: str) -> Caption:
    """Caption the regression of depth."""
    made = about.made("depth/coefficients.parquet")
    procedure = made.get("procedure", {})
    syntax = about.files.json("units/syntax.json") or {}
    criteria, outliers = syntax.get("criteria", {}), syntax.get("outliers", {})
    scores = about.files.frame("depth/scores.parquet")
    r2, n = "", None
    if scores is not None:
        whole = scores[
            scores["fold"].isna()
            & (scores["regressors"].astype(str) == "units")
            & (scores["covariate"].astype(str) == "included")
        ]
        if len(whole):
            row = whole.iloc[0]
            r2 = f" R² = {number(row['r2'], 3)}{interval(row['ci_low'], row['ci_high'], 3)}."
            n = int(row["n"])
    return Caption(
        "Tree depth read from all units",
        kept(
            [
                f"Ridge regression of the number of open nodes on the {made.get('variable')} "
                f"values of all units and the log frequency of the word"
                + (f", {n:,} words." if n else ".")
                + r2,
                f"{capital(count(procedure['folds'], 'outer fold'))} of whole sentences, "
                f"{count(procedure['inner_folds'], 'inner fold')} over "
                f"{len(procedure['alphas'])} penalties (procedure {procedure['name']}), seed "
                f"{procedure['seed']}."
                if procedure
                else None,
                f"Left: mean coefficients in SD. {_beyond(criteria, outliers)}"
                if criteria and outliers
                else None,
                "Middle: depth predicted for held-out sentences. Right: activity of the unit with "
                "the largest coefficient in size, by depth.",
            ]
        ),
        "Histogram of the coefficients of all units, predicted against true depth, and activity "
        f"of the leading unit by depth.{r2}",
        (
            "depth/coefficients.parquet",
            "depth/scores.parquet",
            "depth/predictions/units.parquet",
            "units/syntax.json",
        ),
    )


def _beyond(criteria: Mapping[str, Any], outliers: Mapping[str, Any]) -> str:
    text = (
        f"{capital(count(outliers['n_beyond'], 'unit is', 'units are'))} beyond "
        f"{criteria['threshold']:g} SD from {_origin(criteria)}, {outliers['n_stable']} of them in "
        f"at least {criteria['minimum_folds']} folds"
    )
    if outliers.get("permuted_99") is None:
        return text + "."
    return (
        f"{text}; with depth permuted within positions ({outliers['n_permutations']:,} refits) the "
        f"99th percentile is {outliers['permuted_99']:g} (p = {outliers['p']:.2g})."
    )


def _origin(criteria: Mapping[str, Any]) -> str:
    return "the mean" if criteria.get("deviations_from") == "mean" else "zero"


def _counted(syntax: Mapping[str, Any]) -> str:
    return count(len(syntax.get("units", [])), "syntax unit")


def spanning_caption(about: About, stem: str) -> Caption:
    """Caption Figure 3, the cell of the leading syntax unit."""
    syntax = about.files.json("units/syntax.json") or {}
    top, nearest = syntax.get("top"), syntax.get("nearest")
    unit = (top or nearest or {}).get("unit")
    override = about.option("shown_units", "syntax")
    if override is not None:
        which = f"unit {override}, chosen in the configuration"
    elif top:
        which = f"unit {unit}, the best-scored of {_counted(syntax)}"
    elif nearest:
        which = f"unit {unit}, which deviates most but is no syntax unit"
    else:
        which = "no unit"
    return dependency_caption(about, str(override or unit), f"Figure 3: cell of {which}")


def dependency_caption(about: About, unit: str, title: str | None = None) -> Caption:
    """Caption the cell of any unit over the structures of Figure 3."""
    name = "dependency_span.parquet"
    table = about.files.frame(name)
    facts = []
    if table is not None and unit.isdigit():
        rows = table[table["unit"] == int(unit)].astype({"task": str})
        facts = [
            f"{about.label(row.task)} {row.auc if row.sign > 0 else 1 - row.auc:.2f}"
            for row in rows.itertuples()
        ]
    made = about.made(name)
    minimum = about.option("syntax_units", "minimum_auc")
    return Caption(
        title or f"Cell of unit {unit} over four structures",
        kept(
            [
                "Mean and SD of the cell by number of the subject. Shaded: inside the dependency, "
                "from the subject to the word before the main verb; the verb's own word counts "
                f"{_verb(made.get('verb'))}.",
                f"AUC of the cell, inside against outside, with the unit's sign: {listing(facts)}."
                if facts
                else None,
                f"A unit is said to span the dependency at an AUC of at least {minimum:g} in each."
                if minimum is not None
                else None,
            ]
        ),
        f"Curves of the cell of unit {unit} over the words of "
        f"{count(max(len(facts), 1), 'structure')}. AUC inside against outside the dependency: "
        f"{listing(facts) or 'not known'}.",
        (name, "units/syntax.json"),
    )


def _verb(side: str | None) -> str:
    return {"inside": "inside", "outside": "outside"}.get(side or "", "on neither side")


def controls_caption(about: About, family: str) -> Caption:
    """Caption a control against random sets."""
    name = f"controls/tests/{family}.parquet"
    made, table = about.made(name), about.files.frame(name)
    title = f"{capital(family.replace('_', ' '))} units against random sets"
    title = title.replace("range and", "- and").replace("Short range", "Short-range")
    title = title.replace("Short and long range", "Short- and long-range")
    if table is None or not len(table):
        reason = made.get("reason") or "there was nothing to ablate"
        return Caption(
            title, (f"Not tested: {reason}.",), f"No set was ablated: {reason}.", (name,)
        )
    tested = made.get("tested") or []
    below = table[table["adjusted"] & (table["p_holm"] < 0.05)]
    where = [f"{about.label(str(row.task))} {row.condition}" for row in below.itertuples()]
    outcome = (
        "After correction (Holm) the tested set is below the random ones at p < 0.05 in "
        f"{listing(where) or 'no condition'} "
        f"({count(int(table['adjusted'].sum()), 'condition')} tested)."
    )
    match = "as many of each layer" if made.get("match") == "layer" else "from all layers together"
    return Caption(
        title,
        kept(
            [
                f"Accuracy with {units_named(tested)} ablated together (mode {made.get('mode')}), "
                f"beside {made.get('n_sets', 0):,} random sets of {count(len(tested), 'unit')}, "
                f"{match}, seed {made.get('seed', 'not known')}.",
                "p counts random sets with at most as many right items; ties count against the "
                f"tested set. {outcome}",
                f"Not testable: conditions in which the lower bound of the intact accuracy is at "
                f"most {made['minimum_intact']:g}."
                if made.get("minimum_intact") is not None
                else None,
            ]
        ),
        f"Histograms of the accuracy with random sets ablated, by task and condition, with "
        f"arrows for {units_named(tested)}. {outcome}",
        (name, f"controls/accuracy/{family}.parquet", f"controls/sets/{family}.parquet"),
    )


def mutual_caption(about: About, stem: str) -> Caption:
    """Caption Figure 4a."""
    summary = about.files.json("connectivity/summary.json") or {}
    pairs = [
        unit for unit in summary.get("units", []) if {"long-range", "nearest"} & set(unit["kinds"])
    ]
    units = [unit["unit"] for unit in pairs]
    found = any("long-range" in unit["kinds"] for unit in pairs)
    which = f"long-range {units_named(units)}" if found else units_named(units)
    return Caption(
        "Figure 4a: connections among the long-range units",
        kept(
            [
                f"Recurrent weights W between {which}, to each gate, and effective input e: W "
                "times the mean hidden value of the source in items whose subject has the number "
                f"that the source serves, {about.label(summary.get('task'))}."
                if units
                else "No pair of units to show.",
                "A star marks a unit that only comes nearest; it does not meet the criteria."
                if not found and units
                else None,
                "A unit's sign is arbitrary, so the effective input is what counts.",
            ]
        ),
        f"Matrix of weights and effective inputs between {which or 'no units'}, by gate.",
        ("connectivity/afferents.parquet", "connectivity/summary.json"),
    )


def afferents_caption(about: About, stem: str) -> Caption:
    """Caption Figure 4b."""
    summary = about.files.json("connectivity/summary.json") or {}
    made = about.made("connectivity/afferents.parquet")
    top = summary.get("top_syntax_unit")
    return Caption(
        "Figure 4b: what reaches the gates of the long-range units",
        kept(
            [
                "Effective input, weight times mean hidden value of the source from the subject to "
                f"the word before the verb ({about.label(made.get('task'))}), from every unit of "
                "the layer to each gate.",
                f"Lines: {made['threshold']:g} SD from the mean over all sources of a layer; units "
                "beyond them are numbered, as far as there is room."
                if made.get("threshold") is not None
                else None,
                f"The syntax unit is {top}." if top else "There is no syntax unit.",
                summary.get("summary"),
            ]
        ),
        "Histograms of the effective inputs from all units of a layer to each gate, outliers "
        f"beyond {made.get('threshold', 3):g} SD numbered.",
        ("connectivity/afferents.parquet", "connectivity/summary.json"),
    )
