"""Claims on what an ablation does (Lakretz et al. 2019, Section 4.1, Table 2): C6, C7, C19."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from lstm_units.claims.criteria import Audit
from lstm_units.claims.unit_effects import (
    MODEL,
    TAKEN_AS_MEASURED,
    accuracy_file,
    drop_measure,
    layer_sizes,
    not_ablated,
    not_ablated_units,
    read_effects,
    rule_on_conditions,
    too_low,
)
from lstm_units.claims.units import (
    LONG_RANGE,
    NONE_CONFIRMED,
    NONE_FOUND,
    NOT_SEARCHED,
    UNCONFIRMED,
    is_confirmed,
    reported_only,
)
from lstm_units.errors import UserError
from lstm_units.io.result_files import ResultFiles
from lstm_units.io.seeds import seed_stream
from lstm_units.io.verdict import Measure, Parts, Verdict, not_testable, with_interval
from lstm_units.io.wording import listing
from lstm_units.statistics.condition_differences import Difference
from lstm_units.statistics.resampling import bootstrap_sums, percentile_interval
from lstm_units.statistics.significance import wilson_interval
from lstm_units.stimuli.congruence import Conditions, read_conditions
from lstm_units.stimuli.lexicon import NUMBERS

SHORT_TASKS = {"simple": "Simple", "adv": "Adv", "adv_adv": "2Adv"}
SETS = "controls/sets/long_range.parquet"


def in_the_last_layer(files: ResultFiles, audit: Audit) -> Verdict:
    """C6: the long-range units are in the last layer, under the older ablation too.

    Under ``legacy`` only the layers before the last are ablated anew: for the last it is the same
    as ``zero``. All items count there, with q over all rows of the table. Units that the other half
    of the items does not confirm are reported, and not judged.
    """
    criteria = audit.criteria
    criterion = (
        f"All long-range units (found under `{audit.mode}`) are in the last of at least 2 layers; "
        f"and under `legacy` no unit of an earlier layer has q < {criteria.maximum_q:g} and loss "
        f">= {criteria.minimum_loss:g}* in an incongruent condition of both nounPP and nounPPAdv, "
        f"for the same number. {rule_on_conditions(criteria)}"
    )
    sizes = layer_sizes(files)
    if sizes is None:
        reason = f"the model is not among the results ({MODEL}, `checkpoints`)"
        return not_testable("C6", criterion, reason)
    if len(sizes) < 2:
        reason = "the model has one layer, and the claim needs two"
        return not_testable("C6", criterion, reason, data=(MODEL,), measured="1 layer")
    parts, printed = Parts(), []
    parts.data.append(MODEL)
    search = files.json(LONG_RANGE)
    if search is not None:
        parts.data.append(LONG_RANGE)
    units = [] if search is None else search["units"]
    if not any(is_confirmed(entry) for entry in units):
        none = NONE_CONFIRMED if units else NONE_FOUND
        parts.add(None, NOT_SEARCHED if search is None else none)
    for entry in units:
        met = entry["layer"] == len(sizes)
        text = f"unit {entry['unit']} is in layer {entry['layer']} of {len(sizes)}"
        name = f"unit {entry['unit']}: layer"
        found = Measure(name, entry["layer"], expected=str(len(sizes)), met=met)
        if is_confirmed(entry):
            parts.add(met, text)
            parts.measures.append(found)
        else:
            text += f", {UNCONFIRMED}"
            parts.measures += reported_only([found])
        printed.append(text)
    legacy = read_effects(files, "legacy", criteria)
    if legacy is None:
        parts.add(None, not_ablated("legacy"))
    else:
        parts.data.append(accuracy_file("legacy"))
        printed.append(_earlier_layers(parts, legacy, read_conditions(files), sizes, audit))
    return parts.judge("C6", criterion, "; ".join(filter(None, printed)))


def _earlier_layers(
    parts: Parts, legacy: pd.DataFrame, conditions: Conditions, sizes: Sequence[int], audit: Audit
) -> str:
    """Add whether a unit of an earlier layer meets C4's criterion, and describe the closest."""
    criteria = audit.criteria
    tasks = [audit.task(role) for role in ("nounpp", "nounpp_adv")]
    earlier = legacy[legacy["layer"] < len(sizes)]
    indexed = earlier.set_index(["task", "condition", "unit"]).sort_index()
    candidates = []
    for number in NUMBERS:
        rows = [
            indexed.loc[cell]
            for task in tasks
            for cell, of in conditions.items()
            if cell[0] == task and of.incongruent and of.subject_number == number
            if cell in indexed.index
        ]
        if len(rows) < 2 or not all(part["testable"].all() for part in rows):
            continue
        table = pd.concat(rows, keys=range(len(rows)), names=["task"]).reset_index()
        least = table.loc[table.groupby("unit")["loss"].idxmin()].set_index("unit")
        least["q"] = table.groupby("unit")["q"].max()
        candidates.append(least.assign(number=number).reset_index())
    if not candidates:
        parts.add(
            None,
            "under `legacy`, no number can be tested in an incongruent condition of both nounPP "
            "and nounPPAdv",
        )
        return ""
    table = pd.concat(candidates, ignore_index=True)
    passing = table[(table["loss"] >= criteria.minimum_loss) & (table["q"] < criteria.maximum_q)]
    closest = (
        (table if passing.empty else passing)
        .sort_values(["loss", "unit"], ascending=[False, True])
        .iloc[0]
    )
    text = (
        f"largest loss of an earlier layer under `legacy`: "
        f"{with_interval(closest['loss'], closest['loss_low'], closest['loss_high'])} "
        f"(unit {closest['unit']})"
    )
    parts.measures.append(
        Measure(
            f"unit {closest['unit']} under `legacy`: lesser loss of nounPP and nounPPAdv",
            closest["loss"],
            closest["loss_low"],
            closest["loss_high"],
            f"< {criteria.minimum_loss:g}, or q >= {criteria.maximum_q:g}",
            passing.empty,
            f"{closest['number']} subjects, q = {closest['q']:.2g}; {TAKEN_AS_MEASURED}",
        )
    )
    if not passing.empty:
        units = sorted(set(passing["unit"].tolist()))
        parts.add(False, f"under `legacy`, of earlier layers too: {listing(units)}")
        return text
    missing = sum(sizes[:-1]) - earlier["unit"].nunique()
    tested = listing([name for name in NUMBERS if name in set(table["number"])])
    parts.add(True, f"under `legacy` no unit of an earlier layer, with {tested} subjects")
    if missing:
        parts.add(
            None,
            f"{missing} units of earlier layers were not ablated under `legacy` "
            "(`ablation.layers`, `ablation.units`)",
        )
    return text


