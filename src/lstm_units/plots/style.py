"""What all figures share: fonts, lines, places in inches, and how they are written to files.

Nothing here touches pyplot, so no figure is left open and no global style is changed. What stands
in the user's matplotlibrc changes no figure: all are made and drawn within `house_style`.
"""

import json
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from lstm_units.errors import UserError
from lstm_units.io.files import NOT_RUN, atomic_path
from lstm_units.io.not_run import because
from lstm_units.io.results import Result
from lstm_units.plots.fonts import FAMILY, FONT_SIZE, set_families
from lstm_units.plots.labels import LETTER, lines, wrapped

_STYLE = {
    # matplotlib's own defaults, but for the backend, which draws on screens only.
    **{k: v for k, v in mpl.rcParamsDefault.items() if not k.startswith("backend")},
    "font.size": FONT_SIZE,
    "font.family": [FAMILY],
    "axes.linewidth": 0.6,
    "axes.titlesize": FONT_SIZE,
    "axes.titlepad": 3,
    "axes.labelpad": 2,
    "figure.labelsize": FONT_SIZE,
    **{
        f"{axis}tick.major.{name}": value
        for axis in "xy"
        for name, value in (("size", 2), ("width", 0.6), ("pad", 2))
    },
    "legend.frameon": False,
    "legend.handletextpad": 0.4,
    "legend.columnspacing": 1.2,
    "legend.labelspacing": 0.25,
    "legend.borderaxespad": 0.2,
    "text.parse_math": False,  # words of a text may hold dollar signs
}
COLUMN_WIDTH, TEXT_WIDTH = 3.03, 6.3  # inches, of a two-column paper
GREY, LIGHT_GREY, BLACK = "#8c8c8c", "#e6e6e6", "#000000"
# Of values around a middle. Purple and green are apart for the colour-blind, and no unit's mark
# is purple or dark green.
DIVERGING = "PRGn"
_LETTERS = 17.5  # of a sentence in an inch


@contextmanager
def house_style() -> Iterator[None]:
    """Draw in the style of the project, whatever the user's is; that is as before afterwards."""
    with mpl.rc_context(_STYLE):
        yield


class HouseFigure(Figure):
    """A figure that is in the style of the project whenever and by whomever it is drawn.

    matplotlib makes ticks as it draws, and the canvas may be that of a notebook.
    """

    fonts_chosen = False

    def draw(self, renderer: Any) -> None:
        """Draw, in fonts that have all characters as far as there are such."""
        with house_style(), warnings.catch_warnings():
            # Once for each glyph, text and pass; `set_families` says it once.
            warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from font")
            if not self.fonts_chosen:
                set_families(self.findobj(Text))
                self.fonts_chosen = True
            super().draw(renderer)


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure that needs no display; draw in it within `house_style`.

    Parameters
    ----------
    width, height : float
        Inches.
    """
    figure = HouseFigure(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure


def axes_at(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Add axes at a place in inches from the lower left of the page."""
    wide, high = figure.get_size_inches()
    return figure.add_axes((left / wide, bottom / high, width / wide, height / high))


def open_axes(axis: Axes) -> None:
    """Take away the lines above and to the right."""
    axis.spines[["top", "right"]].set_visible(False)


def sentence_figure(sentence: str, width: float = TEXT_WIDTH) -> Figure:
    """Say in a figure, in whole sentences, why there is nothing to draw.

    Parameters
    ----------
    width : float
        Inches.
    """
    broken = wrapped(sentence, (int(width * _LETTERS) + 0.5) * LETTER)
    with house_style():
        figure = new_figure(width, 0.4 + 0.13 * lines(broken))
        figure.text(0.5, 0.5, broken, ha="center", va="center")
    return figure


def write_no_figure(metadata: Mapping[str, Any], paths: Iterable[str | Path]) -> None:
    """Write a figure that says why there is none; see `lstm_units.io.not_run.or_not_run`."""
    sentence = because("This figure", metadata[NOT_RUN])
    write_figure(Result(sentence_figure(sentence), metadata), paths)


def save_figure(figure: Figure, path: str | Path, metadata: Mapping[str, Any]) -> None:
    """Write a figure as PDF or PNG, with metadata in the file; equal figures give equal bytes.

    Parameters
    ----------
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
    with house_style(), atomic_path(path) as temporary:
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
