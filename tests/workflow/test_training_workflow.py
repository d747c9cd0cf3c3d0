"""From raw text to trained networks and their time course, run by Snakemake."""

import json
import lzma
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from support.agreement_text import PLACES, SUBJECTS, VERBS, agreement_articles, write_text
from support.workflow_fixture import (
    HANGS,
    PROJECT,
    Workspace,
    copy_project,
    make_workspace,
    many_dry_runs,
)
from test_models_workflow import REDUCED

from lstm_units.models.checkpoints import load_language_model

pytestmark = pytest.mark.extended

RUN = {
    "corpus": "toy",
    "layers": [32, 32],
    "tied": False,
    "dropout": 0.0,
    "learning_rate": 0.01,
    "warm_up": 20,
    "clip": 1.0,
    "batch_size": 32,
    "window": 12,
    "steps": 1000,
    "checkpoints": 2,
    "first_checkpoint": 30,
    "validate_every": 400,
    "validation_tokens": 2000,
}
TRAINING = {
    "corpora": {
        "toy": {
            "files": ["text/*"],
            "required_words": "words.txt",
            "vocabulary_size": 80,
            "maximum_unknown": 0.2,
            "validation": 0.05,
            "test": 0.05,
        }
    },
    "runs": {"toy_run": RUN},
}
MODELS = ["toy_run_step_*", "toy_run"]


def _toy_language(folder: Path) -> None:
    """The shipped language with those nouns and verbs only that the text has."""
    lemmas = {pair[0] for pair in (*SUBJECTS, *PLACES)} | {verb[1] for verb in VERBS}
    few = ("person", "place", "verb")
    lines = (folder / "lexicon.tsv").read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines]
    kept = [row for row in rows if row[0] not in few or row[1] in lemmas]
    text = "".join("\t".join(row) + "\n" for row in kept)
    (folder / "lexicon.tsv").write_text(text, encoding="utf-8")
    (folder / "context.txt").write_text("The boy knows the girl . <eos>\n", encoding="utf-8")


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Workspace:
    """A small network trained on a text of two files, and analysed at three steps."""
    folder = tmp_path_factory.mktemp("trained")
    workspace = make_workspace(folder / "work", copy_project(folder / "project"))
    _toy_language(workspace.directory / "data" / "english")
    (workspace.directory / "words.txt").write_text("river\n", encoding="utf-8")
    text = workspace.directory / "text"
    write_text(agreement_articles(150, seed=3), text / "first.txt")
    second = write_text(agreement_articles(150, seed=4), text / "second.txt")
    (text / "second.txt.xz").write_bytes(lzma.compress(second.read_bytes()))
    second.unlink()
    over = {
        **REDUCED,
        "models": MODELS,
        "tasks": ["simple", "nounpp"],
        "task_definitions": {
            "simple": {"group": "all", "items_per_condition": 12},
            "nounpp": {"group": "all", "items_per_condition": 36},
        },
        "discovery": {"tasks": ["nounpp"]},
        "ablation": {"modes": ["zero"], "units": "all", "shard_size": 65},
        "activations": {"tasks": []},
        "training": TRAINING,
    }
    workspace = Workspace(workspace.project, workspace.directory, workspace.changed(**over))
    # Two threads help no network as small as this.
    run = workspace.run("train", "--set-threads", "train_network=1", "perplexity=1")
    assert run.code == 0, run.output
    run = workspace.run("results/models.json", "results/training/toy_run.png")
    assert run.code == 0, run.output
    return workspace


def test_a_trained_network_is_converted_and_described(trained):
    folder = trained.results / "training" / "toy_run"
    card = (folder / "model_card.md").read_text(encoding="utf-8")
    words = (trained.results / "corpora/toy/vocab.txt").read_text(encoding="utf-8").split()
    statistics = json.loads((trained.results / "corpora/toy/corpus.json").read_text())
    found = json.loads((folder / "perplexity.json").read_text())
    assert f"Perplexity **{found['test']['perplexity']:.1f}** on the test part" in card
    assert f"{statistics['train']['tokens']:,}" in card
    assert f"| vocabulary | {len(words)} words, case kept |" in card
    assert re.search(r"\| nounPP +\| \d+\.\d", card)
    model = load_language_model(trained.results / "toy_run" / "checkpoint")
    assert model.layer_sizes == (32, 32)
    assert model.vocabulary.words == tuple(words)
    weights = load_file(folder / "checkpoints" / "step_0001000.safetensors")
    assert torch.equal(model.embedding, weights["encoder.weight"])
    assert not (folder / "unfinished").exists()
    assert {"boy", "boys", "greets", "greet", "river"} <= set(words)
    assert statistics["required_words"]["river"] == 0
    assert statistics["articles"] == {"train": 270, "validation": 15, "test": 15}


