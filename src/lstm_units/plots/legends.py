"""Legends below the panels."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.legend_handler import HandlerTuple

from lstm_units.plots.labels import LETTER, cut, letters

_ROW = 0.15  # inches
_HANDLE = 0.5  # inches, of an entry without its label


def legend_columns(handles: Sequence[Any], width: float) -> int:
    """Return how many entries fit side by side in a legend of `width` inches."""
    for columns in range(len(handles), 1, -1):
        widths = [letters(_label(handle)) for handle in handles]
        parts = np.array_split(widths, columns)  # as it does
        longest = (max(part) for part in parts)
        if sum(_HANDLE + LETTER * wide for wide in longest) <= width - 0.1:
            return columns
    return 1


def legend_height(handles: Sequence[Any], width: float, columns: int | None = None) -> float:
    """Return the inches that `draw_legend` takes, from the bottom of the page up."""
    if not handles:
        return 0.0
    columns = columns or legend_columns(handles, width)
    return 0.03 + _ROW * -(-len(handles) // columns)


def draw_legend(
    figure: Figure, handles: Sequence[Any], columns: int | None = None, bottom: float = 0.0
) -> None:
    """Draw a legend in the middle of the page.

    Parameters
    ----------
    handles : sequence of Artist or (tuple of Artist, str)
        Entries with a label; a pair is several artists beside each other, and their label.
    columns : int, optional
        As many as fit by default.
    bottom : float
        Its lower edge, inches from that of the page.
    """
    if not handles:
        return
    width, height = figure.get_size_inches()
    most = (width - _HANDLE - 0.1) / LETTER
    figure.legend(
        [handle[0] if isinstance(handle, tuple) else handle for handle in handles],
        [cut(_label(handle), most) for handle in handles],
        handler_map={tuple: HandlerTuple(ndivide=None, pad=0)},
        loc="lower center",
        bbox_to_anchor=(0.5, (bottom + 0.02) / height),
        ncols=columns or legend_columns(handles, width),
        borderaxespad=0,
        borderpad=0.1,
    )


def _label(handle: Any) -> str:
    return handle[1] if isinstance(handle, tuple) else handle.get_label()
