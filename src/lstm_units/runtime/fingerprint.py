"""A fingerprint of the project's code that a workflow script reaches, definition by definition.

Snakemake notices an edited script but not an edited function that the script calls. Each rule
therefore carries the fingerprint of its script among its parameters. Files are parsed, never
imported, so that parsing the Snakefile stays fast.

The unit is a definition: a function, a class or a constant at the top of a module. A fingerprint
covers the definitions that a script reaches through the names it uses, each with what it reaches in
turn; of a name only what it stands for counts, so a module may move and be renamed. Comments,
docstrings, formatting and annotations of functions do not count, nor do the words of errors, log
messages and progress, nor `SILENT` modules.

What cannot be seen: imports whose name is computed, and data files that a module reads; name such
files as `extra`.
"""

import ast
import builtins
import hashlib
import warnings
from collections import ChainMap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from lstm_units.errors import UserError

# A change of the way fingerprints are made must not look like unchanged code.
_VERSION = "2"

# Modules that give nothing to a result, and why; `tests/runtime/test_fingerprint.py` holds them to it.
SILENT = {
    "lstm_units.errors": "an error ends its job without a result",
    "lstm_units.runtime.console": "messages and progress; what is iterated over passes unchanged",
}
_LOG_METHODS = {"debug", "info", "warning", "error", "exception", "log"}


@dataclass(frozen=True)
class _Name:
    """A name of the project: a module and what follows in the code, such as ``Class.method``.

    With no `name` all of the module is meant, with an empty one what runs when it is imported.
    """

    module: str
    name: str | None


@dataclass
class _Definition:
    """The text of a definition without what does not count, and the names that it uses."""

    text: list[str | _Name] = field(default_factory=list)

    @property
    def names(self) -> list[_Name]:
        return [piece for piece in self.text if isinstance(piece, _Name)]


@dataclass(frozen=True)
class _Module:
    """What a module defines and imports; `body` is what runs on import beside definitions."""

    definitions: Mapping[str, _Definition]
    imports: Mapping[str, _Name | str]
    body: _Definition


