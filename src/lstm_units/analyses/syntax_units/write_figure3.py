"""The steps that draw Figure 3: the cell of the syntax unit, or of any unit, over structures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from lstm_units.activations.layout import INDEX
from lstm_units.activations.reader import open_activations
from lstm_units.analyses.syntax_units.figure import (
    Structure,
    cell_course,
    dependency_figure,
    no_unit_figure,
)
from lstm_units.errors import UserError
from lstm_units.io.figure_style import save_figure
from lstm_units.io.files import lineage, read_json, read_metadata
from lstm_units.stimuli.aligned_items import read_aligned_items

_SIDES = ("auc", "auc_before", "auc_after")


def write_figure3(
    dumps: Mapping[str, str | Path],
    stimuli: Mapping[str, str | Path],
    syntax: str | Path,
    labels: Mapping[str, str],
    outputs: Sequence[str | Path],
) -> None:
    """Draw Figure 3: the cell of the first syntax unit over the structures.

    Where no syntax unit was found, the unit whose coefficient deviates most stands in; the title
    says so. Where there is no such unit either, or the layer of the unit was not dumped, the figure
    is a sentence that says so and what to do.

    Parameters
    ----------
    dumps, stimuli : mapping of str to path
        ``activations/{task}`` and ``stimuli/{task}.parquet`` of the structures, in the order of the
        panels.
    syntax : path
        ``units/syntax.json``.
    labels : mapping of str to str
        Title of each task; its name by default.
    outputs : sequence of path
        Each ends in ``.pdf`` or ``.png``.

    Raises
    ------
    UserError
        If the files come from different models.
    ConfigurationError
        If no cell was dumped.
    """
    found = read_json(syntax)
    entry = found["top"] or found["nearest"]
    if entry is None:
        reason = (
            "No unit to show: all that were regressed on depth are long-range units. "
            "Name more layers under depth.layers in config.yaml."
        )
        _save(no_unit_figure(reason), dumps, None, found["verb"], syntax, outputs)
        return
    title = f"unit {entry['unit']} (layer {entry['layer']}), "
    if found["top"] is None:
        title += "nearest to a syntax unit (criteria not met)"
    else:
        title += f"best of {len(found['units'])} syntax units"
        title = title.replace("best of 1 syntax units", "syntax unit")
    layer = int(entry["layer"])
    if any(layer not in open_activations(folder).layers for folder in dumps.values()):
        reason = (
            f"Not drawn: {title}. The cells of its layer were not dumped. "
            f"Add {layer} under activations.layers in config.yaml."
        )
        _save(no_unit_figure(reason), dumps, int(entry["unit"]), found["verb"], syntax, outputs)
        return
    auc = {
        task: {side: entry[side][task] for side in _SIDES}
        for task in (entry["auc"] or {})
        if task in dumps
    }
    _write(dumps, stimuli, int(entry["unit"]), title, auc, found["verb"], labels, syntax, outputs)


def write_unit_dependency(
    dumps: Mapping[str, str | Path],
    stimuli: Mapping[str, str | Path],
    span: str | Path,
    unit: int,
    labels: Mapping[str, str],
    outputs: Sequence[str | Path],
) -> None:
    """Draw the figure of any unit.

    Parameters
    ----------
    dumps, stimuli, labels, outputs
        As in `write_figure3`.
    span : path
        ``dependency_span.parquet``.
    unit : int
        1-based.

    Raises
    ------
    UserError
        If `span` does not hold the unit, or the files come from different models.
    """
    rows = pd.read_parquet(span, filters=[("unit", "==", unit)])
    if rows.empty:
        raise UserError(
            f"{span} holds no unit {unit}; its number must be one of the model's, and its layer "
            "one of activations.layers"
        )
    higher = int(rows["sign"].iloc[0]) > 0
    auc = {
        str(row["task"]): {side: row[side] if higher else 1 - row[side] for side in _SIDES}
        for row in rows.to_dict("records")
    }
    title = f"unit {unit} (layer {rows['layer'].iloc[0]}), score {rows['score'].iloc[0]:.2f}"
    verb = read_metadata(span)["config"]["verb"]
    _write(dumps, stimuli, unit, title, auc, verb, labels, span, outputs)


def _write(
    dumps: Mapping[str, str | Path],
    stimuli: Mapping[str, str | Path],
    unit: int,
    title: str,
    auc: Mapping[str, Mapping[str, float]],
    verb: str,
    labels: Mapping[str, str],
    source: str | Path,
    outputs: Sequence[str | Path],
) -> None:
    structures = []
    for task, folder in dumps.items():
        items = read_aligned_items(stimuli[task])
        structures.append(
            Structure(
                label=labels.get(task, task),
                words=items.words,
                subject=items.subject_position,
                verb=items.verb_position,
                course=cell_course(open_activations(folder), items, unit),
                auc=auc.get(task, {}),
            )
        )
    figure = dependency_figure(structures, title, verb=verb)
    _save(figure, dumps, unit, verb, source, outputs)


def _save(
    figure: Figure,
    dumps: Mapping[str, str | Path],
    unit: int | None,
    verb: str,
    source: str | Path,
    outputs: Sequence[str | Path],
) -> None:
    config: dict[str, Any] = {"unit": unit, "structures": list(dumps), "verb": verb}
    indices = [Path(folder) / INDEX for folder in dumps.values()]
    metadata = lineage([*indices, source], kind="figure 3", config=config)
    for path in outputs:
        save_figure(figure, path, metadata)
