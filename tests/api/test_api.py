"""The functions of ``import lstm_units`` against the workflow on the same input."""

import doctest
import pkgutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file
from support.made_files import (
    write_activations,
    write_context_states,
    write_generated,
    write_intact,
    write_known_items,
    write_means,
    write_shard,
    write_stimuli,
)
from support.planted_network import PLURAL_UNIT, vocabulary_of

import lstm_units
from lstm_units import MODULES
from lstm_units.analyses.decoding.over_time import decoding_over_time
from lstm_units.analyses.long_range_units.conditions import Criteria
from lstm_units.analyses.long_range_units.discovery import discover_long_range
from lstm_units.api.stimuli import stimuli_frame, stimuli_table
from lstm_units.errors import CheckpointError, ConfigurationError, InterventionError, StimuliError
from lstm_units.interventions.model_inputs import Compute, Context
from lstm_units.io.files import make_metadata
from lstm_units.io.results import Result, read_result
from lstm_units.statistics.agreement import unit_accuracy
from lstm_units.statistics.margins import open_margins
from lstm_units.stimuli.aligned_items import read_aligned_items
from lstm_units.stimuli.formats import imported_stimuli, write_linzen, write_released
from lstm_units.stimuli.table import read_stimuli

COMPUTE = Compute(device="cpu", memory=1.0)
TASKS = {"nounpp": 40, "simple": 20}
SIZES = (5, 3)
UNITS = range(1, 9)
STATISTICS = {"confidence": 0.95, "correction": "benjamini_hochberg", "near_tie": 1e-4}
CRITERIA = Criteria(tasks=("nounpp",), bootstrap_samples=200)


class Workflow:
    """The files that the workflow writes for the planted network."""

    def __init__(self, folder: Path, english: Path, checkpoint: Path) -> None:
        self.folder, self.checkpoint = folder, checkpoint
        self.context = Context(str(english / "context.txt"))
        self.stimuli = {task: folder / "stimuli" / f"{task}.parquet" for task in TASKS}
        self.intact = {task: folder / "intact" / f"{task}.parquet" for task in TASKS}
        for task, items in TASKS.items():
            raw = folder / "raw" / f"{task}.parquet"
            write_generated(english, task, items, True, 3, raw)
            write_known_items(raw, self.checkpoint, self.stimuli[task])
            write_intact(
                self.checkpoint, self.stimuli[task], self.context, COMPUTE, self.intact[task]
            )

    def shard(self, mode: str) -> Path:
        """Margins of every unit on both tasks as one group."""
        path = self.folder / mode / "units_0001-0008.parquet"
        if not path.exists():
            means, states = None, path.with_suffix(".safetensors")
            if mode == "mean":
                means = path.with_name("means.parquet")
                write_means(
                    *(self.checkpoint, self.stimuli["nounpp"], "nounpp", self.context),
                    *(COMPUTE, means),
                )
            write_context_states(
                *(self.checkpoint, self.context, mode, UNITS, COMPUTE, states, means)
            )
            write_shard(*(self.checkpoint, self.stimuli, states, UNITS, COMPUTE, path, means))
        return path


@pytest.fixture(scope="module")
def workflow(tmp_path_factory, english_folder, converted) -> Workflow:
    return Workflow(tmp_path_factory.mktemp("workflow"), english_folder, converted)


@pytest.fixture(scope="module")
def stimuli() -> dict[str, pd.DataFrame]:
    return {task: lstm_units.make_stimuli(task, items, 3) for task, items in TASKS.items()}


@pytest.fixture(scope="module")
def scores(model, stimuli):
    return {task: lstm_units.score(model, items) for task, items in stimuli.items()}


@pytest.fixture(scope="module")
def margins(model, stimuli):
    return lstm_units.sweep_units(model, stimuli)


@pytest.fixture(scope="module")
def dump(model, stimuli, tmp_path_factory):
    folder = tmp_path_factory.mktemp("activations") / "nounpp"
    return lstm_units.dump_activations(model, stimuli["nounpp"], folder)


