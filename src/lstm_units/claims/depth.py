"""Claims on tree depth: C12 (it is linearly decodable) and C18 (word frequency is not the reason).

Lakretz et al. 2019, Section 4.3. Both read what `lstm_units.analyses.depth.scores` wrote.
"""

from collections.abc import Sequence

import pandas as pd

from lstm_units.analyses.depth.scores import UNITS, overall_r2
from lstm_units.claims.criteria import Audit
from lstm_units.io.result_files import ResultFiles
from lstm_units.io.verdict import (
    FAILS,
    HOLDS,
    Lacking,
    Measure,
    Verdict,
    judge,
    not_testable,
    reason_of,
    with_interval,
)
from lstm_units.io.wording import listing

SCORES, COMPARISONS = "depth/scores.parquet", "depth/comparisons.parquet"
# The baselines of the claim, by the names of their predictions; a layer of the model is none.
BASELINES = {
    "position_frequency": "position and frequency",
    "words": "word identity",
    "embeddings": "word embedding",
}
_UNTRAINED = "untrained_"
_NOT_RUN = Lacking("the regression of depth was not run", "`depth.run`")
_ABSENT, _REMOVED = (f"{UNITS} (covariate {kind})" for kind in ("absent", "removed"))


def depth_is_decodable(files: ResultFiles, audit: Audit) -> Verdict:
    """C12: R2 of depth from all units is high, and higher than from every baseline.

    R2 is compared with the threshold as it is; its interval is reported. Differences to the
    baselines count by the lower bounds of their intervals, which resample sentences.
    """
    criteria = audit.criteria
    level = files.settings(COMPARISONS).get("confidence", criteria.confidence)
    criterion = (
        f"R² of depth from all units, over held-out sentences, > {criteria.depth_r2:g}*; "
        f"{level:.0%} interval of its difference to each baseline (position and "
        "frequency, word identity, word embedding, untrained networks of the same shape) above 0"
    )
    found = _read(files)
    if found is None:
        return not_testable("C12", criterion, _NOT_RUN)
    scores, comparisons = found
    row = overall_r2(scores)
    if row is None:
        return not_testable("C12", criterion, f"{SCORES} has no R² of all units")
    r2 = Measure(
        "R² of all units",
        float(row["r2"]),
        float(row["ci_low"]),
        float(row["ci_high"]),
        f"> {criteria.depth_r2:g}*",
        bool(row["r2"] > criteria.depth_r2),
        f"{int(row['n']):,} words; interval over sentences; the value itself is compared",
    )
    measures = [r2, *_baseline_measures(comparisons, scores)]
    verdict = judge(measure.met for measure in measures)
    measured = f"R² {with_interval(r2.value, r2.low, r2.high)}"
    tested = [measure for measure in measures[1:] if measure.met is not None]
    if tested:
        least = min(tested, key=lambda measure: measure.low or 0.0)
        measured += (
            f"; smallest difference to a baseline "
            f"{_rounded(least, 3)} ({least.name.split(': ')[1]})"
        )
    return Verdict(
        "C12",
        criterion,
        verdict,
        measured,
        _depth_reason(measures, verdict, f"{criteria.depth_r2:g}"),
        tuple(measures),
        (SCORES, COMPARISONS),
    )


