"""Reading a grammar from its file.

``stimuli/english/depth_grammar.txt`` explains the format at its top.
"""

import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

from lstm_units.depth_corpus.grammar import (
    Grammar,
    Production,
    Symbol,
    WordList,
    checked_grammar,
    line_error,
)
from lstm_units.errors import StimuliError
from lstm_units.io.files import read_lines

_NAME = r"[A-Za-z][\w'-]*"
_SYMBOL = re.compile(rf"({_NAME})(?:\[([^\[\]]*)\])?")
_HEADING = re.compile(rf"words\s+(\S+)\s+(once|repeat)\s+({_NAME})\s*(?:\[([^\[\]]*)\])?")
_NO_LABEL = "-"
_Fail = Callable[[int, str], StimuliError]


@dataclass(frozen=True)
class _Rule:
    """A production as it stands in the file, its arguments values or variables."""

    left: Symbol
    right: tuple[Symbol, ...]
    label: str | None
    weight: float
    line: int


def read_grammar(path: str | Path) -> Grammar:
    """Read and check a grammar file.

    Parameters
    ----------
    path : path

    Raises
    ------
    StimuliError
        If the file cannot be read; a line is none of the known kinds; a production lacks its label
        or has a weight that is no number above 0; a variable stands once in a production; a
        symbol is not defined, derives nothing, or is not reached from the start; symbols can be
        rewritten as each other without end; or a word list is empty, or a word lacks a form. The
        message names the line.
    """
    fail = line_error(str(path))
    start: tuple[str, int] | None = None
    variables: dict[str, tuple[str, ...]] = {}
    rules: list[_Rule] = []
    headings: list[tuple[WordList, list[tuple[str, ...]]]] = []
    in_list = False
    for number, raw in enumerate(read_lines(path), start=1):
        line = raw.split("#", 1)[0].rstrip()
        if not line:
            continue
        if line[0].isspace():
            if not in_list:
                raise fail(number, "an indented line, but no word list stands above it; unindent")
            headings[-1][1].extend(_entries(line, headings[-1][0], number, fail))
            continue
        in_list = False
        keyword = line.split()[0]
        if keyword == "start":
            start = (_start(line, start, number, fail), number)
        elif keyword == "variable":
            name, values = _variable(line, variables, number, fail)
            variables[name] = values
        elif keyword == "words":
            in_list = True
            headings.append((_heading(line, headings, number, fail), []))
        else:
            rules.append(_rule(line, number, fail))
    if start is None:
        raise StimuliError(f"{path}: no line names the start; write for example 'start Sentence'")
    lists = {}
    for heading, entries in headings:
        if not entries:
            raise fail(
                heading.line, f"the word list {heading.name} is empty; indent its words below it"
            )
        lists[heading.name] = WordList(
            heading.name, heading.label, heading.once, heading.forms, tuple(entries), heading.line
        )
    productions = [p for rule in rules for p in _expand(rule, variables, fail)]
    return checked_grammar(Symbol(start[0]), start[1], productions, lists, str(path))


def _start(line: str, before: tuple[str, int] | None, number: int, fail: _Fail) -> str:
    fields = line.split()
    if before is not None:
        raise fail(number, f"the start is named in line {before[1]} already; remove one of the two")
    if len(fields) != 2 or not re.fullmatch(_NAME, fields[1]):
        raise fail(number, f"found {line!r}, expected 'start Sentence'")
    return fields[1]


def _variable(line: str, known: Mapping, number: int, fail: _Fail) -> tuple[str, tuple[str, ...]]:
    match = re.fullmatch(rf"variable\s+({_NAME})\s*=\s*(\S.*)", line)
    if not match:
        raise fail(number, f"found {line!r}, expected 'variable n = singular plural'")
    name, values = match[1], tuple(match[2].split())
    all_values = {value for other in known.values() for value in other} | set(values)
    if name in known or name in all_values or set(values) & set(known):
        raise fail(number, f"{name} or one of its values is a variable already; use another name")
    if len(set(values)) != len(values):
        raise fail(number, f"a value of {name} stands twice; remove one of the two")
    return name, values


