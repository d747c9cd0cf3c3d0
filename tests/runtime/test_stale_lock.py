"""Locks of a killed Snakemake are released, those of a live one are not."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from lstm_units.errors import UserError
from lstm_units.runtime.stale_lock import is_scheduler, live_schedulers, main, release_stale_lock


@pytest.fixture
def locked(tmp_path: Path) -> Path:
    """A folder with the locks that Snakemake makes."""
    locks = tmp_path / "work" / ".snakemake" / "locks"
    locks.mkdir(parents=True)
    for name in ("0.input.lock", "0.output.lock"):
        (locks / name).write_text("results/a.parquet\n")
    return tmp_path / "work"


@pytest.fixture
def live(tmp_path: Path, locked: Path):
    """A process that looks like a Snakemake at work in the locked folder."""
    script = tmp_path / "bin" / "snakemake"
    script.parent.mkdir()
    script.write_text("import sys; print('up', flush=True); sys.stdin.read()\n")
    with subprocess.Popen(
        [sys.executable, str(script), "--cores", "2"],
        cwd=locked,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        process.stdout.readline()
        yield process
        process.stdin.close()


def test_a_lock_without_a_scheduler_is_released(locked):
    assert release_stale_lock(locked)
    assert not (locked / ".snakemake" / "locks").exists()
    assert not release_stale_lock(locked)


def test_a_folder_without_locks_is_left_alone(tmp_path):
    assert not release_stale_lock(tmp_path)
    (tmp_path / ".snakemake" / "locks").mkdir(parents=True)
    assert not release_stale_lock(tmp_path)


def test_the_lock_of_a_live_scheduler_is_kept(locked, live):
    assert live_schedulers(locked) == [live.pid]
    with pytest.raises(UserError, match=rf"process {live.pid}.*wait for it, or stop it"):
        release_stale_lock(locked)
    assert len(list((locked / ".snakemake" / "locks").iterdir())) == 2


def test_a_scheduler_in_another_folder_does_not_count(locked, live, tmp_path):
    other = tmp_path / "other"
    (other / ".snakemake" / "locks").mkdir(parents=True)
    (other / ".snakemake" / "locks" / "0.input.lock").touch()
    assert live_schedulers(other) == []
    assert release_stale_lock(other)


def test_a_folder_reached_by_a_link_is_the_same(locked, live, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(locked)
    with pytest.raises(UserError):
        release_stale_lock(link)


def test_the_command_says_what_it_did(locked, live, monkeypatch, capsys):
    monkeypatch.chdir(locked)
    assert main() == 1
    assert str(live.pid) in capsys.readouterr().out
    live.stdin.close()
    live.wait(timeout=600)
    assert main() == 0
    assert "released" in capsys.readouterr().out
    assert main() == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("line", "scheduler"),
    [
        ("/venv/bin/python /venv/bin/snakemake --cores 2", True),
        ("/venv/bin/snakemake --cores 2", True),
        ("python -m snakemake --cores 2", True),
        ("python .snakemake/scripts/tmpabc.ablate_units.py", False),
        ("bash -c set -euo pipefail; python .snakemake/scripts/tmpabc.table1.py", False),
        ("vim Snakefile snakemake", False),
        ("python", False),
        ("", False),
    ],
)
def test_schedulers_are_told_from_their_jobs(line, scheduler):
    assert is_scheduler(line.split()) is scheduler


def test_processes_that_cannot_be_read_do_not_count(locked, monkeypatch):
    class Denied:
        pid = 1

        def cmdline(self):
            raise psutil.AccessDenied(1)

    monkeypatch.setattr(psutil, "process_iter", lambda: [Denied()])
    assert live_schedulers(locked) == []
