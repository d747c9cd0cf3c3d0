"""The pairs of verb forms to which efferent weights are measured (Lakretz et al. 2019, Fig. 1d)."""

from collections.abc import Container, Sequence
from pathlib import Path
from typing import NamedTuple

from lstm_units.errors import NotRun, StimuliError
from lstm_units.io.files import sha256_file
from lstm_units.io.results import Result
from lstm_units.stimuli.delimited import read_table
from lstm_units.stimuli.format_checks import Faults

MINIMUM = 3
_HEADER = ("singular", "plural")


class VerbPair(NamedTuple):
    """The two present-tense forms of a verb."""

    singular: str
    plural: str


def read_verb_pairs(path: str | Path) -> Result:
    """Read pairs of verb forms from a table with the columns ``singular`` and ``plural``.

    Parameters
    ----------
    path : path
        As `lstm_units.stimuli.delimited.read_table` reads it.

    Returns
    -------
    Result
        A tuple of `VerbPair` in the order of the file, and the sha256 of the file.

    Raises
    ------
    StimuliError
        If the header or a line is malformed, or a form stands twice.
    """
    faults = Faults(path)
    _, rows = read_table(path, _HEADER, _HEADER, faults)
    pairs = []
    seen: dict[str, int] = {}
    for line, entry in rows:
        with faults.of(f"line {line}"):
            forms = [entry[name] for name in _HEADER]
            if any(not form or form.split() != [form] for form in forms):
                raise StimuliError(
                    f"found {' and '.join(map(repr, forms))}; expected a singular and a plural "
                    "form, one word each"
                )
            for form in forms:
                if form in seen:
                    raise StimuliError(
                        f"{form!r} stands in line {seen[form]} already; each form may stand once, "
                        "or its weight would count twice. Take one of the lines out"
                    )
                seen[form] = line
            pairs.append(VerbPair(*forms))
    faults.refuse()
    return Result(tuple(pairs), {"stimuli_sha256": sha256_file(path)}, str(path))


def known_pairs(
    pairs: Sequence[VerbPair], vocabulary: Container[str], source: str
) -> tuple[tuple[VerbPair, ...], tuple[VerbPair, ...]]:
    """Split pairs into those whose two forms the model knows, and the others.

    Parameters
    ----------
    pairs : sequence of VerbPair
    vocabulary : container of str
        The words of the model.
    source : str
        Where the pairs come from, for the message.

    Returns
    -------
    known, dropped : tuple of VerbPair

    Raises
    ------
    UserError
        If fewer than `MINIMUM` pairs are known.
    """
    known = tuple(p for p in pairs if p.singular in vocabulary and p.plural in vocabulary)
    dropped = tuple(pair for pair in pairs if pair not in known)
    if len(known) < MINIMUM:
        unknown = [form for pair in dropped for form in pair if form not in vocabulary]
        lacks = f" (it lacks {', '.join(unknown[:8])})" if unknown else ""
        raise NotRun(
            f"the model knows both forms of {len(known)} of the {len(pairs)} pairs of verb forms "
            f"in {source}{lacks}; at least {MINIMUM} are needed. Give a table of verbs that the "
            "model's vocabulary has, or none to leave these analyses out"
        )
    return known, dropped
