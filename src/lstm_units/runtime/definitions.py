"""Taking a Python file apart into its definitions, for `lstm_units.runtime.fingerprint`.

A definition is written as text without what does not count, its names of the project apart. Scopes
are not followed: where a definition binds a name that its module holds as well, both are meant.
"""

import ast
import builtins
import gc
import hashlib
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

from lstm_units.errors import UserError

_LOG_METHODS = ("debug", "info", "warning", "error", "exception", "log")
_MESSAGES = {"print", "warnings.warn", *(f"logging.{method}" for method in _LOG_METHODS)}
# Builtin errors that carry nothing but words, unlike the number of an OSError.
_WORDS_ONLY = {
    *("AssertionError", "AttributeError", "IndexError", "KeyError", "LookupError"),
    *("NotImplementedError", "RuntimeError", "TypeError", "ValueError"),
}
_CLASS = re.compile(r"_*[A-Z]\w*[a-z]\w*")
_SEE_ALL = {"eval", "exec", "globals", "locals", "vars"}


class Name(NamedTuple):
    """A name of the project: a module and a path in it such as ``("Class", "method")``.

    Without a path it is all of the module; a module with ``*`` is all modules that match.
    """

    module: str
    path: tuple[str, ...] = ()


class Definition(NamedTuple):
    """The hash of a definition's text, and in order the names that it uses.

    `loads` are the modules that it may import when it runs.
    """

    digest: bytes
    names: Sequence[Name]
    loads: Iterable[str]


@dataclass(frozen=True)
class Module:
    """What a module defines and imports (names of the project, others in words).

    `effects` is what else runs when it is imported; of a script, all of it.
    """

    definitions: Mapping[str, Definition]
    imports: Mapping[str, Sequence[Name | str]]
    effects: Definition


class Source(NamedTuple):
    """A file, its state, and how it is read; a script has no name as a module."""

    path: Path
    changed: int
    size: int
    module: str
    package: str
    silent: frozenset[str]
    told: frozenset[str]


@lru_cache(maxsize=2048)
def read_definitions(source: Source) -> Module:
    """Take a file apart, once per process and state.

    Raises
    ------
    UserError
        If it cannot be parsed, or has ``from PACKAGE.module import *``.
    """
    collects, _ = gc.isenabled(), gc.disable()  # a tree has many parts and no circles
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the code itself will warn when it runs
            tree = ast.parse(source.path.read_bytes(), filename=str(source.path))
        return _taken_apart(tree, source)
    except (SyntaxError, ValueError, OSError) as error:
        raise UserError(f"cannot parse {source.path}: {error}") from error
    finally:
        if collects:
            gc.enable()


@dataclass
class _Scope:
    """What nodes bind: names, and imports with the modules that they load."""

    names: set[str] = field(default_factory=set)
    imports: dict[str, list[Name | str]] = field(default_factory=dict)
    loads: set[str] = field(default_factory=set)


def _merged(scopes: Iterable[_Scope]) -> _Scope:
    whole = _Scope()
    for scope in scopes:
        whole.names |= scope.names
        whole.loads |= scope.loads
        for name, meanings in scope.imports.items():
            known = whole.imports.setdefault(name, [])
            known += [meaning for meaning in meanings if meaning not in known]
    return whole


def _taken_apart(tree: ast.Module, source: Source) -> Module:
    """Find the definitions of a module; a script is one definition, whose names are its own."""
    if not source.module:
        script = _Writer(source, {}, _merged(_bound(tree.body, source)))
        return Module({}, {}, script.definition(tree.body))
    parts = [(node, *_bound([node], source)) for node in _statements(tree.body)]
    top = _merged(scope for _, scope, _ in parts)
    defined: dict[str, list[tuple[ast.stmt, _Scope]]] = {}
    for node, scope, within in parts:
        for name in sorted(scope.names):
            defined.setdefault(name, []).append((node, within))
    known: dict[str, list[Name | str]] = {}
    for name, nodes in defined.items():
        # A logger goes by what it is, so that its messages are known as such.
        logger = all(_makes_logger(node) for node, _ in nodes)
        known[name] = ["logging" if logger else Name(source.module, (name,))]
    for name, meanings in top.imports.items():
        known[name] = [*known.get(name, ()), *meanings]

    def written(parts: Sequence[tuple[ast.stmt, _Scope]], name: str = "") -> Definition:
        silent = source.module in source.silent
        if not parts or (silent and not isinstance(parts[0][0], ast.ClassDef)):
            return Definition(_digest(name), (), ())
        scope = _merged(within for _, within in parts)
        return _Writer(source, known, scope).definition([node for node, _ in parts])

    effects = written([(node, within) for node, _, within in parts if _has_effects(node, known)])
    return Module(
        {name: written(parts, name) for name, parts in defined.items()},
        top.imports,
        effects._replace(loads={*effects.loads, *top.loads}),
    )


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() if text else b""


