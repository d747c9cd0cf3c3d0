"""Writing files whole or not at all, with the metadata that says how they were made."""

import hashlib
import json
import math
import os
import re
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors import SafetensorError

from lstm_units.errors import NotRun, StimuliError, UserError
from lstm_units.io.plain_text import decoded

SCHEMA_VERSION = 1
METADATA_KEY = "lstm_units"
INDEX = "index.parquet"  # in a folder of results, with the metadata of all
NOT_RUN = "not_run"  # the key of the reason in what stands in the place of results


def make_metadata(**fields: Any) -> dict[str, Any]:
    """Describe how a file was made.

    Parameters
    ----------
    **fields
        What the file depends on, for example ``config`` (the slice that was used),
        ``checkpoint_sha256``, ``stimuli_sha256``, ``seed``. Values must be JSON types.

    Returns
    -------
    dict
        The fields with ``schema_version`` and ``package_version``. It holds no time and no path,
        so that equal runs write equal bytes.
    """
    try:
        package_version = version("lstm-units")
    except PackageNotFoundError:
        package_version = "not installed"
    return {"schema_version": SCHEMA_VERSION, "package_version": package_version, **fields}


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `path`, and rename it to `path` when the block succeeds.

    The temporary name is unique to the process, so an orphaned job cannot write into the file of
    the job that replaced it. When the block fails, the temporary file is removed and `path` is
    left as it was. What a killed process left behind for the same `path` is removed too.

    Parameters
    ----------
    path : str or Path
        The final path. Missing parent folders are made.

    Yields
    ------
    Path
        Where to write. It keeps the suffix of `path`.

    Raises
    ------
    UserError
        If the disk is full or the folder cannot be written.
    """
    path = Path(path)
    temporary = path.with_name(f".{os.getpid()}-{uuid.uuid4().hex[:8]}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_temporaries_of_the_dead(path)
        yield temporary
        with temporary.open("rb+") as handle:
            os.fsync(handle.fileno())
        temporary.chmod(0o666 & ~_umask())  # some writers make files that only their owner reads
        temporary.replace(path)
    except (OSError, SafetensorError) as error:  # the latter is no OSError when a disk is full
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        reason = getattr(error, "strerror", None) or error
        raise UserError(
            f"cannot write {path}: {reason}. Nothing was changed; free some space "
            "or mend the permissions of the folder, then run the same command again"
        ) from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Give a new folder beside `path`, and rename it to `path` when the block succeeds.

    As `atomic_path`, for a folder of files: `path` never holds a part of it. A folder that is
    there already is put aside first and removed afterwards, so a process that is killed between
    the two leaves no folder at `path`, never a mixture.

    Parameters
    ----------
    path : str or Path
        The final folder. Missing parent folders are made.

    Yields
    ------
    Path
        An empty folder to write into.

    Raises
    ------
    UserError
        If the disk is full or the folder cannot be written.
    """
    path = Path(path)
    temporary, old = (
        path.with_name(f".{os.getpid()}-{uuid.uuid4().hex[:8]}-{path.name}") for _ in range(2)
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_temporaries_of_the_dead(path)
        temporary.mkdir()
        yield temporary
        for file in sorted(temporary.rglob("*")):
            if file.is_file():
                with file.open("rb+") as handle:
                    os.fsync(handle.fileno())
                file.chmod(0o666 & ~_umask())
        if path.exists():
            path.rename(old)
        temporary.rename(path)
        shutil.rmtree(old, ignore_errors=True)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(temporary, ignore_errors=True)
        reason = getattr(error, "strerror", None) or error
        raise UserError(
            f"cannot write the folder {path}: {reason}. Free some space or mend the permissions of "
            "the folder above it, then run the same command again"
        ) from error
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    finally:
        if old.exists() and not path.exists():  # it was put aside, and nothing took its place
            old.rename(path)


def _remove_temporaries_of_the_dead(path: Path) -> None:
    """Remove the temporary files and folders for `path` whose process has ended.

    A process of another machine looks dead from here. If it should live, it is an orphan: its job
    was started anew, and it will fail to rename its file.
    """
    name = re.compile(rf"\.(\d+)-[0-9a-f]{{8}}-{re.escape(path.name)}")
    for other in path.parent.iterdir():
        match = name.fullmatch(other.name)
        if match and not psutil.pid_exists(int(match[1])):
            if other.is_dir() and not other.is_symlink():
                shutil.rmtree(other)
            else:
                other.unlink(missing_ok=True)


def sha256_file(path: str | Path) -> str:
    """Return the hexadecimal sha256 of a file's bytes."""
    with Path(path).open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def write_text(text: str, path: str | Path) -> None:
    """Write a UTF-8 text file whole or not at all.

    Parameters
    ----------
    path : str or Path
        As in `atomic_path`.

    Raises
    ------
    UserError
        As in `atomic_path`.
    """
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(value: Any, path: str | Path, metadata: Mapping[str, Any] | None = None) -> None:
    """Write JSON with sorted keys; `metadata`, if given, goes under the key ``metadata``.

    Parameters
    ----------
    value : JSON types
        A mapping if `metadata` is given.
    path : str or Path
        As in `atomic_path`.
    metadata : mapping, optional
        From `make_metadata`.

    Raises
    ------
    UserError
        As in `atomic_path`.
    """
    if metadata is not None:
        value = {**value, "metadata": dict(metadata)}
    write_text(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n", path)


def read_json(path: str | Path) -> Any:
    """Read a JSON file; a missing or broken file is a `UserError` that names it."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(
            f"cannot read {path}: {error}. Delete it and run the workflow again"
        ) from error


def encode_metadata(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Return `metadata` as the text entry that safetensors files carry."""
    return {METADATA_KEY: json.dumps(dict(metadata), sort_keys=True, ensure_ascii=False)}


def with_metadata(schema: pa.Schema, metadata: Mapping[str, Any]) -> pa.Schema:
    """Return `schema` with `metadata` stored in it beside what is there.

    Parameters
    ----------
    metadata : mapping
        From `make_metadata`.
    """
    encoded = {key.encode(): value for key, value in encode_metadata(metadata).items()}
    return schema.with_metadata({**(schema.metadata or {}), **encoded})


def write_parquet(table: pa.Table, path: str | Path, metadata: Mapping[str, Any]) -> None:
    """Write a Parquet file whole or not at all.

    Parameters
    ----------
    table : pyarrow.Table
        The rows, with the column types of the file contract.
    path : str or Path
        Where to write.
    metadata : mapping
        From `make_metadata`; stored in the schema of the file.
    """
    with atomic_path(path) as temporary:
        pq.write_table(
            table.cast(with_metadata(table.schema, metadata)), temporary, compression="zstd"
        )


def read_metadata(path: str | Path) -> dict[str, Any]:
    """Read the metadata that `write_parquet` or `write_json` stored in a file.

    Raises
    ------
    UserError
        If the file is missing, damaged, or carries no metadata.
    NotRun
        If it says why there are no results.
    """
    path = Path(path)
    if path.suffix == ".json":
        metadata = read_json(path).get("metadata")
    else:
        try:
            encoded = (pq.read_schema(path).metadata or {}).get(METADATA_KEY.encode())
        except (OSError, pa.ArrowInvalid) as error:
            raise UserError(
                f"cannot read {path}: {error}. Delete it and run the workflow again"
            ) from error
        metadata = None if encoded is None else json.loads(encoded)
    if metadata is None:
        raise UserError(f"{path} carries no lstm-units metadata: it was not written by this tool")
    if NOT_RUN in metadata:
        raise NotRun(metadata[NOT_RUN])
    return metadata


def rounded(value: Any, digits: int = 6) -> Any:
    """Round every float in a structure of JSON types to significant digits; not-a-number is null.

    Rounding keeps files byte-equal where the last bits of a sum depend on the machine.

    Parameters
    ----------
    value : JSON types
        Tuples are taken for lists.
    digits : int
        Number of significant digits.

    Returns
    -------
    JSON types
        The same structure in new mappings and lists.
    """
    if isinstance(value, Mapping):
        return {key: rounded(entry, digits) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(entry, digits) for entry in value]
    if isinstance(value, float):
        return float(f"{value:.{digits}g}") if math.isfinite(value) else None
    return value


def read_lines(path: str | Path) -> list[str]:
    """Read the lines of a text file of stimuli or words.

    Returns
    -------
    list of str
        At least one line, without line ends and without empty lines at the end.

    Raises
    ------
    StimuliError
        If the file is missing, empty, or no text; see `lstm_units.io.plain_text.decoded`.
    """
    try:
        text, _ = decoded(Path(path).read_bytes())
    except OSError as error:
        raise StimuliError(
            f"cannot read {path}: {error.strerror or error}; check the path"
        ) from error
    except ValueError as error:
        raise StimuliError(f"{path} {error}") from error
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    # str.splitlines would also break at characters that occur inside words of some scripts.
    lines = text.rstrip("\n").split("\n")
    if not text.strip():
        raise StimuliError(f"{path} is empty; expected at least one line of text")
    return lines
