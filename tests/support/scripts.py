"""Run a workflow script in this process, as Snakemake would."""

import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from lstm_units.errors import UserError

SCRIPTS = Path(__file__).resolve().parents[2] / "workflow_scripts"


class Named(list):
    """Inputs or outputs: a list whose parts have names too, as in Snakemake."""

    def __init__(self, parts: dict[str, Any]) -> None:
        super().__init__()
        for name, value in parts.items():
            several = isinstance(value, list | tuple)
            paths = [str(path) for path in value] if several else [str(value)]
            self.extend(paths)
            setattr(self, name, Named.of(paths) if several else paths[0])

    @classmethod
    def of(cls, paths: list[str]) -> "Named":
        named = cls({})
        named.extend(paths)
        return named

    def __getitem__(self, key):
        return getattr(self, key) if isinstance(key, str) else super().__getitem__(key)

    def get(self, name: str, default: Any = None) -> Any:
        return getattr(self, name, default)


def run_script(
    name: str,
    *,
    input: dict[str, Any] | None = None,
    output: dict[str, Any] | None = None,
    params: dict[str, Any] | None = None,
    wildcards: dict[str, Any] | None = None,
    resources: dict[str, Any] | None = None,
    threads: int = 1,
    log: str | Path | None = None,
) -> None:
    """Run ``workflow_scripts/{name}.py``; a `UserError` is raised as it is.

    A value of `input` or `output` is a path or a list of paths; an input that is not there is [].
    """
    job = SimpleNamespace(
        input=Named(input or {}),
        output=Named(output or {}),
        params=SimpleNamespace(**(params or {})),
        wildcards=SimpleNamespace(**{key: str(value) for key, value in (wildcards or {}).items()}),
        resources=SimpleNamespace(**(resources or {})),
        threads=threads,
        log=[log],
    )
    try:
        runpy.run_path(str(SCRIPTS / f"{name}.py"), init_globals={"snakemake": job})
    except SystemExit as stopped:
        if isinstance(stopped.__context__, UserError):
            raise stopped.__context__ from None
        raise
