"""Which analyses a configuration asks for: the list `tasks` decides, other lists choose from it.

Standard library only: it is imported when the Snakefile is parsed.
"""

from collections.abc import Mapping
from typing import Any


def dumped_tasks(config: Mapping[str, Any]) -> list[str]:
    """Return the tasks whose activations are dumped.

    Parameters
    ----------
    config : mapping
        From `lstm_units.configuration.validate_config`.

    Returns
    -------
    list of str
        Entries of ``activations.tasks`` that are among ``tasks``, in that order.
    """
    return [task for task in config["activations"]["tasks"] if task in config["tasks"]]


def dynamics_tasks(config: Mapping[str, Any]) -> list[str]:
    """Return the tasks whose time courses are averaged; the first is drawn.

    Parameters
    ----------
    config : mapping
        From `lstm_units.configuration.validate_config`.

    Returns
    -------
    list of str
    """
    return [task for task in config["dynamics"]["tasks"] if task in config["tasks"]]


def analyses(config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the analyses of generalisation across time, by name.

    Parameters
    ----------
    config : mapping
        From `lstm_units.configuration.validate_config`.

    Returns
    -------
    dict of str to dict
        Those of ``decoding.run`` whose task is among ``tasks``.
    """
    decoding = config["decoding"]
    chosen = {name: decoding["analyses"][name] for name in decoding["run"]}
    return {name: entry for name, entry in chosen.items() if entry["task"] in config["tasks"]}


def unit_decoding_task(config: Mapping[str, Any]) -> str | None:
    """Return the task on which every unit is decoded, or None where there is none.

    Parameters
    ----------
    config : mapping
        From `lstm_units.configuration.validate_config`.

    Returns
    -------
    str or None
    """
    task = config["unit_decoding"]["task"]
    return task if task in config["tasks"] else None


def contribution_tasks(config: Mapping[str, Any]) -> list[str]:
    """Return the tasks whose verb margins are split.

    Parameters
    ----------
    config : mapping
        From `lstm_units.configuration.validate_config`.

    Returns
    -------
    list of str
    """
    return [task for task in config["contributions"]["tasks"] if task in config["tasks"]]


def named_units(config: Mapping[str, Any], model: str) -> list[int]:
    """Return the units of a model that the user asks for.

    Parameters
    ----------
    config : mapping
        From `lstm_units.configuration.validate_config`.
    model : str

    Returns
    -------
    list of int
        ``shown_units.named``, or its entry for this model where it is given by model.
    """
    named = config["shown_units"]["named"]
    return list(named.get(model, []) if isinstance(named, Mapping) else named)


def syntax_unit(config: Mapping[str, Any], model: str) -> int | None:
    """Return the unit that the user names as the syntax unit of a model.

    Parameters
    ----------
    config : mapping
        From `lstm_units.configuration.validate_config`.
    model : str

    Returns
    -------
    int or None
        ``shown_units.syntax``, or its entry for this model where it is given by model.
    """
    unit = config["shown_units"]["syntax"]
    return unit.get(model) if isinstance(unit, Mapping) else unit


def finds_short_range(config: Mapping[str, Any]) -> bool:
    """Whether short-range units are searched: it takes efferents and the decoding of all units.

    Parameters
    ----------
    config : mapping
        From `lstm_units.configuration.validate_config`.

    Returns
    -------
    bool
    """
    return config["efferents"]["verb_pairs"] is not None and bool(unit_decoding_task(config))
