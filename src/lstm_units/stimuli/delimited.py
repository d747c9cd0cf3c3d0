"""Tables of text as spreadsheets, pandas and R write them: separators, quoted fields, headers."""

import csv
import re
from collections.abc import Collection, Sequence

from lstm_units.errors import StimuliError
from lstm_units.io.files import read_lines
from lstm_units.stimuli.format_checks import Faults

_SEPARATORS = {"\t": "tabs", ",": "commas", ";": "semicolons"}


def split_fields(line: str, separator: str = "\t", *, spaces_in_quotes: bool = False) -> list[str]:
    '''Split a line as CSV does: a field that begins with a quotation mark is enclosed in marks.

    Spaces around fields are taken off. A quoted field must end in its line.

    Parameters
    ----------
    line : str
    separator : str
    spaces_in_quotes : bool, default False
        Whether a field may begin with a mark and a space. In texts that are split into words,
        that is more often a mark that is a word itself, which CSV writes as ``""" The boy"``.

    Raises
    ------
    StimuliError
        Without the place, if the marks do not fit.
    '''
    if '"' not in line:
        return [field.strip(" \t") for field in line.split(separator)]
    if not spaces_in_quotes and re.search(rf'(^|{separator})" ', line):
        raise StimuliError(
            "a field begins with a quotation mark and a space. If the mark is a word, write the "
            'field as CSV does, """ The boy"; if it encloses the field, take out the space'
        )
    try:
        (fields,) = csv.reader([line], delimiter=separator, strict=True)
    except csv.Error as error:
        raise StimuliError(
            f"the quotation marks do not fit ({error}). A field that begins with one is enclosed "
            'in two, marks within it are doubled, as in """ The boy", and it ends in its line'
        ) from error
    return [field.strip(" \t") for field in fields]


def join_fields(fields: Sequence[object], separator: str = "\t") -> str:
    """Join fields to a line that `split_fields` splits into them."""
    texts = map(str, fields)
    return separator.join(
        '"{}"'.format(text.replace('"', '""')) if text.startswith('"') else text for text in texts
    )


def read_header(
    line: str, required: Collection[str], known: Collection[str]
) -> tuple[str, list[str]] | None:
    """Return the separator and the names of a header; None if it lacks a name that is required.

    The separator is the first of tab, comma and semicolon with which all names in `required` are
    there. Those of `known` are found in capitals and with spaces too.
    """
    for separator in _SEPARATORS:
        try:
            fields = split_fields(line, separator)
        except StimuliError:
            continue
        plain = [re.sub(r"[\s-]+", "_", field.casefold()) for field in fields]
        names = [p if p in known else f for p, f in zip(plain, fields, strict=True)]
        if set(required) <= set(names):
            return separator, names
    return None


def read_table(
    path: object,
    required: Sequence[str],
    known: Collection[str],
    faults: Faults,
    *,
    pad: bool = False,
) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Read a table with a header; every value is text, an empty one the empty string.

    Blank lines are passed over, and so are columns without a name that are empty, or the first of
    whole numbers, as pandas and R write the numbers of rows.

    Parameters
    ----------
    path : path
    required : sequence of str
        Names that the header must have.
    known : collection of str
        As in `read_header`.
    faults : Faults
        Gets those of lines that are not returned.
    pad : bool, default False
        Whether empty fields at the end of a line may be left out.

    Returns
    -------
    names : list of str
    rows : list of (int, dict)
        The number of the line, and its values by name.

    Raises
    ------
    StimuliError
        If the file cannot be read or its header is no header.
    """
    first, *lines = read_lines(path)
    header = read_header(first, required, known)
    if header is None or len({*header[1]} - {""}) != len([name for name in header[1] if name]):
        raise StimuliError(
            f"{path}, line 1: the header is {first[:200]!r}; expected each of "
            f"{', '.join(required)} once, separated by tabs, commas or semicolons, and any others "
            "with unique names"
        )
    separator, names = header
    rows = []
    for number, line in enumerate(lines, start=2):
        if not line.strip(f"{separator} \t"):
            continue
        with faults.of(f"line {number}"):
            fields = split_fields(line, separator, spaces_in_quotes=first.startswith('"'))
            rows.append((number, fields))
    if (
        rows
        and all(len(fields) == len(names) + 1 and _whole(fields[0]) for _, fields in rows)
        and any(fields[-1] for _, fields in rows)  # else it is a tab at the end of lines
    ):
        names = ["", *names]
    whole = []
    for number, fields in rows:
        while len(fields) > len(names) and not fields[-1]:
            fields.pop()
        if pad:
            fields += [""] * (len(names) - len(fields))
        with faults.of(f"line {number}"):
            if len(fields) != len(names):
                found = f"{len(fields)} field{'s' * (len(fields) > 1)}"
                raise StimuliError(
                    f"{found} separated by {_SEPARATORS[separator]}, but the header has "
                    f"{len(names)}; leave a field empty rather than out, and enclose one that "
                    "holds the separator in quotation marks"
                )
            if fields == names:
                raise StimuliError("the header stands here again; take this line out")
            whole.append((number, fields))
    for place, name in enumerate(names):
        unnamed = name in ("", "Unnamed: 0")
        if unnamed and not (place == 0 and all(_whole(fields[0]) for _, fields in whole)):
            for number, fields in whole:
                if fields[place]:
                    faults.found.append(
                        f"line {number}: field {place + 1} is {fields[place]!r}, but the header "
                        "has no name for it; give it one"
                    )
    kept = [place for place, name in enumerate(names) if name not in ("", "Unnamed: 0")]
    table = [(number, {names[at]: fields[at] for at in kept}) for number, fields in whole]
    return [names[place] for place in kept], table


def _whole(text: str) -> bool:
    return text.isdecimal()
