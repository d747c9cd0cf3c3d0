"""Local runs with several GPUs, which are fakes: every one is used, by one job at a time."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from support.workflow_fixture import HANGS, PROJECT, Workspace, sweep_results

from lstm_units.errors import UserError
from lstm_units.runtime.devices import count_devices


def run_on_gpus(workspace: Workspace, folder: Path, *arguments: str, **environment: str):
    """Run with two GPUs in sight; return the ended process and who had which device when."""
    record = folder / "devices.txt"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "snakemake", *workspace.arguments("--cores", "4")),
            *("--workflow-profile", str(workspace.project / "profiles" / "gpu"), *arguments),
        ],
        cwd=workspace.directory,
        env={
            **os.environ,
            "PYTHONPATH": str(PROJECT / "tests" / "job_hooks"),
            "CUDA_VISIBLE_DEVICES": "0,1",
            "TMPDIR": str(folder),  # for the locks
            "LSTM_UNITS_FAKE_GPUS": "2",
            "LSTM_UNITS_GPU_RECORD": str(record),
            **environment,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=HANGS,
        check=False,
    )
    return done, pd.read_csv(
        record, sep=" ", names=["device", "start", "end"], dtype={"device": str}
    )


@pytest.mark.extended
def test_every_gpu_is_used_and_none_by_two_jobs_at_once(
    before_the_sweep,
    uninterrupted,
    tmp_path,
):
    workspace = before_the_sweep
    done, table = run_on_gpus(
        *(workspace, tmp_path, "--config", "ablation={shard_size: 2}"), LSTM_UNITS_GPU_SECONDS="1"
    )
    assert done.returncode == 0, done.stdout
    assert set(table["device"]) == {"0", "1"}
    shards = list((workspace.results / "tiny").glob("ablation/*/*/units_*.parquet"))
    assert len(table) >= len(shards) == 8
    for _, jobs in table.groupby("device"):
        jobs = jobs.sort_values("start")
        assert (jobs["start"].iloc[1:].to_numpy() >= jobs["end"].iloc[:-1].to_numpy()).all()
    assert sweep_results(workspace) == sweep_results(uninterrupted)


@pytest.mark.extended
def test_a_job_that_is_killed_leaves_its_gpu_to_the_others(
    before_the_sweep,
    tmp_path,
):
    workspace, faults = before_the_sweep, tmp_path / "faults"
    faults.mkdir()
    (faults / "noun_1-2.kill").touch()
    done, table = run_on_gpus(
        *(workspace, tmp_path, "--config", "ablation={shard_size: 2}", "--retries", "1"),
        LSTM_UNITS_FAULTS=str(faults),
        LSTM_UNITS_GPU_SECONDS="1",
    )
    assert done.returncode == 0, done.stdout
    assert "Trying to restart job" in done.stdout
    made = "results/tiny/ablation/zero/noun/units_0001-0002.parquet"
    assert f"failed: ablate_units, which makes {made}\n    results/logs/tiny/" in done.stdout
    assert not (faults / "noun_1-2.kill").exists()
    assert len(list((workspace.results / "tiny").glob("ablation/*/*/units_*.parquet"))) == 8
    assert set(table["device"]) == {"0", "1"}


def test_gpus_are_counted_without_cuda(monkeypatch):
    for visible, count in (("0", 1), ("2,5", 2), ("GPU-1a,GPU-2b,GPU-3c", 3), ("1,-1,0", 1)):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        assert count_devices() == count
    for visible in ("", "-1"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        with pytest.raises(UserError, match=r"shows no NVIDIA GPU.*profiles/gpu"):
            count_devices()
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    files = [Path("/dev/nvidia0"), Path("/dev/nvidia1")]
    monkeypatch.setattr(Path, "glob", lambda self, pattern: iter(files))
    assert count_devices() == 2
