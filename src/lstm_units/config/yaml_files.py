"""The one reader of YAML, and a bound on what its aliases expand to.

An alias costs a few characters and stands for all that its anchor holds. Nine lines of ten aliases
each are a list of a billion values, and an alias inside its own anchor never ends, once something
copies what was read. So what aliases add is counted before anything is made of it.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from lstm_units.errors import ConfigurationError
from lstm_units.io.plain_text import decoded

# Values that aliases may add to those that are written out.
_ADDED = 100_000
# What PyYAML lets pass when an explicit tag does not fit its value, such as !!int "".
_UNFIT = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError)


def read_yaml(path: str | Path) -> Any:
    """Read a YAML file in which no key stands twice and aliases stay within bounds.

    Raises
    ------
    ConfigurationError
        If it is not so, or the file is no YAML; in one sentence that names the file.
    OSError
        If it cannot be read.
    """
    try:
        text, _ = decoded(Path(path).read_bytes())
    except ValueError as error:
        raise ConfigurationError(f"{path} {error}") from error
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        refuse_expansion(node, _parts_of_node, str(path))
        return None if node is None else loader.construct_document(node)
    except (yaml.YAMLError, *_UNFIT) as error:
        raise ConfigurationError(f"{path} is not valid YAML: {_fault(error)}") from error
    except RecursionError as error:
        raise ConfigurationError(_too_deep(str(path))) from error


def refuse_expanded_config(config: Any) -> None:
    """Refuse a configuration that Snakemake has read if aliases expand beyond bounds in it.

    Raises
    ------
    ConfigurationError
        If they do, or an anchor holds itself.
    """
    refuse_expansion(config, _parts, "the configuration")


def refuse_expansion(root: Any, parts: Callable[[Any], Iterable[Any]], what: str) -> None:
    """Refuse what would be far larger than it is written if each part stood for itself.

    Time and memory are those of the parts as they are written.

    Parameters
    ----------
    root : object
    parts : callable
        Returns the parts of an object, none of a plain value.
    what : str
        What it is, for the message.

    Raises
    ------
    ConfigurationError
        If more than 100,000 parts would be added, or an object holds itself.
    """
    sizes: dict[int, float] = {}
    written = 1

    def size(value: Any) -> float:
        nonlocal written
        if id(value) in sizes:
            return sizes[id(value)]
        inside = list(parts(value))
        if not inside:
            return 1
        sizes[id(value)] = math.inf  # for an alias that is met before its anchor ends
        written += len(inside)
        counted = 1 + sum([size(part) for part in inside])
        sizes[id(value)] = counted if counted == math.inf else min(counted, 2**62)
        return sizes[id(value)]

    try:
        expanded = size(root)
    except RecursionError as error:
        raise ConfigurationError(_too_deep(what)) from error
    if expanded == math.inf:
        raise ConfigurationError(
            f"{what} has an anchor (&) that holds an alias (*) of itself, so it never ends; write "
            "the value out"
        )
    if expanded - written > _ADDED:
        raise ConfigurationError(
            f"{what} has aliases (*) that add more than {_ADDED:,} values to the {written:,} that "
            "are written; write out what is needed"
        )


def _fault(error: Exception) -> str:
    """Return what PyYAML says in several lines, in one."""
    mark = getattr(error, "problem_mark", None)
    return (
        " ".join(str(error).split()) if mark is None else f"line {mark.line + 1}: {error.problem}"
    )


def _too_deep(what: str) -> str:
    return f"{what} has lists or mappings within one another to a depth that cannot be read"


def _parts(value: Any) -> Iterable[Any]:
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, list | tuple) else ()


def _parts_of_node(node: yaml.Node | None) -> Iterable[yaml.Node]:
    """Return the parts of a list or mapping, the latter's keys too, each of which stands once."""
    if isinstance(node, yaml.MappingNode):
        counts = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and counts[key.value] > 1:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} stands twice", key.start_mark
                )
        return [part for pair in node.value for part in pair]
    return node.value if isinstance(node, yaml.SequenceNode) else ()
