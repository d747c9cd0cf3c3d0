"""The page of the public functions, from their docstrings.

``python -m lstm_units.api.pages > docs/api.md`` writes it. The modules are parsed, not run.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import griffe

from lstm_units import MODULES
from lstm_units.errors import UserError

HEAD = """# Python API

What can be imported from `lstm_units`. Made from the docstrings by
`python -m lstm_units.api.pages > docs/api.md`; do not edit. [The notebook](python.ipynb) shows
the functions at work. Units and layers count from 1, items and positions from 0; margins and
log-probabilities are in nats. Input that you can mend raises a [UserError](#usererror), or one of
its kinds, that says what to do.
"""
_READERS = ("LanguageModel", "ActivationDump")  # classes whose methods are of use
_MADE = ("Context", "Criteria")  # classes that a user makes
_TITLES = {"parameters": "Parameters", "returns": "Returns", "raises": "Raises"}
_ROLE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")


def api_page() -> str:
    """Return the page as Markdown.

    Raises
    ------
    UserError
        If a public name has no docstring.
    """
    names = list(MODULES)
    objects = {name: _load(name) for name in names}
    functions = [name for name in names if objects[name].is_function]
    classes = [name for name in names if objects[name].is_class]
    contents = f"Functions: {_links(functions)}.\n\nClasses: {_links(classes)}."
    parts = [HEAD, contents + "\n"]
    for title, group in (("Functions", functions), ("Classes", classes)):
        parts.append(f"## {title}\n")
        for name in group:
            parts += _entry(objects[name], f"### {name}", name)
            if name in _READERS:
                for member in _methods(objects[name]):
                    parts += _entry(member, f"#### {name}.{member.name}", member.name)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(parts)).rstrip() + "\n"


def _load(name: str) -> griffe.Object:
    """Parse the module of a public name and return its object there."""
    module = MODULES[name]
    path = Path(__file__).parents[1].joinpath(*module.split(".")).with_suffix(".py")
    parsed = griffe.visit(
        module, filepath=path, code=path.read_text(encoding="utf-8"), docstring_parser="numpy"
    )
    found = parsed[name]
    if not found.has_docstring:
        raise UserError(f"{path}: {name} is public and has no docstring; write one")
    return found


def _links(names: list[str]) -> str:
    return ", ".join(f"[{name}](#{name.lower()})" for name in names)


def _methods(found: griffe.Class) -> Iterator[griffe.Object]:
    """Yield public methods and properties that have a docstring, in the order of the file."""
    for name, member in found.members.items():
        if not name.startswith("_") and member.has_docstring:
            yield member


def _entry(found: griffe.Object, heading: str, name: str) -> Iterator[str]:
    """Yield the Markdown of one function, class, method or property."""
    yield f"{heading}\n"
    if found.is_function:
        yield f"```python\n{_signature(name, _parameters(found), found.returns)}\n```\n"
    if name in _MADE:
        yield f"```python\n{_signature(name, _fields(found))}\n```\n"
    for section in found.docstring.parse("numpy", warnings=False):
        kind = section.kind.value
        if kind == "text":
            yield _prose(section.value) + "\n"
        elif kind in _TITLES:
            yield f"**{_TITLES[kind]}**\n"
            yield "\n".join(_items(kind, section.value, found.docstring.value)) + "\n"
        elif kind == "examples":
            yield "**Example**\n"
            for part, text in section.value:
                is_code = part.value == "examples"
                yield f"```pycon\n{text}\n```\n" if is_code else f"{_prose(text)}\n"


def _parameters(found: griffe.Function) -> list[str]:
    parts: list[str] = []
    for parameter in found.parameters:
        if parameter.name == "self":
            continue
        if parameter.kind is griffe.ParameterKind.keyword_only and "*" not in parts:
            parts.append("*")
        default = "" if parameter.default is None else f" = {parameter.default}"
        parts.append(f"{parameter.name}: {parameter.annotation}{default}")
    return parts


def _fields(found: griffe.Class) -> list[str]:
    """Return the fields of a dataclass as parameters."""
    return [
        f"{name}: {member.annotation}" + ("" if member.value is None else f" = {member.value}")
        for name, member in found.members.items()
        if member.is_attribute and member.annotation and "property" not in member.labels
    ]


def _signature(name: str, parts: list[str], returns: object = None) -> str:
    """Word a signature: on one line if it fits, else a parameter a line."""
    end = "" if returns is None else f" -> {returns}"
    line = f"{name}({', '.join(parts)}){end}"
    if len(line) <= 100:
        return line
    return f"{name}(\n" + "".join(f"    {part},\n" for part in parts) + f"){end}"


def _items(kind: str, entries: list[griffe.DocstringElement], docstring: str) -> Iterator[str]:
    """Word parameters, return values or errors as the entries of a list."""
    before = None
    for entry in entries:
        if kind == "parameters":
            # As written: parsing would lose quotes, `or` and `optional`, and would take apart
            # parameters that are described together.
            header = re.search(
                rf"^(\w+, )*{entry.name}\b(, \w+)*( : .+)?$", docstring, re.MULTILINE
            )
            line = header[0]
            if line == before:
                continue
            before = line
            names, _, annotation = line.partition(" : ")
            said = ", ".join(f"`{name}`" for name in names.split(", "))
            said += f" ({annotation})" if annotation else ""
        elif kind == "raises":
            said = ", ".join(f"`{name}`" for name in str(entry.annotation).strip("()").split(", "))
        else:
            said = str(entry.annotation)
        text = _prose(entry.description).replace("\n", "\n  ")
        yield f"- {said}: {text}" if text else f"- {said}"


def _prose(text: str) -> str:
    """Turn the marks of docstrings into those of Markdown; public names become links."""

    def link(match: re.Match[str]) -> str:
        word = match[1]
        return f"[{word}](#{word.lower()})" if word in MODULES else f"`{word}`"

    return _ROLE.sub(link, text.strip()).replace("``", "`")


if __name__ == "__main__":
    print(api_page(), end="")
