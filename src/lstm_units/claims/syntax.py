"""Claims on syntax units: C13 (a small set carries agreement) and C14 (one spans the dependency).

Lakretz et al. 2019, Section 4.3.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from lstm_units.analyses.controls.set_tests import POOLED
from lstm_units.claims.criteria import Audit
from lstm_units.claims.units import SYNTAX
from lstm_units.io.published import PAPER_LABELS
from lstm_units.io.result_files import ResultFiles
from lstm_units.io.verdict import (
    FAILS,
    HOLDS,
    NOT_TESTABLE,
    Lacking,
    Measure,
    Verdict,
    judge,
    not_testable,
    reason_of,
)
from lstm_units.statistics.significance import wilson_interval

TESTS = "controls/tests/syntax.parquet"
CONDITIONS = (("nounpp", "SP"), ("nounpp", "PS"), ("nounpp_adv", "SP"), ("nounpp_adv", "PS"))
STRUCTURES = ("adv_conjunction", "nounpp", "subject_relative", "double_subject_relative")
_LABELS = PAPER_LABELS | {
    "subject_relative": "subject relative",
    "double_subject_relative": "double subject relative",
}
_COUNTING_SCORE = 0.5  # below it the unit is worse than chance on one side of a structure
_NOT_SEARCHED = Lacking(
    "syntax units were not searched", "`depth.run` and `syntax_units.structures`"
)


def syntax_carries(files: ResultFiles, audit: Audit) -> Verdict:
    """C13: more units than by chance carry depth, and ablating them costs agreement.

    Two parts. The count of stable outliers against refits with permuted depth. The ablation in the
    incongruent conditions of nounPP and nounPPAdv, and natural text: it fails only if so many
    conditions were testable that it could have passed.
    """
    criteria = audit.criteria
    needed = criteria.syntax_conditions
    made = {"match": criteria.match, "minimum_intact": criteria.minimum_intact}
    made |= files.settings(TESTS)
    drawn = "as many units of each layer" if made["match"] == "layer" else "as many units"
    criterion = (
        "more units with an outlying coefficient of depth (in enough folds) than the 99th "
        "percentile of refits with depth permuted within position*; ablated together they leave "
        f"fewer answers right than random sets with {drawn}, Holm-corrected "
        f"p < {criteria.syntax_p:g} in at least {needed} of nounPP SP and PS, nounPPAdv SP and PS, "
        "and Linzen where given, among conditions whose intact accuracy has a lower bound > "
        f"{made['minimum_intact']:g}"
    )
    syntax = files.json(SYNTAX)
    if syntax is None:
        return not_testable("C13", criterion, _NOT_SEARCHED)
    count = _outlier_measure(syntax)
    tests = files.frame(TESTS)
    rows, why = _condition_rows(files, audit, tests)
    passed = [m for m in rows if m.met]
    tested = [m for m in rows if m.met is not None]
    ablation: bool | None = None
    if len(passed) >= needed:
        ablation = True
    elif len(tested) >= needed:
        ablation = False
    verdict = judge((count.met, ablation))
    measured = _outliers_in_words(count, syntax)
    if tested:
        best = min(tested, key=lambda m: m.value if m.value is not None else 1.0)
        measured += (
            f"; p < {criteria.syntax_p:g} in {len(passed)} of {len(tested)} testable conditions "
            f"({best.name.removesuffix(', p')} p = {best.value:.2g})"
        )
    else:
        measured += "; no condition testable"
    return Verdict(
        "C13",
        criterion,
        verdict,
        measured,
        _carries_reason(verdict, count, ablation, rows, needed, criteria.syntax_p, why),
        (count, *rows, *_accuracy_measures(audit, tests)),
        (SYNTAX,) if tests is None else (SYNTAX, TESTS),
    )


def spans_dependency(files: ResultFiles, audit: Audit) -> Verdict:
    """C14: the cell of a syntax unit tells words inside the dependency from those outside.

    By the folded AUC of each syntax unit that is no long-range unit: the least over the four
    structures of the claim, read with the sign of the unit that makes it larger. The score of
    `lstm_units.analyses.syntax_units.dependency_span.span_scores` stands beside it: a cell that
    counts words can reach a high AUC, for most words outside come after the verb, but no high
    score.
    """
    least_needed = audit.criteria.spanning_auc
    criterion = (
        "one syntax unit whose cell tells words inside the dependency of subject and main verb "
        f"from words outside with a folded AUC >= {least_needed:g}* in each of CoAdv, nounPP, "
        "subject relative and double subject relative, with the same sign"
    )
    syntax = files.json(SYNTAX)
    if syntax is None:
        return not_testable("C14", criterion, _NOT_SEARCHED)
    roles = {task: audit.tasks.get(task, task) for task in syntax["structures"]}
    used = [task for task, role in roles.items() if role in STRUCTURES]
    missing = [_LABELS[role] for role in STRUCTURES if role not in roles.values()]
    others = [audit.label(task) for task in roles if task not in used]
    spans = [_span(entry, used) for entry in syntax["units"]]
    asked = [span for span in spans if not span.long_range]
    known = [span for span in asked if span.least is not None]
    best = max(known, key=lambda span: (span.least, span.score), default=None)
    reached = best is not None and best.least >= least_needed
    if reached and not missing:
        verdict, reason = HOLDS, None
    elif reached or (asked and not used) or (not reached and len(known) < len(asked)):
        verdict, reason = NOT_TESTABLE, _span_untested(asked, known, best, missing)
    else:
        verdict = FAILS
        reason = f"no syntax unit has a least AUC >= {least_needed:g}"
        if not asked:
            found = "every syntax unit is a long-range unit" if spans else "there is no syntax unit"
            reason = f"{found}, so none could span it"
    measured = "no syntax unit" if best is None else best.words
    if reached and best.score < _COUNTING_SCORE:
        measured += "; so low a score is that of a cell that counts words"
    measures = [m for span in spans for m in span.measures(least_needed, audit, others)]
    return Verdict("C14", criterion, verdict, measured, reason, tuple(measures), (SYNTAX,))


@dataclass(frozen=True)
class _Span:
    """How well the cell of one unit spans the dependency; `auc` with the sign of `least`."""

    unit: int
    layer: int
    long_range: bool
    least: float | None
    score: float
    auc: Mapping[str, float]

    @property
    def name(self) -> str:
        return f"unit {self.unit} (layer {self.layer})"

    @property
    def words(self) -> str:
        return f"{self.name}: least AUC {self.least:.3f} (score {self.score:.2f})"

    def measures(self, needed: float, audit: Audit, others: Sequence[str]) -> list[Measure]:
        expected = None if self.long_range else f">= {needed:g}*"
        name = f"{self.name}, least AUC"
        if self.least is None:
            note = "its cells were not dumped (`activations.layers`)"
            return [Measure(name, None, expected=expected, note=note)]
        note = "; ".join(f"{audit.label(task)} {auc:.3f}" for task, auc in self.auc.items())
        if others:
            note += f"; does not count: {', '.join(others)}"
        if self.long_range:
            note += "; a long-range unit, which does not count"
        met = None if self.long_range else self.least >= needed
        score = Measure(
            f"{self.name}, score",
            self.score,
            note="least AUC over all structures and both sides, before and after; reported only",
        )
        return [Measure(name, self.least, expected=expected, met=met, note=note), score]


def _span(entry: Mapping[str, Any], structures: Sequence[str]) -> _Span:
    named = (int(entry["unit"]), int(entry["layer"]), bool(entry["long_range"]))
    if entry["auc"] is None or not structures:
        return _Span(*named, None, 0.0, {})
    auc = {task: float(entry["auc"][task]) for task in structures}
    if round(min(auc.values()), 6) < round(1 - max(auc.values()), 6):
        auc = {task: 1 - value for task, value in auc.items()}
    return _Span(*named, least_folded_auc(auc, structures), float(entry["score"]), auc)


def _span_untested(
    asked: Sequence[_Span], known: Sequence[_Span], best: _Span | None, missing: Sequence[str]
) -> str:
    parts = []
    if missing:
        parts.append(
            f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not among the structures "
            "(`syntax_units.structures`)"
        )
    unread = [span.name for span in asked if span not in known]
    if unread and len(missing) < len(STRUCTURES):
        parts.append(f"the cells of {', '.join(unread)} were not dumped (`activations.layers`)")
    if best is not None:
        parts.append(f"of what was measured, {best.words} is best")
    return "; ".join(parts)


def least_folded_auc(auc: Mapping[str, float], structures: Sequence[str]) -> float | None:
    """Return the least AUC over structures, with the sign of the unit that makes it larger.

    Parameters
    ----------
    auc : mapping of str to float
        By structure, read with any one sign.

    Returns
    -------
    float or None
        None without a structure. Six decimals, as in ``units/syntax.json``.
    """
    values = [auc[task] for task in structures]
    return round(max(min(values), 1 - max(values)), 6) if values else None


def _outlier_measure(syntax: Mapping[str, Any]) -> Measure:
    counts, criteria = syntax["outliers"], syntax["criteria"]
    limit = counts["permuted_99"]
    beyond = f"beyond {criteria['threshold']:g} SD"
    if criteria["minimum_folds"]:
        beyond += f", in at least {criteria['minimum_folds']} of {syntax['n_folds']} folds too"
    if limit is None:
        note = f"{beyond}; depth was not permuted (`depth.permutations`)"
        return Measure("outlying units", counts["n_stable"], expected="> refits", note=note)
    note = f"{beyond}; p = {counts['p']:.2g} against {counts['n_permutations']:,} refits"
    met = counts["n_stable"] > limit
    return Measure("outlying units", counts["n_stable"], expected=f"> {limit}*", met=met, note=note)


def _outliers_in_words(count: Measure, syntax: Mapping[str, Any]) -> str:
    limit = syntax["outliers"]["permuted_99"]
    against = "" if limit is None else f", {limit} at the 99th percentile of refits"
    units = ", ".join(str(entry["unit"]) for entry in syntax["units"][:20])
    if len(syntax["units"]) > 20:
        units += ", ..."
    number = int(count.value or 0)
    named = f" ({units})" if units else ""
    return f"{number} syntax unit{'' if number == 1 else 's'}{named}{against}"


def _condition_rows(
    files: ResultFiles, audit: Audit, tests: pd.DataFrame | None
) -> tuple[list[Measure], str | None]:
    """Return one measure per condition of the claim, and why there are no tests at all."""
    criteria = audit.criteria
    if tests is None:
        return [], "the control of the syntax units was not run (`controls.run`)"
    if tests.empty:
        why = (files.metadata(TESTS) or {}).get("reason")
        return [], f"nothing was ablated: {why or 'there is no syntax unit'}"
    measures = []
    for title, rows in _wanted(audit, tests):
        name, below = f"{title}, p", f"< {criteria.syntax_p:g}"
        if rows.empty:
            note = "not among the tasks of the control (`tasks` and `controls.tasks.syntax`)"
            measures.append(Measure(name, None, expected=below, note=note))
            continue
        row = rows.iloc[0]
        if not row["adjusted"]:
            note = (
                f"not testable: intact accuracy {row['full_accuracy']:.3f} with a lower bound of "
                f"{row['full_ci_low']:.3f}"
            )
            measures.append(Measure(name, None, expected=below, note=note))
            continue
        low, high = wilson_interval(row["n_at_most"] + 1, row["n_sets"] + 1, criteria.confidence)
        uncorrected = f"{row['p']:.2g} [{float(low):.2g}, {float(high):.2g}]"
        note = (
            f"corrected after Holm, uncorrected {uncorrected}; {row['observed']:.3f} right, "
            f"{row['null_mean']:.3f} on average of {int(row['n_sets']):,} random sets"
        )
        p = float(row["p_holm"])
        measures.append(Measure(name, p, expected=below, met=p < criteria.syntax_p, note=note))
    return measures, None


def _accuracy_measures(audit: Audit, tests: pd.DataFrame | None) -> list[Measure]:
    """Differences to the intact model in the conditions of the claim, with intervals."""
    if tests is None or tests.empty:
        return []
    return [
        Measure(
            f"{title}, accuracy without the syntax units - intact",
            float(rows.iloc[0]["difference_to_full"]),
            float(rows.iloc[0]["difference_to_full_ci_low"]),
            float(rows.iloc[0]["difference_to_full_ci_high"]),
            note="interval over items; reported only",
        )
        for title, rows in _wanted(audit, tests)
        if len(rows)
    ]


def _wanted(audit: Audit, tests: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Title and rows of each condition of the claim; of several tasks of a kind the first."""
    there = {str(task) for task in tests["task"]}
    task_of: dict[str, str] = {}
    for task, role in audit.tasks.items():
        if task in there:
            task_of.setdefault(role, task)
    wanted = [(role, task_of.get(role), condition) for role, condition in CONDITIONS]
    if "linzen" in task_of:
        wanted.append(("linzen", task_of["linzen"], POOLED))
    found = []
    for role, task, condition in wanted:
        label = _LABELS.get(role, role) if task is None else audit.label(task)
        title = label if condition == POOLED else f"{label} {condition}"
        chosen = (tests["task"] == task) & (tests["condition"] == condition)
        found.append((title, tests[chosen] if task else tests.iloc[:0]))
    return found


