"""One run at a time in a folder of results, and the lock ends with the run."""

import errno
import fcntl
import json
import os
import signal
import subprocess
import sys

import pytest

from lstm_units.errors import UserError
from lstm_units.runtime.folder_lock import NAME, hold_folder, holder_of

HOLDER = """
import sys, time
from lstm_units.runtime.folder_lock import hold_folder
assert hold_folder(sys.argv[1])
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def other(tmp_path):
    """Another process that holds a folder."""
    folder = tmp_path / "results"
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process, folder
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_second_run_is_refused_and_told_who_holds_the_folder(other):
    process, folder = other
    with pytest.raises(UserError) as caught:
        hold_folder(folder)
    message = str(caught.value)
    for part in (f"{folder} is in use", f"process {process.pid}", os.uname().nodename, "Wait"):
        assert part in message
    assert f"process {process.pid}" in holder_of(folder)
    assert json.loads((folder / NAME).read_text())["process"] == process.pid


def test_the_lock_ends_with_its_holder_however_that_ends(other):
    process, folder = other
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert holder_of(folder) is None
    assert hold_folder(folder)
    assert f"process {os.getpid()}" in holder_of(folder)
    assert hold_folder(folder)  # what this process holds already


def test_a_job_that_outlives_its_run_holds_nothing(tmp_path):
    code = f"""
    import subprocess, sys
    from lstm_units.runtime.folder_lock import hold_folder
    hold_folder({str(tmp_path)!r})
    sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    print(subprocess.Popen(sleep, stdout=subprocess.DEVNULL).pid)
    """
    lines = "\n".join(line.strip() for line in code.splitlines())
    done = subprocess.run([sys.executable, "-c", lines], stdout=subprocess.PIPE, text=True)
    job = int(done.stdout)
    try:
        assert holder_of(tmp_path) is None
    finally:
        os.kill(job, signal.SIGKILL)


def test_a_folder_that_nobody_holds_or_that_is_not_there(tmp_path):
    assert holder_of(tmp_path) is None
    assert holder_of(tmp_path / "none") is None
    (tmp_path / NAME).write_text("damaged")
    assert holder_of(tmp_path) is None
    assert hold_folder(tmp_path)


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"cannot write .*or write somewhere else"):
        hold_folder(tmp_path / "file" / "results")


def test_a_file_system_without_locks_is_told_and_stops_nobody(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    assert not hold_folder(tmp_path)
    assert holder_of(tmp_path) is None


def test_a_holder_that_has_not_yet_said_who_it_is(other):
    _, folder = other
    (folder / NAME).write_text("")
    assert holder_of(folder) == "another run has just begun"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_is_told_the_same(other):
    process, folder = other
    for path in (folder, *folder.parents):
        if path.stat().st_uid == 0 and path.parts[1:2] == ("tmp",) and len(path.parts) > 2:
            path.chmod(0o755)
    child = os.fork()
    if child == 0:
        os.setuid(65534)
        try:
            hold_folder(folder)
        except UserError as error:
            os._exit(0 if f"process {process.pid}" in str(error) else 2)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_the_next_user_may_hold_the_folder_whatever_the_mask(tmp_path):
    before = os.umask(0o077)
    try:
        assert hold_folder(tmp_path / "results")
    finally:
        os.umask(before)
    assert (tmp_path / "results" / NAME).stat().st_mode & 0o777 == 0o666
