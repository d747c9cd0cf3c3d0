"""The step that measures which units' cells span the dependency of subject and verb."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa

from lstm_units.activations.layout import INDEX
from lstm_units.activations.reader import ActivationDump, open_activations
from lstm_units.analyses.syntax_units.dependency_span import dependency_span, span_scores
from lstm_units.errors import ConfigurationError, UserError
from lstm_units.io.files import lineage, write_parquet
from lstm_units.io.unit_columns import unit_array
from lstm_units.stimuli.aligned_items import AlignedItems, read_aligned_items
from lstm_units.stimuli.table import read_stimuli, scored_sha256


def write_dependency_span(
    dumps: Mapping[str, str | Path],
    stimuli: Mapping[str, str | Path],
    verb: str,
    output: str | Path,
) -> None:
    """Write ``dependency_span.parquet``: every unit of the dumped layers in every structure.

    Parameters
    ----------
    dumps : mapping of str to path
        ``activations/{task}`` of every structure, in the order wanted.
    stimuli : mapping of str to path
        ``stimuli/{task}.parquet`` of the same tasks.
    verb : {"neither", "inside", "outside"}
        As in `lstm_units.analyses.syntax_units.dependency_span.dependency_places`.
    output : path
        Columns of `lstm_units.analyses.syntax_units.dependency_span.span_scores`; the metadata name structures and
        `verb`.

    Raises
    ------
    ConfigurationError
        If no structure is named, one has no words before the subject or after the verb, or the
        cell was not dumped.
    UserError
        If activations and stimuli do not belong together.
    """
    if not dumps:
        raise ConfigurationError(
            "syntax_units.structures names no task; write at least one, such as nounpp"
        )
    tables = [
        dependency_span(*open_structure(folder, stimuli[task]), verb=verb)
        for task, folder in dumps.items()
    ]
    table = span_scores(tables)
    metadata = lineage(
        [Path(folder) / INDEX for folder in dumps.values()],
        kind="dependency span",
        config={"structures": list(dumps), "verb": verb},
    )
    write_parquet(_arrow(table), output, metadata)


def open_structure(folder: str | Path, stimuli: str | Path) -> tuple[ActivationDump, AlignedItems]:
    """Open the activations of a task with its items.

    Parameters
    ----------
    folder : path
        ``activations/{task}``.
    stimuli : path
        ``stimuli/{task}.parquet``.

    Raises
    ------
    UserError
        If the activations were made from other stimuli.
    """
    dump = open_activations(folder)
    items = read_aligned_items(stimuli)
    found = scored_sha256({items.task: read_stimuli(stimuli)})
    if found != dump.metadata.get("stimuli_sha256"):
        raise UserError(
            f"{folder} was made from other stimuli than {stimuli}. Delete the folder {folder} and "
            "run the workflow again"
        )
    return dump, items


def _arrow(table: pd.DataFrame) -> pa.Table:
    types = {"layer": pa.int16(), "sign": pa.int8()}
    types |= dict.fromkeys(("auc", "auc_before", "auc_after", "score"), pa.float32())
    return pa.table(
        {
            "unit": unit_array(table["unit"].tolist()),
            "task": pa.Array.from_pandas(table["task"]),
            **{name: pa.array(table[name].to_numpy()).cast(kind) for name, kind in types.items()},
        }
    ).select(["unit", "layer", "task", "auc", "auc_before", "auc_after", "score", "sign"])
