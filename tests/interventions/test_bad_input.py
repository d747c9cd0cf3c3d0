"""Bad input through the workflow: a clear message, an exit code, and no half-written result."""

import re
import resource
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import safetensors.torch
import torch
from support.pickle_fixtures import hostile_pickles
from support.workflow_fixture import PROJECT, Run, Workspace, make_workspace

# Fault: where its log is, which parts its message has, and what must not be there afterwards.
FAULTS = {
    "a truncated checkpoint": (
        "truncated/convert_checkpoint",
        ("data/truncated.safetensors",),
        "truncated/checkpoint",
    ),
    "a pickle with a foreign class": (
        "hostile/convert_checkpoint",
        ("data/hostile.pt", "posix.system"),
        "hostile/checkpoint",
    ),
    "a vocabulary of the wrong length": (
        "short/convert_checkpoint",
        ("model.safetensors", "rows", "words"),
        "short/checkpoint",
    ),
    "weights that are not numbers": (
        "nan/convert_checkpoint",
        ("data/nan.safetensors", "decoder.bias", "1 of", "NaN"),
        "nan/checkpoint",
    ),
    "another checkpoint than the hash says": (
        "hash/convert_checkpoint",
        ("data/../model/model.safetensors", "0" * 64, "source_sha256"),
        "hash/checkpoint",
    ),
    "a wrong position of the verb": (
        "stimuli/linzen",
        ("data/linzen.gold", "line 2", "greets"),
        "stimuli/linzen.parquet",
    ),
    "a pair that occurs twice": (
        "stimuli/pairs",
        ("data/pairs.tsv", "line 7", "line 2"),
        "stimuli/pairs.parquet",
    ),
}


@pytest.fixture(scope="module")
def faulty(
    finished: Workspace, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Workspace, Run, Path]:
    """One run with a fault in every model and in two tasks."""
    workspace = make_workspace(tmp_path_factory.mktemp("faulty") / "work", finished.project)
    data = workspace.directory / "data"
    weights = workspace.directory / "model" / "model.safetensors"
    (data / "truncated.safetensors").write_bytes(weights.read_bytes()[:-50])
    marker = workspace.directory / "it_ran"
    hostile = hostile_pickles(marker)
    name = next(name for name, (_, refused) in hostile.items() if refused == "posix.system")
    torch_file = hostile[name][0]
    (data / "hostile.pt").write_bytes(torch_file)
    words = (workspace.directory / "model" / "vocab.txt").read_text()
    (data / "short.txt").write_text(words.partition("\n<eos>\n")[0] + "\n<eos>\nThe\n")
    tensors = safetensors.torch.load_file(weights)
    tensors["decoder.bias"][3] = torch.nan
    safetensors.torch.save_file(tensors, data / "nan.safetensors")
    gold = (data / "linzen.gold").read_text()
    (data / "linzen.gold").write_text(gold.replace("2\tgreets", "3\tgreets"))
    pairs = (data / "pairs.tsv").read_text()
    (data / "pairs.tsv").write_text(pairs + pairs.splitlines()[1] + "\n")
    vocabulary = "model/vocab.txt"
    source = "model/model.safetensors"
    checkpoints = {
        "truncated": {"source": "data/truncated.safetensors", "vocabulary": vocabulary},
        "hostile": {"source": "data/hostile.pt", "vocabulary": vocabulary},
        "short": {"source": source, "vocabulary": "data/short.txt"},
        "nan": {"source": "data/nan.safetensors", "vocabulary": vocabulary},
        "hash": {
            "source": "data/../model/model.safetensors",
            "vocabulary": vocabulary,
            "source_sha256": "0" * 64,
        },
    }
    config = workspace.changed(
        models=list(checkpoints), checkpoints=checkpoints, tasks=["nounpp", "linzen", "pairs"]
    )
    return workspace, workspace.run(config=config), marker


@pytest.mark.parametrize("fault", FAULTS)
def test_the_message_names_the_place_in_the_terminal_and_in_the_log(faulty, fault):
    workspace, run, _ = faulty
    log, parts, _ = FAULTS[fault]
    text = (workspace.results / "logs" / f"{log}.log").read_text()
    assert "error: " in text
    for part in parts:
        assert part in text
    assert "Traceback" not in text
    message = text.partition("error: ")[2].splitlines()[0]
    assert message in run.output


