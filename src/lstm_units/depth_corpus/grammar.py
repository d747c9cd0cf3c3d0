"""A context-free grammar with features and weights, and the checks of it as a whole.

`lstm_units.depth_corpus.grammar_file` reads one from its file.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter

from lstm_units.errors import StimuliError


@dataclass(frozen=True, order=True)
class Symbol:
    """A phrase, or a form of a word list, with the values of its features.

    Parameters
    ----------
    values : tuple of str
        Empty where it has none.
    """

    name: str
    values: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}[{' '.join(self.values)}]" if self.values else self.name


@dataclass(frozen=True)
class Production:
    """A production in which every feature has a value.

    Parameters
    ----------
    right : tuple of Symbol
        One or more.
    label : str or None
        Of the bracket around the right side; None for no bracket.
    weight : float
        Above 0; counts relative to the other productions of `left`.
    line : int
        Where it stands in the file.
    """

    left: Symbol
    right: tuple[Symbol, ...]
    label: str | None
    weight: float
    line: int


@dataclass(frozen=True)
class WordList:
    """Words that can stand in the same places.

    Parameters
    ----------
    name, label : str
        The label is that of the bracket around each word.
    once : bool
        Whether a lemma may stand only once in a sentence.
    forms : tuple of tuple of str
        The feature values of each form; one empty tuple where words have one form.
    entries : tuple of tuple of str
        The forms of each word; the first is the lemma.
    """

    name: str
    label: str
    once: bool
    forms: tuple[tuple[str, ...], ...]
    entries: tuple[tuple[str, ...], ...]
    line: int


@dataclass(frozen=True)
class Grammar:
    """A checked grammar: every symbol is defined, derives words and is reached from the start.

    Parameters
    ----------
    productions : tuple of Production
        Those that the start reaches, in the order of the file.
    source : str
        The file, for messages.
    """

    start: Symbol
    productions: tuple[Production, ...]
    word_lists: Mapping[str, WordList]
    source: str

    @cached_property
    def by_left(self) -> dict[Symbol, tuple[Production, ...]]:
        """The productions of each symbol."""
        groups: dict[Symbol, list[Production]] = {}
        for production in self.productions:
            groups.setdefault(production.left, []).append(production)
        return {symbol: tuple(group) for symbol, group in groups.items()}

    @cached_property
    def word_forms(self) -> dict[Symbol, tuple[WordList, int]]:
        """The word list and the place of the form of each symbol that stands for a word."""
        return _word_forms(self.word_lists.values())

    @cached_property
    def word_types(self) -> frozenset[str]:
        """All words that sentences can have, as written in the lists."""
        return frozenset(
            entry[form]
            for symbol in {symbol for p in self.productions for symbol in p.right}
            if symbol in self.word_forms
            for words, form in [self.word_forms[symbol]]
            for entry in words.entries
        )

    @cached_property
    def unary_order(self) -> tuple[Symbol, ...]:
        """The left sides in an order in which a symbol follows those it can be rewritten as."""
        return tuple(_unary_sorter(self.productions).static_order())


def line_error(source: str) -> Callable[[int, str], StimuliError]:
    """Return the function that makes an error about a line of the file `source`."""
    return lambda line, what: StimuliError(f"{source}, line {line}: {what}")


def checked_grammar(
    start: Symbol,
    start_line: int,
    productions: Sequence[Production],
    lists: Mapping[str, WordList],
    source: str,
) -> Grammar:
    """Check a grammar as a whole, and keep the productions that the start reaches.

    Parameters
    ----------
    start_line : int
        Where the start is named.
    lists : mapping of str to WordList
        By name.
    source : str
        The file, for messages.

    Raises
    ------
    StimuliError
        If a production stands twice, a symbol is not defined, derives nothing or is not reached
        from the start, symbols can be rewritten as each other without end, a word list is not
        used, or a sentence would have no bracket around it. The message names the line.
    """
    fail = line_error(source)
    forms = _word_forms(lists.values())
    lefts = {production.left for production in productions}
    seen: dict[tuple, int] = {}
    for production in productions:
        if production.left.name in lists:
            line = lists[production.left.name].line
            raise fail(production.line, f"{production.left.name} is a word list (line {line}) too")
        key = (production.left, production.right, production.label)
        if key in seen:
            raise fail(production.line, f"the same production stands in line {seen[key]}")
        seen[key] = production.line
        for symbol in production.right:
            if symbol not in forms and symbol not in lefts:
                raise fail(production.line, _undefined(symbol, [*forms, *lefts]))
    if start not in lefts:
        raise fail(start_line, _undefined(start, lefts))
    whole = _closure(
        {start}, lambda done: {p.right[0] for p in productions if p.left in done and _bare(p)}
    )
    for production in productions:
        if production.left in whole and production.label is None and len(production.right) > 1:
            raise fail(
                production.line,
                "no bracket would stand around the whole sentence; give the production a label",
            )
    productive = _closure(
        set(forms), lambda done: {p.left for p in productions if done.issuperset(p.right)}
    )
    for production in productions:
        if production.left not in productive:
            raise fail(
                production.line,
                f"{production.left} derives nothing: every way of rewriting it leads back to it; "
                "add a production that ends in words",
            )
    reached = _closure(
        {start}, lambda done: {s for p in productions if p.left in done for s in p.right}
    )
    kept = tuple(p for p in productions if p.left in reached)
    for production in productions:
        if production.line not in {p.line for p in kept}:
            raise fail(
                production.line, f"{production.left} is not reached from {start}; use or remove it"
            )
    for words in lists.values():
        if words.name not in {symbol.name for symbol in reached}:
            raise fail(words.line, f"the word list {words.name} is not used; use or remove it")
    try:
        _unary_sorter(kept).prepare()
    except CycleError as error:
        circle = error.args[1]
        line = next(p.line for p in kept if p.left in circle and len(p.right) == 1)
        raise fail(
            line, f"{' <- '.join(map(str, circle))}: rewritten as each other without end; cut it"
        ) from None
    return Grammar(start, kept, dict(lists), source)


def _word_forms(lists: Iterable[WordList]) -> dict[Symbol, tuple[WordList, int]]:
    return {
        Symbol(words.name, form): (words, place)
        for words in lists
        for place, form in enumerate(words.forms)
    }


def _bare(production: Production) -> bool:
    """Whether the production adds nothing to the tree."""
    return production.label is None and len(production.right) == 1


def _closure(symbols: set[Symbol], step: Callable[[set[Symbol]], set[Symbol]]) -> frozenset[Symbol]:
    while not (more := step(symbols)) <= symbols:
        symbols |= more
    return frozenset(symbols)


def _unary_sorter(productions: Iterable[Production]) -> TopologicalSorter:
    sorter: TopologicalSorter = TopologicalSorter()
    lefts = {production.left for production in productions}
    for production in productions:
        single = len(production.right) == 1 and production.right[0] in lefts
        sorter.add(production.left, *(production.right if single else ()))
    return sorter


def _undefined(symbol: Symbol, defined: Iterable[Symbol]) -> str:
    same = sorted(other for other in defined if other.name == symbol.name)
    if same:
        return f"{symbol} is not defined; there is {', '.join(map(str, same))}"
    return f"{symbol} is not defined: no production rewrites it and no word list has the name"
