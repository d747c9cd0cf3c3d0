"""What a fingerprint notices of an edit, and what it does not.

An edit is written as ``before -> after`` above the code that it is made in: first ``sweep.py`` of
a package ``toy``, where a script calls `run`, then further files under their names.
"""

import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from lstm_units.errors import UserError
from lstm_units.runtime.definitions import read_definitions
from lstm_units.runtime.fingerprint import Code

DEFAULTS = {
    "__init__.py": "from toy.unused import x\n",
    "../script.py": "from toy.sweep import run\n\nrun(snakemake.input[0])\n",
    "voice.py": "class Fault(Exception): ...\nclass NotRun(Fault): ...\n"
    "def progress(items, text=''): return items\n",
}


def write(folder: Path, code: str) -> Path:
    """Write the package and return its folder."""
    parts = re.split(r"^# (\S+\.py)\n", f"# sweep.py\n{code}\n", flags=re.MULTILINE)[1:]
    for name, text in {**DEFAULTS, **dict(zip(parts[::2], parts[1::2], strict=True))}.items():
        path = folder / "toy" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "toy"


def toy(package: Path) -> Code:
    return Code(package, "toy", silent=["toy.voice"], told=["toy.voice.NotRun"])


def of_script(package: Path) -> str:
    return toy(package).fingerprint(package.parent / "script.py")


def reached(package: Path, entry: str | Path) -> list[str]:
    return [name.removeprefix("toy.") for name in toy(package).explain(entry)]


def edits(text: str) -> list[tuple[str, str]]:
    """The code before and after each edit of a list."""
    found = []
    for block in textwrap.dedent(text).strip().split("\n\n"):
        edit, _, code = block.partition("\n")
        before, _, after = edit.partition(" -> ")
        code = textwrap.dedent(code)
        assert before in code, edit
        found.append(pytest.param(code, code.replace(before, after.replace("\\n", "\n")), id=edit))
    return found