def _heading(line: str, known: Sequence[tuple[WordList, list]], number: int, fail: _Fail):
    match = _HEADING.fullmatch(line)
    if not match:
        raise fail(
            number, f"found {line!r}, expected such as 'words N once Noun[singular, plural]'"
        )
    label, how_often, name, form_names = match.groups()
    _check_label(label, number, fail)
    forms = tuple(tuple(form.split()) for form in (form_names or "").split(","))
    if len(set(forms)) != len(forms) or (form_names is not None and () in forms):
        raise fail(number, f"the forms of {name} are [{form_names}]; name each once, none empty")
    for other, _ in known:
        if other.name == name:
            raise fail(number, f"the word list {name} stands in line {other.line} already")
    return WordList(name, label, how_often == "once", forms, (), number)


def _entries(line: str, words: WordList, number: int, fail: _Fail) -> Iterator[tuple[str, ...]]:
    for entry in line.strip().removesuffix(",").split(","):
        forms = tuple(entry.split())
        if len(forms) != len(words.forms):
            names = ", ".join(" ".join(form) for form in words.forms if form) or "a single one"
            raise fail(
                number,
                f"{entry.strip()!r} has {len(forms)} forms, but a word of {words.name} has "
                f"{len(words.forms)} ({names}); separate forms by spaces and words by commas",
            )
        if any("[" in form or "]" in form for form in forms):
            raise fail(number, f"{entry.strip()!r} contains a bracket; take it out")
        yield forms


def _rule(line: str, number: int, fail: _Fail) -> _Rule:
    example = "'2 NP NounPhrase[n] -> Determiner[n] Noun[n]'"
    sides = line.split("->")
    if len(sides) != 2:
        raise fail(
            number, f"found {line!r}, expected a production such as {example}, start, variable or "
            "words"
        )  # fmt: skip
    fields = sides[0].split(maxsplit=2)
    left = _symbols(fields[-1], number, fail) if fields else ()
    if len(fields) != 3 or len(left) != 1 or "[" in fields[1]:
        raise fail(
            number,
            f"{sides[0].strip()!r} stands before the arrow; expected a weight, a label (or "
            f"{_NO_LABEL} for no bracket) and one symbol, such as {example}",
        )
    try:
        weight = float(fields[0])
    except ValueError:
        raise fail(number, f"the weight is {fields[0]!r}; expected a number above 0") from None
    if not (isfinite(weight) and weight > 0):
        raise fail(number, f"the weight is {fields[0]}; expected a number above 0")
    _check_label(fields[1], number, fail)
    right = _symbols(sides[1], number, fail)
    if not right:
        raise fail(number, "nothing stands after the arrow; expected one symbol or more")
    return _Rule(left[0], right, None if fields[1] == _NO_LABEL else fields[1], weight, number)


def _check_label(label: str, number: int, fail: _Fail) -> None:
    if "[" in label or "]" in label or "->" in label:
        raise fail(number, f"the label is {label!r}; expected letters without brackets")


def _symbols(text: str, number: int, fail: _Fail) -> tuple[Symbol, ...]:
    if _SYMBOL.sub("", text).strip():
        raise fail(number, f"{text.strip()!r} is no list of symbols such as 'Noun[n] Name'")
    return tuple(Symbol(m[1], tuple((m[2] or "").split())) for m in _SYMBOL.finditer(text))


def _expand(
    rule: _Rule, variables: Mapping[str, tuple[str, ...]], fail: _Fail
) -> Iterator[Production]:
    """Give the production once for each combination of the values of its variables."""
    uses = [value for symbol in (rule.left, *rule.right) for value in symbol.values]
    bound = [name for name in dict.fromkeys(uses) if name in variables]
    known = {value for values in variables.values() for value in values}
    for value in uses:
        if value not in variables and value not in known:
            raise fail(rule.line, f"{value!r} is neither a variable nor a value of one; declare it")
        if value in bound and uses.count(value) == 1:
            raise fail(
                rule.line,
                f"the variable {value} stands once, so that nothing agrees with it; let it stand "
                f"twice, or write one production for each of {', '.join(variables[value])}",
            )
    for combination in itertools.product(*(variables[name] for name in bound)):
        values = dict(zip(bound, combination, strict=True))

        def fill(symbol: Symbol, values: Mapping[str, str] = values) -> Symbol:
            return Symbol(symbol.name, tuple(values.get(v, v) for v in symbol.values))

        yield Production(
            fill(rule.left), tuple(map(fill, rule.right)), rule.label, rule.weight, rule.line
        )
