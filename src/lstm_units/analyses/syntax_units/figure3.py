"""Figure 3: the cell of one unit over several structures, from the subject to the verb and beyond.

Lakretz et al. 2019, Fig. 3, shows the syntax unit in four structures.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lstm_units.activations.reader import ActivationDump
from lstm_units.analyses.syntax_units.dependency_span import SIDES
from lstm_units.errors import NotRun
from lstm_units.io.results import Result, made_from
from lstm_units.plots.labels import LINE, lines, wrapped
from lstm_units.plots.legends import draw_legend, legend_height
from lstm_units.plots.marks import NUMBERS
from lstm_units.plots.style import (
    GREY,
    TEXT_WIDTH,
    axes_at,
    house_style,
    new_figure,
    open_axes,
    sentence_figure,
)
from lstm_units.plots.words import (
    dot_word,
    dotted_handle,
    shade_words,
    shaded_handle,
    word_axis,
    words_height,
    words_left,
)
from lstm_units.stimuli.aligned_items import AlignedItems

_LINES = {"singular": "-", "plural": "--"}
_PANEL, _HEADER, _LEFT, _GAP = 0.85, 0.32, 0.42, 0.2  # inches


def figure3(
    dumps: Sequence[ActivationDump],
    items: Sequence[AlignedItems],
    syntax: Result,
    labels: Mapping[str, str],
) -> Result:
    """Draw Figure 3: the cell of the first syntax unit over the structures.

    Where no syntax unit was found, the unit whose coefficient deviates most stands in; the title
    says so. Where there is no such unit either, or the layer of the unit was not dumped, the figure
    is a sentence that says so and what to do.

    Parameters
    ----------
    dumps, items
        Of the structures, in the order of the panels; as for
        `lstm_units.analyses.syntax_units.dependency_span.dependency_spans`.
    syntax : Result
        From `lstm_units.analyses.syntax_units.syntax_units.find_syntax_units`.
    labels : mapping of str to str
        Title of each task; its name by default.

    Returns
    -------
    Result
        A figure.

    Raises
    ------
    UserError
        If the inputs come from different models, or no cell was dumped.
    """
    found = syntax.content
    entry = found["top"] or found["nearest"]
    if entry is None:
        figure = sentence_figure(
            "No unit to show: all that were regressed on depth are long-range units."
        )
        return _result(figure, dumps, syntax, None, found["verb"])
    unit, layer = int(entry["unit"]), int(entry["layer"])
    title = f"unit {unit} (layer {layer}), "
    if found["top"] is None:
        title += "nearest to a syntax unit (criteria not met)"
    elif len(found["units"]) == 1:
        title += "syntax unit"
    else:
        title += f"best of {len(found['units'])} syntax units"
    if any(layer not in dump.layers for dump in dumps):
        figure = sentence_figure(f"Not drawn: {title}. The cells of layer {layer} were not dumped.")
    else:
        auc = {task: {side: entry[side][task] for side in SIDES} for task in entry["auc"] or {}}
        structures = _structures(dumps, items, unit, auc, labels)
        figure = dependency_figure(structures, title, verb=found["verb"])
    return _result(figure, dumps, syntax, unit, found["verb"])


def unit_figure(
    dumps: Sequence[ActivationDump],
    items: Sequence[AlignedItems],
    span: Result,
    unit: int,
    labels: Mapping[str, str],
) -> Result:
    """Draw the same for any unit.

    Parameters
    ----------
    dumps, items, labels
        Those of `figure3`.
    span : Result
        From `lstm_units.analyses.syntax_units.dependency_span.dependency_spans`; rows of other
        units may be missing.
    unit : int
        1-based.

    Raises
    ------
    UserError
        If `span` does not hold the unit, or the inputs come from different models.
    """
    rows = span.frame[span.frame["unit"] == unit]
    if rows.empty:
        raise NotRun(
            f"{span.source} holds no unit {unit}; its number must be one of the model's, and its "
            "layer one of those whose activations were dumped"
        )
    first = rows.iloc[0]
    higher = first["sign"] > 0
    auc = {
        str(row["task"]): {side: row[side] if higher else 1 - row[side] for side in SIDES}
        for row in rows.to_dict("records")
    }
    title = f"unit {unit} (layer {first['layer']}), score {first['score']:.2f}"
    verb = span.config["verb"]
    structures = _structures(dumps, items, unit, auc, labels)
    return _result(dependency_figure(structures, title, verb=verb), dumps, span, unit, verb)


def _structures(dumps, items, unit: int, auc, labels) -> list["Structure"]:
    return [
        Structure(
            label=labels.get(dump.task, dump.task),
            words=some.words,
            subject=some.subject_position,
            verb=some.verb_position,
            course=cell_course(dump, some, unit),
            auc=auc.get(dump.task, {}),
        )
        for dump, some in zip(dumps, items, strict=True)
    ]


def _result(figure: Figure, dumps, source: Result, unit: int | None, verb: str) -> Result:
    config = {"unit": unit, "structures": [dump.task for dump in dumps], "verb": verb}
    return Result(figure, made_from(*dumps, source, kind="figure 3", config=config), "Figure 3")


@dataclass(frozen=True)
class Structure:
    """One panel of the figure.

    Parameters
    ----------
    label : str
        Title.
    words : tuple of str
        An example sentence.
    subject, verb : int
        0-based positions.
    course : DataFrame
        From `cell_course`.
    auc : mapping of str to float
        ``auc, auc_before, auc_after`` of the unit, read with its sign; empty if not known.
    """

    label: str
    words: tuple[str, ...]
    subject: int
    verb: int
    course: pd.DataFrame
    auc: Mapping[str, float]


def cell_course(dump: ActivationDump, items: AlignedItems, unit: int) -> pd.DataFrame:
    """Mean and SD of the cell of a unit over the items, by number of the subject and position.

    Parameters
    ----------
    dump : ActivationDump
        Holds ``cell``.
    items : AlignedItems
        All items of the dump.
    unit : int
        1-based.

    Returns
    -------
    DataFrame
        ``number, position`` (0-based), ``n`` (items whose sentence is that long), ``mean, sd`` (of
        the sample; NaN below two items).

    Raises
    ------
    UserError
        If the dump lacks ``cell`` or the unit.
    """
    cell = dump.read("cell", units=[unit], items=items.item)[:, :, 0].astype(float)
    long = pd.DataFrame(
        {
            "number": np.repeat(items.subject_number, cell.shape[1]),
            "position": np.tile(np.arange(cell.shape[1]), len(cell)),
            "cell": cell.ravel(),
        }
    )
    table = long.groupby(["number", "position"])["cell"].agg(["count", "mean", "std"])
    table = table.rename(columns={"count": "n", "std": "sd"}).reset_index()
    return table[table["n"] > 0].reset_index(drop=True)


def dependency_figure(
    structures: Sequence[Structure],
    title: str,
    *,
    verb: str = "neither",
    width: float = TEXT_WIDTH,
) -> Figure:
    """Draw the cell of one unit word by word, one panel per structure.

    Lines are means over all items of one subject number, bands one SD to either side. The words
    inside the dependency are shaded, and the verb has a dotted line. All panels share one scale.

    Parameters
    ----------
    title : str
        Says which unit it is, and what.
    verb : {"neither", "inside", "outside"}
        Whether the shading includes the verb, as in
        `lstm_units.analyses.syntax_units.dependency_span.dependency_places`.
    width : float
        Inches; two panels side by side if it is the width of the text.
    """
    columns = min(2 if width > 5 else 1, len(structures))
    rows = -(-len(structures) // columns)
    limits = _limits([structure.course for structure in structures])
    with house_style():
        handles = _handles(structures, width > 5)
        # Slanted words below each row of panels.
        labels = [
            max(words_height(s.words) for s in structures[row * columns : (row + 1) * columns])
            for row in range(rows)
        ]

        def panel_from(left: float) -> float:
            return (width - left - 0.06 - (columns - 1) * _GAP) / columns

        left = max(words_left(s.words, _LEFT, panel_from) for s in structures)
        panel = panel_from(left)
        names = [wrapped(structure.label, panel) for structure in structures]
        header = _HEADER + LINE * (lines(*names) - 1)
        legend, top = legend_height(handles, width), 0.2
        footer = legend + 0.15
        height = top + rows * (header + _PANEL) + sum(labels) + footer
        figure = new_figure(width, height)
        figure.text(0.5, 1 - 0.05 / height, title, ha="center", va="top")
        upper = height - top
        for place, structure in enumerate(structures):
            row, column = divmod(place, columns)
            lower = upper - sum(labels[:row]) - (row + 1) * (header + _PANEL)
            axis = axes_at(figure, left + column * (panel + _GAP), lower, panel, _PANEL)
            _draw(axis, structure, names[place], limits, verb)
            if column == 0:
                axis.set_ylabel("cell")
            else:
                axis.tick_params(labelleft=False)
        figure.text(0.5, (legend + 0.02) / height, "word of an example", ha="center", va="bottom")
        draw_legend(figure, handles)
    return figure


def _limits(courses: Sequence[pd.DataFrame]) -> tuple[float, float]:
    every = pd.concat(courses)
    mean, sd = every["mean"].to_numpy(float), every["sd"].fillna(0).to_numpy(float)
    low, high = float((mean - sd).min()), float((mean + sd).max())
    margin = 0.06 * (high - low) or 1.0
    return low - margin, high + margin


def _draw(
    axis: Axes, structure: Structure, name: str, limits: tuple[float, float], verb: str
) -> None:
    last = structure.verb if verb == "inside" else structure.verb - 1
    shade_words(axis, structure.subject, last)
    dot_word(axis, structure.verb)
    if limits[0] < 0 < limits[1]:
        axis.axhline(0, color=GREY, linewidth=0.4, zorder=0)
    for number, mark in NUMBERS.items():
        line = structure.course[structure.course["number"] == number].sort_values("position")
        x, mean, sd = (line[name].to_numpy(float) for name in ("position", "mean", "sd"))
        axis.fill_between(
            x, mean - sd, mean + sd, color=mark.color, alpha=0.2, linewidth=0, zorder=2
        )
        axis.plot(x, mean, **mark.style(2.6), linestyle=_LINES[number], linewidth=0.9, zorder=3)
    axis.set_xlim(-0.6, len(structure.words) - 0.4)
    axis.set_ylim(*limits)
    word_axis(axis, structure.words)
    axis.yaxis.set_major_locator(mpl.ticker.MaxNLocator(nbins=4, steps=[1, 2, 5, 10]))
    open_axes(axis)
    note = name
    if structure.auc:
        note += "\nAUC {auc:.2f} (before {auc_before:.2f}, after {auc_after:.2f})".format(
            **structure.auc
        )
    axis.set_title(note, linespacing=1.15)


def _handles(structures: Sequence[Structure], wide: bool) -> list:
    there = {number for structure in structures for number in structure.course["number"]}
    handles: list = [
        mark.handle(
            2.6,
            f"{number} subject, mean ± SD" if wide else f"{number}, mean ± SD",
            linestyle=_LINES[number],
            linewidth=0.9,
        )
        for number, mark in NUMBERS.items()
        if number in there
    ]
    handles.append(shaded_handle("inside the dependency" if wide else "inside"))
    handles.append(dotted_handle("main verb"))
    return handles
