import os
import time
from pathlib import Path

import pytest

from lstm_units.errors import UserError
from lstm_units.runtime.fingerprint import _parsed, explain, fingerprint

MODULES = {
    "__init__": "from toy.everything import x\n",
    "everything": "import toy.figures\nx = 1\n",
    "sweep": '"""Sweep."""\nfrom toy.trie import build\n\n\ndef run():\n    return build()\n',
    "trie": "from .numbers import one\n\n\ndef build():\n    return one\n",
    "numbers": "one = 1\n",
    "figures": "import matplotlib\nfrom toy import tables\n",
    "tables": "def table():\n    import toy.numbers\n    return toy.numbers.one\n",
}


@pytest.fixture
def package(tmp_path):
    """A package whose script reaches sweep, trie and numbers."""
    root = tmp_path / "toy"
    root.mkdir()
    for name, text in MODULES.items():
        (root / f"{name}.py").write_text(text)
    (tmp_path / "sweep_script.py").write_text("from toy.sweep import run\nrun()\n")
    return root


def edit(path, text):
    """Write a file; a later time of change, for a clock may be coarser than the test."""
    path.write_text(text)
    edit.clock += 10**9
    os.utime(path, ns=(edit.clock, edit.clock))


edit.clock = time.time_ns()


def of_script(package):
    return fingerprint(package.parent / "sweep_script.py", package, "toy")


def reached(package, entry):
    return [name.removeprefix("toy.") for name in explain(entry, package, "toy")]


def test_closure_follows_imports_of_every_kind_and_leaves_out_init(package):
    assert reached(package, package.parent / "sweep_script.py") == ["numbers", "sweep", "trie"]
    assert reached(package, "toy.figures") == ["figures", "numbers", "tables"]
    assert reached(package, ["toy.trie", "toy.tables"]) == ["numbers", "tables", "trie"]


@pytest.mark.parametrize(
    "line",
    [
        "import toy.numbers",
        "import toy.numbers as n",
        "from toy.numbers import one",
        "from toy.numbers import *",
        "from toy import numbers",
        "from toy import numbers as n",
        "from . import numbers",
        "from .numbers import one as n",
        "def f():\n    from .numbers import one",
        "class A:\n    def f(self):\n        import toy.numbers",
        "try:\n    import toy.numbers\nexcept ImportError:\n    pass",
        "if True:\n    pass\nelse:\n    import toy.numbers",
        "with open('x') as f:\n    import toy.numbers",
        "match 1:\n    case 1:\n        import toy.numbers",
        "import importlib\nm = importlib.import_module('toy.numbers')",
        "from typing import TYPE_CHECKING\nif not TYPE_CHECKING:\n    import toy.numbers",
        "import typing\nif typing.TYPE_CHECKING:\n    pass\nelse:\n    import toy.numbers",
        "import os, toy.numbers, sys",
    ],
)
def test_an_import_is_seen_however_it_is_written(package, line):
    edit(package / "sweep.py", line + "\n")
    assert reached(package, "toy.sweep") == ["numbers", "sweep"]


@pytest.mark.parametrize(
    "line",
    [
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import toy.numbers",
        "import typing\nif typing.TYPE_CHECKING:\n    from toy.numbers import one",
        "# import toy.numbers",
        "text = 'import toy.numbers'",
        "import toys.numbers",
        "from toy import __version__",
    ],
)
def test_what_is_no_import_at_run_time_is_left_out(package, line):
    edit(package / "sweep.py", line + "\n")
    assert reached(package, "toy.sweep") == ["sweep"]


def test_comments_docstrings_formatting_and_type_imports_do_not_count(package):
    before = of_script(package)
    edit(
        package / "sweep.py",
        '"""Another docstring."""\n# a comment\nfrom typing import TYPE_CHECKING\n',
    )
    with_import = of_script(package)
    assert with_import != before
    edit(
        package / "sweep.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from toy.tables import table\n",
    )
    assert of_script(package) == with_import
    edit(
        package / "sweep.py",
        "# note\nfrom toy.trie import (\n    build,\n)\n\n\n\ndef run( ):\n"
        "    '''Run.'''\n    return (build())  # done\n",
    )
    assert of_script(package) == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("one = 1", "one = 2"),
        ("one = 1", "one = 1.0"),
        ("one = 1", "one = True"),
        ("one = 1", "one = '1'"),
        ("one = 1", "one = None"),
        ("one = 1", "One = 1"),
        ("one = 1", "one = -1"),
        ("one = 1", "one = [1]"),
        ("one = 1", "one = 1\ntwo = 2"),
        ("one = 1", "one: int = 1"),
        ("a + b", "a - b"),
        ("a < b", "a <= b"),
        ("a + b * c", "(a + b) * c"),
        ("f(a, b)", "f(b, a)"),
        ("f(a)", "f(*a)"),
        ("f(a=b)", "f(b=a)"),
        ("f([a], b)", "f([a, b])"),
        ("[a, [b]]", "[[a], b]"),
        ("def f(a, /, b): pass", "def f(a, b): pass"),
        ("def f(a, *, b=1): pass", "def f(a, b=1): pass"),
        ("def f(a=1, b=2): pass", "def f(a=2, b=1): pass"),
        ("x = {**a, 'b': 1}", "x = {'b': 1}"),
        ("if a:\n    b\n    c", "if a:\n    b\nc"),
        ("if a:\n    b\nelse:\n    c", "if a:\n    c\nelse:\n    b"),
        ("def f():\n    yield a", "def f():\n    return a"),
        ("async def f(): pass", "def f(): pass"),
        ("x = 'a' 'b'", "x = 'a', 'b'"),
        ("x = f'{a!r}'", "x = f'{a!s}'"),
        ("x = b'a'", "x = 'a'"),
        ("x[1:2]", "x[1::2]"),
        ("lambda: a", "lambda b: a"),
        ("global a", "nonlocal_ = a"),
        ("return_ = 'text'", "return_ = 'other'"),
    ],
)
def test_an_edit_of_a_module_reached_indirectly_counts(package, old, new):
    edit(package / "numbers.py", old + "\n")
    before = of_script(package)
    edit(package / "numbers.py", new + "\n")
    assert of_script(package) != before


