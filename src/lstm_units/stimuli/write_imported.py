"""The step of an experiment that brings in a test set.

It stands apart from the one that generates tasks, so that a new format does not make them again.
"""

from pathlib import Path

from lstm_units.io.files import sha256_file
from lstm_units.stimuli.formats import read_linzen, read_minimal_pairs, read_released
from lstm_units.stimuli.language_tables import read_language
from lstm_units.stimuli.table import write_stimuli
from lstm_units.stimuli.write_generated import stimuli_metadata


def write_imported(
    source_format: str,
    file: str | Path,
    output: str | Path,
    gold: str | Path | None = None,
    language: str | Path | None = None,
    template: str | None = None,
) -> None:
    """Import a test set: ``released``, ``linzen`` or ``minimal_pairs``.

    Parameters
    ----------
    source_format : {"released", "linzen", "minimal_pairs"}
    file : path
        The test set; for ``linzen`` the text file.
    output : path
        ``stimuli/{task}.parquet``.
    gold : path, optional
        For ``linzen``, see `lstm_units.stimuli.formats.read_linzen`.
    language : path, optional
        For ``released``: folder of the tables of a language.
    template : str, optional
        For ``released``: the task in `language` whose template the sentences have.

    Raises
    ------
    ValueError
        If the format is another one.
    """
    if source_format == "released":
        table = read_released(file, read_language(language) if language else None, template)
    elif source_format == "linzen":
        table = read_linzen(file, gold)
    elif source_format == "minimal_pairs":
        table = read_minimal_pairs(file)
    else:
        raise ValueError(f"unknown format {source_format!r}")
    config = {"format": source_format, "file_sha256": sha256_file(file), "template": template}
    write_stimuli(table, output, stimuli_metadata("stimuli", output, table, config=config))
