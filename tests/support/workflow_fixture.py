"""The workflow run by Snakemake on a small planted network, once for all tests that need it."""

import copy
import json
import os
import re
import shutil
import subprocess
import sys
import uuid
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.configurations import PROJECT, merged
from support.planted_network import write_planted_network

# Seconds after which something hangs; far beyond what a busy machine takes.
HANGS = 3600
_PARTS = ("Snakefile", "config.yaml", "rules", "workflow_scripts", "profiles", "presets", "envs")

PAIRS = (
    ("The boys near the car", "greet", "greets", "PS", "plural"),
    ("The boy near the cars", "greets", "greet", "SP", "singular"),
    ("The girls behind the tree", "know", "knows", "PS", "plural"),
    ("The girl behind the trees", "knows", "know", "SP", "singular"),
    ("The zebra", "purrs", "purr", "S", "singular"),
)
LINZEN = (
    ("The boys near the rusty car greet the man . <eos>", 6, "greet", "greets", 1),
    ("The girl greets the men . <eos>", 2, "greets", "greet", 0),
    ("The girls know the men . <eos>", 2, "know", "knows", 0),
    ("The kids near the dog behind the tree avoid the man . <eos>", 8, "avoid", "avoids", 2),
    ("The kid near the dogs behind the trees avoids it . <eos>", 8, "avoids", "avoid", 2),
    ("The kid near the dogs zorps it . <eos>", 5, "zorps", "zorp", 1),
)
RELEASED = tuple(
    (f"The {noun} behind the {place}", right, wrong, f"{number}_{other}")
    for noun, number in (("boy", "singular"), ("boys", "plural"))
    for place, other in (("car", "singular"), ("cars", "plural"))
    for right, wrong in [("greets", "greet") if number == "singular" else ("greet", "greets")]
)


DRY_RUN = ("--quiet", "host", "--dry-run")


@dataclass(frozen=True)
class Run:
    """What a call of Snakemake did."""

    code: int
    output: str

    def jobs(self) -> list[tuple[str, tuple[str, ...]]]:
        """Rule and outputs of each job of a dry run."""
        blocks = re.split(r"\n(?=(?:local)?(?:rule|checkpoint) \w+:\n)", f"\n{self.output}")
        found = []
        for block in blocks[1:]:
            rule = re.match(r"(?:local)?(?:rule|checkpoint) (\w+):", block)[1]
            outputs = re.search(r"^    output: (.*)$", block, re.MULTILINE)
            found.append((rule, tuple(outputs[1].split(", ")) if outputs else ()))
        return [job for job in found if job[0] != "all"]

    def rules(self) -> Counter[str]:
        """How many jobs of each rule a dry run announces."""
        return Counter(rule for rule, _ in self.jobs())


@dataclass(frozen=True)
class Workspace:
    """A working directory, the project that is run in it, and its configuration."""

    project: Path
    directory: Path
    config: dict[str, Any] = field(repr=False)

    @property
    def results(self) -> Path:
        return self.directory / "results"

    def leftovers(self) -> list[Path]:
        """Temporary files and folders among the results; Snakemake's stamps and locks are none."""
        hidden = self.results.rglob(".*")
        return [path for path in hidden if path.name not in (".snakemake_timestamp", ".running")]

    def arguments(self, *further: str, config: dict[str, Any] | None = None) -> list[str]:
        """Arguments of Snakemake; `config` replaces the workspace's own."""
        path = self.directory / "configs" / f"{uuid.uuid4().hex}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(self.config if config is None else config))
        return [
            *("-s", str(self.project / "Snakefile"), "--directory", str(self.directory)),
            *("--configfile", str(path), "--cores", "2", *further),
        ]

    def environment(self) -> dict[str, str]:
        """Variables under which the project's own library is used."""
        return {**os.environ, "PYTHONPATH": str(self.project / "src")}

    def run(self, *arguments: str, config: dict[str, Any] | None = None, **options: Any) -> Run:
        """Run Snakemake to its end."""
        command = [sys.executable, "-m", "snakemake", *self.arguments(*arguments, config=config)]
        return self._call(command, **options)

    def dry_run(self, *arguments: str, config: dict[str, Any] | None = None) -> Run:
        """Ask which jobs would run."""
        run = self.run(*DRY_RUN, *arguments, config=config)
        assert run.code == 0, run.output
        return run

    def _call(self, command: list[str], **options: Any) -> Run:
        done = subprocess.run(
            command,
            env=self.environment(),
            cwd=self.directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=HANGS,
            check=False,
            **options,
        )
        return Run(done.returncode, done.stdout)

    def changed(self, **over: Any) -> dict[str, Any]:
        """The configuration with some sections changed key by key."""
        return merged(self.config, over)

    def copy(self, directory: Path) -> "Workspace":
        """The same working directory elsewhere; paths in the configuration are relative."""
        shutil.copytree(self.directory, directory, symlinks=True)
        return Workspace(self.project, directory, copy.deepcopy(self.config))


