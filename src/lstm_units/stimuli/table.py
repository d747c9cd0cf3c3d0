"""The table of stimuli that all else reads, its checks, and the context before each item."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lstm_units.errors import NotRun, StimuliError
from lstm_units.io.files import make_metadata, read_lines
from lstm_units.io.not_run import reason_not_run
from lstm_units.io.results import Result
from lstm_units.stimuli.format_checks import VERB_FIRST, Faults, distinct

SCHEMA = pa.schema(
    [
        pa.field("item", pa.int32(), nullable=False),
        pa.field("tokens", pa.list_(pa.string()), nullable=False),
        pa.field("subject_position", pa.int16()),
        pa.field("attractor_positions", pa.list_(pa.int16())),
        pa.field("verb_position", pa.int16(), nullable=False),
        pa.field("correct", pa.string(), nullable=False),
        pa.field("wrong", pa.string(), nullable=False),
        pa.field("condition", pa.dictionary(pa.int32(), pa.string()), nullable=False),
        pa.field("subject_number", pa.string()),
        pa.field("attractor_numbers", pa.list_(pa.string())),
        pa.field("subject_lemma", pa.string()),
        pa.field("attractor_lemmas", pa.list_(pa.string())),
        pa.field("verb_lemma", pa.string()),
        pa.field("frame", pa.int32()),
        pa.field("n_attractors", pa.int16()),
    ]
)
CONTEXT_CASES = ("true", "lower", "paper")


@dataclass(frozen=True)
class ScoredItems:
    """What the scores of a task depend on, and nothing else.

    Parameters
    ----------
    item : ndarray of int32, shape (items,)
        Item numbers; they have gaps when items were dropped.
    prefixes : tuple of tuple of str
        The words before the verb.
    correct, wrong : tuple of str
        The two verb forms that are compared.
    """

    item: np.ndarray
    prefixes: tuple[tuple[str, ...], ...]
    correct: tuple[str, ...]
    wrong: tuple[str, ...]
    condition: tuple[str, ...]


def make_stimuli(
    rows: Sequence[Mapping[str, Any]], extra: Mapping[str, Sequence[Any] | pa.Array] | None = None
) -> pa.Table:
    """Make a table of stimuli.

    Parameters
    ----------
    rows : sequence of mappings
        One per item, with keys of `SCHEMA`; a missing key is null, a missing ``item`` is the
        number of the row.
    extra : mapping of str to sequence or pyarrow.Array, optional
        Further columns, placed after those of the schema.
    """
    columns = {
        field.name: pa.array([row.get(field.name) for row in rows], field.type)
        for field in SCHEMA
        if field.name != "item"
    }
    numbers = [row.get("item", index) for index, row in enumerate(rows)]
    columns["item"] = pa.array(numbers, pa.int32())
    table = pa.table([columns[field.name] for field in SCHEMA], schema=SCHEMA)
    for name, values in (extra or {}).items():
        values = values if isinstance(values, pa.Array) else pa.array(values)
        table = table.append_column(name, values)
    return table


def check_stimuli(
    table: pa.Table, name: str, *, gaps: bool = False, same_forms: bool = False
) -> None:
    """Check that a table of stimuli can be scored.

    Parameters
    ----------
    table : pyarrow.Table
        With the columns of `SCHEMA`.
    name : str
        The task or file, for messages.
    gaps : bool, default False
        Whether item numbers may have gaps, as they do once items were dropped.
    same_forms : bool, default False
        Whether the correct and the wrong form may be the same. Four items of the published Linzen
        set are like that; a tie counts as wrong, so they are never right.

    Raises
    ------
    StimuliError
        If a column is missing or of another type, there are no items, items are not numbered
        0, 1, ..., a position lies outside its sentence, the word at the verb's position is not the
        correct form (but for upper and lower case), the forms are the same, or two items are the
        same full sentence with the same forms.
    """
    _check_columns(table, name)
    if table.num_rows == 0:
        raise StimuliError(f"{name}: no items; expected at least one")
    numbers = table["item"].to_pylist()
    for index, number in enumerate(numbers):
        previous = numbers[index - 1] if index else -1
        if number <= previous or (not gaps and number != index):
            raise StimuliError(
                f"{name}: row {index} holds item {number} after item {previous}; number the items "
                "0, 1, 2, ... in the order of the table"
            )
    faults = Faults(name)
    rows = table.select([field.name for field in SCHEMA]).to_pylist()
    places = [f"item {r['item']} ({' '.join(map(str, r['tokens'] or []))!r})" for r in rows]
    for row, place in zip(rows, places, strict=True):
        with faults.of(place):
            _check_item(row, same_forms)
    distinct(rows, places, faults, "error")
    faults.refuse()


def _check_columns(table: pa.Table, name: str) -> None:
    for index, field in enumerate(SCHEMA):
        found = table.schema.names[index] if index < table.num_columns else None
        if found != field.name:
            raise StimuliError(
                f"{name}: column {index} is {found!r}, expected {field.name!r}; the columns are "
                f"{', '.join(SCHEMA.names)}, then any others"
            )
        if table.schema.types[index] != field.type:
            raise StimuliError(
                f"{name}: column {field.name} has type {table.schema.types[index]}, expected "
                f"{field.type}"
            )
        if not field.nullable and table[index].null_count:
            raise StimuliError(f"{name}: column {field.name} has empty values; fill them in")


def _check_item(row: Mapping[str, Any], same_forms: bool) -> None:
    tokens, verb = row["tokens"], row["verb_position"]
    if not all(token and not token.isspace() for token in tokens):
        raise StimuliError("a token is empty; remove it")
    if verb == 0:
        raise StimuliError(f"the verb's position is 0, but {VERB_FIRST}")
    if not 1 <= verb < len(tokens):
        raise StimuliError(
            f"the verb's position is {verb}; expected 1 to {len(tokens) - 1} (positions count "
            "from 0)"
        )
    if tokens[verb].lower() != row["correct"].lower():
        raise StimuliError(
            f"word {verb} (counted from 0) is {tokens[verb]!r}, but the correct form is "
            f"{row['correct']!r}; correct the position or the form"
        )
    if row["correct"] == row["wrong"] and not same_forms:
        raise StimuliError(
            f"the correct and the wrong form are both {row['correct']!r}; give two "
            "different forms, or remove the item"
        )
    attractors = row["attractor_positions"] or []
    for word, position in (
        ("subject", row["subject_position"]),
        *(("attractor", a) for a in attractors),
    ):
        if position is not None and (not 0 <= position < len(tokens) or position == verb):
            raise StimuliError(
                f"the {word}'s position is {position}; expected 0 to {len(tokens) - 1}, "
                f"and not the verb's {verb}"
            )
    for key in ("attractor_positions", "attractor_numbers", "attractor_lemmas"):
        count = row["n_attractors"]
        if row[key] is not None and count is not None and len(row[key]) != count:
            raise StimuliError(f"{key} has {len(row[key])} entries, but n_attractors is {count}")
    for number in (row["subject_number"], *(row["attractor_numbers"] or [])):
        if number not in (None, "singular", "plural"):
            raise StimuliError(f"number is {number!r}; expected singular or plural")


def read_stimuli(path: str | Path) -> pa.Table:
    """Read a table of stimuli, and check it.

    Raises
    ------
    StimuliError
        If the file cannot be read or does not pass `check_stimuli`.
    NotRun
        If it says why there are no items.
    """
    reason = reason_not_run(Path(path))
    if reason:
        raise NotRun(reason)
    try:
        # One file, not a dataset: folder names such as layer=1 must not become columns.
        table = pq.ParquetFile(path).read()
    except (OSError, pa.ArrowException) as error:
        raise StimuliError(
            f"cannot read {path}: {error}. If the workflow made it, delete it and run the workflow "
            "again; otherwise give a table of stimuli"
        ) from error
    for index, name in enumerate(table.schema.names):
        if name in SCHEMA.names:
            wanted = SCHEMA.field(name)
            # Parquet forgets the width of dictionary indices and the names of list elements.
            table = table.set_column(index, wanted, table[index].cast(wanted.type))
    check_stimuli(table, str(path), gaps=True, same_forms=True)
    return table


def stimuli_result(kind: str, task: str, table: pa.Table, **fields: Any) -> Result:
    """Return stimuli of a task with their metadata: `fields`, and the hash of what is scored."""
    metadata = make_metadata(kind=kind, stimuli_sha256=scored_sha256({task: table}), **fields)
    return Result(table, metadata, f"the stimuli of {task}")


def scored_items(table: pa.Table) -> ScoredItems:
    """Return the part of a table of stimuli that scores depend on."""
    tokens, verbs = table["tokens"].to_pylist(), table["verb_position"].to_pylist()
    return ScoredItems(
        item=table["item"].to_numpy().astype(np.int32),
        prefixes=tuple(tuple(t[:v]) for t, v in zip(tokens, verbs, strict=True)),
        correct=tuple(table["correct"].to_pylist()),
        wrong=tuple(table["wrong"].to_pylist()),
        condition=tuple(table["condition"].to_pylist()),
    )


def scored_sha256(tables: Mapping[str, pa.Table]) -> str:
    """Hash what the scores of a group of tasks depend on.

    Parameters
    ----------
    tables : mapping of task to pyarrow.Table
        In the order in which the tasks are scored.

    Returns
    -------
    str
        Hexadecimal sha256 over the tasks and their items in order: number, words before the verb,
        correct and wrong form. Objects, lemmas and conditions do not enter.
    """
    digest = hashlib.sha256()
    for task, table in tables.items():
        digest.update(json.dumps(task).encode() + b"\n")
        items = scored_items(table)
        rows = zip(items.item.tolist(), items.prefixes, items.correct, items.wrong, strict=True)
        for row in rows:
            digest.update(json.dumps(row, ensure_ascii=False).encode() + b"\n")
    return digest.hexdigest()


def read_context_words(
    path: str | Path, case: str, ablated: bool = False, eos: str = "<eos>"
) -> list[str]:
    """Read the sentences that the network reads before each item.

    Parameters
    ----------
    path : str or Path
        Plain text, one sentence a line, words separated by spaces.
    case : {"true", "lower", "paper"}
        ``paper`` does what the released scripts of Lakretz et al. 2019 did: true case for
        ablated networks, lower case for the intact one (the Full column of their Table 2).
    ablated : bool, default False
        Whether the context is for an ablated network.
    eos : str
        The end-of-sentence symbol, added to each line that does not end with it.

    Raises
    ------
    StimuliError
        If the file is missing or empty, or `case` is unknown.
    """
    if case not in CONTEXT_CASES:
        raise StimuliError(
            f"context case {case!r} is unknown; expected one of {', '.join(CONTEXT_CASES)}"
        )
    lower = case == "lower" or (case == "paper" and not ablated)
    tokens: list[str] = []
    for line in read_lines(path):
        words = line.split()
        if words and words[-1] != eos:
            words.append(eos)
        # A symbol such as <UNK> is not a word: it keeps its case.
        tokens += [
            w.lower() if lower and not (w.startswith("<") and w.endswith(">")) else w for w in words
        ]
    return tokens
