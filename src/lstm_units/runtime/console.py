"""Messages, progress and errors of one job, in the terminal and in its log file.

Library modules speak through ``logging.getLogger(__name__)`` or `progress`; `job` decides where it
goes. Several jobs run at once in a workflow and share the terminal, so inside `job` every line
stands for itself and names the job; a bar that redraws itself is for a job that runs alone.
"""

import contextlib
import io
import logging
import signal
import sys
import threading
import time
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tqdm import tqdm

from lstm_units.errors import UserError

_LOGGER = logging.getLogger("lstm_units")
_LOG_ONLY = logging.getLogger("lstm_units_log_file")
LINE_INTERVAL = 10.0
_bars_allowed = True


class _LogFile(logging.FileHandler):
    """A log file whose write errors stay silent.

    When the disk is full, the job's own error says so; a second one about the log would hide it.
    """

    def handleError(self, record: logging.LogRecord) -> None:
        """Drop the record."""

    def close(self) -> None:
        """Close the file, written or not."""
        with contextlib.suppress(OSError):
            super().close()


class _Terminal(logging.Handler):
    """Writes to the present ``sys.stderr``, above any bar, each line in one piece."""

    def __init__(self, prefix: str) -> None:
        super().__init__()
        self._prefix = prefix

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, every line of it with the prefix."""
        lines = self.format(record).splitlines() or [""]
        with contextlib.suppress(OSError, ValueError):
            text = "".join(f"{self._prefix}{line}\n" for line in lines)
            with tqdm.external_write_mode(file=sys.stderr):
                sys.stderr.write(text)
                sys.stderr.flush()


@contextlib.contextmanager
def job(
    log_path: str | Path | None = None, *, name: str | None = None, alone: bool = False
) -> Iterator[logging.Logger]:
    """Run the body as one job that reports to the terminal and to a log file.

    A `UserError` is printed as ``error: ...`` to both and ends the process with exit code 1,
    without a traceback. Any other exception leaves its traceback in both. On SIGTERM the body is
    left as on an exception, so that temporary files are removed; the exit code is then 143.

    Parameters
    ----------
    log_path : str or Path, optional
        The log file, written anew. None: the terminal only.
    name : str, optional
        What the lines in the terminal begin with; by default the stem of `log_path`.
    alone : bool
        Whether no other job writes to the terminal. Then lines carry no name, and `progress` may
        draw a bar.

    Yields
    ------
    logging.Logger
        For messages: ``log.info("...")``.

    Raises
    ------
    SystemExit
        With code 1 after a `UserError`, 143 after SIGTERM.
    """
    if name is None:
        name = Path(log_path).stem if log_path is not None else ""
    prefix = "" if alone or not name else f"[{name}] "
    with _handlers(log_path, prefix, alone), _exit_on_sigterm():
        try:
            yield _LOGGER
        except UserError as error:
            _LOGGER.error("error: %s", error)
            raise SystemExit(1) from None
        except KeyboardInterrupt:
            _LOGGER.error("interrupted")
            raise
        except SystemExit as error:
            if error.code not in (None, 0):
                _LOGGER.error("stopped with exit code %s", error.code)
            raise
        except BaseException:
            # The interpreter prints the traceback to the terminal when it ends.
            _LOG_ONLY.exception("unexpected error: please report it with this log")
            raise


@contextlib.contextmanager
def concerning(place: str, kind: type[UserError] = UserError) -> Iterator[None]:
    """Say which key or file the refusals of a block concern.

    The library gives reasons; who calls it knows where its arguments come from.

    Parameters
    ----------
    place : str
        Such as ``training.corpora.NAME in config.yaml``.
    kind : type, optional
        Refusals of other kinds are left as they are.

    Raises
    ------
    UserError
        What the block raises, with the place behind its message.
    """
    try:
        yield
    except kind as error:
        error.args = (f"{error} ({place})",)
        raise


@contextlib.contextmanager
def _handlers(log_path: str | Path | None, prefix: str, alone: bool) -> Iterator[None]:
    """Send messages and warnings of the library to the terminal and the log file."""
    global _bars_allowed
    handlers: list[logging.Handler] = [_Terminal(prefix)]
    loggers = [_LOGGER, _LOG_ONLY, logging.getLogger("py.warnings")]
    if log_path is not None:
        path = Path(log_path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            log_file = _LogFile(path, mode="w", encoding="utf-8")
        except OSError as error:
            sys.stderr.write(f"error: cannot write the log {path}: {error.strerror or error}\n")
            raise SystemExit(1) from None
        log_file.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
        handlers.append(log_file)
    before = [(logger, logger.level, logger.propagate) for logger in loggers]
    bars_before, _bars_allowed = _bars_allowed, alone
    show_warning = warnings.showwarning
    for logger in loggers:
        logger.setLevel(logging.INFO)
        logger.propagate = False
        for handler in handlers[1:] if logger is _LOG_ONLY else handlers:
            logger.addHandler(handler)
    warnings.showwarning = _log_warning
    try:
        yield
    finally:
        warnings.showwarning = show_warning
        _bars_allowed = bars_before
        for logger, level, propagate in before:
            for handler in handlers:
                logger.removeHandler(handler)
            logger.setLevel(level)
            logger.propagate = propagate
        for handler in handlers:
            handler.close()


def _log_warning(message: Any, category: Any, filename: Any, lineno: Any, *_: Any) -> None:
    logging.getLogger("py.warnings").warning(
        "%s: %s (%s:%s)", category.__name__, message, Path(filename).name, lineno
    )


@contextlib.contextmanager
def _exit_on_sigterm() -> Iterator[None]:
    """Turn SIGTERM into SystemExit(143); signals can be handled in the main thread only."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: Any) -> None:
        raise SystemExit(128 + signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _Progress(tqdm):
    """A tqdm that logs plain lines at an interval, and draws its bar only where asked to."""

    def __init__(self, *args: Any, draw: bool, line_interval: float, **options: Any) -> None:
        self._draw = draw
        self._line_interval = line_interval
        self._last_line = time.monotonic()
        self._last_text = ""
        super().__init__(*args, **options)

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        """Redraw: called by tqdm at its own interval, and at the end.

        Parameters
        ----------
        msg : str, optional
            As in ``tqdm.display``.
        pos : int, optional
            As in ``tqdm.display``.
        """
        if self._draw:
            super().display(msg, pos)
        now = time.monotonic()
        if self.n and (now - self._last_line >= self._line_interval or self.n == self.total):
            self._log_line(now)

    def _log_line(self, now: float) -> None:
        text = self._line()
        if text != self._last_text:
            # Where the bar is drawn, the terminal has it already.
            (_LOG_ONLY if self._draw else _LOGGER).info("%s", text)
            self._last_line, self._last_text = now, text

    def _line(self) -> str:
        state = self.format_dict
        n, total, elapsed = state["n"], state["total"], state["elapsed"]
        unit = self.unit.strip()
        amount = f"{n}/{total} {unit}" if total else f"{n} {unit}"
        lead = f"{self.desc.removesuffix(': ')}: " if self.desc else ""
        if total and n >= total:
            return f"{lead}{amount}, took {_duration(elapsed)}"
        rate = state["rate"] or (n / elapsed if elapsed > 0 else 0)
        if not total or not rate:
            return f"{lead}{amount}, {_duration(elapsed)} so far"
        return f"{lead}{amount}, {_duration((total - n) / rate)} left"

    def close(self) -> None:
        """End; work of unknown length gets its last line here."""
        super().close()
        if not self.total and self.n:
            self._log_line(time.monotonic())


def _duration(seconds: float) -> str:
    """Word a duration: ``18 s``, ``3 min 05 s``, ``2 h 10 min``."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02d} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60:02d} min"


def progress(
    iterable: Iterable[Any] | None = None,
    total: float | None = None,
    description: str = "",
    unit: str = "items",
    *,
    line_interval: float | None = None,
) -> tqdm:
    """Report the progress of long work, with an estimate of the time left.

    Parameters
    ----------
    iterable : iterable, optional
        What to go through; without it call ``update(n)`` of the result, and close it.
    total : float, optional
        Amount of work; by default the length of `iterable`.
    description, unit : str
        What is done, and what is counted: ``sweep: 12/65 units, 18 s left``.
    line_interval : float, optional
        Seconds between two lines; `LINE_INTERVAL` by default.

    Returns
    -------
    tqdm
        To iterate over, or to use as a context manager.
    """
    interval = LINE_INTERVAL if line_interval is None else line_interval
    draw = _bars_allowed and sys.stderr is not None and sys.stderr.isatty()
    return _Progress(
        iterable,
        total=total,
        desc=description or None,
        unit=f" {unit}" if draw else unit,
        file=sys.stderr if draw else io.StringIO(),
        mininterval=0.1 if draw else interval,
        miniters=1,
        dynamic_ncols=draw,
        draw=draw,
        line_interval=interval,
    )
