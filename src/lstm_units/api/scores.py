"""Checks of the scores and margins that a caller hands back: whole, and of the same stimuli.

`lstm_units.score` and `lstm_units.sweep_units` note in ``attrs`` of their tables what each item
was: its words before the verb, and its two forms. Operations of pandas may lose ``attrs``; then
the numbers of the items are all that can be compared.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from lstm_units.api.checks import first_double, whole_numbers
from lstm_units.errors import UserError
from lstm_units.io.results import Result
from lstm_units.stimuli.table import scored_items

ITEMS = "lstm_units_items"  # the key in attrs
ALONE = "stimuli"  # the name of a task that has none
_SCORES = ["item", "condition", "margin"]
_MARGINS = ["unit", "task", "item", "margin"]


def item_hashes(stimuli: pa.Table) -> str:
    """Hash what the score of each item depends on.

    Returns
    -------
    str
        ``item:hash``, separated by spaces. One string, since pandas copies ``attrs`` deeply.
    """
    items = scored_items(stimuli)
    rows = zip(items.item.tolist(), items.prefixes, items.correct, items.wrong, strict=True)
    return " ".join(f"{number}:{_hash(row)}" for number, *row in rows)


def _hash(row: Any) -> str:
    return hashlib.sha256(json.dumps(row, ensure_ascii=False).encode()).hexdigest()[:8]


def check_scores(scores: Any) -> dict[str, pd.DataFrame]:
    """Return scores by task with whole item numbers.

    Raises
    ------
    UserError
        If they are no mapping of tables of scores, a table is empty or holds an item twice, or a
        value is missing.
    """
    if not isinstance(scores, Mapping) or not scores:
        raise UserError(
            "scores of one or more tasks are expected by the tasks' names, as in "
            '{"nounpp": scores}'
        )
    checked = {}
    for task, frame in scores.items():
        if not isinstance(task, str):
            raise UserError(f"the scores name the task {task!r}; expected a string")
        where = "the scores" if task == ALONE else f"the scores of {task}"
        if not isinstance(frame, pd.DataFrame) or not set(_SCORES) <= set(frame.columns):
            raise UserError(
                f"{where} are no table with the columns {', '.join(_SCORES)}; give what "
                "lstm_units.score returns"
            )
        if frame.empty:
            raise UserError(f"{where} hold no items; expected at least one")
        column = _whole_column(frame["item"], f"column item of {where}")
        item = column.tolist()
        double = first_double(item)
        if double is not None:
            raise UserError(f"{where} hold item {double} twice; each item needs one row")
        for number, condition in zip(item, frame["condition"], strict=True):
            if not isinstance(condition, str) or not condition:
                raise UserError(
                    f"{where}: the condition of item {number} is {condition!r}; expected a name"
                )
        _check_margin(frame["margin"], item, where)
        checked[task] = frame.assign(item=column)
    return checked


def _whole_column(column: pd.Series, name: str) -> np.ndarray:
    if pd.api.types.is_integer_dtype(column.dtype) and not column.hasnans:
        return column.to_numpy(dtype=np.int64)
    return np.array(whole_numbers(column, name, "0, 1, 2"), dtype=np.int64)


def _check_margin(margin: pd.Series, item: list[int], where: str) -> None:
    values = pd.to_numeric(margin, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise UserError(
            f"{where}: the margin of item {item[bad[0]]} is {margin.iloc[bad[0]]}; expected a "
            "finite number. Leave such items out of scores and margins"
        )


def score_results(scores: Mapping[str, pd.DataFrame]) -> dict[str, Result]:
    """Return scores of `check_scores` as the core reads those of the intact model."""
    return {
        task: Result(
            pa.Table.from_pandas(frame[_SCORES], preserve_index=False),
            source="the scores" if task == ALONE else f"the scores of {task}",
        )
        for task, frame in scores.items()
    }


def check_margins(scores: Mapping[str, pd.DataFrame], margins: Any) -> pd.DataFrame:
    """Sort margins by unit, task and item; refuse those of other items than the scores'.

    Parameters
    ----------
    scores : mapping of str to DataFrame
        From `check_scores`.
    margins : DataFrame
        From `lstm_units.sweep_units`.

    Returns
    -------
    DataFrame
        ``unit, task, item, margin``.

    Raises
    ------
    UserError
        If they are no table of margins, a value is missing, they do not hold each item of the
        scores once for each unit, or an item was another one when it was scored.
    """
    if not isinstance(margins, pd.DataFrame) or not set(_MARGINS) <= set(margins.columns):
        raise UserError(
            f"the margins are no table with the columns {', '.join(_MARGINS)}; give what "
            "lstm_units.sweep_units returns"
        )
    whole = {
        name: _whole_column(margins[name], f"column {name} of the margins")
        for name in ("unit", "item")
    }
    ordered = margins[_MARGINS].assign(task=margins["task"].astype(str), **whole)
    _check_margin(ordered["margin"], ordered["item"].tolist(), "the margins")
    ordered = ordered.sort_values(["unit", "task", "item"], kind="stable", ignore_index=True)
    tasks = list(scores)
    expected = sorted((task, int(item)) for task in tasks for item in scores[task]["item"])
    codes = {pair: place for place, pair in enumerate(expected)}
    pairs = zip(ordered["task"], ordered["item"], strict=True)
    found = np.fromiter((codes.get(pair, -1) for pair in pairs), np.int64, len(ordered))
    n_units = ordered["unit"].nunique()
    if n_units == 0 or not np.array_equal(found, np.tile(np.arange(len(expected)), n_units)):
        raise UserError(
            f"the margins do not hold every item of the scores ({', '.join(tasks)}; "
            f"{len(expected)} items) once for each unit; score and sweep the same stimuli"
        )
    for task, frame in scores.items():
        _same_items(task, frame, "scores", _noted(frame), "margins", _noted(margins, task))
    return ordered


def check_stimuli_of_scores(
    stimuli: Mapping[str, pa.Table], scores: Mapping[str, pd.DataFrame], margins: pd.DataFrame
) -> None:
    """Refuse stimuli that are not those that were scored.

    Parameters
    ----------
    stimuli : mapping of str to pyarrow.Table
        By task.
    scores : mapping of str to DataFrame
        From `check_scores`.
    margins : DataFrame
        From `lstm_units.sweep_units`.

    Raises
    ------
    UserError
        If a task or an item is missing, or an item has another condition or, as far as can be
        told, other words or forms.
    """
    for task, frame in scores.items():
        if task not in stimuli:
            raise UserError(f"there are scores, but no stimuli of {task}; give its stimuli too")
        columns = stimuli[task].select(["item", "condition"]).to_pydict()
        conditions = dict(zip(columns["item"], columns["condition"], strict=True))
        for item, condition in zip(frame["item"].tolist(), frame["condition"], strict=True):
            if item not in conditions:
                raise UserError(
                    f"the stimuli of {task} have no item {item}, which the scores have; give the "
                    "stimuli that were scored"
                )
            if conditions[item] != condition:
                raise UserError(
                    f"item {item} of {task} has the condition {conditions[item]} in the stimuli, "
                    f"but {condition} in the scores; give the stimuli that were scored"
                )
        given = _parse(item_hashes(stimuli[task]))
        for name, noted in (("scores", _noted(frame)), ("margins", _noted(margins, task))):
            _same_items(task, frame, "stimuli", given, name, noted)


def _noted(frame: pd.DataFrame, task: str | None = None) -> dict[int, str]:
    """Return the hash of each item that `score` or `sweep_units` noted; empty where it is lost."""
    noted = frame.attrs.get(ITEMS)
    if task is not None:
        noted = noted.get(task) if isinstance(noted, Mapping) else None
    return _parse(noted) if isinstance(noted, str) else {}


def _parse(text: str) -> dict[int, str]:
    pairs = (entry.split(":") for entry in text.split())
    return {int(number): value for number, value in pairs}


def _same_items(
    task: str,
    frame: pd.DataFrame,
    one: str,
    first: Mapping[int, str],
    other: str,
    second: Mapping[int, str],
) -> None:
    for item in frame["item"].tolist():
        if item in first and item in second and first[item] != second[item]:
            raise UserError(
                f"item {item} of {task} has other words or forms in the {one} than in the {other}; "
                "score and sweep the same stimuli"
            )
