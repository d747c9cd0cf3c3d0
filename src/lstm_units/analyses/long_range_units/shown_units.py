"""Which units the figures and tables on dynamics and efferent weights show."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from lstm_units.errors import ConfigurationError

_NUMBERS = ("singular", "plural")
_LETTERS = {"singular": "S", "plural": "P"}


def shown_units(
    long_range: Mapping[str, Any],
    accuracy: pd.DataFrame,
    layer_sizes: Sequence[int],
    tasks: Sequence[str],
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
    accuracy : DataFrame
        From `lstm_units.statistics.agreement.accuracy_table`.
    layer_sizes : sequence of int
    tasks : sequence of str
        Tasks of the discovery.
    named : sequence of int
        1-based units that a user asks for.
    syntax_unit : int, optional
        The top syntax unit, where it is known.
    n_arbitrary : int
        Units drawn from the last layer for comparison (Lakretz et al. 2019 show 651 and 1300). The
        draw changes as little as possible when the other units change.
    seed : int

    Returns
    -------
    list of dict
        ``unit, layer, role, number, found``: `role` is one of `ROLES`; `number` the subject number
        that a long-range or nearest unit serves, or None; `found` whether the criteria are met.

    Raises
    ------
    ConfigurationError
        If a named unit or the syntax unit does not exist.
    """
    total = sum(layer_sizes)
    for key, units in (
        ("shown_units.named", named),
        ("the syntax unit", [] if syntax_unit is None else [syntax_unit]),
    ):
        for unit in units:
            if not 1 <= unit <= total:
                raise ConfigurationError(
                    f"{key}: unit {unit} does not exist; this model's units are numbered 1 to "
                    f"{total} (layers of {', '.join(map(str, layer_sizes))} units)"
                )
    last = range(total - layer_sizes[-1] + 1, total + 1)
    shown: dict[int, tuple[str, str | None]] = {}
    order = {number: place for place, number in enumerate((*_NUMBERS, None))}
    for entry in sorted(
        long_range["units"], key=lambda entry: (order[entry["subject_number"]], entry["unit"])
    ):
        shown[int(entry["unit"])] = ("long-range", entry["subject_number"])
    served = {number for _, number in shown.values()}
    for number in _NUMBERS:
        if number not in served:
            candidates = [unit for unit in last if unit not in shown]
            nearest = nearest_unit(accuracy, tasks, number, candidates)
            if nearest is not None:
                shown[nearest] = ("nearest", number)
    drawn = (int(unit) for unit in np.random.default_rng([seed, 1]).permutation(last))
    others = [(unit, "named") for unit in named]
    others += [] if syntax_unit is None else [(syntax_unit, "syntax")]
    for unit, role in others:
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
    accuracy: pd.DataFrame, tasks: Sequence[str], number: str, candidates: Sequence[int]
) -> int | None:
    """Return the unit whose ablation costs most accuracy across attractors of the other number.

    Of each task counts the condition that loses most, among those whose subject has this number and
    one of whose attractors has not (SP for singular, PS for plural); of these tasks counts the one
    that loses least.

    Parameters
    ----------
    accuracy : DataFrame
        From `lstm_units.statistics.agreement.accuracy_table`.
    tasks : sequence of str
        Those without such a condition do not count.
    number : {"singular", "plural"}
    candidates : sequence of int
        1-based units to choose from.

    Returns
    -------
    int or None
        None where there is no such condition, or no unit's ablation costs any accuracy.
    """
    letter = _LETTERS[number]
    other = "P" if letter == "S" else "S"
    fits = re.compile(rf"{letter}[SP]*{other}[SP]*")
    condition = accuracy["condition"].astype(str)
    rows = accuracy[
        accuracy["task"].astype(str).isin(list(tasks))
        & condition.map(lambda name: fits.fullmatch(name) is not None).astype(bool)
        & accuracy["unit"].isin(list(candidates))
    ]
    rows = rows[rows["drop"].notna()]
    if rows.empty:
        return None
    drop = rows["drop"].groupby([rows["unit"], rows["task"].astype(str)]).max()
    least = drop.groupby(level="unit").min().sort_index()  # ties: the smallest number
    return int(least.idxmax()) if least.max() > 0 else None
