"""What training runs add to the configuration, and what is wrong between their keys."""

from pathlib import Path

import pytest
from support.configurations import PROJECT, merged, shipped

from lstm_units.config.input_files import matching_files, missing_files
from lstm_units.config.training_runs import trained_by, trained_entries
from lstm_units.config.training_settings import TrainingSettings, training_settings
from lstm_units.config.validate import validate_config
from lstm_units.errors import ConfigurationError

BASE = shipped()
RUN = {"corpus": "text", "steps": 100, "checkpoints": 3, "first_checkpoint": 1}


def config_with(run=None, **over):
    training = {"corpora": {"text": {"files": ["a.txt"]}}, "runs": {"net": {**RUN, **(run or {})}}}
    return merged(BASE, {"training": training, **over})


def test_kept_steps_become_checkpoints_that_models_may_name():
    config = validate_config(config_with(models=["wikipedia650", "net*"]))
    names = ["net_step_0", "net_step_1", "net_step_10", "net"]
    assert config["models"] == ["wikipedia650", *names]
    steps = [config["checkpoints"][name]["training_step"] for name in names]
    assert steps == [0, 1, 10, 100]
    assert {trained_by(config, name) for name in names} == {"net"}
    assert trained_by(config, "wikipedia650") is trained_by(config, "untrained") is None
    assert not missing_files(config, PROJECT, PROJECT)


def test_an_entry_of_ones_own_may_name_a_kept_step():
    config = config_with(
        models=["mine"],
        checkpoints={"mine": {"training_run": "net", "training_step": 10, "word_counts": "c.tsv"}},
    )
    assert trained_by(validate_config(config), "mine") == "net"


def test_a_run_of_the_user_with_a_source_is_not_made():
    source = {"source": "a", "vocabulary": "b", "training_run": "net", "training_step": 10}
    config = validate_config(config_with(checkpoints={"mine": source}))
    assert trained_by(config, "mine") is None


def test_every_setting_of_a_run_reaches_the_training():
    config = validate_config(config_with())
    run = config["training"]["runs"]["net"]
    settings = training_settings(run)
    assert settings.embedding_size == 650
    named = {"layers", "embedding", "corpus", "initial", "stored_as"}
    fields = set(TrainingSettings.__dataclass_fields__) - {"layer_sizes", "embedding_size"}
    assert fields == set(run) - named
    assert all(getattr(settings, key) == run[key] for key in fields)
    assert training_settings({**run, "embedding": 7}).embedding_size == 7


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (config_with({"corpus": "other"}), 'training.runs.net.corpus: found "other"'),
        (config_with({"embedding": 7}), "training.runs.net.embedding: found 7"),
        (config_with({"initial": "nobody"}), 'training.runs.net.initial: found "nobody"'),
        (config_with({"initial": "net_step_0"}), "which is a network of the same run"),
        (config_with({"steps": "many"}), 'training.runs.net.steps: found "many"'),
        (config_with({"layers": []}), "training.runs.net.layers: found []"),
        (config_with({"layer": [3]}), "Did you mean training.runs.net.layers?"),
        (config_with({"dropout": 1}), "training.runs.net.dropout: found 1"),
        (config_with(models=["net_stop_*"]), 'found "net_stop_*", which is no entry'),
        (
            config_with(checkpoints={"net": {"source": "a", "vocabulary": "b"}}),
            "checkpoints.net: training.runs.net makes a checkpoint of this name",
        ),
        (
            config_with(checkpoints={"mine": {"training_run": "net", "training_step": 7}}),
            "training.runs.net keeps the steps 0, 1, 10, 100",
        ),
        (
            config_with(checkpoints={"corpora": {"source": "a", "vocabulary": "b"}}),
            "this name is taken by a folder of the results",
        ),
        (
            merged(BASE, {"training": {"runs": {"net": {"steps": 3}}}}),
            "training.runs.net.corpus: missing",
        ),
        (
            merged(config_with({"initial": "other"}), {
                "training": {"runs": {"other": {**RUN, "initial": "net"}}}
            }),
            "goes round in a circle",
        ),
        (
            merged(config_with(), {"training": {"runs": {"net_step_10": RUN}}}),
            "training.runs.net_step_10: training.runs.net makes the checkpoint net_step_10 too",
        ),
        (
            config_with({"initial": "blank"}, checkpoints={"blank": {"untrained_like": "net"}}),
            "goes round in a circle",
        ),
        (merged(BASE, {"training": {"corpora": {"text": {}}}}), "training.corpora.text.files"),
        (merged(BASE, {"training": {"device": "gpu"}}), 'training.device: found "gpu"'),
    ],
)  # fmt: skip
def test_faults_are_named(config, message):
    with pytest.raises(ConfigurationError) as raised:
        validate_config(config)
    assert message in str(raised.value)


def test_keys_of_ones_own_join_a_made_entry_and_files_of_ones_own_may_be_gone_on_from():
    config = validate_config(config_with(checkpoints={"net": {"word_counts": "mine.tsv"}}))
    assert config["checkpoints"]["net"]["word_counts"] == "mine.tsv"
    assert trained_by(config, "net") == "net"
    old = {"source": "a", "vocabulary": "b", "training_run": "net", "training_step": 3}
    validate_config(config_with({"initial": "old"}, checkpoints={"old": old}))


def test_a_run_without_steps_is_the_only_fault():
    training = {"corpora": {"text": {"files": ["a"]}}, "runs": {"net": {"corpus": "text"}}}
    over = {"training": training, "models": ["net", "net_step_*"]}
    with pytest.raises(ConfigurationError) as raised:
        validate_config(merged(BASE, over))
    assert "1 fault" in str(raised.value)
    assert "training.runs.net.steps: missing" in str(raised.value)


def test_no_runs_add_nothing():
    assert trained_entries(validate_config(BASE)) == {}


def test_patterns_find_files_here_then_in_the_project(tmp_path, monkeypatch):
    here, project = tmp_path / "here", tmp_path / "project"
    for folder, names in ((here, ("b.txt", "a.txt")), (project, ("a.txt", "c.txt"))):
        (folder / "text").mkdir(parents=True)
        for name in names:
            (folder / "text" / name).write_text("x")
    (here / "text" / "d.txt").mkdir()
    found = matching_files("text/*.txt", project, here)
    assert found == [str(here / "text" / "a.txt"), str(here / "text" / "b.txt")]
    monkeypatch.chdir(here)
    assert matching_files("text/*.txt", project, Path()) == ["text/a.txt", "text/b.txt"]
    assert matching_files("text/c.txt", project, here) == [str(project / "text" / "c.txt")]
    absolute = str(project / "text" / "*.txt")
    assert matching_files(absolute, here, here)[0] == str(project / "text" / "a.txt")
    (here / "text" / "b[1].txt").write_text("x")
    assert matching_files("text/b[1].txt", project, here) == [str(here / "text" / "b[1].txt")]
    assert matching_files("text/*[1]*", project, here) == [str(here / "text" / "b[1].txt")]
    for none in ("none/*.txt", "a**b", "/", ".", "~nobody/x.txt"):
        with pytest.raises(ConfigurationError, match=r"no file matches|cannot read"):
            matching_files(none, project, here)
