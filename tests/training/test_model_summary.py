"""What is said of a trained network, the learning curve and the benchmark of training."""

import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from support.scripts import run_script

from lstm_units.benchmarks.training import describe, measure, step_operations
from lstm_units.config.schema import subschema
from lstm_units.config.training_settings import TrainingSettings
from lstm_units.io.files import make_metadata, read_metadata, write_parquet
from lstm_units.io.results import Result
from lstm_units.training.model_summary import mean_accuracy, summarise_model
from lstm_units.training.sentences import words_of


def defaults(*path):
    return {
        key: below["default"]
        for key, below in subschema(path)["properties"].items()
        if "default" in below
    }


RUN = {**defaults("training", "runs", "x"), "corpus": "text", "steps": 50}
CORPUS = {**defaults("training", "corpora", "x"), "files": ["a.txt"]}
PART = {
    **{"sentences": 10, "tokens": 112_000, "unknown": 1120},
    **{"left_out_for_unknown_words": 3, "left_out_by_choice": 2},
}
STATISTICS = {
    "vocabulary": 12,
    "articles": {"train": 8, "validation": 1, "test": 1},
    **dict.fromkeys(("train", "validation", "test"), PART),
    "required_words": {"rare": 0, "common": 700},
}  # fmt: skip


PERPLEXITY = {part: {"perplexity": 92.24, "tokens": 112_000} for part in ("validation", "test")}
LABELS = {"simple": "Simple", "nounpp": "nounPP"}


def summary_of(tmp_path, run=RUN, corpus=CORPUS, labels=LABELS):
    save_file({"a": torch.zeros(3, 4), "b": torch.zeros(5)}, tmp_path / "weights.safetensors")
    scores = {}
    for task, rows in {"simple": [("S", 1), ("S", 0), ("P", 1)], "nounpp": [("SP", 0)]}.items():
        conditions, right = zip(*rows, strict=True)
        scores[task] = Result(
            pa.table({"condition": conditions, "right": np.array(right, dtype=bool)})
        )
    return summarise_model(
        name="net",
        run=run,
        corpus=corpus,
        statistics=STATISTICS,
        perplexity=PERPLEXITY,
        weights=tmp_path / "weights.safetensors",
        scores=scores,
        labels=labels,
    )


def test_a_summary_says_what_was_measured(tmp_path):
    text = summary_of(tmp_path)
    assert "| parameters | 17 |" in text
    assert "Perplexity **92.2** on the test part (112,000 words)." in text
    assert re.search(r"\| train +\| 8 +\| 10 +\| 112,000 \| 1.00%", text)
    assert "mean of 2 tasks **37.5**" in text  # Simple: (50 + 100) / 2; nounPP: 0
    assert "rare 0, common 700" in text
    assert "224,000 (2.00 passes through the text)" in text
    assert "starts from" not in text
    assert "choice" not in text


def test_a_summary_names_choice_origin_optimiser_and_softmax(tmp_path):
    run = {**RUN, "initial": "other", "optimizer": "sgd", "softmax": "sampled", "tied": False}
    corpus = {**CORPUS, "chosen_words": "words.txt", "share_of_others": 0.25}
    text = summary_of(tmp_path, run, corpus)
    assert "| starts from | the weights of `other` |" in text
    assert "training sentences with a word of `words.txt`, and 25% of the others" in text
    assert "SGD, rate 0.001, divided by 4" in text
    assert (
        "sampled (2,000 most frequent words and 2,000 draws of the others); full from 80%" in text
    )
    assert "not tied, with a bias" in text


def test_tasks_of_one_name_in_print_stay_apart(tmp_path):
    text = summary_of(tmp_path, labels={"simple": "nounPP", "nounpp": "nounPP"})
    assert "nounPP (simple)" in text
    assert "nounPP (nounpp)" in text
    assert "mean of 2 tasks" in text


def test_the_accuracy_of_a_task_is_the_mean_of_its_conditions():
    table = pd.DataFrame(
        {"task": ["b", "b", "a"], "condition": ["S", "P", "S"], "n": [10, 2, 4], "right": [5, 2, 1]}
    )
    assert mean_accuracy(table).to_dict() == {"b": 0.75, "a": 0.25}
    assert list(mean_accuracy(table).index) == ["b", "a"]


@pytest.mark.parametrize("softmax", [["full"] * 4, ["sampled", "sampled", "full", "full"]])
def test_the_learning_curve_is_drawn(tmp_path, softmax):
    history = pd.DataFrame(
        {
            "step": [1, 2, 3, 4],
            "tokens": [10, 20, 30, 40],
            "softmax": softmax,
            "training_perplexity": [900.0, 300.0, 200.0, 150.0],
            "validation_perplexity": [950.0, None, None, 170.0],
        }
    )
    history.to_csv(tmp_path / "history.csv", index=False)
    outputs = [tmp_path / "curve.png", tmp_path / "curve.pdf"]
    run_script(
        "training/learning_curve",
        input={"history": tmp_path / "history.csv"},
        params={"run": RUN},
        output={"figure": outputs},
    )
    image = np.asarray(Image.open(outputs[0]).convert("RGB")).reshape(-1, 3)
    for color in ((86, 180, 233), (0, 0, 0)):  # training, validation
        assert (np.abs(image.astype(int) - color).sum(axis=1) < 12).sum() > 50
    assert outputs[1].read_bytes().startswith(b"%PDF")


def test_words_of_stimuli_and_of_plain_text(tmp_path):
    table = pa.table({"tokens": [["The", "boy"], ["The", "girl"]], "wrong": ["greet", "know"]})
    write_parquet(table, tmp_path / "a.parquet", make_metadata(seed=1))
    assert read_metadata(tmp_path / "a.parquet")["seed"] == 1
    assert words_of(tmp_path / "a.parquet") == ["The", "boy", "girl", "greet", "know"]
    (tmp_path / "a.txt").write_text("one two\ntwo\tthree\n")
    assert words_of(tmp_path / "a.txt") == ["one", "three", "two"]


def test_the_benchmark_counts_the_products_of_a_step():
    settings = TrainingSettings(batch_size=2, window=3)
    layers = 2 * 2 * 4 * 650 * 1300  # two layers; a multiplication and an addition each
    full = 2 * 650 * 24_000
    assert step_operations(settings, 24_000) == 3 * 6 * (layers + full)
    small = TrainingSettings(
        embedding_size=5, layer_sizes=(4, 5), batch_size=2, window=3, head=7, sample=9
    )
    result = measure(small, 30, 2, torch.device("cpu"))
    text = describe(result, small, 30, torch.device("cpu"))
    assert text.count("words/s") == 4
    assert all(value > 0 for values in result.values() for value in values.values())
