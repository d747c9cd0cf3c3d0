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

from lstm_units.analyses.long_range_units.conditions import (
    Condition,
    Criteria,
    describe_conditions,
    find_candidates,
    not_testable_rows,
    numbers_served,
    one_subject_number,
)
from lstm_units.analyses.long_range_units.confirmation import confirm_unit, effect_sizes
from lstm_units.errors import NotRun
from lstm_units.io.files import NOT_RUN, rounded, write_json
from lstm_units.io.not_run import because
from lstm_units.io.results import Result, made_from, require_same
from lstm_units.io.unit_numbers import layer_and_index
from lstm_units.statistics.agreement import Counts, count_right
from lstm_units.statistics.intact_items import (
    IntactItems,
    items_column,
    lay_out_items,
    stimuli_of_items,
)
from lstm_units.statistics.margins import Margins, stream_margins
from lstm_units.statistics.resampling import choose_groups, lexical_groups
from lstm_units.statistics.significance import mcnemar_exact, q_values

STIMULI_COLUMNS = (
    *("item", "subject_number", "attractor_numbers"),
    *("subject_lemma", "attractor_lemmas", "verb_lemma", "frame"),
)


def long_range_units(
    margins: Margins,
    scores: Mapping[str, Result],
    stimuli: Mapping[str, Result],
    layer_sizes: Sequence[int],
    criteria: Criteria,
    *,
    units: Sequence[int],
    why_not: str | None = None,
) -> Result:
    """Return what `discover_long_range` finds, with how it was made.

    Raises
    ------
    NotRun
        If there is a reason why units are not searched.
    """
    if why_not:
        raise NotRun(why_not)
    require_same(margins, *scores.values(), *stimuli.values())
    found = discover_long_range(margins, scores, stimuli, layer_sizes, criteria, units=units)
    return Result(found, made_from(margins, kind="long-range units", seed=criteria.seed))


def write_no_units(
    metadata: Mapping[str, Any],
    paths: Iterable[str | Path],
    *,
    criteria: Criteria,
    units: Sequence[int],
) -> None:
    """Write a list without units that says why: with it, unlike other results, analyses go on.

    See `lstm_units.io.not_run.or_not_run`; `criteria`, `units` are of `discover_long_range`.
    """
    metadata = dict(metadata)
    reason = metadata.pop(NOT_RUN)
    content = {
        NOT_RUN: reason,
        "summary": because("The search for long-range number units", reason),
        **{"units": [], "too_many": False, "best_unit": None, "not_testable": []},
        **{"n_units": len(units), "n_tested": 0},
        "criteria": {**asdict(criteria), "tasks": list(criteria.tasks)},
        "halves": {half: {"items": 0} for half in ("discovery", "confirmation")},
    }
    for path in paths:
        write_json(rounded(content), path, metadata)


def discover_long_range(
    margins: Margins,
    scores: Mapping[str, Result],
    stimuli: Mapping[str, Result],
    layer_sizes: Sequence[int],
    criteria: Criteria,
    *,
    units: Sequence[int],
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
    margins : Margins
        Of one ablation mode, on all tasks of `scores`.
    scores : mapping of str to Result
        The intact model's scores of every task that was swept, with the columns of
        `lstm_units.statistics.intact_items.COLUMNS`.
    stimuli : mapping of str to Result
        The stimuli of these tasks, with `STIMULI_COLUMNS`.
    units : sequence of int
        The 1-based units that must be there.

    Returns
    -------
    dict
        JSON types: ``units`` (each with both halves' evidence), ``summary`` (a sentence),
        ``too_many``, ``not_testable``, ``best_unit``, ``criteria``, ``n_units``, ``n_tested``,
        ``halves``. Equal input gives equal output.

    Raises
    ------
    NotRun
        If a task of the criteria was not swept or has no incongruent condition.
    UserError
        If a file is damaged or does not fit the others.
    """
    # Sorted, so that the order in which tasks are given changes no random draw.
    tasks = sorted(scores)
    for task in criteria.tasks:
        if task not in scores:
            raise NotRun(
                f"the criteria name the task {task!r}, which is not among the tasks that were "
                f"swept ({', '.join(tasks)}); sweep it too, or leave it out of the criteria"
            )
    intact = lay_out_items({task: scores[task] for task in tasks})
    items = stimuli_of_items(stimuli, intact)
    for unit in units:
        layer_and_index(layer_sizes, unit)

    half = choose_groups(lexical_groups(items), criteria.discovery_fraction, criteria.seed)
    cells = describe_conditions(intact, items, half, criteria)
    testable = np.array([cell.problem is None for cell in cells])
    counts = count_right(margins, intact, units, near_tie=criteria.near_tie, use=half)
    evidence = _evidence(counts, testable, criteria)
    candidates = find_candidates(cells, criteria.tasks)
    passes = (evidence["q"] < criteria.maximum_q) & (evidence["loss"] >= criteria.minimum_loss)
    found = {
        row: numbers
        for row in range(len(counts.keys))
        if (numbers := numbers_served(passes[row], candidates))
    }
    lemmas = [items_column(items, tasks, name) for name in ("subject_lemma", "verb_lemma")]
    ablated = _collect(margins, intact, [int(counts.keys[row]) for row in found])
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
                **confirm_unit(ablated[unit], intact, ~half, lemmas, cells, numbers, criteria),
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


def _collect(margins: Margins, intact: IntactItems, units: Sequence[int]) -> dict[int, np.ndarray]:
    """Margins of a few units on all items."""
    collected = {unit: np.full(len(intact.item), np.nan, dtype=np.float32) for unit in units}
    if collected:
        for block in stream_margins(margins, intact, only=units):
            collected[block.key][block.position] = block.margin
    return collected


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


def summary_sentence(result: Mapping[str, Any]) -> str:
    """Say in a sentence or two what `discover_long_range` found.

    Parameters
    ----------
    result : mapping
        Its result, without ``summary``.
    """
    criteria = result["criteria"]
    tasks = " and ".join(criteria["tasks"])
    swept = f"{result['n_units']:,} units ablated in mode {criteria['mode']}"
    if result["units"]:
        named = ", ".join(_describe(unit) for unit in result["units"])
        count = len(result["units"])
        text = f"{count} long-range number unit{'s' * (count > 1)} among {swept}: {named}."
        if result["too_many"]:
            text += (
                f" That is more than {criteria['maximum_units']}, so long-range number is not "
                "local in this model."
            )
        return text
    text = f"No long-range number unit among {swept}."
    best = result["best_unit"]
    if best is None:
        return (
            f"{text} None could be found: the intact model has no testable incongruent condition "
            f"of one subject number in each of {tasks}."
        )
    return (
        f"{text} Unit {best['unit']} (layer {best['layer']}) comes closest: with "
        f"{best['subject_number']} subjects its loss reaches {best['loss']:.2f} in each of {tasks} "
        f"where {criteria['minimum_loss']:.2f} is needed, at q = {best['q']:.2g} where less than "
        f"{criteria['maximum_q']:g} is needed."
    )


def _describe(unit: Mapping[str, Any]) -> str:
    number = unit["subject_number"] or "mixed subject numbers"
    state = "confirmed" if unit["confirmed"] else "not confirmed"
    return f"{unit['unit']} (layer {unit['layer']}, {number}, {state})"
