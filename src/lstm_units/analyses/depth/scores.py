"""How well depth is predicted from held-out sentences, with intervals and comparisons.

R2 is 1 - (sum of squared errors) / (sum of squares around the mean depth), over the rows of one
fold or over all rows, each predicted by the model that had not seen its sentence. Intervals come
from resampling sentences with replacement; a resampled R2 needs only sums over each sentence, so
all resamples are one matrix product. They hold the predictions fixed: they say how far R2 depends
on the sentences it is measured on, not on those it was fitted to.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pyarrow as pa

from lstm_units.errors import ConfigurationError, UserError
from lstm_units.io.results import Result, made_from, require_same
from lstm_units.statistics.resampling import percentile_interval

UNITS = "units"
# Column of a table of predictions that holds each treatment of the covariate.
COVARIATE = {
    "included": "predicted",
    "removed": "predicted_covariate_removed",
    "absent": "predicted_covariate_absent",
}
WHOLE = ("included", "absent")  # the first of these that there is says how good regressors are


def depth_scores(
    predictions: Sequence[Result], *, confidence: float, bootstrap_samples: int, seed: int
) -> tuple[Result, Result]:
    """Score the predictions of depth from all units, and compare them with those of baselines.

    Parameters
    ----------
    predictions : sequence of Result
        From `lstm_units.analyses.depth.regression`, on the same words and folds; those from all
        units among them.
    confidence : float
        Level of the intervals.

    Returns
    -------
    scores, comparisons : Result
        The tables of `score_predictions`.

    Raises
    ------
    ConfigurationError
        If `confidence` or `bootstrap_samples` is out of range.
    UserError
        If there are no predictions from all units; others are of another model, corpus, procedure,
        word or fold; or a prediction is no finite number.
    """
    by_name = {result.metadata["regressors"]: result for result in predictions}
    if UNITS not in by_name:
        raise UserError(f"there are no predictions from {UNITS} to compare the others with")
    units = by_name[UNITS]
    for other in predictions:
        # An untrained network belongs to the model that it has the shape of.
        model = other.metadata.get("untrained_like", other.metadata.get("checkpoint_sha256"))
        alike = replace(other, metadata={**other.metadata, "checkpoint_sha256": model})
        require_same(
            units,
            alike,
            stimuli_sha256="version of the depth corpus",
            procedure="procedure of regression",
        )
    tables = {name: result.frame for name, result in by_name.items()}
    config = {"confidence": confidence, "bootstrap_samples": bootstrap_samples}
    scores, comparisons = score_predictions(tables, **config, seed=seed)
    config["procedure"] = units.config["procedure"]

    def result(table: pd.DataFrame, kind: str) -> Result:
        metadata = made_from(units, kind=kind, config=config, seed=seed)
        return Result(pa.Table.from_pandas(table, preserve_index=False), metadata, kind)

    return result(scores, "scores of depth"), result(comparisons, "comparisons of depth")


def overall_r2(scores: pd.DataFrame, regressors: str = UNITS) -> pd.Series | None:
    """Return how well depth is predicted from some regressors: over all folds, as a whole.

    With the covariate where there is one. Regressors without one have a single fit.

    Parameters
    ----------
    scores : DataFrame
        From `score_predictions`.

    Returns
    -------
    Series or None
        ``covariate, n, r2, ci_low, ci_high``; None where `scores` has no such regressors.
    """
    rows = scores[(scores["regressors"] == regressors) & scores["fold"].isna()]
    for covariate in WHOLE:
        chosen = rows[rows["covariate"] == covariate]
        if len(chosen):
            return chosen.iloc[0]
    return None


@dataclass(frozen=True)
class Prediction:
    """One prediction of every row.

    Parameters
    ----------
    covariate : {"included", "removed", "absent"}
    predicted : ndarray of shape (rows,)
    """

    regressors: str
    covariate: str
    predicted: np.ndarray


def collect_predictions(tables: Mapping[str, pd.DataFrame]) -> list[Prediction]:
    """Check that tables of predictions are of the same rows, and lay them side by side.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        By regressors: ``sentence, position, open_nodes, fold, predicted,
        predicted_covariate_removed, predicted_covariate_absent``; a column of nulls is left out.
        Regressors without a covariate (no removed prediction) count as ``absent``.

    Returns
    -------
    list of Prediction
        In the order of `tables`.

    Raises
    ------
    UserError
        If the rows differ, or a prediction is no finite number.
    """
    first_name, first = next(iter(tables.items()))
    keys = ["sentence", "position", "open_nodes", "fold"]
    found = []
    for name, table in tables.items():
        if len(table) != len(first) or not (table[keys].to_numpy() == first[keys].to_numpy()).all():
            raise UserError(
                f"the predictions from {name} are of other words or folds than those from "
                f"{first_name}. Delete those that are out of date and run the workflow again"
            )
        covaried = table[COVARIATE["removed"]].notna().any()
        for covariate, column in COVARIATE.items():
            values = table[column].to_numpy(dtype=float)
            if np.isnan(values).all():
                continue
            if not np.isfinite(values).all():
                raise UserError(
                    f"the predictions from {name} hold values that are no finite numbers; delete "
                    "them and run the workflow again"
                )
            kept = covariate if covaried else "absent"
            found.append(Prediction(name, kept, values))
    return found


@dataclass(frozen=True)
class ScoredPredictions:
    """R2 of several predictions of the same rows, and its resamples.

    Parameters
    ----------
    r2 : ndarray of shape (predictions,)
        Over all rows.
    draws : ndarray of shape (samples, predictions)
        Paired: sample s has the same sentences for every prediction.
    """

    r2: np.ndarray
    draws: np.ndarray


def bootstrap_r2(
    observed: np.ndarray,
    predicted: np.ndarray,
    sentence: np.ndarray,
    samples: int,
    rng: np.random.Generator,
) -> ScoredPredictions:
    """Score predictions, on all rows and on resampled sentences.

    Parameters
    ----------
    observed : ndarray of shape (rows,)
    predicted : ndarray of shape (rows, predictions)
    sentence : ndarray of int, shape (rows,)
    """
    names, place = np.unique(sentence, return_inverse=True)
    centred = observed - observed.mean()  # so that the squares below lose no digits
    squared_error = (observed[:, None] - predicted) ** 2
    columns = np.column_stack([np.ones(len(observed)), centred, centred**2, squared_error])
    sums = np.zeros((len(names), columns.shape[1]))
    np.add.at(sums, place, columns)
    share = np.full(len(names), 1 / len(names))
    multiplicity = rng.multinomial(len(names), share, size=samples).astype(float)
    return ScoredPredictions(_r2(sums.sum(axis=0)[None])[0], _r2(multiplicity @ sums))


def _r2(sums: np.ndarray) -> np.ndarray:
    """R2 from sums of ones, depth, its square, and squared errors, of shape (samples, 3 + k)."""
    n, total, squares = sums[:, 0], sums[:, 1], sums[:, 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        return 1 - sums[:, 3:] / (squares - total**2 / n)[:, None]


def score_predictions(
    tables: Mapping[str, pd.DataFrame], *, confidence: float, bootstrap_samples: int, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Score all predictions, and compare the units with every baseline.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        For `collect_predictions`; ``units`` among them.
    confidence : float
        Level of the intervals.

    Returns
    -------
    scores : DataFrame
        ``regressors, covariate, fold, n, r2, ci_low, ci_high``; fold is null for all folds
        together, and only there is an interval.
    comparisons : DataFrame
        ``regressors, baseline, difference, ci_low, ci_high``: R2 of the units minus R2 of each
        baseline, as `overall_r2` has them, then minus R2 of the units with the covariate removed
        and absent, over the same resampled sentences.

    Raises
    ------
    ConfigurationError
        If `confidence` or `bootstrap_samples` is out of range.
    UserError
        If the predictions are of other rows, or one is no finite number.
    """
    if not 0 < confidence < 1 or bootstrap_samples < 1:
        raise ConfigurationError(
            f"confidence is {confidence} and bootstrap_samples {bootstrap_samples}; write a level "
            "between 0 and 1, and at least 1 sample"
        )
    predictions = collect_predictions(tables)
    rows = tables[UNITS]
    scored = bootstrap_r2(
        rows["open_nodes"].to_numpy(dtype=float),
        np.column_stack([prediction.predicted for prediction in predictions]),
        rows["sentence"].to_numpy(),
        bootstrap_samples,
        np.random.default_rng([seed, 0]),
    )
    scores = _scores(predictions, scored, rows, confidence)
    return scores, _comparisons(predictions, scored, confidence)


