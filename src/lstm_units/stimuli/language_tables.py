"""Reading the tables of a language: its words and its tasks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

import jsonschema

from lstm_units.config.yaml_files import read_yaml
from lstm_units.errors import ConfigurationError, StimuliError
from lstm_units.io.files import sha256_file
from lstm_units.stimuli.lexicon import NUMBERS, Lexicon, read_lexicon, unknown_lemmas
from lstm_units.stimuli.task_templates import LETTERS, Slot, TaskTemplate

_STRINGS = {"type": "array", "items": {"type": "string"}, "minItems": 1, "uniqueItems": True}
_SLOT_SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["category"],
    "properties": {
        "category": {"type": "string"},
        "lemmas": _STRINGS,
        "number": {"enum": ["varies", *NUMBERS]},
        "agrees_with": {"type": "string"},
        "agrees_in": _STRINGS,
        "features": {"type": "object", "additionalProperties": {"type": "string"}},
        "capitalise": {"type": "boolean"},
        "may_repeat": {"type": "boolean"},
    },
}
_TASK_SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["label", "template", "ending", "slots"],
    "properties": {
        "label": {"type": "string"},
        "template": {"type": "string"},
        "ending": {"type": "string"},
        "conditions": _STRINGS,
        "slots": {"type": "object", "additionalProperties": _SLOT_SCHEMA},
    },
}


@dataclass(frozen=True)
class Language:
    """A lexicon and the tasks that draw on it.

    Parameters
    ----------
    tasks : mapping of str to TaskTemplate
    source : str
        The folder, for messages.
    hashes : mapping of str to str
        ``lexicon_sha256`` and ``tasks_sha256``, of its files.
    """

    lexicon: Lexicon
    tasks: Mapping[str, TaskTemplate]
    source: str = "language"
    hashes: Mapping[str, str] = field(default_factory=dict)

    def task(self, name: str) -> TaskTemplate:
        """Return a task by its name; an unknown one is a `StimuliError` that lists the known."""
        if name not in self.tasks:
            raise StimuliError(
                f"{self.source} has no task {name!r}; it has {', '.join(sorted(self.tasks))}. Add "
                "the task to tasks.yaml there"
            )
        return self.tasks[name]


def read_language(folder: str | Path) -> Language:
    """Read the tables of a language.

    Parameters
    ----------
    folder : str or Path
        Holds ``lexicon.tsv`` (see `read_lexicon`) and ``tasks.yaml`` (see
        docs/your-own-stimuli.md).

    Raises
    ------
    StimuliError
        If a file cannot be read, a key is unknown or wrong, or a slot does not fit the lexicon.
    """
    folder = Path(folder)
    lexicon = read_lexicon(folder / "lexicon.tsv")
    path = folder / "tasks.yaml"
    try:
        content = read_yaml(path)
    except OSError as error:
        raise StimuliError(
            f"cannot read {path}: {error.strerror or error}; a language is a folder with "
            "lexicon.tsv and tasks.yaml"
        ) from error
    except ConfigurationError as error:
        raise StimuliError(str(error)) from error
    schema = {"type": "object", "minProperties": 1, "additionalProperties": _TASK_SCHEMA}
    error = jsonschema.exceptions.best_match(
        jsonschema.Draft202012Validator(schema).iter_errors(content)
    )
    if error is not None:
        where = ".".join(map(str, error.absolute_path)) or "the file"
        raise StimuliError(
            f"{path}: {where}: {error.message}. docs/your-own-stimuli.md lists the keys; put "
            "words such as no, on, yes in quotes"
        )
    tasks = {
        name: _make_task(name, task, lexicon, f"{path}, task {name}")
        for name, task in content.items()
    }
    hashes = {
        "lexicon_sha256": sha256_file(folder / "lexicon.tsv"),
        "tasks_sha256": sha256_file(path),
    }
    return Language(lexicon, tasks, str(folder), hashes)


def _make_task(name: str, task: Mapping[str, Any], lexicon: Lexicon, where: str) -> TaskTemplate:
    slots = {
        slot: _make_slot(slot, keys, lexicon, f"{where}, slot {slot}")
        for slot, keys in task["slots"].items()
    }
    template = _split(task["template"], slots, f"{where}, template")
    ending = _split(task["ending"], slots, f"{where}, ending")
    used = [part.name for part in (*template, *ending) if isinstance(part, Slot)]
    for slot in slots:
        if used.count(slot) != 1:
            raise StimuliError(
                f"{where}: slot {slot} occurs {used.count(slot)} times in template and ending; "
                "expected once (give a second place its own slot, of the same category)"
            )
    last = template[-1] if template else None
    if not (isinstance(last, Slot) and last.name == "verb") or len(template) < 2:
        raise StimuliError(f"{where}: the template must end with {{verb}}, after other words")
    if last.agrees_with != "subject":
        raise StimuliError(f"{where}, slot verb: expected `agrees_with: subject`")
    if "subject" not in [part.name for part in template if isinstance(part, Slot)]:
        raise StimuliError(f"{where}: the template has no {{subject}}")
    _check_agreement(slots, template, where)
    made = TaskTemplate(name, task["label"], template, ending, (), lexicon)
    options = [
        NUMBERS if slot.number == "varies" else (slot.number,) for slot in made.numbered_slots
    ]
    possible = tuple("".join(LETTERS[n] for n in numbers) for numbers in product(*options))
    conditions = tuple(task.get("conditions", possible))
    for condition in conditions:
        if condition not in possible:
            raise StimuliError(
                f"{where}, conditions: {condition!r} is not one of {', '.join(possible)}"
            )
    return replace(made, conditions=conditions)


def _make_slot(name: str, keys: Mapping[str, Any], lexicon: Lexicon, where: str) -> Slot:
    category, features = keys["category"], keys.get("features", {})
    if category not in lexicon.categories:
        raise StimuliError(
            f"{where}: {lexicon.source} has no category {category!r}; it has "
            f"{', '.join(lexicon.categories)}"
        )
    for feature in (*features, *keys.get("agrees_in", ())):
        if feature not in lexicon.feature_names:
            raise StimuliError(
                f"{where}: {lexicon.source} has no feature column {feature!r}; it has "
                f"{', '.join(lexicon.feature_names) or 'none'}"
            )
    missing = unknown_lemmas(lexicon, category, keys.get("lemmas", ()))
    if missing:
        raise StimuliError(
            f"{where}: {lexicon.source} has no {category} {', '.join(missing)}; add rows, or "
            "correct `lemmas`"
        )
    pool = lexicon.pool(category, features)
    pool = tuple(lemma for lemma in pool if lemma in keys.get("lemmas", pool))
    if not pool:
        raise StimuliError(f"{where}: no {category} fits {dict(features)}; add rows")
    return Slot(
        name=name,
        category=category,
        pool=pool,
        number=keys.get("number"),
        agrees_with=keys.get("agrees_with"),
        agrees_in=tuple(keys.get("agrees_in", ())),
        features=dict(features),
        capitalise=keys.get("capitalise", False),
        may_repeat=keys.get("may_repeat", False),
    )


def _check_agreement(slots: Mapping[str, Slot], template: Sequence[str | Slot], where: str) -> None:
    for slot in slots.values():
        here = f"{where}, slot {slot.name}"
        numbered = slot.name == "subject" or slot.is_attractor
        if numbered and (slot.number is None or slot not in template):
            raise StimuliError(
                f"{here}: expected a place in the template and `number:` varies, singular or plural"
            )
        if slot.number == "varies" and not numbered:
            raise StimuliError(
                f"{here}: only the subject and attractors vary in number, because the condition "
                "names their numbers; call the slot attractor or attractor_1, or fix its number"
            )
        if slot.agrees_in and slot.agrees_with is None:
            raise StimuliError(f"{here}: `agrees_in` needs `agrees_with`")
        if slot.agrees_with is not None and slot.number is not None:
            raise StimuliError(f"{here}: give `number` or `agrees_with`, not both")
        seen = [slot.name]
        while (target := slots[seen[-1]].agrees_with) is not None:
            if target not in slots:
                raise StimuliError(f"{here}: agrees with {target!r}, which is not a slot")
            if target in seen:
                raise StimuliError(f"{here}: agrees with itself ({' -> '.join([*seen, target])})")
            if slot in template and slots[target] not in template:
                raise StimuliError(
                    f"{here}: agrees with {target!r}, which follows the verb; words before the "
                    "verb must not depend on the ending"
                )
            seen.append(target)


def _split(text: str, slots: Mapping[str, Slot], where: str) -> tuple[str | Slot, ...]:
    parts: list[str | Slot] = []
    for token in text.split():
        name = token[1:-1]
        if not (token.startswith("{") and token.endswith("}")):
            if "{" in token or "}" in token:
                raise StimuliError(
                    f"{where}: {token!r} mixes a slot with other text; put spaces around {{slot}}"
                )
            parts.append(token)
        elif name in slots:
            parts.append(slots[name])
        else:
            raise StimuliError(f"{where}: {token} is not described under `slots`")
    return tuple(parts)
