"""Reading and writing the formats in which number-agreement stimuli are published."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from lstm_units.errors import StimuliError
from lstm_units.io.files import read_lines, sha256_file, write_text
from lstm_units.io.results import Result
from lstm_units.stimuli.delimited import join_fields, read_table, split_fields
from lstm_units.stimuli.format_checks import (
    VERB_FIRST,
    Faults,
    check_forms,
    check_verb,
    distinct,
    whole_number,
)
from lstm_units.stimuli.generation import describe_item, token_lemmas
from lstm_units.stimuli.language_tables import Language
from lstm_units.stimuli.lexicon import NUMBERS
from lstm_units.stimuli.nonce_sets import read_nonce
from lstm_units.stimuli.pair_columns import (
    PAIR_COLUMNS,
    PAIR_REQUIRED,
    pair_item,
    refuse_two_prefixes,
)
from lstm_units.stimuli.table import SCHEMA, check_stimuli, make_stimuli, stimuli_result
from lstm_units.stimuli.task_templates import LETTERS, TaskTemplate

_RELEASED = "sentence, number, correct or wrong, id"
_GOLD = "position of the verb (from 0), correct form, wrong form, number of attractors"

FORMATS = ("released", "linzen", "nonce", "minimal_pairs")


def read_test_set(
    format: str,
    file: str | Path,
    *,
    gold: str | Path | None = None,
    language: Language | None = None,
    template: str | None = None,
    on_duplicate: str = "error",
) -> pa.Table:
    """Read a test set of others.

    Parameters
    ----------
    format : str
        One of `FORMATS`.
    file : path
        For ``linzen`` the text file, for ``nonce`` the table or the text file.
    gold : path, optional
        For ``linzen`` and ``nonce``, see `read_linzen` and
        `lstm_units.stimuli.nonce_sets.read_nonce`.
    language, template : optional
        For ``released``, see `read_released`.
    on_duplicate : {"error", "drop"}
        What to do with a further item of the same full sentence and forms.

    Raises
    ------
    StimuliError
        If the format is another one, or the file does not have it; it names all faults of the
        file, or the first twenty and how many there are.
    """
    if format == "released":
        return read_released(file, language, template, on_duplicate)
    if format == "linzen":
        return read_linzen(file, gold, on_duplicate)
    if format == "nonce":
        return read_nonce(file, gold, on_duplicate)
    if format == "minimal_pairs":
        return read_minimal_pairs(file, on_duplicate)
    raise StimuliError(f"the format {format!r} is unknown; expected one of {', '.join(FORMATS)}")


def imported_stimuli(
    format: str,
    file: str | Path,
    *,
    task: str,
    template: str | None = None,
    on_duplicate: str = "error",
    **options: Any,
) -> Result:
    """Import a test set as the stimuli of a task; `options` are those of `read_test_set`."""
    table = read_test_set(format, file, template=template, on_duplicate=on_duplicate, **options)
    config = {"format": format, "file_sha256": sha256_file(file), "template": template}
    if on_duplicate != "error":
        config["on_duplicate"] = on_duplicate
    return stimuli_result("stimuli", task, table, config=config)


def read_released(
    path: str | Path,
    language: Language | None = None,
    task: str | None = None,
    on_duplicate: str = "error",
) -> pa.Table:
    """Read a file of the format that Lakretz et al. 2019 released.

    Each item has two tab-separated lines, with the correct and the wrong verb form: sentence (up
    to the verb), number (``singular``, ``singular_plural``, ...), ``correct`` or ``wrong``, id.

    Parameters
    ----------
    path : str or Path
    language : Language, optional
        Gives positions, lemmas, frames and the condition's letters of attractors whose number is
        fixed (the released namePP says ``singular`` where the condition is SS). Without it, what
        the file does not say is null.
    task : str, optional
        The task in `language` whose template the sentences have. By default the one task that
        fits every sentence; if none does, the file is read as without a language.
    on_duplicate : {"error", "drop"}
        As in `read_test_set`.

    Returns
    -------
    pyarrow.Table
        With further columns ``released_number`` and ``released_id``, and ``lemmas`` where known.

    Raises
    ------
    StimuliError
        If a line is malformed, an item's two lines do not belong together, an item occurs twice,
        or a sentence does not fit the template of `task`.
    """
    pairs = _released_pairs(path)
    template = None
    if language is not None:
        if task is not None:
            template = language.task(task)
        else:
            fitting = [t for t in language.tasks.values() if all(_fit(t, pair) for pair in pairs)]
            template = fitting[0] if len(fitting) == 1 else None
    faults = Faults(path)
    rows, lemmas = [], []
    for pair in pairs:
        fit = None if template is None else _fit(template, pair)
        if fit is not None:
            condition, named = fit
            tokens, wrong = pair["tokens"], pair["wrong"]
            rows.append(describe_item(template, condition, named, tokens, wrong, None))
            lemmas.append(token_lemmas(template, named, complete=False))
        elif template is None:
            rows.append(_released_row(pair))
        else:
            faults.found.append(
                f"line {pair['line']}: {' '.join(pair['tokens'])!r} ({pair['number']}) does not "
                f"fit the template of task {template.name} in {language.source}; add the missing "
                "words there, or import without `task`"
            )
    faults.refuse()
    if template is not None:
        frames = sorted({tuple(words) for words in lemmas})
        numbers = {frame: index for index, frame in enumerate(frames)}
        for row, words in zip(rows, lemmas, strict=True):
            row["frame"] = numbers[tuple(words)]
    lines = [f"lines {pair['line']} and {pair['wrong_line']}" for pair in pairs]
    keep = distinct(rows, lines, faults, on_duplicate)
    faults.refuse()
    extra: dict[str, Any] = {
        "released_number": pa.array([pairs[at]["number"] for at in keep], pa.string()),
        "released_id": pa.array([pairs[at]["id"] for at in keep], pa.string()),
    }
    if template is not None:
        extra["lemmas"] = pa.array([lemmas[at] for at in keep], pa.list_(pa.string()))
    table = make_stimuli([rows[at] for at in keep], extra)
    check_stimuli(table, str(path))
    return table


def write_released(table: pa.Table, path: str | Path) -> None:
    """Write stimuli in the format of the 2019 release: two lines per item, up to the verb.

    Tables that `read_released` made come out byte for byte as they were. Others get their numbers
    from the condition and the ids id1, id2, ...

    Parameters
    ----------
    table : pyarrow.Table
        With the columns of `stimuli.SCHEMA`.
    path : str or Path

    Raises
    ------
    StimuliError
        If a condition is not made of the letters S and P.
    """
    names = {letter: number for number, letter in LETTERS.items()}
    lines = []
    for row in table.to_pylist():
        number = row.get("released_number")
        if number is None:
            unknown = set(row["condition"]) - set(names)
            if unknown or not row["condition"]:
                raise StimuliError(
                    f"cannot write {path}: condition {row['condition']!r} of item {row['item']} "
                    "has no place in the 2019 format, which knows S, P, SS, SP, PS, PP and longer"
                )
            number = "_".join(names[letter] for letter in row["condition"])
        identity = row.get("released_id") or f"id{row['item'] + 1}"
        prefix = row["tokens"][: row["verb_position"]]
        for form, label in ((row["correct"], "correct"), (row["wrong"], "wrong")):
            lines.append(join_fields([" ".join([*prefix, form]), number, label, identity]))
    write_text("".join(f"{line}\n" for line in lines), path)


def read_linzen(text: str | Path, gold: str | Path, on_duplicate: str = "error") -> pa.Table:
    """Read a test set in the format of Gulordava et al. 2018, made from Linzen et al. 2016.

    Parameters
    ----------
    text : str or Path
        One sentence a line. Kept complete, with its ``<eos>``.
    gold : str or Path
        One line per sentence, tab-separated: 0-based position of the verb, correct form, wrong
        form, number of attractors.
    on_duplicate : {"error", "drop"}
        As in `read_test_set`.

    Returns
    -------
    pyarrow.Table
        The condition is the number of attractors. Forms stay as they are in `gold`: four of the
        published ones are capitalised (``Are`` for the sentence's ``are``), and the published
        accuracies compare those very words. Four others have the same form twice (``lie, lie``);
        they stay in and are never right, as in the published accuracies.

    Raises
    ------
    StimuliError
        If the files differ in length, a line is malformed, the word at the verb's position is
        another, or an item occurs twice.
    """
    sentences, golden = read_lines(text), read_lines(gold)
    if len(sentences) != len(golden):
        raise StimuliError(
            f"{text} has {len(sentences)} lines, but {gold} has {len(golden)}; expected one line "
            "in each for every sentence"
        )
    faults = Faults(gold)
    rows, places = [], []
    for line, (sentence, entry) in enumerate(zip(sentences, golden, strict=True), start=1):
        with faults.of(f"line {line}"):
            fields = _four_fields(entry, _GOLD)
            verb = whole_number(fields[0], "the position of the verb", 32767)
            attractors = whole_number(fields[3], "the number of attractors", 32767)
            row = {
                "tokens": sentence.split(),
                "verb_position": verb,
                "correct": fields[1],
                "wrong": fields[2],
                "condition": str(attractors),
                "n_attractors": attractors,
            }
            check_forms(row)
            check_verb(row, f"line {line} in {text}")
            rows.append(row)
            places.append(f"line {line}")
    keep = distinct(rows, places, faults, on_duplicate)
    faults.refuse()
    table = make_stimuli([rows[at] for at in keep])
    check_stimuli(table, str(text), same_forms=True)
    return table


def write_linzen(table: pa.Table, text: str | Path, gold: str | Path) -> None:
    """Write stimuli as a text and a gold file, see `read_linzen`.

    Parameters
    ----------
    table : pyarrow.Table
        With the columns of `stimuli.SCHEMA`.
    text, gold : str or Path
        Where to write the sentences and the verbs.

    Raises
    ------
    StimuliError
        If the number of attractors of an item is not known.
    """
    rows = table.select(SCHEMA.names).to_pylist()
    for row in rows:
        if row["n_attractors"] is None:
            raise StimuliError(
                f"cannot write {gold}: the number of attractors of item {row['item']} is not known"
            )
    write_text("".join(" ".join(row["tokens"]) + "\n" for row in rows), text)
    fields = ("verb_position", "correct", "wrong", "n_attractors")
    write_text("".join(join_fields([row[f] for f in fields]) + "\n" for row in rows), gold)


def read_minimal_pairs(path: str | Path, on_duplicate: str = "error") -> pa.Table:
    """Read minimal pairs from a table.

    Parameters
    ----------
    path : str or Path
        Separated by tabs, commas or semicolons, whichever its header is, with fields quoted as in
        CSV. ``prefix`` holds the words before the verb, separated by spaces; ``good`` and ``bad``
        the two forms, one word each; ``condition`` any name. Columns ``subject_position``,
        ``subject_number``, ``subject_lemma``, ``verb_lemma``, ``frame``, ``n_attractors``, and with
        an entry for each attractor, separated by spaces, ``attractor_positions``,
        ``attractor_numbers`` and ``attractor_lemmas`` fill the columns of that name; ``rest`` holds
        the words after the verb. Any other column is kept as text, ``item`` as ``item_in_file``.
    on_duplicate : {"error", "drop"}
        As in `read_test_set`.

    Raises
    ------
    StimuliError
        If a column is missing or reserved, or lines are malformed, have a position outside their
        sentence or repeat an item.
    """
    refuse_two_prefixes(path)
    faults = Faults(path)
    names, entries = read_table(path, PAIR_REQUIRED, PAIR_COLUMNS, faults)
    further = {name: name for name in names if name not in PAIR_COLUMNS}
    if "item" in further and "item_in_file" not in further:
        further["item"] = "item_in_file"
    reserved = [name for name in further.values() if name in (*SCHEMA.names, "lemmas")]
    if reserved:
        raise StimuliError(
            f"{path}, line 1: the name {reserved[0]!r} is used by the table of stimuli itself; "
            "rename the column"
        )
    if not entries and not faults.found:
        raise StimuliError(f"{path}: no items after the header; expected one line per item")
    rows, values, places = [], [], []
    for line, entry in entries:
        with faults.of(f"line {line}"):
            rows.append(pair_item(entry))
            values.append(entry)
            places.append(f"line {line}")
    keep = distinct(rows, places, faults, on_duplicate)
    faults.refuse()
    extra = {
        name: pa.array([values[at][column] for at in keep], pa.string())
        for column, name in further.items()
    }
    table = make_stimuli([rows[at] for at in keep], extra)
    check_stimuli(table, str(path))
    return table


def _four_fields(line: str, expected: str) -> list[str]:
    fields = split_fields(line)
    while len(fields) > 4 and not fields[-1]:
        fields.pop()
    if len(fields) != 4:
        raise StimuliError(f"{len(fields)} tab-separated fields, expected 4: {expected}")
    return fields


def _released_pairs(path: str | Path) -> list[dict[str, Any]]:
    faults = Faults(path)
    entries = []
    lines = [(n, text) for n, text in enumerate(read_lines(path), start=1) if text.strip()]
    for place, (line, content) in enumerate(lines):
        with faults.of(f"line {line}"):
            entries.append(_released_line(content, "wrong" if place % 2 else "correct", line))
    if len(lines) % 2:
        faults.found.append(f"line {lines[-1][0]}: the wrong line of this item is missing; add it")
    faults.refuse()
    pairs = []
    for correct, wrong in zip(entries[::2], entries[1::2], strict=True):
        same = all(correct[key] == wrong[key] for key in ("number", "id"))
        with faults.of(f"lines {correct['line']} and {wrong['line']}"):
            if not same or correct["tokens"][:-1] != wrong["tokens"][:-1]:
                raise StimuliError(
                    "expected one item, with the same number, id and words up to the verb; found "
                    f"{' '.join(correct['tokens'])!r} ({correct['number']}, {correct['id']}) and "
                    f"{' '.join(wrong['tokens'])!r} ({wrong['number']}, {wrong['id']})"
                )
            forms = {"correct": correct["tokens"][-1], "wrong": wrong["tokens"][-1]}
            check_forms(forms, different=True)
            pairs.append({**correct, "wrong": forms["wrong"], "wrong_line": wrong["line"]})
    faults.refuse()
    return pairs


def _released_line(content: str, wanted: str, line: int) -> dict[str, Any]:
    sentence, number, label, identity = _four_fields(content, _RELEASED)
    if label != wanted:
        raise StimuliError(
            f"the third field is {label!r}, expected {wanted!r}; the two lines of an item follow "
            "each other, the correct one first"
        )
    if not number or any(part not in NUMBERS for part in number.split("_")):
        raise StimuliError(
            f"the number is {number!r}, expected singular or plural, or several joined by _"
        )
    tokens = sentence.split()
    if len(tokens) < 2:
        raise StimuliError(f"the sentence {sentence!r} is its verb alone, but {VERB_FIRST}")
    return {"tokens": tokens, "number": number, "id": identity, "line": line}


def _fit(template: TaskTemplate, pair: Mapping[str, Any]) -> tuple[str, dict[str, str]] | None:
    """Find condition and lemmas of a released pair; attractors of fixed number may be unnamed."""
    varying = [slot.number == "varies" for slot in template.numbered_slots]
    letters = "".join(LETTERS[number] for number in pair["number"].split("_"))
    for condition in template.conditions:
        named = "".join(c for c, varies in zip(condition, varying, strict=True) if varies)
        if letters not in (condition, named):
            continue
        lemmas = template.parse(condition, pair["tokens"])
        if lemmas is not None:
            wrong = template.realise(condition, lemmas, complete=False)[1]
            return (condition, lemmas) if wrong == pair["wrong"] else None
    return None


def _released_row(pair: Mapping[str, Any]) -> dict[str, Any]:
    numbers = pair["number"].split("_")
    return {
        "tokens": pair["tokens"],
        "verb_position": len(pair["tokens"]) - 1,
        "correct": pair["tokens"][-1],
        "wrong": pair["wrong"],
        "condition": "".join(LETTERS[number] for number in numbers),
        "subject_number": numbers[0],
    }
