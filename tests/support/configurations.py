"""Configurations: the shipped one, a small one, and how one is laid over another."""

import copy
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).resolve().parents[2]


def merged(base: dict[str, Any], *overs: dict[str, Any]) -> dict[str, Any]:
    """Lay configurations over another one, as Snakemake does: mappings merge, all else replaces."""
    result = copy.deepcopy(base)
    for over in overs:
        for key, value in over.items():
            both = isinstance(value, dict) and isinstance(result.get(key), dict)
            result[key] = merged(result[key], value) if both else copy.deepcopy(value)
    return result


def shipped(*presets: str) -> dict[str, Any]:
    """The shipped configuration with presets such as ``quick.yaml`` over it."""
    files = [PROJECT / "config.yaml", *(PROJECT / "presets" / name for name in presets)]
    return merged({}, *(yaml.safe_load(path.read_text(encoding="utf-8")) for path in files))


def small(**over: Any) -> dict[str, Any]:
    """A model and a task, with some sections changed key by key."""
    config = {
        "models": ["m"],
        "tasks": ["nounpp"],
        "checkpoints": {"m": {"source": "m.pt", "vocabulary": "v.txt"}},
        "task_definitions": {"nounpp": {}, "simple": {}},
        "discovery": {"tasks": ["nounpp"]},
    }
    return merged(config, over)
