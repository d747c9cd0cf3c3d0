"""Nested cross-validation of ridge regression, for one target or a thousand at once.

Depth is regressed on activations as in Lakretz et al. 2019, Section 4.3: outer folds held out by
sentence, the penalty chosen by an inner cross-validation. Two procedures: ours (``nested``) and
the one of the paper's code (``paper``), which differ in `Procedure`.

The fits are scikit-learn's ``Ridge`` on all targets at once, so that the features of a fold are
multiplied and factorised once per penalty, whatever the number of targets. The tests compare the
results with ``GridSearchCV`` over ``StandardScaler`` and ``Ridge``, each target on its own. A
feature that is near-constant in the rows of a fit has no part in it, and a held-out value farther
from their mean than all of them together counts as average
(`lstm_units.statistics.standardisation`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold

from lstm_units.errors import ConfigurationError
from lstm_units.statistics.standardisation import Standardiser

PROCEDURES = ("nested", "paper")
_TARGETS = 1024  # that are fitted together: bounds the memory of many permutations


@dataclass(frozen=True)
class Procedure:
    """How the regression is cross-validated.

    Parameters
    ----------
    name : {"nested", "paper"}
        ``nested``: inner folds are grouped by sentence, and features are standardised on the
        training rows of each fit. ``paper``: inner folds are runs of consecutive rows, and
        features are standardised once on all rows, those held out included.
    folds : int
        Outer folds, grouped by sentence.
    alphas : tuple of float
        Penalties to choose from, ascending, such as `alpha_grid` returns.
    seed : int
        Of the folds.
    """

    name: str = "nested"
    folds: int = 5
    inner_folds: int = 5
    alphas: tuple[float, ...] = field(default_factory=lambda: alpha_grid(1e-5, 1e5, 20))
    seed: int = 1

    def __post_init__(self) -> None:
        if self.name not in PROCEDURES:
            raise ConfigurationError(
                f"procedure is {self.name!r}; expected {' or '.join(PROCEDURES)}"
            )
        for key in ("folds", "inner_folds"):
            if getattr(self, key) < 2:
                raise ConfigurationError(f"{key} is {getattr(self, key)}; write 2 or more")
        ascending = all(low < high for low, high in zip(self.alphas, self.alphas[1:], strict=False))
        if not self.alphas or not self.alphas[0] > 0 or not ascending:
            raise ConfigurationError(
                f"alphas is {list(self.alphas)}; write penalties above 0, ascending"
            )

    def to_json(self) -> dict[str, Any]:
        """Return the settings as JSON types."""
        return asdict(self) | {"alphas": list(self.alphas)}


def alpha_grid(minimum: float, maximum: float, number: int) -> tuple[float, ...]:
    """Return penalties in equal steps of their logarithm.

    Parameters
    ----------
    minimum, maximum : float
        Both ends are in the grid.

    Raises
    ------
    ConfigurationError
        If the ends are not above 0 and ascending, or `number` is below 2.
    """
    if not 0 < minimum < maximum or number < 2:
        raise ConfigurationError(
            f"alphas: minimum {minimum}, maximum {maximum}, number {number}; write a minimum above "
            "0, a larger maximum, and a number of at least 2"
        )
    exponents = np.linspace(np.log10(minimum), np.log10(maximum), number)
    return tuple(float(alpha) for alpha in 10**exponents)


def procedure_from(
    procedure: str, folds: int, inner_folds: int, alphas: Mapping[str, float], seed: int
) -> Procedure:
    """Return a `Procedure`, its penalties given by ``minimum, maximum, number``."""
    return Procedure(procedure, folds, inner_folds, alpha_grid(**alphas), seed)


@dataclass(frozen=True)
class OuterSplit:
    """One outer fold.

    Parameters
    ----------
    train, test : ndarray of int
        Ascending rows.
    inner : ndarray of int, shape (train,)
        0-based inner fold of each training row.
    """

    train: np.ndarray
    test: np.ndarray
    inner: np.ndarray


def sentence_folds(sentence: np.ndarray, folds: int, rng: np.random.Generator) -> np.ndarray:
    """Deal sentences into folds at random, alike in sentences and in rows.

    Sentences are shuffled, ordered by their number of rows, and dealt in turn: folds differ by at
    most one sentence, and by at most the rows of the largest one.

    Parameters
    ----------
    sentence : ndarray of int, shape (rows,)

    Returns
    -------
    ndarray of int, shape (rows,)
        0-based.

    Raises
    ------
    ConfigurationError
        If there are fewer sentences than folds.
    """
    names, place, rows = np.unique(sentence, return_inverse=True, return_counts=True)
    if len(names) < folds:
        raise ConfigurationError(
            f"{folds} folds need as many sentences, and there are {len(names)}; ask for fewer "
            "outer or inner folds, or make a larger corpus"
        )
    order = rng.permutation(len(names))
    order = order[np.argsort(-rows[order], kind="stable")]
    fold = np.empty(len(names), dtype=int)
    fold[order] = np.arange(len(names)) % folds
    return fold[place]


def outer_splits(sentence: np.ndarray, procedure: Procedure) -> list[OuterSplit]:
    """Split rows into outer folds, and the training rows of each into inner folds.

    Parameters
    ----------
    sentence : ndarray of int, shape (rows,)
        The sentence of each row.

    Returns
    -------
    list of OuterSplit
        The same for all features that are compared on the same rows.
    """
    fold = sentence_folds(sentence, procedure.folds, np.random.default_rng([procedure.seed, 0]))
    splits = []
    for number in range(procedure.folds):
        train, test = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        if procedure.name == "nested":
            rng = np.random.default_rng([procedure.seed, number + 1])
            inner = sentence_folds(sentence[train], procedure.inner_folds, rng)
        else:
            inner = np.empty(len(train), dtype=int)
            runs = KFold(procedure.inner_folds).split(train)
            for place, (_, held_out) in enumerate(runs):
                inner[held_out] = place
        splits.append(OuterSplit(train, test, inner))
    return splits


@dataclass(frozen=True)
class NestedFit:
    """Out-of-fold predictions and the models that made them.

    Parameters
    ----------
    fold : ndarray of int, shape (rows,)
        0-based outer fold in which each row was held out.
    predicted : ndarray of shape (rows, targets)
    predicted_removed : ndarray of shape (rows, targets) or None
        With the coefficient of the covariate set to 0, so that it counts as average.
    coefficients : ndarray of shape (folds, features, targets)
        Of standardised features.
    alphas : ndarray of shape (folds, targets)
        The chosen penalties.
    silent : ndarray of bool, shape (features,)
        Whether a feature counts as constant in the training rows of a fold, or as average in a row
        held out of it.
    """

    fold: np.ndarray
    predicted: np.ndarray
    predicted_removed: np.ndarray | None
    coefficients: np.ndarray
    alphas: np.ndarray
    silent: np.ndarray

    def target(self, place: int) -> "NestedFit":
        """Return the fit of one target, all arrays with an axis of one for it."""
        one = slice(place, place + 1)
        removed = self.predicted_removed
        return NestedFit(
            self.fold,
            self.predicted[:, one].copy(),
            None if removed is None else removed[:, one].copy(),
            self.coefficients[:, :, one].copy(),
            self.alphas[:, one].copy(),
            self.silent,
        )


def nested_ridge(
    features: np.ndarray,
    targets: np.ndarray,
    splits: Sequence[OuterSplit],
    procedure: Procedure,
    covariate: int | None = None,
) -> NestedFit:
    """Predict every row by ridge regression on the other outer folds, each target on its own.

    Within each outer fold every target gets the penalty with the largest R2 averaged over the
    inner folds (the smallest of equals), and is refitted with it on all training rows.

    Parameters
    ----------
    features : ndarray of shape (rows, features)
    targets : ndarray of shape (rows, targets)
    splits : sequence of OuterSplit
        From `outer_splits`.
    procedure : Procedure
        Its `name` and `alphas` are used.
    covariate : int, optional
        Column whose coefficient is set to 0 in `NestedFit.predicted_removed`.
    """
    features = np.asarray(features, dtype=float)
    targets = np.asarray(targets, dtype=float)
    if procedure.name == "paper":
        features = Standardiser().fit_transform(features)  # on held-out rows too: a leak
    largest = np.abs(features).max(axis=0)
    silent = np.zeros(features.shape[1], dtype=bool)
    rows, n_targets = targets.shape
    fold = np.empty(rows, dtype=int)
    predicted = np.empty((rows, n_targets))
    removed = None if covariate is None else np.empty((rows, n_targets))
    coefficients = np.empty((len(splits), features.shape[1], n_targets))
    chosen = np.empty((len(splits), n_targets))
    for number, split in enumerate(splits):
        train, target = features[split.train], targets[split.train]
        scores = inner_scores(train, target, split.inner, procedure, largest)
        chosen[number] = np.asarray(procedure.alphas)[scores.argmax(axis=0)]
        scaler = _scaler(procedure, largest).fit(train)
        weights, intercept = _refit(scaler.transform(train), target, chosen[number])
        standardised = scaler.transform(features[split.test])
        silent |= scaler.constant_ | scaler.beyond(features[split.test]).any(axis=0)
        fold[split.test] = number
        predicted[split.test] = standardised @ weights + intercept
        if removed is not None:
            part = np.outer(standardised[:, covariate], weights[covariate])
            removed[split.test] = predicted[split.test] - part
        coefficients[number] = weights
    return NestedFit(fold, predicted, removed, coefficients, chosen, silent)


def inner_scores(
    features: np.ndarray,
    targets: np.ndarray,
    inner: np.ndarray,
    procedure: Procedure,
    largest: np.ndarray | None = None,
) -> np.ndarray:
    """Return the R2 of each penalty, averaged over the inner folds.

    Parameters
    ----------
    features : ndarray of shape (rows, features)
        Of the training rows of an outer fold.
    targets : ndarray of shape (rows, targets)
    inner : ndarray of int, shape (rows,)
        From `OuterSplit`.
    largest : ndarray of shape (features,), optional
        Of `lstm_units.statistics.standardisation.near_constant`.

    Returns
    -------
    ndarray of shape (alphas, targets)
    """
    scores = np.zeros((len(procedure.alphas), targets.shape[1]))
    for held_out in range(procedure.inner_folds):
        train, test = inner != held_out, inner == held_out
        scaler = _scaler(procedure, largest).fit(features[train])
        seen, unseen = scaler.transform(features[train]), scaler.transform(features[test])
        for place, predicted in enumerate(_paths(seen, targets[train], unseen, procedure.alphas)):
            scores[place] += r2_score(targets[test], predicted, multioutput="raw_values")
    return scores / procedure.inner_folds


def _paths(
    seen: np.ndarray, targets: np.ndarray, unseen: np.ndarray, alphas: Sequence[float]
) -> Iterator[np.ndarray]:
    """Yield the predictions, of shape (rows, targets), at each penalty."""
    if targets.shape[1] == 1:
        # With a penalty for each column Ridge multiplies the features once: for 2,600 rows of 1,301
        # features and 20 penalties that takes a quarter to a third of the time.
        repeated = np.repeat(targets, len(alphas), axis=1)
        model = Ridge(alpha=np.asarray(alphas), solver="cholesky").fit(seen, repeated)
        yield from model.predict(unseen).reshape(len(unseen), -1).T[:, :, None]
        return
    for alpha in alphas:
        yield Ridge(alpha=alpha).fit(seen, targets).predict(unseen).reshape(len(unseen), -1)


def _scaler(procedure: Procedure, largest: np.ndarray | None) -> Standardiser:
    """Features that were scaled before are centred only, as Ridge does for its intercept."""
    return Standardiser(scale=procedure.name == "nested", largest=largest, extrapolate=False)


def _refit(
    features: np.ndarray, targets: np.ndarray, alphas: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Fit each target with its penalty; returns coefficients (features, targets) and intercepts."""
    weights = np.empty((features.shape[1], targets.shape[1]))
    intercept = np.empty(targets.shape[1])
    for alpha in np.unique(alphas):
        columns = np.flatnonzero(alphas == alpha)
        model = Ridge(alpha=alpha).fit(features, targets[:, columns])
        weights[:, columns] = model.coef_.reshape(len(columns), -1).T
        intercept[columns] = model.intercept_
    return weights, intercept


def permute_within_positions(
    open_nodes: np.ndarray, position: np.ndarray, permutations: Sequence[int], seed: int
) -> np.ndarray:
    """Permute depth among the rows of the same position.

    Number 0 stands for depth as it is, so that it can be fitted together with its permutations.

    Parameters
    ----------
    open_nodes, position : ndarray of int, shape (rows,)
    permutations : sequence of int
        Numbers from 0; each has its own random numbers, whichever others there are.

    Returns
    -------
    ndarray of float64, shape (rows, permutations)
    """
    rows = [np.flatnonzero(position == value) for value in np.unique(position)]
    permuted = np.empty((len(open_nodes), len(permutations)))
    for column, number in enumerate(permutations):
        rng = np.random.default_rng([seed, 0, number])
        for here in rows:
            permuted[here, column] = (
                rng.permutation(open_nodes[here]) if number else open_nodes[here]
            )
    return permuted


def blocks(permutations: int) -> list[range]:
    """Return which numbers of `permute_within_positions`, from 0, are fitted together."""
    return [
        range(first, min(first + _TARGETS, permutations + 1))
        for first in range(0, permutations + 1, _TARGETS)
    ]
