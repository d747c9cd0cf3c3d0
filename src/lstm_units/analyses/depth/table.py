"""How well depth is read from units and from the baselines, in print."""

import re

import pandas as pd

from lstm_units.analyses.depth.scores import overall_r2
from lstm_units.errors import UserError
from lstm_units.io.results import Result, made_from
from lstm_units.io.table_formats import PrintedTable

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


def depth_table(scores: Result, comparisons: Result) -> PrintedTable:
    """R2 of the units and of every baseline, one row per regressors and covariate.

    Parameters
    ----------
    scores, comparisons : Result
        From `lstm_units.analyses.depth.scores.depth_scores`.

    Returns
    -------
    PrintedTable
        Its table: ``regressors`` (in words), ``covariate, n, r2, ci_low, ci_high, fold_lowest,
        fold_highest`` (R2 of single folds), ``difference, difference_low, difference_high`` (R2 of
        all units minus this one; NaN where nothing was compared).

    Raises
    ------
    UserError
        If the two come from different models, or `scores` holds none over all folds.
    """
    metadata = made_from(scores, comparisons, kind="table of depth")
    table = _rows(scores, comparisons.frame.set_index("baseline"))
    legend = _legend(scores.config["confidence"])
    return PrintedTable(table, _printed(table), _HEADERS, legend, metadata)


def _rows(scores: Result, compared: pd.DataFrame) -> pd.DataFrame:
    every = scores.frame
    whole = every[every["fold"].isna()]
    if whole.empty:
        raise UserError(
            f"{scores.source} holds no R2 over all folds; delete it and run the workflow again"
        )
    rows = []
    for row in whole.to_dict("records"):
        name, covariate = str(row["regressors"]), str(row["covariate"])
        same = (every["regressors"] == name) & (every["covariate"] == covariate)
        folds = every.loc[same & every["fold"].notna(), "r2"]
        first = overall_r2(every, name)["covariate"]
        baseline = name if covariate == first else f"{name} (covariate {covariate})"
        found = compared.loc[baseline].to_dict() if baseline in compared.index else {}
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
