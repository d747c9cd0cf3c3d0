"""The figure of all units: every row drawn, outliers labelled without overlap."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from matplotlib.collections import PathCollection
from support.figure_checks import LONG_LABEL, check_texts

from lstm_units.analyses.long_range_units.figure import units_at_a_glance, units_figure
from lstm_units.errors import NotRun
from lstm_units.io.files import make_metadata
from lstm_units.io.results import Result

SIZES = (40, 60)
STRIPS = [("nounpp", "SP"), ("nounpp", "PS"), ("simple", "S")]


def table(units, seed=0, outliers=()):
    """Small random changes, and the outliers (unit, strip, drop) planted."""
    rng = np.random.default_rng(seed)
    rows = []
    planted = {(unit, strip): drop for unit, strip, drop in outliers}
    for unit in units:
        for task, condition in STRIPS:
            drop = planted.get((unit, (task, condition)), rng.normal(0, 0.005))
            rows.append(
                {
                    "unit": unit,
                    "layer": 1 if unit <= SIZES[0] else 2,
                    "task": task,
                    "condition": condition,
                    "drop": drop,
                    "relative_drop": drop / 0.95,
                    "q": 1e-6 if abs(drop) > 0.1 else 0.9,
                }
            )
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def figure():
    return drawn()


def drawn(labels=None):
    sp = ("nounpp", "SP")
    crowd = [(unit, sp, 0.3 + unit / 1000) for unit in range(1, 20)]
    zero = table(range(1, 101), outliers=[*crowd, (77, sp, 0.5), (90, ("nounpp", "PS"), 0.4)])
    legacy = table(range(1, 41), seed=1)
    found = {"units": [{"unit": 77, "subject_number": "singular"}]}
    return units_at_a_glance({"zero": zero, "legacy": legacy}, SIZES, found, labels=labels)


def texts(axis):
    return [text.get_text() for text in axis.texts]


def test_modes_stand_beside_each_other_by_layer(figure):
    titles = [axis.get_title() for axis in figure.axes]
    assert titles == ["layer 1, zero", "layer 1, legacy", "layer 2, zero"]


def test_strips_follow_the_papers_order_and_share_one_axis(figure):
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == ["simple  S", "nounpp  SP", "nounpp  PS"]
    assert len({axis.get_xlim() for axis in figure.axes}) == 1
    low, high = figure.axes[0].get_xlim()
    assert low < -50
    assert high > 0
    assert figure.axes[0].get_xscale() == "linear"


def test_every_unit_is_drawn_once_in_every_strip(figure):
    for axis, units in zip(figure.axes, (40, 40, 60), strict=True):
        bulk = sum(len(c.get_offsets()) for c in axis.collections if isinstance(c, PathCollection))
        marks = sum(1 for line in axis.lines if line.get_marker() not in ("None", None, ""))
        assert bulk + marks == units * len(STRIPS)


def test_points_stand_at_the_change_in_percentage_points(figure):
    marked = [line for line in figure.axes[2].lines if line.get_marker() == "v"]
    assert [round(float(line.get_xdata()[0]), 6) for line in marked] == [-50.0]
    assert texts(figure.axes[2]) == ["77", "90"]


def test_labels_that_do_not_fit_are_counted(figure):
    shown = texts(figure.axes[0])
    numbers = [text for text in shown if not text.startswith("+")]
    assert 1 <= len(numbers) < 19
    assert shown.count(f"+{19 - len(numbers)}") == 1


def test_texts_have_one_size_do_not_overlap_and_lie_inside(figure):
    check_texts(figure)
    for axis in figure.axes:
        boxes = [text.get_window_extent() for text in axis.texts]
        assert all(axis.bbox.x0 <= box.x0 and box.x1 <= axis.bbox.x1 for box in boxes)


def test_long_labels_take_two_lines_and_keep_the_condition():
    figure = drawn({"nounpp": LONG_LABEL, "simple": "W" * 60})
    check_texts(figure)
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert [name.count("\n") for name in names] == [1, 1, 1]
    assert [name.rpartition("  ")[2] for name in names] == ["S", "SP", "PS"]


def test_without_units_there_is_no_figure():
    with pytest.raises(NotRun, match="no unit of this model was ablated"):
        units_at_a_glance({"zero": table(range(1, 3)).iloc[:0].assign(drop=[])}, SIZES)


def test_the_figure_of_results_says_how_it_was_made():
    rows = pa.Table.from_pandas(table(range(1, 101)), preserve_index=False)
    accuracy = {"zero": Result(rows, make_metadata(checkpoint_sha256="c"))}
    criteria = {"relative_drop": 0.1, "maximum_q": 0.05}
    found = units_figure(accuracy, SIZES, Result({"units": []}), labels={}, **criteria)
    assert len(found.content.axes) == 2
    assert (found.metadata["checkpoint_sha256"], found.config) == ("c", criteria)
