"""Runs that are killed in the middle of the sweep: the same command goes on."""

import os
import shlex
import signal
import subprocess
import sys
import textwrap
import time
from itertools import pairwise
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest
from support.workflow_fixture import HANGS, Workspace, sweep_results

from lstm_units.io.files import atomic_path

CORES = 2


def command(workspace: Workspace) -> str:
    """What the Makefile runs."""
    python = shlex.quote(sys.executable)
    arguments = shlex.join(workspace.arguments())
    return f"{python} -m lstm_units.runtime.stale_lock && exec {python} -m snakemake {arguments}"


def start(workspace: Workspace) -> subprocess.Popen:
    """Start the command in a process group of its own."""
    with (workspace.directory / "killed.txt").open("w") as output:
        return subprocess.Popen(
            ["bash", "-c", command(workspace)],
            cwd=workspace.directory,
            env=workspace.environment(),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def finish(workspace: Workspace) -> subprocess.CompletedProcess:
    return subprocess.run(
        ["bash", "-c", command(workspace)],
        cwd=workspace.directory,
        env=workspace.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=HANGS,
        check=False,
    )


def shards(workspace: Workspace) -> dict[Path, int]:
    """Time of each shard of the sweep."""
    folder = workspace.results / "tiny" / "ablation"
    return {path: path.stat().st_mtime_ns for path in folder.glob("*/*/units_*.parquet")}


def sweep_jobs(scheduler: subprocess.Popen) -> list[psutil.Process]:
    """The processes that compute shards now."""
    try:
        children = psutil.Process(scheduler.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    found = []
    for child in children:
        try:
            line = child.cmdline()
        except psutil.Error:
            continue
        if len(line) > 1 and line[1].endswith(".ablate_units.py"):
            found.append(child)
    return found


def wait_for_shards(workspace: Workspace, scheduler: subprocess.Popen, n: int) -> psutil.Process:
    """Wait until so many shards are done and another is being computed; return its process."""
    deadline = time.monotonic() + HANGS
    while time.monotonic() < deadline:
        assert scheduler.poll() is None, (workspace.directory / "killed.txt").read_text()
        jobs = sweep_jobs(scheduler)
        if len(shards(workspace)) >= n and jobs:
            return jobs[0]
        time.sleep(0.02)
    raise AssertionError(f"no {n} shards after {HANGS} s")


@pytest.mark.extended
def test_the_same_command_goes_on_after_kills_and_ends_alike(uninterrupted, before_the_sweep):
    workspace = before_the_sweep
    states = []

    scheduler = start(workspace)
    wait_for_shards(workspace, scheduler, 2)
    refused = release_lock(workspace)
    assert refused.returncode == 1
    assert str(scheduler.pid) in refused.stdout
    os.kill(scheduler.pid, signal.SIGKILL)  # alone: its jobs live on
    scheduler.wait(timeout=HANGS)
    states.append(shards(workspace))

    scheduler = start(workspace)
    wait_for_shards(workspace, scheduler, 4)
    os.killpg(scheduler.pid, signal.SIGKILL)
    scheduler.wait(timeout=HANGS)
    states.append(shards(workspace))

    scheduler = start(workspace)
    job = wait_for_shards(workspace, scheduler, 5)
    states.append(shards(workspace))
    job.kill()
    # The other jobs go on, and the run says that something is missing.
    assert scheduler.wait(timeout=HANGS) == 1
    states.append(shards(workspace))
    assert len(states[-1]) == len(shards(uninterrupted)) - 1

    again = finish(workspace)
    assert again.returncode == 0, again.stdout
    states.append(shards(workspace))

    for before, after in pairwise(states):
        lost = [path for path, written in before.items() if after.get(path) != written]
        assert len(lost) <= CORES
    assert set(states[0].items()) & set(states[-1].items())
    assert sweep_results(workspace) == sweep_results(uninterrupted)
    for path in sweep_results(uninterrupted):
        ours, theirs = workspace.results / path, uninterrupted.results / path
        if path.suffix == ".parquet":
            assert pq.read_table(ours).equals(pq.read_table(theirs), check_metadata=True), path
        elif path.suffix in (".csv", ".json", ".md", ".tex"):
            assert ours.read_bytes() == theirs.read_bytes(), path
    assert not workspace.leftovers()


def release_lock(workspace: Workspace) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "lstm_units.runtime.stale_lock"],
        cwd=workspace.directory,
        env=workspace.environment(),
        capture_output=True,
        text=True,
        check=False,
    )


def _leave_temporary(path: Path) -> Path:
    """Kill a process while it writes `path`; return the temporary file that it leaves."""
    code = f"""
    import os, signal
    from lstm_units.io.files import atomic_path
    with atomic_path({str(path)!r}) as temporary:
        temporary.write_text("half")
        os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False)
    assert done.returncode == -signal.SIGKILL
    (temporary,) = path.parent.glob(f".*-{path.name}")
    return temporary


def test_a_file_written_anew_removes_what_a_killed_process_left_of_it(tmp_path):
    left = _leave_temporary(tmp_path / "a.txt")
    other = _leave_temporary(tmp_path / "b.txt")
    with atomic_path(tmp_path / "a.txt") as temporary:
        temporary.write_text("whole")
    assert not left.exists()
    assert other.exists()
    assert (tmp_path / "a.txt").read_text() == "whole"


def test_the_temporary_file_of_a_live_process_is_left_alone(tmp_path):
    path = tmp_path / "a.txt"
    with atomic_path(path) as first:
        first.write_text("first")
        with atomic_path(path) as second:
            second.write_text("second")
        assert first.exists()
        assert path.read_text() == "second"
    assert path.read_text() == "first"
