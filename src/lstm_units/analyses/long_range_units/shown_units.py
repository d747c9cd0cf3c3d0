"""Which units the figures and tables on dynamics and efferent weights show."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from lstm_units.io.results import Result, made_from, require_same
from lstm_units.stimuli.congruence import Conditions, describe_conditions
from lstm_units.stimuli.lexicon import NUMBERS

log = logging.getLogger(__name__)


def shown_units(
    long_range: Result,
    accuracy: Result | None,
    stimuli: Mapping[str, Result],
    syntax: Result | None,
    layer_sizes: Sequence[int],
    *,
    named: Sequence[int],
    syntax_unit: int | None,
    n_arbitrary: int,
    seed: int,
) -> Result:
    """Return the units to show, the list of `choose_units`, with how it was made.

    Parameters
    ----------
    long_range : Result
        From `lstm_units.analyses.long_range_units.discovery.long_range_units`.
    accuracy : Result or None
        From `lstm_units.statistics.agreement.unit_accuracy`, of the mode of the discovery. None
        where no unit was ablated: then none is the nearest.
    stimuli : mapping of str to Result
        ``condition, subject_number, attractor_numbers`` of the tasks of the discovery.
    syntax : Result or None
        The syntax units: without `syntax_unit`, their top unit is shown, if one was found.
    layer_sizes, named, syntax_unit, n_arbitrary, seed
        As in `choose_units`.
    """
    known = [result for result in (accuracy, syntax) if result is not None]
    require_same(long_range, *known, *stimuli.values())
    if syntax_unit is None and syntax is not None and syntax.content["top"] is not None:
        syntax_unit = int(syntax.content["top"]["unit"])
    units = choose_units(
        long_range.content,
        None if accuracy is None else accuracy.frame,
        describe_conditions({task: result.frame for task, result in stimuli.items()}),
        layer_sizes,
        named,
        syntax_unit,
        n_arbitrary,
        seed,
    )
    config = {
        "tasks": list(stimuli),
        "units": [unit for unit in named if 1 <= unit <= sum(layer_sizes)],
        "syntax_unit": syntax_unit,
        "n_arbitrary": n_arbitrary,
    }
    metadata = made_from(*known[:1], kind="shown units", config=config, seed=seed)
    return Result({"units": units}, metadata, "the shown units")


def choose_units(
    long_range: Mapping[str, Any],
    accuracy: pd.DataFrame | None,
    conditions: Conditions,
    layer_sizes: Sequence[int],
    named: Sequence[int] = (),
    syntax_unit: int | None = None,
    n_arbitrary: int = 2,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """List the units to show: long-range or nearest to it, named, syntax and arbitrary ones.

    Where no long-range unit serves a subject number, the nearest one stands in (`nearest_unit`), so
    that the figures of a model without such units show what comes closest, under a name that says
    so. A unit is listed once, under the first of its roles.

    Parameters
    ----------
    long_range : mapping
        From `lstm_units.analyses.long_range_units.discovery.discover_long_range`.
    accuracy : DataFrame or None
        From `lstm_units.statistics.agreement.accuracy_table`.
    conditions : Conditions
        Of the tasks of the discovery.
    named : sequence of int
        1-based units that a user asks for; those that the model lacks are left out, with a warning.
    syntax_unit : int, optional
        The top syntax unit, where it is known.
    n_arbitrary : int
        Units drawn from the last layer for comparison (Lakretz et al. 2019 show 651 and 1300). The
        draw changes as little as possible when the other units change.

    Returns
    -------
    list of dict
        ``unit, layer, role, number, found``: `role` is one of
        `lstm_units.io.unit_roles.ROLES`; `number` the subject number
        that a long-range or nearest unit serves, or None; `found` whether the criteria are met.
    """
    total = sum(layer_sizes)
    last = range(total - layer_sizes[-1] + 1, total + 1)
    shown: dict[int, tuple[str, str | None]] = {}
    order = {number: place for place, number in enumerate((*NUMBERS, None))}
    for entry in sorted(
        long_range["units"], key=lambda entry: (order[entry["subject_number"]], entry["unit"])
    ):
        shown[int(entry["unit"])] = ("long-range", entry["subject_number"])
    served = {number for _, number in shown.values()}
    for number in NUMBERS:
        if number not in served and accuracy is not None:
            candidates = [unit for unit in last if unit not in shown]
            nearest = nearest_unit(accuracy, conditions, number, candidates)
            if nearest is not None:
                shown[nearest] = ("nearest", number)
    drawn = (int(unit) for unit in np.random.default_rng([seed, 1]).permutation(last))
    others = [(unit, "named") for unit in named]
    others += [] if syntax_unit is None else [(syntax_unit, "syntax")]
    for unit, role in others:
        if not 1 <= unit <= total:
            # Units may be named for several models at once.
            log.warning("there is no unit %d: this model has units 1 to %d", unit, total)
            continue
        shown.setdefault(int(unit), (role, None))
    arbitrary = [unit for unit in drawn if unit not in shown][:n_arbitrary]
    shown |= {unit: ("arbitrary", None) for unit in sorted(arbitrary)}
    ends = np.cumsum(layer_sizes)
    return [
        {
            "unit": unit,
            "layer": int(np.searchsorted(ends, unit)) + 1,
            "role": role,
            "number": number,
            "found": role == "long-range",
        }
        for unit, (role, number) in shown.items()
    ]


def nearest_unit(
    accuracy: pd.DataFrame,
    conditions: Conditions,
    number: str,
    candidates: Sequence[int],
) -> int | None:
    """Return the unit whose ablation costs most accuracy across attractors of the other number.

    Of each task counts the incongruent condition of this subject number that loses most; of these
    tasks counts the one that loses least. Tasks without such a condition do not count.

    Parameters
    ----------
    accuracy : DataFrame
        From `lstm_units.statistics.agreement.accuracy_table`.
    number : {"singular", "plural"}
    candidates : sequence of int
        1-based units to choose from.

    Returns
    -------
    int or None
        None where there is no such condition, or no unit's ablation costs any accuracy.
    """
    fit = {
        key
        for key, numbers in conditions.items()
        if numbers.incongruent and numbers.subject_number == number
    }
    keys = zip(accuracy["task"].astype(str), accuracy["condition"].astype(str), strict=True)
    rows = accuracy[
        np.array([key in fit for key in keys], dtype=bool)
        & accuracy["unit"].isin(list(candidates))
        & accuracy["drop"].notna()
    ]
    if rows.empty:
        return None
    drop = rows["drop"].groupby([rows["unit"], rows["task"].astype(str)]).max()
    least = drop.groupby(level="unit").min().sort_index()  # ties: the smallest number
    return int(least.idxmax()) if least.max() > 0 else None
