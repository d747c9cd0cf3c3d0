"""The claim that long-range units are right even when the network is wrong (C17)."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from lstm_units.analyses.contributions.summary import (
    ALL,
    COLUMNS,
    RIGHT,
    WITHOUT_CONSTANT,
    gather_contributions,
    summarise_contributions,
)
from lstm_units.claims.criteria import Audit
from lstm_units.claims.evidence import (
    measure,
    untested,
    verdict_of,
    without_long_range,
)
from lstm_units.claims.units import LONG_RANGE, UNCONFIRMED, long_range_units
from lstm_units.io.result_files import ResultFiles
from lstm_units.io.verdict import Lacking, Measure, Verdict, not_testable, with_interval
from lstm_units.io.wording import listing

_GROUP = "long_range"
_WILSON = "Wilson interval, which ignores that items share words"


def right_when_wrong(files: ResultFiles, audit: Audit) -> Verdict:
    """Judge whether long-range units point to the right form where the network errs (C17).

    Lakretz et al. 2019, Section 5, remark it. Judged is the share of all wrongly answered items of
    each task in which the contribution of the long-range units to the margin is above 0. A unit
    that always adds to one number is right wherever the subject has it, so the shares without that
    constant, and by number of the subject, stand beside it.

    Raises
    ------
    UserError
        If the tasks do not belong together.
    """
    criteria = audit.criteria
    criterion = (
        "in each task of the contributions, the contribution of the long-range units of the last "
        "layer to the margin has the right sign in >= "
        f"{100 * criteria.right_share:g} %* of the wrongly answered items"
    )
    units = long_range_units(files)
    verdict = without_long_range("C17", criterion, units)
    if verdict is not None:
        return verdict
    names = files.matching("contributions/*.parquet")
    if not names:
        reason = Lacking("contributions to the margin were not computed", "`contributions.tasks`")
        return not_testable("C17", criterion, reason, data=(LONG_RANGE,))
    by_name = {Path(name).stem: name for name in names}
    order = [task for task in audit.tasks if task in by_name]
    order += [task for task in by_name if task not in order]
    found = gather_contributions({task: files.read(by_name[task], COLUMNS) for task in order})
    data = (LONG_RANGE, *(by_name[task] for task in order))
    if not found.units[_GROUP]:
        reason = "no long-range unit is in the last layer, so none contributes to the margin itself"
        return not_testable("C17", criterion, reason, data=data)
    judged, beside = [], []
    for task in order:
        part, *others = _shares(found.by_task[task], found.units, task, audit)
        judged.append(part)
        beside += others
    doubtful = [unit.unit for unit in units if not unit.confirmed]
    doubtful = [unit for unit in doubtful if unit in found.units[_GROUP]]
    if doubtful:
        note = f"with {listing(doubtful)}, {UNCONFIRMED}: contributions are summed over all units"
        judged = [replace(part, note="; ".join(filter(None, (part.note, note)))) for part in judged]
    lines = [
        f"{part.name} {with_interval(part.value, part.low, part.high)}"
        for part in judged
        if part.value is not None
    ]
    return verdict_of("C17", criterion, [*judged, *beside], "; ".join(lines), data)


def _shares(
    items: pd.DataFrame, units: Mapping[str, Any], task: str, audit: Audit
) -> list[Measure]:
    """Share of wrong items in which the units point right: judged, then the other readings."""
    criteria, label = audit.criteria, audit.label(task)
    name, expected = f"{label}, wrong answers", f">= {criteria.right_share:g}"
    number = items["subject_number"].astype(object)
    # The same table as for conditions, of subjects of one number.
    by_number = items.assign(condition=number.where(number.notna(), "unknown number"))
    table = summarise_contributions(
        {task: by_number},
        units,
        confidence=criteria.confidence,
        samples=criteria.bootstrap_samples,
        seed=criteria.seed,
    )
    wrong = table[table["answer"].eq("wrong")].set_index("condition")
    if not wrong.loc[ALL, "n"]:
        return [untested(name, expected, f"no item of {label} is answered wrongly")]
    measures = []
    for condition in [ALL, *(other for other in wrong.index if other != ALL)]:
        row = wrong.loc[condition]
        who = name if condition == ALL else f"{name}, {condition} subjects"
        for kind, suffix in ((RIGHT, ""), (WITHOUT_CONSTANT, ", without constant")):
            share = f"{_GROUP}{kind}"
            if not row["n"] or pd.isna(row[share]):
                continue
            is_judged = not measures
            exact = row["resampled"] in ("", "items") or row[share] in (0, 1)
            how = _WILSON if exact else "interval over subject and verb lemmas"
            measures.append(
                measure(
                    who + suffix,
                    row[share],
                    (row[f"{share}_low"], row[f"{share}_high"]),
                    expected if is_judged else None,
                    (lambda value: value >= criteria.right_share) if is_judged else None,
                    f"{row['n']} items; {how}",
                )
            )
    return measures