def short_is_distributed(files: ResultFiles, audit: Audit) -> Verdict:
    """C7: no single unit's ablation harms the short tasks much."""
    criteria = audit.criteria
    criterion = (
        "No single unit's ablation drops a condition of Simple, Adv or 2Adv by more than "
        f"{100 * criteria.relative_drop:g} % of the intact accuracy at q < "
        f"{criteria.maximum_q:g}. "
        f"{rule_on_conditions(criteria)}"
    )
    effects = read_effects(files, audit.mode, criteria)
    if effects is None:
        return not_testable("C7", criterion, not_ablated(audit.mode))
    parts, largest = Parts(), []
    parts.data.append(accuracy_file(audit.mode))
    for role, title in SHORT_TASKS.items():
        task = audit.task(role)
        rows = effects[effects["task"] == task]
        if rows.empty:
            parts.add(None, f"no unit was ablated on {title} (`tasks`, `task_definitions`: sweep)")
            parts.measures.append(Measure(title, None, note="no unit was ablated on it (`tasks`)"))
        for condition, cell in rows.groupby("condition", sort=False):
            label = f"{audit.label(task)} {condition}"
            found = cell[cell["large"]]
            shown = (found if len(found) else cell).sort_values(
                ["relative_drop", "unit"], ascending=[False, True], na_position="last"
            )
            row = next(shown.itertuples())
            expected = f"<= {criteria.relative_drop:g}, or q >= {criteria.maximum_q:g}"
            name = f"{label}: largest relative drop, unit {row.unit}"
            if not row.testable:
                note = too_low(label, row.full_low, criteria)
                parts.add(None, note)
                parts.measures.append(
                    drop_measure(name, row, expected, None, f"takes no part: {note}")
                )
                continue
            note = f"q = {row.q:.2g}, {cell['unit'].nunique():,} units; {TAKEN_AS_MEASURED}"
            parts.measures.append(drop_measure(name, row, expected, found.empty, note))
            largest.append((label, row))
            units = listing(sorted(found["unit"].tolist()))
            what = "unit" if len(found) == 1 else "units"
            parts.add(found.empty, f"{label} suffers without {what} {units}" if units else label)
    n_units = int(effects["unit"].nunique())
    unseen = not_ablated_units(files, n_units)
    if unseen:
        parts.add(None, unseen)
    measured = ""
    if largest:
        label, row = max(largest, key=lambda pair: (pair[1].relative_drop, -pair[1].unit))
        drop = with_interval(row.relative_drop, row.relative_drop_low, row.relative_drop_high)
        measured = f"largest relative drop {drop} (unit {row.unit}, {label}, q = {row.q:.2g})"
    return parts.judge("C7", criterion, measured)