def test_number_emerges_over_the_training(trained):
    models = json.loads((trained.results / "models.json").read_text())
    names = ["toy_run_step_0", "toy_run_step_30", "toy_run"]
    assert models["training_runs"] == {"toy_run": names}
    accuracy = {
        model["model"]: {(r["task"], r["condition"]): r["accuracy"] for r in model["accuracy"]}
        for model in models["models"]
    }
    incongruent = {
        name: [rows["nounpp", condition] for condition in ("SP", "PS")]
        for name, rows in accuracy.items()
    }
    assert min(incongruent["toy_run"]) > 0.9
    assert sum(incongruent["toy_run_step_0"]) / 2 < 0.75
    history = pd.read_csv(trained.results / "training" / "toy_run" / "history.csv")
    assert history["step"].is_monotonic_increasing
    assert {30, 400, 800, 1000} <= set(history.dropna()["step"])
    verdicts = [model["verdicts"] for model in models["models"]]
    assert all(set(v.values()) - {"not testable"} for v in verdicts)


def test_word_counts_of_the_text_are_those_of_the_model(trained):
    run = trained.dry_run(
        "results/toy_run/depth/predictions/units.parquet",
        config=trained.changed(depth={"run": True}),
    )
    assert "results/corpora/toy/counts.tsv" in run.output


def documented() -> dict[str, set[str]]:
    """The rules that docs/reruns.md lists for each key of `training`."""
    page = (PROJECT / "docs" / "reruns.md").read_text(encoding="utf-8")
    text = page.partition("## A changed training\n")[2].partition("\n## ")[0]
    rows = [line.split(" | ") for line in re.findall(r"^\| (.*) \|$", text, re.MULTILINE)][1:]
    return {
        key.strip("`"): set(re.findall(r"`([a-z_]+)`", cell))
        for keys, cell in rows
        for key in keys.split(", ")
    }


_OF_CORPUS = {
    "files": ["text/second.txt.xz", "text/first.txt"],
    "vocabulary_size": 90,
    "stimulus_words": False,
    "required_words": "data/english/verb_pairs.tsv",
    "chosen_words": "data/english/verb_pairs.tsv",
    "share_of_others": 0.5,
    "maximum_unknown": 0.3,
    "validation": 0.1,
    "test": 0.1,
    "seed": 1,
}
_OF_RUN = {
    "layers": [20, 32],
    "embedding": 24,
    "tied": True,
    "dropout": 0.1,
    "initial": "tiny",
    "initial_bias": "zero",
    "seed": 2,
    "optimizer": "sgd",
    "learning_rate": 0.02,
    "warm_up": 10,
    "final_rate": 0.1,
    "weight_decay": 0.1,
    "clip": 0.5,
    "steps": 1100,
    "batch_size": 8,
    "window": 10,
    "softmax": "sampled",
    "head": 10,
    "sample": 10,
    "full_from": 0.5,
    "precision": "bfloat16",
    "checkpoints": 3,
    "first_checkpoint": 20,
    "validate_every": 100,
    "validation_tokens": 1000,
    "stored_as": "float16",
}


def _edited(section: str, name: str, key: str, value: object) -> dict:
    return {"training": {section: {name: {key: value}}}}


EDITS = {
    "training.device": {"training": {"device": "cpu"}},
    **{
        f"training.corpora.NAME.{k}": _edited("corpora", "toy", k, v) for k, v in _OF_CORPUS.items()
    },
    "training.runs.NAME.corpus": {
        "training": {
            "corpora": {"other": TRAINING["corpora"]["toy"]},
            "runs": {"toy_run": {"corpus": "other"}},
        }
    },
    **{
        f"training.runs.NAME.{key}": _edited("runs", "toy_run", key, value)
        for key, value in _OF_RUN.items()
    },
}


