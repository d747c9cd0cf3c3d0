"""Captions of the figures, from the rooms that draw them."""

import re
from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from lstm_units.config.rooms import Figure, room_of_table, rooms
from lstm_units.io.captions import About, Caption
from lstm_units.io.not_run import because
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
        A plain one for a figure that is not known, or could not be drawn: it says why.
    """
    title = capital(stem.rsplit("/", 1)[-1].replace("_", " "))
    for why in files.why_not([f"figures/{stem}.png"]):
        return Caption(title, (said := because("This figure", why),), said)
    found = drawn_by(stem, files)
    if found is not None:
        room, figure = found
        captions = import_module(f"lstm_units.analyses.{room}.captions")
        return getattr(captions, figure.caption)(About(files, labels, config), stem)
    return Caption(title, (), f"Figure: {title}")


def described(
    paths: Iterable[str],
    folder: Path,
    known: Iterable[str],
    labels: Mapping[str, str],
    config: Mapping[str, Any],
) -> str:
    """Caption figures and tables in reStructuredText, as the report of Snakemake wants it.

    Parameters
    ----------
    paths : iterable of str
        Of a job's outputs; those that are no PNG and no CSV are passed over.
    folder : Path
        Of the model.
    known : iterable of str
        The files that belong to the run.
    labels, config
        Of `figure_caption`.
    """
    files = ResultFiles.among(folder, known)
    said: list[str] = []
    for path in map(Path, paths):
        if path.suffix == ".png":
            stem = path.relative_to(folder / "figures").with_suffix("").as_posix()
            caption = figure_caption(stem, files, labels, config)
            said += [f"**{_escaped(caption.title)}**", *map(_escaped, caption.sentences)]
        elif path.suffix == ".csv":
            entry = next(t for t in room_of_table(path.stem).tables if t.name == path.stem)
            name = f"tables/{path.stem}.json"
            legend = (files.json(name) or {}).get("legend", ())
            legend = legend or [because("This table", why) for why in files.why_not([name])]
            said += [f"**{_escaped(entry.title)}**", *map(_escaped, legend)]
    return "\n\n".join(said)


def _escaped(text: str) -> str:
    return re.sub(r"([\\*`|_])", r"\\\1", text)
