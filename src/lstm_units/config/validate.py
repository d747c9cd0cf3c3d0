"""The configuration: checked against its schema, completed with defaults, explained.

This module is imported whenever the Snakefile is parsed, by every cluster job too, so it imports
neither torch, numpy, pandas nor pyarrow. ``python -m lstm_units.config.validate`` prints the
reference of all keys.
"""

import copy
import difflib
import math
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jsonschema
import yaml

from lstm_units.config.analysis_faults import analysis_faults
from lstm_units.config.faults import NOTHING, Fault, show, unknown_names
from lstm_units.config.schema import dotted, expected, leaves, reference, schema, subschema
from lstm_units.config.sweep_plan import unit_selection
from lstm_units.config.training_runs import (
    matching_models,
    trained_by,
    trained_entries,
    training_faults,
    unfinished_run,
)
from lstm_units.config.yaml_files import refuse_expanded_config
from lstm_units.errors import ConfigurationError

# Names of the folders that stand beside those of the models under results/.
RESERVED_NAMES = (
    *("stimuli", "logs", "benchmarks", "training", "corpora"),
    *("quick", "paper", "replication"),
)
FORMAT_KEYS = {
    "generated": ("template", "language", "items_per_condition"),
    "released": ("template", "language", "file"),
    "linzen": ("file", "gold"),
    "nonce": ("file", "gold"),
    "minimal_pairs": ("file",),
}
OPTIONAL_KEYS = {("nonce", "gold")}  # with a gold file, `file` is the text; without, the table
_URL = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*)://")
_NUMBER = re.compile(r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")


def is_url(source: str) -> bool:
    """Whether the source of a checkpoint or vocabulary is a URL, not a path."""
    return _URL.match(source) is not None


def validate_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Check a configuration and fill in the defaults.

    Parameters
    ----------
    config : mapping
        What was read from YAML, after user files and the command line were laid over it.

    Returns
    -------
    dict
        A deep copy with every default filled in. Of a task only the keys that its format uses
        remain, so that no result depends on the others. The result passes the check unchanged.

    Raises
    ------
    ConfigurationError
        Its message lists all faults: the key, what was found, what is expected, what to write.
    """
    if not isinstance(config, Mapping):
        raise ConfigurationError(
            f"the configuration is {show(config)}, expected keys with values; compare config.yaml"
        )
    refuse_expanded_config(config)
    faults: list[Fault] = []
    plain = _plain(config, (), faults)
    faults += _schema_faults(plain)
    broken = [fault.path for fault in faults]
    completed = _complete(_without(plain, broken), schema())
    _follow(completed)
    _add_trained(completed)
    for fault in _cross_checks(completed):
        causes = [f.path for f in faults if f.path not in broken]
        echo = any(_touches(path, read) for path in broken for read in (fault.path, *fault.reads))
        if not echo and not any(_touches(path, read) for path in causes for read in fault.reads):
            faults.append(fault)
    if faults:
        raise ConfigurationError(_message(faults))
    for name, task in completed["task_definitions"].items():
        completed["task_definitions"][name] = _normal_task(name, task, completed)
    return completed


def _plain(value: Any, path: tuple[Any, ...], faults: list[Fault]) -> Any:
    """Copy into plain dicts and lists; note keys that are no text, and infinite numbers."""
    if isinstance(value, Mapping):
        copied = {}
        for key, entry in value.items():
            if isinstance(key, str):
                copied[key] = _plain(entry, (*path, key), faults)
            else:
                problem = f"found the key {show(key)}, expected text: put it in quotes"
                faults.append(Fault((*path, str(key)), problem))
        return copied
    if isinstance(value, list | tuple):
        return [_plain(entry, (*path, number), faults) for number, entry in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        faults.append(Fault(path, f"found {value}, expected a finite number"))
    at = subschema(path) or {}
    if value is None and at.get("default") == {}:
        return {}  # an empty section, such as one whose lines are all commented out
    if value is True and "true" in at.get("enum", ()):
        return "true"  # YAML reads an unquoted true as a truth value
    return _number_in_text(value, at) if isinstance(value, str) else copy.deepcopy(value)


def _number_in_text(text: str, at: Mapping[str, Any]) -> Any:
    """Read text as the number or truth value that the schema asks for, where it is one.

    Snakemake hands on what stands in ``--config 'ablation={shard_size: 130}'`` as text, and YAML
    takes 1e-4 for text.
    """
    kinds = [kind.get("type", ()) for kind in (at, *at.get("anyOf", ()))]
    types = {name for kind in kinds for name in ([kind] if isinstance(kind, str) else kind)}
    if "boolean" in types and text in ("true", "false"):
        return text == "true"
    if _NUMBER.match(text) and "integer" in types and re.fullmatch(r"[+-]?\d+", text):
        return int(text)
    return float(text) if _NUMBER.match(text) and "number" in types else text


def _schema_faults(config: dict[str, Any]) -> list[Fault]:
    faults: dict[tuple[Any, ...], Fault] = {}
    for error in jsonschema.Draft202012Validator(schema()).iter_errors(config):
        path = tuple(error.absolute_path)
        if error.validator == "additionalProperties":
            known = error.schema["properties"]
            for key in sorted(set(error.instance) - set(known)):
                faults[*path, key] = _unknown_key(path, key, list(known))
        elif error.validator == "required":
            for key in error.validator_value:
                if key not in error.instance:
                    faults[*path, key] = Fault(
                        (*path, key), f"missing; expected {expected((*path, key))}"
                    )
        elif "propertyNames" in error.absolute_schema_path:
            problem = "expected a name of letters, digits and underscores that begins with a letter"
            faults[*path, error.instance] = Fault((*path, error.instance), problem)
        else:
            found = show(error.instance)
            if error.validator == "uniqueItems":
                twice = next(e for n, e in enumerate(error.instance) if e in error.instance[:n])
                found += f", which lists {show(twice)} twice"
            faults[path] = Fault(path, f"found {found}, expected {expected(path)}")
    return list(faults.values())


def _unknown_key(path: tuple[Any, ...], key: str, known: list[str]) -> Fault:
    close = difflib.get_close_matches(key.lower(), known, n=1, cutoff=0.6)
    if close:
        meant = (*path, close[0])
        return Fault((*path, key), f"unknown key. Did you mean {dotted(meant)}?", (meant,))
    elsewhere = {keys[-1]: keys for keys, _ in reversed(list(leaves(schema(), ())))}
    close = difflib.get_close_matches(key.lower(), list(elsewhere), n=1, cutoff=0.75)
    if close:
        meant = elsewhere[close[0]]
        problem = f"unknown key here. Did you mean {dotted(meant)}?"
        return Fault((*path, key), problem, (meant,))
    where = f"of {dotted(path)} " if path else ""
    return Fault((*path, key), f"unknown key. The keys {where}are {', '.join(known)}")


def _touches(one: Sequence[Any], other: Sequence[Any]) -> bool:
    """Whether one path leads to the other or beyond it."""
    return all(a == b for a, b in zip(one, other, strict=False))


def _without(config: dict[str, Any], paths: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
    """Copy `config` less the keys at fault; a list with a faulty entry goes as a whole."""
    config = copy.deepcopy(config)
    for path in paths:
        keys = path[: next((n for n, step in enumerate(path) if isinstance(step, int)), None)]
        at: Any = config
        for step in keys[:-1]:
            at = at.get(step, {}) if isinstance(at, dict) else {}
        if isinstance(at, dict):
            at.pop(keys[-1], None)
    return config


def _complete(value: Any, at: Any) -> Any:
    """Fill in the defaults of the schema and put the keys in its order, so that a user's is free.

    Whole numbers written as 1.0 become integers.
    """
    if isinstance(value, dict):
        known = at.get("properties", {})
        defaults = {key: below["default"] for key, below in known.items() if "default" in below}
        value = copy.deepcopy(defaults) | value
        ordered = dict.fromkeys([*(key for key in known if key in value), *value])
        others = at.get("additionalProperties")
        return {key: _complete(value[key], known.get(key, others)) for key in ordered}
    kinds = at.get("type", ()) if isinstance(at, dict) else ()
    if isinstance(value, float) and "integer" in ([kinds] if isinstance(kinds, str) else kinds):
        value = int(value)
    return value


def _follow(config: dict[str, Any]) -> None:
    """Give keys of sections that are null the value of the key at the top that they follow."""
    for (*sections, key), at in leaves(schema(), ()):
        if "follows" in at:
            section = config
            for name in sections:
                section = section[name]
            if section[key] is None:
                section[key] = config[at["follows"]]


def _add_trained(config: dict[str, Any]) -> None:
    """Add the networks that training runs make to `checkpoints`; then find those `models` means."""
    checkpoints = config.setdefault("checkpoints", {})
    for name, entry in trained_entries(config).items():
        given = checkpoints.get(name, {})
        if all(given.get(key) is None for key in ("source", "untrained_like", "training_run")):
            entry = {**given, **entry}  # a user's own keys, such as word_counts, stay
            checkpoints[name] = _complete(entry, subschema(("checkpoints", name)) or {})
    if "models" in config:
        config["models"] = matching_models(config["models"], list(checkpoints))


def _normal_task(name: str, task: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    """Give a task the defaults that depend on others, and only the keys that its format uses.

    A user's file is merged key by key over the shipped one, so that a task whose format it
    changes still carries the keys of the former format.
    """
    task.setdefault("group", name)
    task.setdefault("template", name)
    task.setdefault("language", config["stimuli"]["language"])
    foreign = {key for keys in FORMAT_KEYS.values() for key in keys}
    foreign -= set(FORMAT_KEYS[task["format"]])
    return {key: value for key, value in task.items() if key not in foreign}


def _checkpoint_faults(config: dict[str, Any]) -> Iterator[Fault]:
    checkpoints = config.get("checkpoints", {})
    for name, entry in checkpoints.items():
        path = ("checkpoints", name)
        if name in RESERVED_NAMES:
            problem = f"this name is taken by a folder of the results; choose another than {name}"
            yield Fault(path, problem)
        if trained_by({**config, "checkpoints": checkpoints}, name) is None:
            yield from _untrained_faults(name, entry, checkpoints)
        if (entry.get("training_run") is None) != (entry.get("training_step") is None):
            given, lacking = "training_run", "training_step"
            if entry.get(given) is None:
                given, lacking = lacking, given
            problem = f"missing; {dotted((*path, given))} is given, and needs it"
            yield Fault((*path, lacking), problem, reads=((*path, given),))
        for key in ("source", "vocabulary"):
            url = _URL.match(entry.get(key) or "")
            hash_path = (*path, f"{key}_sha256")
            if url and url[1].lower() not in ("http", "https", "file"):
                problem = f"found a URL of the kind {url[1]}, expected http, https or file"
                yield Fault((*path, key), problem)
            elif url and entry.get(f"{key}_sha256") is None:
                problem = f"missing; {dotted((*path, key))} is a URL, so its sha256 must be given"
                yield Fault(hash_path, problem, reads=((*path, key),))


def _untrained_faults(
    name: str, entry: dict[str, Any], checkpoints: dict[str, Any]
) -> Iterator[Fault]:
    """Yield what an untrained network lacks or has too much, or a trained one lacks."""
    path, like = ("checkpoints", name), entry.get("untrained_like")
    own = ("source", "vocabulary")
    if like is None:
        for key in own:
            if key not in entry:
                problem = f"missing; expected {expected((*path, key))}"
                yield Fault((*path, key), problem, reads=((*path, "untrained_like"),))
        return
    at = (*path, "untrained_like")
    for key in (*own, "source_sha256", "vocabulary_sha256", "identity", "training_run"):
        if entry.get(key) is not None:
            problem = f"given, but {dotted(at)} makes the network; remove one of the two"
            yield Fault((*path, key), problem, (at, like), (at,))
    trained = [n for n, e in checkpoints.items() if n != name and not e.get("untrained_like")]
    if like not in trained:
        problem = f"found {show(like)}, expected another, trained, entry of checkpoints"
        write = (at, trained[0]) if trained else NOTHING
        yield Fault(at, problem, write, (("checkpoints", like),))


def _task_faults(definitions: dict[str, Any]) -> Iterator[Fault]:
    for name, task in definitions.items():
        path = ("task_definitions", name)
        form = task["format"]
        for key in ("file", "gold"):
            needed = key in FORMAT_KEYS[form]
            if needed and not task.get(key) and (form, key) not in OPTIONAL_KEYS:
                problem = f"missing; a task of format {form} needs it"
                yield Fault((*path, key), problem, reads=((*path, "format"),))
            elif not needed and key in task:
                formats = [f for f, keys in FORMAT_KEYS.items() if key in keys]
                problem = (
                    f"given, but the format is {form}, which reads none; set format to "
                    f"{' or '.join(formats)}, or remove {key}"
                )
                write = ((*path, "format"), formats[0])
                yield Fault((*path, key), problem, write, reads=((*path, "format"),))


def _cross_checks(config: dict[str, Any]) -> Iterator[Fault]:
    """Yield the faults that lie between keys. `config` fits the schema, but keys may be missing."""
    definitions, tasks = config.get("task_definitions", {}), config.get("tasks", [])
    for key, table in (("models", "checkpoints"), ("tasks", "task_definitions")):
        for fault in unknown_names((key,), config.get(key, []), (table,), config.get(table, {})):
            if key == "tasks" or not unfinished_run(config, config[key][fault.path[-1]]):
                yield fault
    yield from _checkpoint_faults(config)
    yield from _task_faults(definitions)
    ablation, discovery = config["ablation"], config["discovery"]
    try:
        unit_selection(ablation["units"])
    except ConfigurationError as error:
        yield Fault(("ablation", "units"), str(error).removeprefix("ablation.units: "))
    modes = ablation["modes"]
    if "mean" in modes and ablation["mean_reference"] not in tasks:
        problem = f"found {show(ablation['mean_reference'])}, expected one of tasks, for mode mean"
        path = ("ablation", "mean_reference")
        write = (path, tasks[0]) if tasks else NOTHING
        yield Fault(path, problem, write, (("tasks",), ("ablation", "modes")))
    if discovery["run"] and discovery["mode"] not in modes:
        path = ("discovery", "mode")
        problem = (
            f"found {show(discovery['mode'])}, expected one of ablation.modes: {', '.join(modes)}"
        )
        possible = [mode for mode in modes if mode != "legacy"]
        write = (path, possible[0]) if possible else (("ablation", "modes"), ["zero", *modes])
        yield Fault(path, problem, write, (("ablation", "modes"),))
    swept = [t for t in tasks if definitions.get(t, {}).get("sweep")]
    yield from unknown_names(
        ("discovery", "tasks"), discovery["tasks"], ("task_definitions",), definitions
    )
    # With none of them nothing is searched; with some, the criterion would be another one.
    some = discovery["run"] and set(discovery["tasks"]) & set(swept)
    for number, task in enumerate(discovery["tasks"]):
        if not some or task in swept or task not in definitions:
            continue
        if task in tasks:
            problem = f"found {show(task)}, which has sweep: false; discovery needs the sweep"
        else:
            problem = f"found {show(task)}, expected one of tasks"
        choice = [t for t in discovery["tasks"] if t in swept] or swept[-1:]
        path = ("discovery", "tasks")
        write = (path, choice) if choice else NOTHING
        yield Fault((*path, number), problem, write, (("tasks",), ("task_definitions", task)))
    sweeps: dict[str, tuple[str, bool]] = {}
    for task in (t for t in tasks if t in definitions):
        sweep = definitions[task]["sweep"]
        other, other_sweep = sweeps.setdefault(definitions[task].get("group", task), (task, sweep))
        if sweep != other_sweep:
            path = ("task_definitions", task, "group")
            problem = (
                f"shares its group with {other}, but only one of the two has sweep: true; give "
                "them different groups"
            )
            yield Fault(path, problem, (path, task), (("tasks",), ("task_definitions",)))
    yield from analysis_faults(config)
    yield from training_faults(config)


def _message(faults: Sequence[Fault]) -> str:
    count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
    lines = [f"the configuration has {count} (config.yaml with what was laid over it):"]
    for number, fault in enumerate(faults, start=1):
        lines.append(f"{number}. {dotted(fault.path)}: {fault.problem}")
        example = _example(fault)
        if example:
            lines += ["   Write, for example:", *(f"       {line}" for line in example)]
    lines.append("All keys: docs/configuration.md")
    return "\n".join(lines)


def _example(fault: Fault) -> list[str]:
    """Return the lines of YAML that would mend a fault; none where the words say it all."""
    path, value = fault.path, NOTHING
    if fault.write is not NOTHING:
        path, *given = fault.write
        value = given[0] if given else NOTHING
    while path and isinstance(path[-1], int):
        path = path[:-1]
    at = subschema(path)
    if value is NOTHING and at is not None:
        at = subschema((at["follows"],)) if "follows" in at else at
        options = [*at.get("examples", []), *([at["default"]] if "default" in at else [])]
        value = next((o for o in options if o not in (None, {})), NOTHING)
    if value is NOTHING or not path:
        return []
    for step in reversed(path):
        value = {step: value}
    dumped = yaml.safe_dump(value, default_flow_style=None, sort_keys=False, allow_unicode=True)
    return _block_style(dumped, value).splitlines()


def _block_style(dumped: str, value: Any) -> str:
    """Prefer nested keys on lines of their own over ``{a: b}`` where all values are scalars."""
    if "{" in dumped:
        dumped = yaml.safe_dump(value, sort_keys=False, allow_unicode=True)
    return dumped


if __name__ == "__main__":
    sys.stdout.write(reference())
