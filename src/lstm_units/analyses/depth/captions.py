"""Caption of the regression of depth."""

from collections.abc import Mapping
from typing import Any

from lstm_units.analyses.depth.scores import overall_r2
from lstm_units.io.captions import About, Caption, kept
from lstm_units.io.wording import capital, count, interval, number


def depth(about: About, stem: str) -> Caption:
    """Caption the regression of depth."""
    made = about.made("depth/coefficients.parquet")
    procedure = made.get("procedure", {})
    syntax = about.files.json("units/syntax.json") or {}
    criteria, outliers = syntax.get("criteria", {}), syntax.get("outliers", {})
    scores = about.files.frame("depth/scores.parquet")
    row = None if scores is None else overall_r2(scores)
    r2, n = "", None
    if row is not None:
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
