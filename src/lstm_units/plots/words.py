"""The axis of words, and what stands out among them.

Words are slanted; those of more than 24 letters are cut.
"""

from collections.abc import Callable, Collection, Sequence

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from lstm_units.plots.labels import cut, letters
from lstm_units.plots.style import GREY, LIGHT_GREY

_SHADE = {"color": LIGHT_GREY, "linewidth": 0}
_DOT = {"color": GREY, "linewidth": 0.6, "linestyle": ":"}
_BOLD = 1.12  # width of bold letters, in plain ones
_MOST = 24  # letters
_SLANTED = 0.041  # inches across and down, of a letter


def words_height(words: Sequence[str], bold: bool = False) -> float:
    """Return the inches that slanted words take below their axis."""
    return 0.1 + _SLANTED * max(map(letters, shown_words(words))) * (_BOLD if bold else 1)


def words_left(
    words: Sequence[str],
    left: float,
    panel: Callable[[float], float],
    bold: bool = False,
    edge: float = 0.6,
) -> float:
    """Return where an axis of words starts so that none of them begins beyond the page.

    Parameters
    ----------
    left : float
        Inches from the edge of the page if no word needs more.
    panel : callable
        Returns the width of the axis, in inches, from where it starts.
    edge : float
        From the start of the axis to its first word, in places of words.
    """
    start = left
    for _ in range(4):  # the axis gets shorter as it starts further right
        each = panel(start) / (len(words) - 1 + 2 * edge)
        beyond = (
            _SLANTED * letters(word) * (_BOLD if bold else 1) - (edge + place) * each
            for place, word in enumerate(shown_words(words))
        )
        start = max(left, 0.05 + max(beyond))
    return start


def shown_words(words: Sequence[str]) -> list[str]:
    """Return words as they are written at an axis."""
    return [cut(word, _MOST) for word in words]


def word_axis(
    axis: Axes,
    words: Sequence[str],
    positions: Sequence[int] | None = None,
    bold: Collection[int] = (),
) -> None:
    """Write slanted words below the places of a horizontal axis.

    Parameters
    ----------
    positions : sequence of int, optional
        Where each stands; from 0 by default.
    bold : collection of int
        Positions of words in bold.
    """
    positions = range(len(words)) if positions is None else positions
    axis.set_xticks(positions, shown_words(words))
    for position, label in zip(positions, axis.get_xticklabels(), strict=True):
        label.set(rotation=45, ha="right", rotation_mode="anchor")
        if position in bold:
            label.set_fontweight("bold")


def shade_words(axis: Axes, first: int, last: int | None = None) -> None:
    """Shade a word, or all words from one to another."""
    last = first if last is None else last
    axis.axvspan(first - 0.4, last + 0.4, zorder=0, **_SHADE)


def dot_word(axis: Axes, position: int) -> None:
    """Draw a dotted line at a word."""
    axis.axvline(position, zorder=0, **_DOT)


def shaded_handle(label: str) -> Patch:
    """Return the entry of a legend for shaded words."""
    return Patch(label=label, **_SHADE)


def dotted_handle(label: str) -> Line2D:
    """Return the entry of a legend for words at a dotted line."""
    return Line2D([], [], label=label, **_DOT)
