"""Which folder may import which: the floors of the house, and what a page of rules may import."""

import ast
import re
from collections.abc import Iterator
from itertools import chain, takewhile
from pathlib import Path

from lstm_units.config.schema import dotted, leaves, schema

PROJECT = Path(__file__).resolve().parents[1]
PACKAGE = PROJECT / "src" / "lstm_units"
# A folder may import those on the floors below it, never its neighbours.
FLOORS = (
    (".",),  # errors
    ("io", "runtime"),
    ("config",),
    ("stimuli", "plots", "checkpoint_files"),
    ("models",),
    ("statistics", "interventions", "depth_corpus", "training"),
    ("activations",),
    ("analyses",),
    ("claims",),
    ("comparison", "cards"),
    ("report",),
    ("api",),
    ("benchmarks",),
)
# At most so many lines: what has a loop or a branch is library.
SHORT = {
    **dict.fromkeys((PROJECT / "workflow_scripts").rglob("*.py"), 30),
    PROJECT / "rules" / "common.smk": 250,
}
# Rooms of analyses that build on another one: (room, the room it imports).
PAIRS = {("syntax_units", "depth")}


def folder_of(path: Path) -> str:
    """The folder of a module, rooms of analyses apart: ``io``, ``analyses/depth``."""
    parts = path.relative_to(PACKAGE).parts[:-1]
    return "/".join(parts[:2] if parts[:1] == ("analyses",) else parts[:1]) or "."


def floor(folder: str) -> int:
    return next(n for n, names in enumerate(FLOORS) if folder.split("/")[0] in names)


def module_path(name: str) -> Path | None:
    base = PACKAGE.joinpath(*name.split(".")[1:])
    candidates = (base.with_suffix(".py"), base / "__init__.py")
    return next((path for path in candidates if path.is_file()), None)


def imports(tree: ast.AST) -> list[Path]:
    """The modules of the project that code imports."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("lstm_units"):
            for alias in node.names:
                submodule = module_path(f"{node.module}.{alias.name}")
                found.append(submodule or module_path(node.module))
        elif isinstance(node, ast.Import):
            found += [
                module_path(alias.name)
                for alias in node.names
                if alias.name.startswith("lstm_units")
            ]
    return [path for path in found if path is not None]


def arrows() -> list[tuple[Path, Path]]:
    """Every import of one module of the library by another."""
    found = []
    for path in PACKAGE.rglob("*.py"):
        if path == PACKAGE / "__init__.py":
            continue
        found += [(path, target) for target in imports(ast.parse(path.read_text("utf-8")))]
    return found


def test_every_folder_is_on_a_floor():
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert folders <= set(chain(*FLOORS))


def test_a_folder_imports_the_floors_below_it_only():
    wrong = []
    for path, target in arrows():
        here, there = folder_of(path), folder_of(target)
        if here == there or there == "." or (here, there) == ("analyses", "analyses"):
            continue
        rooms = tuple(name.removeprefix("analyses/") for name in (here, there))
        if floor(there) >= floor(here) and rooms not in PAIRS:
            wrong.append(f"{path.relative_to(PACKAGE)} imports {target.relative_to(PACKAGE)}")
    assert not wrong


def test_every_named_pair_of_rooms_is_needed():
    used = {(folder_of(path), folder_of(target)) for path, target in arrows()}
    assert {(f"analyses/{a}", f"analyses/{b}") for a, b in PAIRS} <= used


def test_the_init_of_a_folder_holds_a_docstring_and_nothing_else():
    for path in PACKAGE.glob("*/**/__init__.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert len(tree.body) == 1 and ast.get_docstring(tree), path


def test_rules_import_the_configuration_and_the_run_only():
    allowed = {".", "config", "runtime"}
    at_its_end = "report/captions.py"  # imported when Snakemake makes its own report
    for path in (PROJECT / "rules").glob("*.smk"):
        text = path.read_text(encoding="utf-8")
        lines = re.findall(
            r"^ *(from lstm_units[\w.]* import (?:\([^)]*\)|[^\n]+))", text, re.MULTILINE
        )
        for line in lines:
            for target in imports(ast.parse(line.strip())):
                is_allowed = folder_of(target) in allowed or target == PACKAGE / at_its_end
                assert is_allowed, f"{path.name}: {line}"


def words_of(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """The strings of code with their lines, docstrings apart."""
    statements = (node.value for node in ast.walk(tree) if isinstance(node, ast.Expr))
    docstrings = {value for value in statements if isinstance(value, ast.Constant)}
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if is_text and node not in docstrings:
            yield node.lineno, node.value


def test_the_core_names_no_key_of_the_configuration():
    """Who calls it says which key a refusal concerns; pages on a workflow's results may."""
    paths = [dotted(path) for path, _ in leaves(schema(), ()) if len(path) > 1]
    key = re.compile(rf"config\.yaml|(?<![\w./])({'|'.join(map(re.escape, paths))})(?!\w)")
    assert key.search("add it under activations.layers")
    folders = takewhile(lambda name: name != "claims", chain(*FLOORS[1:]))
    named = [
        f"{path.relative_to(PACKAGE)}:{line}: {words}"
        for folder in folders
        for path in (PACKAGE / folder).rglob("*.py")
        if folder != "config" and path.name != "room.py"
        for line, words in words_of(ast.parse(path.read_text(encoding="utf-8")))
        if key.search(words)
    ]
    assert not named


def test_scripts_and_helpers_of_rules_stay_short():
    lines = {path: len(path.read_text("utf-8").splitlines()) for path in SHORT}
    assert not {path: count for path, count in lines.items() if count > SHORT[path]}
