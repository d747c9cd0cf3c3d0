"""The figure of contributions: what is drawn where, names, one size of text, no overlap."""

import numpy as np
import pytest
from support.figure_checks import LONG_LABEL, check_texts
from support.made_contributions import SUM, UNITS, made_contributions

from lstm_units.analyses.contributions.figure import draw_contributions
from lstm_units.analyses.contributions.summary import summarise_contributions
from lstm_units.errors import UserError

EIGHT = ("SSS", "SSP", "SPS", "SPP", "PSS", "PSP", "PPS", "PPP")
TASKS = {
    "simple": made_contributions(("S", "P")),
    "nounpp": made_contributions(seed=1),
    "double": made_contributions(EIGHT),
}
LABELS = {"nounpp": "nounPP", "double": "double subject relative"}
NO_UNITS = {**UNITS, "long_range": [], "short_range": []}


def summary(tasks=TASKS, units=UNITS):
    return summarise_contributions(tasks, units, samples=200, seed=1)


@pytest.fixture(scope="module")
def table():
    return summary()


@pytest.fixture(scope="module")
def figure(table):
    return draw_contributions(table, UNITS, LABELS)


@pytest.fixture(scope="module")
def panels(figure):
    """The two panels of nounPP: means, and shares below them."""
    place = [axis.get_title() for axis in figure.axes].index("nounPP")
    return figure.axes[place : place + 2]


@pytest.fixture(scope="module")
def rows(table):
    """What the panels of nounPP show."""
    every = (table[["condition", "answer"]] == "all").any(axis=1)
    return table[(table["task"] == "nounpp") & ~every]


def marks(axis):
    return [line for line in axis.lines if line.get_marker() not in ("None", "")]


def heights(lines):
    return sorted(float(line.get_ydata()[0]) for line in lines)


def legend_names(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_each_task_has_a_panel_of_means_and_one_of_shares(figure):
    titles = [axis.get_title() for axis in figure.axes]
    assert [title for title in titles if title] == ["simple", *LABELS.values()]
    labels = {axis.get_ylabel().replace("\n", " ") for axis in figure.axes}
    assert labels == {"mean contribution (nats)", "points right (%)", ""}
    assert any("rightly : wrongly" in text.get_text() for text in figure.texts)


def test_marks_stand_at_the_means_and_shares_of_the_table(figure, panels, rows):
    means, shares = panels
    drawn = heights(marks(means))
    np.testing.assert_allclose(drawn, np.sort(rows[[*SUM, "margin"]].to_numpy().ravel()))
    assert len({axis.get_ylim() for axis in figure.axes if axis.get_title()}) == 1
    low, high = means.get_ylim()
    assert low < min(drawn) and max(drawn) < high
    for kind, crosses in (("right", False), ("right_without_constant", True)):
        found = heights(line for line in marks(shares) if (line.get_marker() == "x") == crosses)
        expected = rows[[f"{group}_{kind}" for group in ("long_range", "short_range")]]
        np.testing.assert_allclose(found, np.sort(100 * expected.to_numpy().ravel()))


def test_marks_of_shares_do_not_touch_side_by_side(figure):
    figure.draw_without_rendering()
    for axis in figure.axes:
        if not axis.get_title():
            places = sorted(float(line.get_xdata()[0]) for line in marks(axis))
            inches = axis.bbox.width / figure.dpi / (axis.get_xlim()[1] - axis.get_xlim()[0])
            assert 72 * inches * np.diff(places).min() > 3.9  # points; marks are 3.2 and an edge


def test_right_answers_are_filled_on_the_left_and_wrong_ones_hollow_on_the_right(panels):
    for line in marks(panels[0]):
        offset = line.get_xdata()[0] - round(float(line.get_xdata()[0]))
        assert (line.get_markerfacecolor() == "white") == (offset > 0)


def test_parts_differ_in_colour_and_marker(panels):
    looks = {(line.get_color(), line.get_marker()) for line in marks(panels[0])}
    assert len(looks) == len({c for c, _ in looks}) == len({m for _, m in looks}) == 5


def test_conditions_are_labelled_with_their_counts(panels):
    names = [label.get_text() for label in panels[1].get_xticklabels()]
    assert names == [f"{name}\n20 : 10" for name in ("SS", "SP", "PS", "PP")]


def test_the_legend_names_parts_and_numbers_of_units(figure):
    names = legend_names(figure)
    assert names[:2] == ["1 long-range unit", "2 short-range units"]
    assert len(names) == 7 and "without its constant preference" in names


def test_a_group_without_units_is_not_drawn():
    tasks = {"nounpp": made_contributions()}
    units = {**UNITS, "long_range": []}
    figure = draw_contributions(summary(tasks, units), units)
    assert legend_names(figure)[0] == "no long-range unit"
    assert len(marks(figure.axes[1])) == 8 * 2  # of the short-range units
    figure = draw_contributions(summary(tasks, NO_UNITS), NO_UNITS)
    assert [axis.get_title() for axis in figure.axes] == ["nounpp"]
    assert figure.axes[0].get_xticklabels()[0].get_text() == "SS\n20 : 10"
    assert len(marks(figure.axes[0])) == 8 * 3


def test_without_a_constant_there_is_no_cross():
    items = made_contributions().assign(subject_number=None)
    figure = draw_contributions(summary({"nounpp": items}), UNITS)
    assert len(marks(figure.axes[1])) == 4 * 2 * 2
    assert not any("constant" in name for name in legend_names(figure))


@pytest.mark.parametrize("units", [UNITS, NO_UNITS])
def test_texts_have_one_size_do_not_overlap_and_lie_inside(units):
    others = {
        name: made_contributions(("S", "P"), seed=2)
        for name in ("adv", "adv_adv", "adv_conjunction")
    }
    table = summary({**TASKS, **others}, units)
    table["n"] *= 97  # large counts
    figure = draw_contributions(table, units, LABELS)
    check_texts(figure)
    long = {task: LONG_LABEL.format(task) for task in (*TASKS, *others)}
    check_texts(draw_contributions(table, units, long))
    conditions = {"S": "singular_subject_without_attractor"}
    check_texts(draw_contributions(table.replace({"condition": conditions}), units, long))
    legend = figure.legends[0].get_window_extent()
    assert all(axis.get_window_extent().y0 > legend.y1 for axis in figure.axes)


def test_an_empty_table_is_refused(table):
    with pytest.raises(UserError, match="no contributions to draw"):
        draw_contributions(table.iloc[:0], UNITS)