def _carries_reason(
    verdict: str,
    count: Measure,
    ablation: bool | None,
    rows: Sequence[Measure],
    needed: int,
    p: float,
    why: str | None,
) -> str | None:
    parts: dict[bool | None, list[str]] = {True: [], False: [], None: []}
    tested = [m for m in rows if m.met is not None]
    passed = sum(bool(m.met) for m in tested)
    if count.met is False:
        parts[False].append(
            f"{int(count.value or 0)} outlying units are no more than arise without any relation "
            f"to depth ({(count.expected or '').rstrip('*')} are needed)"
        )
    elif count.met is None:
        parts[None].append(
            "depth was not permuted, so the count has no null (`depth.permutations`)"
        )
    else:
        parts[True].append("there are more outlying units than by chance")
    if ablation is False:
        parts[False].append(
            f"p < {p:g} in {passed} of {len(tested)} testable conditions, {needed} are needed"
        )
    elif ablation is None and why:
        parts[None].append(why)
    elif ablation is None:
        left = ", ".join(m.name.removesuffix(", p") for m in rows if m.met is None)
        some = (
            f"only {len(tested)} can be tested ({passed} with p < {p:g})" if tested else "none can"
        )
        parts[None].append(
            f"the ablation: {needed} conditions are needed, and {some} (not testable: {left})"
        )
    else:
        parts[True].append(f"ablation costs more than random sets in {passed} conditions")
    return reason_of(verdict, parts[False], parts[None], parts[True])
