"""The step that prints how well depth is read from units and from the baselines."""

import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from lstm_units.errors import UserError
from lstm_units.io.files import lineage, read_metadata
from lstm_units.io.table_formats import write_table

_NAMES = {
    "units": "all units",
    "position_frequency": "position and frequency",
    "words": "current and previous word",
    "embeddings": "embedding of the word",
}
_COVARIATES = {"included": "included", "removed": "coefficient set to 0", "absent": "absent"}
_ORDER = ("units", "layer", "untrained", "position_frequency", "words", "embeddings")
_HEADERS = {
    "regressors": "regressors",
    "covariate": "word frequency",
    "n": "words",
    "r2": "R²",
    "interval": "interval",
    "folds": "folds",
    "difference": "all units − this",
    "difference_interval": "interval of the difference",
}
_COLUMNS = (
    *("regressors", "covariate", "n", "r2", "ci_low", "ci_high", "fold_lowest", "fold_highest"),
    *("difference", "difference_low", "difference_high"),
)


def write_depth_table(
    scores: str | Path, comparisons: str | Path, outputs: Sequence[str | Path]
) -> None:
    """Write ``tables/depth``: R2 of the units and of every baseline.

    Parameters
    ----------
    scores, comparisons : path
        ``depth/scores.parquet`` and ``depth/comparisons.parquet``.
    outputs : sequence of path
        One file per format; the suffix names it.

    Raises
    ------
    UserError
        If the two files come from different models, or `scores` is empty.
    """
    table = depth_table(pd.read_parquet(scores), pd.read_parquet(comparisons))
    metadata = lineage([scores, comparisons], kind="table of depth")
    for path in outputs:
        csv = str(path).endswith(".csv")
        write_table(
            table if csv else _printed(table),
            path,
            headers=None if csv else _HEADERS,
            legend=_legend(read_metadata(scores)["config"]["confidence"]),
            metadata=metadata,
        )


def depth_table(scores: pd.DataFrame, comparisons: pd.DataFrame) -> pd.DataFrame:
    """R2 of the units and of every baseline, one row per regressors and covariate.

    Parameters
    ----------
    scores : DataFrame
        ``regressors, covariate, fold`` (missing for all folds together), ``n, r2, ci_low,
        ci_high``.
    comparisons : DataFrame
        ``baseline, difference, ci_low, ci_high``: R2 of all units minus that of the baseline.

    Returns
    -------
    DataFrame
        ``regressors`` (in words), ``covariate, n, r2, ci_low, ci_high, fold_lowest, fold_highest``
        (R2 of single folds), ``difference, difference_low, difference_high`` (NaN where nothing was
        compared).

    Raises
    ------
    UserError
        If there are no scores over all folds.
    """
    whole = scores[scores["fold"].isna()]
    if whole.empty:
        raise UserError(
            "depth/scores.parquet holds no R2 over all folds; delete it and run the workflow again"
        )
    compared = comparisons.set_index("baseline")
    rows = []
    for row in whole.to_dict("records"):
        name, covariate = str(row["regressors"]), str(row["covariate"])
        folds = scores.loc[
            (scores["regressors"] == name)
            & (scores["covariate"] == covariate)
            & scores["fold"].notna(),
            "r2",
        ]
        baseline = name
        if covariate != "included" and f"{name} (covariate {covariate})" in compared.index:
            baseline = f"{name} (covariate {covariate})"
        found = {}
        first = whole.loc[whole["regressors"] == name, "covariate"].iloc[0]
        if baseline in compared.index and (baseline != name or covariate == first):
            found = compared.loc[baseline].to_dict()
        rows.append(
            {
                "key": _rank(name, covariate),
                "regressors": readable(name),
                "covariate": covariate,
                **{column: row[column] for column in ("n", "r2", "ci_low", "ci_high")},
                "fold_lowest": folds.min(),
                "fold_highest": folds.max(),
                "difference": found.get("difference", float("nan")),
                "difference_low": found.get("ci_low", float("nan")),
                "difference_high": found.get("ci_high", float("nan")),
            }
        )
    rows.sort(key=lambda row: row["key"])
    return pd.DataFrame(rows, columns=list(_COLUMNS))


def readable(name: str) -> str:
    """Return regressors in words, such as ``untrained network 1`` for ``untrained_1``."""
    match = re.fullmatch(r"(layer|untrained)_(\d+)", name)
    if match:
        return {"layer": "layer {}", "untrained": "untrained network {}"}[match[1]].format(match[2])
    return _NAMES.get(name, name.replace("_", " "))


def _rank(name: str, covariate: str) -> tuple:
    kind = re.sub(r"_\d+$", "", name)
    number = int(re.search(r"\d+$", name)[0]) if kind != name else 0
    place = _ORDER.index(kind) if kind in _ORDER else len(_ORDER)
    return place, kind, number, list(_COVARIATES).index(covariate)


def _printed(table: pd.DataFrame) -> pd.DataFrame:
    def number(value: float) -> str:
        return "" if pd.isna(value) else f"{round(value, 3) + 0.0:.3f}"  # no minus before 0

    def between(low: float, high: float) -> str:
        return "" if pd.isna(low) else f"{number(low)} to {number(high)}"

    def pairs(low: str, high: str) -> list[str]:
        return [between(*pair) for pair in zip(table[low], table[high], strict=True)]

    return pd.DataFrame(
        {
            "regressors": table["regressors"],
            "covariate": table["covariate"].map(_COVARIATES),
            "n": table["n"],
            "r2": table["r2"].map(number),
            "interval": pairs("ci_low", "ci_high"),
            "folds": pairs("fold_lowest", "fold_highest"),
            "difference": table["difference"].map(number),
            "difference_interval": pairs("difference_low", "difference_high"),
        }
    )


def _legend(confidence: float) -> list[str]:
    return [
        "R² of tree depth predicted for words of sentences that were held out, all folds together; "
        "folds: the lowest and the highest of single folds. Intervals: "
        f"{100 * confidence:g} %, from a bootstrap over sentences.",
        "Word frequency: the log frequency of the word as a covariate. Set to 0: fitted with it, "
        "predicted as if every word had average frequency. Absent: fitted without it.",
        "All units − this: R² of all units with the covariate minus R² of this row, over the same "
        "resampled sentences.",
    ]
