"""Table of the efferent weights and words of the shown units."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from lstm_units.io.plain_text import visible
from lstm_units.io.results import Result, made_from, require_same
from lstm_units.io.table_formats import PrintedTable

_HEADERS = {
    "unit": "unit",
    "role": "role",
    "number": "subject number",
    "separability": "separability",
    "percentile": "percentile",
    "auc_folded": "AUC",
    "q": "q",
    "condition": "active in",
    "raised": "words raised",
    "lowered": "words lowered",
}
_DIGITS = {"separability": ".2f", "percentile": ".1f", "auc_folded": ".3f", "q": ".2g"}


def efferents_table(units: Result, words: Result, shown: Result, n_words: int = 5) -> PrintedTable:
    """Tabulate the efferent weights and words of the shown units, one row each, in their order.

    Parameters
    ----------
    units, words : Result
        From `lstm_units.analyses.efferents.weights.efferents` and `words.efferent_words`.
    shown : Result
        The units to show, ``units/shown.json``.
    n_words : int
        Words per direction.

    Returns
    -------
    PrintedTable
        ``unit, role, number, found, separability, percentile, auc_folded`` (the larger of the AUC
        and 1 - AUC, for a unit's sign is arbitrary), ``q, condition`` (in which the unit is most
        active), ``raised, lowered`` (words, separated by spaces). A unit below the last layer has
        no efferent weights to words: NaN and nothing.
    """
    require_same(units, words, shown)
    table = _table(units.frame, words.frame, shown.content["units"], n_words)
    task = words.config["task"]
    return PrintedTable(
        table,
        _printed(table),
        _HEADERS,
        _legend(units.frame, table, task),
        made_from(units, shown, kind="table of efferent weights", config={"task": task}),
    )


def _table(
    units: pd.DataFrame, words: pd.DataFrame, shown: Sequence[Mapping[str, Any]], n_words: int
) -> pd.DataFrame:
    by_unit = units.set_index("unit")
    rows = []
    for entry in shown:
        unit = entry["unit"]
        row = {name: entry[name] for name in ("unit", "role", "number", "found")}
        row["number"] = row["number"] or ""
        known = unit in by_unit.index
        for name in ("separability", "percentile", "auc_folded", "q"):
            row[name] = float("nan")
            if known:
                auc = by_unit.at[unit, "auc"]
                folded = name == "auc_folded"
                row[name] = float(max(auc, 1 - auc) if folded else by_unit.at[unit, name])
        for direction in ("raised", "lowered"):
            chosen = words[(words["unit"] == unit) & (words["direction"] == direction)]
            row["condition"] = str(chosen["condition"].iloc[0]) if len(chosen) else ""
            listed = chosen.sort_values("rank")["word"].astype(str)[:n_words]
            row[direction] = visible(" ".join(listed))
        rows.append(row)
    return pd.DataFrame(rows, columns=["unit", "role", "number", "found", *list(_HEADERS)[3:]])


def _printed(table: pd.DataFrame) -> pd.DataFrame:
    """Give each column its own number of digits; a unit that was not found gets an asterisk."""
    printed = table.drop(columns="found").astype(object)
    for name, digits in _DIGITS.items():
        printed[name] = [
            "" if value != value else format(value, digits) for value in table[name].tolist()
        ]
    nearest = table["role"] == "nearest"
    printed.loc[nearest, "role"] = "nearest*"
    return printed


def _legend(units: pd.DataFrame, table: pd.DataFrame, task: str) -> list[str]:
    n_pairs = int(units["n_pairs"].iloc[0])
    test = "exact" if n_pairs <= 50 else "normal approximation"
    legend = [
        f"Weights from each unit to the singular and plural forms of {n_pairs} verbs. "
        "Separability: size of the difference of the two means over the sum of the two sample "
        f"SDs; percentile: share of the {len(units):,} units of the last layer with a smaller or "
        "equal separability. AUC: how often a singular form's weight exceeds a plural form's, or "
        "the reverse if that is more often (a unit's sign is arbitrary).",
        f"q: two-sided Wilcoxon signed-rank test on the pairs ({test}), adjusted for the false "
        "discovery rate over the layer.",
        "Words raised and lowered: largest and smallest products of decoder weight (centred over "
        "the vocabulary) and the unit's mean hidden state at the word before the verb, in the "
        f"condition of {task} in which that mean is largest in size (active in).",
    ]
    if (table["role"] == "nearest").any():
        legend.append(
            "* No long-range unit serves this subject number alone. This unit comes nearest (its "
            "ablation costs most accuracy across an attractor); it is not a long-range unit."
        )
    if not table["found"].any():
        legend.append("None of these units is a long-range unit of this model.")
    if table["separability"].isna().any():
        legend.append("Units below the last layer have no weights to words.")
    return legend