class Code:
    """The project's code as it is now.

    Parameters
    ----------
    package_root : str or Path
        Folder of the package: the one that holds its modules.
    package : str
        Name of the package. Its ``__init__`` is left out: all modules would hang on it.
    silent : iterable of str
        Modules whose definitions count for nothing.
    """

    def __init__(
        self,
        package_root: str | Path,
        package: str = "lstm_units",
        silent: Sequence[str] = tuple(SILENT),
    ) -> None:
        self._root = Path(package_root)
        self._package = package
        self._silent = frozenset(silent)
        self._labels: dict[_Name, str] = {}
        self._targets: dict[_Name, tuple[_Name, ...]] = {}

    def fingerprint(
        self, entry: str | Path | Sequence[str | Path], extra: Sequence[str | Path] = ()
    ) -> str:
        """Hash what an entry and all that it reaches would do.

        Parameters
        ----------
        entry : str, Path or sequence of these
            Workflow scripts (Path), names of modules such as ``"lstm_units.interventions.sweep"``
            or of their definitions (``"lstm_units.interventions.sweep.sweep"``).
        extra : sequence of str or Path
            Data files that the code reads, hashed by their bytes; relative to the package.

        Returns
        -------
        str
            16 hexadecimal digits. They depend on neither the names and places of modules nor the
            version of Python, as far as both parse the code alike.

        Raises
        ------
        UserError
            If a module or definition that is imported does not exist, a file cannot be parsed, or
            an import hides what it uses (``import lstm_units``, ``from lstm_units.a import *``).
        """
        digest = hashlib.sha256(_VERSION.encode())
        for definition in self._entries(entry):
            for name in definition.names:
                for target in self._resolve(name):
                    self._label(target)
            digest.update(b"\0entry\0" + self._hash(definition, self._labels, "an entry").encode())
        for path in extra:
            try:
                content = (self._root / path).read_bytes()
            except OSError as error:
                raise UserError(
                    f"cannot read {self._root / path}: {error.strerror or error}"
                ) from error
            digest.update(b"\0file\0" + Path(path).name.encode() + b"\0")
            digest.update(hashlib.sha256(content).digest())
        return digest.hexdigest()[:16]

    def explain(self, entry: str | Path | Sequence[str | Path]) -> list[str]:
        """Name the definitions on which the fingerprint of an entry rests, sorted.

        Raises
        ------
        UserError
            As in `fingerprint`.
        """
        waiting = [n for d in self._entries(entry) for name in d.names for n in self._resolve(name)]
        reached: set[_Name] = set()
        while waiting:
            name = waiting.pop()
            if name not in reached:
                reached.add(name)
                waiting += self._uses(name)
        return sorted(f"{name.module}.{name.name}" for name in reached if name.name != "")

    def _entries(self, entry: str | Path | Sequence[str | Path]) -> list[_Definition]:
        """Return each entry as a definition."""
        entries = [entry] if isinstance(entry, str | Path) else list(entry)
        found = []
        for each in entries:
            if isinstance(each, Path):
                state = _state(each, "the workflow")
                found.append(_parsed(*state, self._package, "", self._silent).body)
            elif self._path(each):
                found.append(_Definition([_Name(each, None)]))
            else:
                module, _, name = each.rpartition(".")
                found.append(_Definition([_Name(module, name)]))
        return found

    def _path(self, module: str) -> Path | None:
        """Return the file of a module, or None where there is none."""
        base = self._root.joinpath(*module.split(".")[self._package.count(".") + 1 :])
        for path in (base.with_suffix(".py"), base / "__init__.py"):
            if path.is_file():
                return path
        return None

    def _module(self, name: str, importer: str) -> _Module:
        path = self._path(name)
        if path is None or name == self._package:
            raise UserError(
                f"{importer} imports {name}, but {self._root} holds no such module; mend the "
                "import or add the file"
            )
        return _parsed(*_state(path, importer), self._package, name, self._silent)

    def _resolve(self, name: _Name, importer: str = "an entry") -> tuple[_Name, ...]:
        """Follow a name to the definitions it stands for, through imports of imports.

        With them come the statements that run when their modules and the packages above these are
        imported, as the definition ``""``.
        """
        if name in self._targets:
            return self._targets[name]
        module, wanted, _ = self._split(name)
        if module == self._package:
            what = f"from {module} import {wanted}" if wanted else f"import {module}"
            raise UserError(
                f"{importer} has `{what}`, which does not say which module is used; write "
                f"`from {module}.MODULE import NAME`, so that an edit of MODULE reruns its jobs"
            )
        parsed = self._module(module, importer)
        found: list[_Name] = []
        if module not in self._silent:
            parts = module.split(".")
            above = [".".join(parts[:n]) for n in range(self._package.count(".") + 2, len(parts))]
            found = [_Name(each, "") for each in (*above, module) if self._path(each)]
            if wanted is None:
                found += [_Name(module, each) for each in parsed.definitions]
                for each in parsed.imports.values():
                    found += self._resolve(each, module) if isinstance(each, _Name) else ()
            elif wanted in parsed.definitions:
                found.append(_Name(module, wanted))
            elif isinstance(parsed.imports.get(wanted), _Name):
                found += self._resolve(parsed.imports[wanted], module)
            elif wanted not in parsed.imports:
                raise UserError(
                    f"{importer} uses {wanted} of {module}, which holds no such definition; mend "
                    "the import"
                )
        self._targets[name] = tuple(dict.fromkeys(found))
        return self._targets[name]

    def _split(self, name: _Name) -> tuple[str, str | None, str]:
        """Return the module of a name, its definition there or None, and what follows."""
        module, parts = name.module, (name.name or "").split(".")
        while parts and parts[0] and self._path(f"{module}.{parts[0]}"):
            module = f"{module}.{parts.pop(0)}"
        if name.name == "":
            return module, "", ""
        return module, parts[0] or None if parts else None, ".".join(parts[1:])

    def _definition(self, name: _Name) -> _Definition:
        module = self._module(name.module, name.module)
        return module.definitions[name.name] if name.name else module.body

    def _uses(self, name: _Name) -> list[_Name]:
        """Return the definitions that a definition uses."""
        return [
            target
            for used in self._definition(name).names
            for target in self._resolve(used, name.module)
        ]

    def _hash(self, definition: _Definition, labels: Mapping[_Name, str], importer: str) -> str:
        """Hash the text of a definition, each name in it replaced by the label of its target."""
        pieces = [
            piece
            if isinstance(piece, str)
            else "\x1e".join(
                (
                    self._split(piece)[2],
                    *(labels.get(each, "") for each in self._resolve(piece, importer)),
                )
            )
            for piece in definition.text
        ]
        text = "\x1f".join(pieces).encode("utf-8", "surrogatepass")
        return hashlib.sha256(text).hexdigest()

    def _label(self, start: _Name) -> None:
        """Label a definition and all that it reaches, each by its text and the labels of its uses.

        Definitions that use each other in a circle (found as in Tarjan 1972) get their labels
        together: begun without labels of one another, and hashed anew as often as there are of
        them, so that each label depends on the whole circle.
        """
        order: dict[_Name, int] = {}
        lowest: dict[_Name, int] = {}
        stack: list[_Name] = []

        def visit(name: _Name) -> None:
            order[name] = lowest[name] = len(order)
            stack.append(name)
            for used in self._uses(name):
                if used in self._labels:
                    continue
                if used not in order:
                    visit(used)
                lowest[name] = min(lowest[name], lowest[used])
            if lowest[name] != order[name]:
                return
            circle = stack[stack.index(name) :]
            del stack[-len(circle) :]
            labels: dict[_Name, str] = {}
            for _ in circle:
                known = ChainMap(labels, self._labels)
                labels = {
                    each: self._hash(self._definition(each), known, each.module) for each in circle
                }
            self._labels.update(labels)

        if start not in self._labels:
            visit(start)


