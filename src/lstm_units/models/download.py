"""Fetching a file whose sha256 is known."""

import hashlib
import time
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from tqdm import tqdm

from lstm_units.errors import CheckpointError, ConfigurationError
from lstm_units.io.files import atomic_path, sha256_file

_CHUNK = 1 << 20
_PASSING_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})


class _Interrupted(Exception):
    """A transfer that failed; `lasting` means that another try cannot help."""

    def __init__(self, why: object, lasting: bool = False) -> None:
        super().__init__(str(why))
        self.lasting = lasting


def download(
    url: str,
    path: str | Path,
    sha256: str,
    retries: int = 3,
    wait: float = 2.0,
    timeout: float = 60.0,
    progress: bool = True,
) -> Path:
    """Download a file, whole and with the expected sha256, or not at all.

    Parameters
    ----------
    url : str
        An ``http``, ``https`` or ``file`` URL.
    path : str or Path
        Where to write. A file there that has the sha256 already is left as it is.
    sha256 : str
        64 hexadecimal digits.
    retries : int
        Further tries after the first one fails.
    wait : float
        Seconds before the second try; doubled before each later one.
    timeout : float
        Seconds without an answer after which a try has failed.
    progress : bool
        Whether to show a progress bar on standard error.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    ConfigurationError
        If the URL is of another kind or `sha256` is no sha256.
    CheckpointError
        If the file cannot be had, or has another sha256.
    """
    path = Path(path)
    if urlsplit(url).scheme not in ("http", "https", "file"):
        raise ConfigurationError(f"cannot download {url!r}: expected an http, https or file URL")
    expected = sha256.strip().lower()
    if len(expected) != 64 or not set(expected) <= set("0123456789abcdef"):
        raise ConfigurationError(
            f"the sha256 of {url} is {sha256!r}; expected 64 hexadecimal digits, as `sha256sum` "
            "prints them"
        )
    if path.is_file() and sha256_file(path) == expected:
        return path
    tries = 0
    while True:
        tries += 1
        try:
            with atomic_path(path) as temporary:
                with temporary.open("wb") as handle:
                    found = _transfer(url, handle, timeout, progress)
                if found != expected:
                    raise CheckpointError(
                        f"what {url} serves has sha256 {found}, expected {expected}. It is not the "
                        "file that was asked for: check the URL, and the sha256 with whoever "
                        f"published it. {path} was not written"
                    )
            return path
        except _Interrupted as error:
            if error.lasting or tries > retries:
                raise CheckpointError(
                    f"cannot download {url}: {error} (tried {tries} "
                    f"{'time' if tries == 1 else 'times'}). Check the URL and the network, or "
                    f"put the file at {path} yourself"
                ) from error
        time.sleep(wait * 2 ** (tries - 1))


def _transfer(url: str, handle: BinaryIO, timeout: float, progress: bool) -> str:
    """Copy a URL to an open file and return the sha256 of its bytes."""
    digest = hashlib.sha256()
    try:
        response = urllib.request.urlopen(url, timeout=timeout)
    except urllib.error.HTTPError as error:
        lasting = error.code not in _PASSING_STATUS
        raise _Interrupted(f"the server answers {error.code} {error.reason}", lasting) from error
    except (OSError, HTTPException, ValueError) as error:
        lasting = urlsplit(url).scheme == "file"
        raise _Interrupted(getattr(error, "reason", error), lasting) from error
    length = response.headers.get("Content-Length")
    total = int(length) if length and length.isdigit() else None
    name = Path(urlsplit(url).path).name or url
    received = 0
    with (
        response,
        tqdm(
            total=total,
            desc=name,
            unit="B",
            unit_scale=True,
            unit_divisor=1024,
            disable=not progress,
        ) as bar,
    ):
        while True:
            # Only reading is guarded: an error in writing is the disk's, not the network's.
            try:
                chunk = response.read(_CHUNK)
            except (OSError, HTTPException) as error:
                raise _Interrupted(error) from error
            if not chunk:
                break
            handle.write(chunk)
            digest.update(chunk)
            received += len(chunk)
            bar.update(len(chunk))
    if total is not None and received != total:
        raise _Interrupted(f"the connection ended after {received} of {total} bytes")
    return digest.hexdigest()