@pytest.mark.parametrize("fault", FAULTS)
def test_nothing_half_written_is_left(faulty, fault):
    workspace, _, _ = faulty
    path = workspace.results / FAULTS[fault][2]
    assert not path.is_file()
    assert not path.is_dir() or not [p for p in path.rglob("*") if p.is_file()]
    assert not workspace.leftovers()


def test_the_run_fails_runs_the_rest_and_no_foreign_code(faulty):
    workspace, run, marker = faulty
    assert run.code == 1
    assert not marker.exists()
    assert (workspace.results / "stimuli" / "nounpp.parquet").exists()


@pytest.mark.parametrize(
    ("over", "parts"),
    [
        (
            {"discovery": {"minimal_loss": 0.5}, "tsaks": ["simple"]},
            ("discovery.minimal_loss", "minimum_loss", "tsaks", "tasks"),
        ),
        (
            {"checkpoints": {"tiny": {"source": "model/missing.pt", "origin": "a friend of mine"}}},
            ("model/missing.pt", "checkpoints.tiny.source", "a friend of mine"),
        ),
        ({"ablation": {"units": ["6-9"]}}, ("ablation.units", "unit 9", "1 to 8", "5, 3")),
    ],
)
def test_a_wrong_configuration_stops_before_any_job(finished, over, parts):
    run = finished.run("--dry-run", config=finished.changed(**over))
    assert run.code != 0
    for part in parts:
        assert part in run.output
    assert "Traceback (most recent call last)" not in run.output
    assert not finished.leftovers()


def test_a_damaged_shard_is_named_and_made_again_when_deleted(finished_copy):
    workspace = finished_copy
    shard = workspace.results / "tiny/ablation/legacy/short/units_0001-0004.parquet"
    accuracy = workspace.results / "tiny/ablation/legacy/accuracy.parquet"
    shard.write_bytes(shard.read_bytes()[:-20])
    run = workspace.run("results/tiny/ablation/legacy/accuracy.parquet")
    assert run.code == 1
    assert "units_0001-0004.parquet" in run.output
    assert re.search(r"Delete (it|this file) and run the workflow again", run.output)
    assert not accuracy.exists()
    shard.unlink()
    again = workspace.dry_run("results/tiny/ablation/legacy/accuracy.parquet")
    assert set(again.rules()) == {"ablate_units", "accuracy"}


_FULL_DISK = """
import resource, sys
from pathlib import Path
from lstm_units.runtime.console import job
from lstm_units.interventions.model_inputs import Compute, Context
from support.made_files import write_context_states, write_intact, write_shard

step, results, context = sys.argv[1], Path(sys.argv[2]), Context(sys.argv[3])
tiny = results / "tiny"
stimuli = {"nounpp": tiny / "stimuli" / "nounpp.parquet"}
states = tiny / "ablation" / "zero" / "context" / "units_0001-0005.safetensors"
compute = Compute(device="cpu")
checkpoint = tiny / "checkpoint"
resource.setrlimit(resource.RLIMIT_FSIZE, (512, 512))
with job("job.log"):
    if step == "intact":
        write_intact(checkpoint, stimuli["nounpp"], context, compute, "nounpp.parquet")
    elif step == "states":
        write_context_states(checkpoint, context, "zero", range(1, 6), compute, "a.safetensors")
    else:
        write_shard(checkpoint, stimuli, states, range(1, 6), compute, "units.parquet")
"""


@pytest.mark.parametrize("step", ["intact", "states", "shard"])
def test_a_full_disk_is_reported_and_leaves_nothing(finished, tmp_path, step):
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    context = finished.directory / "data" / "english" / "context.txt"
    environment = finished.environment()
    environment["PYTHONPATH"] += f":{PROJECT / 'tests'}"
    done = subprocess.run(
        [
            *(sys.executable, "-c", textwrap.dedent(_FULL_DISK)),
            *(step, str(finished.results), str(context)),
        ],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "cannot write" in done.stderr
    assert "free some space" in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["job.log"]
