"""Agreement tasks as data: sentence templates with slots, filled from a lexicon."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from lstm_units.errors import StimuliError
from lstm_units.stimuli.lexicon import NUMBERS, Lexicon, Word

LETTERS = {"singular": "S", "plural": "P"}


@dataclass(frozen=True)
class Slot:
    """A place of a template that a word of the lexicon fills.

    Parameters
    ----------
    category : str
        Category of the lexicon.
    pool : tuple of str
        The lemmas that may fill the slot, sorted.
    number : {"varies", "singular", "plural"} or None
        None for a slot that agrees with another one or is invariable.
    agrees_with : str or None
        The slot whose number (and features in `agrees_in`) this one takes.
    features : mapping of str to str
        Features that the row of the lexicon must have here, such as a case.
    capitalise, may_repeat : bool
        `may_repeat` exempts function words from the rule against repeated stems.
    """

    name: str
    category: str
    pool: tuple[str, ...]
    number: str | None
    agrees_with: str | None
    agrees_in: tuple[str, ...]
    features: Mapping[str, str]
    capitalise: bool
    may_repeat: bool

    @property
    def is_attractor(self) -> bool:
        """Whether the slot's number counts as an attractor of the agreement."""
        return re.fullmatch(r"attractor(_\d+)?", self.name) is not None


@dataclass(frozen=True)
class TaskTemplate:
    """One agreement task.

    Parameters
    ----------
    label : str
        The name in tables and figures, such as ``nounPP``.
    template, ending : tuple of (str or Slot)
        Tokens and slots of the sentence up to its verb, and after it.
    conditions : tuple of str
        One letter (S, P) for the subject, then one for each attractor in the order of the sentence.
    """

    name: str
    label: str
    template: tuple["str | Slot", ...]
    ending: tuple["str | Slot", ...]
    conditions: tuple[str, ...]
    lexicon: Lexicon

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The slots up to the verb, in the order of the sentence."""
        return tuple(part for part in self.template if isinstance(part, Slot))

    @property
    def ending_slots(self) -> tuple[Slot, ...]:
        """The slots after the verb, in the order of the sentence."""
        return tuple(part for part in self.ending if isinstance(part, Slot))

    @property
    def numbered_slots(self) -> tuple[Slot, ...]:
        """The subject and the attractors: one slot for each letter of a condition."""
        subject = [slot for slot in self.slots if slot.name == "subject"]
        return (*subject, *(slot for slot in self.slots if slot.is_attractor))

    @property
    def verb_position(self) -> int:
        """The 0-based position of the verb."""
        return len(self.template) - 1

    def position(self, slot: Slot) -> int:
        """Return the 0-based position of a slot."""
        return (*self.template, *self.ending).index(slot)

    def realise(
        self, condition: str, lemmas: Mapping[str, str], *, complete: bool = True
    ) -> tuple[list[str], str]:
        """Put words into the slots.

        Parameters
        ----------
        lemmas : mapping of str to str
            Lemma of each slot by its name; with `complete`, those of the ending too.
        complete : bool, default True
            Whether to go on after the verb.

        Returns
        -------
        tokens : list of str
        wrong : str
            The verb's form for the other number; the correct one stands in the sentence.

        Raises
        ------
        StimuliError
            If the lexicon has no single form for a slot, or one for both numbers of the verb.
        """
        parts = (*self.template, *self.ending) if complete else self.template
        slots = {part.name: part for part in parts if isinstance(part, Slot)}
        letters = dict(zip((slot.name for slot in self.numbered_slots), condition, strict=True))
        names = {letter: number for number, letter in LETTERS.items()}

        def number_of(slot: Slot) -> str:
            if slot.name in letters:
                return names[letters[slot.name]]
            if slot.agrees_with is not None:
                return number_of(slots[slot.agrees_with])
            return slot.number or "singular"

        def word_of(slot: Slot) -> Word:
            features = dict(slot.features)
            if slot.agrees_in:
                controller = word_of(slots[slot.agrees_with])
                for name in slot.agrees_in:
                    if name in controller.features:
                        features[name] = controller.features[name]
            return self.lexicon.word(slot.category, lemmas[slot.name], features)

        tokens, wrong = [], ""
        for part in parts:
            if not isinstance(part, Slot):
                tokens.append(part)
                continue
            word, number = word_of(part), number_of(part)
            tokens.append(_capitalised(word.form(number), part.capitalise))
            if part.name == "verb":
                other = NUMBERS[1 - NUMBERS.index(number)]
                wrong = _capitalised(word.form(other), part.capitalise)
                if wrong == tokens[-1]:
                    raise StimuliError(
                        f"{self.lexicon.source}: {word.category} {word.lemma!r} has the form "
                        f"{wrong!r} for both numbers, so it cannot test agreement; leave it out of "
                        f"the verbs of task {self.name}"
                    )
        return tokens, wrong

    def parse(self, condition: str, tokens: Sequence[str]) -> dict[str, str] | None:
        """Find the lemmas of a sentence that ends at its verb: the inverse of `realise`.

        Parameters
        ----------
        tokens : sequence of str
            The words up to the verb, which comes last.

        Returns
        -------
        dict of str to str, or None
            Lemma of each slot by its name; None if the sentence does not fit the template.
        """
        if len(tokens) != len(self.template) or condition not in self.conditions:
            return None
        choices: list[list[str]] = []
        for part, token in zip(self.template, tokens, strict=True):
            if isinstance(part, Slot):
                choices.append(self._candidates(part, token))
            elif part != token:
                return None
        for lemmas in product(*choices):
            named = dict(zip((slot.name for slot in self.slots), lemmas, strict=True))
            if self.realise(condition, named, complete=False)[0] == list(tokens):
                return named
        return None

    def _candidates(self, slot: Slot, token: str) -> list[str]:
        """Return the lemmas of a slot that have the token among their forms."""
        rows = (
            word
            for lemma in slot.pool
            for word in self.lexicon.rows(slot.category, lemma)
            if token in {_capitalised(word.form(n), slot.capitalise) for n in NUMBERS}
        )
        return sorted({word.lemma for word in rows})


def _capitalised(form: str, capitalise: bool) -> str:
    return form[:1].upper() + form[1:] if capitalise else form
