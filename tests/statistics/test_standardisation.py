"""Standardised columns: scikit-learn's, but for those that vary by rounding only."""

import logging

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from lstm_units.statistics.standardisation import Standardiser, name_constant_units


def test_columns_that_vary_are_scikit_learns_bit_for_bit():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((60, 5)) * [1e-9, 1e-3, 1, 1e3, 1e9] + [0, 5, 0, 5, 0]
    weight = rng.integers(1, 5, 60)
    ours = Standardiser().fit(x, sample_weight=weight)
    assert not ours.constant_.any()
    expected = StandardScaler().fit(x, sample_weight=weight).transform(x)
    assert np.array_equal(ours.transform(x), expected)


@pytest.mark.parametrize("scale", [True, False])
def test_a_column_that_varies_by_rounding_is_0_in_all_rows(scale):
    rng = np.random.default_rng(1)
    usual = rng.standard_normal(50)
    rounding = (0.7 + rng.normal(0, 1e-7, 50)).astype(np.float32)
    x = np.column_stack([usual, rounding, usual * 1e-9])
    new = np.array([[2.0, -1.0, 1.0]])
    alone = Standardiser(scale).fit(x)
    assert alone.constant_.tolist() == [False, True, False], "small values may vary by themselves"
    among_larger = Standardiser(scale, largest=np.ones(3)).fit(x)
    assert among_larger.constant_.tolist() == [False, True, True]
    assert among_larger.transform(new)[0, 1:].tolist() == [0, 0]
    assert (among_larger.transform(x)[:, 1:] == 0).all()


def test_a_value_beyond_all_rows_of_the_fit_together_counts_as_average():
    x = np.array([[1.0], [-1.0], [1.0], [-1.0]])  # squared distances sum to 4
    inside, beyond = np.array([[1.99]]), np.array([[2.01]])
    careful = Standardiser(extrapolate=False).fit(x)
    assert careful.transform(inside) == inside
    assert careful.transform(beyond) == 0
    assert Standardiser().fit(x).transform(beyond) == beyond
    # A value that one row of the fit has is never beyond them.
    once = np.array([[1.0], [0.0], [0.0], [0.0]])
    assert Standardiser(extrapolate=False).fit(once).transform(once[:1]) > 0


def test_units_are_named_with_their_layers(caplog):
    with caplog.at_level(logging.WARNING):
        name_constant_units({12, 3, 4}, [10, 10], "words")
        name_constant_units([], [10, 10], "words")
    (record,) = caplog.records
    assert record.getMessage().startswith("units 3 and 4 (layer 1), unit 12 (layer 2): nearly")
