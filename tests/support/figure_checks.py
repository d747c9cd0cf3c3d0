"""What every figure is held to: one size of text, nothing outside the page, nothing overlapping."""

from matplotlib.text import Text

from lstm_units.plots.style import FONT_SIZE, house_style

LONG_LABEL = "Relativsätze mit US$ 100% a_b und {0} langen Attraktoren am Ende"
LONG_WORDS = ("Donaudampfschifffahrtsgesellschaftskapitän", "W" * 40)


def with_long_words(words):
    """The words with long ones at the beginning, in the middle and at the end."""
    long = {0: 0, 1: 1, 3: 0, len(words) - 1: 1}
    return tuple(LONG_WORDS[long[n]] if n in long else word for n, word in enumerate(words))


def visible_texts(figure):
    """All texts but the labels of ticks beyond the limits, which are not drawn."""
    beyond = set()
    for axis in (line for axes in figure.axes for line in (axes.xaxis, axes.yaxis)):
        low, high = sorted(axis.get_view_interval())
        ticks = axis.get_major_ticks()
        beyond |= {tick.label1 for tick in ticks if not low <= tick.get_loc() <= high}
    texts = figure.findobj(lambda artist: isinstance(artist, Text) and artist not in beyond)
    return [text for text in texts if text.get_text().strip() and text.get_visible()]


def check_texts(figure):
    """One size, nothing outside the page, nothing upright on something else, legends included."""
    with house_style():  # ticks are made late
        figure.draw_without_rendering()
    texts = visible_texts(figure)
    assert {text.get_fontsize() for text in texts} == {FONT_SIZE}
    boxes, slanted = [], []
    for text in texts:
        box = text.get_window_extent()
        assert figure.bbox.x0 <= box.x0, text
        assert box.x1 <= figure.bbox.x1, text
        assert figure.bbox.y0 <= box.y0, text
        assert box.y1 <= figure.bbox.y1, text
        if text.get_rotation() in (0, 90):
            # An annotation's own extent contains its leader, which may pass below other numbers.
            boxes.append((text.get_text(), Text.get_window_extent(text)))
        else:  # their boxes overlap each other, the words do not
            slanted.append((text.get_text(), box))
    for place, (name, box) in enumerate(boxes):
        for other, other_box in boxes[place + 1 :]:
            assert not box.padded(-0.5).overlaps(other_box), (name, other)
    for name, box in slanted:
        for other, other_box in boxes:
            assert not box.overlaps(other_box), (name, other)
