"""Failed jobs in a few lines each.

Snakemake can be asked not to print a block of text for each job; it then says nothing of one that
failed either, so a job that was killed leaves no word.
"""

import logging
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

_REMARK = re.compile(r" \([^/]*\)$")  # Snakemake's, behind a path


class FailedJobs(logging.Handler):
    """Prints which job failed, what the cluster says of it, and where its logs are.

    Parameters
    ----------
    event : object
        What Snakemake calls the event of a failed job: ``LogEvent.JOB_ERROR``.
    stream : text file, optional
        Standard error by default.
    """

    def __init__(self, event: object, stream: TextIO | None = None) -> None:
        super().__init__()
        self._event = event
        self._stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record if it is of a failed job."""
        if getattr(record, "event", None) == self._event:
            print(describe(vars(record)), file=self._stream or sys.stderr, flush=True)


def describe(failed: dict) -> str:
    """Word the failure of a job.

    Parameters
    ----------
    failed : dict
        Of a record of Snakemake: `rule_name`, `output`, `log`, and `rule_msg`, which is what the
        cluster says.

    Returns
    -------
    str
        One line, and one for each log that exists.
    """
    outputs = [_REMARK.sub("", str(path)) for path in failed.get("output") or []]
    lines = [f"failed: {failed.get('rule_name', 'a job')}, which makes {', '.join(outputs)}"]
    if message := (failed.get("rule_msg") or "").partition("For further error details")[0].strip():
        lines[0] += f". {message}"
    lines += [f"    {path}" for path in existing_logs(failed.get("log") or [])]
    return "\n".join(lines)


def existing_logs(paths: Iterable[str | None]) -> list[str]:
    """Return the logs that are there.

    The SLURM plugin (2.8) names those of array tasks in a folder of their own and writes them
    beside it.
    """
    found = []
    for name in paths:
        path = Path(_REMARK.sub("", str(name)))
        places = [path, path.parent.parent / path.name]
        found += [str(place) for place in places if place.is_file()][:1]
    return found
