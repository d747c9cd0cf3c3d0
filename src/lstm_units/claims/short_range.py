"""The claim that short-range units exist and carry the short tasks (C11)."""

from collections.abc import Iterator
from dataclasses import replace

import pandas as pd

from lstm_units.analyses.controls.set_tests import rank_p
from lstm_units.claims.ablation import SHORT_TASKS
from lstm_units.claims.criteria import Audit, ClaimCriteria
from lstm_units.claims.evidence import measure, untested, verdict_of
from lstm_units.claims.units import SHORT_RANGE
from lstm_units.io.result_files import ResultFiles
from lstm_units.io.verdict import Measure, Verdict, not_testable
from lstm_units.statistics.significance import wilson_interval

# Families of sets that the paper ablates, and what their units are called.
FAMILIES = {
    "short_range": "short-range units",
    "short_and_long_range": "short- and long-range units",
}
_CONDITIONS = ("S", "P")


def short_range_carries(files: ResultFiles, audit: Audit) -> Verdict:
    """Judge whether there are short-range units, and the short tasks hang on them (C11).

    Lakretz et al. 2019, Section 4.2. A set of units carries a condition when fewer items are right
    without it than without random sets of as many units. Ties count against it, so with N random
    sets p is at least 1 / (N + 1).
    """
    criteria = audit.criteria
    criterion = (
        "at least 1 short-range unit; short-range units alone, and with the long-range units, "
        "ablated together leave fewer items right than random sets of as many units, p < "
        f"{criteria.sets_p:g}, in S and P of Simple, Adv and 2Adv (intact accuracy with a lower "
        f"bound > {criteria.minimum_intact:g})"
    )
    found = files.json(SHORT_RANGE)
    if found is None:
        reason = (
            "short-range units were not searched (`efferents.verb_pairs`, `unit_decoding.task`)"
        )
        return not_testable("C11", criterion, reason)
    units = [int(entry["unit"]) for entry in found["units"]]
    count = measure(
        "number of short-range units",
        len(units),
        (float("nan"), float("nan")),
        ">= 1",
        lambda n: n >= 1,
        f"units {', '.join(map(str, units))}" if units else None,
    )
    measures, data, lines = (
        [count],
        [SHORT_RANGE],
        [f"{len(units)} short-range unit{'s' * (len(units) != 1)}"],
    )
    for family, name in FAMILIES.items():
        path = f"controls/tests/{family}.parquet"
        judged = list(_family(files, audit, family))
        measures += judged
        data += [path] if files.path(path) is not None else []
        tested = [part for part in judged if part.met is not None]
        if tested:
            largest = max(tested, key=lambda part: part.value)
            lines.append(
                f"{name}: p < {criteria.sets_p:g} in {sum(bool(part.met) for part in tested)} of "
                f"{len(tested)} conditions, largest {largest.value:.3g}"
            )
    return verdict_of("C11", criterion, measures, "; ".join(lines), data)


def _family(files: ResultFiles, audit: Audit, family: str) -> Iterator[Measure]:
    """Give p in each of the six conditions, then the change of accuracy, which is not judged."""
    path, who = f"controls/tests/{family}.parquet", FAMILIES[family]
    table, expected = files.frame(path), f"< {audit.criteria.sets_p:g}"
    if table is None or table.empty:
        why = "their ablation was not run (`controls.run`)"
        if table is not None:
            why = files.metadata(path).get("reason") or "there is no such set of units"
        yield untested(f"{who} ablated together", expected, why)
        return
    changes = []
    for role, label in SHORT_TASKS.items():
        task = audit.task(role)
        for condition in _CONDITIONS:
            shown = f"{who}, {label if task is None else audit.label(task)} {condition}"
            here = table["task"].eq(task) & table["condition"].eq(condition)
            if not here.any():
                why = f"no task is {label} (`tasks`)"
                if task is not None:
                    why = f"it was not run (`controls.tasks.{family}`)"
                yield untested(f"{shown}, p", expected, why)
                continue
            row = table[here].iloc[0]
            yield _p(row, f"{shown}, p", expected, audit.criteria)
            interval = row["difference_to_full_ci_low"], row["difference_to_full_ci_high"]
            note = "ablated minus intact; interval over items"
            name = f"{shown}, change of accuracy"
            changes.append(measure(name, row["difference_to_full"], interval, note=note))
    yield from changes


def _p(row: pd.Series, name: str, expected: str, criteria: ClaimCriteria) -> Measure:
    """P of one condition; not judged where the model is near chance, or the sets are too few."""
    p, n_sets = float(row["p"]), int(row["n_sets"])
    low, high = map(float, wilson_interval(row["n_at_most"], n_sets, criteria.confidence))
    note = (
        f"{row['n_units']} units, {n_sets} random sets; accuracy {row['observed']:.3f}, random "
        f"sets {row['null_mean']:.3f}, their lowest 1 % up to {row['null_q01']:.3f}, intact "
        f"{row['full_accuracy']:.3f}; interval for the number of random sets"
    )
    found = measure(
        name, p, (min(low, p), max(high, p)), expected, lambda p: p < criteria.sets_p, note
    )
    least, limit = rank_p(0, n_sets), criteria.minimum_intact
    if not row["full_ci_low"] > limit:
        why = f"the lower bound of the intact accuracy is not above {limit:g}"
        return replace(found, met=None, note=why)
    if least >= criteria.sets_p:
        why = f"with {n_sets} random sets p is at least {least:.3g} (`controls.sets`)"
        return replace(found, met=None, note=why)
    return found
