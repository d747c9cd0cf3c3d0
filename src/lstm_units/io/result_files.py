"""The result files of one model, found by their path in the file contract."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from lstm_units.io.files import read_json, read_metadata
from lstm_units.io.not_run import reason_not_run
from lstm_units.io.results import Result, read_result


@dataclass(frozen=True)
class ResultFiles:
    """A folder of results, such as ``results/wikipedia650``, and which of its files count.

    Parameters
    ----------
    folder : Path
    known : frozenset of str or None
        Paths under the folder, with ``/``, of the files (and folders of activations) that belong to
        the run: others may be left over from an earlier configuration. None for all that are there.
    """

    folder: Path
    known: frozenset[str] | None = None

    @classmethod
    def among(cls, folder: str | Path, paths: Iterable[str | Path]) -> "ResultFiles":
        """Keep to the given paths; those outside the folder are left out."""
        folder = Path(folder)
        inside = (Path(path) for path in paths)
        names = (p.relative_to(folder).as_posix() for p in inside if p.is_relative_to(folder))
        return cls(folder, frozenset(names))

    @cached_property
    def name(self) -> str:
        """Name of the folder: of the model, if it is a model's."""
        return self.folder.name

    def path(self, name: str) -> Path | None:
        """Return where a file or folder is; None if it is not among the results.

        One that says why it could not be run is not, and is noted in `missed`.
        """
        path = self.folder / name
        if not (path.exists() if self.known is None else name in self.known):
            return None
        reason = reason_not_run(path)
        if reason is None:
            return path
        self.missed[name] = reason
        return None

    @cached_property
    def missed(self) -> dict[str, str]:
        """Names that were asked for and could not be run, and why."""
        return {}

    def why_not(self, names: Iterable[str]) -> dict[str, list[str]]:
        """Return the reasons of those of some names that could not be run, with the names."""
        reasons: dict[str, list[str]] = {}
        for name in names:
            if self.path(name) is None and name in self.missed:
                reasons.setdefault(self.missed[name], []).append(name)
        return reasons

    def matching(self, pattern: str) -> list[str]:
        """Return the sorted names that match a pattern such as ``intact/*.parquet``.

        As in the shell, a star stands for no slash.
        """
        if self.known is None:
            found: Collection[str] = [
                p.relative_to(self.folder).as_posix() for p in self.folder.glob(pattern)
            ]
        else:
            depth = pattern.count("/")
            found = [n for n in self.known if n.count("/") == depth and fnmatch(n, pattern)]
        return sorted(name for name in found if self.path(name) is not None)

    def read(
        self, name: str, columns: Sequence[str] | None = None, filters: Any = None
    ) -> Result | None:
        """Read a Parquet or JSON file with its metadata; None if it is not among the results.

        Parameters
        ----------
        columns, filters
            Of `lstm_units.io.results.read_result`.

        Raises
        ------
        UserError
            As there.
        """
        path = self.path(name)
        return None if path is None else read_result(path, columns, filters)

    def frame(
        self, name: str, columns: Sequence[str] | None = None, filters: Any = None
    ) -> pd.DataFrame | None:
        """Read a Parquet file in pandas; as `read`."""
        found = self.read(name, columns, filters)
        return None if found is None else found.frame

    def json(self, name: str) -> Any:
        """Read a JSON file; None if it is not among the results.

        Raises
        ------
        UserError
            If the file is missing or damaged.
        """
        path = self.path(name)
        return None if path is None else read_json(path)

    def metadata(self, name: str) -> dict[str, Any] | None:
        """Read how a Parquet or JSON file was made; None if it is not among the results.

        Raises
        ------
        UserError
            If the file is missing or damaged, or carries no metadata.
        """
        path = self.path(name)
        return None if path is None else read_metadata(path)

    def settings(self, name: str) -> dict[str, Any]:
        """Return the settings that a file was made with; none if it is not among the results.

        They are the ``config`` of its metadata, and of a list of units its ``criteria``.

        Raises
        ------
        UserError
            If the file is missing or damaged.
        """
        path = self.path(name)
        if path is None:
            return {}
        if path.suffix != ".json":
            return read_metadata(path).get("config") or {}
        content = read_json(path)
        return {**content.get("criteria", {}), **(content.get("metadata", {}).get("config") or {})}
