"""The claims that long-range units tell verb forms apart by their weights, others not (C9, C20)."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from lstm_units.claims.criteria import Audit
from lstm_units.claims.evidence import (
    UnitActivity,
    activity_data,
    measure,
    time_course_activity,
    untested,
    verdict_of,
    without_long_range,
)
from lstm_units.claims.units import (
    LONG_RANGE,
    SHOWN,
    SYNTAX,
    LongRangeUnit,
    judged_if_confirmed,
    long_range_units,
)
from lstm_units.io.result_files import ResultFiles
from lstm_units.io.seeds import seed_stream
from lstm_units.io.verdict import Lacking, Measure, Verdict, not_testable, with_interval
from lstm_units.statistics.resampling import percentile_interval

UNITS, WEIGHTS = "efferents/units.parquet", "efferents/weights.parquet"
_NOT_RUN = Lacking("the efferent weights were not measured", "`efferents.verb_pairs`")


@dataclass(frozen=True)
class Efferents:
    """How every unit of the last layer tells verb forms, with verb pairs drawn anew.

    Parameters
    ----------
    units : ndarray of int, shape (units,)
        1-based.
    layer : int
        1-based.
    difference : ndarray of shape (units,)
        Mean weight to singular forms minus mean weight to plural forms.
    separability : ndarray of shape (units,)
        Its size over the sum of the SDs (`lstm_units.analyses.efferents.weights.segregation`).
    difference_draws, separability_draws : ndarray of shape (samples, units)
        The same of resampled pairs.
    """

    units: np.ndarray
    layer: int
    difference: np.ndarray
    separability: np.ndarray
    difference_draws: np.ndarray
    separability_draws: np.ndarray

    def place(self, unit: int) -> int:
        """Return where a unit of the layer stands."""
        return int(np.flatnonzero(self.units == unit)[0])

    def rank(self, unit: int) -> tuple[int, np.ndarray]:
        """Rank a unit by separability: how many units, itself too, have at least as much.

        Returns
        -------
        rank : int
        draws : ndarray of shape (samples,)
        """
        place = self.place(unit)
        at_least = self.separability >= self.separability[place]
        drawn = self.separability_draws >= self.separability_draws[:, [place]]
        return int(at_least.sum()), drawn.sum(axis=1)

    def percentile(self, unit: int) -> tuple[float, np.ndarray]:
        """Return the percentage of the layer's units with at most a unit's separability.

        Returns
        -------
        percentile : float
        draws : ndarray of shape (samples,)
        """
        place = self.place(unit)
        at_most = self.separability <= self.separability[place]
        drawn = self.separability_draws <= self.separability_draws[:, [place]]
        return 100 * float(at_most.mean()), 100 * drawn.mean(axis=1)


def read_efferents(files: ResultFiles, samples: int, seed: int) -> Efferents | None:
    """Read the efferent weights, and draw the verb pairs anew.

    Parameters
    ----------
    files : ResultFiles
        Of a model.

    Returns
    -------
    Efferents or None
        None if they were not measured. Separabilities are those of ``efferents/units.parquet``.
    """
    known, weights = files.frame(UNITS), files.frame(WEIGHTS)
    if known is None or weights is None:
        return None
    known = known.sort_values("unit")
    singular, plural = (_matrix(weights, f"weight_{name}") for name in ("singular", "plural"))
    n_pairs = singular.shape[1]
    rng = seed_stream(seed, "verb pairs")
    times = rng.multinomial(n_pairs, np.full(n_pairs, 1 / n_pairs), size=samples).astype(float)
    difference, spread = 0.0, 0.0
    for sign, weight in ((1, singular), (-1, plural)):
        # Around the unit's own mean: a difference of sums of squares keeps its digits.
        mean = weight.mean(axis=1, keepdims=True)
        moved = times @ (weight - mean).T / n_pairs  # (samples, units)
        square = times @ ((weight - mean) ** 2).T / n_pairs
        difference = difference + sign * (mean.T + moved)
        variance = np.maximum(square - moved**2, 0) * n_pairs / (n_pairs - 1)
        spread = spread + np.sqrt(variance)
    apart = np.abs(difference)
    with np.errstate(invalid="ignore", divide="ignore"):
        separability = np.where(apart == 0, 0.0, apart / spread)
    return Efferents(
        known["unit"].to_numpy(),
        int(known["layer"].iloc[0]),
        (known["mean_singular"] - known["mean_plural"]).to_numpy(),
        known["separability"].to_numpy(),
        difference,
        separability,
    )


def _matrix(weights: pd.DataFrame, column: str) -> np.ndarray:
    """Arrange weights as (units in rising order, pairs); every unit has the same pairs in order."""
    ordered = weights.sort_values("unit", kind="stable")
    return ordered[column].to_numpy(float).reshape(ordered["unit"].nunique(), -1)


def efferents_segregated(files: ResultFiles, audit: Audit) -> Verdict:
    """Judge whether long-range units tell verb forms apart, in the direction of their number (C9).

    Lakretz et al. 2019, Section 4.2 and Figure 1d. The product of the two differences, of the mean
    weights and of the mean hidden values, is what the unit adds to the singular forms over the
    plural ones when the subject is singular rather than plural; that it is above 0 is the claim of
    equal signs, and negating the unit leaves it as it is.

    Raises
    ------
    UserError
        As in `lstm_units.claims.evidence.time_course_activity`.
    """
    criteria, task = audit.criteria, audit.dynamics_task
    where = "" if task is None else f" ({audit.label(task)}, all items, right and wrong)"
    criterion = (
        "for each long-range unit: separability of its weights to singular and plural verb forms "
        f"in the top {100 * criteria.efferent_share:g} %* of the last layer; mean weight to "
        "singular minus to plural forms has the sign of its mean hidden value with singular minus "
        f"with plural subjects at the word before the verb{where}"
    )
    units = long_range_units(files)
    verdict = without_long_range("C9", criterion, units)
    if verdict is not None:
        return verdict
    efferents = read_efferents(files, criteria.bootstrap_samples, criteria.seed)
    if efferents is None:
        return not_testable("C9", criterion, _NOT_RUN, data=(LONG_RANGE,))
    activity = time_course_activity(files, audit)
    measures, lines = [], []
    for unit in units:
        ranked = _ranked(unit, efferents, audit)
        push = _push(unit, efferents, activity)
        measures += judged_if_confirmed(unit, [*ranked, push])
        lines.append(_line(unit, ranked, push, len(efferents.units)))
    data = [LONG_RANGE, UNITS, WEIGHTS]
    data += [] if isinstance(activity, str) else activity_data(task)
    return verdict_of("C9", criterion, measures, "; ".join(lines), data)


def _lower(unit: LongRangeUnit, efferents: Efferents) -> str | None:
    if unit.layer == efferents.layer:
        return None
    return f"a unit of layer {unit.layer} has no weights to words"


def _ranked(unit: LongRangeUnit, efferents: Efferents, audit: Audit) -> list[Measure]:
    """Rank of the separability, which is judged, and separability."""
    n_units = len(efferents.units)
    # At least one unit of a small layer is at its top.
    most = max(1, int(audit.criteria.efferent_share * n_units))
    expected = f"<= {most} of {n_units}"
    name = f"unit {unit.unit}, rank of its separability"
    why = _lower(unit, efferents)
    if why is not None:
        return [untested(name, expected, why)]
    rank, ranks = efferents.rank(unit.unit)
    place, level = efferents.place(unit.unit), audit.criteria.confidence
    note = "interval over verb pairs"
    return [
        measure(name, rank, percentile_interval(ranks, level), expected, lambda r: r <= most, note),
        measure(
            f"unit {unit.unit}, separability",
            efferents.separability[place],
            percentile_interval(efferents.separability_draws[:, place], level),
            note=note,
        ),
    ]


def _push(unit: LongRangeUnit, efferents: Efferents, activity: UnitActivity | str) -> Measure:
    """Difference of weights times difference of activities before the verb, in nats."""
    name, expected = f"unit {unit.unit}, push towards the form of the subject's number", "> 0"
    why = _lower(unit, efferents)
    if why is None:
        why = activity if isinstance(activity, str) else activity.lacks(unit, "hidden")
    if why is not None:
        return untested(name, expected, why)
    items = activity.items
    singular = items.subject_number == "singular"
    if singular.all() or not singular.any():
        return untested(name, expected, "all subjects have one number (`dynamics.tasks`)")
    hidden = activity.read(unit.unit, "hidden", [items.verb_position - 1])[:, 0]
    columns = np.column_stack(
        [part for side in (singular, ~singular) for part in (hidden * side, side.astype(float))]
    )
    sums = columns.sum(axis=0)
    drawn = activity.draw(columns, "C9", str(unit.unit)).T
    place = efferents.place(unit.unit)
    with np.errstate(invalid="ignore", divide="ignore"):
        apart = sums[0] / sums[1] - sums[2] / sums[3]
        draws = (drawn[0] / drawn[1] - drawn[2] / drawn[3]) * efferents.difference_draws[:, place]
    note = (
        "difference of mean weights x difference of mean hidden values, nats; interval over verb "
        f"pairs and {activity.resampled}"
    )
    value = efferents.difference[place] * apart
    return measure(name, value, activity.interval(draws), expected, lambda push: push > 0, note)


def _line(unit: LongRangeUnit, ranked: list[Measure], push: Measure, n_units: int) -> str:
    if len(ranked) == 1:
        return f"{unit.name}: in layer {unit.layer}"
    rank, separability = ranked
    shown = with_interval(separability.value, separability.low, separability.high, 2)
    line = f"{unit.name}: separability {shown}, rank {rank.value:.0f} of {n_units}"
    if push.value is None:
        return line
    return f"{line}, push {with_interval(push.value, push.low, push.high)}"


def others_unsegregated(files: ResultFiles, audit: Audit) -> Verdict:
    """Judge whether arbitrary units and the top syntax unit do not tell verb forms apart (C20).

    Lakretz et al. 2019, Figure 1d, which shows units 651, 1300 and 1150. Arbitrary units are drawn
    from the last layer, so each has by chance about the share of units above the percentile to be
    among these.
    """
    limit = audit.criteria.unsegregated_percentile
    expected = f"below percentile {limit:g}"
    criterion = (
        "separability of the weights to verb forms of each arbitrary unit and of the top syntax "
        f"unit below percentile {limit:g} of the last layer"
    )
    criteria = audit.criteria
    efferents = read_efferents(files, criteria.bootstrap_samples, criteria.seed)
    if efferents is None:
        return not_testable("C20", criterion, _NOT_RUN)
    shown, syntax = files.json(SHOWN), files.json(SYNTAX)
    chosen = [] if shown is None else shown["units"]
    arbitrary = [entry for entry in chosen if entry["role"] == "arbitrary"]
    named = [("arbitrary", int(entry["unit"]), int(entry["layer"])) for entry in arbitrary]
    measures: list[Measure] = []
    if not arbitrary:
        measures.append(
            untested("arbitrary units", expected, "none was drawn (`shown_units.arbitrary`)")
        )
    top = None if syntax is None else syntax["top"]
    if top is None:
        why = "syntax units were not searched (`depth.run`)" if syntax is None else "none was found"
        measures.append(untested("top syntax unit", expected, why))
    else:
        named.append(("syntax", int(top["unit"]), int(top["layer"])))
    lines = []
    for kind, unit, layer in named:
        name = f"{kind} unit {unit}, percentile of its separability"
        if layer != efferents.layer:
            why = f"a unit of layer {layer} has no weights to words"
            measures.append(untested(name, expected, why))
            continue
        percentile, draws = efferents.percentile(unit)
        place = efferents.place(unit)
        note = f"separability {efferents.separability[place]:.3f}; interval over verb pairs"
        interval = percentile_interval(draws, criteria.confidence)
        found = measure(name, percentile, interval, expected, lambda p: p < limit, note)
        measures.append(found)
        lines.append(f"{kind} unit {unit}: percentile {with_interval(percentile, *interval, 1)}")
    data = [UNITS, WEIGHTS]
    data += [name for name, there in ((SHOWN, shown), (SYNTAX, syntax)) if there is not None]
    return verdict_of("C20", criterion, measures, "; ".join(lines), data)
