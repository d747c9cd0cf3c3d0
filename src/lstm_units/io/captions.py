"""What a caption consists of, and where it takes its facts from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lstm_units.io.result_files import ResultFiles


@dataclass(frozen=True)
class Caption:
    """What is said of a figure.

    Parameters
    ----------
    sentences : tuple of str
        Paragraphs of the caption.
    alt : str
        What is to be seen, for readers who do not see it.
    data : tuple of str
        Files it was drawn from, by their paths in the model's folder.
    """

    title: str
    sentences: tuple[str, ...]
    alt: str
    data: tuple[str, ...] = ()


@dataclass(frozen=True)
class About:
    """Where captions take their facts from.

    Parameters
    ----------
    files : ResultFiles
        Of the model.
    labels : mapping of str to str
        Names of tasks in print.
    config : mapping
        The whole configuration, for thresholds that the files do not tell.
    """

    files: ResultFiles
    labels: Mapping[str, str]
    config: Mapping[str, Any]

    def made(self, name: str) -> dict[str, Any]:
        """Metadata of a file, with its slice of the configuration laid over it."""
        found = self.files.metadata(name) or {}
        return {**found, **(found.get("config") or {})}

    def label(self, task: str | None) -> str:
        """Return the name of a task in print."""
        return self.labels.get(task, task) if task else "a task"

    def option(self, section: str, key: str) -> Any:
        """Return a value of the configuration; None where it has none."""
        return (self.config.get(section) or {}).get(key)

    def shown(self) -> list[dict[str, Any]]:
        """Return the units that figures of single units show."""
        return (self.files.json("units/shown.json") or {}).get("units", [])


def kept(sentences: Sequence[str | None]) -> tuple[str, ...]:
    """Return the sentences that there is something to say for."""
    return tuple(sentence for sentence in sentences if sentence)
