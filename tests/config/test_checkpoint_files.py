"""What checkpoints are made from and read with."""

import pytest
from support.configurations import small

from lstm_units.config.checkpoint_files import (
    file_in_folder,
    reading_options,
    source_file,
    trained_weights,
    word_counts,
)
from lstm_units.config.input_files import golden_files, text_files, word_list
from lstm_units.config.validate import validate_config
from lstm_units.errors import ConfigurationError

SHA = "0" * 64


@pytest.fixture
def config():
    """A local checkpoint, one behind a URL, an untrained network, and one that is trained."""
    return validate_config(
        small(
            checkpoints={
                "m": {"unk": "<oov>", "source_sha256": SHA, "word_counts": "m.tsv"},
                "far": {
                    **{"source": "https://a.org/m.pt", "source_sha256": SHA},
                    "vocabulary": "v.txt",
                },
                "new": {"untrained_like": "m"},
            },
            training={
                "corpora": {"text": {"files": ["a.txt"], "chosen_words": "w.txt"}},
                "runs": {"net": {"corpus": "text", "steps": 9, "checkpoints": 1}},
            },
        )
    )


@pytest.mark.parametrize(
    ("model", "weights", "vocabulary"),
    [
        ("m", "m.pt", "v.txt"),
        ("far", "<results>/far/download/source", "v.txt"),
        (
            *("new", "<results>/new/checkpoint/untrained.safetensors"),
            "<results>/m/checkpoint/vocab.txt",
        ),
        ("net", "<results>/training/net/checkpoints", "<results>/corpora/text/vocab.txt"),
    ],
)
def test_weights_and_vocabulary_are_given_or_made(config, model, weights, vocabulary):
    assert source_file(config, model, "source") == weights
    assert source_file(config, model, "vocabulary") == vocabulary


def test_steps_of_a_training_are_files_in_its_folder(config):
    assert file_in_folder(config, "net") == "step_0000009.safetensors"
    assert file_in_folder(config, "m") == ""


def test_an_untrained_network_has_the_words_of_its_model_but_not_its_hashes(config):
    config["checkpoints"]["m"] |= {"layers": ["lower", "upper"], "padding_rows": "end"}
    options = reading_options(config, "m")
    assert (options["source_sha256"], options["padding_rows"]) == (SHA, "end")
    assert options["layers"] == ["lower", "upper"]
    options = reading_options(config, "new")
    assert {options["layers"], options["padding_rows"]} == {None}
    assert (options["unk"], options["source_sha256"]) == ("<oov>", None)
    assert options["format"] == "safetensors"
    assert trained_weights(config, "new") == "<results>/m/checkpoint/model.safetensors"
    with pytest.raises(ConfigurationError, match=r"checkpoints\.m is no untrained network"):
        trained_weights(config, "m")


def test_word_counts_are_those_of_the_training_where_they_are_known(config):
    assert word_counts(config, "m") == word_counts(config, "new") == "m.tsv"
    assert word_counts(config, "net") == "<results>/corpora/text/counts.tsv"
    assert word_counts(config, "far") == config["depth"]["word_counts"]


def test_golden_values_are_compared_where_the_file_is_there(config, tmp_path):
    config["checkpoints"]["m"]["golden_log_probabilities"] = "golden.tsv"
    assert golden_files(config, "far", tmp_path, tmp_path) == {}
    assert golden_files(config, "m", tmp_path, tmp_path) == {}
    (tmp_path / "golden.tsv").touch()
    context = str(tmp_path / config["context"]["file"])
    found = golden_files(config, "m", tmp_path, tmp_path)
    assert found == {"golden": str(tmp_path / "golden.tsv"), "context": context}
    config["checkpoints"]["m"]["golden_context"] = "own.txt"
    assert golden_files(config, "m", tmp_path, tmp_path)["context"] == str(tmp_path / "own.txt")


def test_texts_and_words_of_a_corpus_must_be_there(config, tmp_path):
    with pytest.raises(
        ConfigurationError, match=r"training\.corpora\.text\.files: no file matches"
    ):
        text_files(config, "text", tmp_path, tmp_path)
    with pytest.raises(ConfigurationError, match=r"text\.chosen_words: there is no file w\.txt"):
        word_list(config, "text", "chosen_words", tmp_path, tmp_path)
    for name in ("a.txt", "w.txt"):
        (tmp_path / name).touch()
    assert text_files(config, "text", tmp_path, tmp_path) == [str(tmp_path / "a.txt")]
    chosen = word_list(config, "text", "chosen_words", tmp_path, tmp_path)
    assert chosen == str(tmp_path / "w.txt")
    assert word_list(config, "text", "required_words", tmp_path, tmp_path) is None
