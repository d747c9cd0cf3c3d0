"""Numbers beside marks: they cover nothing, and none is lost."""

import itertools

import numpy as np
import pytest
from matplotlib.text import Text

from lstm_units.plots.numbers import draw_numbers, spread_levels
from lstm_units.plots.style import house_style, new_figure

SIZE, MARK = np.array([150.0, 100.0]), 3.0  # points


@pytest.mark.parametrize("with_bars", [False, True])
def test_numbers_cover_no_mark_bar_or_other_number_and_the_rest_is_counted(with_bars):
    rng = np.random.default_rng(0)
    floor = np.where(np.arange(30) % 2, 40.0, 10.0) if with_bars else np.zeros(30)
    places = rng.uniform([60, 45], [100, 60], (40, 2))
    marks = dict(enumerate(places, start=1000))
    first = {1030, 1039}
    with house_style():
        figure = new_figure(*SIZE / 72)
        axis = figure.add_axes((0, 0, 1, 1))
        draw_numbers(axis, marks, SIZE, mark=MARK, first=first, floor=floor)
        figure.draw_without_rendering()
    shown = [text for text in axis.texts if text.get_text().isdigit()]
    (counted,) = [text.get_text() for text in axis.texts if "without number" in text.get_text()]
    assert len(shown) + int(counted[1:].split()[0]) == len(marks)
    assert 8 <= len(shown) < len(marks)
    assert first <= {int(text.get_text()) for text in shown}
    scale = 72 / figure.dpi
    boxes = [Text.get_window_extent(text).shrunk(0.98, 0.8) for text in shown]
    for one, other in itertools.combinations(boxes, 2):
        assert not one.overlaps(other)
    bars = floor.repeat(5)  # by points across
    for box in boxes:
        left, right, low = box.x0 * scale, box.x1 * scale, box.y0 * scale
        assert not any(box.contains(*point / scale) for point in places)
        assert left >= 0 and right <= SIZE[0]
        assert bars[int(left) : int(right)].max() <= low + 1


def test_a_dot_is_covered_only_where_there_is_no_other_room():
    point, dots = np.array([75.0, 50.0]), np.array([[90.0, 50.0], [60.0, 50.0]])
    figure = new_figure(*SIZE / 72)
    axis = figure.add_axes((0, 0, 1, 1))
    draw_numbers(axis, {7776: point}, SIZE, mark=MARK, dots=dots)
    offset = np.array(axis.texts[0].xyann)
    assert abs(offset[1]) > 3  # above or below, between the dots
    everywhere = np.array(list(itertools.product(range(0, 150, 4), range(0, 100, 4))), float)
    draw_numbers(axis, {7776: point}, SIZE, mark=MARK, dots=everywhere)
    assert axis.texts[1].get_text() == "7776"


def test_a_column_of_numbers_keeps_the_order_of_its_marks_and_their_distance():
    levels = spread_levels(np.array([9.0, 8.9, 8.8, 4.0]), 3.0, 10.0, 1.0)
    assert levels.tolist() == [9.0, 8.0, 7.0, 4.0]
    assert len(spread_levels(np.linspace(9, 8, 20), 3.0, 10.0, 1.0)) == 8
