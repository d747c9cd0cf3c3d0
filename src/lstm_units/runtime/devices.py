"""Compute devices: choosing one, leasing one among several jobs, free memory, exact products."""

import contextlib
import fcntl
import logging
import os
import re
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from lstm_units.errors import ConfigurationError, UserError

if TYPE_CHECKING:
    import torch


_LOGGER = logging.getLogger(__name__)
_SETTING = re.compile(r"^(auto|cpu|cuda(:[0-9]+)?)$")
_NO_MEMORY = ("out of memory", "CUBLAS_STATUS_ALLOC_FAILED")


def _cuda_device_count() -> int:
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def _left_out_by_slurm() -> bool:
    """Say whether this is a job of SLURM that was given no GPU; others' may be in sight."""
    return "SLURM_JOB_ID" in os.environ and "CUDA_VISIBLE_DEVICES" not in os.environ


def choose_device(setting: str, device_count: int | None = None) -> "torch.device":
    """Turn a setting into a device.

    Parameters
    ----------
    setting : str
        ``auto`` (CUDA where there is one, else the CPU; in a job of SLURM, only a GPU that SLURM
        gave it), ``cpu``, ``cuda``, or ``cuda:N`` with N among the visible devices, counted from 0.
    device_count : int, optional
        Number of visible CUDA devices; asked of PyTorch by default.

    Raises
    ------
    ConfigurationError
        If the setting is none of these, or the device does not exist.
    """
    import torch

    if not _SETTING.match(setting):
        raise ConfigurationError(f"device: found {setting!r}, expected auto, cpu, cuda or cuda:N")
    kind, _, number = setting.partition(":")
    if kind == "cpu":
        return torch.device("cpu")
    if kind == "auto" and _left_out_by_slurm():
        _LOGGER.info("SLURM gave this job no GPU: it computes on the CPU")
        return torch.device("cpu")
    count = _cuda_device_count() if device_count is None else device_count
    if kind == "auto":
        return torch.device("cuda", 0) if count else torch.device("cpu")
    index = int(number or 0)
    if index >= count:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        limit = "" if visible is None else f" (CUDA_VISIBLE_DEVICES is {visible!r})"
        raise ConfigurationError(
            f"device: found {setting!r}, but PyTorch sees {count} CUDA devices{limit}; "
            "write auto or cpu, or mend the driver"
        )
    return torch.device("cuda", index)


def exact_matrix_products() -> None:
    """Compute float32 matrix products in float32: no TF32 in cuBLAS or cuDNN, no bf16 on CPUs.

    TF32 keeps 10 bits of the mantissa, which moves margins by far more than 1e-4.
    """
    import torch

    torch.set_float32_matmul_precision("highest")
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False


def _device_names(device_count: int) -> list[str]:
    """Return a name for each visible device that all processes of the machine agree on.

    PyTorch counts the devices of CUDA_VISIBLE_DEVICES from 0; two jobs with different values of
    it must still not take the same device. SLURM may call the only device of each of its jobs 0,
    so there the number of the job is part of the name.
    """
    job = os.environ.get("SLURM_JOB_ID")
    if job is not None:
        return [f"slurm_{job}_{name}" for name in _names_seen(device_count)]
    return _names_seen(device_count)


def _names_seen(device_count: int) -> list[str]:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return [str(number) for number in range(device_count)]
    names: list[str] = []
    for entry in visible.split(","):
        name = entry.strip()
        if not name or name.startswith("-"):
            break  # CUDA ignores what follows an invalid entry
        names.append(name)
    return names[:device_count]


def count_devices() -> int:
    """Count the GPUs of this machine without asking CUDA, for a profile of Snakemake.

    Returns
    -------
    int
        The entries of CUDA_VISIBLE_DEVICES where that is set, else NVIDIA's device files.

    Raises
    ------
    UserError
        If there is none.
    """
    files = list(Path("/dev").glob("nvidia[0-9]*"))
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    count = len(files) if visible is None else len(_names_seen(len(visible.split(","))))
    if count == 0:
        raise UserError(
            "this machine shows no NVIDIA GPU (no /dev/nvidia0, or CUDA_VISIBLE_DEVICES is empty): "
            "leave --workflow-profile profiles/gpu out, and the run uses the CPU"
        )
    return count


def lock_folder() -> Path:
    """Return where jobs that share the GPUs of this machine keep their locks.

    It is a local folder of the user, as locks on files are unreliable on some network file
    systems.
    """
    return Path(tempfile.gettempdir()) / f"lstm_units_{os.getuid()}" / "devices"


