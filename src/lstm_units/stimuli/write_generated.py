"""The step of an experiment that makes stimuli from the tables of a language."""

from pathlib import Path
from typing import Any

import pyarrow as pa

from lstm_units.io.files import make_metadata, sha256_file
from lstm_units.stimuli.generation import generate
from lstm_units.stimuli.language_tables import read_language
from lstm_units.stimuli.table import scored_sha256, write_stimuli


def write_generated(
    language: str | Path,
    template: str,
    items_per_condition: int | str,
    matched: bool,
    seed: int,
    output: str | Path,
) -> None:
    """Generate a task from the tables of a language.

    Parameters
    ----------
    language : path
        Folder with ``lexicon.tsv`` and ``tasks.yaml``.
    template : str
        Name of the task in tasks.yaml.
    items_per_condition, matched, seed
        As in `lstm_units.stimuli.generation.generate`.
    output : path
        ``stimuli/{task}.parquet``.
    """
    table = generate(read_language(language), template, items_per_condition, matched, seed)
    config = {
        "template": template,
        "items_per_condition": items_per_condition,
        "matched": matched,
        "lexicon_sha256": sha256_file(Path(language) / "lexicon.tsv"),
        "tasks_sha256": sha256_file(Path(language) / "tasks.yaml"),
    }
    write_stimuli(
        table, output, stimuli_metadata("stimuli", output, table, config=config, seed=seed)
    )


def stimuli_metadata(
    kind: str, output: str | Path, table: pa.Table, **fields: Any
) -> dict[str, Any]:
    """Describe a file of stimuli: what it depends on, and the hash of what is scored.

    Parameters
    ----------
    kind : str
        What the file is, such as ``"stimuli"``.
    output : path
        Where the file will be; its stem names the task.
    table : pyarrow.Table
        The stimuli.
    **fields
        As in `lstm_units.io.files.make_metadata`.

    Returns
    -------
    dict
        As in `lstm_units.io.files.make_metadata`.
    """
    stimuli_sha256 = scored_sha256({Path(output).stem: table})
    return make_metadata(kind=kind, stimuli_sha256=stimuli_sha256, **fields)
