"""Figure and table of depth: what is drawn where, one font size, what a row says."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from matplotlib.colors import to_hex
from support.figure_checks import check_texts

from lstm_units.analyses.depth.figure import (
    Coefficients,
    depth_correlation,
    depth_figure,
    draw_depth,
)
from lstm_units.analyses.depth.outliers import outliers
from lstm_units.analyses.depth.table import depth_table, readable
from lstm_units.errors import UserError
from lstm_units.io.files import make_metadata
from lstm_units.io.results import Result
from lstm_units.plots.style import COLUMN_WIDTH, TEXT_WIDTH

MADE = make_metadata(checkpoint_sha256="c", stimuli_sha256="s")


def result(table, name, **fields):
    return Result(pa.Table.from_pandas(table, preserve_index=False), {**MADE, **fields}, name)


def coefficients(n_outliers=6, n_units=400, seed=0):
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 1, n_units).clip(-2.5, 2.5)
    large = rng.choice(n_units, n_outliers, replace=False)
    values[large] = rng.choice([-1, 1], n_outliers) * rng.uniform(6, 10, n_outliers)
    folds = np.stack([values] * 5)
    unstable = large[:1]
    folds[2:, unstable] = 0
    folds[:2, unstable] *= 2.5
    return Coefficients(np.arange(1, n_units + 1), outliers(folds), 3.0, 4)


def words_by_depth(seed=0):
    rng = np.random.default_rng(seed)
    depth = np.repeat(np.arange(3, 9), 40)
    predictions = pd.DataFrame(
        {"open_nodes": depth, "predicted": 0.8 * depth + 1 + rng.normal(0, 0.5, len(depth))}
    )
    activity = pd.DataFrame(
        {"open_nodes": depth, "activity": -0.1 * depth + rng.normal(0, 0.1, len(depth))}
    )
    return predictions, activity


def draw(marked=None, **changes):
    predictions, activity = words_by_depth()
    arguments = {"r2": (0.84, 0.83, 0.85), "leading": "unit 7 (layer 1)", **changes}
    return draw_depth(marked or coefficients(), predictions, activity, **arguments)


@pytest.mark.parametrize("width", [TEXT_WIDTH, COLUMN_WIDTH])
@pytest.mark.parametrize("n_outliers", [0, 6, 34])
def test_depth_figure_has_no_text_over_another(n_outliers, width):
    check_texts(draw(coefficients(n_outliers, 1300), width=width))


def test_depth_figure_names_its_axes_and_what_is_marked():
    figure = draw(variable="hidden")
    assert [(axis.get_xlabel(), axis.get_ylabel()) for axis in figure.axes] == [
        ("units", "mean coefficient (SD)"),
        ("true depth (open nodes)", "predicted depth"),
        ("true depth (open nodes)", "hidden, mean ± SD"),
    ]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "± 3 SD",
        "stable: in ≥ 4 of 5 folds",
        "in fewer folds",
        "quartiles; 5 % to 95 %",
    ]
    assert figure.axes[1].get_title() == "held-out sentences\nR² = 0.840 [0.830, 0.850]"
    r = depth_correlation(words_by_depth()[1])
    assert r < -0.8
    assert figure.axes[2].get_title() == f"unit 7 (layer 1)\nr = \N{MINUS SIGN}{-r:.2f}"


def test_outliers_carry_their_numbers_at_their_coefficients():
    marked = coefficients()
    axis = draw(marked).axes[0]
    beyond = np.flatnonzero(marked.found.beyond)
    assert len(beyond) == 6
    assert {text.get_text() for text in axis.texts} == {str(marked.unit[p]) for p in beyond}
    for text in axis.texts:
        assert text.xy[1] == marked.found.deviation[int(text.get_text()) - 1]
    assert axis.get_title() == "coefficients of 400 units\n6 outliers, 5 stable"
    marks = {line.get_ydata()[0]: line for line in axis.lines if line.get_marker() == "P"}
    for place in beyond:
        open_mark = to_hex(marks[marked.found.deviation[place]].get_markerfacecolor()) == "#ffffff"
        assert open_mark == (marked.found.folds_beyond[place] < 4)


def test_of_many_outliers_the_largest_are_numbered_and_the_rest_counted():
    marked = coefficients(34, 1300)
    axis = draw(marked).axes[0]
    found = marked.found
    shown = [int(text.get_text()) - 1 for text in axis.texts]
    assert 6 <= len(shown) < 34
    for sign in (-1, 1):
        side = np.flatnonzero(found.beyond & (np.sign(found.deviation) == sign))
        here = [place for place in shown if place in side]
        largest = side[np.argsort(-np.abs(found.deviation[side]))][: len(here)]
        assert set(here) == set(largest)
    assert f"({int(found.beyond.sum()) - len(shown)} without number)" in axis.get_title()


def test_every_unit_is_in_the_histogram():
    marked = coefficients(34, 1300)
    bars = draw(marked).axes[0].patches
    assert sum(bar.get_width() for bar in bars) == 1300
    for bar in bars:
        edges = bar.get_y(), bar.get_y() + bar.get_height()
        inside = (marked.found.deviation >= edges[0]) & (marked.found.deviation < edges[1])
        assert bar.get_width() == inside.sum()


def test_means_and_spread_of_the_leading_unit_are_those_of_each_depth():
    axis = draw().axes[2]
    activity = words_by_depth()[1].groupby("open_nodes")["activity"]
    line, _, (spread,) = axis.containers[0]
    assert line.get_xdata().tolist() == list(range(3, 9))
    np.testing.assert_allclose(np.asarray(line.get_ydata(), float), activity.mean())
    reach = [segment[1, 1] - segment[0, 1] for segment in spread.get_segments()]
    np.testing.assert_allclose(reach, 2 * activity.std())


def scores():
    rows = []
    for name, covariate, r2 in (
        ("words", "absent", 0.58),
        ("untrained_2", "included", 0.7),
        ("units", "included", 0.84),
        ("units", "removed", 0.83),
        ("units", "absent", 0.82),
        ("layer_2", "included", 0.8),
        ("layer_1", "included", 0.79),
        ("layer_1", "removed", 0.78),
        ("position_frequency", "included", 0.02),
    ):
        whole = {"regressors": name, "covariate": covariate, "n": 100, "r2": r2}
        rows.append({**whole, "fold": pd.NA, "ci_low": r2 - 0.01, "ci_high": r2 + 0.01})
        rows += [{**whole, "fold": f, "n": 20, "r2": r2 + 0.02 * (f - 3)} for f in range(1, 6)]
    table = pd.DataFrame(rows).astype({"fold": "Int16"})
    return result(table, "the scores", config={"confidence": 0.9})


def comparisons():
    baselines = ("words", "untrained_2", "layer_2", "layer_1", "position_frequency")
    names = [*baselines, "units (covariate removed)", "units (covariate absent)"]
    values = [0.26, 0.14, 0.04, 0.05, 0.82, 0.01, -0.00001]
    table = pd.DataFrame(
        {
            "regressors": "units",
            "baseline": names,
            "difference": values,
            "ci_low": np.array(values) - 0.001,
            "ci_high": np.array(values) + 0.001,
        }
    )
    return result(table, "the comparisons")


def test_depth_table_has_a_row_per_regressors_and_covariate_in_reading_order():
    table = depth_table(scores(), comparisons()).table
    assert table[["regressors", "covariate"]].agg(", ".join, axis=1).tolist() == [
        "all units, included",
        "all units, removed",
        "all units, absent",
        "layer 1, included",
        "layer 1, removed",
        "layer 2, included",
        "untrained network 2, included",
        "position and frequency, included",
        "current and previous word, absent",
    ]
    expected = [np.nan, 0.01, -0.00001, 0.05, np.nan, 0.04, 0.14, 0.82, 0.26]
    np.testing.assert_allclose(table["difference"], expected)
    first = table.iloc[0]
    assert first[["n", "r2", "ci_low", "ci_high"]].tolist() == [100, 0.84, 0.83, 0.85]
    assert first["fold_lowest"] == pytest.approx(0.8)
    assert first["fold_highest"] == pytest.approx(0.88)


def test_baselines_of_any_number_have_readable_names():
    assert readable("layer_12") == "layer 12"
    assert readable("untrained_3") == "untrained network 3"
    assert readable("embeddings") == "embedding of the word"


def test_printed_rows_of_depth_have_intervals_and_no_minus_zero():
    found = depth_table(scores(), comparisons())
    row = found.printed[found.table["regressors"] == "layer 1"].iloc[0]
    assert row.astype(str).tolist() == [
        *("layer 1", "included", "100", "0.790", "0.780 to 0.800", "0.750 to 0.830"),
        *("0.050", "0.049 to 0.051"),
    ]
    assert "-0.000" not in found.printed.to_string()
    assert "Intervals: 90 %, from a bootstrap over sentences." in " ".join(found.legend)
    assert found.metadata["checkpoint_sha256"] == "c"
    folds = scores().content.filter(scores().content["fold"].is_valid())
    with pytest.raises(UserError, match="the scores holds no R2 over all folds"):
        depth_table(replace(scores(), content=folds), comparisons())


@pytest.fixture
def regression():
    """A regression of 14 units on two words of each of 20 sentences."""
    hidden = np.random.default_rng(1).normal(0, 1, (20, 5, 14))
    dump = SimpleNamespace(
        source="the dump",
        metadata=MADE,
        variables=("hidden",),
        read=lambda variable, units, items: hidden[items][:, :, np.array(units) - 1],
    )
    places = [(item, position, 2 + position) for item in range(20) for position in (1, 3)]
    positions = pd.DataFrame(places, columns=["sentence", "position", "open_nodes"])
    values = np.random.default_rng(0).normal(0, 0.1, 14)
    values[8] = -5
    table = pd.DataFrame(
        {
            "unit": np.tile(np.arange(1, 15), 5),
            "layer": np.tile([1] * 6 + [2] * 8, 5),
            "fold": np.repeat(np.arange(1, 6), 14),
            "coefficient": np.tile(values, 5),
        }
    )
    criteria = {"threshold": 3.0, "minimum_folds": 4, "deviations_from": "zero"}
    predictions = positions.assign(predicted=positions["open_nodes"] + 0.5)
    return {
        "coefficients": result(table, "coefficients", variable="hidden"),
        "permutations": result(table[:0], "permutations", config=criteria),
        "predictions": result(predictions, "predictions"),
        "positions": result(positions, "positions"),
        "scores": scores(),
        "dump": dump,
    }


def test_depth_figure_shows_the_unit_with_the_largest_coefficient(regression):
    figure = depth_figure(**regression)
    _, middle, right = figure.content.axes
    assert right.get_title().startswith("unit 9 (layer 2)\n")
    assert middle.get_title() == "held-out sentences\nR² = 0.840 [0.830, 0.850]"
    hidden = regression["dump"].read("hidden", [9], range(20))[:, [1, 3], 0]
    line = right.containers[0][0]
    assert line.get_xdata().tolist() == [3, 5]
    np.testing.assert_allclose(np.asarray(line.get_ydata(), float), hidden.mean(axis=0))
    assert figure.config == {**regression["permutations"].config, "unit": 9}


def test_a_word_that_was_not_dumped_and_scores_without_units_are_refused(regression):
    table = regression["positions"].frame
    table.loc[5, "position"] = 40
    lost = {**regression, "positions": result(table, "positions")}
    with pytest.raises(UserError, match="the dump has no activity at word 40 of sentence 2"):
        depth_figure(**lost)
    table = scores().frame.query("regressors != 'units'")
    without = {**regression, "scores": result(table, "the scores")}
    with pytest.raises(UserError, match=r"the scores does not hold R2 of all units"):
        depth_figure(**without)
