"""Finding syntax units: those that carry tree depth, ranked by how they span the dependency.

Lakretz et al. 2019, Section 4.3: units whose coefficient in the regression of depth, averaged over
the folds, lies beyond three standard deviations of all units'. The paper found 17 and picked the
one that follows the dependency of subject and verb by eye; here a score ranks them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from lstm_units.analyses.depth.outliers import CRITERIA, unit_outliers
from lstm_units.analyses.syntax_units.dependency_span import SIDES
from lstm_units.errors import ConfigurationError, NotRun
from lstm_units.io.files import rounded
from lstm_units.io.results import Result, made_from, require_same


def find_syntax_units(
    coefficients: Result,
    permutations: Result,
    span: Result,
    long_range: Result,
    *,
    minimum_auc: float,
) -> Result:
    """Find the syntax units, ranked by how well their cell spans the dependency.

    Parameters
    ----------
    coefficients : Result
        ``unit, layer, fold, coefficient`` of the regression of depth.
    permutations : Result
        ``n_stable`` of refits with depth permuted. Its ``config`` says what an outlier is, there
        and here: ``threshold, minimum_folds, deviations_from``.
    span : Result
        From `lstm_units.analyses.syntax_units.dependency_span.dependency_spans`. Units that it
        lacks have no score and stand last.
    long_range : Result
        ``units``; they are marked and never `top`.
    minimum_auc : float
        A unit spans the dependency if its AUC is this high in every structure, with one sign.
        Decides nothing but what is said of a unit.

    Returns
    -------
    Result
        ``units``: best score first, each with ``unit, layer, coefficient`` (mean over
        the folds), ``deviation`` (in standard deviations), ``folds_beyond, score``,
        ``higher_inside`` (the sign with which the score is reached), ``auc, auc_before,
        auc_after`` by structure, read with that sign, ``least_auc`` (the least AUC, inside against
        all outside, over the structures with one sign), ``least_auc_higher_inside`` (that sign: the
        one under which the least AUC is larger), ``spans`` (whether it reaches `minimum_auc`) and
        ``long_range``. The two signs differ in units that are right about one side only. ``top``:
        the first that is no long-range unit. ``nearest``: if there is none, the unit with the
        largest deviation in size. ``n_units``: how many were regressed.
        ``outliers``: ``n_beyond`` (by the mean coefficient), ``n_stable`` (in enough folds too),
        ``permuted_99`` (99th percentile of ``n_stable`` over the refits), ``p`` (share of refits
        with as many or more, the observed one among them), ``n_permutations``. ``criteria``,
        ``structures``, ``verb``, ``n_folds, summary``.

    Raises
    ------
    ConfigurationError
        If `minimum_auc` is out of range, or no regressed unit has a score.
    UserError
        If the results come from different models, or a unit lacks a fold.
    """
    if not 0.5 <= minimum_auc <= 1:
        raise ConfigurationError(f"minimum_auc is {minimum_auc}; write an AUC from 0.5 to 1")
    require_same(coefficients, permutations, stimuli_sha256="version of the depth corpus")
    metadata = made_from(coefficients, permutations, span, long_range, kind="syntax units")
    criteria = {key: permutations.config[key] for key in CRITERIA} | {"minimum_auc": minimum_auc}
    found = _find(coefficients, permutations, span, long_range, criteria)
    return Result(found, metadata, "the syntax units")


def _find(
    coefficients: Result,
    permutations: Result,
    span: Result,
    long_range: Result,
    criteria: Mapping[str, Any],
) -> dict[str, Any]:
    unit, layer, found = unit_outliers(
        coefficients.frame, criteria["threshold"], criteria["deviations_from"]
    )
    rows_of = {number: rows for number, rows in span.frame.groupby("unit", sort=False)}
    if not set(rows_of) & set(unit.tolist()):
        raise NotRun(
            f"the regression of depth is of layers {_listed(layer)}, the cells in the structures "
            f"are of layers {_listed(span.frame['layer'])}; regress and dump the same layers"
        )
    known = {int(entry["unit"]) for entry in long_range.content["units"]}

    def evidence(place: int) -> dict[str, Any]:
        return {
            "unit": int(unit[place]),
            "layer": int(layer[place]),
            "coefficient": float(found.mean[place]),
            "deviation": float(found.deviation[place]),
            "folds_beyond": int(found.folds_beyond[place]),
            **_span_evidence(rows_of.get(unit[place]), criteria["minimum_auc"]),
            "long_range": int(unit[place]) in known,
        }

    stable = found.stable(criteria["minimum_folds"])
    units = sorted((evidence(place) for place in np.flatnonzero(stable)), key=_rank)
    top = next((entry for entry in units if not entry["long_range"]), None)
    candidates = [p for p in range(len(unit)) if int(unit[p]) not in known]
    nearest = None
    if top is None and candidates:
        # Rounded, so that the last bits do not decide between equals.
        size = np.abs(found.deviation[candidates]).round(9)
        nearest = evidence(candidates[int(np.argmax(size))])
    result = {
        "units": units,
        "top": top,
        "nearest": nearest,
        "n_units": len(unit),
        "n_folds": len(found.fold_deviation),
        "outliers": outlier_counts(
            int(found.beyond.sum()), int(stable.sum()), permutations.frame["n_stable"].to_numpy()
        ),
        "criteria": criteria,
        "structures": [str(name) for name in span.frame["task"].drop_duplicates()],
        "verb": span.config["verb"],
    }
    result["summary"] = _summary(result)
    return rounded(result)


def outlier_counts(n_beyond: int, n_stable: int, permuted: np.ndarray) -> dict[str, Any]:
    """Compare the number of stable outliers with that of refits with depth permuted.

    Parameters
    ----------
    n_beyond, n_stable : int
        Units beyond the threshold by their mean coefficient; of these, in enough folds too.
    permuted : ndarray of int, shape (permutations,)
        Their `n_stable`.

    Returns
    -------
    dict
        ``n_beyond, n_stable, n_permutations, permuted_99, p``; the last two are None without
        permutations. The percentile is a count that occurred, the larger one between two. In p the
        observed count is one of its own null, and ties count against it.
    """
    n = len(permuted)
    return {
        "n_beyond": n_beyond,
        "n_stable": n_stable,
        "n_permutations": n,
        "permuted_99": int(np.percentile(permuted, 99, method="higher")) if n else None,
        "p": (int((permuted >= n_stable).sum()) + 1) / (n + 1) if n else None,
    }


def _span_evidence(rows: pd.DataFrame | None, minimum_auc: float) -> dict[str, Any]:
    if rows is None:
        names = (
            "score", "higher_inside", *SIDES, "least_auc", "least_auc_higher_inside", "spans",
        )  # fmt: skip
        return dict.fromkeys(names)
    auc = {side: rows[side].to_numpy(float) for side in SIDES}
    higher = int(rows["sign"].iloc[0]) > 0
    read = {side: values if higher else 1 - values for side, values in auc.items()}
    tasks = [str(task) for task in rows["task"]]
    # Rounded, for in the file's single precision 0.9 is a little less than 0.9.
    larger, smaller = round(auc["auc"].min(), 6), round(1 - auc["auc"].max(), 6)
    least = float(max(larger, smaller))
    return {
        "score": float(rows["score"].iloc[0]),
        "higher_inside": higher,
        **{s: dict(zip(tasks, map(float, values), strict=True)) for s, values in read.items()},
        "least_auc": least,
        "least_auc_higher_inside": higher if larger == smaller else bool(larger > smaller),
        "spans": bool(least >= minimum_auc),
    }


def _rank(entry: Mapping[str, Any]) -> tuple:
    """Best score first, units without one last; equals by their deviation, then by number."""
    score = -1.0 if entry["score"] is None else entry["score"]
    return -score, -round(abs(entry["deviation"]), 9), entry["unit"]


def _listed(values: Any) -> str:
    return ", ".join(str(value) for value in sorted(set(map(int, values))))


def _summary(result: Mapping[str, Any]) -> str:
    """Say in a few plain sentences what was found."""
    criteria, counts, units = result["criteria"], result["outliers"], result["units"]
    regressed = f"{result['n_units']:,} units whose activity was regressed on depth"
    beyond = f"{criteria['threshold']:g} SD on average"
    if criteria["minimum_folds"]:
        beyond += f" and in at least {criteria['minimum_folds']} of {result['n_folds']} folds"
    if units:
        plural = "s" * (len(units) > 1)
        text = f"{len(units)} syntax unit{plural} among {regressed}: beyond {beyond}."
    else:
        text = f"No syntax unit among {regressed}: none is beyond {beyond}."
    if counts["n_permutations"]:
        more = "more than" if counts["n_stable"] > counts["permuted_99"] else "no more than"
        text += (
            f" That is {more} the 99th percentile, {counts['permuted_99']}, of "
            f"{counts['n_permutations']:,} refits with depth permuted (p = {counts['p']:.2g})."
        )
    marked = [str(entry["unit"]) for entry in units if entry["long_range"]]
    if marked:
        text += f" Long-range units among them: {', '.join(marked)}."
    top = result["top"]
    if top is not None:
        text += f" {_spanning(units, top, criteria['minimum_auc'])}"
    elif result["nearest"] is not None:
        near = result["nearest"]
        text += (
            f" Unit {near['unit']} (layer {near['layer']}) deviates most: {near['deviation']:.2f} "
            f"SD, beyond the threshold in {near['folds_beyond']} folds; it is no syntax unit."
        )
    unscored = sorted({entry["layer"] for entry in units if entry["score"] is None})
    if unscored:
        text += (
            f" Units of layer {_listed(unscored)} have no score, for their cells were not dumped."
        )
    return text


def _spanning(units: Sequence[Mapping[str, Any]], top: Mapping[str, Any], minimum: float) -> str:
    """Say which units span the dependency, and which has the best score, if that is one at all."""
    name = f"Unit {top['unit']} (layer {top['layer']})"
    if top["score"] is None:
        return f"{name} deviates most."
    spanning = [str(entry["unit"]) for entry in units if entry["spans"]]
    listed = f"{minimum:g} against all words outside: {', '.join(spanning)}."
    if top["score"] < 0.5:
        text = _none_follows(units, top)
        if spanning:  # such a unit fails on one side only
            text += f" Still, AUCs in every structure of at least {listed}"
        return text
    text = f"{name} follows the dependency of subject and verb best (score {top['score']:.2f})."
    if spanning:
        return f"{text} Spanning it in every structure, with AUCs of at least {listed}"
    return (
        f"{text} None spans it in every structure: the least AUC of that unit is "
        f"{top['least_auc']:.2f} where {minimum:g} is needed."
    )


def _none_follows(units: Sequence[Mapping[str, Any]], top: Mapping[str, Any]) -> str:
    """Say that the best score is worse than chance in some structure or on some side."""
    asked = [entry for entry in units if entry["score"] is not None and not entry["long_range"]]
    if len(asked) == 1:
        who, best = f"Unit {top['unit']} (layer {top['layer']}) does not follow", "score"
    else:
        rest = "" if len(asked) == len(units) else ", long-range or unscored ones aside,"
        who = f"None of the syntax units{rest} follows"
        best = f"best: unit {top['unit']} of layer {top['layer']}, score"
    return f"{who} the dependency of subject and verb ({best} {top['score']:.2f})."
