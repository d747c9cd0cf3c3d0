"""A fingerprint of the project's code that a workflow script reaches.

Snakemake notices an edited script but not an edited module that the script imports. Each rule
therefore carries the fingerprint of its script among its parameters. Modules are parsed, never
imported, so that parsing the Snakefile stays fast; comments, docstrings, formatting do not count.

What cannot be seen: imports whose name is computed, and data files that a module reads; name such
files as `extra`.
"""

import ast
import hashlib
import warnings
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from lstm_units.errors import UserError

# A change of the way fingerprints are made must not look like unchanged code.
_VERSION = b"1"


def fingerprint(
    entry: str | Path | Sequence[str | Path],
    package_root: str | Path,
    package: str = "lstm_units",
    extra: Sequence[str | Path] = (),
) -> str:
    """Hash the syntax trees of an entry and of all project modules that it reaches by imports.

    Parameters
    ----------
    entry : str, Path or sequence of these
        Workflow scripts (Path) and names of modules such as ``"lstm_units.sweep"`` (str).
    package_root : str or Path
        Folder of the package: the one that holds its modules.
    package : str
        Name of the package. Its ``__init__`` is left out: all modules would hang on it.
    extra : sequence of str or Path
        Data files that the code reads, hashed by their bytes; relative to `package_root`.

    Returns
    -------
    str
        16 hexadecimal digits. They depend on neither the place of the files nor the version of
        Python, as far as both parse the code alike.

    Raises
    ------
    UserError
        If a module that is imported does not exist, a file cannot be parsed, or an import hides
        which module it uses (``import lstm_units``, ``from lstm_units import *``).
    """
    root = Path(package_root)
    scripts, modules = _reach(entry, root, package)
    digest = hashlib.sha256(_VERSION)
    for path in scripts:
        digest.update(b"\0script\0" + _parsed(*_state(path, "the workflow"), package, "").digest)
    for name in sorted(modules):
        path = _module_path(name, root, package)
        parsed = _parsed(*_state(path, name), package, _parent(name, path))
        digest.update(b"\0module\0" + name.encode() + b"\0" + parsed.digest)
    for path in extra:
        try:
            content = (root / path).read_bytes()
        except OSError as error:
            raise UserError(f"cannot read {root / path}: {error.strerror or error}") from error
        digest.update(b"\0file\0" + Path(path).name.encode() + b"\0")
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()[:16]


def explain(
    entry: str | Path | Sequence[str | Path],
    package_root: str | Path,
    package: str = "lstm_units",
) -> list[str]:
    """Return the sorted names of the modules on which `fingerprint` of the same entry rests.

    Parameters
    ----------
    entry, package_root, package
        As in `fingerprint`.

    Returns
    -------
    list of str

    Raises
    ------
    UserError
        As in `fingerprint`.
    """
    return sorted(_reach(entry, Path(package_root), package)[1])


def _reach(
    entry: str | Path | Sequence[str | Path], root: Path, package: str
) -> tuple[list[Path], set[str]]:
    """Return the scripts among the entries and the closure of their modules."""
    entries = [entry] if isinstance(entry, str | Path) else list(entry)
    scripts = [e for e in entries if isinstance(e, Path)]
    named = [(e, None) for e in entries if isinstance(e, str)]
    first = "the list of entries"
    waiting = [(name, first) for name in _modules(named, root, package, first)]
    for path in scripts:
        imports = _parsed(*_state(path, "the workflow"), package, "").imports
        waiting += [(name, str(path)) for name in _modules(imports, root, package, str(path))]
    reached: set[str] = set()
    while waiting:
        name, importer = waiting.pop()
        if name in reached:
            continue
        reached.add(name)
        path = _module_path(name, root, package)
        if path is None:
            raise UserError(
                f"{importer} imports {name}, but {root} holds no such module; mend the import "
                "or add the file"
            )
        imports = _parsed(*_state(path, importer), package, _parent(name, path)).imports
        waiting += [(n, name) for n in _modules(imports, root, package, name)]
    return scripts, reached


def _module_path(name: str, root: Path, package: str) -> Path | None:
    """Return the file of a module, or None where there is none."""
    base = root.joinpath(*name.split(".")[package.count(".") + 1 :])
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


def _parent(name: str, path: Path) -> str:
    """Return the package against which relative imports of a module are read."""
    return name if path.name == "__init__.py" else name.rpartition(".")[0]


