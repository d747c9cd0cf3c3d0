"""The claim that long-range units gate as the theory says (C8)."""

from collections.abc import Callable

import numpy as np

from lstm_units.claims.criteria import Audit, ClaimCriteria
from lstm_units.claims.evidence import (
    UnitActivity,
    activity_data,
    measure,
    time_course_activity,
    untested,
    verdict_of,
    without_long_range,
    word_at,
)
from lstm_units.claims.units import (
    LONG_RANGE,
    LongRangeUnit,
    judged_if_confirmed,
    long_range_units,
)
from lstm_units.io.result_files import ResultFiles
from lstm_units.io.verdict import Measure, Verdict, not_testable, with_interval


def gates_as_theory(files: ResultFiles, audit: Audit) -> Verdict:
    """Judge whether long-range units take in the subject's number, and keep it to the verb (C8).

    Lakretz et al. 2019, Section 4.2 and Figure 1, show the time courses; here the gates are held to
    thresholds. The values are those of each item, right and wrong alike. Gates count over the items
    of the number that the unit serves; the cells of singular and plural subjects are compared by
    Cohen's d with the pooled SD, read with the sign that it has at the subject.

    Raises
    ------
    UserError
        As in `lstm_units.claims.evidence.time_course_activity`.
    """
    criteria, task = audit.criteria, audit.dynamics_task
    where = "" if task is None else f" in {audit.label(task)}"
    criterion = (
        f"for each long-range unit{where}, all items, right and wrong: over subjects of the number "
        f"it serves, mean input gate at the subject >= {criteria.input_gate_ratio:g}* x its mean "
        "from the second word after the subject to the word before the verb, and mean forget gate "
        f"over the same words >= {criteria.forget_gate:g}*; cells of singular and plural subjects "
        f"apart by |d| >= {criteria.cell_difference:g}* with one sign at every word from subject "
        "to verb"
    )
    units = long_range_units(files)
    verdict = without_long_range("C8", criterion, units)
    if verdict is not None:
        return verdict
    activity = time_course_activity(files, audit)
    if isinstance(activity, str):
        return not_testable("C8", criterion, activity, data=(LONG_RANGE,))
    measures, lines = [], []
    for unit in units:
        gates = _gates(unit, activity, criteria)
        cells = _cells(unit, activity, criteria)
        measures += judged_if_confirmed(unit, [*gates, *cells])
        lines.append(_line(unit, gates, cells))
    data = (LONG_RANGE, *activity_data(task))
    return verdict_of("C8", criterion, measures, "; ".join(lines), data)


def _gates(unit: LongRangeUnit, activity: UnitActivity, criteria: ClaimCriteria) -> list[Measure]:
    """Input gate at the subject over its mean in between, and forget gate in between."""
    items = activity.items
    between = range(items.subject_position + 2, items.verb_position)
    served = items.subject_number == unit.number
    fault = None
    if unit.number is None:
        fault = "the unit serves no single number of the subject"
    elif not served.any():
        fault = f"no subject is {unit.number} (`dynamics.tasks`)"
    elif not len(between):
        fault = "only one word stands between subject and verb, or none (`dynamics.tasks`)"

    def sums(variable: str) -> tuple[np.ndarray, np.ndarray]:
        """Sum values at the subject, in between, and 1: over all items, and each draw of them."""
        values = activity.read(unit.unit, variable, [items.subject_position, *between])
        columns = np.column_stack([values[:, 0], values[:, 1:].mean(axis=1), np.ones(len(items))])
        columns *= served[:, None]
        return columns.sum(axis=0), activity.draw(columns, "C8", variable, str(unit.unit)).T

    note = f"{unit.number} subjects; interval over {activity.resampled}"
    measures = []
    for variable, title, above, below, least in (
        ("input_gate", "input gate at the subject / later", 0, 1, criteria.input_gate_ratio),
        ("forget_gate", "forget gate", 1, 2, criteria.forget_gate),
    ):
        name, expected = f"unit {unit.unit}, {title}", f">= {least:g}"
        why = fault or activity.lacks(unit, variable)
        if why is not None:
            measures.append(untested(name, expected, why))
            continue
        total, drawn = sums(variable)
        with np.errstate(invalid="ignore", divide="ignore"):
            value, draws = total[above] / total[below], drawn[above] / drawn[below]
        means = f"{total[0] / total[2]:.3g} at the subject, {total[1] / total[2]:.3g} later; "
        measures.append(
            measure(
                name,
                value,
                activity.interval(draws),
                expected,
                lambda found, least=least: found >= least,
                means + note,
            )
        )
    return measures


