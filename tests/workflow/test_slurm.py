"""The workflow submitted to a real SLURM of one node, with all that goes wrong on clusters."""

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from support.single_node_slurm import CONFIGURATION, SingleNodeSlurm, reason_against
from support.workflow_fixture import HANGS, PROJECT, Workspace

pytestmark = [
    pytest.mark.extended,
    pytest.mark.skipif(reason_against() is not None, reason=f"no SLURM: {reason_against()}"),
]
# This SLURM keeps no accounts, it is not a busy one, and its files are there at once. A job takes
# some nine seconds; after a look that finds none done, the next one is ten seconds later.
HERE = (
    *("--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "9"),
    *("--latency-wait", "5"),
)


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    before = sorted(CONFIGURATION.glob("*"))
    cluster = SingleNodeSlurm(tmp_path_factory.mktemp("slurm") / "node", cpus=8)
    cluster.start()
    yield cluster
    cluster.stop()
    # Nothing of it is left, and nothing else was touched.
    assert sorted(CONFIGURATION.glob("*")) == before
    assert not cluster.folder.exists()
    assert subprocess.run(["pgrep", "-f", str(cluster.folder)], check=False).returncode == 1


@dataclass
class Submission:
    """Snakemake at work for a folder."""

    process: subprocess.Popen
    log: Path
    started: float = field(default_factory=time.monotonic)

    def output(self) -> str:
        return self.log.read_text()

    def wait_for(self, condition, what: str, timeout: float = HANGS) -> None:
        deadline = time.monotonic() + timeout
        while not condition():
            assert self.process.poll() is None, self.output()
            assert time.monotonic() < deadline, f"{what}: not in {timeout} s\n{self.output()}"
            time.sleep(0.2)

    def end(self, timeout: float = HANGS) -> int:
        try:
            return self.process.wait(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(timeout=HANGS)
            pytest.fail(self.output())


@pytest.fixture
def submit():
    """Start Snakemake with a profile; end it with the test."""
    started = []

    def start(
        directory: Path,
        profile: str,
        *arguments: str,
        targets: tuple[str, ...] = (),
        project: Path = PROJECT,
        **environment: str,
    ) -> Submission:
        log = directory / f"submission{len(started)}.txt"
        with log.open("w") as output:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "snakemake", "-s", str(project / "Snakefile")),
                    *("--directory", str(directory)),
                    *("--workflow-profile", str(project / "profiles" / profile)),
                    *(*HERE, *arguments, "--", *targets),
                ],
                cwd=directory,
                env={**os.environ, **environment},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        started.append(Submission(process, log))
        return started[-1]

    yield start
    for submission in started:
        if submission.process.poll() is None:
            submission.process.kill()
            submission.process.wait()


def shards(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.glob("ablation/*/*/units_*.parquet")}


# All that the sweep of the small network makes, without what is drawn from it.
SWEEP = ("results/tiny/ablation/zero/accuracy.parquet",)


def files_for_people(folder: Path) -> list[Path]:
    return sorted(
        path.relative_to(folder)
        for kind in ("csv", "md", "tex", "json")
        for path in folder.rglob(f"*.{kind}")
        if "checkpoint" not in path.parts
    )


def assert_equal_tables(ours: Path, theirs: Path) -> None:
    """The same bytes in each table and list."""
    assert files_for_people(ours) == files_for_people(theirs)
    assert len(files_for_people(ours)) > 10
    for path in files_for_people(ours):
        assert (ours / path).read_bytes() == (theirs / path).read_bytes(), path


def assert_equal_sweeps(ours: Path, theirs: Path) -> None:
    """The same shards, accuracies and all else of the sweep."""
    paths = {path.relative_to(ours) for path in ours.glob("ablation/**/*.parquet")}
    assert paths == {path.relative_to(theirs) for path in theirs.glob("ablation/**/*.parquet")}
    assert len(paths) > 4
    for path in paths:
        assert pq.read_table(ours / path).equals(pq.read_table(theirs / path)), path


