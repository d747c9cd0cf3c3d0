from pathlib import Path

import pytest
from support.configurations import shipped

from lstm_units.config.input_files import missing_files, missing_files_message, resolve
from lstm_units.config.validate import validate_config

SEVEN = ("simple", "adv", "adv_adv", "adv_conjunction", "namepp", "nounpp", "nounpp_adv")


@pytest.fixture
def places(tmp_path):
    """A project with a shipped file, and a working directory elsewhere."""
    project, here = tmp_path / "project", tmp_path / "here"
    for folder in (project / "data", here / "data"):
        folder.mkdir(parents=True)
    (project / "data" / "both").touch()
    (here / "data" / "both").touch()
    (project / "data" / "shipped").touch()
    return project, here


def test_working_directory_comes_before_the_project(places):
    project, here = places
    assert resolve("data/both", project, here) == here / "data/both"
    assert resolve("data/shipped", project, here) == project / "data/shipped"
    assert resolve("data/none", project, here) == here / "data/none"


def test_absolute_and_home_paths_stay(places, monkeypatch):
    project, here = places
    monkeypatch.setenv("HOME", str(here))
    assert resolve(project / "data/none", project, here) == project / "data/none"
    assert resolve("~/data/both", project, here) == here / "data/both"


def test_relative_paths_stay_relative_in_an_empty_working_directory(places, monkeypatch):
    project, here = places
    monkeypatch.chdir(here)
    assert resolve("data/both", project, Path()) == Path("data/both")


def test_paper_preset_lists_each_file_to_provide_once_with_its_origin(project, tmp_path):
    missing = missing_files(validate_config(shipped("paper.yaml")), project, tmp_path)
    wanted = {
        "models/gulordava/hidden650_batch128_dropout0.2_lr20.0.pt",
        "models/gulordava/vocab.txt",
        "data/lakretz2019/context.txt",
        *(f"data/lakretz2019/{task}.txt" for task in SEVEN),
    }
    found = [file.path for file in missing if not Path(file.path).is_relative_to(project)]
    assert {str(Path(path).relative_to(tmp_path)) for path in found} >= wanted
    assert len(found) == len(set(found))
    assert all(file.origin for file in missing if "lakretz" in file.path)
    message = missing_files_message(missing)
    assert "checkpoints.gulordava.source" in message
    # Once for the stimuli, once for the sentences of the depth analysis.
    assert message.count("Number_and_syntax_units_in_LSTM_LMs") == 2


def test_only_missing_files_of_selected_models_and_tasks_are_listed(project, tmp_path):
    config = {
        "models": ["m"],
        "tasks": ["pairs", "linzen"],
        "checkpoints": {
            "m": {"source": "m.pt", "vocabulary": "v.txt", "golden_log_probabilities": "no.tsv"},
            "unused": {"source": "no.pt", "vocabulary": "no.txt"},
        },
        "task_definitions": {
            "pairs": {"format": "minimal_pairs", "file": "p.tsv", "origin": "a friend"},
            "linzen": {"format": "linzen", "file": "l.text", "gold": "l.gold", "sweep": False},
            "unused": {"format": "released", "file": "no.txt"},
            "generated": {"language": "no_such_language"},
        },
        "context": {"file": "c.txt"},
        "discovery": {"tasks": ["pairs"]},
    }
    checked = validate_config(config)

    def keys():
        return [file.key for file in missing_files(checked, project, tmp_path)]

    assert keys() == [
        "checkpoints.m.source",
        "checkpoints.m.vocabulary",
        "task_definitions.pairs.file",
        "task_definitions.linzen.file",
        "task_definitions.linzen.gold",
        "context.file",
    ]
    for name in ("m.pt", "v.txt", "p.tsv", "l.text", "c.txt"):
        (tmp_path / name).touch()
    (tmp_path / "l.gold").mkdir()  # a folder is no file
    assert keys() == ["task_definitions.linzen.gold"]


def test_tables_of_a_language_are_named_once(project, tmp_path):
    config = {
        "models": ["m"],
        "tasks": ["a", "b", "c"],
        "checkpoints": {
            "m": {
                "source": "https://a.org/m.pt",
                "source_sha256": "0" * 64,
                "vocabulary": "file:///v.txt",
                "vocabulary_sha256": "0" * 64,
            }
        },
        "stimuli": {"language": "french"},
        "task_definitions": {"a": {}, "b": {}, "c": {"language": "breton"}},
        "context": {"file": str(project / "config.yaml")},
        "discovery": {"tasks": ["a"]},
    }
    missing = missing_files(validate_config(config), project, tmp_path)
    assert [(file.key, Path(file.path).name) for file in missing] == [
        ("stimuli.language", "lexicon.tsv"),
        ("stimuli.language", "tasks.yaml"),
        ("task_definitions.c.language", "lexicon.tsv"),
        ("task_definitions.c.language", "tasks.yaml"),
    ]


def test_untrained_network_needs_the_files_of_the_model_that_it_is_like(project, tmp_path):
    config = shipped()
    config["models"] = ["untrained"]
    config["checkpoints"]["untrained"]["untrained_like"] = "far"
    config["checkpoints"]["far"] = {
        **{"source": "far/w.pt", "vocabulary": "far/v.txt", "word_counts": "far/counts.tsv"}
    }
    missing = missing_files(validate_config(config), project, tmp_path)
    keys = {"source": "far/w.pt", "vocabulary": "far/v.txt", "word_counts": "far/counts.tsv"}
    expected = {f"checkpoints.far.{key}": str(tmp_path / path) for key, path in keys.items()}
    assert {file.key: file.path for file in missing} == expected
