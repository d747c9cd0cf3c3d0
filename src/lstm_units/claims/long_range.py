"""Claims on single units that carry number (Lakretz et al. 2019, Section 4.1): C4, C5."""

from collections.abc import Mapping, Sequence

from lstm_units.claims.criteria import Audit, ClaimCriteria
from lstm_units.claims.unit_effects import (
    TAKEN_AS_MEASURED,
    accuracy_file,
    drop_measure,
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
from lstm_units.io.result_files import ResultFiles
from lstm_units.io.verdict import Measure, Parts, Verdict, not_testable, with_interval
from lstm_units.io.wording import listing
from lstm_units.stimuli.congruence import read_conditions


def number_is_local(files: ResultFiles, audit: Audit) -> Verdict:
    """C4: one to three units carry number over an attractor.

    Units are those found on one half of the frames. Losses with their intervals (bootstrap over
    subject and verb lemmas) are of the other half, which had no part in picking them; at least one
    unit must be confirmed there. One that is not speaks neither for the claim nor against it.
    """
    criteria = audit.criteria
    criterion = (
        f"1 to {criteria.maximum_units} units, each with q < {criteria.maximum_q:g} and loss "
        f"(full - ablated) / (full - .5) >= {criteria.minimum_loss:g}* in an incongruent condition "
        "of both nounPP and nounPPAdv, for the same number, on one half of the frames; at least "
        f"one of them confirmed on the other half. {rule_on_conditions(criteria)}"
    )
    search = files.json(LONG_RANGE)
    if search is None:
        return not_testable("C4", criterion, NOT_SEARCHED)
    tasks, units, best = search["criteria"]["tasks"], search["units"], search["best_unit"]
    parts = Parts()
    parts.data.append(LONG_RANGE)
    low = [row for row in search["not_testable"] if row["task"] in tasks]
    outside = listing([f"{audit.label(row['task'])} {row['condition']}" for row in low])
    if sorted(audit.tasks.get(task, task) for task in tasks) != ["nounpp", "nounpp_adv"]:
        parts.add(
            None,
            f"units were searched for with {listing([audit.label(t) for t in tasks])} "
            "(`discovery.tasks`), and the claim is on nounPP and nounPPAdv",
        )
    elif not units and best is None:
        parts.add(
            None,
            "no number can be tested in an incongruent condition of both nounPP and nounPPAdv: "
            f"the intact accuracy of {outside} is too low",
        )
    else:
        _judge_search(parts, files, search, outside, criteria)
    for entry in units:
        parts.measures += _losses(entry, tasks, audit)
    if best is not None:
        parts.measures.append(
            Measure(
                f"closest unit, {best['unit']}: least loss of the tasks, searched half",
                best["loss"],
                expected=f">= {criteria.minimum_loss:g}",
                met=True if best["unit"] in [entry["unit"] for entry in units] else None,
                note=f"{best['subject_number']} subjects, q = {best['q']:.2g}",
            )
        )
    parts.measures += [
        Measure(
            f"{audit.label(row['task'])} {row['condition']}, intact accuracy",
            row["full"],
            row["ci_low"],
            row["ci_high"],
            note=f"takes no part: {row['reason']}",
        )
        for row in low
    ]
    measured = "; ".join(_describe_unit(entry, tasks) for entry in units)
    if not units and best is not None:
        measured = f"no unit; the closest, {best['unit']}: loss {best['loss']:.3f}"
    return parts.judge("C4", criterion, measured or "no unit found")


def _judge_search(
    parts: Parts, files: ResultFiles, search: Mapping, outside: str, criteria: ClaimCriteria
) -> None:
    """Add what the list of units says: enough of them, not too many, and confirmed."""
    numbers = [entry["unit"] for entry in search["units"]]
    confirmed = [entry["unit"] for entry in search["units"] if is_confirmed(entry)]
    unseen = not_ablated_units(files, search["n_units"])
    low = f" ({outside} cannot be tested)" if outside else ""
    what = "unit" if len(numbers) == 1 else "units"
    if len(numbers) > criteria.maximum_units:
        text = f"{len(numbers)} units were found ({listing(numbers)}), more than "
        parts.add(False, f"{text}{criteria.maximum_units}{low}")
    elif confirmed:
        parts.add(True, f"{what} {listing(numbers)} found, confirmed: {listing(confirmed)}{low}")
        if unseen:
            parts.add(None, f"whether there are more: {unseen}")
    elif unseen:
        found = f"{what} {listing(numbers)} found but not confirmed" if numbers else "no unit found"
        parts.add(None, f"{found}, and {unseen}{low}")
    elif numbers:
        parts.add(False, f"{what} {listing(numbers)} not confirmed on the other half{low}")
    else:
        best = search["best_unit"]
        parts.add(
            False,
            f"no unit meets the criterion; unit {best['unit']} (layer {best['layer']}) comes "
            f"closest: with {best['subject_number']} subjects its loss reaches {best['loss']:.3f} "
            f"in both tasks, at q = {best['q']:.2g}{low}",
        )
    parts.measures.append(
        Measure(
            "units found",
            len(numbers),
            expected=f"1 to {criteria.maximum_units}",
            met=(1 <= len(numbers) <= criteria.maximum_units) if numbers or not unseen else None,
            note=f"confirmed: {listing(confirmed) or 'none'}",
        )
    )


def serves_one_number(files: ResultFiles, audit: Audit) -> Verdict:
    """C5: all conditions that suffer from a unit's ablation have one subject number.

    Units that the other half of the items does not confirm are reported, and not judged.
    """
    criteria = audit.criteria
    criterion = (
        "All conditions, of all tasks, in which a long-range unit's ablation drops accuracy by "
        f"more than {100 * criteria.relative_drop:g} % of the intact one, at q < "
        f"{criteria.maximum_q:g}, "
        f"have one subject number. {rule_on_conditions(criteria)}"
    )
    search = files.json(LONG_RANGE)
    if search is None:
        return not_testable("C5", criterion, NOT_SEARCHED)
    effects = read_effects(files, audit.mode, criteria)
    if not search["units"] or effects is None:
        reason = not_ablated(audit.mode) if search["units"] else NONE_FOUND
        measured = "" if search["units"] else "no unit found"
        return not_testable("C5", criterion, reason, data=(LONG_RANGE,), measured=measured)
    parts, printed, conditions = Parts(), [], read_conditions(files)
    if not any(is_confirmed(entry) for entry in search["units"]):
        parts.add(None, NONE_CONFIRMED)
    parts.data += [LONG_RANGE, accuracy_file(audit.mode)]
    for entry in search["units"]:
        unit = entry["unit"]
        suffering: dict[str, list[str]] = {}
        measures = []
        for row in effects[effects["unit"] == unit].itertuples():
            number = conditions[row.task, row.condition].subject_number
            label, counts = f"{audit.label(row.task)} {row.condition}", row.large
            if not row.testable:
                note = f"takes no part: {too_low(label, row.full_low, criteria)}"
            elif number is None:
                note, counts = "takes no part: the number of the subjects is not known", False
            else:
                note = f"q = {row.q:.2g}; {TAKEN_AS_MEASURED}"
            if counts:
                suffering.setdefault(number, []).append(label)
            name = f"unit {unit}, {label}: relative drop"
            measures.append(drop_measure(name, row, note=note))
        met = len(suffering) == 1 if suffering else None
        text = f"unit {unit}: " + (
            " and ".join(f"{n} ({', '.join(labels)})" for n, labels in suffering.items())
            or "no testable condition of a known number suffers"
        )
        measures.append(
            Measure(
                f"unit {unit}: subject numbers that suffer",
                len(suffering),
                expected="1",
                met=met,
                note=listing(list(suffering)) or None,
            )
        )
        if is_confirmed(entry):
            parts.add(met, text)
            parts.measures += measures
        else:
            text += f", {UNCONFIRMED}"
            parts.measures += reported_only(measures)
        printed.append(text)
    return parts.judge("C5", criterion, "; ".join(printed))


def _losses(entry: Mapping, tasks: Sequence[str], audit: Audit) -> list[Measure]:
    """Loss of a unit in each incongruent condition, on the half that had no part in finding it."""
    found = {(row["task"], row["condition"]): row for row in entry["discovery"]["conditions"]}
    measures = []
    for row in entry["confirmation"]["conditions"]:
        if row["task"] not in tasks or not row["incongruent"]:
            continue
        searched = found.get((row["task"], row["condition"]), {})
        loss, q = searched.get("loss"), searched.get("q")
        note = f"{row['n']:,} items of the other half, drawn: {row['resampled']}"
        if loss is not None and q is not None:
            note += f"; searched half: loss {loss:.3f}, q = {q:.2g}"
        if not row["testable"]:
            note += "; takes no part"
        measures.append(
            Measure(
                f"unit {entry['unit']}, {audit.label(row['task'])} {row['condition']}: loss",
                row["loss"],
                row["loss_low"],
                row["loss_high"],
                note=note,
            )
        )
    return measures


def _describe_unit(entry: Mapping, tasks: Sequence[str]) -> str:
    """Name a unit with its least loss over the tasks, for the number it was found for."""
    rows = [
        row
        for row in entry["confirmation"]["conditions"]
        if row["task"] in tasks
        and row["incongruent"]
        and row["testable"]
        and row["subject_number"] in entry["found_for"]
        and row["loss"] is not None
    ]
    state = "" if is_confirmed(entry) else ", not confirmed"
    text = f"unit {entry['unit']} ({listing(entry['found_for'])}{state})"
    if not rows:
        return text
    least = min(rows, key=lambda row: row["loss"])
    return f"{text}: loss {with_interval(least['loss'], least['loss_low'], least['loss_high'])}"
