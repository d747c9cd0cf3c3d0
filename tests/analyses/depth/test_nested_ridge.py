"""Nested ridge regression: exact against scikit-learn, one target or many, and its folds."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, KFold, PredefinedSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from lstm_units.analyses.depth.nested_ridge import (
    Procedure,
    alpha_grid,
    blocks,
    inner_scores,
    nested_ridge,
    outer_splits,
    permute_within_positions,
    sentence_folds,
)
from lstm_units.errors import ConfigurationError

ALPHAS = alpha_grid(1e-3, 1e3, 7)


def make_data(rows=120, features=12, targets=4, sentences=40, seed=0):
    """Features of very different scale, targets from noiseless to pure noise."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((rows, features)) * np.geomspace(0.01, 100, features) + 3
    noise = np.geomspace(0.01, 30, targets)
    y = (x / x.std(axis=0)) @ rng.standard_normal((features, targets))
    y += noise * rng.standard_normal((rows, targets)) + 5
    sentence = np.sort(rng.integers(sentences, size=rows))
    return x, y, sentence


def search_ref(x, y, split, procedure):
    """What `nested_ridge` does to one target in one outer fold, by scikit-learn alone."""
    grid = list(procedure.alphas)
    if procedure.name == "nested":
        model = make_pipeline(StandardScaler(), Ridge())
        inner = PredefinedSplit(split.inner)
        search = GridSearchCV(model, {"ridge__alpha": grid}, cv=inner, scoring="r2")
    else:
        x = StandardScaler().fit_transform(x)
        inner = KFold(procedure.inner_folds)
        search = GridSearchCV(Ridge(), {"alpha": grid}, cv=inner, scoring="r2")
    search.fit(x[split.train], y[split.train])
    ridge = search.best_estimator_
    if procedure.name == "nested":
        ridge = ridge["ridge"]
    return search.predict(x[split.test]), ridge.coef_, next(iter(search.best_params_.values()))


@pytest.mark.parametrize("name", ["nested", "paper"])
@pytest.mark.parametrize("features", [12, 150])
def test_results_are_those_of_grid_search_over_scaler_and_ridge(name, features):
    x, y, sentence = make_data(features=features)
    procedure = Procedure(name, folds=4, inner_folds=3, alphas=ALPHAS, seed=5)
    splits = outer_splits(sentence, procedure)
    fit = nested_ridge(x, y, splits, procedure)
    assert len(np.unique(fit.alphas)) > 1, "the targets must need different penalties"
    for number, split in enumerate(splits):
        for target in range(y.shape[1]):
            predicted, coefficients, alpha = search_ref(x, y[:, target], split, procedure)
            assert fit.alphas[number, target] == alpha
            np.testing.assert_allclose(fit.predicted[split.test, target], predicted, rtol=1e-8)
            np.testing.assert_allclose(
                fit.coefficients[number, :, target], coefficients, rtol=1e-8, atol=1e-8
            )


def test_penalties_are_scored_on_standardised_inner_folds_that_were_held_out():
    x, y, sentence = make_data()
    procedure = Procedure(folds=4, inner_folds=3, alphas=ALPHAS)
    split = outer_splits(sentence, procedure)[0]
    pipeline = make_pipeline(StandardScaler(), Ridge())
    for target, found in enumerate(
        inner_scores(x[split.train], y[split.train], split.inner, procedure).T
    ):
        search = GridSearchCV(pipeline, {"ridge__alpha": ALPHAS}, cv=PredefinedSplit(split.inner))
        search.fit(x[split.train], y[split.train, target])
        np.testing.assert_allclose(found, search.cv_results_["mean_test_score"], rtol=1e-8)


def test_a_removed_covariate_counts_as_average():
    x, y, sentence = make_data()
    procedure = Procedure(folds=4, inner_folds=3, alphas=ALPHAS)
    splits = outer_splits(sentence, procedure)
    fit = nested_ridge(x, y, splits, procedure, covariate=11)
    assert not np.allclose(fit.predicted_removed, fit.predicted)
    for number, split in enumerate(splits):
        average = x.copy()
        average[split.test, 11] = x[split.train, 11].mean()
        model = nested_ridge(average, y, splits, procedure)
        # Only rows of this fold were changed: their own model is the same.
        np.testing.assert_allclose(model.coefficients[number], fit.coefficients[number])
        np.testing.assert_allclose(
            model.predicted[split.test], fit.predicted_removed[split.test], rtol=1e-9
        )


def test_held_out_rows_reach_the_models_of_the_papers_procedure_only():
    x, y, sentence = make_data()
    for name, leaks in (("nested", False), ("paper", True)):
        procedure = Procedure(name, folds=4, inner_folds=3, alphas=ALPHAS)
        splits = outer_splits(sentence, procedure)
        changed = x.copy()
        changed[splits[0].test] *= 3
        before, after = (
            nested_ridge(v, y, splits, procedure).coefficients[0] for v in (x, changed)
        )
        assert np.allclose(before, after) is not leaks, name


def test_a_feature_that_never_changes_gets_no_weight():
    x, y, sentence = make_data()
    x[:, 4] = 0.1
    procedure = Procedure(folds=3, inner_folds=3, alphas=ALPHAS)
    fit = nested_ridge(x, y, outer_splits(sentence, procedure), procedure)
    np.testing.assert_allclose(fit.coefficients[:, 4], 0, atol=1e-8)
    assert np.isfinite(fit.predicted).all()


