import fcntl
import logging
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import time
import warnings

import pytest

from lstm_units.errors import UserError
from lstm_units.runtime import console
from lstm_units.runtime.console import job, progress

START = "import sys, time\nfrom lstm_units.runtime.console import job, progress\n"


def run(code, *arguments, **options):
    """Run code that uses the console in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", START + code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=600,
        **options,
    )


def lines_of(path):
    """Lines of a log file without their time of day."""
    return [line.split(" ", 1)[1] for line in path.read_text().splitlines()]


# Messages and errors


def test_messages_go_to_terminal_and_log(tmp_path, capsys):
    log = tmp_path / "deep" / "sweep_1.log"
    with job(log) as out:
        out.info("reading %s", "x")
        logging.getLogger("lstm_units.interventions.sweep").info("two\nlines")
    assert capsys.readouterr().err == "[sweep_1] reading x\n[sweep_1] two\n[sweep_1] lines\n"
    assert log.read_text().split(" ", 1)[1].startswith("reading x\n")
    assert "two\nlines\n" in log.read_text()


def test_lines_name_the_job_unless_it_is_alone(capsys, tmp_path):
    with job(tmp_path / "a.log", name="wikipedia650 zero") as out:
        out.info("hello")
    with job(tmp_path / "a.log", alone=True) as out:
        out.info("hello")
    with job() as out:
        out.info("hello")
    assert capsys.readouterr().err == "[wikipedia650 zero] hello\nhello\nhello\n"


def test_a_user_error_leaves_its_message_only_and_exit_code_1(tmp_path):
    log = tmp_path / "x.log"
    code = (
        "from lstm_units.errors import StimuliError\n"
        "with job(sys.argv[1]):\n    raise StimuliError('line 3 of a.txt: no verb')\n"
    )
    done = run(code, log)
    assert done.returncode == 1
    assert done.stderr == "[x] error: line 3 of a.txt: no verb\n"
    assert lines_of(log) == ["error: line 3 of a.txt: no verb"]


def test_a_refusal_is_told_with_the_key_that_its_caller_knows(tmp_path):
    code = (
        "from lstm_units.errors import StimuliError, UserError\n"
        "from lstm_units.runtime.console import concerning\n"
        "with job(sys.argv[1]), concerning('tasks', UserError), concerning('seed', StimuliError):\n"
        "    raise UserError('no verb')\n"
    )
    assert run(code, tmp_path / "x.log").stderr == "[x] error: no verb (tasks)\n"


def test_any_other_exception_leaves_its_traceback_in_both(tmp_path):
    log = tmp_path / "x.log"
    done = run("with job(sys.argv[1]):\n    1 / 0\n", log)
    assert done.returncode == 1
    for text in (done.stderr, log.read_text()):
        assert text.count("Traceback") == 1
        assert "ZeroDivisionError" in text


def test_sigterm_leaves_the_body_in_order_with_exit_code_143(tmp_path):
    log, temporary = tmp_path / "x.log", tmp_path / "temporary"
    code = (
        "from pathlib import Path\n"
        "with job(sys.argv[1]):\n"
        "    path = Path(sys.argv[2])\n    path.touch()\n"
        "    try:\n        print('on', flush=True)\n        time.sleep(60)\n"
        "    finally:\n        path.unlink()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", START + code, str(log), str(temporary)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "on\n"
    assert temporary.exists()
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=600)
    assert process.returncode == 143
    assert not temporary.exists()
    assert "Traceback" not in errors
    assert lines_of(log) == ["stopped with exit code 143"]


def test_a_job_leaves_logging_warnings_and_signals_as_they_were(tmp_path):
    def state():
        logger = logging.getLogger("lstm_units")
        return (
            list(logger.handlers),
            logger.level,
            logger.propagate,
            warnings.showwarning,
            signal.getsignal(signal.SIGTERM),
            console._bars_allowed,
        )

    before = state()
    with pytest.raises(SystemExit) as caught, job(tmp_path / "a.log"):
        assert state() != before
        raise UserError("x")
    assert caught.value.code == 1
    assert state() == before


def test_warnings_reach_the_log(tmp_path, capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        with job(tmp_path / "a.log"):
            warnings.warn("near-singular", RuntimeWarning, stacklevel=1)
    assert "[a] RuntimeWarning: near-singular" in capsys.readouterr().err
    assert "RuntimeWarning: near-singular" in (tmp_path / "a.log").read_text()


def test_a_log_that_cannot_be_written_stops_the_job_with_its_name(tmp_path, capsys):
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit) as caught, job(tmp_path / "file" / "a.log"):
        pytest.fail("the body must not run")
    assert caught.value.code == 1
    assert "error: cannot write the log" in capsys.readouterr().err


def test_a_full_disk_under_the_log_does_not_hide_the_error(capsys):
    with pytest.raises(SystemExit) as caught, job("/dev/full", name="a"):
        raise UserError("the disk is full")
    assert caught.value.code == 1
    assert capsys.readouterr().err == "[a] error: the disk is full\n"


def test_a_log_is_written_anew(tmp_path):
    for text in ("first", "second"):
        with job(tmp_path / "a.log") as out:
            out.info(text)
    assert lines_of(tmp_path / "a.log") == ["second"]


# Progress


def test_progress_yields_everything_and_reports_plain_lines_in_both(tmp_path, capsys):
    with job(tmp_path / "a.log"):
        assert list(progress(range(5), description="sweep", unit="units")) == [0, 1, 2, 3, 4]
    assert capsys.readouterr().err == "[a] sweep: 5/5 units, took 0 s\n"
    assert lines_of(tmp_path / "a.log") == ["sweep: 5/5 units, took 0 s"]


def test_progress_lines_come_at_the_interval_with_the_time_left(tmp_path, capsys):
    with job(tmp_path / "a.log"), progress(total=10, unit="units", line_interval=0.1) as bar:
        for _ in range(5):
            time.sleep(0.06)
            bar.update(2)
    lines = [line.removeprefix("[a] ") for line in capsys.readouterr().err.splitlines()]
    assert lines == lines_of(tmp_path / "a.log")
    assert 2 <= len(lines) <= 4
    assert all(line.endswith("units, 0 s left") for line in lines[:-1])
    assert lines[-1].startswith("10/10 units, took")


def test_the_time_left_follows_the_rate(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(console.time, "monotonic", iter(range(0, 10**6, 100)).__next__)
    with job(tmp_path / "a.log"):
        bar = progress(total=65, unit="units", line_interval=0.0)
        bar.start_t -= 24  # 12 units in 24 s: 53 more take 106 s
        bar.last_print_t -= 24
        bar.update(12)
        bar.close()
    assert "[a] 12/65 units, 1 min 46 s left" in capsys.readouterr().err


def test_work_of_unknown_length_ends_with_what_was_done(tmp_path, capsys):
    with job(tmp_path / "a.log"):
        list(progress(iter("abc"), unit="files"))
    assert capsys.readouterr().err == "[a] 3 files, 0 s so far\n"


def test_broken_off_work_does_not_claim_to_be_done(tmp_path, capsys):
    with pytest.raises(SystemExit), job(tmp_path / "a.log"):
        for number in progress(range(9), unit="units"):
            if number == 4:
                raise UserError("stop")
    assert capsys.readouterr().err == "[a] error: stop\n"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (185, "3 min 05 s"), (7800, "2 h 10 min")],
)
def test_durations_in_words(seconds, text):
    assert console._duration(seconds) == text


def on_terminal(code, *arguments):
    """Run code with a terminal as its stderr; return what it wrote there."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-c", START + code, *map(str, arguments)], stderr=slave
    )
    os.close(slave)
    written = b""
    while True:
        try:
            piece = os.read(master, 4096)
        except OSError:  # the other end was closed
            break
        if not piece:
            break
        written += piece
    os.close(master)
    assert process.wait(timeout=600) == 0
    return written.decode()


def test_a_job_that_is_alone_on_a_terminal_draws_a_bar_and_logs_plain_lines(tmp_path):
    log = tmp_path / "a.log"
    code = (
        "with job(sys.argv[1], alone=True) as out:\n"
        "    for n in progress(range(4), unit='units'):\n"
        "        time.sleep(0.12)\n        out.info('note %d', n)\n"
    )
    written = on_terminal(code, log)
    assert "\r" in written.replace("\r\n", "") and "4/4" in written and "%|" in written
    assert "note 3\r\n" in written
    assert lines_of(log)[-1].startswith("4/4 units, took")
    assert "%|" not in log.read_text()


def test_jobs_side_by_side_write_whole_lines_without_cursor_movements(tmp_path):
    code = (
        "with job(sys.argv[1]):\n"
        "    for n in progress(range(4), unit='units', line_interval=0.05):\n"
        "        time.sleep(0.06)\n"
    )
    written = on_terminal(code, tmp_path / "a.log")
    assert "\x1b" not in written and "\r" not in written.replace("\r\n", "")
    lines = written.replace("\r\n", "\n").splitlines()
    assert len(lines) >= 2 and all(line.startswith("[a] ") for line in lines)
