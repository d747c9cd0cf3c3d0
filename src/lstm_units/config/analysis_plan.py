"""Which analyses a configuration asks for: the list `tasks` decides, other lists choose from it.

Every function takes a configuration from `lstm_units.config.validate.validate_config`. Standard
library only: it is imported when the Snakefile is parsed.
"""

from collections.abc import Mapping
from typing import Any


def chosen_tasks(config: Mapping[str, Any], section: str) -> list[str]:
    """Return the tasks of a section that are among ``tasks``, in the order of the section.

    Parameters
    ----------
    config : mapping
    section : {"activations", "dynamics", "contributions"}
        Whose list ``tasks`` is read.
    """
    return [task for task in config[section]["tasks"] if task in config["tasks"]]


def analyses(config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the analyses of ``decoding.run`` whose task is among ``tasks``, by name."""
    decoding = config["decoding"]
    chosen = {name: decoding["analyses"][name] for name in decoding["run"]}
    return {name: entry for name, entry in chosen.items() if entry["task"] in config["tasks"]}


def subject_analysis(config: Mapping[str, Any]) -> str | None:
    """Return the analysis of ``decoding.run`` that the audit reads, or None.

    The first that decodes the number of the subject in incongruent conditions; without such, the
    first that decodes the number of the subject.
    """
    found = [n for n, e in analyses(config).items() if e["label"] == "subject_number"]
    incongruent = [n for n in found if analyses(config)[n]["conditions"] == "incongruent"]
    return next(iter(incongruent + found), None)


def unit_decoding_task(config: Mapping[str, Any]) -> str | None:
    """Return the task on which every unit is decoded, or None where there is none."""
    task = config["unit_decoding"]["task"]
    return task if task in config["tasks"] else None


def named_units(config: Mapping[str, Any], model: str) -> list[int]:
    """Return ``shown_units.named``, or its entry for this model where it is given by model."""
    named = config["shown_units"]["named"]
    return list(named.get(model, []) if isinstance(named, Mapping) else named)


def syntax_unit(config: Mapping[str, Any], model: str) -> int | None:
    """Return ``shown_units.syntax``, or its entry for this model where it is given by model."""
    unit = config["shown_units"]["syntax"]
    return unit.get(model) if isinstance(unit, Mapping) else unit


def finds_short_range(config: Mapping[str, Any]) -> bool:
    """Whether short-range units are searched: it takes efferents and the decoding of all units."""
    return config["efferents"]["verb_pairs"] is not None and bool(unit_decoding_task(config))


def structures(config: Mapping[str, Any]) -> list[str]:
    """Return the tasks over whose dependencies syntax units are ranked, in their order."""
    chosen = config["syntax_units"]["structures"]
    return [task for task in chosen if task in config["tasks"]]


def finds_syntax(config: Mapping[str, Any]) -> bool:
    """Whether syntax units are searched: it takes the depth regression and a structure."""
    return config["depth"]["run"] and bool(structures(config))


def control_tasks(config: Mapping[str, Any], family: str) -> list[str]:
    """Return the tasks of a control that are among ``tasks``; natural text joins ``syntax``.

    Parameters
    ----------
    config : mapping
    family : {"syntax", "short_range", "short_and_long_range"}
    """
    chosen = [task for task in config["controls"]["tasks"][family] if task in config["tasks"]]
    if family == "syntax":
        definitions = config["task_definitions"]
        natural = [task for task in config["tasks"] if definitions[task]["format"] == "linzen"]
        chosen += [task for task in natural if task not in chosen]
    return chosen


def controls(config: Mapping[str, Any]) -> dict[str, dict[str, list[str]]]:
    """Return the controls to run: for each family the tasks of each group, sorted.

    Only the tasks that a control needs are in its groups.
    """
    result: dict[str, dict[str, list[str]]] = {}
    for family in config["controls"]["run"]:
        found = finds_syntax(config) if family == "syntax" else finds_short_range(config)
        tasks = sorted(control_tasks(config, family)) if found else []
        for task in tasks:
            group = config["task_definitions"][task]["group"]
            result.setdefault(family, {}).setdefault(group, []).append(task)
    return result


def connectivity_task(config: Mapping[str, Any]) -> str | None:
    """Return the task on which activities are read for the connectivity, or None without it."""
    task = config["connectivity"]["task"]
    return task if task in config["tasks"] else None


def origin_of(config: Mapping[str, Any], model: str) -> str:
    """Return the checkpoint whose files a model needs: its own, or that which it is shaped like."""
    return config["checkpoints"][model]["untrained_like"] or model


def word_counts(config: Mapping[str, Any], model: str) -> str:
    """Return the table of word counts of a model: of its training, else the general one.

    A model that the workflow trains has one among the results, unless its entry names another.
    """
    checkpoints = config["checkpoints"]
    own = checkpoints[model]["word_counts"] or checkpoints[origin_of(config, model)]["word_counts"]
    return own or config["depth"]["word_counts"]