def many_dry_runs(
    changes: dict[str, tuple[Workspace, dict[str, Any] | None]], folder: Path
) -> dict[str, Run]:
    """Dry runs of several workspaces, each with a configuration or its own, faster than alone."""
    calls = [
        {
            "directory": str(workspace.directory),
            "arguments": workspace.arguments(*DRY_RUN, config=config),
            "output": str(folder / f"{number}.txt"),
        }
        for number, (workspace, config) in enumerate(changes.values())
    ]
    (folder / "calls.json").write_text(json.dumps(calls))
    command = [sys.executable, Path(__file__).with_name("many_dry_runs.py"), folder / "calls.json"]
    environment = next(iter(changes.values()))[0].environment()
    subprocess.run(command, env=environment, check=True, timeout=HANGS)
    return {
        name: Run(int(Path(f"{call['output']}.code").read_text()), Path(call["output"]).read_text())
        for name, call in zip(changes, calls, strict=True)
    }


def copy_project(folder: Path) -> Path:
    """Copy what the workflow consists of, so that a test may edit it."""
    folder.mkdir(parents=True)
    for name in _PARTS:
        source = PROJECT / name
        (shutil.copytree if source.is_dir() else shutil.copy2)(source, folder / name)
    for name in ("src", "stimuli"):
        shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def make_workspace(directory: Path, project: Path) -> Workspace:
    """A folder with a planted network, test sets, and a configuration for them."""
    data = directory / "data"
    shutil.copytree(project / "stimuli" / "english", data / "english")
    write_planted_network(directory / "model", data / "english", data / "english" / "context.txt")
    shutil.copy(PROJECT / "models" / "wikipedia650" / "counts.tsv", data)
    (data / "pairs.tsv").write_text(
        "prefix\tgood\tbad\tcondition\tsubject_number\n"
        + "".join("\t".join(pair) + "\n" for pair in PAIRS)
    )
    (data / "linzen.text").write_text("".join(f"{item[0]}\n" for item in LINZEN))
    (data / "linzen.gold").write_text(
        "".join("\t".join(map(str, item[1:])) + "\n" for item in LINZEN)
    )
    (data / "released.txt").write_text(
        "".join(
            f"{prefix} {form}\t{number}\t{label}\tid{item}\n"
            for item, (prefix, right, wrong, number) in enumerate(RELEASED, start=1)
            for form, label in ((right, "correct"), (wrong, "wrong"))
        )
    )
    return Workspace(project, directory, copy.deepcopy(CONFIG))


