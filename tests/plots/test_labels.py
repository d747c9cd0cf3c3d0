"""Labels that fit: their width, lines, what is cut, and where an axis of words starts."""

import pytest

from lstm_units.plots.labels import cut, inches, letters, lines, wrapped
from lstm_units.plots.style import house_style, new_figure
from lstm_units.plots.words import shown_words, words_left

NO_FONT_HAS_IT = "\U0010fffd" * 10


@pytest.mark.parametrize("text", ["object relative", "WWW", "Ελλάδα", NO_FONT_HAS_IT, "i\nwider"])
def test_the_width_of_a_text_is_that_of_the_drawn_one(text):
    with house_style():
        figure = new_figure(5, 1)
        drawn = figure.text(0.1, 0.1, text)
        figure.canvas.draw()
    assert inches(text) == pytest.approx(drawn.get_window_extent().width / figure.dpi, rel=0.06)


def test_capitals_and_boxes_count_as_more_letters():
    assert letters("object relative") == 15
    assert letters("W" * 15) > 22
    assert letters(NO_FONT_HAS_IT) > 16


@pytest.mark.parametrize("letter", ["x", "W", "文"])
def test_what_is_wider_is_broken_or_cut(letter):
    assert wrapped("nounPP", 1) == cut("nounPP", 10) == "nounPP"
    text = f"a task {letter * 40} with one long word"
    assert inches(wrapped(text, 1.0)) <= 1.0
    assert wrapped(text, 1.0).replace("\n", "").replace(" ", "") == text.replace(" ", "")
    assert lines("one", wrapped(text, 1.0)) > 3
    shown = cut(letter * 40, 24)
    assert shown.endswith("…") and set(shown[:-1]) == {letter}
    assert inches(shown) <= 24 * 0.056


def test_an_axis_starts_further_right_only_for_words_that_need_it():
    words = ["The", "boy", "greets", "them"]
    assert words_left(words, 0.5, lambda left: 3 - left) == 0.5
    words[0] = "x" * 40
    start = words_left(words, 0.5, lambda left: 3 - left)
    first = start + 0.6 * (3 - start) / 4.2
    assert first - 0.041 * letters(shown_words(words)[0]) == pytest.approx(0.05, abs=0.01)