def _statements(nodes: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a module that count when it is imported."""
    for node in nodes:
        if isinstance(node, ast.If) and (_is_type_checking(node) or _is_main(node)):
            yield from _statements(node.orelse)
        else:
            yield node


def _bound(nodes: Sequence[ast.AST], source: Source) -> tuple[_Scope, _Scope]:
    """Return what nodes bind where they stand, and what they bind in scopes within."""
    scopes = _Scope(), _Scope()
    waiting = [(node, 0) for node in reversed(nodes)]
    while waiting:
        node, depth = waiting.pop()
        kind, scope = type(node), scopes[depth]
        if kind is ast.Name:
            if not isinstance(node.ctx, ast.Load):
                scope.names.add(node.id)
            continue
        if kind in _BINDERS and (name := getattr(node, _BINDERS[kind])):
            scope.names.add(name)
        elif kind in (ast.Import, ast.ImportFrom):
            _note_import(node, source, scope)
        elif kind in (ast.Global, ast.Nonlocal):
            scopes[1].names.update(node.names)
        if kind in _SCOPES:
            depth = 1
        for part in _parts(node):
            # What a comprehension goes through is its own; what a walrus in it binds is not.
            of_its_own = kind is ast.comprehension and part is node.target
            waiting.append((part, 1 if of_its_own else depth))
    return scopes


def with_above(module: str) -> list[str]:
    """Return a module and the packages that it is in."""
    parts = module.split(".")
    return [".".join(parts[:n]) for n in range(1, len(parts) + 1)]


def _note_import(node: ast.Import | ast.ImportFrom, source: Source, scope: _Scope) -> None:
    """Note what the names stand for that an import binds."""
    module = getattr(node, "module", None) or ""
    if getattr(node, "level", 0):
        above = source.module.split(".")
        drop = node.level - (source.path.name == "__init__.py")
        module = ".".join([*above[: len(above) - drop], *filter(None, [module])])
    for alias in node.names:
        name, whole = alias.asname or alias.name, alias.name
        meaning = Name(whole)
        if isinstance(node, ast.ImportFrom):
            whole = f"{module}.{alias.name}"
            meaning = Name(module, (alias.name,))
        elif not alias.asname:  # `import a.b` binds a
            name = name.partition(".")[0]
            meaning = Name(name)
        meanings = scope.imports.setdefault(name, [])
        if whole.partition(".")[0] != source.package:
            meanings.append(".".join((meaning.module, *meaning.path)))
        elif alias.name == "*":
            raise UserError(
                f"{source.module or source.path} has `from {module} import *`, which does not say "
                f"what is used; write `from {source.package}.MODULE import NAME`, so that an edit "
                "of MODULE reruns its jobs"
            )
        else:
            meanings.append(meaning)
            scope.loads.update(with_above(whole))


def _has_effects(node: ast.stmt, known: Mapping[str, Sequence[Name | str]]) -> bool:
    """Whether a statement of a module may change more than the names that it binds.

    A definition may if it calls the project's own functions; to make an object is taken to do no
    more than that.
    """
    if isinstance(node, ast.Import | ast.ImportFrom) or _is_text(node):
        return False
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        called = node.decorator_list
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        parts = list(ast.walk(node))
        called = [part.func for part in parts if isinstance(part, ast.Call)]
        others = [part for part in parts if isinstance(part, ast.Attribute | ast.Subscript)]
        if any(isinstance(part.ctx, ast.Store) for part in others):
            return True
    else:
        return True
    names = {part.id for each in called for part in ast.walk(each) if isinstance(part, ast.Name)}
    return any(
        isinstance(meaning, Name)
        for name in names
        if not _CLASS.fullmatch(name)
        for meaning in known.get(name, ())
    )


class _Writer:
    """Writes a definition as text.

    Empty fields are left out because Python versions differ in them (``type_params``), so that
    another Python does not rerun everything.
    """

    def __init__(
        self, source: Source, known: Mapping[str, Sequence[Name | str]], scope: _Scope
    ) -> None:
        self.source, self.scope = source, scope
        both = _merged([_Scope(imports=known), scope]).imports if scope.imports else known
        self.known: Mapping[str, Sequence[Name | str]] = both
        self.text: list[str] = []
        self.names: list[Name] = []

    def definition(self, nodes: Sequence[ast.AST]) -> Definition:
        """Write nodes one after the other."""
        for node in nodes:
            self.write(node)
        digest = _digest("\x1f".join(self.text))
        return Definition(digest, tuple(self.names), frozenset(self.scope.loads))

    def write(self, node: ast.AST) -> None:
        """Write a node and what is in it."""
        _WRITERS.get(type(node), _Writer.fields)(self, node)

    def fields(self, node: ast.AST) -> None:
        """Write the kind of a node and its fields."""
        kind = type(node)
        self.text.append(kind.__name__)
        for name in _fields(kind):
            value = getattr(node, name, None)
            if not value:
                continue
            self.text.append(name)
            if isinstance(value, ast.AST):
                self.write(value)
            elif isinstance(value, list):
                self.text.append("[")
                for each in value:
                    self.write(each) if isinstance(each, ast.AST) else self.text.append(repr(each))
                self.text.append("]")
            elif name == _BINDERS.get(kind):
                self.name(value)
            else:
                self.text.append(repr(value))
        self.text.append(")")

    def name(self, name: str, path: Sequence[str] = ()) -> None:
        """Write what a name stands for; a local variable and a builtin stand for themselves."""
        meanings = self.known.get(name, ())
        for meaning in meanings:
            if isinstance(meaning, str):
                self.text.append(f":{meaning}")
            else:
                self.refer(Name(meaning.module, (*meaning.path, *path)))
        if name in self.scope.names:
            self.text.append(name)
        elif not meanings:
            self.text.append(name)
            # What is no builtin a module may get in a way that is not seen.
            plain = (hasattr(builtins, name) and name not in _SEE_ALL) or name.startswith("__")
            if self.source.module and not plain:
                self.refer(Name(self.source.module))

    def refer(self, name: Name) -> None:
        """Leave a place in the text for what a name stands for."""
        self.text.append("@")
        self.names.append(name)

    def attribute(self, node: ast.Attribute) -> None:
        """Write ``module.name`` as the name it is, and any other attribute as it stands."""
        path, base = [node.attr], node.value
        while isinstance(base, ast.Attribute):
            path.insert(0, base.attr)
            base = base.value
        meanings = self.meanings(base)
        if meanings and all(isinstance(meaning, Name) for meaning in meanings):
            self.name(base.id, path)
        else:
            self.fields(node)

    def meanings(self, node: ast.AST) -> Sequence[Name | str]:
        """Return what a name stands for that is no local variable."""
        if not isinstance(node, ast.Name) or node.id in self.scope.names:
            return ()
        return self.known.get(node.id, ())

    def given(self, node: ast.AST) -> str:
        """Name what Python or another package gives in full; nothing if it is the project's."""
        if isinstance(node, ast.Attribute):
            base = self.given(node.value)
            return base and f"{base}.{node.attr}"
        if not isinstance(node, ast.Name) or node.id in self.scope.names:
            return ""
        meanings = self.known.get(node.id, [node.id])
        return meanings[0] if len(meanings) == 1 and isinstance(meanings[0], str) else ""

    def is_silent(self, function: ast.AST) -> bool:
        """Whether all that a function may be is in a silent module, and no error that is told."""
        meanings = self.meanings(function)
        modules = {getattr(meaning, "module", "") for meaning in meanings}
        return bool(meanings) and modules <= self.source.silent and not self.is_told(function)

    def is_told(self, function: ast.AST) -> bool:
        """Whether a function may be an error whose words are written in the place of results."""
        meanings = (each for each in self.meanings(function) if isinstance(each, Name))
        return any(".".join((each.module, *each.path)) in self.source.told for each in meanings)

    def expression(self, node: ast.Expr) -> None:
        """Write an expression that is a statement, unless it is a docstring or a message."""
        call = node.value
        if isinstance(call, ast.Call) and self.given(call.func) in _MESSAGES:
            to_a_file = any(keyword.arg == "file" for keyword in call.keywords)
            if not to_a_file and not any(isinstance(part, _ACTS) for part in ast.walk(call)):
                return
        if not _is_text(node):
            self.fields(node)

    def call(self, node: ast.Call) -> None:
        """Write a call, without the words that a silent function is given."""
        if self.given(node.func) in ("importlib.import_module", "__import__") and node.args:
            self.imported(node.args[0])
        if self.is_silent(node.func):
            self.wordless(node, keywords_only=not _CLASS.fullmatch(node.func.id))
        else:
            self.fields(node)

    def wordless(self, call: ast.Call, keywords_only: bool = False) -> None:
        """Write a call without the strings that it is given.

        With `keywords_only` those without a keyword count: what is iterated over may be a string.
        """
        self.text.append("Call")
        self.write(call.func)
        for part in (*call.args, *call.keywords):
            named = isinstance(part, ast.keyword)
            value = part.value if named else part
            words = _is_string(value) or isinstance(value, ast.JoinedStr)
            if not words or (keywords_only and not named):
                self.write(part)
        self.text.append(")")

    def imported(self, name: ast.expr) -> None:
        """Note the modules that are imported by a name in words, parts of which may vary."""
        pieces = name.values if isinstance(name, ast.JoinedStr) else [name]
        pattern = "".join(each.value if _is_string(each) else "*" for each in pieces)
        if pattern.partition(".")[0] == self.source.package or pattern[:1] in ("*", "."):
            pattern = f"*{pattern}" if pattern.startswith(".") else pattern
            self.refer(Name(pattern))
            self.scope.loads.add(pattern)

    def error(self, node: ast.Raise) -> None:
        """Write which error is raised, without its words unless they are told."""
        call = node.exc
        if not isinstance(call, ast.Call) or self.is_told(call.func):
            self.fields(node)
            return
        self.text.append("Raise")
        if self.is_silent(call.func) or self.given(call.func) in _WORDS_ONLY:
            self.write(call.func)
        else:
            self.wordless(call)

    def condition(self, node: ast.If) -> None:
        """Write a condition, unless it is for type checkers."""
        if _is_type_checking(node):
            for each in node.orelse:
                self.write(each)
        else:
            self.fields(node)

    def class_(self, node: ast.ClassDef) -> None:
        """Write a class; the annotations in it count, for they make the fields of a dataclass."""
        annotated = [each for each in node.body if isinstance(each, ast.AnnAssign)]
        self.text += [ast.unparse(each.annotation) for each in annotated]
        self.fields(node)


_WRITERS = {
    ast.Attribute: _Writer.attribute,
    ast.Call: _Writer.call,
    ast.ClassDef: _Writer.class_,
    ast.Constant: lambda writer, node: writer.text.append(f"={node.value!r}"),
    ast.Expr: _Writer.expression,
    ast.If: _Writer.condition,
    ast.Import: lambda writer, node: None,
    ast.ImportFrom: lambda writer, node: None,
    ast.Name: lambda writer, node: writer.name(node.id),
    ast.Raise: _Writer.error,
}
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
_ACTS = (ast.NamedExpr, ast.Await, ast.Yield, ast.YieldFrom)
# The field with the name that a node binds, and the field that does not count.
_BINDERS = {
    **dict.fromkeys((ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef), "name"),
    **dict.fromkeys((ast.ExceptHandler, ast.MatchAs, ast.MatchStar), "name"),
    **{ast.arg: "arg", ast.MatchMapping: "rest"},
}
_SKIPPED = {
    **dict.fromkeys((ast.FunctionDef, ast.AsyncFunctionDef), "returns"),
    **dict.fromkeys((ast.arg, ast.AnnAssign), "annotation"),
    ast.Assert: "msg",
}


@cache
def _fields(kind: type[ast.AST]) -> tuple[str, ...]:
    """Return the fields of a kind of node that count."""
    skipped = {"ctx", "kind", "type_comment", _SKIPPED.get(kind)}
    return tuple(name for name in kind._fields if name not in skipped)


def _parts(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes in a node that count."""
    for name in ("orelse",) if _is_type_checking(node) else _fields(type(node)):
        value = getattr(node, name, None)
        for each in value if isinstance(value, list) else (value,):
            if isinstance(each, ast.AST):
                yield each


def _is_string(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _is_text(node: ast.AST) -> bool:
    """Whether a statement is a bare string: a docstring or a comment in its guise."""
    return isinstance(node, ast.Expr) and _is_string(node.value)


def _is_type_checking(node: ast.AST) -> bool:
    test = node.test if isinstance(node, ast.If) else None
    return getattr(test, "attr", getattr(test, "id", None)) == "TYPE_CHECKING"


def _is_main(node: ast.If) -> bool:
    return ast.unparse(node.test) == "__name__ == '__main__'"


def _makes_logger(node: ast.AST) -> bool:
    value = getattr(node, "value", None)
    return isinstance(value, ast.Call) and ast.unparse(value.func) == "logging.getLogger"
