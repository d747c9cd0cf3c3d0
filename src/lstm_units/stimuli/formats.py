"""Reading and writing the formats in which number-agreement stimuli are published."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from lstm_units.errors import StimuliError
from lstm_units.io.files import read_lines, sha256_file, write_text
from lstm_units.io.results import Result
from lstm_units.stimuli.format_checks import (
    check_forms,
    check_verb,
    refuse_duplicates,
    whole_number,
)
from lstm_units.stimuli.generation import describe_item, token_lemmas
from lstm_units.stimuli.language_tables import Language
from lstm_units.stimuli.lexicon import NUMBERS
from lstm_units.stimuli.table import SCHEMA, check_stimuli, make_stimuli, stimuli_result
from lstm_units.stimuli.task_templates import LETTERS, TaskTemplate

_RELEASED = "sentence, number, correct or wrong, id"
_GOLD = "position of the verb (from 0), correct form, wrong form, number of attractors"
_PAIR_COLUMNS = ("prefix", "good", "bad", "condition")
_PAIR_STRINGS = ("subject_number", "subject_lemma", "verb_lemma")
_PAIR_INTEGERS = ("subject_position", "frame", "n_attractors")


FORMATS = ("released", "linzen", "minimal_pairs")


def read_test_set(
    format: str,
    file: str | Path,
    *,
    gold: str | Path | None = None,
    language: Language | None = None,
    template: str | None = None,
) -> pa.Table:
    """Read a test set of others.

    Parameters
    ----------
    format : str
        One of `FORMATS`.
    file : path
        For ``linzen`` the text file.
    gold : path, optional
        For ``linzen``, see `read_linzen`.
    language, template : optional
        For ``released``, see `read_released`.

    Raises
    ------
    StimuliError
        If the format is another one, or the file does not have it.
    """
    if format == "released":
        return read_released(file, language, template)
    if format == "linzen":
        return read_linzen(file, gold)
    if format == "minimal_pairs":
        return read_minimal_pairs(file)
    raise StimuliError(f"the format {format!r} is unknown; expected one of {', '.join(FORMATS)}")


def imported_stimuli(
    format: str, file: str | Path, *, task: str, template: str | None = None, **options: Any
) -> Result:
    """Import a test set as the stimuli of a task; `options` are those of `read_test_set`."""
    table = read_test_set(format, file, template=template, **options)
    config = {"format": format, "file_sha256": sha256_file(file), "template": template}
    return stimuli_result("stimuli", task, table, config=config)


def read_released(
    path: str | Path, language: Language | None = None, task: str | None = None
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
    rows, lemmas = [], []
    for pair in pairs:
        fit = None if template is None else _fit(template, pair)
        if fit is None and template is not None:
            raise StimuliError(
                f"{path}, line {pair['line']}: {' '.join(pair['tokens'])!r} ({pair['number']}) "
                f"does not fit the template of task {template.name} in {language.source}; add the "
                "missing words there, or import without `task`"
            )
        if fit is None:
            rows.append(_released_row(pair))
        else:
            condition, named = fit
            rows.append(
                describe_item(template, condition, named, pair["tokens"], pair["wrong"], None)
            )
            lemmas.append(token_lemmas(template, named, complete=False))
    if template is not None:
        frames = sorted({tuple(words) for words in lemmas})
        numbers = {frame: index for index, frame in enumerate(frames)}
        for row, words in zip(rows, lemmas, strict=True):
            row["frame"] = numbers[tuple(words)]
    lines = [f"lines {pair['line']} and {pair['line'] + 1}" for pair in pairs]
    refuse_duplicates(rows, lines, path)
    extra: dict[str, Any] = {
        "released_number": pa.array([pair["number"] for pair in pairs], pa.string()),
        "released_id": pa.array([pair["id"] for pair in pairs], pa.string()),
    }
    if template is not None:
        extra["lemmas"] = pa.array(lemmas, pa.list_(pa.string()))
    table = make_stimuli(rows, extra)
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
            lines.append("\t".join([" ".join([*prefix, form]), number, label, identity]))
    write_text("".join(f"{line}\n" for line in lines), path)


def read_linzen(text: str | Path, gold: str | Path) -> pa.Table:
    """Read a test set in the format of Gulordava et al. 2018, made from Linzen et al. 2016.

    Parameters
    ----------
    text : str or Path
        One sentence a line. Kept complete, with its ``<eos>``.
    gold : str or Path
        One line per sentence, tab-separated: 0-based position of the verb, correct form, wrong
        form, number of attractors.

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
    rows = []
    for line, (sentence, entry) in enumerate(zip(sentences, golden, strict=True), start=1):
        fields = entry.split("\t")
        if len(fields) != 4:
            raise StimuliError(
                f"{gold}, line {line}: {len(fields)} tab-separated fields, expected 4: {_GOLD}"
            )
        verb = whole_number(fields[0], gold, line, "the position of the verb", 32767)
        attractors = whole_number(fields[3], gold, line, "the number of attractors", 32767)
        row = {
            "tokens": sentence.split(),
            "verb_position": verb,
            "correct": fields[1],
            "wrong": fields[2],
            "condition": str(attractors),
            "n_attractors": attractors,
        }
        check_forms(row, gold, line)
        check_verb(row, text, line, gold)
        rows.append(row)
    refuse_duplicates(rows, [f"line {line}" for line in range(1, len(rows) + 1)], text)
    table = make_stimuli(rows)
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
    write_text("".join("\t".join(str(row[f]) for f in fields) + "\n" for row in rows), gold)


