"""The test sets of Gulordava et al. 2018: original sentences, and nonce ones of their structure.

Their project keeps them in two ways: a table ``generated.tab`` with a header and two lines for each
item, and a text file with a gold file of twelve columns without one. Both are read.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from lstm_units.errors import StimuliError
from lstm_units.io.files import read_lines
from lstm_units.stimuli.delimited import read_table
from lstm_units.stimuli.format_checks import VERB_FIRST, Faults, check_forms, distinct, whole_number
from lstm_units.stimuli.table import check_stimuli, make_stimuli

_KEPT = ("pattern", "constr_id", "sent_id")
NONCE_REQUIRED = (*_KEPT, "correct_number", "form", "class", "prefix")
_NUMBERS = {"sing": "singular", "plur": "plural"}
_FEATURES = {"Number=Sing": "singular", "Number=Plur": "plural"}
_CONDITIONS = ("original", "generated")
_GOLD = (
    "pattern, number of the construction, number of the sentence (0: original), position of the "
    "word (from 0), its part of speech, its features, correct form, wrong form, lemma, position of "
    "the word that it agrees with, its part of speech, the original sentence up to the word"
)


def read_nonce(
    file: str | Path, gold: str | Path | None = None, on_duplicate: str = "error"
) -> pa.Table:
    """Read a test set of Gulordava et al. 2018.

    Parameters
    ----------
    file : path
        The table, ``generated.tab``; with `gold` the text, one sentence a line.
    gold : path, optional
        Twelve fields for each sentence, separated by tabs, without a header.
    on_duplicate : {"error", "drop"}
        As in `lstm_units.stimuli.formats.read_test_set`.

    Returns
    -------
    pyarrow.Table
        The condition is ``original`` or ``generated``. The subject is the word that is agreed with;
        its position is given where it is a noun. The items of one construction are one frame.
        Further columns ``pattern, constr_id, sent_id``. The word at the verb's place is the correct
        form: in the texts of nonce sentences another one stands there, which is not scored. A few
        published items have the same form twice; they stay in and are never right.

    Raises
    ------
    StimuliError
        If a file does not have the format; it names all faults.
    """
    faults = Faults(file if gold is None else gold)
    found = list(_from_table(file, faults) if gold is None else _from_gold(file, gold, faults))
    frames: dict[tuple[str, str], int] = {}
    for _, row in found:
        row["frame"] = frames.setdefault((row["pattern"], row["constr_id"]), len(frames))
    keep = distinct([row for _, row in found], [place for place, _ in found], faults, on_duplicate)
    faults.refuse()
    rows = [found[at][1] for at in keep]
    table = make_stimuli(
        rows, {name: pa.array([row[name] for row in rows], pa.string()) for name in _KEPT}
    )
    check_stimuli(table, str(file), same_forms=True)
    return table


def _from_table(path: str | Path, faults: Faults) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield line and item of each pair of lines."""
    known = (*NONCE_REQUIRED, "type", "n_attr", "len_context", "sent")
    _, entries = read_table(path, NONCE_REQUIRED, known, faults)
    if not entries and not faults.found:
        raise StimuliError(f"{path}: no items after the header; expected two lines for each item")
    pairs: dict[tuple[str, ...], dict[str, tuple[int, Mapping[str, str]]]] = {}
    for line, entry in entries:
        with faults.of(f"line {line}"):
            pair = pairs.setdefault((*(entry[name] for name in _KEPT), entry["prefix"]), {})
            if entry["class"] not in ("correct", "wrong"):
                raise StimuliError(f"class is {entry['class']!r}; expected correct or wrong")
            if entry["class"] in pair:
                raise StimuliError(
                    f"the {entry['class']} form of this item stands in line "
                    f"{pair[entry['class']][0]} already; remove one of the two"
                )
            pair[entry["class"]] = (line, entry)
    for pair in pairs.values():
        line = min((line for line, _ in pair.values()), default=0)
        with faults.of(f"line {line}"):
            if set(pair) == {"correct", "wrong"}:
                yield f"line {line}", _table_item(pair["correct"][1], pair["wrong"][1]["form"])
            elif pair:
                raise StimuliError("the other form of this item is missing; expected a line for it")


