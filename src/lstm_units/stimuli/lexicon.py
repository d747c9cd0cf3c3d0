"""The words of a language: a table with one row per word, its forms and its features."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from lstm_units.errors import StimuliError
from lstm_units.stimuli.delimited import read_table
from lstm_units.stimuli.format_checks import Faults

NUMBERS = ("singular", "plural")
_COLUMNS = ("category", "lemma", *NUMBERS)


@dataclass(frozen=True)
class Word:
    """One row of a lexicon table.

    Parameters
    ----------
    category : str
        The pool that the word belongs to, such as ``person`` or ``verb``.
    lemma : str
        The stem. No sentence has the same lemma twice.
    singular, plural : str
        The form for each number; the same for an invariable word.
    features : mapping of str to str
        Further features such as gender or case; one that is left empty in the table is absent
        here and fits every value.
    """

    category: str
    lemma: str
    singular: str
    plural: str
    features: Mapping[str, str]

    def form(self, number: str) -> str:
        """Return the form for a number."""
        return self.singular if number == "singular" else self.plural

    def fits(self, features: Mapping[str, str]) -> bool:
        """Whether the word can have all of the given features."""
        return all(self.features.get(name, value) == value for name, value in features.items())


@dataclass(frozen=True)
class Lexicon:
    """All words of a language.

    Parameters
    ----------
    words : tuple of Word
        A lemma may have several rows in one category when their features differ.
    feature_names : tuple of str
        The feature columns of the table.
    source : str
        The file, for messages.
    """

    words: tuple[Word, ...]
    feature_names: tuple[str, ...] = ()
    source: str = "lexicon"

    @property
    def categories(self) -> tuple[str, ...]:
        """The categories, sorted."""
        return tuple(sorted({word.category for word in self.words}))

    @cached_property
    def _rows(self) -> dict[tuple[str, str], list[Word]]:
        rows: dict[tuple[str, str], list[Word]] = {}
        for word in self.words:
            rows.setdefault((word.category, word.lemma), []).append(word)
        return rows

    def pool(self, category: str, features: Mapping[str, str] | None = None) -> tuple[str, ...]:
        """Return the lemmas of a category that fit the features, sorted.

        Sorting keeps generated sentences independent of the order of the rows.

        Parameters
        ----------
        features : mapping of str to str, optional
            As in `Word.fits`; by default every lemma of the category fits.
        """
        return tuple(
            sorted(
                {w.lemma for w in self.words if w.category == category and w.fits(features or {})}
            )
        )

    def rows(self, category: str, lemma: str) -> list[Word]:
        """Return all rows of a lemma.

        Returns
        -------
        list of Word
            Empty when the category does not have the lemma.
        """
        return self._rows.get((category, lemma), [])

    def word(self, category: str, lemma: str, features: Mapping[str, str]) -> Word:
        """Return the one row of a lemma that fits the features.

        Parameters
        ----------
        features : mapping of str to str
            As in `Word.fits`.

        Returns
        -------
        Word
            The first of several rows with the same forms.

        Raises
        ------
        StimuliError
            If no row fits, or several rows that differ in their forms.
        """
        rows = [w for w in self.rows(category, lemma) if w.fits(features)]
        if len(rows) == 1:
            return rows[0]
        wanted = ", ".join(f"{name} {value}" for name, value in sorted(features.items()))
        if not rows:
            raise StimuliError(
                f"{self.source}: {category} {lemma!r} has no row for {wanted or 'it'}; add one"
            )
        if len({(w.singular, w.plural) for w in rows}) > 1:
            raise StimuliError(
                f"{self.source}: {category} {lemma!r} has {len(rows)} rows that fit "
                f"{wanted or 'no feature at all'}, with different forms; name the feature that "
                "decides in the slot (`features` or `agrees_in` in tasks.yaml)"
            )
        return rows[0]


def read_lexicon(path: str | Path) -> Lexicon:
    """Read a lexicon table.

    Parameters
    ----------
    path : str or Path
        A table as `lstm_units.stimuli.delimited.read_table` reads it. It has columns ``category``,
        ``lemma``, ``singular``, ``plural``; an empty ``plural`` marks an invariable word. Each
        further column is a feature. Empty fields at the end of a line may be left out.

    Raises
    ------
    StimuliError
        If the file cannot be read, a line has too many fields, a form is not one token, or a row
        occurs twice.
    """
    faults = Faults(path)
    names, rows = read_table(path, _COLUMNS, _COLUMNS, faults, pad=True)
    words: list[Word] = []
    seen: dict[tuple, int] = {}
    for line, entry in rows:
        with faults.of(f"line {line}"):
            word = _word(entry)
            key = (word.category, word.lemma, tuple(sorted(word.features.items())))
            if seen.setdefault(key, line) != line:
                raise StimuliError(
                    f"{word.category} {word.lemma!r} stands already in line {seen[key]} with the "
                    "same features; remove one of the two"
                )
            words.append(word)
    faults.refuse()
    if not words:
        raise StimuliError(f"{path}: no words after the header; add one row per word")
    return Lexicon(tuple(words), tuple(n for n in names if n not in _COLUMNS), str(path))


def _word(entry: Mapping[str, str]) -> Word:
    """Return the word of a row; faults come without the line."""
    for name, value in entry.items():
        if value and value.split() != [value]:
            raise StimuliError(f"{name} is {value!r}; expected one token without spaces")
    category, lemma, singular, plural = (entry[name] for name in _COLUMNS)
    if not (category and lemma and singular):
        raise StimuliError(
            f"category, lemma and singular must not be empty, found {category!r}, {lemma!r}, "
            f"{singular!r}"
        )
    features = {name: value for name, value in entry.items() if value and name not in _COLUMNS}
    return Word(category, lemma, singular, plural or singular, features)


def unknown_lemmas(lexicon: Lexicon, category: str, lemmas: Iterable[str]) -> list[str]:
    """Return those of `lemmas` that the category does not have, sorted."""
    return sorted(set(lemmas) - set(lexicon.pool(category)))