def read_minimal_pairs(path: str | Path) -> pa.Table:
    """Read minimal pairs from a table.

    Parameters
    ----------
    path : str or Path
        Tab-separated, with a header. ``prefix`` holds the words before the verb, separated by
        spaces; ``good`` and ``bad`` the two forms, one word each; ``condition`` any name. Columns
        ``subject_position``, ``subject_number``, ``subject_lemma``, ``verb_lemma``, ``frame`` and
        ``n_attractors`` fill the columns of that name; any other column is kept as text.

    Raises
    ------
    StimuliError
        If a column is missing or reserved, a line is malformed, a position is outside its
        sentence, or an item occurs twice.
    """
    lines = read_lines(path)
    header = lines[0].split("\t")
    missing = [name for name in _PAIR_COLUMNS if name not in header]
    if missing or len(set(header)) != len(header) or "" in header:
        raise StimuliError(
            f"{path}, line 1: the header is {', '.join(header)!r}; expected each of "
            f"{', '.join(_PAIR_COLUMNS)} once, separated by tabs, and any others with unique names"
        )
    own = (*_PAIR_COLUMNS, *_PAIR_STRINGS, *_PAIR_INTEGERS)
    further = [name for name in header if name not in own]
    reserved = [name for name in further if name in (*SCHEMA.names, "lemmas")]
    if reserved:
        raise StimuliError(
            f"{path}, line 1: the name {reserved[0]!r} is used by the table of stimuli itself; "
            "rename the column"
        )
    rows, values, numbers = [], [], []
    for line, content in enumerate(lines[1:], start=2):
        fields = content.split("\t")
        if len(fields) != len(header):
            raise StimuliError(
                f"{path}, line {line}: {len(fields)} tab-separated fields, but the header has "
                f"{len(header)}; leave a field empty rather than out"
            )
        entry = dict(zip(header, fields, strict=True))
        prefix = entry["prefix"].split()
        row: dict[str, Any] = {
            "tokens": [*prefix, entry["good"]],
            "verb_position": len(prefix),
            "correct": entry["good"],
            "wrong": entry["bad"],
            "condition": entry["condition"],
        }
        row |= {name: entry.get(name) or None for name in _PAIR_STRINGS}
        for name in _PAIR_INTEGERS:
            if entry.get(name):
                limit = 2**31 - 1 if name == "frame" else 32767
                row[name] = whole_number(entry[name], path, line, name, limit)
        _check_pair(row, path, line)
        rows.append(row)
        values.append([entry[name] for name in further])
        numbers.append(f"line {line}")
    if not rows:
        raise StimuliError(f"{path}: no items after the header; expected one line per item")
    refuse_duplicates(rows, numbers, path)
    extra = {
        name: pa.array([value[index] for value in values], pa.string())
        for index, name in enumerate(further)
    }
    table = make_stimuli(rows, extra)
    check_stimuli(table, str(path))
    return table


def _released_pairs(path: str | Path) -> list[dict[str, Any]]:
    entries = []
    for line, content in enumerate(read_lines(path), start=1):
        fields = content.split("\t")
        if len(fields) != 4:
            raise StimuliError(
                f"{path}, line {line}: {len(fields)} tab-separated fields, expected 4: {_RELEASED}"
            )
        sentence, number, label, identity = fields
        wanted = "correct" if line % 2 else "wrong"
        if label != wanted:
            raise StimuliError(
                f"{path}, line {line}: the third field is {label!r}, expected {wanted!r}; the two "
                "lines of an item follow each other, the correct one first"
            )
        if not number or any(part not in NUMBERS for part in number.split("_")):
            raise StimuliError(
                f"{path}, line {line}: the number is {number!r}, expected singular or plural, or "
                "several joined by _"
            )
        tokens = sentence.split()
        if len(tokens) < 2:
            raise StimuliError(
                f"{path}, line {line}: the sentence {sentence!r} has no word before its verb"
            )
        entries.append({"tokens": tokens, "number": number, "id": identity, "line": line})
    if len(entries) % 2:
        raise StimuliError(
            f"{path}, line {len(entries)}: the wrong line of this item is missing; add it"
        )
    pairs = []
    for correct, wrong in zip(entries[::2], entries[1::2], strict=True):
        same = all(correct[key] == wrong[key] for key in ("number", "id"))
        if not same or correct["tokens"][:-1] != wrong["tokens"][:-1]:
            raise StimuliError(
                f"{path}, lines {correct['line']} and {wrong['line']}: expected one item, with the "
                "same number, id and words up to the verb; "
                f"found {' '.join(correct['tokens'])!r} ({correct['number']}, {correct['id']}) and "
                f"{' '.join(wrong['tokens'])!r} ({wrong['number']}, {wrong['id']})"
            )
        pairs.append({**correct, "wrong": wrong["tokens"][-1]})
        check_forms(
            {"correct": correct["tokens"][-1], "wrong": wrong["tokens"][-1]},
            path,
            wrong["line"],
            different=True,
        )
    return pairs


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


def _check_pair(row: Mapping[str, Any], path: str | Path, line: int) -> None:
    check_forms(row, path, line, different=True)
    if row["verb_position"] < 1:
        raise StimuliError(f"{path}, line {line}: the prefix is empty; give the words before good")
    if not row["condition"]:
        raise StimuliError(f"{path}, line {line}: the condition is empty; give it a name")
    position = row.get("subject_position")
    if position is not None and position >= row["verb_position"]:
        raise StimuliError(
            f"{path}, line {line}: subject_position is {position}; expected 0 to "
            f"{row['verb_position'] - 1}, a word of the prefix (positions count from 0)"
        )
    if row.get("subject_number") not in (None, *NUMBERS):
        raise StimuliError(
            f"{path}, line {line}: subject_number is {row['subject_number']!r}; expected singular, "
            "plural or nothing"
        )
