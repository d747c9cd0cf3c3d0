"""Figures as data URIs, so that a page needs no other file."""

import base64
import io
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from PIL import Image

from lstm_units.io.figure_style import STYLE

_DPI = 160
_COLORS = 256  # of the palette: makes a figure of lines and bands a third as large
_PIXELS_PER_INCH = 130  # on the page: text of 7 points is then as large as small print


def inline_png(figure: Figure) -> dict[str, Any]:
    """Return a figure as a PNG of few colours in a data URI.

    Parameters
    ----------
    figure : Figure

    Returns
    -------
    dict
        ``uri``; ``width`` and ``height`` in pixels of the page. Equal figures give equal text.
    """
    drawn, packed = io.BytesIO(), io.BytesIO()
    with mpl.rc_context(STYLE):
        figure.savefig(drawn, format="png", dpi=_DPI, metadata={"Software": None})
    image = Image.open(drawn).convert("RGB").quantize(_COLORS, dither=Image.Dither.NONE)
    image.save(packed, "PNG", optimize=True)
    width, height = figure.get_size_inches() * _PIXELS_PER_INCH
    return {
        "uri": "data:image/png;base64," + base64.b64encode(packed.getvalue()).decode("ascii"),
        "width": round(width),
        "height": round(height),
    }
