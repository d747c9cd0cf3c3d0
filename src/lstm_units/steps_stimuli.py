"""The steps of an experiment that make stimuli: from tables and test sets to Parquet files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from lstm_units.balance import balance_table, require_balance
from lstm_units.checkpoints import read_vocabulary
from lstm_units.files import make_metadata, read_json, sha256_file, write_json, write_text
from lstm_units.generation import generate
from lstm_units.language_tables import read_language
from lstm_units.stimuli import read_stimuli, scored_sha256, write_stimuli
from lstm_units.stimuli_formats import read_linzen, read_minimal_pairs, read_released
from lstm_units.vocabulary_check import select_known_items


def write_generated(
    language: str | Path,
    template: str,
    items_per_condition: int | str,
    matched: bool,
    seed: int,
    output: str | Path,
) -> None:
    """Generate a task from the tables of a language."""
    table = generate(read_language(language), template, items_per_condition, matched, seed)
    config = {
        "template": template,
        "items_per_condition": items_per_condition,
        "matched": matched,
        "lexicon_sha256": sha256_file(Path(language) / "lexicon.tsv"),
        "tasks_sha256": sha256_file(Path(language) / "tasks.yaml"),
    }
    write_stimuli(table, output, _metadata("stimuli", output, table, config=config, seed=seed))


def write_imported(
    source_format: str,
    file: str | Path,
    output: str | Path,
    gold: str | Path | None = None,
    language: str | Path | None = None,
    template: str | None = None,
) -> None:
    """Import a test set: ``released``, ``linzen`` or ``minimal_pairs``."""
    if source_format == "released":
        table = read_released(file, read_language(language) if language else None, template)
    elif source_format == "linzen":
        table = read_linzen(file, gold)
    elif source_format == "minimal_pairs":
        table = read_minimal_pairs(file)
    else:
        raise ValueError(f"unknown format {source_format!r}")
    config = {"format": source_format, "file_sha256": sha256_file(file), "template": template}
    write_stimuli(table, output, _metadata("stimuli", output, table, config=config))


def write_balance(
    stimuli_by_task: Mapping[str, str | Path],
    generated: Mapping[str, bool],
    tolerance: float,
    significance: float,
    output: str | Path,
) -> None:
    """Count words per condition in every task; refuse a generated task that is not balanced.

    Imported tasks are counted, not refused: they are as their authors made them.
    """
    parts = []
    for task, path in stimuli_by_task.items():
        table = read_stimuli(path)
        if generated[task]:
            counts = require_balance(table, task, tolerance, significance)
        else:
            counts = balance_table(table, expectation="conditions")
        parts.append(counts.assign(task=task))
    counts = pd.concat(parts, ignore_index=True)
    counts = counts[["task", *(c for c in counts.columns if c != "task")]]
    write_text(counts.to_csv(index=False, float_format="%.6g", lineterminator="\n"), output)


def write_known_items(
    stimuli: str | Path,
    checkpoint: str | Path,
    generated: bool,
    on_unknown_form: str,
    output: str | Path,
    report: str | Path,
) -> None:
    """Keep the items of a task whose forms a model knows, and report the words it does not know."""
    description = read_json(Path(checkpoint) / "model.json")
    vocabulary = read_vocabulary(
        Path(checkpoint) / "vocab.txt", description["unk"], description["eos"]
    )
    task = Path(output).stem
    table, found = select_known_items(
        read_stimuli(stimuli), vocabulary, task, generated, on_unknown_form
    )
    metadata = _metadata(
        "known items",
        output,
        table,
        config={"on_unknown_form": on_unknown_form},
        checkpoint_sha256=description["sha256"],
    )
    write_stimuli(table, output, metadata)
    write_json(found, report, metadata)


def _metadata(kind: str, output: str | Path, table: pa.Table, **fields: Any) -> dict[str, Any]:
    stimuli_sha256 = scored_sha256({Path(output).stem: table})
    return make_metadata(kind=kind, stimuli_sha256=stimuli_sha256, **fields)