def _table_item(entry: Mapping[str, str], wrong: str) -> dict[str, Any]:
    prefix, sentence = entry["prefix"].split(), entry.get("sent", "").split()
    if sentence:
        # In the prefixes stands <unk> for what their vocabulary lacks; here the model decides.
        same = zip(prefix, sentence, strict=False)
        if len(sentence) <= len(prefix) or any(a not in ("<unk>", b) for a, b in same):
            raise StimuliError("sent does not begin with the words of prefix; correct one of them")
        prefix = sentence[: len(prefix)]
    number = _NUMBERS.get(entry["correct_number"])
    if number is None:
        raise StimuliError(f"correct_number is {entry['correct_number']!r}; expected sing or plur")
    cue = None
    if entry.get("len_context"):
        cue = len(prefix) - whole_number(entry["len_context"], "len_context", len(prefix))
    row = _item(prefix, sentence[len(prefix) + 1 :], entry["form"], wrong, number, cue, entry)
    if entry.get("n_attr"):
        row["n_attractors"] = whole_number(entry["n_attr"], "n_attr", 32767)
    return row


def _from_gold(
    text: str | Path, gold: str | Path, faults: Faults
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield line and item of each sentence."""
    sentences, golden = read_lines(text), read_lines(gold)
    if len(sentences) != len(golden):
        raise StimuliError(
            f"{text} has {len(sentences)} lines, but {gold} has {len(golden)}; expected one line "
            "in each for every sentence"
        )
    for line, (sentence, content) in enumerate(zip(sentences, golden, strict=True), start=1):
        with faults.of(f"line {line}"):
            fields = content.split("\t")
            if len(fields) != 12:
                raise StimuliError(f"{len(fields)} tab-separated fields, expected 12: {_GOLD}")
            words = sentence.split()
            verb = whole_number(fields[3], "the position of the word", 32767)
            if not verb:
                raise StimuliError(f"the position of the word is 0, but {VERB_FIRST}")
            if verb >= len(words):
                raise StimuliError(
                    f"the position of the word is {verb}; expected 1 to {len(words) - 1} for the "
                    f"{len(words)} words of line {line} in {text} (positions count from 0)"
                )
            cue = whole_number(fields[9], "the position of the word that it agrees with", verb - 1)
            number = next((_FEATURES[f] for f in fields[5].split("|") if f in _FEATURES), None)
            entry = dict(zip(_KEPT, fields, strict=False))
            row = _item(words[:verb], words[verb + 1 :], fields[6], fields[7], number, cue, entry)
            yield f"line {line}", row | {"verb_lemma": fields[8] or None}


def _item(
    prefix: list[str],
    rest: list[str],
    correct: str,
    wrong: str,
    number: str | None,
    cue: int | None,
    entry: Mapping[str, str],
) -> dict[str, Any]:
    kind = entry.get("type") or _CONDITIONS[entry["sent_id"] != "0"]
    if kind not in _CONDITIONS:
        raise StimuliError(f"type is {kind!r}; expected {' or '.join(_CONDITIONS)}")
    # L__NOUN_VERB_VERB, L!NOUN_VERB_VERB!...: the parts of speech from what is agreed with on.
    to_noun = re.match(r"[LR](__|!)NOUN", entry["pattern"])
    row = {
        "tokens": [*prefix, correct, *rest],
        "verb_position": len(prefix),
        "correct": correct,
        "wrong": wrong,
        "condition": kind,
        "subject_number": number,
        "subject_position": cue if to_noun else None,
        **{name: entry[name] for name in _KEPT},
    }
    check_forms(row)
    if not prefix:
        raise StimuliError(f"the prefix is empty, but {VERB_FIRST}")
    return row
