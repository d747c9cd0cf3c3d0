"""Fonts for scripts that DejaVu Sans lacks: found among those installed, or their lack said.

DejaVu Sans comes with matplotlib and has Latin, Greek, Cyrillic, Hebrew, Arabic and others. What it
lacks, such as Chinese, Japanese, Korean and the scripts of India, is drawn in other families.
"""

import logging
import unicodedata
from collections.abc import Iterable
from functools import cache

from matplotlib.font_manager import FontProperties, fontManager, get_font
from matplotlib.text import Text

log = logging.getLogger(__name__)

FAMILY = "DejaVu Sans"
FONT_SIZE = 7.0  # points, for every text
_NO_TEXT = ("Last Resort", "LastResort")  # boxes that stand for characters


def set_families(texts: Iterable[Text]) -> None:
    """Give texts families that have their characters, as far as any is installed.

    Characters that no installed font has are named in the log, once for all texts together.

    Parameters
    ----------
    texts : iterable of Text
        Those of a figure.
    """
    texts = list(texts)
    wanted = set().union(*(text.get_text() for text in texts)) - {"\n"}
    lacking = frozenset(char for char in wanted if not has(file_of(FAMILY), char))
    if not lacking:
        return
    further = families(lacking)
    for text in texts:
        text.set_fontfamily([FAMILY, *further])
    missing = [
        char for char in sorted(lacking) if not any(has(file_of(name), char) for name in further)
    ]
    if missing:
        log.warning(
            "no installed font has %s%s: boxes stand in their place; install a font of that "
            "script, such as one of the Noto fonts, and draw the figure again",
            ", ".join(_shown(char) for char in missing[:20]),
            f" and {len(missing) - 20} more" if len(missing) > 20 else "",
        )


def _shown(char: str) -> str:
    code = f"U+{ord(char):04X}"
    return f"{char} ({code})" if char.isprintable() else f"{code} ({unicodedata.name(char, '?')})"


@cache
def families(lacking: frozenset[str]) -> tuple[str, ...]:
    """Choose families that have characters: those with most of them first, sans serif ones first.

    The same for the same fonts, whatever the order in which they were found.
    """
    upright = {
        font.name: font.fname
        for font in sorted(fontManager.ttflist, key=lambda font: (font.name, font.fname))
        if font.style == "normal" and not font.name.startswith((*_NO_TEXT, "cm", "STIX"))
    }
    chosen: list[str] = []
    left = set(lacking)
    while left:
        found = {name: sum(has(path, char) for char in left) for name, path in upright.items()}
        best = min(found, key=lambda name: (-found[name], "Sans" not in name, name), default=None)
        if best is None or not found[best]:
            break
        chosen.append(best)
        left -= {char for char in left if has(upright[best], char)}
    return tuple(chosen)


def file_of(family: str) -> str:
    """Return the path of an installed family's upright font."""
    return fontManager.findfont(FontProperties(family=family))


@cache
def has(path: str, char: str) -> bool:
    """Return whether a font, by its path, has a character."""
    return get_font(path).get_char_index(ord(char)) != 0
