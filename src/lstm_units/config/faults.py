"""A fault of the configuration, and how values are shown in messages.

Standard library only: it is imported when the Snakefile is parsed.
"""

import difflib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NOTHING = object()


@dataclass(frozen=True)
class Fault:
    """One fault: the key, what is wrong, and (`write`) the value to show at the key.

    `reads` are further keys on which the judgement rests: where one of them is itself at fault,
    this fault is only its echo and is left out.
    """

    path: tuple[Any, ...]
    problem: str
    write: Any = NOTHING
    reads: tuple[tuple[Any, ...], ...] = ()


def show(value: Any) -> str:
    """Show a value as a user would know it from YAML, shortened."""
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return f"keys with values ({', '.join(map(str, list(value)[:5])) or 'none'})"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else f"{text[:77]}..."


def listed(names: Collection[str]) -> str:
    """Return names as a list in a sentence."""
    return ", ".join(names) or "none"


def unknown_names(
    path: tuple[Any, ...], names: Sequence[str], table: tuple[Any, ...], known: Collection[str]
) -> Iterator[Fault]:
    """Yield a fault for each name in the list at `path` that the section `table` lacks.

    Parameters
    ----------
    path : tuple
        Key of the list.
    table : tuple
        Key of the section that has the names.

    Yields
    ------
    Fault
        With the nearest known names to write.
    """
    known = list(known)
    close = {name: difflib.get_close_matches(name, known, n=1, cutoff=0.6) for name in names}
    mended = [n for name in names for n in ([name] if name in known else close[name])] or known[:2]
    for number, name in enumerate(names):
        if name not in known:
            meant = f"Did you mean {close[name][0]}?" if close[name] else f"It has {listed(known)}"
            problem = f"found {show(name)}, which is no entry of {'.'.join(table)}. {meant}"
            write = (path, list(dict.fromkeys(mended))) if mended else NOTHING
            yield Fault((*path, number), problem, write, ((*table, name),))
