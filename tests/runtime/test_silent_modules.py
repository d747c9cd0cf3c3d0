"""What fingerprints rest on: `SILENT` modules and the words of errors reach no result.

Looked at is the code that a workflow script reaches.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstm_units.runtime.console import progress
from lstm_units.runtime.fingerprint import SILENT, TOLD, Code

LOG_METHODS = {"debug", "info", "warning", "error", "exception"}


class Tree(NamedTuple):
    """What scripts reach of a file, and in which node each node is."""

    path: Path
    nodes: list[ast.AST]
    parents: dict[ast.AST, ast.AST]

    def above(self, node: ast.AST) -> Iterator[ast.AST]:
        """The nodes that a node is in, from the inside out."""
        while node := self.parents.get(node):
            yield node

    def imported_from(self, module: str) -> set[str]:
        imports = [n for n in self.nodes if isinstance(n, ast.ImportFrom) and n.module == module]
        return {alias.asname or alias.name for node in imports for alias in node.names}

    def uses(self, names: set[str]) -> list[ast.Name]:
        return [n for n in self.nodes if isinstance(n, ast.Name) and n.id in names]

    def place(self, node: ast.AST) -> str:
        return f"{self.path}, line {node.lineno}"


def _tree(path: Path, statements: list[ast.stmt]) -> Tree:
    nodes = [node for statement in statements for node in ast.walk(statement)]
    parents = {child: node for node in nodes for child in ast.iter_child_nodes(node)}
    return Tree(path, nodes, parents)


@pytest.fixture(scope="module")
def reached(project: Path) -> list[Tree]:
    source = project / "src"
    code = Code(source / "lstm_units")
    scripts = sorted((project / "workflow_scripts").rglob("*.py"))
    names = {name for script in scripts for name in code.explain(script)}
    found = [_tree(path, ast.parse(path.read_bytes()).body) for path in scripts]
    for path in sorted(source.rglob("*.py")):
        module = ".".join(path.relative_to(source).with_suffix("").parts)
        body = ast.parse(path.read_bytes()).body
        used = [n for n in body if f"{module}.{getattr(n, 'name', '')}" in names]
        imports = [n for n in body if isinstance(n, ast.ImportFrom)]
        found += [_tree(path, [*imports, *used])] if used else []
    assert len(found) > len(scripts) + 50
    return found


def test_every_silent_module_is_looked_at_here():
    assert set(SILENT) == {"lstm_units.errors", "lstm_units.runtime.console"}
    assert all(SILENT.values())


def test_errors_hold_nothing_but_their_place_among_errors(project):
    docstring, *classes = ast.parse((project / "src/lstm_units/errors.py").read_bytes()).body
    assert isinstance(docstring, ast.Expr)
    for each in classes:
        assert isinstance(each, ast.ClassDef)
        assert not each.decorator_list
        assert [type(part) for part in each.body] == [ast.Expr]


def test_errors_are_made_to_be_raised_and_caught(reached):
    for tree in reached:
        for name in tree.uses(tree.imported_from("lstm_units.errors")):
            inside = [type(node) for node in tree.above(name)]
            made = inside[:2] in ([ast.Call, ast.Raise], [ast.Call, ast.Return])
            made |= inside[:3] == [ast.Call, ast.Lambda, ast.Return]  # given to who raises it
            caught = ast.ExceptHandler in inside[:2] or ast.withitem in inside[:2]
            told = ast.FunctionDef in inside[:1] or ast.Subscript in inside[:2]  # in a signature
            assert made or caught or told, tree.place(name)


def test_of_the_console_only_what_goes_through_it_is_used(reached):
    for tree in reached:
        names = tree.imported_from("lstm_units.runtime.console")
        assert names <= {"job", "progress", "concerning"}, tree.path
        for name in tree.uses(names):
            call, user = list(tree.above(name))[:2]
            assert isinstance(call, ast.Call) and call.func is name, tree.place(name)
            if isinstance(user, ast.withitem):
                said = user.optional_vars.id if user.optional_vars else None
                assert all(_only_told(tree, each) for each in tree.uses({said}))
            elif isinstance(user, ast.Return):  # a bar for who draws it: nothing goes through it
                given = {keyword.arg for keyword in call.keywords}
                assert not call.args and "iterable" not in given, tree.place(name)
            else:
                assert name.id == "progress" and user.iter is call, tree.place(name)


def _only_told(tree: Tree, name: ast.Name) -> bool:
    """Whether a bar or a log is told something in a statement, or handed on for that."""
    if isinstance(name.ctx, ast.Store):
        return True
    attribute, user, statement = list(tree.above(name))[:3]
    assert isinstance(attribute, ast.Attribute), tree.place(name)
    if attribute.attr == "update" and attribute in getattr(user, "args", ()):
        return True
    return attribute.attr in {"update", *LOG_METHODS} and isinstance(statement, ast.Expr)


@given(st.lists(st.integers()), st.booleans())
def test_progress_gives_what_it_is_given(items, known_length):
    assert list(progress(items if known_length else iter(items), description="a")) == items


def test_the_text_of_a_caught_error_reaches_no_result(reached):
    """Where an error is more than tested, its handler ends in raising another that is not told."""
    told = {name.rpartition(".")[2] for name in TOLD}
    for tree in reached:
        for handler in tree.nodes:
            kind = getattr(handler, "type", None)
            if isinstance(handler, ast.ExceptHandler) and handler.name and _id(kind) not in told:
                ends = isinstance(handler.body[-1], ast.Raise)
                uses = [n for part in handler.body for n in ast.walk(part)]
                for name in (n for n in uses if isinstance(n, ast.Name) and n.id == handler.name):
                    assert ends or _only_tested(tree, name), tree.place(name)
                    calls = (node for node in tree.above(name) if isinstance(node, ast.Call))
                    assert not any(_id(call.func) in told for call in calls), tree.place(name)


def _id(node: ast.AST | None) -> str | None:
    return getattr(node, "id", None)


def _only_tested(tree: Tree, name: ast.Name) -> bool:
    """Whether an error is raised on or noted for it, or only its kind or an attribute looked at."""
    inside = list(tree.above(name))
    if any(isinstance(node, ast.Raise) for node in inside):
        return True
    if any(isinstance(node, ast.ClassDef) and node.name == "Faults" for node in inside):
        return True  # `lstm_units.stimuli.format_checks.Faults` raises all that it notes
    of_memory = isinstance(inside[0], ast.Call) and _id(inside[0].func) == "is_out_of_memory"
    attribute = isinstance(inside[0], ast.Attribute) and inside[0].attr in {"errno", "lasting"}
    return of_memory or attribute
