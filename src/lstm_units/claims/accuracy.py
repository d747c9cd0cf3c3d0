"""Claims on the accuracy of the intact model (Lakretz et al. 2019, Table 2): C1, C2, C3, C23."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import pandas as pd

from lstm_units.claims.criteria import Audit
from lstm_units.claims.unit_effects import rule_on_conditions, too_low
from lstm_units.errors import UserError
from lstm_units.io.published import PAPER_LABELS, PAPER_TASKS
from lstm_units.io.result_files import ResultFiles
from lstm_units.io.seeds import seed_stream
from lstm_units.io.verdict import Lacking, Measure, Parts, Verdict, with_interval
from lstm_units.statistics.condition_differences import (
    Difference,
    condition_accuracies,
    weighted_difference,
)
from lstm_units.statistics.significance import q_values

EASY = ("simple", "adv")
ATTRACTOR_TASKS = ("nounpp", "nounpp_adv")


def does_the_tasks(files: ResultFiles, audit: Audit) -> Verdict:
    """C1: every condition of the paper's tasks is above chance, Simple and Adv are nearly perfect.

    Exact one-sided binomial tests against 1/2, Benjamini-Hochberg over all conditions tested. A
    Linzen test set counts as one condition, as in Table 2, and is tested where it is given.
    Intervals are Wilson's.
    """
    criteria = audit.criteria
    criterion = (
        "Every condition of the paper's tasks above chance (exact one-sided binomial test, "
        f"q < {criteria.chance_q:g}); each condition of Simple and Adv >= "
        f"{criteria.easy_accuracy:g}*. A Linzen test set, where given, counts as one condition."
    )
    parts, rows = Parts(), []
    for role in PAPER_TASKS:
        answers = _answers_of_role(files, audit, role)
        if not answers and role != "linzen":
            parts.add(None, _not_run(PAPER_LABELS[role]))
            parts.measures.append(
                Measure(PAPER_LABELS[role], None, note=_not_run(PAPER_LABELS[role]))
            )
        for task, table in answers.items():
            parts.data.append(f"intact/{task}.parquet")
            whole = table.assign(condition="all") if role == "linzen" else table
            found = condition_accuracies(whole, criteria.confidence)
            rows.append(found.assign(role=role, label=audit.label(task)))
    if not rows:
        return parts.judge("C1", criterion, "")
    from scipy.stats import binom

    table = pd.concat(rows, ignore_index=True)
    table["q"] = q_values(binom.sf(table["right"] - 1, table["n"], 0.5))
    met = []
    for row in table.itertuples():
        easy = row.role in EASY
        above = row.q < criteria.chance_q
        high = not easy or row.accuracy >= criteria.easy_accuracy
        met.append(above and high)
        expected = f"q < {criteria.chance_q:g}"
        expected += f", >= {criteria.easy_accuracy:g}" if easy else ""
        note = f"q = {row.q:.2g}, {row.n:,} items"
        name = f"{row.label} {row.condition}"
        parts.measures.append(
            Measure(name, row.accuracy, row.low, row.high, expected, met[-1], note)
        )
        if not above:
            parts.add(False, f"{name} is not above chance ({row.accuracy:.3f})")
        elif not high:
            parts.add(False, f"{name} is below {criteria.easy_accuracy:g} ({row.accuracy:.3f})")
    if any(met):
        parts.add(True, f"{sum(met)} of {len(met)} conditions")
    lowest = table.loc[table["accuracy"].idxmin()]
    measured = (
        f"lowest: {lowest['label']} {lowest['condition']} "
        f"{with_interval(lowest['accuracy'], lowest['low'], lowest['high'])}; "
        f"{sum(met)} of {len(met)} conditions meet the criterion"
    )
    return parts.judge("C1", criterion, measured)


def attractors_cost(files: ResultFiles, audit: Audit) -> Verdict:
    """C2: accuracy is lower with an incongruent attractor, for both numbers in both tasks."""
    return _ordered_conditions("C2", (("SP", "SS"), ("PS", "PP")), files, audit)


def singular_is_harder(files: ResultFiles, audit: Audit) -> Verdict:
    """C3: over an attractor of the other number, singular subjects are harder than plural ones."""
    return _ordered_conditions("C3", (("SP", "PS"),), files, audit)


def _ordered_conditions(
    claim: str, pairs: Sequence[tuple[str, str]], files: ResultFiles, audit: Audit
) -> Verdict:
    """Test that the first condition of each pair is below the second, in both attractor tasks."""
    criteria = audit.criteria
    criterion = (
        f"{' and '.join(f'{one} < {other}' for one, other in pairs)} in nounPP and nounPPAdv: the "
        f"{100 * criteria.confidence:g} % interval of each difference lies below 0. "
        f"{rule_on_conditions(criteria)}"
    )
    parts, printed = Parts(), []
    for role in ATTRACTOR_TASKS:
        task = audit.task(role)
        answers = None if task is None else read_answers(files, task)
        if answers is None:
            parts.add(None, _not_run(PAPER_LABELS[role]))
            parts.measures += [
                Measure(f"{PAPER_LABELS[role]} {one} - {other}", None, None, None, "< 0", None)
                for one, other in pairs
            ]
            continue
        parts.data += _sources(files, task)
        table = condition_accuracies(answers, criteria.confidence).set_index("condition")
        label, problems = audit.label(task), {}
        for condition in dict.fromkeys(name for pair in pairs for name in pair):
            if condition not in table.index:
                problems[condition] = f"{label} has no condition {condition}"
                continue
            row, name = table.loc[condition], f"{label} {condition}"
            note = f"{int(row['n']):,} items"
            if row["low"] <= criteria.minimum_intact:
                problems[condition] = too_low(name, row["low"], criteria)
                note += "; takes no part"
            values = (float(row[column]) for column in ("accuracy", "low", "high"))
            parts.measures.append(Measure(name, *values, note=note))
        for one, other in pairs:
            name = f"{label} {one} - {other}"
            problem = [problems[condition] for condition in (one, other) if condition in problems]
            found = None
            if {one, other} <= set(table.index):
                found = weighted_difference(
                    [answers],
                    {(task, one): 1.0, (task, other): -1.0},
                    criteria.bootstrap_samples,
                    criteria.confidence,
                    seed_stream(criteria.seed, "claims", claim, task, one, other),
                )
            if problem:
                for text in problem:
                    parts.add(None, text)
                note = f"cannot be tested: {'; '.join(problem)}"
                parts.measures.append(_measure(name, found, "< 0", None, note))
                continue
            met = found.high < 0
            text = f"{name} {_spelled(found)}"
            printed.append(text)
            parts.add(met, text)
            parts.measures.append(_measure(name, found, "< 0", met, f"drawn: {found.resampled}"))
    if not printed:
        tried = [
            measure for measure in parts.measures if measure.expected and measure.low is not None
        ]
        printed = [f"{m.name} {with_interval(m.value, m.low, m.high)} (not tested)" for m in tried]
    return parts.judge(claim, criterion, "; ".join(printed))


def distance_is_hard(files: ResultFiles, audit: Audit) -> Verdict:
    """C23: accuracy falls from Simple to CoAdv to the incongruent conditions of nounPP.

    The accuracy of a task is the mean over its conditions, each with equal weight. Subject and verb
    lemmas are drawn once for both tasks of a difference.
    """
    criteria = audit.criteria
    criterion = (
        "Accuracy, the mean over conditions with equal weight: Simple > CoAdv > nounPP SP, PS; the "
        f"{100 * criteria.confidence:g} % interval of each difference lies above 0."
    )
    parts = Parts()
    means = [
        _task_mean(files, audit, role, conditions)
        for role, conditions in (
            ("simple", ()),
            ("adv_conjunction", ()),
            ("nounpp", ("SP", "PS")),
        )
    ]
    printed = []
    for mean in means:
        if mean.problem:
            parts.measures.append(Measure(mean.label, None, note=mean.problem))
            continue
        parts.data += _sources(files, mean.task)
        found = _difference_of_means([mean], audit)
        note = f"mean of {len(mean.conditions)} conditions, drawn: {found.resampled}"
        parts.measures.append(_measure(mean.label, found, None, None, note))
        printed.append(f"{mean.label} {_spelled(found)}")
    for one, other in pairwise(means):
        name = f"{one.label} - {other.label}"
        problems = [mean.problem for mean in (one, other) if mean.problem]
        if problems:
            for problem in problems:
                parts.add(None, problem)
            parts.measures.append(Measure(name, None, expected="> 0", note="; ".join(problems)))
            continue
        found = _difference_of_means([one, other], audit)
        parts.add(found.low > 0, f"{name} is {_spelled(found)}")
        note = f"drawn: {found.resampled}"
        parts.measures.append(_measure(name, found, "> 0", found.low > 0, note))
    return parts.judge("C23", criterion, "; ".join(printed))


def read_answers(files: ResultFiles, task: str) -> pd.DataFrame | None:
    """Read how the intact model answers the items of a task.

    Parameters
    ----------
    files : ResultFiles
        Of a model.

    Returns
    -------
    DataFrame or None
        ``task, item, condition, right, frame, subject_lemma, verb_lemma``; the last three are
        missing where the stimuli are not among the results or do not tell. None if the task was
        not scored.

    Raises
    ------
    UserError
        If a file is damaged, or the stimuli lack an item that was scored.
    """
    name = f"intact/{task}.parquet"
    answers = files.frame(name, ["item", "condition", "right"])
    if answers is None:
        return None
    answers["condition"] = answers["condition"].astype(str)
    stimuli = files.frame(
        f"stimuli/{task}.parquet", ["item", "frame", "subject_lemma", "verb_lemma"]
    )
    if stimuli is None:
        stimuli = answers[["item"]].assign(frame=None, subject_lemma=None, verb_lemma=None)
    merged = answers.merge(stimuli, on="item", how="left", validate="one_to_one", indicator=True)
    if (merged["_merge"] != "both").any():
        raise UserError(
            f"{files.path(name)} holds items that stimuli/{task}.parquet does not: the two come "
            "from different runs. Delete the former and run the workflow again"
        )
    merged.insert(0, "task", task)
    return merged.drop(columns="_merge")


@dataclass(frozen=True)
class _TaskMean:
    """A task whose accuracy is averaged over some conditions; `problem` if it cannot be."""

    label: str
    task: str | None
    answers: pd.DataFrame | None
    conditions: tuple[str, ...]
    problem: str | None


def _task_mean(files: ResultFiles, audit: Audit, role: str, conditions: Sequence[str]) -> _TaskMean:
    task = audit.task(role)
    answers = None if task is None else read_answers(files, task)
    label = PAPER_LABELS[role] if task is None else audit.label(task)
    title = f"{label} {', '.join(conditions)}" if conditions else label
    if answers is None:
        return _TaskMean(title, task, None, (), _not_run(label))
    present = condition_accuracies(answers, audit.criteria.confidence)["condition"].tolist()
    lacking = [name for name in conditions if name not in present]
    problem = f"{label} has no condition {' and '.join(lacking)}" if lacking else None
    return _TaskMean(title, task, answers, tuple(conditions) or tuple(present), problem)


def _difference_of_means(means: Sequence[_TaskMean], audit: Audit) -> Difference:
    """Return the mean accuracy of the first task, less that of the second if there is one."""
    weights = {
        (mean.task, condition): sign / len(mean.conditions)
        for mean, sign in zip(means, (1.0, -1.0), strict=False)
        for condition in mean.conditions
    }
    criteria = audit.criteria
    return weighted_difference(
        [mean.answers for mean in means],
        weights,
        criteria.bootstrap_samples,
        criteria.confidence,
        seed_stream(criteria.seed, "claims", "C23", *(mean.task for mean in means)),
        by_frame=False,
    )


def _answers_of_role(files: ResultFiles, audit: Audit, role: str) -> dict[str, pd.DataFrame]:
    """Answers of every task of the configuration that is this task of the paper."""
    tasks = [task for task, known in audit.tasks.items() if known == role]
    found = {task: read_answers(files, task) for task in tasks}
    return {task: answers for task, answers in found.items() if answers is not None}


def _not_run(label: str) -> str:
    return Lacking(f"{label} was not run", "`tasks`")


def _sources(files: ResultFiles, task: str) -> list[str]:
    names = [f"intact/{task}.parquet", f"stimuli/{task}.parquet"]
    return [name for name in names if files.path(name) is not None]


def _measure(
    name: str, found: Difference | None, expected: str | None, met: bool | None, note: str
) -> Measure:
    values = (None, None, None) if found is None else (found.value, found.low, found.high)
    return Measure(name, *values, expected, met, note)


def _spelled(found: Difference) -> str:
    return with_interval(found.value, found.low, found.high)
