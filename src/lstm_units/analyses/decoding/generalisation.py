"""A decoder trained at one time and tested at all, on arrays: classifier, score and loop.

The estimator over time is mne's. Ours are what the data need: equal items count as such, in
training (`DistinctItems`) and in the score (`auc_with_ties`).
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from mne.decoding import GeneralizingEstimator
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import make_scorer, roc_auc_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.svm import LinearSVC

from lstm_units.analyses.decoding.cross_validation import Split
from lstm_units.statistics.standardisation import Standardiser

# Decision values closer than this, in units of the margin, are ties.
_TIE = 1e-9


@dataclass(frozen=True)
class Classifier:
    """A linear support vector machine on standardised values, as in the paper (Section 4.2).

    Parameters
    ----------
    C : float
        Inverse strength of the L2 penalty.
    tolerance : float
        At which the solver stops.
    seed : int
        Of the order in which the solver visits the items.
    """

    C: float = 1.0
    tolerance: float = 1e-5
    max_iterations: int = 10_000
    seed: int = 0

    def pipeline(self, largest: np.ndarray | None = None) -> Pipeline:
        """Return the unfitted pipeline of scaler, row space and classifier.

        Parameters
        ----------
        largest : ndarray of shape (units,), optional
            Of `lstm_units.statistics.standardisation.near_constant`.
        """
        # The dual solver for every shape. The primal one, which scikit-learn may choose, stops
        # while the AUC at other words still depends on where it stopped.
        return make_pipeline(
            Standardiser(largest=largest),
            RowSpace(),
            LinearSVC(
                C=self.C,
                tol=self.tolerance,
                max_iter=self.max_iterations,
                dual=True,
                random_state=self.seed,
            ),
        )


class RowSpace(TransformerMixin, BaseEstimator):
    """Coordinates in the space that the training items span, where they are fewer than the units.

    A linear classifier with an L2 penalty gives no weight to any other direction, and a rotation
    does not change it, so the decision values are the same. The solver's time is proportional to
    the number of columns, and distinct items are often many times fewer than units.
    """

    def fit(self, X: np.ndarray, y: np.ndarray | None = None) -> "RowSpace":
        """Find an orthonormal basis of items of shape (items, units); none if it saves nothing."""
        items, units = X.shape
        self.basis_ = np.linalg.qr(X.T.astype(np.float64))[0] if items < units else None
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return coordinates of shape (items, training items), or the values as they are."""
        return X if self.basis_ is None else X @ self.basis_


def auc_with_ties(label: np.ndarray, value: np.ndarray) -> float:
    """Return the area under the ROC curve, where equal items are ties.

    Items with the same beginning have the same activations, but a matrix product may round their
    decision values differently: before the first noun, where all items are the same, that made
    AUCs of .49 to .51 instead of .5.

    Parameters
    ----------
    label : ndarray of bool or int, shape (items,)
    value : ndarray, shape (items,)
        Decision values.
    """
    order = np.argsort(value, kind="stable")
    step = np.diff(value[order]) > _TIE * max(1.0, np.abs(value).max())
    rank = np.empty(len(value))
    rank[order] = np.concatenate([[0], np.cumsum(step)])
    return float(roc_auc_score(label, rank))


class DistinctItems(ClassifierMixin, BaseEstimator):
    """A pipeline that gets equal items with equal labels once, with their number as weight.

    The optimum is that of the repeated items, and the solver gets there much faster: at the
    subject a thousand items share some forty prefixes.

    Parameters
    ----------
    pipeline : Pipeline
        From `Classifier.pipeline`.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline

    def fit(self, X: np.ndarray, y: np.ndarray) -> "DistinctItems":
        """Fit to items of shape (items, units) and their labels."""
        X = np.ascontiguousarray(X)
        counts: dict[tuple[bytes, int], list[int]] = {}  # label and values: first row, how many
        for row, key in enumerate(zip(map(np.ndarray.tobytes, X), y.tolist(), strict=True)):
            counts.setdefault(key, [row, 0])[1] += 1
        rows, count = np.array(list(counts.values())).T
        with warnings.catch_warnings():
            # Recorded in the column `converged`, and logged once.
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.pipeline_ = clone(self.pipeline).fit(
                X[rows],
                y[rows],
                standardiser__sample_weight=count,
                linearsvc__sample_weight=count,
            )
        self.classes_ = self.pipeline_.classes_
        solver = self.pipeline_["linearsvc"]
        self.converged_ = bool(np.max(solver.n_iter_) < solver.max_iter)
        return self

    def decision_function(self, X: np.ndarray) -> np.ndarray:
        """Return the distance to the hyperplane, shape (items,)."""
        return self.pipeline_.decision_function(X)


def generalise(
    values: np.ndarray,
    label: np.ndarray,
    splits: Sequence[Split],
    train_at: Sequence[int] | np.ndarray,
    classifier: Classifier,
) -> tuple[np.ndarray, np.ndarray]:
    """Train at some positions and test at all.

    Parameters
    ----------
    values : ndarray of float32, shape (items, positions, units)
    label : ndarray of bool, shape (items,)
    splits : sequence of (ndarray, ndarray)
        Places of training and test items.

    Returns
    -------
    auc : ndarray of shape (splits, len(train_at), positions)
    converged : ndarray of bool, shape (splits, len(train_at))
        Whether the solver reached its tolerance.
    """
    label = label.astype(int)
    by_unit = values.transpose(0, 2, 1)  # items x units x positions, as mne has it
    decoder = GeneralizingEstimator(
        DistinctItems(classifier.pipeline(np.abs(values).max(axis=(0, 1)))),
        scoring=make_scorer(auc_with_ties, response_method="decision_function"),
        verbose=False,
    )
    auc = np.empty((len(splits), len(train_at), values.shape[1]))
    converged = np.empty(auc.shape[:2], dtype=bool)
    for split, (train, test) in enumerate(splits):
        decoder.fit(by_unit[train][:, :, train_at], label[train])
        auc[split] = decoder.score(by_unit[test], label[test])
        converged[split] = [estimator.converged_ for estimator in decoder.estimators_]
    return auc, converged