def fingerprint(
    entry: str | Path | Sequence[str | Path],
    package_root: str | Path,
    package: str = "lstm_units",
    extra: Sequence[str | Path] = (),
) -> str:
    """Hash the code that an entry reaches: `Code.fingerprint` of the code as it is now."""
    return Code(package_root, package).fingerprint(entry, extra)


def explain(
    entry: str | Path | Sequence[str | Path], package_root: str | Path, package: str = "lstm_units"
) -> list[str]:
    """Name the definitions that an entry reaches: `Code.explain` of the code as it is now."""
    return Code(package_root, package).explain(entry)


def _state(path: Path, importer: str) -> tuple[str, int, int]:
    try:
        state = path.stat()
    except OSError as error:
        raise UserError(
            f"cannot read {path}, which {importer} names: {error.strerror or error}"
        ) from error
    return str(path), state.st_mtime_ns, state.st_size


@lru_cache(maxsize=2048)
def _parsed(
    path: str, mtime: int, size: int, package: str, module: str, silent: frozenset[str]
) -> _Module:
    """Parse a file once per process and state; `module` is empty for a script."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the code itself will warn when it runs
            tree = ast.parse(Path(path).read_bytes(), filename=path)
    except (SyntaxError, ValueError, OSError) as error:
        raise UserError(f"cannot parse {path}: {error}") from error
    where = _Where(package, module, path, silent)
    imports: dict[str, _Name | str] = {}
    for node in _in_scope(tree.body):
        if isinstance(node, ast.Import | ast.ImportFrom):
            imports |= where.imported(node)
    if not module:  # a script is one definition, whose own names are local
        script = _Writer(where, {}, imports, frozenset())
        script.scopes.append(dict.fromkeys(_bound(tree.body)) | imports)
        script.block(tree.body)
        return _Module({}, imports, script.written)
    defined: dict[str, list[ast.stmt]] = {}
    effects: list[ast.stmt] = []
    for node in _statements(tree.body):
        if isinstance(node, ast.Import | ast.ImportFrom):
            continue
        names = _bound([node])
        if names & set(imports) or (
            not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            and (not isinstance(node, ast.Assign | ast.AnnAssign) or not names)
        ):
            effects.append(node)
        for name in names:
            defined.setdefault(name, []).append(node)
    own = {name: _Name(module, name) for name in defined}
    loggers = frozenset(name for name, nodes in defined.items() if _makes_logger(nodes[0]))

    def written(nodes: Sequence[ast.stmt]) -> _Definition:
        writer = _Writer(where, own, imports, loggers)
        writer.block(nodes)
        return writer.written

    return _Module({n: written(nodes) for n, nodes in defined.items()}, imports, written(effects))


@dataclass(frozen=True)
class _Where:
    """Where code stands, for imports relative to it."""

    package: str
    module: str
    path: str
    silent: frozenset[str]

    def ours(self, name: str) -> bool:
        return name == self.package or name.startswith(f"{self.package}.")

    def imported(self, node: ast.Import | ast.ImportFrom) -> dict[str, _Name | str]:
        """Return what each name stands for that an import binds: ours, or another's in words."""
        found: dict[str, _Name | str] = {}
        if isinstance(node, ast.Import):
            for alias in node.names:
                if not self.ours(alias.name):
                    found[alias.asname or alias.name.partition(".")[0]] = (
                        alias.name if alias.asname else alias.name.partition(".")[0]
                    )
                elif alias.asname:
                    found[alias.asname] = _Name(alias.name, None)
                else:  # `import a.b` binds a; `a.b.c` is resolved where it is used
                    found[self.package] = _Name(self.package, None)
            return found
        module = node.module or ""
        if node.level and self.module:
            parts = self.module.split(".")
            drop = node.level - (Path(self.path).name == "__init__.py")
            module = ".".join([*parts[: len(parts) - drop], *filter(None, [module])])
        for alias in node.names:
            if not self.ours(module):
                found[alias.asname or alias.name] = f"{module}.{alias.name}"
            elif alias.name == "*":
                raise UserError(
                    f"{self.module or self.path} has `from {module} import *`, which does not say "
                    f"what is used; write `from {self.package}.MODULE import NAME`, so that an "
                    "edit of MODULE reruns its jobs"
                )
            elif module == self.package and alias.name.startswith("__"):
                found[alias.asname or alias.name] = f"{module}.{alias.name}"
            else:
                found[alias.asname or alias.name] = _Name(module, alias.name)
        return found