def one_matters_on_natural_text(files: ResultFiles, audit: Audit) -> Verdict:
    """C19: in a Linzen test set the ablation of exactly one long-range unit matters much.

    Accuracy over all conditions, as in Table 2. Where the test set was swept, from the table of all
    units; else from the margins of the discovered units, with a paired bootstrap over items.

    Raises
    ------
    UserError
        If the margins lack an item.
    """
    criteria = audit.criteria
    criterion = (
        "Of at least two long-range units that are confirmed on the other half of the items, the "
        "ablation of exactly one drops the accuracy on a Linzen test set, all conditions together, "
        "by more than "
        f"{100 * criteria.relative_drop:g} % of the intact one."
    )
    tasks = [task for task, role in audit.tasks.items() if role == "linzen"]
    if not tasks:
        reason = "no Linzen test set was run (`tasks`, `task_definitions`: format: linzen)"
        return not_testable("C19", criterion, reason)
    search = files.json(LONG_RANGE)
    if search is None:
        return not_testable("C19", criterion, NOT_SEARCHED)
    units = [entry["unit"] for entry in search["units"] if is_confirmed(entry)]
    if len(units) < 2:
        count = len(search["units"])
        found = f"{count or 'none'} {'were' if count > 1 else 'was'} found"
        confirmed = f", {len(units) or 'none'} of them confirmed" if count > len(units) else ""
        reason = f"it compares long-range units, and {found}{confirmed}"
        return not_testable("C19", criterion, reason, data=(LONG_RANGE,))
    parts, printed = Parts(), []
    parts.data.append(LONG_RANGE)
    effects = read_effects(files, audit.mode, criteria)
    for task in tasks:
        label = audit.label(task)
        found = {unit: _natural_drop(parts, files, audit, effects, task, unit) for unit in units}
        missing = [unit for unit, drop in found.items() if drop is None]
        if missing:
            parts.add(None, f"no ablation of {listing(missing)} on {label} (`ablation`, `tasks`)")
            continue
        matters = [unit for unit, drop in found.items() if drop.value > criteria.relative_drop]
        for unit, drop in found.items():
            how = TAKEN_AS_MEASURED if drop.resampled == "none" else f"drawn: {drop.resampled}"
            parts.measures.append(
                Measure(
                    f"unit {unit}, {label}: relative drop",
                    drop.value,
                    drop.low,
                    drop.high,
                    note=how,
                )
            )
        parts.measures.append(
            Measure(
                f"{label}: units that matter",
                len(matters),
                expected="1",
                met=len(matters) == 1,
                note=listing(matters) or None,
            )
        )
        text = f"{label}: " + "; ".join(
            f"unit {unit} {with_interval(drop.value, drop.low, drop.high)}"
            for unit, drop in found.items()
        )
        printed.append(text)
        parts.add(len(matters) == 1, f"on {label} {len(matters)} of {len(units)} units matter")
    return parts.judge("C19", criterion, "; ".join(printed))


def _natural_drop(
    parts: Parts,
    files: ResultFiles,
    audit: Audit,
    effects: pd.DataFrame | None,
    task: str,
    unit: int,
) -> Difference | None:
    """Relative drop of the accuracy on all items of a task; None if the unit was not ablated."""
    if effects is not None:
        rows = effects[(effects["unit"] == unit) & (effects["task"] == task)]
        if len(rows):
            parts.data.append(accuracy_file(audit.mode))
            n, right, full_right = rows[["n", "right", "full_right"]].sum()
            full = full_right / n
            low, high = wilson_interval(right, n, audit.criteria.confidence)
            ends = ((full - float(x)) / full for x in (right / n, high, low)) if full else ()
            return Difference(*ends, "none") if full else None
    sets = files.frame(SETS, ["set", "unit"])
    intact = files.frame(f"intact/{task}.parquet", ["item", "right"])
    if sets is None or intact is None or unit not in set(sets["unit"]):
        return None
    number = int(sets.loc[sets["unit"] == unit, "set"].iloc[0])
    for name in files.matching(f"ablation_sets/{audit.mode}/*/long_range_*.parquet"):
        margins = _margins(files, name, task, number)
        if len(margins):
            parts.data += [f"intact/{task}.parquet", SETS, name]
            break
    else:
        return None
    items = intact.merge(margins, on="item", how="outer", validate="one_to_one", indicator=True)
    if not (items["_merge"] == "both").all():
        raise UserError(
            f"{files.path(name)} does not hold the items of intact/{task}.parquet, each once. "
            "Delete both and run the workflow again"
        )
    values = np.column_stack([items["right"].astype(bool), items["margin"] > 0]).astype(float)
    if not values[:, 0].any():
        return None
    nobody = np.full(len(values), None)
    criteria = audit.criteria
    rng = seed_stream(criteria.seed, "claims", "C19", task, str(unit))
    draws = bootstrap_sums(values, nobody, nobody, criteria.bootstrap_samples, rng)
    with np.errstate(invalid="ignore", divide="ignore"):
        drops = 1 - draws.sums[:, 1] / draws.sums[:, 0]
    value = float(1 - values[:, 1].sum() / values[:, 0].sum())
    return Difference(value, *percentile_interval(drops, criteria.confidence), draws.resampled)


def _margins(files: ResultFiles, name: str, task: str, number: int) -> pd.DataFrame:
    """Margins of one set on one task; rows of other sets and tasks are not read into memory."""
    path = files.path(name)
    try:
        table = pq.read_table(
            path, columns=["task", "item", "margin"], filters=[("set", "==", number)]
        )
    except (OSError, ValueError, pa.ArrowInvalid) as error:
        raise UserError(
            f"cannot read {path}: {error}. Delete it and run the workflow again"
        ) from error
    rows = table.to_pandas()
    return rows.loc[rows["task"].astype(str) == task, ["item", "margin"]]
