"""A fingerprint of the project's code that a workflow script reaches, definition by definition.

Snakemake notices an edited script but not an edited function that the script calls. Each rule
therefore carries the fingerprint of its script among its parameters. Files are parsed, never
imported, so that it costs little.

The unit is a definition: a function, a class or a constant at the top of a module. A fingerprint
covers the definitions that a script reaches through the names it uses, each with what it reaches in
turn, and the statements with effects, such as ``TABLE.update(...)``, of all modules imported on the
way. Of a name only what it stands for counts, so modules and definitions may move and be renamed.
Comments, docstrings, formatting and annotations of functions do not count, nor do the words of
errors, log messages and progress, nor what `SILENT` modules do.

What cannot be seen: data files that a module reads (name them as `extra`), and code that looks at
names, docstrings or annotations of functions while it runs.
"""

import fnmatch
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from lstm_units.errors import UserError
from lstm_units.runtime.definitions import (
    Definition,
    Module,
    Name,
    Source,
    read_definitions,
    with_above,
)

# A change of the way fingerprints are made must not look like unchanged code.
_VERSION = "3"

# Modules that give nothing to a result, and why: their functions count by name only, and strings
# that are handed to them not at all. `tests/runtime/test_silent_modules.py` holds them to it.
SILENT = {
    "lstm_units.errors": "an error ends its job without a result, but for those that are `TOLD`",
    "lstm_units.runtime.console": "messages and progress; what is iterated over passes unchanged",
}
# Errors whose words are written in the place of results, so that these words count.
TOLD = ("lstm_units.errors.NotRun",)
# The package's own ``__init__`` counts as empty.
_ROOT = Module({}, {}, Definition(b"", (), ()))


class _Key(NamedTuple):
    """A definition of a module."""

    module: str
    name: str


# What a name stands for (what other packages give in words), and what is left of its path.
_Target = tuple[_Key | str, tuple[str, ...]]