COUNT = edits(
    r"""
    X = 1 -> X = 2
        X = 1
        def run(a): return X

    X = 1 -> X = 1.0
        X = 1
        def run(a): return X

    X = 1 -> X = True
        X = 1
        def run(a): return X

    'a' -> b'a'
        def run(a): return 'a'

    0.0 -> -0.0
        def run(a): return 0.0

    [1] -> (1,)
        def run(a): return [1]

    X = Y = 1 -> X = Y = 1; X = 2
        X = Y = 1
        def run(a): return X

    return X -> return Y
        X, Y = 1, 1
        def run(a): return X

    (X := 1) -> (X := 2)
        if (X := 1): pass
        def run(a): return X

    (1, 2) -> (2, 1)
        Y = [X := each for each in (1, 2)]
        def run(a): return X

    a.x + a.y -> a.x - a.y
        def run(a): return a.x + a.y

    a.x + a.y * 2 -> (a.x + a.y) * 2
        def run(a): return a.x + a.y * 2

    f(a, b) -> f(b, a)
        def run(a, b, f): return f(a, b)

    f(a=a) -> f(b=a)
        def run(a, f): return f(a=a)

    [a, [a]] -> [[a], a]
        def run(a): return [a, [a]]

    a, /, b=1 -> a, b=1
        def run(a, /, b=1): return a

    {**a, 'b': 1} -> {'b': 1, **a}
        def run(a): return {**a, 'b': 1}

    ; a.h() -> \n  a.h()
        def run(a):
          if a: a.g(); a.h()

    !r -> !s
        def run(a): return f'{a!r}'

    a[1:2] -> a[1::2]
        def run(a): return a[1:2]

    return 1 -> return 2
        def run(a, f=None or (lambda: g())): return f
        def g(): return 1

    return f -> return print
        def d(f): return f
        @d
        def run(a): return a

    size = 1 -> size = 2
        class A: size = 1
        def run(a): return A.size

    return A.x -> return A.y
        class A: x = y = 1
        def run(a): return A.x

    return 1 -> return 2
        def run(a): return A()
        class A:
          def f(self): return g()
        def g(): return 1

    x: int -> x: ClassVar[int]
        def run(a): return A
        class A: x: int

    return 1 -> return 2
        def run(a):
          def f(): return g()
          return f
        def g(): return 1

    return 1 -> return 2
        def run(a): return [g(x) for x in a]
        def g(x): return 1

    return 1 -> return 2
        def run(a): return [g for g in a], g()
        def g(): return 1

    return 1 -> return 2
        def run(a):
          def h(): g = 1
          return g()
        def g(): return 1

    return 1 -> return 2
        def run(a):
          class B:
            g = 1
            def f(self): return g()
          return B
        def g(): return 1

    return g -> return h
        def run(a):
          match a:
            case [g, *h]: return g

    case {'k': g, **h} -> case {'k': h, **g}
        def run(a):
          match a:
            case {'k': g, **h}: return g

    x = 1 -> x = 2
        def run(a):
          match a:
            case K(): return 1
        class K: x = 1

    X = 1 -> X = 2
        def run(a):
          global X
          X = 1
          return f()
        def f(): return X

    X = 1 -> X = 2
        def run(a): return X
        def g():
          global X
          X = 1

    X = 1 -> X = 2
        X = 1
        def run(a): return globals()['X']

    g() or 1 -> g() or 2
        def run(a): return g()
        def f(): return g() or 1
        def g(): return f()

    g() or f -> g() or g
        def run(a): return g()
        def f(): return g() or f
        def g(): return f()

    return 2 -> return 3
        if a:
          def f(): return 1
        else:
          def f(): return 2
        def run(a): return f()

    return f() -> return g()
        if a:
          def f(): return 1
          def g(): return 1
        def run(a): return f()

    json = 1 -> json = 2
        try: import json
        except ImportError: json = 1
        def run(a): return json

    (1, 2) -> (1, 3)
        for X in (1, 2): pass
        def run(a): return X

    case [X, Y] -> case [Y, X]
        match a:
          case [X, Y]: pass
        def run(a): return X

    X += 1 -> Y += 1
        X = 1
        Y = 1
        X += 1
        def run(a): return X

    a=1 -> a=2
        T = {}
        T.update(a=1)
        def run(a): return T

    = 1 -> = 2
        T = {}
        T['a'] = 1
        def run(a): return T

    = 1 -> = 2
        T = {}
        T['a'] = b = 1
        def run(a): return T

    'a', 1 -> 'a', 2
        T = {}
        x = T.setdefault('a', 1)
        def run(a): return T

    del T[0] -> del T[1]
        T = [1, 2]
        del T[0]
        def run(a): return T

    del X -> del Y
        X = 1
        Y = 1
        del X
        def run(a): return X

    (1, 2) -> (2, 1)
        T = []
        for x in (1, 2): T.append(x)
        def run(a): return T

    = 1 -> = 2
        def run(a): pass
        run.flag = 1

    return 1 -> return 2
        T = []
        def keep(f): return T.append(f)
        @keep
        def f(): return 1
        def run(a): return T

    return 1 -> return 2
        from toy.b import f
        def run(a): return f()
        # b.py
        from .c import f
        # c.py
        def f(): return 1

    import g -> import h
        from toy.b import f
        def run(a): return f()
        # b.py
        from toy.c import g as f
        # c.py
        def g(): return 1
        def h(): return 2

    sin -> cos
        from toy.b import f
        def run(a): return f()
        # b.py
        from math import sin as f

    sin -> cos
        from math import sin as f
        def run(a): return f(a)

    import math -> import cmath
        import math as m
        def run(a): return m.sin(a)

    T['a'] = 1 -> T['a'] = 2
        from toy.b import T
        def run(a): return T
        # b.py
        from toy.c import T
        T['a'] = 1
        # c.py
        T = {}

    toy.b.f -> toy.b.g
        import toy.b
        def run(a): return toy.b.f
        # b.py
        f = 1
        g = 2

    f = 1 -> f = 2
        import toy.b
        def run(a): return toy.c.f
        # b.py
        # c.py
        f = 1

    f = 1 -> f = 2
        import toy.b as b
        def run(a): return getattr(b, a)
        # b.py
        f = 1

    f = 1 -> f = 2
        from toy.sub.sweep import run
        # sub/sweep.py
        from .. import b
        def run(a): return b.f
        # b.py
        f = 1

    f = 1 -> f = 2
        from toy.b import f
        def run(a): return f
        # b/__init__.py
        f = 1
        # b/f.py

    x = 1 -> x = 2
        from toy.b import f
        def run(a): return f
        # b/__init__.py
        f = 1
        # b/f.py
        x = 1

    X = 1 -> X = 2
        from toy.b import x
        def run(a): return x
        # b.py
        def __getattr__(name): return X
        X = 1

    f = 3 -> f = 4
        try: from toy.b import f
        except ImportError: from toy.c import f
        def run(a): return f
        # b.py
        f = 1
        # c.py
        f = 3

    f = 1 -> f = 2
        try: from toy.b import f
        except ImportError:
          def f(): return 1
        def run(a): return f
        # b.py
        f = 1

    f = 3 -> f = 4
        from toy.b import f
        def run(a):
          from toy.c import f
          return f
        # b.py
        f = 1
        # c.py
        f = 3

    f = 1 -> f = 2
        from importlib import import_module
        def run(a): return import_module('toy.b')
        # b.py
        f = 1

    f = 1 -> f = 2
        import importlib
        def run(a): return importlib.import_module(f'toy.rooms.{a}.room')
        # rooms/one/room.py
        f = 1

    f = 1 -> f = 2
        import importlib
        def run(a): return importlib.import_module(a)
        # b.py
        f = 1

    umask(1) -> umask(2)
        import toy.b
        def run(a): pass
        # b.py
        import toy.c
        # c.py
        import os
        os.umask(1)

    umask(1) -> umask(2)
        from toy.b.c import f
        def run(a): return f
        # b/__init__.py
        import os
        os.umask(1)
        # b/c.py
        f = 1

    umask(1) -> umask(2)
        def run(a):
          import toy.b
        # b.py
        import os
        os.umask(1)

    Low -> High
        from toy.voice import Low, High
        def run(a):
          try: a()
          except Low: return 1
        # voice.py
        class Low(Exception): ...
        class High(Exception): ...

    High(Low) -> High(Exception)
        from toy.voice import Low, High
        def run(a):
          try: a()
          except Low: return 1
          except High: return 2
        # voice.py
        class Low(Exception): ...
        class High(Low): ...

    progress(a) -> progress(b)
        from toy.voice import progress
        def run(a, b): return [each for each in progress(a)]

    progress('ab') -> progress('ba')
        from toy.voice import progress
        def run(a): return [each for each in progress('ab')]

    progress -> shuffled
        from toy.voice import progress, shuffled
        def run(a): return [each for each in progress(a)]
        # voice.py
        def progress(items): return items
        def shuffled(items): return items

    print('a', file=a) -> print('b', file=a)
        def run(a): print('a', file=a)

    print(x := 1) -> print(x := 2)
        def run(a):
          print(x := 1)
          return x

    print('a') -> print('b')
        def run(a): print('a')
        def print(text): return text

    log.info('a') -> log.info('b')
        def run(log): log.info('a')

    ValueError -> TypeError
        def run(a): raise ValueError('a')

    OSError(1 -> OSError(2
        def run(a): raise OSError(1, 'a')

    'a' -> 'b'
        from toy.voice import NotRun
        def run(a): raise NotRun('a')

    'a' -> 'b'
        from toy.voice import NotRun
        def run(a): raise none(a)
        def none(a): return NotRun(f'{a}' 'a')

    StopIteration(1) -> StopIteration(2)
        def run(a): raise StopIteration(1)

    if a: -> if not a:
        def run(a):
          if a: raise ValueError('a')

    a > 1 -> a > 2
        def run(a): assert a > 1, 'a'

    run(1) -> run(2)
        def run(a): pass
        # ../script.py
        from toy.sweep import run
        run(1)

    return x -> return y
        # ../script.py
        def f(x, y): return x
        f(1, 2)

    print('a') -> run('a')
        def run(a): return a
        # ../script.py
        from toy.sweep import run
        print('a')
    """
)


