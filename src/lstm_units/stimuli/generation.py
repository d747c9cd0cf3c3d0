"""Making the items of an agreement task from the tables of a language."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from lstm_units.errors import StimuliError
from lstm_units.io.results import Result
from lstm_units.io.seeds import seed_stream
from lstm_units.stimuli.frame_sampling import Frame, balanced_column, count_frames, sample_frames
from lstm_units.stimuli.language_tables import Language
from lstm_units.stimuli.lexicon import NUMBERS
from lstm_units.stimuli.table import check_stimuli, make_stimuli, stimuli_result
from lstm_units.stimuli.task_templates import LETTERS, Slot, TaskTemplate

ALL = "all"


def possible_items(language: Language, task: str) -> int:
    """Count the items per condition that a task can have, objects not counted.

    Parameters
    ----------
    task : str
        Its name in tasks.yaml.

    Raises
    ------
    StimuliError
        If the task does not exist.
    """
    slots = language.task(task).slots
    return count_frames([s.pool for s in slots], [s.may_repeat for s in slots])


def generate(
    language: Language, task: str, items_per_condition: int | str, matched: bool, seed: int
) -> pa.Table:
    """Generate the items of a task.

    The words before and at the verb are drawn by `frame_sampling.sample_frames`: without
    replacement, and with each lemma of a slot about equally often in each condition. The words
    after the verb come from a stream of their own, so changing them changes nothing before the
    verb. Streams are named by the task, so adding a task changes no other.

    Parameters
    ----------
    task : str
        Its name in tasks.yaml.
    items_per_condition : int or "all"
        ``"all"`` makes every possible item.
    matched : bool
        Whether all conditions have the same lexical frames (the design that Lakretz et al. 2019,
        Section 3.1, describe) or each draws its own (as in the files they released).
    seed : int
        0 or more.

    Returns
    -------
    pyarrow.Table
        With the columns of `stimuli.SCHEMA` and ``lemmas``, the lemma of each token. Items are
        sorted by condition, then by ``frame``, which numbers the frames from 0 in the order of
        their lemmas; the same frame has the same number in every condition.

    Raises
    ------
    StimuliError
        If the task does not exist, more items are wanted than are possible, the lexicon lacks a
        form, or the conditions of a frame cannot be told apart.
    """
    template = language.task(task)
    size = _size(language, task, items_per_condition)
    pools = [slot.pool for slot in template.slots]
    repeat = [slot.may_repeat for slot in template.slots]
    streams = [ALL] if matched else list(template.conditions)
    frames, endings = {}, {}
    for stream in streams:
        try:
            frames[stream] = sample_frames(
                pools, repeat, size, seed_stream(seed, task, "frames", stream)
            )
        except StimuliError as error:
            raise StimuliError(f"task {task}, items per condition: {error}") from error
        endings[stream] = _endings(
            template, frames[stream], seed_stream(seed, task, "ending", stream)
        )
    distinct = sorted({frame for sampled in frames.values() for frame in sampled})
    number = {frame: index for index, frame in enumerate(distinct)}
    rows, lemmas = [], []
    for condition in template.conditions:
        stream = ALL if matched else condition
        pairs = zip(frames[stream], endings[stream], strict=True)
        for frame, ending in sorted(pairs, key=lambda pair: number[pair[0]]):
            named = {**name_lemmas(template.slots, frame), **ending}
            tokens, wrong = template.realise(condition, named)
            rows.append(describe_item(template, condition, named, tokens, wrong, number[frame]))
            lemmas.append(token_lemmas(template, named, complete=True))
    _check_distinct(rows, template)
    table = make_stimuli(rows, {"lemmas": pa.array(lemmas, pa.list_(pa.string()))})
    check_stimuli(table, f"task {task}")
    return table


def generated_stimuli(
    language: Language,
    template: str,
    *,
    task: str,
    items_per_condition: int | str,
    matched: bool,
    seed: int,
) -> Result:
    """Generate the stimuli of a task, see `generate`; `task` is its name here, `template` there."""
    table = generate(language, template, items_per_condition, matched, seed)
    config = {
        "template": template,
        "items_per_condition": items_per_condition,
        "matched": matched,
        **language.hashes,
    }
    return stimuli_result("stimuli", task, table, config=config, seed=seed)


def name_lemmas(slots: Sequence[Slot], frame: Frame) -> dict[str, str]:
    """Return the lemma of each slot by the slot's name.

    Parameters
    ----------
    frame : tuple of str
        One lemma per slot, in the same order.
    """
    return dict(zip((slot.name for slot in slots), frame, strict=True))


def token_lemmas(template: TaskTemplate, lemmas: Mapping[str, str], *, complete: bool) -> list[str]:
    """Return the lemma of each token; a fixed token is its own.

    Parameters
    ----------
    lemmas : mapping of str to str
        Lemma of each slot by its name; with `complete`, those of the ending too.
    complete : bool
        Whether to go on after the verb.
    """
    parts = (*template.template, *template.ending) if complete else template.template
    return [lemmas[part.name] if isinstance(part, Slot) else part for part in parts]


def describe_item(
    template: TaskTemplate,
    condition: str,
    lemmas: Mapping[str, str],
    tokens: Sequence[str],
    wrong: str,
    frame: int | None,
) -> dict[str, Any]:
    """Return the row of `stimuli.SCHEMA` for an item whose words are known.

    Parameters
    ----------
    condition : str
        One letter (S, P) for the subject and for each attractor.
    lemmas : mapping of str to str
        Lemma of each slot by its name.
    tokens : sequence of str
        The sentence, up to its verb at least.
    wrong : str
        The verb's form for the other number.
    frame : int or None
        Number of the lexical frame; None where it is not known.

    Returns
    -------
    dict
        All columns but the item's number.
    """
    subject, *attractors = template.numbered_slots
    letters = {letter: number for number, letter in LETTERS.items()}
    verb = template.verb_position
    return {
        "tokens": list(tokens),
        "subject_position": template.position(subject),
        "attractor_positions": [template.position(slot) for slot in attractors],
        "verb_position": verb,
        "correct": tokens[verb],
        "wrong": wrong,
        "condition": condition,
        "subject_number": letters[condition[0]],
        "attractor_numbers": [letters[letter] for letter in condition[1:]],
        "subject_lemma": lemmas["subject"],
        "attractor_lemmas": [lemmas[slot.name] for slot in attractors],
        "verb_lemma": lemmas["verb"],
        "frame": frame,
        "n_attractors": len(attractors),
    }


def _size(language: Language, task: str, items_per_condition: int | str) -> int:
    possible = possible_items(language, task)
    if items_per_condition == ALL:
        return possible
    wanted = items_per_condition
    if not isinstance(wanted, int) or isinstance(wanted, bool) or wanted < 1:
        raise StimuliError(
            f"task {task}: items_per_condition is {wanted!r}; expected a whole number from 1 to "
            f"{possible}, or all"
        )
    if wanted > possible:
        raise StimuliError(
            f"task {task}: items_per_condition is {wanted}, but {possible} different items are "
            f"possible in each condition; give {possible} or less, or all, or add words to "
            f"{language.lexicon.source}"
        )
    return wanted


def _endings(
    template: TaskTemplate, frames: Sequence[Frame], generator: np.random.Generator
) -> list[dict[str, str]]:
    """Draw the words after the verb: balanced, and none whose stem is in the sentence already."""
    slots = template.ending_slots
    bound = [slot for slot, s in enumerate(template.slots) if not s.may_repeat]
    used = [{frame[slot] for slot in bound} for frame in frames]
    endings: list[dict[str, str]] = [{} for _ in frames]
    for slot in slots:
        column = balanced_column(slot.pool, len(frames), generator)
        if not slot.may_repeat:
            _separate(column, used, slot, template, generator)
        for ending, words, lemma in zip(endings, used, column, strict=True):
            ending[slot.name] = lemma
            if not slot.may_repeat:
                words.add(lemma)
    return endings


def _separate(
    column: list[str],
    used: Sequence[set[str]],
    slot: Slot,
    template: TaskTemplate,
    generator: np.random.Generator,
) -> None:
    """Exchange words between rows, in place, until no row repeats a stem."""
    for row in range(len(column)):
        if column[row] not in used[row]:
            continue
        for other in generator.permutation(len(column)).tolist():
            if column[other] not in used[row] and column[row] not in used[other]:
                column[row], column[other] = column[other], column[row]
                break
        else:
            free = [lemma for lemma in slot.pool if lemma not in used[row]]
            if not free:
                raise StimuliError(
                    f"task {template.name}, slot {slot.name}: all its words occur earlier in the "
                    f"sentence ({', '.join(slot.pool)}); add words to {template.lexicon.source}"
                )
            column[row] = free[int(generator.integers(len(free)))]


def _check_distinct(rows: Sequence[Mapping[str, Any]], template: TaskTemplate) -> None:
    """Refuse words whose forms hide the number that sets conditions apart."""
    seen: dict[tuple, Mapping[str, Any]] = {}
    for row in rows:
        key = (*row["tokens"][: row["verb_position"]], *sorted((row["correct"], row["wrong"])))
        if key in seen:
            first = seen[key]
            raise StimuliError(
                f"task {template.name}: {' '.join(key[:-2])!r} stands for conditions "
                f"{first['condition']} and {row['condition']}, because a form is the same for "
                f"{' and '.join(NUMBERS)}; leave that word out, or mark its number elsewhere, for "
                "example on a determiner"
            )
        seen[key] = row