def test_the_quick_preset_gives_the_tables_of_a_local_run_though_the_node_goes_down(
    slurm, submit, tmp_path
):
    preset = str(PROJECT / "presets" / "quick.yaml")
    there, here = tmp_path / "slurm", tmp_path / "local"
    there.mkdir()
    here.mkdir()
    run = submit(there, "slurm", "--configfile", preset)
    folder = there / "results" / "quick" / "wikipedia650"

    run.wait_for(lambda: shards(folder), "a first shard")
    run.wait_for(lambda: slurm.jobs(), "a job at work")
    in_flight = len(slurm.jobs())
    slurm.lose_node()
    done = shards(folder)
    slurm.wait_for_node("down", "down*")
    slurm.return_node()
    assert run.end() == 0, run.output()
    # The sweep was not over, and at most what was in flight is made again.
    after = shards(folder)
    assert 0 < len(done) < len(after)
    assert sum(after[path] != written for path, written in done.items()) <= in_flight
    assert "Submitted array job" in run.output()

    # With as many threads, for sums are rounded otherwise with more or fewer: those of the profile,
    # or all of a machine that has fewer.
    profile = yaml.safe_load((PROJECT / "profiles" / "slurm" / "profile.yaml").read_text())
    threads = [f"{rule}={number}" for rule, number in profile["set-threads"].items()]
    local = subprocess.run(
        [
            *(sys.executable, "-m", "snakemake", "-s", str(PROJECT / "Snakefile")),
            *("--directory", str(here), "--configfile", preset),
            *("--cores", "all", "--set-threads", *threads),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert local.returncode == 0, local.stderr
    assert_equal_sweeps(folder, here / "results" / "quick" / "wikipedia650")
    assert_equal_tables(folder, here / "results" / "quick" / "wikipedia650")


def test_jobs_that_are_killed_are_submitted_again_or_reported(
    slurm,
    submit,
    before_the_sweep,
    uninterrupted,
    tmp_path,
):
    workspace: Workspace = before_the_sweep
    faults = tmp_path / "faults"
    faults.mkdir()
    for fault in (
        "noun_1-2.wait",  # beyond its time limit
        "noun_3-4.memory",
        "short_1-2.wait",  # cancelled below
        "short_3-4.memory.always",
    ):
        (faults / fault).touch()
    arguments = (
        *workspace.arguments()[4:6],  # --configfile
        *(
            "--set-resources",
            "ablate_units:runtime=1 * attempt",
            "ablate_units:mem_mb=1500 * attempt",
        ),
    )
    hooks = {
        "PYTHONPATH": str(PROJECT / "tests" / "job_hooks"),
        "LSTM_UNITS_FAULTS": str(faults),
        # There are GPUs in sight, but SLURM gives these jobs none.
        "LSTM_UNITS_FAKE_GPUS": "2",
        "LSTM_UNITS_GPU_RECORD": str(tmp_path / "devices.txt"),
    }
    how = {"targets": SWEEP, "project": workspace.project, **hooks}
    run = submit(workspace.directory, "slurm", *arguments, **how)

    waiting = faults / "short_1-2.job"
    run.wait_for(waiting.exists, "the job to cancel")
    slurm.cancel(waiting.read_text())
    second_users_are_refused(workspace, submit, arguments, tmp_path)

    assert run.end() == 1, run.output()
    # What fails each time is reported with its log, after three attempts; it is the first task of
    # its array, and takes no other with it.
    failed = re.findall(
        r"^failed: ablate_units, which makes \S+/(\w+/units_\S+)\.parquet\. SLURM-job '\w+' failed"
        r".*\n    (\S+)\n    (\S+)$",
        run.output(),
        re.M,
    )
    assert Counter(shard for shard, _, _ in failed) == {
        **{"noun/units_0001-0002": 1, "noun/units_0003-0004": 1, "short/units_0001-0002": 1},
        **{"short/units_0003-0004": 3},
    }
    for shard, own_log, _ in failed:
        assert own_log.endswith(f"{shard[-9:]}.log")
    said = {shard: Path(log).read_text() for shard, _, log in failed}
    assert "DUE TO TIME LIMIT" in said["noun/units_0001-0002"]
    assert "exceeded memory limit" in said["noun/units_0003-0004"]
    assert "CANCELLED AT" in said["short/units_0001-0002"]
    assert "exceeded memory limit" in said["short/units_0003-0004"]
    assert run.output().count("Trying to restart job") == 5
    assert not (workspace.results / "tiny/ablation/zero/short/units_0003-0004.parquet").exists()
    # What failed once is there: beyond its time or memory, cancelled.
    expected = shards(uninterrupted.results / "tiny")
    assert len(shards(workspace.results / "tiny")) == len(expected) - 1
    for name in ("noun_1-2.wait", "noun_3-4.memory", "short_1-2.wait"):
        assert not (faults / name).exists()
    devices = (tmp_path / "devices.txt").read_text().split("\n")
    assert {line.split()[0] for line in devices if line} == {"cpu"}

    (faults / "short_3-4.memory.always").unlink()
    again = submit(workspace.directory, "slurm", *arguments, **how)
    assert again.end() == 0, again.output()
    assert_equal_sweeps(workspace.results / "tiny", uninterrupted.results / "tiny")
    assert not workspace.leftovers()


def second_users_are_refused(workspace, submit, arguments, tmp_path) -> None:
    """Start a second run in the same folder, and one elsewhere that writes to its results."""
    here = submit(workspace.directory, "slurm", *arguments, project=workspace.project)
    assert here.end() == 1
    assert "cannot be locked" in here.output()

    elsewhere = workspace.copy(tmp_path / "elsewhere")
    config = elsewhere.changed(pathvars={"results": str(workspace.results)})
    config["context"] = {"file": "data/english/context.txt", "case": "lower"}
    there = submit(
        elsewhere.directory,
        "slurm",
        *elsewhere.arguments(config=config)[4:6],
        project=workspace.project,
    )
    assert there.end() == 1
    message = there.output()
    assert f"{workspace.results} is in use" in message
    assert "(process " in message and str(workspace.directory) in message


def test_what_the_plugin_cannot_do_is_refused_before_the_first_job(slurm, submit, before_the_sweep):
    workspace: Workspace = before_the_sweep
    shard_size = ("--config", "ablation={shard_size: 4}")
    for arguments, reason in (
        (("--jobs", "2"), "jobs are to do, but --jobs is 2: the SLURM plugin forgets"),
        (shard_size, "cannot hand lists and sections of --config to job arrays"),
    ):
        run = submit(
            *(workspace.directory, "slurm", "--configfile", workspace.arguments()[5], *arguments),
            project=workspace.project,
        )
        assert run.end() == 1
        assert reason in run.output()
        assert "Submitted" not in run.output()
    assert not slurm.jobs() and not slurm.jobs("PENDING")


def test_jobs_on_gpus_take_those_that_slurm_gives_them(
    slurm,
    submit,
    before_the_sweep,
    uninterrupted,
    tmp_path,
):
    workspace: Workspace = before_the_sweep
    record = tmp_path / "devices.txt"
    run = submit(
        workspace.directory,
        "slurm_gpu",
        *("--configfile", workspace.arguments()[5]),
        *("--config", "ablation={shard_size: 2}"),
        targets=SWEEP,
        project=workspace.project,
        PYTHONPATH=str(PROJECT / "tests" / "job_hooks"),
        LSTM_UNITS_FAKE_GPUS="2",
        LSTM_UNITS_GPU_RECORD=str(record),
        LSTM_UNITS_GPU_SECONDS="3",
    )
    assert run.end() == 0, run.output()
    table = pd.read_csv(record, sep=" ", names=["device", "start", "end"], dtype={"device": str})
    # slurm_17_1: of job 17, device 1 as SLURM counts them.
    parts = table["device"].str.extract(r"^slurm_(\d+)_(\d+)$")
    assert parts[0].is_unique
    assert set(parts[1]) == {"0", "1"}
    at_once = 0
    for i in range(len(table)):
        for j in range(i):
            if table["start"][i] < table["end"][j] and table["start"][j] < table["end"][i]:
                assert parts[1][i] != parts[1][j]
                at_once += 1
    assert at_once
    assert_equal_sweeps(workspace.results / "tiny", uninterrupted.results / "tiny")
