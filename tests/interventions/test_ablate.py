"""Intact scores, mean values, states and margins."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
import torch
from safetensors.torch import load_file, save_file
from support.made_files import write_set_shard
from support.planted_network import PLURAL_UNIT, write_planted_network
from support.scripts import run_script

from lstm_units.errors import UserError
from lstm_units.interventions.ablate import context_states, set_margins, unit_margins
from lstm_units.interventions.context_states import read_states, write_states
from lstm_units.interventions.intact import intact_scores, mean_values
from lstm_units.interventions.model_inputs import Compute, Context, compute_from, group_items
from lstm_units.io.files import make_metadata, write_parquet
from lstm_units.io.results import Result, read_result, write_result
from lstm_units.models.checkpoints import CheckpointSource, convert_checkpoint, load_language_model
from lstm_units.stimuli.generation import generate

COMPUTE = Compute(device="cpu", memory=0.1)
UNITS = range(6, 9)  # the last layer


@pytest.fixture(scope="module")
def context(english_folder):
    return Context(str(english_folder / "context.txt"))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory, english_folder):
    folder = tmp_path_factory.mktemp("planted")
    write_planted_network(folder / "source", english_folder, english_folder / "context.txt")
    convert_checkpoint(CheckpointSource(folder / "source"), folder / "checkpoint")
    return folder / "checkpoint"


@pytest.fixture(scope="module")
def model(checkpoint):
    return load_language_model(checkpoint)


@pytest.fixture(scope="module")
def stimuli(english):
    return {
        "nounpp": generate(english, "nounpp", 5, True, 1),
        "simple": generate(english, "simple", 3, True, 1),
    }


@pytest.fixture(scope="module")
def group(model, stimuli):
    return group_items(stimuli, model.vocabulary)


@pytest.fixture(scope="module")
def states(model, context):
    return context_states(model, context, "zero", UNITS)


@pytest.fixture(scope="module")
def margins(model, group, states):
    return unit_margins(model, group, states, UNITS, COMPUTE)


def sets_of(*members):
    rows = [(number, unit) for number, units in enumerate(members, start=1) for unit in units]
    columns = {"set": [number for number, _ in rows], "unit": [unit for _, unit in rows]}
    return Result(pa.table({name: pa.array(row, pa.int16()) for name, row in columns.items()}))


def test_a_part_of_the_units_has_the_margins_that_it_has_in_the_whole(
    model, group, states, margins
):
    part = unit_margins(model, group, states, range(7, 9), COMPUTE)
    np.testing.assert_allclose(part.values, margins.values[1:], atol=1e-5)
    expected = margins.table(slice(1, 3)).drop_columns("margin")
    assert part.table().drop_columns("margin").equals(expected)


def test_a_set_of_one_unit_gives_that_units_margins(model, group, context, margins):
    sets = sets_of([PLURAL_UNIT], [6], [7, 8])
    found = set_margins(model, group, sets, range(1, 3), context, "zero", COMPUTE)
    assert found.numbers == [1, 2]
    for row, unit in enumerate((PLURAL_UNIT, 6)):
        expected = margins.values[UNITS.index(unit)]
        np.testing.assert_allclose(found.values[row], expected, atol=1e-5)


def test_items_stand_in_alphabetical_order_of_their_tasks(model, stimuli, group):
    n = [len(stimuli[task]) for task in ("nounpp", "simple")]
    assert group.names == ("nounpp", "simple")
    assert group.task.tolist() == [0] * n[0] + [1] * n[1]
    swapped = group_items(dict(reversed(stimuli.items())), model.vocabulary)
    assert swapped.sha256 == group.sha256
    assert swapped.items.prefixes == group.items.prefixes


def test_the_words_of_a_job_s_resources_are_gigabytes():
    resources = SimpleNamespace(device="cpu", sweep_mb=512, gpu_sweep_mb=0)
    assert compute_from("float64", resources, 3) == Compute("float64", "cpu", 0.5, 3)


def refused(*parts: str):
    """Expect a `UserError` with these parts, in this order."""
    return pytest.raises(UserError, match="(?s)" + ".*".join(parts))


def test_states_of_another_model_or_precision_are_refused(model, group, states):
    with refused("the states after the context", "another precision, float32", "Delete"):
        unit_margins(model.to(torch.float64), group, states, UNITS, COMPUTE)
    with refused("another checkpoint than the states after the context", "Delete"):
        unit_margins(replace(model, sha256="another"), group, states, UNITS, COMPUTE)


@pytest.mark.parametrize("units", [range(5, 7), range(8, 10)])
def test_units_without_states_are_refused(model, group, states, units):
    with refused("no states for units", f"{units[0]} to {units[-1]}", "Delete"):
        unit_margins(model, group, states, units, COMPUTE)


def test_states_come_back_from_their_file_or_are_refused(states, tmp_path):
    path = tmp_path / "units.safetensors"
    write_states(states, path)
    back = read_states(path)
    assert back.metadata == states.metadata
    assert all(map(torch.equal, back.content.cell, states.content.cell))
    assert all(map(torch.equal, back.content.hidden, states.content.hidden))
    save_file(load_file(path), tmp_path / "bare.safetensors")
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    for broken in (path, tmp_path / "bare.safetensors", tmp_path / "none.safetensors"):
        with refused(str(broken), "Delete it and run the workflow again"):
            read_states(broken)


def test_verb_forms_that_the_model_lacks_are_refused(model, stimuli):
    table = stimuli["simple"]
    place = table.schema.get_field_index("wrong")
    wrong = pa.array(["zorps", *table["wrong"].to_pylist()[1:]])
    broken = table.set_column(place, table.schema.field("wrong"), wrong)
    with refused("zorps", "simple", "leave these items out"):
        group_items({"simple": broken}, model.vocabulary)


def test_too_little_memory_for_one_intervention_is_refused(model, group, states):
    with refused("cannot work within", "Give it more"):
        unit_margins(model, group, states, UNITS, replace(COMPUTE, memory=1e-7))


def test_results_say_what_they_were_made_from(model, stimuli, context):
    group = group_items({"nounpp": stimuli["nounpp"]}, model.vocabulary)
    scores = intact_scores(model, group, context, COMPUTE)
    means = mean_values(model, group, context, COMPUTE)
    states = context_states(model, context, "mean", UNITS, means)
    margins = unit_margins(model, group, states, UNITS, COMPUTE, means)
    assert means.content["unit"].to_pylist() == list(range(1, 9))
    for made in (scores.metadata, means.metadata, margins.metadata):
        assert (made["checkpoint_sha256"], made["stimuli_sha256"]) == (model.sha256, group.sha256)
    assert margins.metadata["config"] == {
        **{"mode": "mean", "tasks": ["nounpp"], "precision": "float32"}
    }
    assert scores.config["unknown_context_words"] == []


def test_the_script_scores_a_task_after_the_context(checkpoint, model, stimuli, context, tmp_path):
    paths = {name: tmp_path / name / "simple.parquet" for name in ("stimuli", "scores")}
    write_parquet(stimuli["simple"], paths["stimuli"], make_metadata())
    run_script(
        "interventions/score_intact",
        input={"weights": checkpoint / "model.safetensors", "stimuli": paths["stimuli"]},
        output={"scores": paths["scores"]},
        params={"context": {"path": context.path, "case": "lower"}, "precision": "float32"},
        wildcards={"task": "simple"},
        resources={"device": "cpu", "sweep_mb": 100, "gpu_sweep_mb": 0},
    )
    found = read_result(paths["scores"])
    group = group_items({"simple": stimuli["simple"]}, model.vocabulary)
    expected = intact_scores(model, group, replace(context, case="lower"), COMPUTE)
    assert found.content.equals(expected.content)
    assert found.metadata == expected.metadata


def test_a_family_without_sets_gives_a_file_without_rows(
    context, checkpoint, stimuli, group, tmp_path
):
    paths = {task: tmp_path / f"{task}.parquet" for task in stimuli}
    for task, table in stimuli.items():
        write_parquet(table, paths[task], make_metadata())
    sets, output = tmp_path / "sets.parquet", tmp_path / "long_range_0001-1000.parquet"
    write_result(replace(sets_of(), metadata=make_metadata()), sets)
    write_set_shard(checkpoint, paths, sets, range(1, 1001), context, "zero", COMPUTE, output)
    found = read_result(output)
    assert found.content.num_rows == 0
    assert found.content.schema.names == ["set", "task", "item", "margin"]
    assert found.metadata["stimuli_sha256"] == group.sha256