def _modules(
    imports: Sequence[tuple[str, str | None]], root: Path, package: str, importer: str
) -> Iterator[str]:
    """Turn imports (module, name) into modules; a name may be a module or stand in one."""
    for module, name in imports:
        if name is not None and _module_path(f"{module}.{name}", root, package):
            module, name = f"{module}.{name}", None
        if module == package:
            if name is not None and name.startswith("__"):
                continue  # such as __version__
            what = f"from {package} import {name}" if name else f"import {package}"
            raise UserError(
                f"{importer} has `{what}`, which does not say which module is used; write "
                f"`from {package}.MODULE import NAME`, so that an edit of MODULE reruns its jobs"
            )
        # Importing a.b.c runs a.b's __init__ too; only the outermost package's is left out.
        parts = module.split(".")
        depth = package.count(".") + 2
        for end in range(depth, len(parts)):
            parent = ".".join(parts[:end])
            if _module_path(parent, root, package):
                yield parent
        yield module


class _Parsed:
    """What is kept of a parsed file: the digest of its syntax tree, and its project imports."""

    def __init__(self, digest: bytes, imports: tuple[tuple[str, str | None], ...]) -> None:
        self.digest = digest
        self.imports = imports


def _state(path: Path, importer: str) -> tuple[str, int, int]:
    try:
        state = path.stat()
    except OSError as error:
        raise UserError(
            f"cannot read {path}, which {importer} names: {error.strerror or error}"
        ) from error
    return str(path), state.st_mtime_ns, state.st_size


@lru_cache(maxsize=1024)
def _parsed(path: str, mtime: int, size: int, package: str, parent: str) -> _Parsed:
    """Parse a file once per process and state."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the code itself will warn when it runs
            tree = ast.parse(Path(path).read_bytes(), filename=path)
    except (SyntaxError, ValueError, OSError) as error:
        raise UserError(f"cannot parse {path}: {error}") from error
    pieces: list[str] = []
    imports: list[tuple[str, str | None]] = []
    _walk(tree, pieces, imports, package, parent)
    digest = hashlib.sha256("\x1f".join(pieces).encode("utf-8", "surrogatepass")).digest()
    return _Parsed(digest, tuple(dict.fromkeys(imports)))


def _walk(
    node: ast.AST,
    pieces: list[str],
    imports: list[tuple[str, str | None]],
    package: str,
    parent: str,
) -> None:
    """Write the tree without positions, docstrings and empty fields, and collect the imports.

    Empty fields are left out because Python versions differ in them (``type_params``), so that
    another Python does not rerun everything.
    """
    kind = type(node)
    pieces.append(kind.__name__)
    if kind is ast.Import or kind is ast.ImportFrom or kind is ast.Call:
        imports += _project_imports(node, package, parent)
    for name in node._fields:
        value = getattr(node, name, None)
        if value is None and not (kind is ast.Constant and name == "value"):
            continue
        if isinstance(value, list):
            if not value:
                continue
            pieces.append(name)
            pieces.append("[")
            for entry in value:
                if not isinstance(entry, ast.AST):
                    pieces.append(repr(entry))
                elif _is_text(entry):
                    continue
                elif isinstance(entry, ast.If) and _is_type_checking(entry.test):
                    for other in entry.orelse:
                        _walk(other, pieces, imports, package, parent)
                else:
                    _walk(entry, pieces, imports, package, parent)
            pieces.append("]")
        elif isinstance(value, ast.AST):
            if not value._fields:  # contexts and operators
                pieces.append(type(value).__name__)
                continue
            pieces.append(name)
            _walk(value, pieces, imports, package, parent)
        else:
            pieces.append(name)
            pieces.append(repr(value))
    pieces.append(")")


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


def _project_imports(node: ast.AST, package: str, parent: str) -> Iterator[tuple[str, str | None]]:
    """Yield module and imported name of each import of the project."""

    def ours(name: str) -> bool:
        return name == package or name.startswith(f"{package}.")

    if isinstance(node, ast.Import):
        yield from ((alias.name, None) for alias in node.names if ours(alias.name))
    elif isinstance(node, ast.ImportFrom):
        module = node.module or ""
        if node.level and parent:
            base = parent.rsplit(".", node.level - 1)[0] if node.level > 1 else parent
            module = f"{base}.{module}".rstrip(".")
        if ours(module):
            yield from ((module, alias.name) for alias in node.names)
    elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
        name = getattr(node.func, "attr", getattr(node.func, "id", None))
        target = node.args[0].value
        if name in ("import_module", "__import__") and isinstance(target, str) and ours(target):
            yield target, None
