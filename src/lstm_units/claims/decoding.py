"""The claim that long-range units hold number throughout while the others swap it (C10)."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from lstm_units.analyses.decoding.features import WITHOUT_LONG_RANGE
from lstm_units.claims.criteria import Audit
from lstm_units.claims.evidence import (
    measure,
    untested,
    verdict_of,
    without_long_range,
    word_at,
)
from lstm_units.claims.units import (
    LONG_RANGE,
    LongRangeUnit,
    judged_if_confirmed,
    long_range_units,
)
from lstm_units.io.result_files import ResultFiles
from lstm_units.io.verdict import Lacking, Measure, Verdict, not_testable, with_interval
from lstm_units.stimuli.aligned_items import AlignedItems, read_aligned_items

_JUDGED, _BESIDE = "grouped", "random"
_COLUMNS = ["features", "reference", "split", "train_position", "test_position", "n_units", "auc"]


@dataclass(frozen=True)
class Curves:
    """AUCs of classifiers trained at the subject.

    Parameters
    ----------
    cross_validation : {"grouped", "random"}
    table : DataFrame
        ``features, test_position, n_units, auc``, one row per split and position.
    """

    cross_validation: str
    table: pd.DataFrame

    def at(self, features: str, position: int) -> np.ndarray:
        """Return the AUC of each split; empty if this was not decoded."""
        rows = self.table["features"].eq(features) & self.table["test_position"].eq(position)
        return self.table.loc[rows, "auc"].to_numpy()

    def measure(self, name: str, features: str, position: int, **held_to) -> Measure:
        """Mean over splits, with the lowest and the highest of them."""
        auc = self.at(features, position)
        note = (
            f"mean, lowest and highest of {len(auc)} {self.cross_validation} cross-validation "
            "splits, which share items"
        )
        if not len(auc):
            return untested(name, held_to["expected"], "it was not decoded (`activations.layers`)")
        return measure(name, auc.mean(), (auc.min(), auc.max()), note=note, **held_to)


def holds_number_throughout(files: ResultFiles, audit: Audit) -> Verdict:
    """Judge whether each long-range unit holds number to the verb, and the others do not (C10).

    Lakretz et al. 2019, Section 4.2 and Figure 2. Nouns are held out; what random splits give,
    as in the paper, stands beside it and is not judged. Splits share items, so neither their SD
    nor a t interval says how sure the mean is: in place of an interval stand the lowest and the
    highest of them.
    """
    criteria = audit.criteria
    criterion = (
        "classifiers of the subject's number, trained at the subject, nouns held out, mean over "
        "cross-validation splits: AUC of each long-range unit >= "
        f"{criteria.long_range_auc:g}* at every word from subject to verb; of all other units "
        f"together < {criteria.rest_auc:g}* at the attractor"
    )
    units = long_range_units(files)
    if units is None:
        return without_long_range("C10", criterion, units)
    data = {kind: f"decoding/{audit.analysis}_{kind}.parquet" for kind in (_JUDGED, _BESIDE)}
    made = None if audit.analysis is None else files.metadata(data[_JUDGED])
    if made is None:
        which = audit.analysis or "across time"
        reason = Lacking(f"the decoding {which} was not run", "`decoding.run`")
        return without_long_range("C10", criterion, units) or not_testable("C10", criterion, reason)
    label, stimuli = made["config"]["label"], f"stimuli/{made['task']}.parquet"
    if label != "subject_number" or files.path(stimuli) is None:
        reason = f"the decoding {audit.analysis} is of {label} (`decoding.analyses`)"
        if label == "subject_number":
            reason = f"there is no {stimuli}, which says where subject and verb stand"
        return not_testable("C10", criterion, reason, data=(data[_JUDGED],))
    items = read_aligned_items(files.path(stimuli)).select(made["config"]["conditions"])
    curves = [
        Curves(kind, found)
        for kind in (_JUDGED, _BESIDE)
        if (found := _trained_at(files, data[kind], items.subject_position)) is not None
    ]
    read = [LONG_RANGE, stimuli, *(data[curve.cross_validation] for curve in curves)]
    if not any(unit.confirmed for unit in units):
        # For the reader: the claim is about what long-range units add to the others.
        who = "all other units" if units else "all units"
        seen = [_rest(curve, items, None, who) for curve in curves]
        seen = [found for found in seen if found.value is not None]
        shown = f"{who} at the attractor {_shown(seen[0])}" if seen else ""
        return without_long_range("C10", criterion, units, seen, read, shown)
    judged, *beside = curves
    measures, lines = [], []
    for unit in units:
        own = _of_unit(judged, items, unit, criteria.long_range_auc)
        measures += judged_if_confirmed(unit, own)
        known = [found for found in own if found.value is not None]
        if known:
            least = min(known, key=lambda found: found.value)
            doubt = "" if unit.confirmed else ", not confirmed"
            lines.append(f"least AUC of {least.name} {_shown(least)}{doubt}")
    rest = _rest(judged, items, criteria.rest_auc)
    measures.append(rest)
    if rest.value is not None:
        lines.append(f"all other units at the attractor {_shown(rest)}")
    for curve in beside:
        own = [found for unit in units for found in _of_unit(curve, items, unit, None)]
        measures += [f for f in (*own, _rest(curve, items, None)) if f.value is not None]
    return verdict_of("C10", criterion, measures, "; ".join(lines), read)


def _trained_at(files: ResultFiles, name: str, position: int) -> pd.DataFrame | None:
    table = files.frame(name, _COLUMNS)
    if table is None:
        return None
    kept = table["reference"].eq("none") & table["train_position"].eq(position)
    return table[kept].assign(features=table["features"].astype(str))


def _of_unit(
    curve: Curves, items: AlignedItems, unit: LongRangeUnit, least: float | None
) -> list[Measure]:
    """AUC of a unit at every word from subject to verb."""
    held_to = {"expected": None, "meets": None}
    if least is not None:
        held_to = {"expected": f">= {least:g}", "meets": lambda auc: auc >= least}
    return [
        curve.measure(
            f"unit {unit.unit} at {word_at(items, position)}{_kind(curve)}",
            f"unit_{unit.unit}",
            position,
            **held_to,
        )
        for position in range(items.subject_position, items.verb_position + 1)
    ]


def _rest(
    curve: Curves, items: AlignedItems, most: float | None, who: str = "all other units"
) -> Measure:
    """AUC of all units but the long-range ones at the (first) attractor."""
    name = f"{who} at the attractor{_kind(curve)}"
    expected = None if most is None else f"< {most:g}"
    if not items.attractor_positions:
        return untested(name, expected, f"{items.task} has no attractor (`decoding.analyses`)")
    same = items.agreeing[:, 0]
    if most is not None and same.any():
        why = (
            f"in {same.sum()} of {len(items)} items the attractor has the subject's number "
            "(`decoding.analyses`)"
        )
        return untested(name, expected, why)
    position = items.attractor_positions[0]
    meets = None if most is None else lambda auc: auc < most
    return curve.measure(name, WITHOUT_LONG_RANGE, position, expected=expected, meets=meets)


def _kind(curve: Curves) -> str:
    kind = curve.cross_validation
    return "" if kind == _JUDGED else f", {kind} cross-validation splits"


def _shown(found: Measure) -> str:
    return with_interval(found.value, found.low, found.high)