class Code:
    """The project's code as it is now.

    Parameters
    ----------
    package_root : str or Path
        Folder of the package: the one that holds its modules.
    package : str
        Name of the package. Its ``__init__`` is left out: all modules would hang on it.
    silent : iterable of str
        Modules like those of `SILENT`.
    told : iterable of str
        Errors like those of `TOLD`.
    """

    def __init__(
        self,
        package_root: str | Path,
        package: str = "lstm_units",
        silent: Iterable[str] = tuple(SILENT),
        told: Iterable[str] = TOLD,
    ) -> None:
        self._root = Path(package_root)
        self._package = package
        self._silent = frozenset(silent)
        self._told = frozenset(told)
        self._paths: dict[str, Path | None] = {}
        self._modules: dict[str, Module] = {}
        self._resolved: dict[Name, list[_Target]] = {}

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
            If a module or definition that is used does not exist, a file cannot be parsed, or an
            import hides what it uses (``import lstm_units``, ``from lstm_units.a import *``).
        """
        digest = hashlib.sha256(_VERSION.encode())
        digest.update(self._follow(entry)[0])
        for path in extra:
            digest.update(b"\0file\0" + Path(path).name.encode() + b"\0")
            try:
                digest.update(hashlib.sha256((self._root / path).read_bytes()).digest())
            except OSError as error:
                raise UserError(
                    f"cannot read {self._root / path}: {error.strerror or error}"
                ) from error
        return digest.hexdigest()[:16]

    def explain(self, entry: str | Path | Sequence[str | Path]) -> list[str]:
        """Name the definitions on which the fingerprint of an entry rests, sorted.

        Raises
        ------
        UserError
            As in `fingerprint`.
        """
        return sorted(
            ".".join(key) for key in self._follow(entry)[1] if key.module not in self._silent
        )

    def _follow(self, entry: str | Path | Sequence[str | Path]) -> tuple[bytes, set[_Key]]:
        """Write down an entry and all that it reaches; return what is reached, too.

        Definitions are numbered as they are met, and numbers stand in place of names, so that what
        is written tells what each name stands for; definitions may use each other in a circle.
        """
        entries = [entry] if isinstance(entry, str | Path) else list(entry)
        waiting = [(str(each), self._entry(each)) for each in entries]
        numbers: dict[_Key, int] = {}
        written: list[bytes] = []
        loaded = {self._package}
        while waiting:
            modules: list[str] = []
            for importer, definition in waiting:  # grows by the definitions that are met
                written.append(definition.digest)
                modules += definition.loads
                for name in definition.names:
                    for target, rest in self._resolve(name, importer):
                        if isinstance(target, _Key) and target not in numbers:
                            numbers[target] = len(numbers)
                            modules.append(target.module)
                            met = self._modules[target.module].definitions[target.name]
                            waiting.append((target.module, met))
                        number = target if isinstance(target, str) else str(numbers[target])
                        written.append(".".join((number, *rest)).encode() + b",")
                    written.append(b";")
            # What runs on import is sorted by content, for modules may move.
            effects = self._effects(modules, loaded)
            waiting = sorted(effects, key=lambda each: (each[1].digest, each[0]))
        return b"".join(written), set(numbers)

    def _effects(self, modules: list[str], loaded: set[str]) -> Iterator[tuple[str, Definition]]:
        """Yield what runs when modules are imported that are not in `loaded`; add them to it."""
        while modules:
            module = modules.pop()
            if module in loaded:
                continue
            loaded.add(module)
            if "*" in module:
                modules += self._matching(module)
            elif self._path(module):
                effects = self._module(module, "").effects
                modules += effects.loads
                if effects.digest:
                    yield module, effects

    def _entry(self, entry: str | Path) -> Definition:
        if isinstance(entry, Path):
            return self._read(entry, "").effects
        if self._path(entry):
            return Definition(b"", [Name(entry)], with_above(entry))
        module, _, name = entry.rpartition(".")
        return Definition(b"", [Name(module, (name,))], with_above(module))

    def _path(self, module: str) -> Path | None:
        """Return the file of a module, or None where there is none."""
        if module not in self._paths:
            base = self._root.joinpath(*module.split(".")[self._package.count(".") + 1 :])
            paths = (base / "__init__.py", base.with_name(f"{base.name}.py"))
            self._paths[module] = next((path for path in paths if path.is_file()), None)
        return self._paths[module]

    def _matching(self, pattern: str) -> list[str]:
        """Return the modules whose name matches a pattern."""
        files = [path.relative_to(self._root) for path in self._root.rglob("*.py")]
        names = [".".join((self._package, *file.with_suffix("").parts)) for file in files]
        names = [name.removesuffix(".__init__") for name in names]
        return sorted(set(fnmatch.filter(names, pattern)) - {self._package})

    def _module(self, name: str, importer: str) -> Module:
        if name not in self._modules:
            path = self._path(name)
            if path is None:
                raise UserError(
                    f"{importer} imports {name}, but {self._root} holds no such module; mend the "
                    "import or add the file"
                )
            self._modules[name] = self._read(path, name)
        return self._modules[name]

    def _read(self, path: Path, module: str) -> Module:
        try:
            state = path.stat()
        except OSError as error:
            raise UserError(f"cannot read {path}: {error.strerror or error}") from error
        source = Source(
            *(path, state.st_mtime_ns, state.st_size),
            *(module, self._package, self._silent, self._told),
        )
        return read_definitions(source)

    def _resolve(self, name: Name, importer: str) -> list[_Target]:
        """Follow a name to the definitions it stands for, through imports of imports."""
        if name not in self._resolved:
            self._resolved[name] = list(dict.fromkeys(self._targets(name, importer, set())))
        return self._resolved[name]

    def _targets(self, name: Name, importer: str, seen: set[Name]) -> Iterator[_Target]:
        if name in seen:
            return
        seen.add(name)
        module, path = name
        if "*" in module:
            for each in self._matching(module):
                yield from self._targets(Name(each), importer, seen)
            return
        inner = path and self._path(f"{module}.{path[0]}")
        if inner:
            yield from self._targets(Name(f"{module}.{path[0]}", path[1:]), importer, seen)
        optional = inner or (path and path[0].startswith("__"))
        if module == self._package and not optional:
            what = f"from {module} import {path[0]}" if path else f"import {module}"
            raise UserError(
                f"{importer} has `{what}`, which does not say which module is used; write "
                f"`from {module}.MODULE import NAME`, so that an edit of MODULE reruns its jobs"
            )
        if inner and (module == self._package or not self._path(module)):
            return
        held = _ROOT if module == self._package else self._module(module, importer)
        names = path[:1]
        if not path or (path[0] not in held.definitions and "__getattr__" in held.definitions):
            names = (*held.definitions, *held.imports)
        elif path[0] not in held.definitions and path[0] not in held.imports and not optional:
            raise UserError(
                f"{importer} uses {path[0]} of {module}, which holds no such definition; mend the "
                "import"
            )
        for each in names:
            if each not in held.definitions and each not in held.imports:
                yield each, path[1:]
            if each in held.definitions:
                yield _Key(module, each), path[1:]
            for meaning in held.imports.get(each, ()):
                if isinstance(meaning, str):
                    yield meaning, path[1:]
                else:
                    longer = Name(meaning.module, meaning.path + path[1:])
                    yield from self._targets(longer, module, seen)
