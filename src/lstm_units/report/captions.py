"""Captions of the figures, from the rooms that draw them."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from lstm_units.config.rooms import Figure, rooms
from lstm_units.io.captions import About, Caption
from lstm_units.io.result_files import ResultFiles
from lstm_units.io.wording import capital


def drawn_by(stem: str, files: ResultFiles) -> tuple[str, Figure] | None:
    """Return the room that draws a figure, and its entry there; None for one that none draws.

    Parameters
    ----------
    stem : str
        Its path under ``figures/``, without the ending.
    files : ResultFiles
        Of the model.
    """
    for room in rooms():
        for figure in room.figures:
            needed = figure.drawn_from
            if figure.matches(stem) and (not needed or files.matching(needed.format(stem))):
                return room.name, figure
    return None


def figure_caption(
    stem: str, files: ResultFiles, labels: Mapping[str, str], config: Mapping[str, Any]
) -> Caption:
    """Caption a figure of a model.

    Parameters
    ----------
    stem : str
        Its path under ``figures/``, without the ending.
    files : ResultFiles
        Of the model.
    labels : mapping of str to str
        Names of tasks in print.
    config : mapping
        The whole configuration, for thresholds that the files do not tell.

    Returns
    -------
    Caption
        A plain one for a figure that is not known.
    """
    found = drawn_by(stem, files)
    if found is not None:
        room, figure = found
        captions = import_module(f"lstm_units.analyses.{room}.captions")
        return getattr(captions, figure.caption)(About(files, labels, config), stem)
    title = capital(stem.rsplit("/", 1)[-1].replace("_", " "))
    return Caption(title, (), f"Figure: {title}")