class _Writer:
    """Writes syntax trees as text, without what does not count, and with the project's names apart.

    Empty fields are left out because Python versions differ in them (``type_params``), so that
    another Python does not rerun everything.
    """

    def __init__(
        self,
        where: _Where,
        own: Mapping[str, _Name],
        imports: Mapping[str, _Name | str],
        loggers: frozenset[str],
    ) -> None:
        self.where, self.loggers = where, loggers
        self.written = _Definition()
        # From the outermost in: what each name stands for; None for a local variable.
        self.scopes: list[Mapping[str, _Name | str | None]] = [{**own, **imports}]

    def meaning(self, name: str) -> "_Name | str | None":
        """Return what a name stands for; a local variable and a builtin stand for themselves."""
        for scope in reversed(self.scopes):
            if name in scope:
                return scope[name]
        return None

    def dotted(self, node: ast.AST) -> "_Name | None":
        """Return the project's name that ``module.name`` or ``Class.name`` is, or None."""
        names: list[str] = []
        while isinstance(node, ast.Attribute):
            names.insert(0, node.attr)
            node = node.value
        base = self.meaning(node.id) if isinstance(node, ast.Name) else None
        if not isinstance(base, _Name):
            return None
        return _Name(base.module, ".".join(filter(None, [base.name, *names])))

    def put(self, *pieces: "str | _Name") -> None:
        self.written.text += pieces

    def block(self, nodes: Sequence[ast.AST]) -> None:
        """Write statements or other nodes one after the other."""
        self.put("[")
        for node in nodes:
            self.node(node)
        self.put("]")

    def node(self, node: ast.AST) -> None:
        """Write a node and what is in it."""
        if (
            isinstance(node, ast.Import | ast.ImportFrom)
            or _is_text(node)
            or self._is_message(node)
        ):
            return
        if isinstance(node, ast.If) and _is_type_checking(node.test):
            self.block(node.orelse)
        elif isinstance(node, ast.Name):
            meaning = self.meaning(node.id)
            self.put("name", node.id if meaning is None else meaning)
        elif isinstance(node, ast.Attribute):
            self._attribute(node)
        elif isinstance(node, ast.Raise) and self._is_error(node.exc):
            self.put("raise", ast.unparse(node.exc.func))
        elif isinstance(node, ast.Call) and self._is_silent(node.func):
            self.put("silent")
            for part in (*node.args, *(keyword.value for keyword in node.keywords)):
                if not isinstance(part, ast.JoinedStr | ast.Constant):
                    self.node(part)
        else:
            if isinstance(node, ast.Call):
                self._imported_by_name(node)
            self._fields(node)

    def _fields(self, node: ast.AST) -> None:
        """Write the kind of a node and its fields; a function opens a scope."""
        self.put(type(node).__name__)
        function = isinstance(node, _FUNCTIONS)
        skipped = {"returns", "annotation"} if function or isinstance(node, ast.arg) else set()
        if isinstance(node, ast.Assert):
            skipped = {"msg"}
        if isinstance(node, ast.AnnAssign):  # of a class the words count, as in ClassVar
            skipped = {"annotation"}
            if len(self.scopes) == 1:
                self.put(ast.unparse(node.annotation))
        if function and len(self.scopes) == 1:
            skipped.add("name")  # what a definition is called does not matter
        # What is worked out before the scope opens is written before, too.
        if function:
            defaults = (*node.args.defaults, *node.args.kw_defaults)
            self.block([each for each in defaults if each])
        if comprehension := isinstance(node, _COMPREHENSIONS):
            self.node(node.generators[0].iter)
            self.scopes.append(dict.fromkeys(_bound([g.target for g in node.generators])))
        inner = ("args", "body") if function else ()
        for name in node._fields:
            value = getattr(node, name, None)
            constant = isinstance(node, ast.Constant) and name == "value"
            if name in skipped or (not constant and (value is None or value == [])):
                continue
            self.put(name)
            if name in inner:
                self.scopes.append(self._scope(node))
            if isinstance(value, list):
                self.put("[")
                for each in value:
                    self.node(each) if isinstance(each, ast.AST) else self.put(repr(each))
                self.put("]")
            elif isinstance(value, ast.AST):
                self.node(value)
            else:
                self.put(repr(value))
            if name in inner:
                self.scopes.pop()
        if comprehension:
            self.scopes.pop()
        self.put(")")

    def _scope(self, function: ast.AST) -> dict[str, "_Name | str | None"]:
        """Return what the names mean that a function binds: its arguments, variables, imports."""
        arguments = function.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        every += [each for each in (arguments.vararg, arguments.kwarg) if each]
        body = function.body if isinstance(function.body, list) else [function.body]
        scope: dict[str, _Name | str | None] = dict.fromkeys(each.arg for each in every)
        scope |= dict.fromkeys(_bound(body))
        for node in _in_scope(body):
            if isinstance(node, ast.Import | ast.ImportFrom):
                scope |= self.where.imported(node)
            elif isinstance(node, ast.Global):
                scope |= {name: self.scopes[0].get(name) for name in node.names}
        return scope

    def _attribute(self, node: ast.Attribute) -> None:
        """Write ``module.name`` as the name it is, and any other attribute as it stands."""
        found = self.dotted(node)
        if found is None:
            self._fields(node)
        else:
            self.put("name", found)

    def _imported_by_name(self, call: ast.Call) -> None:
        """Note a module that is imported by its name in words."""
        if not call.args or not isinstance(call.args[0], ast.Constant):
            return
        function = getattr(call.func, "attr", getattr(call.func, "id", None))
        target = call.args[0].value
        if function in ("import_module", "__import__") and isinstance(target, str):
            if self.where.ours(target):
                self.put(_Name(target, None))

    def _is_silent(self, function: ast.AST) -> bool:
        meaning = self.meaning(function.id) if isinstance(function, ast.Name) else None
        return isinstance(meaning, _Name) and meaning.module in self.where.silent

    def _is_error(self, raised: ast.AST | None) -> bool:
        """Whether an error is raised with words of its own: one of `SILENT`, or a builtin."""
        if not isinstance(raised, ast.Call) or not isinstance(raised.func, ast.Name):
            return False
        name = raised.func.id
        builtin = self.meaning(name) is None and isinstance(getattr(builtins, name, None), type)
        return builtin or self._is_silent(raised.func)

    def _is_message(self, node: ast.AST) -> bool:
        """Whether a statement does nothing but print, log or warn."""
        if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Call):
            return False
        function = node.value.func
        if isinstance(function, ast.Name):
            return function.id == "print" and self.meaning("print") is None
        if not isinstance(function, ast.Attribute) or not isinstance(function.value, ast.Name):
            return False
        name, meaning = function.value.id, self.meaning(function.value.id)
        if name in self.loggers and isinstance(meaning, _Name):
            return function.attr in _LOG_METHODS
        return meaning == "warnings" and function.attr == "warn"