NOT_COUNT = edits(
    r"""
    return a -> return (a)  # the same
        def run(a): return a

    'One.' -> 'Another.'
        'One.'
        def run(a): return a

    'One.' -> 'Another.'
        def run(a):
          'One.'
          return a

    'One.' -> 'Another.'
        class A:
          'One.'
          x = 1
        def run(a): return A.x

    a: int -> a: float
        def run(a: int): return a

    X: int -> X: float
        X: int = 1
        def run(a): return X

    b: int -> b: float
        def run(a):
          b: int = a
          return b

    return 1 -> return 2
        def run(a): return a
        def unused(): return 1

    return 1 -> return 2
        from toy.b import f
        def run(a): return a
        # b.py
        def f(): return 1

    import toy.b -> import toy.c
        from typing import TYPE_CHECKING
        if TYPE_CHECKING: import toy.b
        def run(a): return a
        # b.py
        # c.py

    b.A -> b.B
        import typing
        if typing.TYPE_CHECKING: from toy import b
        def run(a: b.A): return a

    run(1) -> run(2)
        def run(a): return a
        if __name__ == '__main__': run(1)

    ValueError('a') -> ValueError(f'{a} is b', 1)
        def run(a): raise ValueError('a')

    'a' -> f'b {a}'
        from toy.voice import Fault
        def run(a): raise Fault('a') from None

    Fault(words()) -> Fault(' '.join(others()))
        from toy.voice import Fault
        def run(a): raise Fault(words())
        def words(): return 'a'
        def others(): return ['a']

    'a' -> 'b'
        def run(a): raise broken(a, 'a')
        def broken(a, text): return OSError(a, text)

    'a' -> 'b'
        from toy.voice import Fault
        def run(a): raise broken(a)
        def broken(a): return Fault(f'{a}' 'a')

    'a' -> f'{b}'
        def run(a, b): assert a, 'a'

    'a' -> 'b', flush=True
        def run(a): print('a')

    'a' -> 'b'
        import warnings
        def run(a): warnings.warn('a')

    'a' -> '%s', a
        import logging
        log = logging.getLogger(__name__)
        def run(a): log.info('a')

    ; log.info('a') -> ;
        import logging
        log = logging.getLogger(__name__)
        def run(a):
          b = a; log.info('a')
          return b

    'a' -> 'b'
        import logging
        def run(a): logging.warning('a')

    text='a' -> text=f'{a}'
        from toy.voice import progress
        def run(a): return [each for each in progress(a, text='a')]

    return items -> return show(items)
        from toy.voice import progress
        def run(a): return [each for each in progress(a)]
        # voice.py
        def progress(items, text=''): return items
        show = print

    print('a') -> print('b')
        def run(a): return a
        # ../script.py
        from toy.sweep import run
        print('a')
        run(1)

    x -> y
        def run(a): return a
        # __init__.py
        from toy.unused import x
    """
)

