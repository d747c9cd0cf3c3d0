"""What several claims read: activations of long-range units, with intervals over nouns.

A claim of several parts is a list of measures; those that are held to something are its parts, and
the verdict and its reason follow from them.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from lstm_units.activations.matched import read_dumped_items
from lstm_units.activations.reader import ActivationDump, open_activations
from lstm_units.claims.criteria import Audit
from lstm_units.claims.units import (
    LONG_RANGE,
    NONE_CONFIRMED,
    NONE_FOUND,
    NOT_SEARCHED,
    LongRangeUnit,
    reported_only,
)
from lstm_units.io.result_files import ResultFiles
from lstm_units.io.seeds import seed_stream
from lstm_units.io.verdict import Lacking, Measure, Parts, Verdict, not_testable, with_interval
from lstm_units.statistics.resampling import bootstrap_sums, percentile_interval
from lstm_units.stimuli.aligned_items import AlignedItems

_MOST = 6  # parts that a reason names before it counts the rest


def without_long_range(
    id: str,
    criterion: str,
    units: Sequence[LongRangeUnit] | None,
    measures: Sequence[Measure] = (),
    data: Sequence[str] = (LONG_RANGE,),
    measured: str = "",
) -> Verdict | None:
    """Return the verdict on a claim about long-range units where none is confirmed; else None.

    Parameters
    ----------
    units : sequence of LongRangeUnit or None
        From `lstm_units.claims.units.long_range_units`.
    measures : sequence of Measure
        What was measured nevertheless; it is reported, and held to nothing.
    data : sequence of str
        Files that were read.
    measured : str
        For a cell of a table.
    """
    if units is None:
        return not_testable(id, criterion, NOT_SEARCHED)
    if any(unit.confirmed for unit in units):
        return None
    reason = NONE_CONFIRMED if units else NONE_FOUND
    return not_testable(id, criterion, reason, reported_only(measures, None), data, measured)


def verdict_of(
    id: str, criterion: str, measures: Sequence[Measure], measured: str, data: Sequence[str]
) -> Verdict:
    """Judge a claim by those of its measures that are held to something.

    Parameters
    ----------
    measures : sequence of Measure
        The note of one that is not tested (``met`` is None) says why.
    measured : str
        For a cell of a table.
    data : sequence of str
        Files that were read.

    Returns
    -------
    Verdict
        The reason names the parts that fail, those that cannot be tested, and those that are met.
    """
    held_to = [measure for measure in measures if measure.expected is not None]
    parts = Parts()
    parts.measures += measures
    parts.data += data
    failed = [_failure(part) for part in held_to if part.met is False]
    if failed:
        parts.add(False, _counted(failed, "; "))
    untested: dict[str, list[str]] = {}
    for part in held_to:
        if part.met is None:
            untested.setdefault(part.note or "it was not measured", []).append(part.name)
    for why, names in untested.items():
        parts.add(None, f"{_counted(names)}: {why}")
    met = [part.name for part in held_to if part.met]
    if met:
        parts.add(True, _counted(met, "; "))
    return parts.judge(id, criterion, measured)


def _failure(part: Measure) -> str:
    numbers = [x for x in (part.value, part.low, part.high) if x is not None]
    # A rank or a count is held to a whole number.
    whole = all(float(x).is_integer() for x in numbers) and "." not in part.expected
    value = with_interval(part.value, part.low, part.high, 0 if whole else 3)
    return f"{part.name} {value} (expected {part.expected})"


def _counted(names: Sequence[str], separator: str = ", ") -> str:
    shown = separator.join(names[:_MOST])
    return shown if len(names) <= _MOST else f"{shown} and {len(names) - _MOST} more"


@dataclass(frozen=True)
class UnitActivity:
    """The activations of a task with its items, and the words over which intervals are drawn.

    Parameters
    ----------
    items : AlignedItems
        All items of the dump, answered rightly or not.
    words : tuple of ndarray
        Two lemmas of each item, drawn anew independently: of the subject, and of the (first)
        attractor, or of the verb where the task has no attractor. What a unit does before the verb
        depends on the nouns.
    resampled : str
        What is drawn, in words.
    samples, confidence, seed
        Of the intervals.
    """

    dump: ActivationDump
    items: AlignedItems
    words: tuple[np.ndarray, np.ndarray] = field(repr=False)
    resampled: str
    samples: int
    confidence: float
    seed: int

    def lacks(self, unit: LongRangeUnit, variable: str) -> str | None:
        """Say why a variable of a unit cannot be read; None if it can."""
        if unit.layer not in self.dump.layers:
            return Lacking(f"layer {unit.layer} was not dumped", "`activations.layers`")
        if variable not in self.dump.variables:
            return Lacking(f"{variable} was not dumped", "`activations.variables`")
        return None

    def read(self, unit: int, variable: str, positions: Sequence[int]) -> np.ndarray:
        """Read float64 values of a unit, shape (items, positions)."""
        values = self.dump.read(
            variable, units=[unit], items=self.items.item, positions=list(positions)
        )
        return values[:, :, 0].astype(float)

    def draw(self, values: np.ndarray, *purpose: str) -> np.ndarray:
        """Draw resampled sums of per-item values of shape (items, columns).

        Returns
        -------
        ndarray of shape (samples, columns)
        """
        rng = seed_stream(self.seed, *purpose)
        return bootstrap_sums(values, *self.words, self.samples, rng).sums

    def interval(self, draws: np.ndarray) -> tuple[float, float]:
        """Return the percentile interval of draws."""
        return percentile_interval(draws, self.confidence)


def time_course_activity(files: ResultFiles, audit: Audit) -> UnitActivity | str:
    """Open the activations of the task of the time courses.

    Returns
    -------
    UnitActivity or str
        Why there are none, where there are none.

    Raises
    ------
    UserError
        If activations and stimuli do not belong together, or the items are not of one structure.
    """
    task = audit.dynamics_task
    if task is None:
        return Lacking("no task of time courses is named", "`dynamics.tasks`")
    names = activity_data(task)
    folder, stimuli = (files.path(name) for name in names)
    if folder is None or stimuli is None:
        return f"the activations of {audit.label(task)} were not dumped (`activations.tasks`)"
    dump = open_activations(folder)
    items = read_dumped_items(stimuli, dump)
    if items.attractor_positions:
        second, name = items.attractor_lemmas[:, 0], "attractor"
    else:
        lemmas = files.frame(names[1], ["item", "verb_lemma"]).set_index("item")["verb_lemma"]
        second, name = lemmas.loc[items.item].to_numpy(object), "verb"
    known = all(isinstance(word, str) for word in (*items.subject_lemma, *second))
    known = known and min(len(set(items.subject_lemma)), len(set(second))) > 1
    criteria = audit.criteria
    return UnitActivity(
        dump,
        items,
        (items.subject_lemma, second),
        f"subject and {name} lemmas" if known else "items",
        criteria.bootstrap_samples,
        criteria.confidence,
        criteria.seed,
    )


def activity_data(task: str) -> tuple[str, str]:
    """Return the files that `time_course_activity` reads: activations and stimuli."""
    return f"activations/{task}", f"stimuli/{task}.parquet"


def word_at(items: AlignedItems, position: int) -> str:
    """Name a position of a task, such as ``position 4 (attractor)``."""
    named = {items.verb_position: "verb", items.subject_position: "subject"}
    named |= dict.fromkeys(items.attractor_positions, "attractor")
    return f"position {position}" + (f" ({named[position]})" if position in named else "")


def measure(
    name: str,
    value: float,
    interval: tuple[float, float],
    expected: str | None = None,
    meets: Callable[[float], bool] | None = None,
    note: str | None = None,
    infinite: str = "no spread within the groups",
) -> Measure:
    """Return a measured value; what is not a number (no items) is not tested.

    An infinite value has no number in a file, so its note says so, and why.

    Parameters
    ----------
    expected : str, optional
        In words, if it is held to something.
    meets : callable, optional
        Whether a value is as expected.
    infinite : str
        What makes the value infinite, if it is.
    """
    if math.isinf(value):
        note = "; ".join(filter(None, (f"{with_interval(value, None, None)}: {infinite}", note)))
    low, high = (float(bound) if math.isfinite(bound) else None for bound in interval)
    met = None if meets is None or math.isnan(value) else bool(meets(value))
    shown = None if math.isnan(value) else float(value)
    return Measure(name, shown, low, high, expected, met, note)


def untested(name: str, expected: str, why: str) -> Measure:
    """Return a part of a claim that cannot be tested."""
    return Measure(name, None, None, None, expected, None, why)