CONFIG: dict[str, Any] = {
    "models": ["tiny"],
    "tasks": ["simple", "nounpp", "nounpp_2019", "linzen", "pairs"],
    "bootstrap_samples": 100,
    "checkpoints": {"tiny": {"source": "model/model.safetensors", "vocabulary": "model/vocab.txt"}},
    "task_definitions": {
        "simple": {"items_per_condition": 20},
        "nounpp": {"items_per_condition": 30},
        "nounpp_2019": {
            "group": "noun",
            "format": "released",
            "file": "data/released.txt",
            "template": "nounpp",
        },
        "linzen": {
            "format": "linzen",
            "file": "data/linzen.text",
            "gold": "data/linzen.gold",
            "sweep": False,
            "group": "imported",
        },
        "pairs": {
            "format": "minimal_pairs",
            "file": "data/pairs.tsv",
            "sweep": False,
            "group": "imported",
        },
    },
    "stimuli": {"language": "data/english"},
    "context": {"file": "data/english/context.txt"},
    "ablation": {
        "modes": ["zero", "legacy", "mean"],
        "layers": {"mean": [2]},
        "units": ["1-4", "6-8"],
        "shard_size": 4,
        "memory": 0.1,
    },
    "discovery": {"tasks": ["nounpp"]},
    "activations": {"tasks": ["simple"]},
    "shown_units": {"named": [2]},
    "efferents": {"verb_pairs": "data/english/verb_pairs.tsv"},
    "decoding": {
        "analyses": {
            "second": {
                **{"task": "nounpp", "variable": "hidden"},
                **{"label": "attractor_number", "conditions": "all"},
            }
        },
        "splits": 2,
        "permutations": 2,
        "untrained": 1,
    },
    "unit_decoding": {"bootstrap_samples": None},
    "contributions": {"tasks": ["nounpp"]},
    "depth": {
        "sentences": {
            "file": "data/english/depth_grammar.txt",
            "per_length": 20,
            "lengths": [6, 12],
        },
        "positions": [3, 5],
        "open_nodes": [2, 4],
        "per_cell": "smallest",
        "maximum_unknown": 1,
        "word_counts": "data/counts.tsv",
        "folds": 2,
        "inner_folds": 2,
        "alphas": {"number": 3},
        "permutations": 3,
    },
    # Of eight units none can lie three standard deviations out.
    "syntax_units": {"threshold": 1.0, "minimum_folds": 1, "structures": ["nounpp"]},
    "controls": {
        "tasks": {
            "syntax": ["nounpp"],
            "short_range": ["simple"],
            "short_and_long_range": ["simple"],
        },
        "sets": 5,
        "shard_size": 3,
    },
    "connectivity": {"threshold": 1.0},
}


@pytest.fixture(scope="session")
def _finished(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Run the whole workflow once, in a copy of the project."""
    folder = tmp_path_factory.mktemp("finished")
    workspace = make_workspace(folder / "work", copy_project(folder / "project"))
    run = workspace.run()
    assert run.code == 0, run.output
    (workspace.directory / "terminal.txt").write_text(run.output)
    return workspace


@pytest.fixture(scope="session")
def finished(_finished: Workspace) -> Workspace:
    """A finished run: look, do not touch."""
    return _finished


@pytest.fixture
def finished_copy(_finished: Workspace, tmp_path: Path) -> Workspace:
    """A copy of the finished run that a test may spoil; the project is the same."""
    return _finished.copy(tmp_path / "work")


@pytest.fixture(scope="session")
def uninterrupted(_finished: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A second run from the start: one core, smaller shards, one mode, another folder.

    It leaves out the analyses of depth and what needs them, which take no part in the sweep.
    """
    workspace = make_workspace(tmp_path_factory.mktemp("second") / "work", _finished.project)
    over = {
        "ablation": {"modes": ["zero"], "shard_size": 2},
        **{"depth": {"run": False}, "controls": {"run": []}, "connectivity": {"task": None}},
    }
    workspace = Workspace(workspace.project, workspace.directory, workspace.changed(**over))
    run = workspace.run("--cores", "1")
    assert run.code == 0, run.output
    return workspace


_FROM_THE_SWEEP = ("ablation", "ablation_sets", "controls", "units", "tables", "figures")


def sweep_results(workspace: Workspace) -> list[Path]:
    """Files of the sweep and of what is made from it, relative to the results."""
    return sorted(
        path.relative_to(workspace.results)
        for name in _FROM_THE_SWEEP
        for path in (workspace.results / "tiny" / name).rglob("*")
        if path.is_file()
    )


@pytest.fixture
def before_the_sweep(uninterrupted: Workspace, tmp_path: Path) -> Workspace:
    """The uninterrupted run without its shards and what was made from them."""
    workspace = uninterrupted.copy(tmp_path / "work")
    for path in sweep_results(workspace):
        if path.suffix != ".safetensors":  # the states after the context come before the sweep
            (workspace.results / path).unlink()
    return workspace