SAME = {
    "a module that moves to a folder": (
        "from toy.b import f\ndef run(a): return f()\n# b.py\nfrom .c import X\ndef f(): return X\n"
        "# c.py\nX = 1",
        "from toy.d.b import f\ndef run(a): return f()\n# d/__init__.py\n'D.'\n"
        "# d/b.py\nfrom ..c import X\ndef f(): return X\n# c.py\nX = 1",
    ),
    "a module that is renamed, used by its name": (
        "import toy.b\ndef run(a): return toy.b.X\n# b.py\nX = 1",
        "import toy.c\ndef run(a): return toy.c.X\n# c.py\nX = 1",
    ),
    "another way to import": (
        "from toy.b import X\ndef run(a): return X\n# b.py\nX = 1",
        "import toy.b as b\ndef run(a): return b.X\n# b.py\nX = 1",
    ),
    "a definition that moves": (
        "def run(a): return f()\ndef f(): return X\nX = 1",
        "from toy.b import f\ndef run(a): return f()\n# b.py\ndef f(): return X\nX = 1",
    ),
    "definitions in another order": (
        "def run(a): return f()\ndef f(): return X\nX = 1",
        "X = 1\ndef f(): return X\ndef run(a): return f()",
    ),
    "a function that is renamed": (
        "def run(a): return f(a)\ndef f(a): return f(a - 1)",
        "def run(a): return g(a)\ndef g(a): return g(a - 1)",
    ),
    "a class and a constant that are renamed": (
        "def run(a): return A.x\nclass A: x = K\nK = 1",
        "def run(a): return B.x\nclass B: x = L\nL = 1",
    ),
    "a local import that is hoisted": (
        "def run(a):\n  from toy.b import f\n  import math\n  return f(math.pi)\n# b.py\nf = abs",
        "import math\nfrom toy.b import f\ndef run(a):\n  return f(math.pi)\n# b.py\nf = abs",
    ),
    "an import that goes through another module": (
        "from toy.b import f\ndef run(a): return f()\n# b.py\nfrom toy.c import f\n"
        "# c.py\ndef f(): return 1",
        "from toy.c import f\ndef run(a): return f()\n# c.py\ndef f(): return 1",
    ),
    "a module with effects that moves": (
        "import toy.b\nfrom toy.c import X\ndef run(a): return X\n# b.py\nimport os\nos.umask(1)\n"
        "# c.py\nX = {}\nX.update(a=1)",
        "import toy.d\nfrom toy.a import X\ndef run(a): return X\n# d.py\nimport os\nos.umask(1)\n"
        "# a.py\nX = {}\nX.update(a=1)",
    ),
}


