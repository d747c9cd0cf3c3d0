"""A decoder trained at one word and tested at all: planted codes, and the plain loop."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from support.noun_items import nouns

from lstm_units.analyses.decoding.cross_validation import draw_splits, permuted_labels
from lstm_units.analyses.decoding.generalisation import (
    Classifier,
    DistinctItems,
    RowSpace,
    auc_with_ties,
    generalise,
)

CLASSIFIER = Classifier(seed=3)


def draw(kind, label, lemma=None, splits=5, test_fraction=0.2):
    lemmas = None if lemma is None else {"subject_number": lemma}
    return draw_splits(kind, label, lemmas, splits=splits, test_fraction=test_fraction, seed=7)


def planted(label, lemma, noise=0.3, seed=0, memory=0):
    """Values of shape (items, positions, units): constant, then units of two kinds and noise.

    Unit 0 carries the number from position 1 on; units 1 and 2 carry it at 1 and 2, and swap it
    at 3. `memory` further units name the noun form at position 1, the same in all its items.
    """
    rng = np.random.default_rng(seed)
    sign = np.where(label, 1.0, -1.0)
    values = rng.normal(0, noise, (len(label), 4, 4 + memory))
    values[:, 0] = values[0, 0]
    values[:, 1:, 0] += 2 * sign[:, None]
    values[:, 1:3, 1:3] += 2 * sign[:, None, None]
    values[:, 3, 1:3] -= 2 * sign[:, None]
    if memory:
        forms = np.unique([f"{a}{b}" for a, b in zip(lemma, label, strict=True)])
        code = dict(zip(forms, rng.normal(size=(len(forms), memory)), strict=True))
        for row, (a, b) in enumerate(zip(lemma, label, strict=True)):
            values[row, 1] = np.concatenate([np.zeros(4), code[f"{a}{b}"]])
    return values.astype(np.float32)


@pytest.mark.parametrize("n_items", [235, 238])
def test_words_that_are_equal_in_all_items_give_exactly_one_half(n_items):
    rng = np.random.default_rng(n_items)
    label = rng.random(n_items) < 0.5
    values = rng.normal(size=(n_items, 2, 301)).astype(np.float32)
    values[:, 0] = values[0, 0]
    splits = draw("random", label, test_fraction=0.45)
    auc, _ = generalise(values, label, splits, [0, 1], CLASSIFIER)
    assert np.array_equal(auc[:, :, 0], np.full((5, 2), 0.5))
    assert np.array_equal(auc[:, 0], np.full((5, 2), 0.5))


def test_the_auc_is_scikit_learns_but_for_rounding():
    rng = np.random.default_rng(0)
    for _ in range(20):
        label, value = rng.random(60) < 0.4, rng.normal(size=60).round(1)
        expected = roc_auc_score(label, value)
        assert auc_with_ties(label, value) == pytest.approx(expected, abs=1e-12)
        rounded = value + rng.normal(0, 1e-13, 60)
        assert auc_with_ties(label, rounded) == pytest.approx(expected, abs=1e-12)
        assert auc_with_ties(label, -value) == pytest.approx(1 - expected, abs=1e-12)


def plain_loop(values, label, splits, classifier):
    """Fit at each position and score at each, item by item, with scikit-learn alone."""
    positions = range(values.shape[1])
    auc = np.empty((len(splits), len(positions), len(positions)))
    for split, (train, test) in enumerate(splits):
        for at in positions:
            svm = LinearSVC(C=classifier.C, tol=1e-7, max_iter=100_000, dual=True, random_state=1)
            fitted = make_pipeline(StandardScaler(), svm).fit(values[train, at], label[train])
            for to in positions:
                auc[split, at, to] = roc_auc_score(
                    label[test], fitted.decision_function(values[test, to])
                )
    return auc


@pytest.mark.parametrize("repeated", [False, True])
@pytest.mark.parametrize("units", [1, 12])
def test_the_decoder_agrees_with_a_plain_loop(units, repeated):
    label, lemma = nouns(10, 3)
    rng = np.random.default_rng(units)
    values = rng.normal(size=(len(label), 3, units)).astype(np.float32)
    values[label] += rng.normal(size=(3, units)).astype(np.float32)
    if repeated:  # every item of a noun form has equal values, as at the noun itself
        forms = [f"{a}{b}" for a, b in zip(lemma, label, strict=True)]
        _, first, kind = np.unique(forms, return_index=True, return_inverse=True)
        values = values[first][kind]
    splits = draw("grouped", label, lemma)
    auc, converged = generalise(
        values, label, splits, [0, 1, 2], replace(CLASSIFIER, tolerance=1e-7)
    )
    assert converged.all()
    np.testing.assert_allclose(auc, plain_loop(values, label, splits, CLASSIFIER), atol=1e-12)


@pytest.mark.parametrize("units", [15, 100])
def test_items_counted_once_have_the_optimum_of_the_repeated_items(units):
    """However often each is repeated; with more units than items the primal solver misses it."""
    rng = np.random.default_rng(4)
    times = rng.integers(1, 30, 24)
    label = np.repeat(rng.random(24) < 0.5, times).astype(int)
    values = np.repeat(rng.normal(2, 1, (24, units)), times, axis=0).astype(np.float32)
    decoder = DistinctItems(CLASSIFIER.pipeline()).fit(values, label)
    exact = replace(CLASSIFIER, tolerance=1e-10, max_iterations=1_000_000).pipeline()
    expected = exact.fit(values.astype(float), label).decision_function(values)
    assert np.abs(expected).max() > 1
    np.testing.assert_allclose(decoder.decision_function(values), expected, atol=2e-4)


@pytest.mark.parametrize("shape", [(20, 90), (90, 20)])
def test_the_row_space_changes_no_decision(shape):
    rng = np.random.default_rng(2)
    values = rng.normal(size=shape)
    label = rng.random(shape[0]) < 0.5
    new = rng.normal(size=(50, shape[1]))
    svm = LinearSVC(tol=1e-10, max_iter=1_000_000, dual=True, random_state=0)
    expected = make_pipeline(svm).fit(values, label).decision_function(new)
    found = make_pipeline(RowSpace(), svm).fit(values, label).decision_function(new)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert RowSpace().fit(values).transform(new).shape[1] == min(shape)


@pytest.mark.filterwarnings("error::sklearn.exceptions.ConvergenceWarning")
def test_a_solver_that_stops_early_is_recorded_without_a_warning():
    label, lemma = nouns(10, 4)
    values = planted(label, lemma, noise=2.0)
    splits = draw("grouped", label, lemma)
    early = replace(CLASSIFIER, max_iterations=2)
    assert not generalise(values, label, splits, [1], early)[1].any()
    assert generalise(values, label, splits, [1], CLASSIFIER)[1].all()
    with warnings.catch_warnings(), pytest.raises(ConvergenceWarning):
        warnings.simplefilter("error")
        early.pipeline().fit(values[:, 1], label)


def test_permuted_labels_are_learnt_by_heart_only_when_nouns_recur():
    """At the noun all items of a form are equal: random splits repeat them in the test set."""
    label, lemma = nouns(12, 8)
    values = planted(label, lemma, memory=40)
    found = {}
    for kind, fraction in (("grouped", 0.5), ("random", 0.2)):
        splits = draw(kind, label, lemma, splits=2, test_fraction=fraction)
        labels = permuted_labels(label, lemma, splits, replicates=12, seed=1)
        found[kind] = np.mean(
            [generalise(values, one, splits, [1], CLASSIFIER)[0][:, 0, 1] for one in labels]
        )
    assert found["random"] == 1.0
    assert found["grouped"] == pytest.approx(0.5, abs=0.15)  # of 24 test sets of 6 nouns
