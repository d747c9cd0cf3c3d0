"""Which units are ablated in which job: units, layers, shards and groups of tasks.

Imported when the Snakefile is parsed: standard library only.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from lstm_units.errors import CheckpointError, ConfigurationError

_RANGE = re.compile(r"^ *(\d+) *- *(\d+) *$")


def unit_selection(units: str | Sequence[int | str]) -> Literal["all"] | list[int]:
    """Read ``ablation.units``.

    Parameters
    ----------
    units : "all" or sequence of int and str
        Unit numbers from 1, and ranges such as ``"651-700"``, both ends included.

    Returns
    -------
    "all" or list of int
        The numbers, sorted, each once.

    Raises
    ------
    ConfigurationError
        If an entry is neither, or a range runs backwards.

    Examples
    --------
    >>> unit_selection([776, "1-3", 2])
    [1, 2, 3, 776]
    """
    if units == "all":
        return "all"
    selected: set[int] = set()
    for entry in [units] if isinstance(units, str) else units:
        match = _RANGE.match(entry) if isinstance(entry, str) else None
        if match:
            first, last = int(match[1]), int(match[2])
        elif isinstance(entry, int) and not isinstance(entry, bool):
            first = last = entry
        else:
            first, last = 0, -1
        if not 1 <= first <= last:
            raise ConfigurationError(
                f"ablation.units: found {entry!r}, expected unit numbers from 1 and ranges from a "
                'lower to a higher number, such as ["1-100", 776]'
            )
        selected.update(range(first, last + 1))
    return sorted(selected)


def swept_layers(
    layer_sizes: Sequence[int], mode: str, layers: Literal["all"] | Sequence[int]
) -> list[int]:
    """Return the layers, counted from 1, that a mode ablates in a model.

    Mode ``legacy`` equals ``zero`` in the last layer and so exists for all others only; "all"
    means these, none at all in a model of one layer.

    Parameters
    ----------
    layer_sizes : sequence of int
        Number of units of each layer.
    mode : {"zero", "legacy", "mean"}
    layers : "all" or sequence of int
        The setting; layers are counted from 1.

    Returns
    -------
    list of int
        Sorted.

    Raises
    ------
    ConfigurationError
        If a layer is listed that the model does not have, or the last one for ``legacy``.
    """
    n_layers = len(layer_sizes)
    possible = list(range(1, n_layers if mode == "legacy" else n_layers + 1))
    if layers == "all":
        return possible
    for layer in layers:
        if layer not in possible:
            names = ", ".join(map(str, possible)) or "none"
            reason = (
                "in the last layer legacy equals zero"
                if mode == "legacy" and layer == n_layers
                else f"the model has {n_layers}"
            )
            raise ConfigurationError(
                f"ablation.layers.{mode}: found layer {layer}, expected some of {names} ({reason})."
                f" Write {mode}: all, or take the mode out of ablation.modes"
            )
    return sorted(set(layers))


def shards(
    layer_sizes: Sequence[int],
    layers: Sequence[int],
    units: Literal["all"] | Sequence[int],
    shard_size: int,
) -> list[tuple[int, int]]:
    """Cut the units of some layers into shards, one job and one result file each.

    Each layer has a grid of `shard_size` units that begins at its first unit. A shard is a run of
    consecutive selected units within one cell of the grid, so it never spans two layers, and
    selecting more units leaves the cells that were complete as they are.

    Parameters
    ----------
    layer_sizes : sequence of int
        Units of each layer.
    layers : sequence of int
        Layers counted from 1.
    units : "all" or sequence of int
        Unit numbers from 1 through all layers; those of other layers are left out.

    Returns
    -------
    list of (int, int)
        First and last unit of each shard, both included, in ascending order.

    Raises
    ------
    ConfigurationError
        If a unit is selected that the model does not have.

    Examples
    --------
    >>> shards((4, 6), [1, 2], "all", 4)
    [(1, 4), (5, 8), (9, 10)]
    >>> shards((4, 6), [2], [5, 6, 8, 9], 4)
    [(5, 6), (8, 8), (9, 9)]
    """
    n_units = sum(layer_sizes)
    selected = set(range(1, n_units + 1)) if units == "all" else set(units)
    outside = sorted(unit for unit in selected if not 1 <= unit <= n_units)
    if outside:
        raise ConfigurationError(
            f"ablation.units: found unit {outside[0]}, expected 1 to {n_units}: the model has "
            f"layers of {', '.join(map(str, layer_sizes))} units"
        )
    result = []
    for layer in sorted(set(layers)):
        before = sum(layer_sizes[: layer - 1])
        end = before + layer_sizes[layer - 1]
        for start in range(before + 1, end + 1, shard_size):
            first = None
            stop = min(start + shard_size, end + 1)
            for unit in range(start, stop + 1):
                if unit < stop and unit in selected:
                    first = unit if first is None else first
                elif first is not None:
                    result.append((first, unit - 1))
                    first = None
    return result


def shard_ranges(
    config: Mapping[str, Any], layer_sizes: Sequence[int], mode: str
) -> list[tuple[int, int]]:
    """Return the first and last unit of every shard of a model's sweep in one mode.

    Parameters
    ----------
    config : mapping
        From `lstm_units.config.validate.validate_config`.
    mode : {"zero", "legacy", "mean"}

    Raises
    ------
    ConfigurationError
        If the model lacks a layer or unit of the configuration; of several models, each ablates
        those that it has.
    """
    ablation = config["ablation"]
    layers, units = ablation["layers"][mode], unit_selection(ablation["units"])
    if len(config["models"]) > 1:
        last = len(layer_sizes) - (mode == "legacy")
        layers = layers if layers == "all" else [layer for layer in layers if layer <= last]
        units = units if units == "all" else [unit for unit in units if unit <= sum(layer_sizes)]
    layers = swept_layers(layer_sizes, mode, layers)
    return shards(layer_sizes, layers, units, ablation["shard_size"])


def swept_units(config: Mapping[str, Any], layer_sizes: Sequence[int], mode: str) -> list[int]:
    """Return the units that a mode ablates, ascending; arguments as of `shard_ranges`."""
    ranges = shard_ranges(config, layer_sizes, mode)
    return [unit for first, last in ranges for unit in range(first, last + 1)]


def swept_modes(config: Mapping[str, Any], layer_sizes: Sequence[int]) -> list[str]:
    """Return the modes that ablate at least one unit of a model on a task."""
    modes = config["ablation"]["modes"] if groups(config) else ()
    return [m for m in modes if shard_ranges(config, layer_sizes, m)]


def no_sweep(config: Mapping[str, Any]) -> str | None:
    """Say why no unit is ablated on any task; None where some are."""
    return None if groups(config) else "all of `tasks` have `sweep: false`"


def not_ablated(config: Mapping[str, Any], layer_sizes: Sequence[int], mode: str) -> str | None:
    """Say why a mode ablates no unit of a model; None where it does."""
    if mode in swept_modes(config, layer_sizes):
        return None
    nothing = f"`ablation.units` and `ablation.layers.{mode}` have no unit of this model in common"
    return no_sweep(config) or nothing


def layer_range(layer_sizes: Sequence[int], unit: int) -> tuple[int, int]:
    """Return the first and last unit of the layer that a unit is in.

    Raises
    ------
    ConfigurationError
        If no layer has it.
    """
    first = 1
    for size in layer_sizes:
        if first <= unit < first + size:
            return first, first + size - 1
        first += size
    raise ConfigurationError(f"ablation.units: there is no unit {unit} in {first - 1}")


def groups(config: Mapping[str, Any], *, swept: bool = True) -> dict[str, list[str]]:
    """Return the groups of tasks that share a trie of prefixes.

    Parameters
    ----------
    config : mapping
        From `lstm_units.config.validate.validate_config`.
    swept : bool
        True: the tasks of the sweep. False: those with ``sweep: false``, on which only the intact
        model and discovered units run.

    Returns
    -------
    dict of str to list of str
        Tasks of each group, both in the order of ``tasks``.
    """
    result: dict[str, list[str]] = {}
    for task in config["tasks"]:
        definition = config["task_definitions"][task]
        if definition["sweep"] == swept:
            result.setdefault(definition["group"], []).append(task)
    return result


def read_layer_sizes(model_json: str | Path) -> tuple[int, ...]:
    """Read the units of each layer from the ``model.json`` of a converted checkpoint.

    Raises
    ------
    CheckpointError
        If the file is missing or damaged.
    """
    try:
        sizes = json.loads(Path(model_json).read_text(encoding="utf-8"))["layer_sizes"]
        if not sizes or not all(type(size) is int and size > 0 for size in sizes):
            raise ValueError(f"layer_sizes is {sizes!r}, expected a list of whole numbers from 1")
    except (OSError, ValueError, TypeError, KeyError) as error:
        problem = "it has no key layer_sizes" if isinstance(error, KeyError) else error
        raise CheckpointError(
            f"cannot read the layer sizes from {model_json}: {problem}. "
            "Delete the file and run the workflow again, so that the checkpoint is converted anew"
        ) from error
    return tuple(sizes)
