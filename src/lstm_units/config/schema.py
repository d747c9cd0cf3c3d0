"""The schema of the configuration, and what it says in words.

Standard library only: it is imported when the Snakefile is parsed.
"""

import json
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import resources
from typing import Any

from lstm_units.config.rooms import ANALYSES


@cache
def schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the configuration, rooms' sections included."""
    text = (
        resources.files("lstm_units.config")
        .joinpath("config_schema.json")
        .read_text(encoding="utf-8")
    )
    found = json.loads(text)
    for path in sorted(ANALYSES.glob("*/schema.json")):
        found["properties"] |= json.loads(path.read_text(encoding="utf-8"))
    return found


def subschema(path: Sequence[Any]) -> dict[str, Any] | None:
    """Return the schema of the key at `path`, or None where there is no such key."""
    at: Any = schema()
    for step in path:
        if isinstance(step, int):
            at = next(
                (kind["items"] for kind in (at, *at.get("anyOf", ())) if "items" in kind), None
            )
        else:
            at = at.get("properties", {}).get(step) or at.get("additionalProperties")
        if not isinstance(at, dict):
            return None
    return at


def dotted(path: Sequence[Any]) -> str:
    """Write the path of a key as users see it: ``tasks[2]``, ``ablation.units``."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")


def leaves(at: dict[str, Any], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], dict]]:
    """Yield every key of the schema with its path; names of the user's are in capitals.

    Parameters
    ----------
    at : dict
        A schema of an object, such as `schema` returns.
    path : tuple of str
        The keys that lead to `at`; empty for the whole configuration.

    Yields
    ------
    path : tuple of str
    below : dict
        The schema of the key at that path.
    """
    for key, below in at.get("properties", {}).items():
        yield (*path, key), below
        yield from leaves(below, (*path, key))
    below = at.get("additionalProperties")
    if isinstance(below, dict):
        yield from leaves(below, (*path, at["placeholder"]))


def expected(path: tuple[Any, ...]) -> str:
    """Say in words what the schema allows at `path`."""
    at = subschema(path)
    if at is None:
        return "another value"
    if "expected" in at:
        return at["expected"]
    if "enum" in at:
        choices = ["nothing (null)" if c is None else f'"{c}"' for c in at["enum"]]
        return f"one of {', '.join(choices)}" if len(choices) > 1 else choices[0]
    if isinstance(path[-1], int):
        return expected(path[:-1])
    words = {
        "boolean": "true or false",
        "integer": "a whole number",
        "number": "a number",
        "string": "text",
        "array": "a list",
        "object": "keys with values",
    }
    kinds = at["type"] if isinstance(at["type"], list) else [at["type"]]
    text = " or ".join(words[kind] for kind in kinds if kind != "null")
    bounds = {
        "minimum": "at least",
        "exclusiveMinimum": "above",
        "maximum": "at most",
        "exclusiveMaximum": "below",
    }
    limits = " and ".join(f"{word} {at[bound]}" for bound, word in bounds.items() if bound in at)
    nothing = "or nothing (null)" if "null" in kinds else ""
    return " ".join(filter(None, (text, limits, nothing)))


def reference() -> str:
    """Return the reference of all keys, their defaults and meanings, as Markdown."""
    lines = [
        "# Configuration",
        "",
        "Made from `src/lstm_units/config/config_schema.json` and the `schema.json` of each",
        "analysis by `python -m lstm_units.config.validate > docs/configuration.md`.",
        "",
        "`config.yaml` sets what defines the shipped experiment; all else is as below. A file that",
        "`--configfile` names is laid over it key by key; lists and single values replace those",
        "below. `--config 'tasks=[simple]'` does the same from the command line. An unknown key or",
        "a wrong value stops the run, with a message that lists every fault and what to write.",
        "",
        "A relative path is looked for in the working directory, then in the project. Names in",
        "capitals stand for names of your own.",
    ]
    top = schema()["properties"]
    rows: dict[str, list[str]] = {}
    for path, at in leaves(schema(), ()):
        if "properties" in at or isinstance(at.get("additionalProperties"), dict):
            continue
        section = path[0] if path[0] in top and len(path) > 1 else ""
        default = at.get("default_text")
        if "follows" in at:
            default = f"that of `{at['follows']}`"
        elif default is None:
            missing = "default" not in at
            default = "**needed**" if missing else f"`{json.dumps(at['default'])}`"
        allowed = expected(path).replace("|", "\\|")
        cells = [f"`{dotted(path)}`", default, allowed, at["description"].replace("|", "\\|")]
        rows.setdefault(section, []).append(f"| {' | '.join(cells)} |")
    for section, entries in rows.items():
        title = f"`{section}`" if section else "At the top"
        lines += ["", f"## {title}", ""]
        if section:
            lines += [top[section]["description"], ""]
        lines += ["| key | default | allowed | meaning |", "|---|---|---|---|", *entries]
    return "\n".join(lines) + "\n"
