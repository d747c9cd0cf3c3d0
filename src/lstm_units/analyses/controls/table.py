"""The step that prints the tests of ablated sets of units against random sets."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from lstm_units.analyses.controls.random_sets import FAMILIES
from lstm_units.analyses.controls.write_sets import shared_checkpoint
from lstm_units.io.files import make_metadata, read_metadata
from lstm_units.io.published import task_rank
from lstm_units.io.table_formats import write_table
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


def write_controls_table(
    tests: Mapping[str, str | Path], labels: Mapping[str, str], outputs: Sequence[str | Path]
) -> None:
    """Write ``tables/controls``: what ablating each family of units does, against random sets.

    Parameters
    ----------
    tests : mapping of str to path
        ``controls/tests/{family}.parquet`` by family, in the order of the table.
    labels : mapping of str to str
        Names of tasks in print.
    outputs : sequence of path
        One file per format; the suffix names it.
    """
    made = {family: read_metadata(path) for family, path in tests.items()}
    table = controls_table(
        {family: pd.read_parquet(path) for family, path in tests.items()}, made, labels
    )
    metadata = make_metadata(
        kind="table of random-set controls",
        checkpoint_sha256=shared_checkpoint([Path(path) for path in tests.values()]),
        stimuli_sha256={family: found.get("stimuli_sha256") for family, found in made.items()},
        config={family: found["config"] for family, found in made.items()},
        tested={family: found["tested"] for family, found in made.items()},
    )
    legend = controls_legend(table, made)
    for path in outputs:
        csv = str(path).endswith(".csv")
        write_table(
            table if csv else print_controls(table),
            path,
            headers=None if csv else _HEADERS,
            legend=legend,
            metadata=metadata,
        )


def controls_table(
    tests: Mapping[str, pd.DataFrame],
    made: Mapping[str, Mapping[str, Any]],
    labels: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """All families of sets under each other; a family without a set has one row that says so.

    Parameters
    ----------
    tests : mapping of str to DataFrame
        From `lstm_units.analyses.controls.set_tests.control_table`, by family.
    made : mapping of str to mapping
        Metadata of each: ``tested`` units and ``reason``.
    labels : mapping of str to str, optional
        Names of tasks in print.

    Returns
    -------
    DataFrame
        ``family, ablated_units`` (in words), ``label``, the other columns of `control_table`,
        ``units`` (their numbers, separated by spaces) and ``reason`` (why there is no set).
    """
    parts = []
    for family, rows in tests.items():
        rows = rows.astype({"family": str, "task": str, "condition": str})
        tested = made[family]["tested"]
        name = FAMILIES.get(family, family)
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
        rows.insert(3, "label", [(labels or {}).get(task, task) for task in rows["task"]])
        # One integer type that has room for "no value", so that tables can be put together.
        for column in ("n", "n_units", "n_sets", "n_at_most", "n_below"):
            rows[column] = rows[column].astype("Int32")
        for column in ("n_near_ties", "n_near_ties_null"):
            rows[column] = rows[column].astype("Int64")
        for column in ("testable", "adjusted"):
            rows[column] = rows[column].astype("boolean")
        rows["units"] = " ".join(map(str, tested))
        rows["reason"] = made[family]["reason"] or ""
        parts.append(rows)
    return pd.concat(parts, ignore_index=True)


def print_controls(table: pd.DataFrame) -> pd.DataFrame:
    """Word `controls_table` for people: percent, intervals in brackets, an asterisk if untestable.

    A row outside the correction has a hyphen for its adjusted p.

    Parameters
    ----------
    table : DataFrame
        From `controls_table`.

    Returns
    -------
    DataFrame
        The columns ``ablated_units, label, condition, full, observed, null_mean, null_q01,
        null_q05, to_full, to_null, p, p_holm, p_paper``.
    """
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


def controls_legend(table: pd.DataFrame, made: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Say below the table which units were ablated and what the columns are.

    Parameters
    ----------
    table : DataFrame
        From `controls_table`.
    made : mapping of str to mapping
        As there, with the ``config`` of each.

    Returns
    -------
    list of str
    """
    legend = []
    for family, found in made.items():
        name, config = FAMILIES.get(family, family), found["config"]
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
