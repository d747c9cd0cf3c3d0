"""Outlying coefficients: by hand, and unmoved by the arbitrary signs of units."""

import numpy as np
import pyarrow as pa
import pytest

from lstm_units.analyses.depth.outliers import outliers, permuted_outliers
from lstm_units.errors import ConfigurationError
from lstm_units.io.results import Result


def coefficients(units=60, folds=5, planted=((3, 1.0), (17, -0.8)), seed=0):
    values = 0.05 * np.random.default_rng(seed).standard_normal((folds, units))
    for unit, value in planted:
        values[:, unit] += value
    return values


def test_deviations_are_those_of_the_formulas():
    values = np.array([[1.0, -1, 2, 4], [3, -1, 0, 4]])
    mean = np.array([2.0, -1, 1, 4])
    zero = outliers(values, 1.5)
    np.testing.assert_allclose(zero.mean, mean)
    np.testing.assert_allclose(zero.deviation, mean / np.sqrt(22 / 4))
    np.testing.assert_allclose(zero.fold_deviation[0], values[0] / np.sqrt(22 / 4))
    np.testing.assert_allclose(zero.fold_deviation[1], values[1] / np.sqrt(26 / 4))
    assert zero.beyond.tolist() == [False, False, False, True]
    assert zero.folds_beyond.tolist() == [0, 0, 0, 2]
    around = outliers(values, 1.5, "mean")
    np.testing.assert_allclose(around.deviation, (mean - 1.5) / mean.std())


@pytest.mark.parametrize("deviations_from", ["zero", "mean"])
def test_planted_coefficients_are_found_whatever_their_sign(deviations_from):
    found = outliers(coefficients(), 3, deviations_from)
    assert np.flatnonzero(found.beyond).tolist() == [3, 17]
    assert np.flatnonzero(found.stable(5)).tolist() == [3, 17]
    assert found.deviation[3] > 0 > found.deviation[17]


def test_deviations_from_the_mean_depend_on_signs_which_is_why_they_are_no_default():
    # All coefficients alike: negating one makes it stand out from the mean, not from 0.
    values = np.ones((5, 60)) + coefficients(planted=())
    flipped = values.copy()
    flipped[:, 0] *= -1
    assert not outliers(values, 3, "mean").beyond.any()
    assert outliers(flipped, 3, "mean").beyond[0]
    assert not outliers(flipped, 3, "zero").beyond.any()


def test_a_unit_that_stands_out_in_one_fold_is_beyond_but_not_stable():
    values = coefficients(planted=())
    values[2, 9] = 5
    found = outliers(values)
    assert found.beyond[9]
    assert found.folds_beyond[9] == 1
    assert not found.stable(2)[9]


def test_a_fold_with_the_other_sign_does_not_count():
    values = coefficients(planted=((9, 1.0),))
    values[4, 9] *= -1
    assert outliers(values).folds_beyond[9] == 4


@pytest.mark.parametrize("deviations_from", ["zero", "mean"])
def test_equal_coefficients_do_not_deviate(deviations_from):
    value = 0.0 if deviations_from == "zero" else 0.1
    found = outliers(np.full((5, 30), value), 3, deviations_from)
    assert not found.deviation.any()
    assert not found.beyond.any()
    assert not found.folds_beyond.any()


def test_bad_settings_are_refused():
    with pytest.raises(ConfigurationError, match=r"threshold is 0"):
        outliers(coefficients(), 0)
    with pytest.raises(ConfigurationError, match=r"deviations_from is 'median'.*zero or mean"):
        outliers(coefficients(), 3, "median")
    for bad in (np.zeros(4), np.full((2, 2), np.nan), np.zeros((5, 0))):
        with pytest.raises(ValueError, match="matrix of finite numbers"):
            outliers(bad)


def test_outliers_of_permuted_depth_are_those_of_each_permutation():
    values = np.stack([coefficients(seed=seed) for seed in range(4)]).astype(np.float32)
    flat = pa.array(values.ravel())
    table = {
        "permutation": pa.array(range(1, 5), pa.int32()),
        "r2": pa.array(np.zeros(4)),
        "coefficients": pa.FixedSizeListArray.from_arrays(flat, 5 * 60),
    }
    permuted = Result(pa.table(table), {"config": {"procedure": {"folds": 5}}})
    for criteria in ((2.0, 0, "mean"), (2.5, 5, "zero")):
        named = dict(zip(("threshold", "minimum_folds", "deviations_from"), criteria, strict=True))
        counted = permuted_outliers(permuted, **named)
        assert counted.config == {"procedure": {"folds": 5}, **named}
        for row, value in zip(counted.content.to_pylist(), values, strict=True):
            found = outliers(value, criteria[0], criteria[2])
            assert row["n_outliers"] == found.beyond.sum()
            assert row["n_stable"] == found.stable(criteria[1]).sum()
    with pytest.raises(ConfigurationError, match="minimum_folds is 6; write 0 to 5"):
        permuted_outliers(permuted, threshold=3.0, minimum_folds=6, deviations_from="zero")