def test_a_changed_key_reruns_what_the_page_says(trained, tmp_path):
    rows = documented()
    reference = (PROJECT / "docs" / "configuration.md").read_text(encoding="utf-8")
    keys = set(re.findall(r"^\| `(training\.[\w.]+)` \|", reference, re.MULTILINE))
    assert set(rows) == set(EDITS) == keys
    quiet = {"models": ["tiny"]}  # the analyses of the trained networks are in docs/reruns.md
    assert not trained.dry_run("train").jobs()
    changes = {key: (trained, trained.changed(**quiet, **over)) for key, over in EDITS.items()}
    workspaces = {
        key: (_Target(*workspace.__dict__.values()), config)
        for key, (workspace, config) in changes.items()
    }
    runs = many_dry_runs(workspaces, tmp_path)
    for key, run in runs.items():
        assert run.code == 0, run.output
        assert set(run.rules()) - {"train"} == rows[key], key


class _Target(Workspace):
    """The same workspace, asked for the trained networks."""

    def arguments(self, *further, config=None):
        return super().arguments(*further, "train", config=config)


def test_without_runs_or_text_the_message_says_what_to_write(trained):
    run = trained.run(
        "train", "--dry-run", config={**trained.config, "training": {}, "models": ["tiny"]}
    )
    assert run.code != 0
    assert "training.runs in the configuration is empty" in run.output
    corpora = {"other": {"files": ["nowhere/*.txt"]}}
    runs = {"other_run": {**RUN, "corpus": "other"}}
    missing = trained.changed(training={"corpora": corpora, "runs": runs})
    run = trained.run("train", "--dry-run", config=missing)
    assert run.code != 0
    assert "training.corpora.other.files: no file matches nowhere/*.txt" in run.output


def test_calls_without_cores_still_read_the_workflow(trained):
    arguments = trained.arguments("--list-rules")
    cores = arguments.index("--cores")
    command = [sys.executable, "-m", "snakemake", *arguments[:cores], *arguments[cores + 2 :]]
    done = subprocess.run(
        command,
        cwd=trained.directory,
        env=trained.environment(),
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "train_network" in done.stdout


_SCRIPT = """
import json, sys, torch
from lstm_units.runtime.console import job
from lstm_units.config.training_settings import training_settings
from lstm_units.training.run import train_network, training_device
from lstm_units.training.text import read_training_text
corpus, output, run = sys.argv[1:]
names = ("corpus.safetensors", "vocab.txt", "counts.tsv")
text = read_training_text(*(f"{corpus}/{name}" for name in names))
with job(None, name="train"), training_device("cpu", 1) as device:
    train_network(text, training_settings(json.loads(run)), device, output + "/checkpoints",
        output + "/history.csv", save_every=0.0)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_killed_training_ends_with_the_very_same_weights(trained, tmp_path, number):
    config = trained.config["training"]["runs"]["toy_run"]
    run = {"embedding": None, "tied": True, "stored_as": "float32", **config}
    run |= {"steps": 120, "dropout": 0.2, "layers": [8, 8]}
    corpus = trained.results / "corpora" / "toy"

    def start(folder: Path) -> subprocess.Popen:
        command = [sys.executable, "-c", _SCRIPT, str(corpus), str(folder), json.dumps(run)]
        return subprocess.Popen(
            command, stderr=subprocess.PIPE, env={**os.environ, **trained.environment()}
        )

    assert start(tmp_path / "whole").wait(120) == 0
    process = start(tmp_path / "killed")
    state = tmp_path / "killed" / "unfinished" / "state.safetensors"
    while process.poll() is None and not state.exists():
        time.sleep(0.01)
    process.send_signal(number)
    code = process.wait(60)
    assert code == (143 if number == signal.SIGTERM else -signal.SIGKILL)
    assert not (tmp_path / "killed" / "checkpoints").exists()
    again = start(tmp_path / "killed")
    _, messages = again.communicate(timeout=HANGS)
    assert again.returncode == 0, messages
    assert b"going on after update" in messages
    for name in ("step_0000000", "step_0000030", "step_0000120"):
        whole, killed = (
            (tmp_path / folder / "checkpoints" / f"{name}.safetensors").read_bytes()
            for folder in ("whole", "killed")
        )
        assert whole == killed
    histories = [(tmp_path / f / "history.csv").read_text() for f in ("whole", "killed")]
    assert histories[0] == histories[1]
