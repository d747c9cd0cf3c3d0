"""What the public functions refuse: wrong values, other stimuli, and files that are not theirs."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import lstm_units
from lstm_units import (
    CheckpointError,
    ConfigurationError,
    InterventionError,
    StimuliError,
    UserError,
)
from lstm_units.api.stimuli import stimuli_table
from lstm_units.io.files import make_metadata, write_parquet

CRITERIA = lstm_units.Criteria(tasks=("nounpp",), bootstrap_samples=200)


@pytest.fixture(scope="module")
def stimuli() -> pd.DataFrame:
    return lstm_units.make_stimuli("nounpp", 20, 3)


@pytest.fixture(scope="module")
def scores(model, stimuli):
    return {"nounpp": lstm_units.score(model, stimuli)}


@pytest.fixture(scope="module")
def margins(model, stimuli):
    return lstm_units.sweep_units(model, {"nounpp": stimuli}, [2, 7])


@pytest.fixture(scope="module")
def dump(model, stimuli, tmp_path_factory):
    folder = tmp_path_factory.mktemp("activations") / "nounpp"
    return lstm_units.dump_activations(model, stimuli, folder, variables=["cell"])


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# Files that are not ours


@pytest.mark.parametrize(
    "foreign", ["thesis.txt", "notes/thesis.txt", "layer=1/mine.csv", ".git/config", "layer=1x/a"]
)
def test_a_dump_spares_a_dump_that_holds_something_else(model, stimuli, dump, tmp_path, foreign):
    folder = tmp_path / "nounpp"
    shutil.copytree(dump.folder, folder)
    (folder / foreign).parent.mkdir(exist_ok=True)
    (folder / foreign).write_text("keep")
    before = files_of(folder)
    named = foreign if foreign.startswith("layer=1/") else foreign.split("/")[0]
    with pytest.raises(UserError, match=f"holds {named}, which is no part of a dump"):
        lstm_units.dump_activations(model, stimuli, folder, variables=["cell"])
    assert files_of(folder) == before


def test_a_dump_spares_a_folder_whose_index_is_another(model, stimuli, tmp_path):
    for write in (
        lambda path: path.write_text("index"),
        lambda path: pd.DataFrame({"item": [0]}).to_parquet(path),
        lambda path: write_parquet(stimuli_table(stimuli), path, make_metadata(kind="stimuli")),
    ):
        folder = tmp_path / "nounpp"
        folder.mkdir(exist_ok=True)
        write(folder / "index.parquet")
        before = files_of(folder)
        with pytest.raises(UserError, match="exists and holds no activations"):
            lstm_units.dump_activations(model, stimuli, folder, variables=["cell"])
        assert files_of(folder) == before
    (tmp_path / "file").write_text("keep")
    with pytest.raises(UserError, match="it is no folder"):
        lstm_units.dump_activations(model, stimuli, tmp_path / "file", variables=["cell"])


def test_the_workflow_s_time_stamp_is_no_foreign_file(model, stimuli, dump, tmp_path):
    folder = tmp_path / "nounpp"
    shutil.copytree(dump.folder, folder)
    (folder / ".snakemake_timestamp").touch()
    (folder / "layer=1" / ".snakemake_timestamp").touch()
    lstm_units.dump_activations(model, stimuli, folder, variables=["cell"])
    assert files_of(folder) == files_of(dump.folder)


def test_a_conversion_spares_its_source(source, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(source, folder)
    before = files_of(folder)
    with pytest.raises(CheckpointError, match=r"model\.safetensors is the checkpoint to convert"):
        lstm_units.load_checkpoint(folder, converted=folder)
    other = tmp_path / "other"
    other.mkdir()
    (other / "vocab.txt").symlink_to(folder / "vocab.txt")
    with pytest.raises(CheckpointError, match=r"vocab\.txt is the vocabulary to convert"):
        lstm_units.load_checkpoint(folder, converted=other)
    assert files_of(folder) == before


def test_a_conversion_spares_what_is_no_converted_checkpoint(source, converted, tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("vocab.txt", "model.safetensors", "model.json"):
        (folder / name).write_text("{}")
        with pytest.raises(CheckpointError, match=f"holds {name}, but no model.json of a conv"):
            lstm_units.load_checkpoint(source, converted=folder)
        assert files_of(folder) == {name: b"{}"}
        (folder / name).unlink()
    (folder / "model.json").mkdir()
    with pytest.raises(CheckpointError, match=r"model\.json is a folder"):
        lstm_units.load_checkpoint(source, converted=folder)
    assert files_of(folder) == {}
    with pytest.raises(CheckpointError, match="is no folder"):
        lstm_units.load_checkpoint(source, converted=source / "vocab.txt")
    kept = tmp_path / "kept"
    shutil.copytree(converted, kept)
    lstm_units.load_checkpoint(source, converted=kept)  # an earlier one may be replaced
    assert files_of(kept) == files_of(converted)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"format": "state_dict"}, "format"),
        ({"unk": "UNK"}, "unk"),
        ({"eos": "</s>"}, "eos"),
        ({"stand_ins": ("a.B",)}, "stand_ins"),
        ({"layers": ["rnn"], "padding_rows": [1]}, "layers, padding_rows"),
        ({"converted": "elsewhere"}, "converted"),
    ],
)
def test_options_without_effect_on_a_converted_checkpoint_are_refused(converted, options, name):
    with pytest.raises(CheckpointError, match=f"converted already, so {name} would have no eff"):
        lstm_units.load_checkpoint(converted, **options)


def test_checkpoints_are_checked_in_words_of_the_caller(source, tmp_path):
    for options, message in (
        ({"unk": "UNK"}, "no unknown-word symbol 'UNK'; name the one that the model uses as unk"),
        ({"eos": "</s>"}, "no end-of-sentence symbol"),
        ({"format": "onnx"}, "format 'onnx' is unknown; write one of"),
        ({"stand_ins": "model.RNNModel"}, "stand_ins is 'model.RNNModel'; expected a list"),
        ({"layers": "rnn"}, "layers is 'rnn'; expected a list"),
        ({"padding_rows": [0]}, "padding_rows is .0.; expected 'end' or a list of rows from 1"),
    ):
        with pytest.raises(UserError, match=message) as refusal:
            lstm_units.load_checkpoint(source, **options)
        assert "config" not in str(refusal.value)
    (tmp_path / "vocab.txt").write_text("a\n")
    with pytest.raises(CheckpointError, match=r"there is no checkpoint .*model\.safetensors; give"):
        lstm_units.load_checkpoint(tmp_path)


def test_a_device_is_a_name_or_torch_s(converted):
    for device in (torch.device("cpu"), "cpu"):
        loaded = lstm_units.load_checkpoint(converted, device=device)
        assert loaded.device == torch.device("cpu")
    for device in (0, None, "tpu", torch.device("meta")):
        with pytest.raises(ConfigurationError, match=r"^device is .*expected cpu, cuda, cuda:N"):
            lstm_units.load_checkpoint(converted, device=device)
    with pytest.raises(ConfigurationError, match=r"^device: found 'cuda:99'"):
        lstm_units.load_checkpoint(converted, device="cuda:99")


def test_dumps_need_the_model_s_precision(model, stimuli, tmp_path):
    with pytest.raises(ConfigurationError, match="float64 needs a model in float64"):
        lstm_units.dump_activations(model, stimuli, tmp_path / "n", float_type="float64")
    assert list(tmp_path.iterdir()) == []


# Other stimuli


def swapped(stimuli: pd.DataFrame) -> pd.DataFrame:
    """The same items, numbers and conditions, with another word before the verb of item 3."""
    tokens = stimuli["tokens"].tolist()
    tokens[3] = ["A", *tokens[3][1:]]
    return stimuli.assign(tokens=tokens)


def test_scores_and_margins_of_different_stimuli_are_refused(model, stimuli, scores, margins):
    other = {"nounpp": lstm_units.score(model, swapped(stimuli))}
    with pytest.raises(UserError, match="item 3 of nounpp has other words or forms in the scores"):
        lstm_units.ablation_accuracy(model, other, margins)
    with pytest.raises(UserError, match="item 3 of nounpp has other words or forms in the scores"):
        lstm_units.find_long_range_units(model, {"nounpp": stimuli}, other, margins, CRITERIA)
    other["nounpp"].attrs = {}  # lost by an operation of pandas: it cannot be told
    found = lstm_units.ablation_accuracy(model, other, margins)
    assert len(found) == 8
    lstm_units.ablation_accuracy(model, scores, margins.drop(columns=[]))


def test_parts_of_scores_and_margins_of_the_same_stimuli_fit(model, stimuli, scores, margins):
    items = stimuli["item"][stimuli["condition"] == "SP"].tolist()
    part = lstm_units.score(model, stimuli[stimuli["item"].isin(items)])
    table = lstm_units.ablation_accuracy(
        model, {"nounpp": part}, margins[margins["item"].isin(items)]
    )
    assert table["condition"].unique().tolist() == ["SP"]
    several = pd.concat([margins[margins["unit"] == 2], margins[margins["unit"] == 7]])
    pd.testing.assert_frame_equal(
        lstm_units.ablation_accuracy(model, scores, several),
        lstm_units.ablation_accuracy(model, scores, margins),
    )


def test_long_range_units_need_the_stimuli_that_were_scored(model, stimuli, scores, margins):
    def find(given, criteria=CRITERIA, scores=scores):
        return lstm_units.find_long_range_units(model, given, scores, margins, criteria)

    relabelled = stimuli.assign(condition=stimuli["condition"].replace("SP", "PS"))
    for given, message in (
        (
            swapped(stimuli),
            "item 3 of nounpp has other words or forms in the stimuli than in the s",
        ),
        (relabelled, "has the condition PS in the stimuli, but SP in the scores"),
        (stimuli.iloc[1:], "the stimuli of nounpp have no item 0, which the scores have"),
    ):
        with pytest.raises(UserError, match=message):
            find({"nounpp": given})
    with pytest.raises(UserError, match="scores, but no stimuli of nounpp"):
        find({"simple": stimuli})
    with pytest.raises(ConfigurationError, match="criteria name the task 'nounpp_adv', which is n"):
        find({"nounpp": stimuli}, None)
    with pytest.raises(ConfigurationError, match=r"expected lstm_units.Criteria"):
        find({"nounpp": stimuli}, {"tasks": ["nounpp"]})
    unaware = {"nounpp": scores["nounpp"].copy()}
    unaware["nounpp"].attrs = {}
    with pytest.raises(UserError, match="in the stimuli than in the margins"):
        find({"nounpp": swapped(stimuli)}, scores=unaware)


def test_decoding_compares_complete_sentences(dump, stimuli):
    tokens = [[*words[:-1], "!"] for words in stimuli["tokens"]]
    with pytest.raises(UserError, match="was made from other stimuli"):
        lstm_units.decode(dump, stimuli.assign(tokens=tokens), seed=1)


# Tables


@pytest.mark.parametrize("column", ["verb_position", "item", "subject_position", "frame"])
def test_fractions_in_columns_of_whole_numbers_are_refused(model, stimuli, column):
    broken = stimuli.assign(**{column: stimuli[column] + 0.5})
    with pytest.raises(StimuliError, match=rf"column {column} holds \d+\.5; expected whole"):
        lstm_units.score(model, broken)
    floats = stimuli.assign(**{column: stimuli[column].astype(float)})
    assert len(lstm_units.score(model, floats)) == len(stimuli)


def test_fractions_in_positions_of_attractors_are_refused(model, stimuli):
    broken = stimuli.assign(attractor_positions=[[3.5]] * len(stimuli))
    with pytest.raises(StimuliError, match=r"column attractor_positions holds 3\.5"):
        lstm_units.score(model, broken)


def test_scores_that_are_none_are_refused(model, scores, margins):
    good = scores["nounpp"]
    nan = good.assign(margin=good["margin"].where(good["item"] != 4))
    for table, message in (
        (good.iloc[:0], "the scores of nounpp hold no items"),
        (nan, "the margin of item 4 is nan; expected a finite number"),
        (good.assign(margin="high"), "the margin of item 0 is high; expected a finite number"),
        (pd.concat([good, good.iloc[5:6]]), "the scores of nounpp hold item 5 twice"),
        (good.assign(item=good["item"] + 0.5), r"column item of .* holds 0\.5; expected whole"),
        (good.assign(condition=None), "the condition of item 0 is None; expected a name"),
        (5, "the scores of nounpp are no table"),
    ):
        for refuse in (
            lstm_units.accuracy,
            lambda given: lstm_units.ablation_accuracy(model, given, margins),
        ):
            with pytest.raises(UserError, match=message) as refusal:
                refuse({"nounpp": table})
            assert "Delete" not in str(refusal.value)
    with pytest.raises(UserError, match=r"^the scores hold no items"):
        lstm_units.accuracy(good.iloc[:0])
    for given in ({}, good):
        with pytest.raises(UserError, match="expected by the tasks' names"):
            lstm_units.ablation_accuracy(model, given, margins)
    with pytest.raises(UserError, match="the task 1; expected a string"):
        lstm_units.accuracy({1: good})


def test_margins_that_are_none_are_refused(model, scores, margins):
    for table, message in (
        (margins.assign(margin=np.nan), "the margins: the margin of item 0 is nan"),
        (margins.assign(unit=margins["unit"] + 0.5), r"column unit of the margins holds 2\.5"),
        (margins.drop(columns="unit"), "the margins are no table with the columns unit, task"),
        ({"nounpp": margins}, "the margins are no table"),
    ):
        with pytest.raises(UserError, match=message):
            lstm_units.ablation_accuracy(model, scores, table)


# Values


@pytest.mark.parametrize("confidence", [0, 1, 95, -0.5, np.nan, "0.95", None])
def test_confidence_lies_between_0_and_1(model, scores, margins, confidence):
    with pytest.raises(ConfigurationError, match=r"confidence is .*expected a number between"):
        lstm_units.accuracy(scores, confidence=confidence)
    with pytest.raises(ConfigurationError, match=r"confidence is .*expected a number between"):
        lstm_units.ablation_accuracy(model, scores, margins, confidence=confidence)


def test_options_of_the_statistics_are_checked(model, scores, margins):
    with pytest.raises(ConfigurationError, match="near_tie is -1"):
        lstm_units.accuracy(scores, near_tie=-1)
    for correction in ("bonferroni", ["benjamini_hochberg"]):
        with pytest.raises(ConfigurationError, match=r"^correction is .*expected one of benjamini"):
            lstm_units.ablation_accuracy(model, scores, margins, correction=correction)


@pytest.mark.parametrize("memory", [0, -1, np.nan, np.inf, "1", []])
def test_memory_is_a_number_above_0(model, stimuli, tmp_path, memory):
    for refuse in (
        lambda: lstm_units.score(model, stimuli, memory=memory),
        lambda: lstm_units.sweep_units(model, {"nounpp": stimuli}, [7], memory=memory),
        lambda: lstm_units.dump_activations(model, stimuli, tmp_path / "n", memory=memory),
    ):
        with pytest.raises(ConfigurationError, match=r"memory is .*expected a number of GiB above"):
            refuse()


def test_numbers_of_stimuli_are_whole(stimuli):
    same = lstm_units.make_stimuli("nounpp", np.int64(20), np.int32(3))
    pd.testing.assert_frame_equal(same, stimuli)
    for seed in (-1, 1.5, "1", None, True):
        with pytest.raises(StimuliError, match=r"seed is .*expected a whole number of 0 or more"):
            lstm_units.make_stimuli("nounpp", 5, seed)
    for items in (0, 2.5, True, None):
        with pytest.raises(StimuliError, match=r"items_per_condition is .*expected a whole number"):
            lstm_units.make_stimuli("nounpp", items, 1)
    with pytest.raises(StimuliError, match="the task is 5; expected its name"):
        lstm_units.make_stimuli(5, 5, 1)


def test_units_and_layers_are_lists_ranges_or_arrays(model, stimuli, margins, tmp_path):
    given = {"nounpp": stimuli}
    for units in (np.array([2, 7]), np.array([2.0, 7.0]), range(2, 8, 5), (2, np.int8(7))):
        pd.testing.assert_frame_equal(lstm_units.sweep_units(model, given, units), margins)
    with pytest.raises(InterventionError, match="units is 7; expected whole numbers: give a list"):
        lstm_units.sweep_units(model, given, 7)
    for units in ([7.5], [True], np.array([[7]])):
        with pytest.raises(InterventionError, match=r"units holds .*expected whole numbers"):
            lstm_units.sweep_units(model, given, units)
    for layers in (np.array([2]), range(2, 3)):
        folder = tmp_path / "nounpp"
        made = lstm_units.dump_activations(
            model, stimuli, folder, variables=["cell"], layers=layers
        )
        assert made.layers == (2,)
    for layers, message in (
        (2, r"layers is 2; expected whole numbers: give a list, such as \[2\]"),
        ([1.5], r"layers holds 1\.5"),
        ("2", "layers is '2'"),
        ([], r"layers is \[\], but the model's layers are 1, 2"),
        ([3], r"layers is \[3\], but the model's layers are 1, 2"),
    ):
        with pytest.raises(ConfigurationError, match=message) as refusal:
            lstm_units.dump_activations(model, stimuli, tmp_path / "other", layers=layers)
        assert "config.yaml" not in str(refusal.value)
    for variables in ("cell", [], ["cells"], 5):
        with pytest.raises(
            ConfigurationError, match=r"variable.*expected (a list|some)"
        ) as refusal:
            lstm_units.dump_activations(model, stimuli, tmp_path / "other", variables=variables)
        assert "config.yaml" not in str(refusal.value)


def test_modes_and_tasks_of_a_sweep_are_checked(model, stimuli):
    with pytest.raises(InterventionError, match="mean_over is 'nounpp', but mode 'zero' has no me"):
        lstm_units.sweep_units(model, {"nounpp": stimuli}, [7], mean_over="nounpp")
    with pytest.raises(StimuliError, match="the task is called 5"):
        lstm_units.sweep_units(model, {5: stimuli}, [7])


def test_a_context_that_is_missing_is_one_message(model, stimuli, tmp_path):
    missing = tmp_path / "none.txt"
    for context in (missing, str(missing), lstm_units.Context(str(missing))):
        for refuse in (
            lambda context: lstm_units.score(model, stimuli, context=context),
            lambda context: lstm_units.sweep_units(model, {"n": stimuli}, [7], context=context),
            lambda context: lstm_units.dump_activations(
                model, stimuli, tmp_path / "n", context=context
            ),
        ):
            with pytest.raises(StimuliError, match=r"there is no context .*none\.txt; give"):
                refuse(context)
    with pytest.raises(StimuliError, match="context is 5; expected the path"):
        lstm_units.score(model, stimuli, context=5)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": -1}, "seed is -1"),
        ({"seed": 1.5}, "seed is 1.5"),
        ({"seed": 2**32}, "from 0 to 4294967295"),
        ({"splits": 0}, "splits is 0; expected a whole number of 1 or more"),
        ({"test_fraction": 0}, "test_fraction is 0; expected a number between 0 and 1"),
        ({"test_fraction": 1}, "test_fraction is 1"),
        ({"C": 0}, "C is 0; expected a number above 0"),
        ({"tolerance": -1e-5}, "tolerance is -1e-05"),
        ({"max_iterations": 0}, "max_iterations is 0"),
        ({"features": [7]}, "features is .7.; expected sets of units by names"),
        ({"features": {}}, "expected sets of units by names"),
        ({"features": {"a": []}}, r"features\['a'\] is empty"),
        ({"features": {"a": [7, 7]}}, r"features\['a'\] names unit 7 twice"),
        ({"features": {"a": 7}}, r"features\['a'\] is 7; expected whole numbers: give a list"),
        ({"features": {"a": [7.5]}}, r"features\['a'\] holds 7.5"),
        ({"features": {5: [7]}}, "features has the key 5; expected a name"),
        ({"conditions": "SP"}, "conditions is 'SP'; expected a list of names"),
        ({"conditions": []}, "conditions is .*expected a list of names"),
        ({"conditions": ["SP"]}, "all 20 items have the same subject_number; choose another label"),
        ({"variable": "hidden"}, "holds cell, but not 'hidden'; dump that too"),
        ({"label": 5}, "label is 5; expected a name"),
        ({"cross_validation": "none"}, "is 'none'; expected one of grouped, random"),
        ({"test_fraction": 0.999}, "with test_fraction = 0.999 no training"),
    ],
)
def test_options_of_decoding_are_checked(dump, stimuli, options, message):
    with pytest.raises(ConfigurationError, match=message) as refusal:
        lstm_units.decode(dump, stimuli, **{"seed": 1, **options})
    assert "decoding." not in str(refusal.value)
    assert "config.yaml" not in str(refusal.value)


def test_decoding_takes_arrays_of_units_and_names(dump, stimuli):
    options = {"seed": 1, "splits": 1}
    expected = lstm_units.decode(
        dump, stimuli, features={"a": [6, 7]}, conditions=["SP", "PS"], **options
    )
    for units in (np.array([6, 7]), range(6, 8)):
        found = lstm_units.decode(
            dump, stimuli, features={"a": units}, conditions=np.array(["SP", "PS"]), **options
        )
        pd.testing.assert_frame_equal(found, expected)
    with pytest.raises(UserError, match="the dump is a PosixPath"):
        lstm_units.decode(dump.folder, stimuli, seed=1)


def test_units_of_layers_that_were_not_dumped_are_refused(model, stimuli, tmp_path):
    options = {"variables": ["cell"], "layers": [2]}
    made = lstm_units.dump_activations(model, stimuli, tmp_path / "nounpp", **options)
    with pytest.raises(ConfigurationError, match="does not hold unit 2, only those of layers 2"):
        lstm_units.decode(made, stimuli, seed=1, features={"a": [2]})


# Words and files


def test_unknown_forms_are_refused_with_the_way_out(model, stimuli, tmp_path):
    unknown = stimuli.assign(wrong="frobs")
    for refuse in (
        lambda: lstm_units.score(model, unknown),
        lambda: lstm_units.dump_activations(model, unknown, tmp_path / "nounpp"),
    ):
        with pytest.raises(UserError, match=r"'frobs' of .*known_items"):
            refuse()
    with pytest.raises(StimuliError, match="none of the 80 items of the stimuli; unknown are"):
        lstm_units.known_items(model, unknown)
    with pytest.raises(UserError, match="the folder is called 'my dump', but its name names the t"):
        lstm_units.dump_activations(model, stimuli, tmp_path / "my dump")


def test_a_gold_file_goes_with_linzen_only(tmp_path):
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text("prefix\tgood\tbad\tcondition\nThe boys\tgreet\tgreets\tP\n")
    gold, text = tmp_path / "verbs.tsv", tmp_path / "sentences.txt"
    gold.write_text("2\tgreet\tgreets\t0\n")
    text.write_text("The boys greet . <eos>\n")
    for name in ("auto", "minimal_pairs"):
        with pytest.raises(StimuliError, match=r"gold file .*verbs\.tsv has no effect"):
            lstm_units.read_stimuli(pairs, name, gold=gold)
    for name in ("auto", "linzen"):
        assert lstm_units.read_stimuli(text, name, gold=gold)["wrong"].tolist() == ["greets"]


def test_a_table_with_a_byte_order_mark_is_read(tmp_path):
    pairs = tmp_path / "pairs.tsv"
    text = "prefix\tgood\tbad\tcondition\nThe boys\tgreet\tgreets\tP\n"
    pairs.write_text(text, encoding="utf-8-sig")
    assert lstm_units.read_stimuli(pairs)["tokens"].tolist() == [["The", "boys", "greet"]]


def test_a_broken_table_is_not_to_be_deleted(tmp_path):
    for write in (
        lambda path: path.write_text("PAR1"),
        lambda path: pd.DataFrame({"item": ["first"]}).to_parquet(path),
    ):
        write(tmp_path / "mine.parquet")
        with pytest.raises(StimuliError, match=r"mine\.parquet is no table of stimuli") as refusal:
            lstm_units.read_stimuli(tmp_path / "mine.parquet")
        assert "Delete" not in str(refusal.value)


def test_items_written_after_scoring_can_be_stored(scores, margins, tmp_path):
    """What is noted in attrs is text, which pandas stores in Parquet and gives back."""
    for name, table in (("scores", scores["nounpp"]), ("margins", margins)):
        table.to_parquet(tmp_path / f"{name}.parquet")
        back = pd.read_parquet(tmp_path / f"{name}.parquet")
        assert back.attrs == table.attrs


def test_the_snippet_of_the_readme_prints_whole_tables(project):
    text = (project / "README.md").read_text(encoding="utf-8")
    code = text.split("```python\n")[1].split("```")[0]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=project, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "..." not in done.stdout
    assert "condition" in done.stdout