@pytest.mark.parametrize("name", ["nested", "paper"])
@pytest.mark.parametrize(("usual", "noise"), [(0, 0), (0, 1e-9), (0, 1e-4), (0.7, 1e-7)])
def test_a_unit_that_is_silent_but_for_one_sentence_does_no_harm(name, usual, noise):
    x, y, sentence = make_data(rows=400, sentences=100)
    silent = usual + np.random.default_rng(1).normal(0, noise, len(x))
    silent[sentence == 30] = -1
    procedure = Procedure(name, folds=4, inner_folds=3, alphas=ALPHAS)
    splits = outer_splits(sentence, procedure)
    without = nested_ridge(x, y, splits, procedure)
    fit = nested_ridge(np.column_stack([x, silent]), y, splits, procedure)
    assert fit.silent.tolist() == [False] * 12 + [True]
    r2 = [r2_score(y, f.predicted, multioutput="raw_values") for f in (without, fit)]
    np.testing.assert_allclose(*r2, atol=0.01)


def test_no_sentence_is_in_two_folds_and_folds_are_alike_in_size():
    rng = np.random.default_rng(0)
    sentence = np.sort(rng.integers(103, size=700))
    procedure = Procedure(folds=5, inner_folds=4, alphas=ALPHAS, seed=3)
    splits = outer_splits(sentence, procedure)
    assert sorted(np.concatenate([split.test for split in splits])) == list(range(700))
    largest = np.bincount(sentence).max()
    for split in splits:
        assert not set(sentence[split.test]) & set(sentence[split.train])
        assert len(split.train) + len(split.test) == 700
        inner = [set(sentence[split.train][split.inner == fold]) for fold in range(4)]
        assert sum(map(len, inner)) == len(set(sentence[split.train]))
        assert max(map(len, inner)) - min(map(len, inner)) <= 1
        assert np.ptp(np.bincount(split.inner)) <= largest
    sizes = [len(split.test) for split in splits]
    assert max(sizes) - min(sizes) <= largest


def test_inner_folds_of_the_papers_procedure_are_runs_of_words_that_may_cut_a_sentence():
    sentence = np.repeat(np.arange(30), 4)
    splits = outer_splits(sentence, Procedure("paper", folds=3, inner_folds=3, alphas=ALPHAS))
    for split in splits:
        for number, (_, held_out) in enumerate(KFold(3).split(split.train)):
            assert (split.inner[held_out] == number).all()
    cut = splits[0].inner[sentence[splits[0].train] == sentence[splits[0].train][26]]
    assert len(set(cut)) == 2


def test_folds_depend_on_the_seed_and_on_nothing_else():
    sentence = np.repeat(np.arange(50), 3)

    def folds(seed):
        splits = outer_splits(sentence, Procedure(alphas=ALPHAS, seed=seed))
        return [split.test.tolist() for split in splits], [split.inner.tolist() for split in splits]

    assert folds(1) == folds(1)
    assert folds(1)[0] != folds(2)[0]
    assert folds(1)[1] != folds(2)[1]


def test_permuted_depth_keeps_the_depths_of_every_position():
    rng = np.random.default_rng(0)
    position, depth = rng.integers(4, 9, size=300), rng.integers(2, 9, size=300)
    permuted = permute_within_positions(depth, position, range(1, 11), seed=4)
    assert permuted.shape == (300, 10)
    for column in permuted.T:
        assert not np.array_equal(column, depth)
        for value in np.unique(position):
            here = position == value
            assert sorted(column[here]) == sorted(depth[here])


def test_a_permutation_is_the_same_whichever_others_there_are():
    depth, position = np.arange(60), np.repeat(np.arange(3), 20)
    together = permute_within_positions(depth, position, [1, 2, 3], seed=4)
    assert np.array_equal(together[:, [2]], permute_within_positions(depth, position, [3], seed=4))
    assert not np.array_equal(together[:, 0], together[:, 1])
    other = permute_within_positions(depth, position, [3], seed=5)
    assert not np.array_equal(together[:, [2]], other)


def test_number_0_is_depth_as_it_is():
    depth, position = np.arange(60), np.repeat(np.arange(3), 20)
    both = permute_within_positions(depth, position, [0, 1], seed=4)
    assert np.array_equal(both[:, 0], depth)
    assert not np.array_equal(both[:, 1], depth)


@pytest.mark.parametrize("permutations", [0, 1, 1024, 1025, 5000])
def test_blocks_hold_every_permutation_once(permutations):
    numbers = [number for block in blocks(permutations) for number in block]
    assert numbers == list(range(permutations + 1))
    assert max(map(len, blocks(permutations)), default=0) <= 1024


def test_the_grid_is_that_of_the_paper():
    np.testing.assert_allclose(alpha_grid(1e-5, 1e5, 20), np.logspace(-5, 5, 20))
    np.testing.assert_allclose(Procedure().alphas, np.logspace(-5, 5, 20))


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({"name": "other"}, r"procedure is 'other'; expected nested or paper"),
        ({"folds": 1}, r"^folds is 1"),
        ({"inner_folds": 0}, r"inner_folds is 0"),
        ({"alphas": ()}, r"alphas is \[\]"),
        ({"alphas": (0.0, 1.0)}, r"alphas is"),
        ({"alphas": (2.0, 1.0)}, r"alphas is"),
    ],
)
def test_bad_settings_are_refused(settings, found):
    with pytest.raises(ConfigurationError, match=found):
        Procedure(**settings)


@pytest.mark.parametrize("grid", [(0, 1, 5), (2, 1, 5), (1, 2, 1)])
def test_a_bad_grid_is_refused(grid):
    with pytest.raises(ConfigurationError, match=r"alphas: minimum"):
        alpha_grid(*grid)


def test_more_folds_than_sentences_are_refused():
    with pytest.raises(ConfigurationError, match="5 folds need as many sentences, and there are 3"):
        sentence_folds(np.array([1, 1, 2, 3]), 5, np.random.default_rng(0))
