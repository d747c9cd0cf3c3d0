"""What the public functions may replace on disk, and what they leave alone."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from lstm_units.errors import CheckpointError, UserError
from lstm_units.io.files import INDEX, read_json, read_metadata
from lstm_units.models.variables import VARIABLES

_CONVERTED = ("model.safetensors", "vocab.txt", "model.json")
_INDEX_COLUMNS = {"item", "position", "node", "condition"}
_LAYER = re.compile(r"layer=[0-9]+")
_VARIABLE = re.compile(rf"variable=({'|'.join(VARIABLES)})\.parquet")


def check_dump_folder(folder: Path) -> None:
    """Refuse a folder that a dump would replace, unless it is a dump and nothing else.

    Parameters
    ----------
    folder : Path
        It may be missing or empty.

    Raises
    ------
    UserError
        If it is a file, or holds something that is not of a dump; the message names it.
    """
    if not os.path.lexists(folder):
        return
    advice = "give a folder that does not exist, since what is there would be replaced"
    if not folder.is_dir():
        raise UserError(f"{folder} exists and holds no activations: it is no folder; {advice}")
    entries = sorted(folder.iterdir())
    if not entries:
        return
    if not _is_index(folder / INDEX):
        raise UserError(
            f"{folder} exists and holds no activations ({entries[0].name} is there, but no "
            f"{INDEX} of a dump); {advice}"
        )
    foreign = _foreign(entries)
    if foreign is not None:
        raise UserError(
            f"{folder} holds {foreign.relative_to(folder)}, which is no part of a dump; move it, "
            f"or {advice}"
        )


def _foreign(entries: Iterable[Path]) -> Path | None:
    """Return the first entry that no dump has."""
    for entry in entries:
        if entry.name == INDEX or _of_workflow(entry):
            continue
        if not _LAYER.fullmatch(entry.name) or entry.is_symlink() or not entry.is_dir():
            return entry
        for file in sorted(entry.iterdir()):
            if not _of_workflow(file) and not (_VARIABLE.fullmatch(file.name) and file.is_file()):
                return file
    return None


def _of_workflow(path: Path) -> bool:
    # Snakemake leaves .snakemake_timestamp in folders that it has made.
    return path.name.startswith(".snakemake") and path.is_file()


def _is_index(path: Path) -> bool:
    try:
        kind = read_metadata(path).get("kind")
        return kind == "activations" and set(pq.read_schema(path).names) >= _INDEX_COLUMNS
    except (UserError, OSError, ValueError, pa.ArrowException):
        return False


def check_conversion(weights: Path, vocabulary: Path, folder: Path) -> None:
    """Refuse a folder in which a conversion would overwrite what is not its own.

    Parameters
    ----------
    weights, vocabulary : Path
        The files that are converted.
    folder : Path
        What will get the converted checkpoint; an earlier one there may be replaced.

    Raises
    ------
    CheckpointError
        If a file to write is one of those that are read, is a folder, or stands there and belongs
        to no converted checkpoint.
    """
    if os.path.lexists(folder) and not folder.is_dir():
        raise CheckpointError(
            f"{folder} is no folder, but the converted checkpoint is one; give another name"
        )
    there = [folder / name for name in _CONVERTED if os.path.lexists(folder / name)]
    for target in there:
        for source, what in ((weights, "checkpoint"), (vocabulary, "vocabulary")):
            if _same_file(target, source):
                raise CheckpointError(
                    f"{target} is the {what} to convert, which would be overwritten; give another "
                    "folder"
                )
        if target.is_dir():
            raise CheckpointError(
                f"{target} is a folder, where a file would be written; give another folder"
            )
    if there and not _is_description(folder / "model.json"):
        raise CheckpointError(
            f"{folder} holds {there[0].name}, but no model.json of a converted checkpoint; it "
            "would be overwritten: give another folder, or move the file"
        )


def _is_description(path: Path) -> bool:
    try:
        description = read_json(path)
    except UserError:
        return False
    known = {"architecture", "layer_sizes", "vocabulary_size", "sha256"}
    return isinstance(description, dict) and known <= set(description)


def check_output(output: Path, inputs: Iterable[Path]) -> None:
    """Refuse a file of results that is one of the inputs or cannot be written.

    Parameters
    ----------
    output : Path
    inputs : iterable of Path
        What is read; a folder stands for the files in it.

    Raises
    ------
    UserError
        If it is an input or a folder, or its folder cannot be written.
    """
    for path in inputs:
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        if any(_same_file(output, file) for file in files):
            raise UserError(
                f"{output} is one of the files that are read, and would be overwritten; give "
                "another name"
            )
    if output.is_dir():
        raise UserError(f"{output} is a folder; give the name of a file")
    # Missing folders are made.
    parent = next(folder for folder in output.absolute().parents if folder.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        reason = "cannot be written" if parent.is_dir() else "is no folder"
        raise UserError(f"cannot write {output}: {parent} {reason}; give another path")


def _same_file(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.samefile(other)