@contextlib.contextmanager
def lease_device(
    lock_directory: str | Path | None = None,
    device_count: int | None = None,
    *,
    poll: float = 0.5,
    timeout: float | None = None,
    on_wait: Callable[[str], None] | None = None,
) -> Iterator[int]:
    """Hold one CUDA device for this process alone, waiting until one is free.

    Snakemake counts ``resources: gpu`` but names no device. The lease is a lock on a file, which
    the kernel releases when the holder ends, however it ends. It binds those who ask for a lease
    in the same folder; devices are told apart by their entry in CUDA_VISIBLE_DEVICES, so do not
    mix numbers and UUIDs.

    Parameters
    ----------
    lock_directory : str or Path, optional
        Folder of the lock files, common to all jobs; `lock_folder` by default. The files stay;
        only locks on them count.
    device_count : int, optional
        Number of visible CUDA devices; asked of PyTorch by default.
    poll : float
        Seconds between two attempts.
    timeout : float, optional
        Seconds after which to give up; never by default.
    on_wait : callable, optional
        Called once with a message when no device is free at first.

    Yields
    ------
    int
        Index of the device among the visible ones, as PyTorch counts them.

    Raises
    ------
    UserError
        If there is no device, the lock files cannot be written, or the time is up.
    """
    names = _device_names(_cuda_device_count() if device_count is None else device_count)
    if not names:
        raise UserError(
            "no CUDA device to lease: PyTorch sees none; name auto or cpu as device, or "
            "mend the driver or CUDA_VISIBLE_DEVICES"
        )
    directory = Path(lock_directory or lock_folder())
    start = time.monotonic()
    waited = False
    while True:
        for index, name in enumerate(names):
            handle = _try_lock(directory, name)
            if handle is None:
                continue
            try:
                yield index
            finally:
                os.close(handle)  # gives the lock back
            return
        if timeout is not None and time.monotonic() - start >= timeout:
            raise UserError(
                f"no CUDA device became free within {timeout:g} s: all {len(names)} are leased "
                f"(locks in {directory}); wait for the other jobs, or run fewer at once"
            )
        if not waited and on_wait is not None:
            on_wait(f"all {len(names)} CUDA devices are leased; waiting for one")
        waited = True
        time.sleep(poll)


@contextlib.contextmanager
def job_device(setting: str, lock_directory: str | Path | None = None) -> Iterator["torch.device"]:
    """Give a job its device: a leased GPU for ``auto`` and ``cuda``, that named by ``cuda:N``.

    Parameters
    ----------
    setting
        As in `choose_device`.
    lock_directory
        As in `lease_device`.

    Yields
    ------
    torch.device
        A leased GPU is this process's alone until the block ends.

    Raises
    ------
    ConfigurationError, UserError
        As in `choose_device` and `lease_device`.
    """
    import torch

    device = choose_device(setting)
    if device.type == "cuda" and ":" not in setting:
        with lease_device(lock_directory, on_wait=_LOGGER.info) as index:
            yield torch.device("cuda", index)
    else:
        yield device


def free_memory(device: "torch.device") -> int:
    """Return the bytes of a GPU that this process could still take, whoever uses the rest.

    Parameters
    ----------
    device : torch.device
        A CUDA device.
    """
    import torch

    free, _ = torch.cuda.mem_get_info(device)
    return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether an error means that a GPU had too little memory left.

    Parameters
    ----------
    error : BaseException
        PyTorch's own error of this kind, or what CUDA and cuBLAS say when they get none.
    """
    import torch

    if isinstance(error, torch.cuda.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _NO_MEMORY)


@contextlib.contextmanager
def memory_errors(device: "torch.device") -> Iterator[None]:
    """Turn an error about too little memory on a GPU into one that says what to do.

    Raises
    ------
    UserError
        In place of an error for which `is_out_of_memory` holds.
    """
    try:
        yield
    except RuntimeError as error:
        if device.type != "cuda" or not is_out_of_memory(error):
            raise
        raise UserError(
            f"the memory of {device} is full, other programs included (nvidia-smi lists them): "
            f"{str(error).splitlines()[0]} Wait for them, or name another device, such as cpu"
        ) from error


def _try_lock(directory: Path, name: str) -> int | None:
    """Return an open locked file, or None when another process holds the lock."""
    # The host's name is in the file's, for the folder may be shared between machines.
    safe = "".join(c if c.isalnum() or c in "-_" else "_" for c in f"{socket.gethostname()}_{name}")
    path = directory / f"device_{safe}.lock"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise UserError(
            f"cannot write the lock file {path}: {error.strerror or error}; mend the permissions "
            "of the folder or name another"
        ) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    except BaseException:
        os.close(handle)
        raise
    return handle
