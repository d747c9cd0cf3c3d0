"""Figure 1d: every weight is drawn, numbers are written, and no text overlaps."""

import numpy as np
import pandas as pd
import pytest
from support.figure_checks import check_texts

from lstm_units.analyses.efferents.figure import efferents_figure
from lstm_units.analyses.efferents.weights import segregation
from lstm_units.errors import UserError


@pytest.fixture(scope="module")
def weights():
    rng = np.random.default_rng(2)
    singular = rng.normal(0.1, 0.05, (4, 18))
    return pd.DataFrame(
        {
            "unit": np.repeat([3, 5, 8, 9], 18),
            "weight_singular": singular.ravel(),
            "weight_plural": (singular - rng.normal(0.2, 0.05, (4, 18))).ravel(),
        }
    )


def test_every_weight_is_drawn_and_the_numbers_written(weights):
    units = segregation(weights, 2)
    shown = [
        {"unit": 9, "role": "arbitrary", "number": None},
        {"unit": 3, "role": "long-range", "number": "singular"},
        {"unit": 5, "role": "nearest", "number": "plural"},
        {"unit": 8, "role": "named", "number": None},
        {"unit": 1, "role": "syntax", "number": None},  # of layer 1
    ]
    figure = efferents_figure(weights, units, shown)
    check_texts(figure)
    axis = figure.axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == [
        *("unit 3\nlong-range, singular", "unit 5\nnearest, plural", "unit 8\nnamed"),
        *("unit 1\nsyntax", "unit 9\narbitrary"),
    ]
    for number, marker in (("singular", "v"), ("plural", "^")):
        drawn = [line.get_xdata() for line in axis.lines if line.get_marker() == marker]
        for unit, points in zip((3, 5, 8, 9), drawn, strict=True):
            expected = weights.loc[weights["unit"] == unit, f"weight_{number}"]
            np.testing.assert_array_equal(points, expected)
    texts = [text.get_text() for text in axis.texts]
    assert "no weights to words" in texts
    assert any(text.startswith(f"sep. {units['separability'][0]:.2f}\nq < .001") for text in texts)
    assert [t.get_text() for t in figure.legends[0].get_texts()] == [
        *("singular form", "plural form", "mean")
    ]
    assert axis.get_xlabel() == "weight to a verb form"


def test_no_unit_to_show_is_an_error(weights):
    with pytest.raises(UserError, match="there is no unit to draw"):
        efferents_figure(weights, segregation(weights, 2), [])