@pytest.mark.parametrize(("before", "after"), COUNT)
def test_an_edit_counts(tmp_path, before, after):
    assert of_script(write(tmp_path / "a", before)) != of_script(write(tmp_path / "b", after))


@pytest.mark.parametrize(("before", "after"), NOT_COUNT)
def test_an_edit_does_not_count(tmp_path, before, after):
    assert of_script(write(tmp_path / "a", before)) == of_script(write(tmp_path / "b", after))


@pytest.mark.parametrize("case", SAME)
def test_only_content_counts(tmp_path, case):
    before, after = SAME[case]
    assert of_script(write(tmp_path / "a", before)) == of_script(write(tmp_path / "b", after))


@pytest.mark.parametrize(
    "line",
    [
        "import toy.b",
        "import toy.b as n",
        "from toy.b import one",
        "from toy import b",
        "from toy import b as n",
        "from . import b",
        "from .b import one as n",
        "try:\n    import toy.b\nexcept ImportError:\n    pass",
        "if True:\n    pass\nelse:\n    import toy.b",
        "with open('x'):\n    import toy.b",
        "match 1:\n    case 1:\n        import toy.b",
        "from typing import TYPE_CHECKING\nif not TYPE_CHECKING:\n    import toy.b",
        "import typing\nif typing.TYPE_CHECKING:\n    pass\nelse:\n    import toy.b",
        "import os, toy.b, sys",
    ],
)
def test_an_import_is_seen_however_it_is_written(tmp_path, line):
    use = {"one": "one", "b": "b.one"}.get(line.split()[-1], "n.one")
    use = "toy.b.one" if re.search(r"import (os, )?toy\.b(?! as)", line) else use
    package = write(tmp_path, f"{line}\ndef run(a): return {use}\n# b.py\none = 1\ntwo = 2")
    assert reached(package, package.parent / "script.py") == ["b.one", "sweep.run"]