def _scores(
    predictions: list[Prediction],
    scored: ScoredPredictions,
    rows: pd.DataFrame,
    confidence: float,
) -> pd.DataFrame:
    observed, fold = rows["open_nodes"].to_numpy(dtype=float), rows["fold"].to_numpy()
    table = []
    for place, prediction in enumerate(predictions):
        named = {"regressors": prediction.regressors, "covariate": prediction.covariate}
        low, high = percentile_interval(scored.draws[:, place], confidence)
        whole = {"fold": pd.NA, "n": len(rows), "r2": scored.r2[place]}
        table.append({**named, **whole, "ci_low": low, "ci_high": high})
        for number in np.unique(fold):
            here = fold == number
            error = ((observed - prediction.predicted)[here] ** 2).sum()
            spread = ((observed[here] - observed[here].mean()) ** 2).sum()
            r2 = 1 - error / spread if spread > 0 else np.nan
            table.append({**named, "fold": int(number), "n": int(here.sum()), "r2": r2})
    columns = ["regressors", "covariate", "fold", "n", "r2", "ci_low", "ci_high"]
    return pd.DataFrame(table, columns=columns).astype({"fold": "Int16", "n": "int32"})


def _comparisons(
    predictions: list[Prediction], scored: ScoredPredictions, confidence: float
) -> pd.DataFrame:
    place = {(p.regressors, p.covariate): number for number, p in enumerate(predictions)}
    names = dict.fromkeys(prediction.regressors for prediction in predictions)
    whole = {name: next(place[name, c] for c in WHOLE if (name, c) in place) for name in names}
    units = whole.pop(UNITS)
    baselines = dict(whole)
    for covariate in ("removed", "absent"):
        if place.get((UNITS, covariate), units) != units:
            baselines[f"{UNITS} (covariate {covariate})"] = place[UNITS, covariate]
    table = []
    for baseline, other in baselines.items():
        draws = scored.draws[:, units] - scored.draws[:, other]
        low, high = percentile_interval(draws, confidence)
        difference = scored.r2[units] - scored.r2[other]
        table.append((UNITS, baseline, difference, low, high))
    columns = ["regressors", "baseline", "difference", "ci_low", "ci_high"]
    return pd.DataFrame(table, columns=columns)
