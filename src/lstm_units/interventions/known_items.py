"""Which items of a task a model can be asked about: those whose words it knows."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from lstm_units.errors import NotRun, StimuliError, UserError
from lstm_units.io.results import Result
from lstm_units.io.wording import percent, words_listed
from lstm_units.models.vocabulary import Vocabulary
from lstm_units.stimuli.table import scored_items, stimuli_result

log = logging.getLogger(__name__)

_MOST_FREQUENT = 20
_LISTED_IN_ERROR = 30


def known_items(
    stimuli: pa.Table,
    vocabulary: Vocabulary,
    checkpoint_sha256: str,
    *,
    task: str,
    generated: bool,
    on_unknown_form: str,
) -> tuple[Result, Result]:
    """Return the items of a task whose forms a model knows, and the report, as results.

    See `select_known_items`.
    """
    kept, report = select_known_items(stimuli, vocabulary, task, generated, on_unknown_form)
    result = stimuli_result(
        "known items",
        task,
        kept,
        config={"on_unknown_form": on_unknown_form},
        checkpoint_sha256=checkpoint_sha256,
    )
    return result, Result(report, result.metadata, f"the report of {task}")


def select_known_items(
    table: pa.Table, vocabulary: Vocabulary, task: str, generated: bool, on_unknown_form: str
) -> tuple[pa.Table, dict[str, Any]]:
    """Keep the items whose two verb forms the model knows, and report what it does not know.

    The symbols for unknown words and ends of sentences are no verb forms. The log says what is left
    out, and which words before the verbs are read as the unknown-word symbol.

    Parameters
    ----------
    table : pyarrow.Table
        Stimuli of one task.
    vocabulary : Vocabulary
        The words of the model.
    generated : bool
        Whether the items were generated from tables. Then every word up to the verb must be
        known, since the tables can be changed. In imported text, unknown words before the verb
        are read as the unknown-word symbol and counted.
    on_unknown_form : {"drop", "error"}
        What to do with imported items of which a form is unknown.

    Returns
    -------
    kept : pyarrow.Table
        Items keep their numbers, so the numbers may have gaps.
    report : dict
        ``task, n_items, n_kept, dropped`` (item, correct, wrong, unknown),
        ``same_forms`` (items that compare a word with itself),
        ``unknown_before_verb`` (tokens, types, share of all tokens there, the most frequent),
        ``unknown_after_verb`` (the same, after the verb).

    Raises
    ------
    StimuliError
        If a generated task has some unknown words, or a form is unknown and `on_unknown_form` is
        ``"error"``.
    NotRun
        If no item remains.
    """
    if on_unknown_form not in ("drop", "error"):
        raise StimuliError(f"on_unknown_form is {on_unknown_form!r}; expected drop or error")
    items = scored_items(table)
    dropped = []
    keep = []
    for number, correct, wrong in zip(items.item.tolist(), items.correct, items.wrong, strict=True):
        unknown = [
            form for form in dict.fromkeys((correct, wrong)) if not vocabulary.has_form(form)
        ]
        keep.append(not unknown)
        if unknown:
            dropped.append({"item": number, "correct": correct, "wrong": wrong, "unknown": unknown})
    forms = {form for entry in dropped for form in entry["unknown"]}
    if generated:
        before = {w for prefix in items.prefixes for w in prefix if w not in vocabulary}
        if before | forms and any(keep):
            raise StimuliError(
                f"task {task}: the vocabulary of the model lacks {_listed(before | forms)}; "
                "remove these words from the language tables, or give a model that knows them"
            )
    elif forms and on_unknown_form == "error":
        raise StimuliError(
            f"task {task}: {len(dropped)} of {table.num_rows} items have verb forms that the model "
            f"does not know: {_listed(forms)}; remove these items, or have "
            "them dropped"
        )
    kept = table.filter(pa.array(keep, pa.bool_()))
    if kept.num_rows == 0:
        raise NotRun(
            f"the model knows both verb forms of none of the {table.num_rows} items of {task}; it "
            f"lacks {_listed(forms, 6)}"
        )
    remaining = scored_items(kept)
    after = [
        tokens[verb + 1 :]
        for tokens, verb in zip(
            kept["tokens"].to_pylist(), kept["verb_position"].to_pylist(), strict=True
        )
    ]
    pairs = zip(remaining.item.tolist(), remaining.correct, remaining.wrong, strict=True)
    report = {
        "task": task,
        "n_items": table.num_rows,
        "n_kept": kept.num_rows,
        "dropped": dropped,
        "same_forms": [number for number, correct, wrong in pairs if correct == wrong],
        "unknown_before_verb": _count_unknown(remaining.prefixes, vocabulary),
        "unknown_after_verb": _count_unknown(after, vocabulary),
    }
    _say(report, vocabulary.unk)
    return kept, report


def forms_left_out(report: Mapping[str, Any]) -> str:
    """Return a report's unknown verb forms, each with the number of items that it costs."""
    return words_listed(Counter(form for entry in report["dropped"] for form in entry["unknown"]))


def _say(report: Mapping[str, Any], unk: str) -> None:
    if report["dropped"]:
        log.warning(
            "%s: left out are %d of %d items, whose verb forms the model does not know: %s",
            report["task"],
            len(report["dropped"]),
            report["n_items"],
            forms_left_out(report),
        )
    before = report["unknown_before_verb"]
    if before["tokens"]:
        log.info(
            "%s: read as %s are %d of the words before the verbs (%s): %s",
            report["task"],
            unk,
            before["tokens"],
            percent(before["share"]),
            words_listed({e["word"]: e["count"] for e in before["most_frequent"]}),
        )


def require_known_forms(stimuli: Mapping[str, pa.Table], vocabulary: Vocabulary) -> None:
    """Refuse stimuli, by task, with a verb form that the model does not know.

    Raises
    ------
    UserError
        It names the forms.
    """
    for task, table in stimuli.items():
        forms = {w for name in ("correct", "wrong") for w in table[name].to_pylist()}
        unknown = sorted(form for form in forms if not vocabulary.has_form(form))
        if unknown:
            raise UserError(
                f"the model does not know the verb forms {words_listed(unknown, 10)} of {task}; "
                "leave these items out, as known_items does"
            )


def _count_unknown(sentences: Sequence[Sequence[str]], vocabulary: Vocabulary) -> dict[str, Any]:
    # The unknown-word symbol in a text stands for a word that was unknown before.
    counts = Counter(w for s in sentences for w in s if w not in vocabulary or w == vocabulary.unk)
    total = sum(len(sentence) for sentence in sentences)
    ordered = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
    return {
        "tokens": counts.total(),
        "types": len(counts),
        "share": counts.total() / total if total else 0.0,
        "most_frequent": [{"word": w, "count": n} for w, n in ordered[:_MOST_FREQUENT]],
    }


def _listed(words: set[str], most: int = _LISTED_IN_ERROR) -> str:
    return words_listed(sorted(words), most)
