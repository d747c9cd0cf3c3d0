"""Discovery of long-range number units (Lakretz et al. 2019, section 4.1), with confirmation.

A long-range unit of a subject number is one without which the model loses the number of the subject
across an attractor of the other number, in every task named in the criteria. Units are picked among
hundreds, so they are picked on one half of the lexical frames and measured again on the other.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lstm_units.analyses.long_range_units.conditions import (
    Condition,
    Criteria,
    describe_conditions,
    find_candidates,
    items_column,
    not_testable_rows,
    numbers_served,
    one_subject_number,
)
from lstm_units.analyses.long_range_units.confirmation import confirm_unit, effect_sizes
from lstm_units.analyses.long_range_units.summary import summary_sentence
from lstm_units.errors import ConfigurationError, UserError
from lstm_units.io.files import rounded
from lstm_units.io.unit_numbers import layer_and_index
from lstm_units.statistics.agreement import Counts, count_right
from lstm_units.statistics.margins import (
    IntactItems,
    read_columns,
    read_intact,
    stream_margins,
    units_in_names,
)
from lstm_units.statistics.resampling import choose_groups, lexical_groups
from lstm_units.statistics.significance import mcnemar_exact, q_values

_STIMULI_COLUMNS = (
    "item",
    "subject_number",
    "attractor_numbers",
    "subject_lemma",
    "attractor_lemmas",
    "verb_lemma",
    "frame",
)


def discover_long_range(
    shards: Iterable[str | Path],
    intact_by_task: Mapping[str, str | Path],
    stimuli_by_task: Mapping[str, str | Path],
    layer_sizes: Sequence[int],
    criteria: Criteria,
    *,
    units: Sequence[int] | None = None,
) -> dict[str, Any]:
    """Find the units that carry the subject's number over an attractor of another number.

    Found, on the discovery half: q < `maximum_q` and loss >= `minimum_loss` in an incongruent
    condition of every task of `criteria.tasks`, the conditions having the same subject number in
    all tasks. (One number throughout, because a unit that fails on singular subjects in one task
    and on plural ones in the other carries neither across an attractor.) McNemar's test is exact;
    q runs over all units and testable conditions of all tasks given.

    Subject number: that of all conditions, of all tasks, with a relative drop above
    `relative_drop` at q < `maximum_q`; null when they differ.

    Confirmed, on the other half: in at least one of those conditions of every task, the bootstrap
    interval of the drop lies above 0 and the loss is at least `minimum_loss` again.

    Parameters
    ----------
    shards : iterable of path
        All shards of one ablation mode that hold the tasks of `intact_by_task`.
    intact_by_task, stimuli_by_task : mapping of str to path
        ``intact/{task}.parquet`` and ``stimuli/{task}.parquet`` of every task that was swept.
    layer_sizes : sequence of int
    criteria : Criteria
    units : sequence of int, optional
        The 1-based units that must be there. By default those that the shards' names promise.

    Returns
    -------
    dict
        JSON types: ``units`` (each with both halves' evidence), ``summary`` (a sentence),
        ``too_many``, ``not_testable``, ``best_unit``, ``criteria``, ``n_units``, ``n_tested``,
        ``halves``. Equal input gives equal output.

    Raises
    ------
    ConfigurationError
        If a task of the criteria was not swept or has no incongruent condition.
    UserError
        If a file is damaged or does not fit the others.
    """
    shards = list(shards)
    # Sorted, so that the order of the tasks in the config changes no random draw.
    tasks = sorted(intact_by_task)
    for task in criteria.tasks:
        if task not in intact_by_task:
            raise ConfigurationError(
                f"discovery: tasks names {task!r}, which is not among the tasks that were swept "
                f"({', '.join(tasks)}); add it to `tasks:` or take it out of `discovery: tasks:`"
            )
    intact = read_intact({task: intact_by_task[task] for task in tasks})
    stimuli = {task: _read_stimuli(stimuli_by_task, task, intact) for task in tasks}
    units = units_in_names(shards) if units is None else list(units)
    for unit in units:
        layer_and_index(layer_sizes, unit)

    half = choose_groups(lexical_groups(stimuli), criteria.discovery_fraction, criteria.seed)
    cells = describe_conditions(intact, stimuli, half, criteria)
    testable = np.array([cell.problem is None for cell in cells])
    counts = count_right(
        stream_margins(shards, intact), intact, units, near_tie=criteria.near_tie, use=half
    )
    evidence = _evidence(counts, testable, criteria)
    candidates = find_candidates(cells, criteria.tasks)
    passes = (evidence["q"] < criteria.maximum_q) & (evidence["loss"] >= criteria.minimum_loss)
    found = {
        row: numbers
        for row in range(len(counts.keys))
        if (numbers := numbers_served(passes[row], candidates))
    }
    lemmas = [items_column(stimuli, tasks, name) for name in ("subject_lemma", "verb_lemma")]
    margins = _collect(shards, intact, [int(counts.keys[row]) for row in found])
    entries = []
    for row, numbers in found.items():
        unit = int(counts.keys[row])
        large = [cells[code] for code in np.flatnonzero(evidence["large_drop"][row])]
        number, reason = one_subject_number(large, criteria.relative_drop)
        entries.append(
            {
                "unit": unit,
                "layer": layer_and_index(layer_sizes, unit)[0] + 1,
                "subject_number": number,
                "subject_number_reason": reason,
                "found_for": numbers,
                "discovery": {"conditions": _rows(evidence, row, cells)},
                **confirm_unit(margins[unit], intact, ~half, lemmas, cells, numbers, criteria),
            }
        )
    result = {
        "units": entries,
        "too_many": len(entries) > criteria.maximum_units,
        "best_unit": _best(counts, evidence, candidates, layer_sizes),
        "not_testable": not_testable_rows(intact, cells, criteria.confidence),
        "criteria": {**asdict(criteria), "tasks": list(criteria.tasks)},
        "n_units": len(units),
        "n_tested": int(len(counts.keys) * testable.sum()),
        "halves": {
            "discovery": {"items": int(half.sum())},
            "confirmation": {"items": int((~half).sum())},
        },
    }
    result["summary"] = summary_sentence(result)
    return rounded(result)


def _read_stimuli(stimuli_by_task, task: str, intact: IntactItems) -> pd.DataFrame:
    if task not in stimuli_by_task:
        raise UserError(f"no stimuli were given for the task {task}; give stimuli/{task}.parquet")
    path = stimuli_by_task[task]
    table = read_columns(path, _STIMULI_COLUMNS).to_pandas().set_index("item")
    items = intact.item[intact.span(task)]
    if not table.index.is_unique or not np.isin(items, table.index.to_numpy()).all():
        raise UserError(
            f"{path} does not hold each item of intact/{task}.parquet once: the two come from "
            "different runs. Delete the intact file and run the workflow again"
        )
    return table.loc[items].reset_index()


def _evidence(counts: Counts, testable: np.ndarray, criteria: Criteria) -> dict[str, np.ndarray]:
    """Effect sizes and tests of every unit in every condition; NaN where it cannot be tested."""
    rows = len(counts.keys)
    p = np.full((rows, len(testable)), np.nan)
    q = p.copy()
    p[:, testable] = mcnemar_exact(counts.lost, counts.gained)[:, testable]
    q[:, testable] = q_values(p[:, testable], criteria.correction)
    drop, relative, loss = effect_sizes(counts.n, counts.full, counts.right)
    with np.errstate(invalid="ignore", divide="ignore"):
        full, ablated = counts.full / counts.n, counts.right / counts.n
    return {
        "n": np.tile(counts.n, (rows, 1)),
        "full": np.tile(full, (rows, 1)),
        "ablated": ablated,
        "drop": drop,
        "relative_drop": relative,
        "loss": loss,
        "p": p,
        "q": q,
        "large_drop": (relative > criteria.relative_drop) & (q < criteria.maximum_q),
        "n_near_ties": counts.near_ties,
    }


def _rows(evidence: dict[str, np.ndarray], row: int, cells: list[Condition]) -> list[dict]:
    return [
        {
            "task": cell.task,
            "condition": cell.condition,
            "subject_number": cell.subject_number,
            "incongruent": cell.incongruent,
            "testable": cell.problem is None,
            **{name: table[row, code].item() for name, table in evidence.items()},
        }
        for code, cell in enumerate(cells)
    ]


def _collect(shards, intact: IntactItems, units: Sequence[int]) -> dict[int, np.ndarray]:
    """Margins of a few units on all items."""
    margins = {unit: np.full(len(intact.item), np.nan, dtype=np.float32) for unit in units}
    if margins:
        for block in stream_margins(shards, intact, only=units):
            margins[block.key][block.position] = block.margin
    return margins


def _best(counts: Counts, evidence, candidates, layer_sizes) -> dict[str, Any] | None:
    """Return the unit that comes closest: the largest loss in the task where it loses least."""
    best = None
    for number, per_task in candidates.items():
        loss = np.nan_to_num(evidence["loss"], nan=-np.inf)
        chosen = [np.array(c)[loss[:, c].argmax(axis=1)] for c in per_task]
        rows = np.arange(len(counts.keys))
        worst = np.min([loss[rows, c] for c in chosen], axis=0)
        row = int(worst.argmax())
        if np.isfinite(worst[row]) and (best is None or worst[row] > best["loss"]):
            unit = int(counts.keys[row])
            best = {
                "unit": unit,
                "layer": layer_and_index(layer_sizes, unit)[0] + 1,
                "subject_number": number,
                "loss": float(worst[row]),
                "q": float(max(evidence["q"][row, c[row]] for c in chosen)),
            }
    return best
