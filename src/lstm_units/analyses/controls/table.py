"""Table of what ablating each family of units does, against random sets."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from lstm_units.analyses.controls.random_sets import FAMILIES
from lstm_units.io.published import task_rank
from lstm_units.io.results import Result, made_from
from lstm_units.io.table_formats import PrintedTable
from lstm_units.statistics.margins import condition_rank

_HEADERS = {
    "ablated_units": "units ablated",
    "label": "task",
    "condition": "condition",
    "full": "intact",
    "observed": "ablated",
    "null_mean": "random: mean",
    "null_q01": "1 %",
    "null_q05": "5 %",
    "to_full": "ablated - intact",
    "to_null": "ablated - random",
    "p": "p",
    "p_holm": "p (Holm)",
    "p_paper": "p (paper)",
}
_NOT_TESTABLE, _NOT_ADJUSTED = "*", "-"


def controls_table(tests: Mapping[str, Result], labels: Mapping[str, str]) -> PrintedTable:
    """All families of sets under each other; a family without a set has one row that says so.

    Parameters
    ----------
    tests : mapping of str to Result
        From `lstm_units.analyses.controls.set_tests.control_tests`, by family, in the order of the
        table.
    labels : mapping of str to str
        Names of tasks in print.

    Returns
    -------
    PrintedTable
        For machines ``family, ablated_units`` (in words), ``label``, the other columns of
        `lstm_units.analyses.controls.set_tests.control_table`, ``units`` (their numbers, separated
        by spaces) and ``reason`` (why there is no set). For people percent, intervals in brackets,
        an asterisk if untestable, a hyphen for an adjusted p outside the correction.
    """
    made = {family: result.metadata for family, result in tests.items()}
    table = _all_families(tests, labels)
    metadata = made_from(
        *tests.values(),
        kind="table of random-set controls",
        stimuli_sha256={family: found.get("stimuli_sha256") for family, found in made.items()},
        config={family: found["config"] for family, found in made.items()},
        tested={family: found["tested"] for family, found in made.items()},
    )
    return PrintedTable(table, _printed(table), _HEADERS, _legend(table, made), metadata)


def _all_families(tests: Mapping[str, Result], labels: Mapping[str, str]) -> pd.DataFrame:
    parts = []
    for family, result in tests.items():
        rows = result.frame.astype({"family": str, "task": str, "condition": str})
        tested, name = result.metadata["tested"], FAMILIES[family]
        ablated = f"{len(tested)} {name}"
        if len(tested) == 1:
            ablated = ablated.removesuffix("s")
        if rows.empty:
            rows = rows.reindex(range(1)).assign(family=family, task="", condition="")
            ablated = f"no set of {name}"
        order = sorted(
            range(len(rows)),
            key=lambda row: (
                task_rank(rows["task"].iloc[row]),
                condition_rank(rows["condition"].iloc[row]),
            ),
        )
        rows = rows.iloc[order].reset_index(drop=True)
        rows.insert(1, "ablated_units", ablated)
        rows.insert(3, "label", [labels.get(task, task) for task in rows["task"]])
        # One integer type that has room for "no value", so that tables can be put together.
        for column in ("n", "n_units", "n_sets", "n_at_most", "n_below"):
            rows[column] = rows[column].astype("Int32")
        for column in ("n_near_ties", "n_near_ties_null"):
            rows[column] = rows[column].astype("Int64")
        for column in ("testable", "adjusted"):
            rows[column] = rows[column].astype("boolean")
        rows["units"] = " ".join(map(str, tested))
        rows["reason"] = result.metadata["reason"] or ""
        parts.append(rows)
    return pd.concat(parts, ignore_index=True)


def _printed(table: pd.DataFrame) -> pd.DataFrame:
    printed = pd.DataFrame(index=table.index)
    repeated = table["family"].eq(table["family"].shift())
    printed["ablated_units"] = table["ablated_units"].mask(repeated, "")
    printed["label"] = table["label"].mask(repeated & table["label"].eq(table["label"].shift()), "")
    untestable = table["testable"].eq(False).fillna(False).astype(bool)
    printed["condition"] = table["condition"].where(~untestable, table["condition"] + _NOT_TESTABLE)
    for name, column in (
        ("full", "full_accuracy"),
        ("observed", "observed"),
        ("null_mean", "null_mean"),
        ("null_q01", "null_q01"),
        ("null_q05", "null_q05"),
    ):
        printed[name] = 100 * table[column]
    interval = ["difference_to_full", "difference_to_full_ci_low", "difference_to_full_ci_high"]
    printed["to_full"] = [
        "" if pd.isna(value) else f"{_points(value)} [{_points(low)}, {_points(high)}]"
        for value, low, high in table[interval].itertuples(index=False)
    ]
    printed["to_null"] = [
        "" if pd.isna(value) else _points(value) for value in table["difference_to_null"]
    ]
    for name in ("p", "p_holm", "p_paper"):
        printed[name] = ["" if pd.isna(value) else f"{value:.3f}" for value in table[name]]
    outside = table["adjusted"].eq(False).fillna(False).astype(bool)
    printed["p_holm"] = printed["p_holm"].mask(outside, _NOT_ADJUSTED)
    return printed


def _legend(table: pd.DataFrame, made: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Say which units were ablated and what the columns are; `made` are the tests' metadata."""
    legend = []
    for family, found in made.items():
        name, config = FAMILIES[family], found["config"]
        if not found["tested"]:
            legend.append(f"No set of {name}: {found['reason']}.")
            continue
        drawn = {
            "layer": "with as many units of each layer as the ablated set",
            "all": "drawn from all layers together",
        }[config["match"]]
        text = f"{name.capitalize()}: {', '.join(map(str, found['tested']))}. "
        text += f"Compared with {config['n_sets']:,} random sets of equal size, {drawn}"
        if found["excluded"]:
            text += f"; not drawn: {', '.join(map(str, found['excluded']))} (long-range)"
        legend.append(f"{text}. Ablation mode {config['mode']}.")
    tested = [found["config"] for found in made.values() if found["tested"]]
    if not tested:
        return legend
    legend += [
        "Accuracies in percent, differences in percentage points. Random: mean, 1 % and 5 % "
        f"quantile of the random sets. Brackets: {tested[0]['confidence']:.0%} interval, bootstrap "
        "over items (paired), as if these shared no words.",
        "p: share of sets, the ablated one included, with at most as many right items as the "
        "ablated set; ties count against it. p (paper): as in Lakretz et al. 2019, where ties "
        "count as evidence.",
        "p (Holm): adjusted over the rows of these units that are testable and, where there are "
        f"attractors, incongruent (one has not the subject's number); {_NOT_ADJUSTED} in the "
        "others.",
        "A set can be below the random ones and above the intact model, or the reverse: the two "
        "differences answer different questions.",
    ]
    if table["testable"].eq(False).any():
        legend.append(
            f"{_NOT_TESTABLE} Not testable: the lower bound of the intact accuracy is not above "
            f"{100 * tested[0]['minimum_intact']:g} %."
        )
    return legend


def _points(share: float) -> str:
    """Percentage points with their sign; no minus before a zero."""
    return f"{100 * share + 0.0:+.1f}".replace("-0.0", "0.0").replace("+0.0", "0.0")
