"""Files and folders written whole or not at all, and the metadata in them."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lstm_units.errors import StimuliError, UserError
from lstm_units.io.files import (
    atomic_folder,
    make_metadata,
    read_metadata,
    write_parquet,
)
from lstm_units.io.unit_columns import unit_array


@pytest.mark.parametrize(("largest", "kind"), [(32767, pa.int16()), (32768, pa.int32())])
def test_unit_numbers_fit_their_type(largest, kind):
    assert unit_array([1, largest]).type == kind
    assert unit_array([]).type == pa.int16()


def test_metadata_of_a_table_that_carries_some_already_are_replaced(tmp_path):
    for seed in (1, 2):
        table = pa.table({"a": [1]}) if seed == 1 else pq.read_table(tmp_path / "1.parquet")
        write_parquet(table, tmp_path / f"{seed}.parquet", make_metadata(seed=seed))
        assert read_metadata(tmp_path / f"{seed}.parquet")["seed"] == seed


# Folders written whole or not at all


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "above" / "folder"
    for name in ("first", "second"):
        with atomic_folder(path) as temporary:
            (temporary / "inner").mkdir()
            (temporary / "inner" / name).write_text(name)
            assert not (path / "inner" / name).exists()
    assert [p.name for p in (path / "inner").iterdir()] == ["second"]
    assert [p.name for p in path.parent.iterdir()] == ["folder"]


def test_a_folder_that_fails_leaves_the_old_one(tmp_path):
    path = tmp_path / "folder"
    with atomic_folder(path) as temporary:
        (temporary / "a").write_text("a")
    for error in (KeyboardInterrupt(), SystemExit(143), StimuliError("no items")):
        with pytest.raises(type(error)), atomic_folder(path) as temporary:
            (temporary / "b").write_text("b")
            raise error
    no_space = pytest.raises(UserError, match=r"cannot write the folder .*No space")
    with no_space, atomic_folder(path):
        raise OSError(28, "No space left on device")
    assert [p.name for p in path.iterdir()] == ["a"]
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


def test_the_old_folder_comes_back_when_the_new_one_cannot_be_renamed(tmp_path, monkeypatch):
    path = tmp_path / "folder"
    with atomic_folder(path) as temporary:
        (temporary / "a").write_text("a")
    rename = Path.rename

    def fail(self, target):
        if Path(target) == path and (self / "b").exists():
            raise PermissionError(13, "Permission denied")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(UserError, match="Permission denied"), atomic_folder(path) as temporary:
        (temporary / "b").write_text("b")
    assert [p.name for p in path.iterdir()] == ["a"]
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


def test_what_a_killed_process_left_of_a_folder_is_removed(tmp_path):
    path = tmp_path / "folder"
    code = f"""
        import os, signal
        from lstm_units.io.files import atomic_folder
        with atomic_folder({str(path)!r}) as temporary:
            (temporary / "half").write_text("half")
            os.kill(os.getpid(), signal.SIGKILL)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False)
    assert not path.exists()
    left = list(tmp_path.iterdir())
    assert len(left) == 1
    alive = tmp_path / f".{os.getpid()}-0123abcd-folder"
    alive.mkdir()
    with atomic_folder(path) as temporary:
        (temporary / "whole").write_text("whole")
    assert sorted(p.name for p in tmp_path.iterdir()) == [alive.name, "folder"]
