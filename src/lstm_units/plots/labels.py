"""Labels that fit, however long words of the data are: their width, broken into lines, or cut."""

import textwrap
import unicodedata
from functools import cache

from matplotlib.font_manager import get_font
from matplotlib.ft2font import LoadFlags

from lstm_units.plots.fonts import FAMILY, FONT_SIZE, families, file_of, has

LETTER = 0.056  # inches, of a letter in lower case
LINE = 0.12  # inches from one line of text to the next
_BOX = 1.15  # times the size of the font: what stands for a character that no font has
_ROOM = 1.5  # letters that every margin has room for; capitals need more, and those of East Asia


def letters(text: str) -> float:
    """Return the width of a text in letters of lower case: as many as it has, or more."""
    measured = _measured(text)
    return 1.05 * measured if measured > len(text) + _ROOM else len(text)


def inches(text: str) -> float:
    """Return the width of a text as it is drawn, that of its widest line."""
    # Hinting, to whole pixels of a screen, adds a little.
    return 1.02 * max(sum(map(_advance, line)) for line in text.split("\n")) / 72


def cut(text: str, most: float) -> str:
    """Return a text, its end replaced by an ellipsis if it is wider than `most` letters."""
    if letters(text) <= most:
        return text
    while text and _measured(f"{text}…") > most:
        text = text[:-1]
    return f"{text.rstrip()}…"


def wrapped(text: str, width: float) -> str:
    """Break a text into lines of at most so many inches, long words too."""
    fit = width / LETTER
    if letters(text) <= fit:
        return text
    broken = [text]
    for most in range(max(1, int(fit)), 0, -1):
        broken = textwrap.wrap(text, most)
        if all(_measured(line) <= fit for line in broken):
            break
    return "\n".join(broken)


def lines(*texts: str) -> int:
    """Return the number of lines of the text that has most, at least 1."""
    return 1 + max((text.count("\n") for text in texts), default=0)


def _measured(text: str) -> float:
    return max(len(text), inches(text) / LETTER)


@cache
def _advance(char: str) -> float:
    """Width of a character in points, in the first font that has it."""
    if unicodedata.combining(char):
        return 0.0
    paths = map(file_of, (FAMILY, *families(frozenset([char]))))
    path = next((path for path in paths if has(path, char)), None)
    if path is None:
        return _BOX * FONT_SIZE
    font = get_font(path)
    glyph = font.load_glyph(font.get_char_index(ord(char)), LoadFlags.NO_SCALE)
    return FONT_SIZE * glyph.horiAdvance / font.units_per_EM
