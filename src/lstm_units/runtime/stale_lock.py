"""Release the lock that a killed Snakemake left in a folder, and only such a lock.

``python -m lstm_units.runtime.stale_lock`` does it for the current folder. Without it, a run
after a kill
ends in a LockException until somebody calls ``snakemake --unlock``.
"""

import os
import shutil
from pathlib import Path

import psutil

from lstm_units.errors import UserError
from lstm_units.runtime.folder_lock import holder_of


def live_schedulers(directory: str | Path) -> list[int]:
    """Return the process ids of the Snakemake schedulers that work in a folder.

    Jobs that outlive a killed scheduler are none: they run one script of the workflow.
    """
    directory = Path(directory).resolve()
    found = []
    for process in psutil.process_iter():
        try:
            if is_scheduler(process.cmdline()) and Path(process.cwd()).resolve() == directory:
                found.append(process.pid)
        except (psutil.Error, OSError):
            continue  # ended meanwhile, or another user's
    return found


def is_scheduler(command: list[str]) -> bool:
    """Say whether a command line is that of ``snakemake`` or ``python -m snakemake``."""
    names = [Path(part).name for part in command[:2]]
    return "snakemake" in names or command[1:3] == ["-m", "snakemake"]


def release_stale_lock(directory: str | Path) -> bool:
    """Remove the locks of a folder when no Snakemake works in it, here or on another machine.

    Parameters
    ----------
    directory : path
        The folder in which Snakemake runs.

    Returns
    -------
    bool
        Whether there was a lock.

    Raises
    ------
    UserError
        If a live Snakemake holds it, or the lock is another user's.
    """
    snakemake = Path(directory) / ".snakemake"
    locks = snakemake / "locks"
    if not (locks.is_dir() and any(locks.iterdir())):
        return False
    holder = holder_of(snakemake)
    if holder is not None:
        raise UserError(f"this folder is in use: {holder}; wait for that run, or stop it there")
    if os.getuid() not in (0, locks.stat().st_uid):
        raise UserError(
            f"the lock in {locks} is of another user ({locks.owner()}); ask them, or remove it "
            "with snakemake --unlock if nobody works here"
        )
    live = live_schedulers(directory)
    if live:
        raise UserError(
            f"Snakemake (process {', '.join(map(str, live))}) is at work in this folder; wait for "
            "it, or stop it with Ctrl-C there"
        )
    shutil.rmtree(locks)
    return True


def main() -> int:
    """Release the lock of the current folder; exit code 1 when a live Snakemake holds it."""
    try:
        if release_stale_lock("."):
            print("released the lock of a Snakemake that was killed")
    except UserError as error:
        print(f"error: {error}")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