def _cells(unit: LongRangeUnit, activity: UnitActivity, criteria: ClaimCriteria) -> list[Measure]:
    """Cohen's d of the cell at every word from subject to verb, positive as at the subject."""
    items = activity.items
    positions = range(items.subject_position, items.verb_position + 1)
    names = [f"unit {unit.unit}, d of the cell at {word_at(items, place)}" for place in positions]
    expected = f">= {criteria.cell_difference:g}"
    singular = items.subject_number == "singular"
    fault = activity.lacks(unit, "cell")
    if singular.all() or not singular.any():
        fault = "all subjects have one number (`dynamics.tasks`)"
    if fault is not None:
        return [untested(name, expected, fault) for name in names]
    cell = activity.read(unit.unit, "cell", positions)  # (items, positions)
    d, draws = _cohens_d(cell, singular, lambda sums: activity.draw(sums, "C8", str(unit.unit)))
    sign = np.sign(d[0])
    note = f"positive as at the subject; interval over {activity.resampled}"
    return [
        measure(
            name,
            sign * d[place],
            activity.interval(sign * draws[:, place]),
            expected,
            lambda value: value >= criteria.cell_difference,
            note,
            "no spread among subjects of one number",
        )
        for place, name in enumerate(names)
    ]


def _cohens_d(
    values: np.ndarray, first: np.ndarray, draw: Callable[[np.ndarray], np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Cohen's d with pooled SD of two groups of items.

    Where nothing varies within the groups, groups that differ are infinitely far apart, and equal
    ones not at all.

    Parameters
    ----------
    values : ndarray of shape (items, positions)
    first : ndarray of bool, shape (items,)
        The group whose mean is taken first.
    draw : callable
        Gives resampled sums, shape (samples, columns), of values of shape (items, columns).

    Returns
    -------
    d : ndarray of shape (positions,)
    draws : ndarray of shape (samples, positions)
    """
    groups = (first, ~first)
    means = [values[group].mean(axis=0) for group in groups]
    columns = []
    for group, mean in zip(groups, means, strict=True):
        # Around the group's own mean: a difference of sums of squares keeps its digits.
        around = np.where(group[:, None], values - mean, 0.0)
        columns += [np.broadcast_to(group[:, None].astype(float), values.shape), around, around**2]
    columns = np.concatenate(columns, axis=1)  # (items, 6 * positions)

    def d(sums: np.ndarray) -> np.ndarray:
        n1, sum1, square1, n2, sum2, square2 = np.split(sums, 6, axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            apart = (means[0] + sum1 / n1) - (means[1] + sum2 / n2)
            within = square1 - sum1**2 / n1 + square2 - sum2**2 / n2
            spread = np.sqrt(np.maximum(within, 0) / (n1 + n2 - 2))
            return np.where(apart == 0, 0.0, apart / spread)

    return d(columns.sum(axis=0, keepdims=True))[0], d(draw(columns))


def _line(unit: LongRangeUnit, gates: list[Measure], cells: list[Measure]) -> str:
    """Sum up a unit for a cell of a table."""
    known = [cell for cell in cells if cell.value is not None]
    least = min(known, key=lambda cell: cell.value) if known else None
    parts = [
        f"{title} {with_interval(found.value, found.low, found.high)}"
        for title, found in zip(
            ("input gate ratio", "forget gate", "least d of the cell"), (*gates, least), strict=True
        )
        if found is not None and found.value is not None
    ]
    return f"{unit.name}: {', '.join(parts) or 'not measured'}"