def test_edits_elsewhere_do_not_count(package):
    before = of_script(package)
    for name in ("figures", "tables", "everything", "__init__"):
        edit(package / f"{name}.py", "y = 5\n")
    edit(package / "newcomer.py", "z = 1\n")
    assert of_script(package) == before


def test_a_new_import_counts_and_brings_its_module(package):
    before = of_script(package)
    edit(package / "numbers.py", "from toy.extra import two\none = 1\n")
    edit(package / "extra.py", "two = 2\n")
    middle = of_script(package)
    edit(package / "extra.py", "two = 3\n")
    assert len({before, middle, of_script(package)}) == 3


def test_fingerprint_does_not_depend_on_the_place(package, tmp_path):
    before = of_script(package)
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    package.rename(moved / "toy")
    (package.parent / "sweep_script.py").rename(moved / "sweep_script.py")
    assert of_script(moved / "toy") == before
    assert len(before) == 16 and int(before, 16) >= 0


def test_circles_of_imports_end(package):
    edit(package / "numbers.py", "import toy.sweep\n")
    assert reached(package, "toy.sweep") == ["numbers", "sweep", "trie"]


def test_subpackages_and_their_init_are_followed(package):
    sub = package / "sub"
    sub.mkdir()
    (sub / "__init__.py").write_text("from .. import numbers\n")
    (sub / "leaf.py").write_text("from ..trie import build\nfrom . import other\n")
    (sub / "other.py").write_text("")
    assert reached(package, "toy.sub.leaf") == ["numbers", "sub", "sub.leaf", "sub.other", "trie"]
    edit(package / "sweep.py", "from toy.sub.leaf import build\n")
    assert "sub" in reached(package, "toy.sweep")


def test_a_missing_module_is_named_with_its_importer(package):
    edit(package / "trie.py", "import toy.nothing\n")
    with pytest.raises(UserError, match=r"toy\.trie imports toy\.nothing"):
        of_script(package)
    with pytest.raises(UserError, match=r"none\.py"):
        fingerprint(package.parent / "none.py", package, "toy")
    with pytest.raises(UserError, match=r"toy\.none"):
        fingerprint("toy.none", package, "toy")


@pytest.mark.parametrize("line", ["import toy", "import toy as t", "from toy import *"])
def test_an_import_that_hides_the_module_is_refused(package, line):
    edit(package / "trie.py", line + "\n")
    with pytest.raises(UserError, match=r"toy\.trie.*from toy\.MODULE import NAME"):
        of_script(package)


def test_a_module_that_does_not_parse_is_named(package):
    edit(package / "trie.py", "def\n")
    with pytest.raises(UserError, match=r"cannot parse .*trie\.py"):
        of_script(package)


def test_extra_files_count_by_their_bytes(package):
    (package / "table.csv").write_text("a,b\n")
    with_file = fingerprint("toy.sweep", package, "toy", extra=["table.csv"])
    assert with_file != fingerprint("toy.sweep", package, "toy")
    os.utime(package / "table.csv", ns=(1, 1))
    assert fingerprint("toy.sweep", package, "toy", extra=["table.csv"]) == with_file
    (package / "table.csv").write_text("a,c\n")
    assert fingerprint("toy.sweep", package, "toy", extra=["table.csv"]) != with_file
    with pytest.raises(UserError, match=r"none\.csv"):
        fingerprint("toy.sweep", package, "toy", extra=["none.csv"])


def test_modules_of_the_library_can_be_followed_and_are_parsed_once(project):
    root = project / "src" / "lstm_units"
    names = [f"lstm_units.{path.stem}" for path in root.glob("*.py") if path.stem != "__init__"]
    _parsed.cache_clear()
    for _ in range(2):
        for name in names:
            assert len(fingerprint(name, root)) == 16
        assert _parsed.cache_info().misses == len(names)
    assert "lstm_units.errors" in explain("lstm_units.io.files", root)
    assert isinstance(root, Path)