def test_entries_are_scripts_modules_and_definitions(tmp_path):
    sweep = "from toy.b import f\ndef run(a): return f\nX = 1"
    package = write(tmp_path, f"{sweep}\n# b.py\nf = 1\ng = 1")
    assert reached(package, "toy.sweep.run") == ["b.f", "sweep.run"]
    assert reached(package, "toy.sweep") == ["b.f", "sweep.X", "sweep.run"]
    assert reached(package, ["toy.sweep.X", "toy.b"]) == ["b.f", "b.g", "sweep.X"]


def test_what_does_not_exist_or_parse_is_named_with_its_importer(tmp_path):
    package = write(tmp_path, "from toy.b import f\ndef run(a): return f\n# b.py\nx = 1")
    with pytest.raises(UserError, match=r"toy\.sweep uses f of toy\.b"):
        of_script(package)
    (package / "b.py").unlink()
    with pytest.raises(UserError, match=r"toy\.sweep imports toy\.b"):
        of_script(package)
    (package / "b.py").write_text("def\n")
    with pytest.raises(UserError, match=r"cannot parse .*b\.py"):
        of_script(package)
    with pytest.raises(UserError, match=r"none\.py"):
        Code(package, "toy").fingerprint(tmp_path / "none.py")
    with pytest.raises(UserError, match=r"toy\.none"):
        Code(package, "toy").fingerprint("toy.none.run")


@pytest.mark.parametrize(
    ("line", "use"), [("import toy", "toy"), ("import toy as t", "t"), ("from toy import x", "x")]
)
def test_an_import_that_hides_the_module_is_refused(tmp_path, line, use):
    package = write(tmp_path, f"{line}\ndef run(a): return {use}")
    with pytest.raises(UserError, match=r"toy\.sweep.*from toy\.MODULE import NAME"):
        of_script(package)


def test_an_import_of_everything_is_refused(tmp_path):
    package = write(tmp_path, "from toy.b import *\ndef run(a): return x\n# b.py\nx = 1")
    with pytest.raises(UserError, match=r"toy\.sweep has `from toy\.b import \*`"):
        of_script(package)


def test_extra_files_count_by_their_bytes(tmp_path):
    package = write(tmp_path, "def run(a): pass")

    def with_table() -> str:
        return Code(package, "toy").fingerprint("toy.sweep", extra=["table.csv"])

    (package / "table.csv").write_text("a,b\n")
    before = with_table()
    assert before != Code(package, "toy").fingerprint("toy.sweep")
    os.utime(package / "table.csv", ns=(1, 1))
    assert with_table() == before
    (package / "table.csv").write_text("a,c\n")
    assert with_table() != before
    (package / "table.csv").unlink()
    with pytest.raises(UserError, match=r"table\.csv"):
        with_table()


def test_a_file_is_parsed_again_only_when_it_changes(tmp_path):
    package = write(tmp_path, "def run(a): return 1")
    before = of_script(package)
    read_definitions.cache_clear()
    assert of_script(package) == of_script(package) == before
    assert read_definitions.cache_info().misses == 2
    (package / "sweep.py").write_text("def run(a): return 22")
    assert of_script(package) != before
    assert read_definitions.cache_info().misses == 3


def test_every_script_has_its_fingerprint_whatever_the_process(project):
    script = (
        "import json, sys; from pathlib import Path\n"
        "from lstm_units.runtime.fingerprint import Code\n"
        "code = Code(Path(sys.argv[1], 'src', 'lstm_units'))\n"
        "scripts = sorted(Path(sys.argv[1], 'workflow_scripts').rglob('*.py'))\n"
        "print(json.dumps([code.fingerprint(script) for script in scripts]))\n"
    )
    found = [
        json.loads(
            subprocess.run(
                [sys.executable, "-c", script, project],
                env={**os.environ, "PYTHONHASHSEED": seed},
                capture_output=True,
                check=True,
            ).stdout
        )
        for seed in ("1", "2")
    ]
    assert found[0] == found[1]
    assert (
        len(set(found[0])) == len(found[0]) == len(list(project.rglob("workflow_scripts/*/*.py")))
    )
