"""The random-set baseline: an ablated set of units against random sets of the same size.

"Sets" always means this baseline here: Lakretz et al. 2019 (Section 4.3) compare what a set of
discovered units does with what random ones do. By default a random set has as many units of each
layer as the tested set, for layers differ in what their ablation costs; the paper drew from all
layers together.

The tested units may be drawn too. Under the null hypothesis the tested set is one more draw of the
same kind, and that makes the p value valid; without its units the draws would be of another kind.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from lstm_units.errors import ConfigurationError, NotRun
from lstm_units.io.files import make_metadata
from lstm_units.io.results import Result, made_from
from lstm_units.io.unit_columns import unit_array
from lstm_units.io.unit_numbers import layer_and_index, layer_of_units

# What each family of sets is called in print.
FAMILIES = {
    "syntax": "syntax units",
    "short_range": "short-range units",
    "short_and_long_range": "short- and long-range units",
}
MATCHES = ("layer", "all")
# The lists of units that each family is made of.
_NEEDED = {
    "syntax": ("syntax", "long_range"),
    "short_range": ("short_range",),
    "short_and_long_range": ("short_range", "long_range"),
}


@dataclass(frozen=True)
class UnitSet:
    """Units that are ablated together.

    Parameters
    ----------
    number : int
        0 for the tested set, from 1 for random ones.
    units : tuple of int
        1-based, rising.
    seed : int or None
        What `draw_set` draws the set from; None for the tested set.
    """

    number: int
    units: tuple[int, ...]
    seed: int | None


@dataclass(frozen=True)
class Tested:
    """The set that a family tests.

    Parameters
    ----------
    units : tuple of int
        1-based, rising; empty if there is no set to test.
    excluded : tuple of int
        Units that are neither tested nor drawn.
    reason : str or None
        Why there is no set.
    """

    units: tuple[int, ...]
    excluded: tuple[int, ...]
    reason: str | None


def control_sets(
    family: str,
    layer_sizes: Sequence[int],
    lists: Mapping[str, Result],
    *,
    n_sets: int,
    match: str,
    exclude_long_range: bool,
    seed: int,
) -> Result:
    """Return the tested set of a family and its random sets, the table of `sets_table`.

    Parameters
    ----------
    family, exclude_long_range
        As in `family_set`.
    layer_sizes, n_sets, match, seed
        As in `draw_sets`.
    lists : mapping of str to Result
        ``units/*.json`` by the name of the list, at least those that the family needs.

    Returns
    -------
    Result
        Its metadata name the ``tested`` and ``excluded`` units. Without a set to test there is no
        row, and ``reason`` says why.

    Raises
    ------
    ConfigurationError
        As in `family_set` and `draw_sets`.
    UserError
        If the lists come from different checkpoints.
    """
    checkpoint = made_from(*lists.values())["checkpoint_sha256"]
    units = {
        name: [entry["unit"] for entry in result.content["units"]] for name, result in lists.items()
    }
    tested = family_set(family, units, exclude_long_range)
    sets = draw_sets(tested.units, layer_sizes, n_sets, seed, match, tested.excluded)
    metadata = make_metadata(
        kind="random sets",
        checkpoint_sha256=checkpoint,
        config={
            "family": family,
            "match": match,
            "n_sets": n_sets,
            "exclude_long_range": exclude_long_range,
        },
        seed=seed,
        tested=list(tested.units),
        excluded=list(tested.excluded),
        reason=tested.reason,
    )
    return Result(sets_table(sets), metadata, f"the sets of {FAMILIES[family]}")


def family_set(
    family: str, lists: Mapping[str, Iterable[int]], exclude_long_range: bool = True
) -> Tested:
    """Make the tested set of a family from the lists of discovered units.

    Parameters
    ----------
    family : {"syntax", "short_range", "short_and_long_range"}
    lists : mapping of str to iterable of int
        1-based units by list: ``syntax``, ``short_range``, ``long_range``, as far as the family
        needs them.
    exclude_long_range : bool
        Leave the long-range units out of the syntax units and of their null. Else their own effect
        on agreement could pass for that of syntax units.

    Raises
    ------
    ConfigurationError
        If the family is unknown, or a list that it needs is not given.
    """
    if family not in FAMILIES:
        raise ConfigurationError(
            f"unknown family of sets {family!r}: expected one of {', '.join(FAMILIES)}"
        )
    for name in _NEEDED[family]:
        if name not in lists and (exclude_long_range or (family, name) != ("syntax", "long_range")):
            raise ConfigurationError(
                f"the family {family} needs the list of {name} units, and none was given"
            )
    if family == "syntax":
        found = set(lists["syntax"])
        excluded = set(lists["long_range"]) if exclude_long_range else set()
        units = found - excluded
        reason = "this model has no syntax unit"
        if found:
            reason = "all syntax units of this model are long-range units, which are left out"
    elif family == "short_range":
        units, excluded = set(lists["short_range"]), set()
        reason = "this model has no short-range unit"
    else:
        long_range, excluded = set(lists["long_range"]), set()
        units = set(lists["short_range"]) | long_range if long_range else set()
        reason = "this model has no long-range unit, so the set would be the short-range units"
        if not lists["short_range"]:
            reason = "this model has neither short-range nor long-range units"
    return Tested(tuple(sorted(units)), tuple(sorted(excluded)), None if units else reason)


def draw_sets(
    tested: Sequence[int],
    layer_sizes: Sequence[int],
    n_sets: int,
    seed: int,
    match: str = "layer",
    excluded: Sequence[int] = (),
) -> list[UnitSet]:
    """Return the tested set and random sets to compare it with.

    Parameters
    ----------
    tested : sequence of int
        1-based units.
    layer_sizes : sequence of int
        Number of units of each layer.
    n_sets : int
        Number of random sets. A larger number leaves the first ones as they are.
    seed : int
        From 0; each random set gets a seed of its own from it and from its number.
    match : {"layer", "all"}
        As many units from each layer as `tested` has, or from all layers together (the paper).
    excluded : sequence of int
        Units never drawn.

    Returns
    -------
    list of UnitSet
        Set 0 is `tested`, sets 1 to `n_sets` are drawn; empty if `tested` is.

    Raises
    ------
    ConfigurationError
        If `match` or `n_sets` is wrong, a tested unit is excluded, or too few units remain.
    InterventionError
        If the model has no such unit.
    """
    if n_sets < 1:
        raise ConfigurationError(
            f"{n_sets} random sets were asked for; write a whole number of 1 or more"
        )
    if not len(tested):
        return []
    both = sorted(set(tested) & set(excluded))
    if both:
        raise ConfigurationError(
            f"random sets: unit {both[0]} is tested and excluded at once; take it from one of them"
        )
    sets = [UnitSet(0, tuple(sorted(int(unit) for unit in tested)), None)]
    for number in range(1, n_sets + 1):
        own = int(np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)[0] >> 1)
        sets.append(UnitSet(number, draw_set(own, tested, layer_sizes, match, excluded), own))
    return sets


def draw_set(
    seed: int,
    tested: Sequence[int],
    layer_sizes: Sequence[int],
    match: str = "layer",
    excluded: Sequence[int] = (),
) -> tuple[int, ...]:
    """Draw one random set, without replacement, from the seed stored with it.

    Parameters
    ----------
    seed : int
        The set's own.
    tested, layer_sizes, match, excluded
        As in `draw_sets`.

    Returns
    -------
    tuple of int
        1-based units, rising; as many as `tested` has.

    Raises
    ------
    ConfigurationError, InterventionError
        As in `draw_sets`.
    """
    if match not in MATCHES:
        raise ConfigurationError(f"match is {match!r}; write one of {', '.join(MATCHES)}")
    layers = np.asarray(layer_of_units(layer_sizes))
    wanted = Counter(layer_and_index(layer_sizes, unit)[0] + 1 for unit in tested)
    free = np.setdiff1d(np.arange(1, len(layers) + 1), np.asarray(excluded, dtype=np.int64))
    if match == "layer":
        pools = [
            (f"layer {layer}", free[layers[free - 1] == layer], wanted[layer])
            for layer in sorted(wanted)
        ]
    else:
        pools = [("all layers together", free, len(tested))]
    rng = np.random.default_rng(seed)
    units: list[int] = []
    for place, pool, size in pools:
        if len(pool) < size:
            advice = (
                "exclude no long-range units (exclude_long_range: false), or test a smaller set"
            )
            if match == "layer":
                advice = f"draw from all layers together (match: all), {advice}"
            raise NotRun(
                f"random sets: {size} units of {place} are needed, and there are {len(pool)} that "
                f"are not excluded. What to do: {advice}"
            )
        units += rng.choice(pool, size, replace=False).tolist()
    return tuple(sorted(units))


def sets_table(sets: Sequence[UnitSet]) -> pa.Table:
    """Return sets as a table ``set, unit, seed``: one row for each unit of each set.

    Returns
    -------
    pyarrow.Table
        ``set`` int32, ``unit`` (1-based), ``seed`` int64 (null for the tested set).
    """
    units = [unit for chosen in sets for unit in chosen.units]
    return pa.table(
        {
            "set": pa.array([s.number for s in sets for _ in s.units], pa.int32()),
            "unit": unit_array(units),
            "seed": pa.array([s.seed for s in sets for _ in s.units], pa.int64()),
        }
    )
