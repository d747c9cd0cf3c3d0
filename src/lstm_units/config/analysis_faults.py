"""Faults that lie between the keys of the analyses over time.

Standard library only: it is imported when the Snakefile is parsed.
"""

from collections.abc import Iterator
from typing import Any

from lstm_units.config.faults import NOTHING, Fault, show, unknown_names

# Variables drawn in Figures 1a and 1b; the word lists need the hidden values too.
DRAWN_VARIABLES = ("candidate", "input_gate", "forget_gate", "cell", "output_gate")
# Names that other figures have.
TAKEN_FIGURES = (
    *("units", "unit_decoding", "contributions", "dynamics", "depth", "dependency"),
    *("controls_syntax", "controls_short_range", "controls_short_and_long_range"),
    *("fig1a", "fig1b", "fig1c", "fig1d", "fig3", "fig4a", "fig4b"),
)


def analysis_faults(config: dict[str, Any]) -> Iterator[Fault]:
    """Yield the faults between keys of the analyses over time.

    Parameters
    ----------
    config : dict
        It fits the schema, but keys may be missing.

    Yields
    ------
    Fault
    """
    definitions = config.get("task_definitions", {})
    for key in ("named", "syntax"):
        by_model = config["shown_units"][key]
        if isinstance(by_model, dict):
            path, known = ("shown_units", key), config.get("checkpoints", {})
            for name in by_model:
                if name not in known:
                    problem = f"found {show(name)}, which is no entry of checkpoints"
                    yield Fault((*path, name), problem, reads=(("checkpoints", name),))
    for section in ("activations", "dynamics", "contributions"):
        names = config[section]["tasks"]
        yield from unknown_names((section, "tasks"), names, ("task_definitions",), definitions)
    if config["dynamics"]["tasks"]:
        for variable in DRAWN_VARIABLES:
            yield from _undumped(config, ("dynamics", "tasks"), variable)
        if config["efferents"]["verb_pairs"] is not None:
            yield from _undumped(config, ("efferents", "verb_pairs"), "hidden")
    decoding = config["decoding"]
    yield from unknown_names(
        ("decoding", "run"), decoding["run"], ("decoding", "analyses"), decoding["analyses"]
    )
    for name, entry in decoding["analyses"].items():
        path = ("decoding", "analyses", name)
        if name in TAKEN_FIGURES:
            yield Fault(path, f"another figure is called {name}; choose another name")
        if name in decoding["run"] and "task" in entry:
            yield from _unknown_task(definitions, (*path, "task"), entry["task"])
            yield from _undumped(config, (*path, "variable"), entry["variable"])
    task = config["unit_decoding"]["task"]
    if task is not None:
        yield from _unknown_task(definitions, ("unit_decoding", "task"), task)
        yield from _undumped(
            config, ("unit_decoding", "variable"), config["unit_decoding"]["variable"]
        )
    yield from _syntax_faults(config)


def _syntax_faults(config: dict[str, Any]) -> Iterator[Fault]:
    """Yield the faults of depth, syntax units, controls and connectivity."""
    depth, definitions = config["depth"], config.get("task_definitions", {})
    ranges = [("sentences", "lengths"), ("positions",), ("open_nodes",)]
    for keys in ranges:
        value = depth
        for key in keys:
            value = value[key]
        if value[0] > value[1]:
            path = ("depth", *keys)
            problem = f"found {show(value)}, expected the smaller number first"
            yield Fault(path, problem, (path, value[::-1]))
    alphas = depth["alphas"]
    if alphas["minimum"] >= alphas["maximum"]:
        problem = f"found {alphas['minimum']}, expected less than maximum, {alphas['maximum']}"
        yield Fault(("depth", "alphas", "minimum"), problem)
    path, structures = ("syntax_units", "structures"), config["syntax_units"]["structures"]
    yield from unknown_names(path, structures, ("task_definitions",), definitions)
    if structures:
        yield from _undumped(config, path, "cell")
    folds = config["syntax_units"]["minimum_folds"]
    if folds > depth["folds"]:
        path = ("syntax_units", "minimum_folds")
        problem = f"found {folds}, expected at most depth.folds, {depth['folds']}"
        yield Fault(path, problem, (path, depth["folds"]), (("depth", "folds"),))
    for family, tasks in config["controls"]["tasks"].items():
        path = ("controls", "tasks", family)
        yield from unknown_names(path, tasks, ("task_definitions",), definitions)
    task = config["connectivity"]["task"]
    if task is not None:
        yield from _unknown_task(definitions, ("connectivity", "task"), task)
        yield from _undumped(config, ("connectivity", "task"), "hidden")


def _unknown_task(definitions: dict[str, Any], path: tuple[Any, ...], task: str) -> Iterator[Fault]:
    """Yield a fault if the task that a key names is not defined."""
    for fault in unknown_names(path, [task], ("task_definitions",), definitions):
        write = fault.write if fault.write is NOTHING else (path, fault.write[1][0])
        yield Fault(path, fault.problem, write, fault.reads)


def _undumped(config: dict[str, Any], path: tuple[Any, ...], variable: str) -> Iterator[Fault]:
    variables = config["activations"]["variables"]
    if variable not in variables:
        key = ("activations", "variables")
        problem = f"needs the variable {variable}, which activations.variables does not list"
        yield Fault(path, problem, (key, [*variables, variable]), (key,))
