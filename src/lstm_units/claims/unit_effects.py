"""What the ablation of each unit does in each condition, for the claims on single units.

From ``ablation/{mode}/accuracy.parquet``. Only the ablated accuracy has an interval there
(Wilson's), so the intervals of drops and losses take the intact accuracy as it was measured.
"""

from typing import Any

import numpy as np
import pandas as pd

from lstm_units.claims.criteria import ClaimCriteria
from lstm_units.io.result_files import ResultFiles
from lstm_units.io.verdict import Lacking, Measure
from lstm_units.statistics.significance import wilson_interval

MODEL = "checkpoint/model.json"
TAKEN_AS_MEASURED = "interval: of the ablated accuracy (Wilson), the intact one as measured"
_COLUMNS = [
    "unit",
    "layer",
    "task",
    "condition",
    "n",
    "right",
    "full_right",
    "accuracy",
    "full_accuracy",
    "relative_drop",
    "ci_low",
    "ci_high",
    "q",
]


def accuracy_file(mode: str) -> str:
    """Return the path of the accuracies of a mode."""
    return f"ablation/{mode}/accuracy.parquet"


def read_effects(files: ResultFiles, mode: str, criteria: ClaimCriteria) -> pd.DataFrame | None:
    """Read the effects of all units of a mode.

    Parameters
    ----------
    files : ResultFiles
        Of a model.

    Returns
    -------
    DataFrame or None
        ``unit, layer, task, condition, n, right, full_right, accuracy, full_accuracy, q``;
        ``full_low``, the lower bound of the intact accuracy (Wilson); ``testable``, whether it is
        above `minimum_intact`; ``relative_drop`` and ``loss`` with ``_low`` and ``_high``;
        ``large``, whether a testable condition drops by more than `relative_drop` at q <
        `maximum_q`. NaN where the intact
        accuracy is 0 (drop) or not above chance (loss). None if the mode was not run.
    """
    table = files.frame(accuracy_file(mode), _COLUMNS)
    if table is None:
        return None
    table = table.astype({"task": str, "condition": str})
    full = table["full_accuracy"].to_numpy()
    table["full_low"], _ = wilson_interval(table["full_right"], table["n"], criteria.confidence)
    table["testable"] = table["full_low"] > criteria.minimum_intact
    above = np.where(full > 0.5, full - 0.5, np.nan)
    positive = np.where(full > 0, full, np.nan)
    for name, scale in (("relative_drop", positive), ("loss", above)):
        if name not in table:
            table[name] = (full - table["accuracy"]) / scale
        table[f"{name}_low"] = (full - table["ci_high"]) / scale
        table[f"{name}_high"] = (full - table["ci_low"]) / scale
    table["large"] = (
        table["testable"]
        & (table["relative_drop"] > criteria.relative_drop)
        & (table["q"] < criteria.maximum_q)
    )
    return table


def layer_sizes(files: ResultFiles) -> list[int] | None:
    """Return the number of units of each layer; None if the model is not among the results."""
    model = files.json(MODEL)
    return None if model is None else list(model["layer_sizes"])


def not_ablated(mode: str) -> str:
    """Say that a mode was not run, and which key asks for it."""
    return Lacking(f"the ablation of single units in mode {mode} was not run", "`ablation.modes`")


def too_low(name: str, full_low: float, criteria: ClaimCriteria) -> str:
    """Say why a condition of this name takes no part."""
    return (
        f"intact accuracy of {name} too low (lower bound {full_low:.3f}, not above "
        f"{criteria.minimum_intact:g})"
    )


def rule_on_conditions(criteria: ClaimCriteria) -> str:
    """State the rule on conditions that cannot be tested."""
    return (
        "A condition takes part if the lower bound of its intact accuracy is above "
        f"{criteria.minimum_intact:g}."
    )


def not_ablated_units(files: ResultFiles, n_ablated: int) -> str | None:
    """Say how many units of the model were not ablated.

    Parameters
    ----------
    files : ResultFiles
        Of a model.

    Returns
    -------
    str or None
        None if all were.
    """
    sizes = layer_sizes(files)
    if sizes is None:
        return f"the model is not among the results ({MODEL}), so it may have more units"
    if n_ablated >= sum(sizes):
        return None
    return (
        f"only {n_ablated:,} of {sum(sizes):,} units were ablated (`ablation.layers`, "
        "`ablation.units`)"
    )


def drop_measure(
    name: str,
    row: Any,
    expected: str | None = None,
    met: bool | None = None,
    note: str | None = None,
) -> Measure:
    """Make a measure of the relative drop in a row of `read_effects`.

    Parameters
    ----------
    row : namedtuple
        A row of the table.
    expected, met, note
        As in `lstm_units.io.verdict.Measure`.
    """
    values = (row.relative_drop, row.relative_drop_low, row.relative_drop_high)
    known = np.isfinite(values).all()
    return Measure(name, *(values if known else (None, None, None)), expected, met, note)