def frame_of(path: Path) -> pd.DataFrame:
    frame = pq.read_table(path).to_pandas()
    return frame.astype({n: str for n in ("task", "condition", "features") if n in frame})


def same(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Equal to the last bit; whether names are strings or categories does not matter."""
    names = [n for n in ("task", "condition", "features", "reference") if n in expected]
    found, expected = (frame.astype(dict.fromkeys(names, str)) for frame in (found, expected))
    pd.testing.assert_frame_equal(found, expected, check_exact=True, check_dtype=False)


# The package


def test_every_public_name_can_be_imported_and_is_no_module():
    modules = {module.name for module in pkgutil.iter_modules(lstm_units.__path__)}
    assert set(lstm_units.__all__) == set(MODULES)
    assert not modules & set(lstm_units.__all__)
    for name in lstm_units.__all__:
        value = getattr(lstm_units, name)
        assert value.__name__ == name
        assert value.__doc__
    assert set(lstm_units.__all__) <= set(dir(lstm_units))
    assert lstm_units.__version__[0].isdigit()
    with pytest.raises(AttributeError, match="has no attribute 'scores'"):
        _ = lstm_units.scores


def test_importing_the_package_loads_nothing_heavy():
    code = "import sys, lstm_units; print({'torch', 'pandas', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("module", ["models", "stimuli", "ablation", "activations"])
def test_examples_of_the_docstrings_give_what_they_say(module, project, monkeypatch):
    monkeypatch.chdir(project)
    failed, tried = doctest.testmod(
        import_module(f"lstm_units.api.{module}"), optionflags=doctest.NORMALIZE_WHITESPACE
    )
    assert tried > 10
    assert failed == 0


# The same numbers as the workflow's


def test_stimuli_are_those_of_the_workflow_with_the_same_seed(workflow, stimuli):
    for task, path in workflow.stimuli.items():
        expected = read_stimuli(path)
        assert stimuli_table(stimuli[task]).equals(expected)
        pd.testing.assert_frame_equal(stimuli[task], stimuli_frame(expected))
        pd.testing.assert_frame_equal(stimuli[task], lstm_units.read_stimuli(path))
    other = lstm_units.make_stimuli("nounpp", 40, 4)
    assert other["tokens"].tolist() != stimuli["nounpp"]["tokens"].tolist()


def test_scores_and_accuracy_are_those_of_the_workflow(workflow, scores):
    for task, path in workflow.intact.items():
        same(scores[task], frame_of(path))
    table = lstm_units.accuracy(scores)
    alone = lstm_units.accuracy(scores["nounpp"])
    same(table[table["task"] == "nounpp"].drop(columns="task").reset_index(drop=True), alone)
    for row in table.itertuples():
        right = scores[row.task].query("condition == @row.condition")["right"]
        assert (row.n, row.accuracy) == (len(right), right.mean())


@pytest.mark.parametrize("mode", ["zero", "legacy", "mean"])
def test_margins_are_those_of_the_workflow_s_shard(workflow, model, stimuli, mode):
    mean_over = "nounpp" if mode == "mean" else None
    found = lstm_units.sweep_units(model, stimuli, mode=mode, mean_over=mean_over)
    same(found, frame_of(workflow.shard(mode)))


def test_some_units_on_one_task_have_the_margins_that_they_have_in_the_whole(
    model, stimuli, margins
):
    some = lstm_units.sweep_units(model, {"simple": stimuli["simple"]}, units=[7, 2])
    expected = margins[(margins["task"] == "simple") & margins["unit"].isin([2, 7])]
    assert some["unit"].unique().tolist() == [2, 7]
    assert some["item"].tolist() == expected["item"].tolist()
    np.testing.assert_allclose(some["margin"], expected["margin"], atol=1e-5)


def test_ablated_accuracy_and_long_range_units_are_those_of_the_workflow(
    workflow, model, stimuli, scores, margins
):
    shards = open_margins([workflow.shard("zero")])
    intact = {task: read_result(path) for task, path in workflow.intact.items()}
    items = {task: read_result(path) for task, path in workflow.stimuli.items()}
    shuffled = margins.sample(frac=1, random_state=0)  # the order of the rows does not matter
    same(
        lstm_units.ablation_accuracy(model, scores, shuffled),
        unit_accuracy(shards, intact, SIZES, units=UNITS, **STATISTICS).frame,
    )
    found = lstm_units.find_long_range_units(model, stimuli, scores, margins, CRITERIA)
    assert found == discover_long_range(shards, intact, items, SIZES, CRITERIA, units=UNITS)
    assert [unit["unit"] for unit in found["units"]] == [PLURAL_UNIT]


def test_dump_has_the_bytes_of_the_workflow_s(workflow, dump, tmp_path):
    folder = tmp_path / "nounpp"
    write_activations(
        *(workflow.checkpoint, workflow.stimuli["nounpp"], workflow.context, COMPUTE),
        *(dump.variables, "all", "float32", folder),
    )
    files = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    assert len(files) == 13
    assert files == sorted(
        path.relative_to(dump.folder) for path in dump.folder.rglob("*") if path.is_file()
    )
    for file in files:
        assert (dump.folder / file).read_bytes() == (folder / file).read_bytes(), file


@pytest.mark.parametrize("kind", ["grouped", "random"])
def test_decoding_has_the_rows_of_the_workflow_s(workflow, stimuli, dump, kind):
    options = {"splits": 2, "test_fraction": 0.2, "C": 1.0, "tolerance": 1e-5, "seed": 5}
    chosen = {"variable": "hidden", "label": "subject_number", "conditions": "all"}
    chosen["cross_validation"] = kind
    expected = decoding_over_time(
        dump,
        [],
        read_aligned_items(workflow.stimuli["nounpp"]),
        long_range=Result({"units": [{"unit": PLURAL_UNIT}]}),
        shown=Result({"units": [{"unit": 7, "role": "named"}]}),
        **{**options, **chosen, "train_at": None, "permutations": 0},
    )
    features = {
        "without_long_range": [1, 2, 3, 4, 5, 6, 8],
        "layer_1": [1, 2, 3, 4, 5],
        "layer_2": [6, 7, 8],
        "unit_7": [7],
    }
    found = lstm_units.decode(dump, stimuli["nounpp"], features=features, **options, **chosen)
    same(found, expected.frame)
    at_verb = found.query("features == 'unit_7' and train_position == 4 and test_position == 4")
    assert (at_verb["auc"] == 1).all()  # it holds a plural subject over the attractor


# Checkpoints


def test_a_foreign_checkpoint_is_converted_and_kept_where_asked(source, model, tmp_path):
    weights, vocabulary = tmp_path / "model.pt", source / "vocab.txt"
    torch.save(load_file(source / "model.safetensors"), weights)
    loaded = lstm_units.load_checkpoint(weights, vocabulary)
    assert loaded.sha256 == model.sha256
    assert torch.equal(loaded.layers[1].weight_hh, model.layers[1].weight_hh)
    double = lstm_units.load_checkpoint(
        weights, vocabulary, converted=tmp_path / "kept", dtype="float64"
    )
    assert double.dtype == torch.float64
    assert lstm_units.load_checkpoint(tmp_path / "kept").sha256 == model.sha256
    assert lstm_units.load_checkpoint(source).sha256 == model.sha256  # vocab.txt beside


def test_checkpoints_that_cannot_be_loaded_are_refused(source, converted, tmp_path):
    weights = tmp_path / "model.pt"
    torch.save(load_file(source / "model.safetensors"), weights)
    with pytest.raises(CheckpointError, match=r"there is no checkpoint .*nothing"):
        lstm_units.load_checkpoint(tmp_path / "nothing")
    with pytest.raises(CheckpointError, match=r"cannot read the vocabulary .*; give the file"):
        lstm_units.load_checkpoint(weights)
    with pytest.raises(CheckpointError, match="a vocabulary of its own"):
        lstm_units.load_checkpoint(converted, source / "vocab.txt")
    with pytest.raises(CheckpointError, match="dtype is 'float16'; expected one of float32"):
        lstm_units.load_checkpoint(converted, dtype="float16")


# Stimuli


def test_files_are_read_as_the_workflow_imports_them(stimuli, english, tmp_path):
    table = stimuli_table(stimuli["nounpp"])
    released, linzen = tmp_path / "nounpp.txt", tmp_path / "linzen.text"
    write_released(table, released)
    write_linzen(table, linzen, linzen.with_suffix(".gold"))
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text(
        "prefix\tgood\tbad\tcondition\tframe\nThe boy\tgreets\tgreet\tS\t4\n"
        "The boys\tgreet\tgreets\tP\t\n"
    )
    for path, options in (
        (released, {"format": "released", "language": english}),
        (linzen, {"format": "linzen", "gold": linzen.with_suffix(".gold")}),
        (pairs, {"format": "minimal_pairs"}),
    ):
        expected = imported_stimuli(file=path, task=path.stem, **options).content
        found = lstm_units.read_stimuli(path)
        pd.testing.assert_frame_equal(found, stimuli_frame(expected))
        assert stimuli_table(found).equals(expected)  # missing values come back too
    assert lstm_units.read_stimuli(released)["subject_lemma"].notna().all()
    assert lstm_units.read_stimuli(released, language=None)["subject_lemma"].isna().all()


def test_stimuli_of_one_s_own_need_five_columns(model, scores, stimuli):
    needed = ["tokens", "verb_position", "correct", "wrong", "condition"]
    own = stimuli["nounpp"][needed].assign(tokens=stimuli["nounpp"]["tokens"].map(np.array))
    same(lstm_units.score(model, own), scores["nounpp"])
    with pytest.raises(StimuliError, match="the stimuli have no column wrong; they need tokens"):
        lstm_units.score(model, own.drop(columns="wrong"))
    with pytest.raises(StimuliError, match="expected a DataFrame"):
        lstm_units.score(model, "nounpp.parquet")
    with pytest.raises(StimuliError, match="value of a wrong type"):
        lstm_units.score(model, own.assign(verb_position="five"))
    with pytest.raises(StimuliError, match="the verb's position is 0"):
        lstm_units.score(model, own.assign(verb_position=0))


def test_stimuli_that_cannot_be_made_or_read_are_refused(tmp_path, monkeypatch):
    with pytest.raises(StimuliError, match=r"has no task 'nounp'; it has .*nounpp, nounpp_adv"):
        lstm_units.make_stimuli("nounp", 5, 1)
    with pytest.raises(StimuliError, match="300 different items"):
        lstm_units.make_stimuli("simple", 301, 1)
    with pytest.raises(StimuliError, match="there is no file"):
        lstm_units.read_stimuli(tmp_path / "nothing.tsv")
    strange = tmp_path / "strange.txt"
    strange.write_text("The boys greet\n")
    with pytest.raises(StimuliError, match="cannot tell the format"):
        lstm_units.read_stimuli(strange)
    with pytest.raises(StimuliError, match=r"the format 'csv' of .* is unknown"):
        lstm_units.read_stimuli(strange, "csv")
    with pytest.raises(StimuliError, match=r"there is no file .*strange.gold"):
        lstm_units.read_stimuli(strange, "linzen")
    monkeypatch.setattr("lstm_units.api.stimuli.ENGLISH", tmp_path)
    with pytest.raises(StimuliError, match="come with a clone of the project"):
        lstm_units.make_stimuli("nounpp", 5, 1)


def test_items_whose_forms_the_model_lacks_are_named_and_can_be_left_out(
    source, english_folder, stimuli, tmp_path
):
    form = stimuli["simple"]["correct"].iloc[3]
    words = vocabulary_of(english_folder, english_folder / "context.txt")
    words[words.index(form)] = "unrelated"
    vocabulary = tmp_path / "vocab.txt"
    vocabulary.write_text("".join(f"{word}\n" for word in words))
    model = lstm_units.load_checkpoint(source / "model.safetensors", vocabulary)
    with pytest.raises(lstm_units.UserError, match=f"'{form}' of stimuli; leave these items out"):
        lstm_units.score(model, stimuli["simple"])
    kept = lstm_units.known_items(model, stimuli["simple"])
    lost = (stimuli["simple"][["correct", "wrong"]] == form).any(axis=1)
    assert kept["item"].tolist() == stimuli["simple"]["item"][~lost].tolist()
    assert lost.any()
    assert lstm_units.score(model, kept)["item"].tolist() == kept["item"].tolist()
    with pytest.raises(StimuliError, match=f"lacks '{form}'"):
        lstm_units.known_items(model, stimuli["simple"], strict=True)


# What is refused


def test_units_and_modes_that_do_not_exist_are_refused(model, stimuli):
    for units, message in (
        ([9], "unit 9 does not exist: the model's units are numbered 1 to 8"),
        ([], "units is empty"),
    ):
        with pytest.raises(InterventionError, match=message):
            lstm_units.sweep_units(model, stimuli, units=units)
    with pytest.raises(InterventionError, match="mean_over is None; expected one of nounpp"):
        lstm_units.sweep_units(model, stimuli, mode="mean")
    with pytest.raises(StimuliError, match="expected by the tasks' names"):
        lstm_units.sweep_units(model, stimuli["nounpp"])
    with pytest.raises(StimuliError, match="the task is called 'a/b'"):
        lstm_units.sweep_units(model, {"a/b": stimuli["nounpp"]})


def test_margins_of_other_items_than_the_scores_are_refused(model, scores, margins):
    for wrong in (
        margins.iloc[1:],
        margins.iloc[:0],
        pd.concat([margins, margins.iloc[:1]]),
        margins[margins["task"] == "simple"],
        margins.assign(item=margins["item"] + 1),
    ):
        with pytest.raises(lstm_units.UserError, match="do not hold every item of the scores"):
            lstm_units.ablation_accuracy(model, scores, wrong)
    with pytest.raises(lstm_units.UserError, match="the scores of nounpp are no table"):
        lstm_units.accuracy({"nounpp": margins[["item", "margin"]]})


def test_decoding_refuses_units_and_labels_that_do_not_exist(dump, stimuli):
    with pytest.raises(ConfigurationError, match="unit 9 does not exist"):
        lstm_units.decode(dump, stimuli["nounpp"], seed=1, features={"nine": [9]})
    with pytest.raises(ConfigurationError, match="label 'number' is unknown"):
        lstm_units.decode(dump, stimuli["nounpp"], seed=1, label="number")


def test_a_context_is_a_file_or_a_context(model, stimuli, scores, english_folder):
    shipped = english_folder / "context.txt"
    for context in (shipped, str(shipped), Context(str(shipped))):
        same(lstm_units.score(model, stimuli["nounpp"], context=context), scores["nounpp"])
    lower = lstm_units.score(model, stimuli["nounpp"], context=Context(str(shipped), "lower"))
    assert not np.array_equal(lower["margin"], scores["nounpp"]["margin"])


def test_what_is_written_by_hand_can_be_read_again(stimuli, tmp_path):
    path = tmp_path / "simple.parquet"
    write_stimuli(stimuli_table(stimuli["simple"]), path, make_metadata())
    pd.testing.assert_frame_equal(lstm_units.read_stimuli(path), stimuli["simple"])


def test_a_model_prints_in_one_line(model):
    assert len(repr(model)) < 200 and "LanguageModel" in repr(model)
    assert len(repr(model.vocabulary)) < 200