def _statements(nodes: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a module that count when it is imported."""
    for node in nodes:
        if (isinstance(node, ast.If) and _is_type_checking(node.test)) or (
            isinstance(node, ast.If) and _is_main(node.test)
        ):
            yield from _statements(node.orelse)
        elif not _is_text(node):
            yield node


def _in_scope(nodes: Sequence[ast.AST]) -> Iterator[ast.AST]:
    """Yield all nodes but those inside functions, lambdas and classes, and type-checking imports."""
    for node in nodes:
        if isinstance(node, ast.If) and _is_type_checking(node.test):
            yield from _in_scope(node.orelse)
            continue
        yield node
        if isinstance(node, _SCOPES):
            continue
        yield from _in_scope(list(ast.iter_child_nodes(node)))


_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_SCOPES = (*_FUNCTIONS, ast.ClassDef, *_COMPREHENSIONS)


def _bound(nodes: Sequence[ast.AST]) -> set[str]:
    """Return the names that nodes bind in their scope; what a comprehension binds is its own."""
    names: set[str] = set()
    for node in _in_scope(nodes):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
            names.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or (
            isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name
        ):
            names.add(node.name)
        elif isinstance(node, ast.MatchMapping) and node.rest:
            names.add(node.rest)
    return names


def _is_text(node: ast.AST) -> bool:
    """Whether a statement is a bare string: a docstring or a comment in its guise."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _is_type_checking(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", None)
    return name == "TYPE_CHECKING"


def _is_main(test: ast.expr) -> bool:
    return isinstance(test, ast.Compare) and getattr(test.left, "id", None) == "__name__"


def _makes_logger(node: ast.stmt) -> bool:
    call = getattr(node, "value", None)
    return isinstance(call, ast.Call) and ast.unparse(call.func) == "logging.getLogger"
