"""One run at a time in a folder, whoever starts it and on whichever machine.

Snakemake locks its working directory. Two users who work in clones of their own can still write to
one folder of results. So a run holds a lock on a file in that folder for as long as it lives; the
kernel gives it back when the process ends, however it ends. The file says who holds it.

Imported when the Snakefile is parsed: standard library only.
"""

import contextlib
import errno
import fcntl
import getpass
import json
import os
import socket
import time
from pathlib import Path

from lstm_units.errors import UserError

NAME = ".running"
_UNSUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}
_held: dict[Path, int] = {}


def hold_folder(folder: str | Path) -> bool:
    """Hold a folder until this process ends.

    Parameters
    ----------
    folder : str or Path
        Made if it is not there.

    Returns
    -------
    bool
        False where the file system has no locks; nothing protects the folder then.

    Raises
    ------
    UserError
        If another run holds the folder, or the file cannot be written.
    """
    path = Path(folder).resolve() / NAME
    if path in _held:
        return True
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        # Whoever may write to the folder may hold it next, whatever the mask of this user is.
        with contextlib.suppress(PermissionError):
            os.fchmod(handle, 0o666)
    except OSError as error:
        held = holder_of(folder)
        if held is not None:
            raise _in_use(folder, held) from error
        raise UserError(
            f"cannot write {path}: {error.strerror or error}; mend the permissions of the folder, "
            "or write somewhere else"
        ) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        if error.errno in _UNSUPPORTED:
            return False
        raise _in_use(folder, _describe(path)) from error
    holder = {
        "user": _user(),
        "machine": socket.gethostname(),
        "process": os.getpid(),
        "directory": str(Path.cwd()),
        "since": time.strftime("%Y-%m-%d %H:%M:%S"),
    }
    os.truncate(handle, 0)
    os.pwrite(handle, json.dumps(holder, indent=1).encode() + b"\n", 0)
    _held[path] = handle
    return True


def holder_of(folder: str | Path) -> str | None:
    """Say who holds a folder.

    Parameters
    ----------
    folder : str or Path

    Returns
    -------
    str or None
        None where nobody does, or nobody can tell.
    """
    path = Path(folder).resolve() / NAME
    if path in _held:
        return _describe(path)
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return None if error.errno in _UNSUPPORTED else _describe(path)
    finally:
        os.close(handle)
    return None


def _in_use(folder: str | Path, holder: str) -> UserError:
    return UserError(f"{folder} is in use: {holder}. Wait for that run, or write somewhere else")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in some containers
        return str(os.getuid())


def _describe(path: Path) -> str:
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
        return (
            f"{holder['user']} has run Snakemake on {holder['machine']} (process "
            f"{holder['process']}, in {holder['directory']}) since {holder['since']}"
        )
    except (OSError, ValueError, KeyError, TypeError):
        return "another run has just begun"
