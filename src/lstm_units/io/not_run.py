"""What stands in the place of results where an analysis cannot be run: files that say why.

What a configuration makes impossible is planned away (`lstm_units.config.rooms`). What only a model
and its items tell is an `lstm_units.errors.NotRun`, raised where it is found. The job writes its
outputs nevertheless, with the reason in their metadata; a job that reads these raises it again, and
so says the same. What can do without passes over them: `read_each`, `read_if_run`, `ResultFiles`.
"""

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
from safetensors.numpy import save_file

from lstm_units.errors import NotRun, UserError
from lstm_units.io.files import (
    INDEX,
    NOT_RUN,
    atomic_folder,
    atomic_path,
    encode_metadata,
    make_metadata,
    read_json,
    read_metadata,
    write_json,
    write_parquet,
)

_LOGGER = logging.getLogger(__name__)


def because(what: str, why: str) -> str:
    """Say in a sentence that something was not run."""
    return f"{what}: not run, because {why}."


def not_run_sentences(reasons: Mapping[str, str], labels: Mapping[str, str]) -> list[str]:
    """Say of each task, by its label, why it was not run."""
    return [because(labels.get(task, task), why) for task, why in reasons.items()]


def write_no_result(metadata: Mapping[str, Any], paths: Iterable[str | Path]) -> None:
    """Write the reason as Parquet, JSON, safetensors or a folder with an index, without values."""
    for path in map(Path, paths):
        if path.suffix == ".json":
            write_json({}, path, metadata)
        elif path.suffix == ".safetensors":
            with atomic_path(path) as temporary:
                save_file({}, temporary, metadata=encode_metadata(metadata))
        elif path.suffix:
            write_parquet(pa.table({}), path, metadata)
        else:
            with atomic_folder(path) as folder:
                write_parquet(pa.table({}), folder / INDEX, metadata)


@contextmanager
def or_not_run(
    paths: Iterable[str | Path],
    write: Callable[[Mapping[str, Any], Iterable[str | Path]], None] = write_no_result,
) -> Iterator[None]:
    """Write the reason in the place of a job's outputs where its body raises `NotRun`.

    Parameters
    ----------
    paths : iterable of path
        All outputs of the job.
    write : callable
        Writes files of their kind from metadata that hold the reason.
    """
    try:
        yield
    except NotRun as error:
        _LOGGER.info("not run, because %s", error)
        write(make_metadata(**{NOT_RUN: str(error)}), paths)


def reason_not_run(path: Path) -> str | None:
    """Return why a file or folder holds no results; None where it does, or cannot be read.

    A list of units that others can go on with has the reason beside its ``units``, not in its
    metadata.
    """
    try:
        if path.suffix == ".png":
            from PIL import Image

            with Image.open(path) as image:
                return json.loads(image.info.get("Description", "{}")).get(NOT_RUN)
        if path.suffix == ".json":
            content = read_json(path)
            found = [content, content.get("metadata", {})] if isinstance(content, dict) else []
            return next((entry[NOT_RUN] for entry in found if NOT_RUN in entry), None)
        if path.suffix == ".parquet" or path.is_dir():
            read_metadata(path / INDEX if path.is_dir() else path)
    except NotRun as error:
        return str(error)
    except (UserError, OSError, ValueError):  # who reads it says what is wrong
        return None
    return None
