"""What all figures share: fonts, colours, layout constants, and how they are written to files.

Nothing here touches pyplot, so no figure is left open and no global style is changed.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lstm_units.errors import UserError
from lstm_units.io.files import atomic_path
from lstm_units.io.results import Result

FONT_SIZE = 7.0  # points, for every text
STYLE = {"font.size": FONT_SIZE, "font.family": "DejaVu Sans", "axes.linewidth": 0.6}
COLUMN_WIDTH, TEXT_WIDTH = 3.03, 6.3  # inches, of a two-column paper
GREY, LIGHT_GREY, BLACK = "#8c8c8c", "#e6e6e6", "#000000"
# Okabe and Ito's palette, which colour-blind readers can tell apart; marks differ in shape too.
SINGULAR, PLURAL = "#D55E00", "#0072B2"
GREEN, PINK, SKY, YELLOW, ORANGE = "#009E73", "#CC79A7", "#56B4E9", "#F0E442", "#E69F00"


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure that needs no display; draw in it within `STYLE`.

    Parameters
    ----------
    width, height : float
        Inches.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Figure, path: str | Path, metadata: Mapping[str, Any]) -> None:
    """Write a figure as PDF or PNG, with metadata in the file; equal figures give equal bytes.

    Parameters
    ----------
    figure : Figure
    path : path
        Ends in ``.pdf`` or ``.png``.
    metadata : mapping
        From `lstm_units.io.files.make_metadata`; JSON in the PDF's Keywords or the PNG's
        Description.

    Raises
    ------
    UserError
        If the suffix is another one.
    """
    note = json.dumps(dict(metadata), sort_keys=True)
    suffix = Path(path).suffix
    # Neither a date nor the version of matplotlib: they would change the bytes of equal figures.
    fields = {
        ".pdf": {"Creator": None, "Producer": None, "CreationDate": None, "Keywords": note},
        ".png": {"Software": None, "Description": note},
    }
    if suffix not in fields:
        raise UserError(f"cannot write a figure to {path}: the name must end in .pdf or .png")
    with mpl.rc_context(STYLE), atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=300, metadata=fields[suffix])


def write_figure(figure: Result, paths: Iterable[str | Path]) -> None:
    """Write a figure, the content of a result, in each format that a path's suffix names.

    Raises
    ------
    UserError
        As `save_figure`.
    """
    for path in paths:
        save_figure(figure.content, path, figure.metadata)
