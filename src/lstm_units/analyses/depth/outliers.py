"""Units whose regression coefficient for depth stands out from those of all units.

Lakretz et al. 2019, Section 4.3: syntax units are looked for among the units whose coefficient,
averaged over the folds of the cross-validation, lies beyond three standard deviations.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from lstm_units.errors import ConfigurationError, UserError
from lstm_units.io.results import Result, made_from

DEVIATIONS_FROM = ("zero", "mean")
# What says which coefficient is an outlier; `permuted_outliers` records it for all that follows.
CRITERIA = ("threshold", "minimum_folds", "deviations_from")


@dataclass(frozen=True)
class Outliers:
    """How far each unit's coefficient lies from the others.

    Parameters
    ----------
    mean : ndarray of shape (units,)
        Coefficient, averaged over the folds.
    deviation : ndarray of shape (units,)
        The same in standard deviations, see `outliers`.
    fold_deviation : ndarray of shape (folds, units)
        The same within each fold.
    beyond : ndarray of bool, shape (units,)
        Whether `deviation` is beyond the threshold.
    folds_beyond : ndarray of int, shape (units,)
        Number of folds in which `fold_deviation` is beyond it with the sign of `deviation`.
    """

    mean: np.ndarray
    deviation: np.ndarray
    fold_deviation: np.ndarray
    beyond: np.ndarray
    folds_beyond: np.ndarray

    def stable(self, minimum_folds: int) -> np.ndarray:
        """Return whether each unit is beyond the threshold, in `minimum_folds` folds too."""
        return self.beyond & (self.folds_beyond >= minimum_folds)


def outliers(
    coefficients: np.ndarray, threshold: float = 3.0, deviations_from: str = "zero"
) -> Outliers:
    """Find the units whose coefficient is beyond a number of standard deviations.

    Parameters
    ----------
    coefficients : ndarray of shape (folds, units)
        Of standardised activities; no covariate among them.
    threshold : float
        In standard deviations; a unit that reaches it exactly is not beyond it.
    deviations_from : {"zero", "mean"}
        ``zero``: a coefficient divided by the root of the mean square of all. A unit's sign is
        arbitrary (negated with all its weights the network is the same), and this does not depend
        on it. ``mean``: the distance from the mean of all coefficients divided by their standard
        deviation, as in Lakretz et al. 2019, Section 4.3; there negating one unit moves every
        other.

    Returns
    -------
    Outliers
        Where all coefficients are equal (with ``zero``: 0), no unit deviates.

    Raises
    ------
    ConfigurationError
        If `threshold` is not positive, or `deviations_from` is unknown.
    ValueError
        If `coefficients` is not a matrix of finite numbers.
    """
    if not threshold > 0:
        raise ConfigurationError(
            f"threshold is {threshold}; write a number of standard deviations above 0"
        )
    coefficients = np.asarray(coefficients, dtype=float)
    if coefficients.ndim != 2 or not coefficients.size or not np.isfinite(coefficients).all():
        raise ValueError("coefficients must be a matrix of finite numbers, (folds, units)")
    mean = coefficients.mean(axis=0)
    deviation = deviations(mean, deviations_from)
    fold_deviation = np.stack([deviations(fold, deviations_from) for fold in coefficients])
    same_sign = np.sign(fold_deviation) == np.sign(deviation)
    return Outliers(
        mean=mean,
        deviation=deviation,
        fold_deviation=fold_deviation,
        beyond=np.abs(deviation) > threshold,
        folds_beyond=((np.abs(fold_deviation) > threshold) & same_sign).sum(axis=0),
    )


def deviations(values: np.ndarray, deviations_from: str) -> np.ndarray:
    """Return values in standard deviations from 0 or from their mean.

    Parameters
    ----------
    values : ndarray of shape (units,)
    deviations_from : {"zero", "mean"}

    Returns
    -------
    ndarray of shape (units,)

    Raises
    ------
    ConfigurationError
        If `deviations_from` is unknown.
    """
    if deviations_from not in DEVIATIONS_FROM:
        raise ConfigurationError(
            f"deviations_from is {deviations_from!r}; expected {' or '.join(DEVIATIONS_FROM)}"
        )
    centred = values - values.mean() if deviations_from == "mean" else values
    # Values that differ by rounding only do not deviate.
    if np.abs(centred).max() <= 1e-12 * np.abs(values).max():
        return np.zeros(len(values))
    return centred / np.sqrt(np.mean(centred**2))


def unit_outliers(
    coefficients: pd.DataFrame, threshold: float, deviations_from: str
) -> tuple[np.ndarray, np.ndarray, Outliers]:
    """Arrange the coefficients of all folds, and find the outliers among the units.

    Parameters
    ----------
    coefficients : DataFrame
        ``unit, layer, fold, coefficient``: every unit once in every fold.
    threshold, deviations_from
        For `outliers`.

    Returns
    -------
    unit, layer : ndarray of int, shape (units,)
        1-based; units ascending.
    found : Outliers
        In the order of `unit`.

    Raises
    ------
    UserError
        If a unit lacks a fold or has one twice.
    """
    layer = coefficients.drop_duplicates("unit").set_index("unit")["layer"].sort_index()
    n_folds = coefficients["fold"].nunique()
    repeated = coefficients.duplicated(["unit", "fold"]).any()
    if coefficients.empty or repeated or len(coefficients) != len(layer) * n_folds:
        raise UserError(
            f"the coefficients of depth have {len(coefficients)} rows for {len(layer)} units and "
            f"{n_folds} folds, not one per unit and fold; delete them and run the workflow again"
        )
    matrix = coefficients.pivot(index="fold", columns="unit", values="coefficient")
    unit = matrix.columns.to_numpy()
    found = outliers(matrix.to_numpy(), threshold, deviations_from)
    return unit, layer.loc[unit].to_numpy(), found


def permuted_outliers(
    permuted: Result, *, threshold: float, minimum_folds: int, deviations_from: str
) -> Result:
    """Count the outliers of each regression of permuted depth.

    Parameters
    ----------
    permuted : Result
        From `lstm_units.analyses.depth.regression.regress_units`: ``permutation, r2,
        coefficients``.
    threshold, deviations_from
        For `outliers`.
    minimum_folds : int
        Folds in which a unit must be beyond the threshold to count as stable; 0 asks for the mean
        only.

    Returns
    -------
    Result
        ``permutation, n_outliers, n_stable, r2``.

    Raises
    ------
    ConfigurationError
        If a criterion is out of range.
    """
    folds = permuted.config["procedure"]["folds"]
    if not 0 <= minimum_folds <= folds:
        raise ConfigurationError(
            f"minimum_folds is {minimum_folds}; write 0 to {folds}, the folds of the regression"
        )
    table = permuted.content
    column = table["coefficients"]
    shape = (len(table), folds, column.type.list_size // folds)
    counts = []
    for values in column.combine_chunks().flatten().to_numpy().reshape(shape).astype(float):
        found = outliers(values, threshold, deviations_from)
        counts.append((found.beyond.sum(), found.stable(minimum_folds).sum()))
    beyond, stable = np.array(counts, dtype=np.int32).reshape(-1, 2).T
    counted = pa.table(
        {
            "permutation": table["permutation"],
            "n_outliers": pa.array(beyond),
            "n_stable": pa.array(stable),
            "r2": table["r2"],
        }
    )
    criteria = (threshold, minimum_folds, deviations_from)
    config = {**permuted.config, **dict(zip(CRITERIA, criteria, strict=True))}
    metadata = made_from(permuted, kind="outliers of permuted depth", config=config)
    return Result(counted, metadata, "the outliers of permuted depth")