def frequency_is_not_depth(files: ResultFiles, audit: Audit) -> Verdict:
    """C18: R2 of depth is the same with and without word frequency among the regressors.

    By the fit without the covariate. The fit with it, its coefficient set to 0 afterwards (what
    the paper's code does), is reported beside it.
    """
    criteria = audit.criteria
    criterion = (
        "R² of depth from all units with word frequency as a covariate and R² fitted without it "
        f"differ by less than {criteria.frequency_r2:g}*"
    )
    found = _read(files)
    if found is None:
        return not_testable("C18", criterion, _NOT_RUN)
    rows = found[1].set_index("baseline")
    absent = _difference(rows, _ABSENT, "with - without frequency")
    removed = _difference(
        rows, _REMOVED, "with frequency - its coefficient set to 0", "reported only"
    )
    if absent is None:
        reason = (
            "depth was not fitted without the covariate; `depth.procedure: nested` does both fits"
        )
        shown = () if removed is None else (removed,)
        return not_testable("C18", criterion, reason, shown, (COMPARISONS,))
    met = bool(abs(absent.value or 0.0) < criteria.frequency_r2)
    expected = f"within ± {criteria.frequency_r2:g}*"
    measures = [
        Measure(absent.name, absent.value, absent.low, absent.high, expected, met, absent.note)
    ]
    measures += [] if removed is None else [removed]
    size = f"R² differs by {_rounded(absent, 4)}"
    reason = None if met else f"{size}, which is not less than {criteria.frequency_r2:g}"
    verdict = HOLDS if met else FAILS
    return Verdict("C18", criterion, verdict, size, reason, tuple(measures), (COMPARISONS,))


def _read(files: ResultFiles) -> tuple[pd.DataFrame, pd.DataFrame] | None:
    scores, comparisons = files.frame(SCORES), files.frame(COMPARISONS)
    if scores is None or comparisons is None:
        return None
    return scores, comparisons


def _baseline_measures(comparisons: pd.DataFrame, scores: pd.DataFrame) -> list[Measure]:
    """Differences to the baselines; one that was not run has no value."""
    rows = comparisons.set_index("baseline")
    untrained = sorted(
        (name for name in rows.index if name.startswith(_UNTRAINED)),
        key=lambda name: int(name.removeprefix(_UNTRAINED)),
    )
    names = dict(BASELINES) | {
        name: f"untrained network {name.removeprefix(_UNTRAINED)}" for name in untrained
    }
    measures = []
    for name, label in names.items():
        title = f"all units - baseline: {label}"
        if name not in rows.index:
            note = f"not among the baselines of {COMPARISONS}"
            measures.append(Measure(title, None, expected="> 0", note=note))
            continue
        whole = overall_r2(scores, name)
        note = None if whole is None else f"R² of the baseline {whole['r2']:.3f}"
        low = float(rows.at[name, "ci_low"])
        measures.append(
            Measure(
                title,
                float(rows.at[name, "difference"]),
                low,
                float(rows.at[name, "ci_high"]),
                "> 0",
                round(low, 6) > 0,  # not by rounding, where both are the same network
                note,
            )
        )
    if not untrained:
        note = "no untrained network was run (`depth.untrained`)"
        title = "all units - baseline: untrained network"
        measures.append(Measure(title, None, expected="> 0", note=note))
    return measures


def _difference(
    rows: pd.DataFrame, baseline: str, name: str, note: str = "interval over sentences"
) -> Measure | None:
    if baseline not in rows.index:
        return None
    values = (float(rows.at[baseline, key]) for key in ("difference", "ci_low", "ci_high"))
    return Measure(name, *values, note=note)


def _rounded(measure: Measure, digits: int) -> str:
    """Print a difference with its interval; adding 0 turns a rounded -0 into 0."""
    values = (measure.value or 0.0, measure.low or 0.0, measure.high or 0.0)
    return with_interval(*(round(value, digits) + 0.0 for value in values), digits)


def _depth_reason(measures: Sequence[Measure], verdict: str, least: str) -> str | None:
    r2, baselines = measures[0], measures[1:]
    names = {
        met: [m.name.split(": ")[1] for m in baselines if m.met is met] for met in (True, False)
    }
    failed, met = [], []
    if r2.met:
        met.append(f"R² is above {least}")
    else:
        failed.append(f"R² is {r2.value:.3f}, more than {least} is needed")
    if names[False]:
        failed.append(f"the units are not shown to do better than {listing(names[False])}")
    if names[True]:
        met.append(f"the units do better than {listing(names[True])}")
    missing = [f"{m.name.split(': ')[1]}: {m.note}" for m in baselines if m.met is None]
    return reason_of(verdict, failed, missing, met)
