"""Which analyses a configuration asks for: the list `tasks` decides, other lists choose from it.

Every function takes a configuration from `lstm_units.config.validate.validate_config`. Standard
library only: it is imported when the Snakefile is parsed.
"""

from collections.abc import Mapping
from typing import Any

from lstm_units.config.sweep_plan import no_sweep

# Ways to hold items out in decoding: no noun on both sides, or at random as in the paper.
SPLIT_KINDS = ("grouped", "random")


def chosen_tasks(config: Mapping[str, Any], section: str) -> list[str]:
    """Return the tasks of a section that are among ``tasks``, in the order of the section.

    Parameters
    ----------
    config : mapping
    section : {"dynamics", "contributions"}
        Whose list ``tasks`` is read.
    """
    return [task for task in config[section]["tasks"] if task in config["tasks"]]


def no_task(config: Mapping[str, Any], *path: str) -> str | None:
    """Say why there is no task to run on; None where there is one.

    Parameters
    ----------
    config : mapping
    *path : str
        Of the key that names a task or tasks.
    """
    named: Any = config
    for key in path:
        named = named[key]
    names = [named] if isinstance(named, str) else named or []
    if any(name in config["tasks"] for name in names):
        return None
    key = ".".join(path)
    lacking = f"`tasks` lacks {', '.join(names)}, which `{key}` names"
    return lacking if names else f"`{key}` names no task"


def tasks_with(config: Mapping[str, Any], *formats: str) -> list[str]:
    """Return the tasks of some formats, in the order of ``tasks``."""
    definitions = config["task_definitions"]
    return [task for task in config["tasks"] if definitions[task]["format"] in formats]


def analyses(config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the analyses of ``decoding.run`` whose task is among ``tasks``, by name."""
    decoding = config["decoding"]
    chosen = {name: decoding["analyses"][name] for name in decoding["run"]}
    return {name: entry for name, entry in chosen.items() if entry["task"] in config["tasks"]}


def decoded_variables(config: Mapping[str, Any], task: str) -> list[str]:
    """Return the variables that `analyses` decode on a task, sorted."""
    return sorted(
        {entry["variable"] for entry in analyses(config).values() if entry["task"] == task}
    )


def subject_analysis(config: Mapping[str, Any]) -> str | None:
    """Return the analysis of ``decoding.run`` that the audit reads, or None.

    The first that decodes the number of the subject in incongruent conditions; without such, the
    first that decodes the number of the subject.
    """
    found = [n for n, e in analyses(config).items() if e["label"] == "subject_number"]
    incongruent = [n for n in found if analyses(config)[n]["conditions"] == "incongruent"]
    return next(iter(incongruent + found), None)


def paper_tasks(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the paper's task that each of ``tasks`` is, by its template or format."""
    definitions = {task: config["task_definitions"][task] for task in config["tasks"]}
    return {
        task: "linzen" if entry["format"] == "linzen" else entry.get("template") or task
        for task, entry in definitions.items()
    }


def time_course_task(config: Mapping[str, Any]) -> str | None:
    """Return the task whose time courses the audit reads: the paper's nounPP, or the drawn one."""
    tasks, roles = chosen_tasks(config, "dynamics"), paper_tasks(config)
    wanted = [task for role in ("nounpp", "nounpp_adv") for task in tasks if roles[task] == role]
    return next(iter([*wanted, *tasks]), None)


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


def no_long_range(config: Mapping[str, Any]) -> str | None:
    """Say why long-range units are not searched: it takes the sweep of tasks with attractors."""
    if not config["discovery"]["run"]:
        return "`discovery.run` is false"
    if no_sweep(config):
        return no_sweep(config)
    named = config["discovery"]["tasks"]
    lacking = [task for task in named if task not in config["tasks"]]
    if lacking:
        return f"`tasks` lacks {', '.join(lacking)}, which `discovery.tasks` names"
    kept_out = [task for task in named if not config["task_definitions"][task]["sweep"]]
    return f"`sweep: false` keeps {', '.join(kept_out)} out of the sweep" if kept_out else None


def no_short_range(config: Mapping[str, Any]) -> str | None:
    """Say why short-range units are not searched: it takes efferents and every unit decoded."""
    if config["efferents"]["verb_pairs"] is None:
        return "`efferents.verb_pairs` names no file"
    return no_task(config, "unit_decoding", "task")


def finds_short_range(config: Mapping[str, Any]) -> bool:
    """Whether short-range units are searched."""
    return no_short_range(config) is None


def depth_regressors(config: Mapping[str, Any], n_layers: int) -> list[str]:
    """Return what depth is predicted from: all units, and the baselines."""
    chosen = config["depth"]["layers"]
    layers = [n for n in range(1, n_layers + 1) if chosen == "all" or n in chosen]
    untrained = range(1, config["depth"]["untrained"] + 1)
    return [
        "units",
        *(f"layer_{layer}" for layer in layers),
        *(f"untrained_{number}" for number in untrained),
        *("position_frequency", "words", "embeddings"),
    ]


def structures(config: Mapping[str, Any]) -> list[str]:
    """Return the tasks over whose dependencies syntax units are ranked, in their order."""
    chosen = config["syntax_units"]["structures"]
    return [task for task in chosen if task in config["tasks"]]


def no_syntax(config: Mapping[str, Any]) -> str | None:
    """Say why syntax units are not searched: it takes the depth regression and a structure."""
    if not config["depth"]["run"]:
        return "`depth.run` is false"
    return no_task(config, "syntax_units", "structures")


def finds_syntax(config: Mapping[str, Any]) -> bool:
    """Whether syntax units are searched."""
    return no_syntax(config) is None


def control_tasks(config: Mapping[str, Any], family: str) -> list[str]:
    """Return the tasks of a control that are among ``tasks``; natural text joins ``syntax``.

    Parameters
    ----------
    config : mapping
    family : {"syntax", "short_range", "short_and_long_range"}
    """
    chosen = [task for task in config["controls"]["tasks"][family] if task in config["tasks"]]
    if family == "syntax":
        chosen += [task for task in tasks_with(config, "linzen") if task not in chosen]
    return chosen


def no_control(config: Mapping[str, Any], family: str) -> str | None:
    """Say why a control cannot be run: it takes its units, and a task."""
    why = no_syntax(config) if family == "syntax" else no_short_range(config)
    if why is None and not control_tasks(config, family):
        why = no_task(config, "controls", "tasks", family)
    return why


def controls(config: Mapping[str, Any]) -> dict[str, dict[str, list[str]]]:
    """Return the controls to run: for each family the tasks of each group, sorted.

    Only the tasks that a control needs are in its groups.
    """
    result: dict[str, dict[str, list[str]]] = {}
    for family in config["controls"]["run"]:
        tasks = [] if no_control(config, family) else sorted(control_tasks(config, family))
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


def claim_criteria(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the thresholds of the audit: its own, and those of sections that its claims share."""
    discovery = config["discovery"]
    shared = ("minimum_loss", "maximum_q", "relative_drop", "minimum_intact", "maximum_units")
    return {
        **config["claims"],
        **{key: discovery[key] for key in shared},
        "spanning_auc": config["syntax_units"]["minimum_auc"],
        "z_threshold": config["connectivity"]["threshold"],
        "confidence": config["statistics"]["confidence"],
        "match": config["controls"]["match"],
        "minimum_folds": config["syntax_units"]["minimum_folds"],
    }


def model_entries(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the models of the comparison, and where they stand in a training run."""
    keys = ("training_run", "training_step", "untrained_like")
    return [
        {"name": model, **{key: config["checkpoints"][model][key] for key in keys}}
        for model in config["models"]
    ]
