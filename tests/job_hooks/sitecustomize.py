"""Hooks for the jobs of a workflow under test; this folder is put on their PYTHONPATH.

LSTM_UNITS_FAULTS names a folder of files such as ``noun_1-4.wait``: before the job of that shard
(group, first and last unit) returns its margins, while it holds its device, it does what the ending
says, and removes the file first, so the next attempt is a good one. ``.always`` behind it leaves
the file where it is. A job that waits writes its number to a file beside it that ends in ``.job``.

LSTM_UNITS_FAKE_GPUS=2 lets jobs see so many GPUs. They compute on the CPU, and write a line with
device, start and end to the file that LSTM_UNITS_GPU_RECORD names.
"""

import os
import sys
import time
from pathlib import Path


def job_number():
    """Number of the job for scancel; one task of an array has the number of the whole array."""
    array, task = (os.environ.get(f"SLURM_ARRAY_{name}_ID") for name in ("JOB", "TASK"))
    return f"{array}_{task}" if array else os.environ.get("SLURM_JOB_ID", str(os.getpid()))


def misbehave(group, units):
    """Do what the fault of this shard says, if it has one."""
    for fault in Path(os.environ["LSTM_UNITS_FAULTS"]).glob(f"{group}_{units[0]}-{units[-1]}.*"):
        kind = fault.suffixes[0]
        if fault.suffix != ".always":
            fault.unlink()
        if kind == ".memory":
            held = []
            while True:  # until SLURM sees it
                held.append(bytearray(b"x") * 100_000_000)
                time.sleep(0.1)
        if kind == ".kill":
            os.kill(os.getpid(), 9)
        if kind == ".wait":
            number = fault.with_suffix(".part")  # a reader sees the whole number
            number.write_text(job_number())
            number.rename(fault.with_suffix(".job"))
            time.sleep(600)


def install_faults():
    from lstm_units.interventions import ablate

    compute = ablate.unit_margins

    def unit_margins(*, units, **arguments):
        margins = compute(units=units, **arguments)
        job = sys._getframe(1).f_globals["snakemake"]  # the script that called
        misbehave(Path(job.output.margins).parent.name, units)
        return margins

    ablate.unit_margins = unit_margins


def install_fake_gpus(count):
    import contextlib

    import torch

    from lstm_units.interventions import model_inputs
    from lstm_units.runtime import devices

    leased = devices.job_device

    @contextlib.contextmanager
    def job_device(*arguments, **options):
        with leased(*arguments, **options) as device:
            name = "cpu" if device.type == "cpu" else devices._device_names(count)[device.index]
            start = time.time()
            try:
                yield torch.device("cpu")
                time.sleep(float(os.environ.get("LSTM_UNITS_GPU_SECONDS", 0)))
            finally:
                with Path(os.environ["LSTM_UNITS_GPU_RECORD"]).open("a") as record:
                    record.write(f"{name} {start} {time.time()}\n")

    devices._cuda_device_count = lambda: count
    model_inputs.job_device = job_device


script = sys.orig_argv[-1]
if "/.snakemake/scripts/" in script:
    if os.environ.get("LSTM_UNITS_FAULTS") and script.endswith(".ablate_units.py"):
        install_faults()
    if os.environ.get("LSTM_UNITS_FAKE_GPUS"):
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        seen = int(os.environ["LSTM_UNITS_FAKE_GPUS"])
        install_fake_gpus(seen if visible is None else len([v for v in visible.split(",") if v]))
