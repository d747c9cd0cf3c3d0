"""Standardised columns, and which columns count as constant in a training fold.

Every fit that standardises its regressors or features does so here.
"""

import logging
from collections.abc import Collection, Sequence

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.preprocessing import StandardScaler

from lstm_units.io.wording import units_named

log = logging.getLogger(__name__)

# Activations are float32, each a sum of some thousand products: errors of the last place add up to
# the square root of their number, and a few such steps follow one another.
_ROUNDING = 100 * float(np.finfo(np.float32).eps)


def near_constant(spread: np.ndarray, largest: np.ndarray) -> np.ndarray:
    """Return whether columns vary no more than float32 activations are rounded, about 1e-5.

    The measure is a column's own largest size *anywhere*. In a fold alone it would miss a unit that
    is silent in all but one sentence, since values near 0 vary much in proportion to themselves;
    but what reads the unit adds it to sums of numbers of its usual size, where they are lost. The
    other measure considered, the share of the variance that a few rows carry, misses it too, since
    what is left of a silent unit varies in all rows, and it finds units that answer to rare words,
    which do vary. The root of the float32 epsilon (3e-4), a common tolerance, is too coarse: at
    some words hidden values of trained networks vary by 7e-5 of their size.

    Parameters
    ----------
    spread : ndarray
        Standard deviation in the training rows.
    largest : ndarray of the same shape, or one that fits
        Largest absolute value in all rows that there are, those held out included.

    Returns
    -------
    ndarray of bool
    """
    return spread <= _ROUNDING * largest


class Standardiser(TransformerMixin, BaseEstimator):
    """`sklearn.preprocessing.StandardScaler` in which near-constant columns say nothing.

    A column that is `near_constant` in the rows of the fit becomes 0 in all rows; divided by its
    spread, rounding errors would count as much as what other columns say, and the first row in
    which the column does vary would be millions of standard deviations away.

    Parameters
    ----------
    scale : bool, default True
        False: columns are centred only.
    largest : ndarray of shape (columns,), optional
        For `near_constant`; by default of the rows of the fit.
    extrapolate : bool, default True
        False: a value farther from the mean than all rows of the fit together, that is, whose
        squared distance exceeds the sum of theirs, counts as average. No row of the fit can lie so
        far off (Samuelson 1968), and the leverage of such a row in a regression on the column is
        above 1: the error of the slope alone moves its prediction by more than one observation's
        noise.

    Attributes
    ----------
    constant_ : ndarray of bool, shape (columns,)
        The columns that became 0.
    """

    def __init__(
        self, scale: bool = True, largest: np.ndarray | None = None, extrapolate: bool = True
    ) -> None:
        self.scale = scale
        self.largest = largest
        self.extrapolate = extrapolate

    def fit(
        self, X: np.ndarray, y: np.ndarray | None = None, sample_weight: np.ndarray | None = None
    ) -> "Standardiser":
        """Fit to rows, of shape (rows, columns), each counted `sample_weight` times."""
        scaler = StandardScaler().fit(X, sample_weight=sample_weight)
        largest = np.abs(X).max(axis=0) if self.largest is None else self.largest
        self.constant_ = near_constant(np.sqrt(scaler.var_), largest)
        rows = len(X) if sample_weight is None else np.sum(sample_weight)
        self.farthest_ = np.sqrt(rows * scaler.var_)
        self.scaler_ = scaler.set_params(with_std=self.scale)
        return self

    def beyond(self, X: np.ndarray) -> np.ndarray:
        """Return which values are farther off than all rows of the fit together, shape of `X`."""
        return np.abs(X - self.scaler_.mean_) > self.farthest_

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return standardised rows, of the shape of `X`."""
        values = self.scaler_.transform(X)
        if not self.extrapolate:
            values[self.beyond(X)] = 0
        values[:, self.constant_] = 0
        return values


def name_constant_units(units: Collection[int], layer_sizes: Sequence[int], rows: str) -> None:
    """Say in the log which units were left out of some fits, once for an analysis.

    Parameters
    ----------
    units : collection of int
        1-based; with none of them nothing is said.
    layer_sizes : sequence of int
        Units of each layer of the model.
    rows : str
        What the rows of the fits are, such as ``words``.
    """
    first = 1
    parts = []
    for layer, size in enumerate(layer_sizes, start=1):
        here = [unit for unit in sorted(units) if first <= unit < first + size]
        parts += [f"{units_named(here)} (layer {layer})"] if here else []
        first += size
    if parts:
        log.warning(
            "%s: nearly constant in the training %s of at least one fold, so counted as constant "
            "there (a unit that answers to very few sentences, or to none)",
            *(", ".join(parts), rows),
        )
