"""The pairs of verb forms to which efferent weights are measured (Lakretz et al. 2019, Fig. 1d)."""

from collections.abc import Container, Sequence
from pathlib import Path
from typing import NamedTuple

from lstm_units.errors import StimuliError, UserError
from lstm_units.io.files import read_lines, sha256_file
from lstm_units.io.results import Result

MINIMUM = 3
_HEADER = ("singular", "plural")


class VerbPair(NamedTuple):
    """The two present-tense forms of a verb."""

    singular: str
    plural: str


def read_verb_pairs(path: str | Path) -> Result:
    """Read pairs of verb forms from a tab-separated file with the header ``singular  plural``.

    Parameters
    ----------
    path : path
        UTF-8; empty lines are skipped.

    Returns
    -------
    Result
        A tuple of `VerbPair` in the order of the file, and the sha256 of the file.

    Raises
    ------
    StimuliError
        If the header or a line is malformed, or a form stands twice.
    """
    header, *lines = read_lines(path)
    if tuple(header.split("\t")) != _HEADER:
        raise StimuliError(
            f"{path}, line 1: found {header!r}; expected the header 'singular', a tab, 'plural'"
        )
    pairs = []
    seen: dict[str, int] = {}
    for number, line in enumerate(lines, start=2):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        forms = line.split("\t")
        if len(forms) != 2 or any(not form or form.split() != [form] for form in forms):
            raise StimuliError(
                f"{where}: found {line!r}; expected a singular and a plural form, one word each, "
                "with one tab between them"
            )
        for form in forms:
            if form in seen:
                raise StimuliError(
                    f"{where}: {form!r} stands in line {seen[form]} already; each form may stand "
                    "once, or its weight would count twice. Take one of the lines out"
                )
            seen[form] = number
        pairs.append(VerbPair(*forms))
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
        raise UserError(
            f"the model knows both forms of {len(known)} of the {len(pairs)} pairs of verb forms "
            f"in {source}{lacks}; at least {MINIMUM} are needed. Give a table of verbs that the "
            "model's vocabulary has, or none to leave these analyses out"
        )
    return known, dropped
