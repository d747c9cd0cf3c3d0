"""The steps of the workflow called as functions: what they write, and what they refuse."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.planted_network import PLURAL_UNIT, write_planted_network

from lstm_units.analyses.long_range_units.unit_lists import single_unit_sets
from lstm_units.errors import UserError
from lstm_units.interventions.model_inputs import Compute, Context, compute_from, read_group
from lstm_units.interventions.write_ablation import (
    write_context_states,
    write_set_shard,
    write_shard,
)
from lstm_units.interventions.write_intact import write_intact, write_means
from lstm_units.interventions.write_known_items import write_known_items
from lstm_units.io.files import lineage, make_metadata, read_metadata, write_json, write_parquet
from lstm_units.io.results import Result, write_result
from lstm_units.io.unit_columns import unit_array
from lstm_units.models.checkpoints import read_vocabulary
from lstm_units.models.write_checkpoint import write_checkpoint
from lstm_units.stimuli.table import read_stimuli
from lstm_units.stimuli.write_generated import write_generated

COMPUTE = Compute(device="cpu", memory=0.1)
CONVERT = {"format": "auto", "stand_ins": (), "unk": "<unk>", "eos": "<eos>"}
STATISTICS = {"confidence": 0.95, "correction": "benjamini_hochberg", "near_tie": 1e-4}
SIZES = (5, 3)


class Files:
    """Paths of a small experiment, made step by step."""

    def __init__(self, folder: Path, english: Path) -> None:
        self.folder = folder
        self.checkpoint = folder / "checkpoint"
        self.stimuli = folder / "stimuli" / "nounpp.parquet"
        self.intact = folder / "intact" / "nounpp.parquet"
        self.states = folder / "context" / "units_0006-0008.safetensors"
        self.shard = folder / "noun" / "units_0006-0008.parquet"
        self.context = Context(str(english / "context.txt"))

    def write_states(self, output: Path, compute: Compute = COMPUTE, **options) -> None:
        write_context_states(
            self.checkpoint, self.context, "zero", range(6, 9), compute, output, **options
        )

    def write_shard(self, output: Path, units=range(6, 9), compute=COMPUTE, stimuli=None) -> None:
        tasks = {"nounpp": stimuli or self.stimuli}
        write_shard(self.checkpoint, tasks, self.states, 6, "zero", units, compute, output)


def _prepare(folder: Path, english: Path, seed: int = 1) -> Files:
    files = Files(folder, english)
    source = folder / "source"
    write_planted_network(source, english, english / "context.txt")
    write_checkpoint(
        source / "model.safetensors", source / "vocab.txt", files.checkpoint, **CONVERT
    )
    raw = folder / "raw" / "nounpp.parquet"
    write_generated(english, "nounpp", 5, True, seed, raw)
    report = files.stimuli.with_suffix(".json")
    write_known_items(raw, files.checkpoint, True, "error", files.stimuli, report)
    write_intact(files.checkpoint, files.stimuli, files.context, COMPUTE, files.intact)
    files.write_states(files.states)
    files.write_shard(files.shard)
    return files


@pytest.fixture(scope="module")
def english(project) -> Path:
    return project / "stimuli" / "english"


@pytest.fixture(scope="module")
def files(tmp_path_factory, english) -> Files:
    return _prepare(tmp_path_factory.mktemp("steps"), english)


@pytest.fixture(scope="module")
def other(tmp_path_factory, english) -> Files:
    """The same with other items, as many of them."""
    return _prepare(tmp_path_factory.mktemp("other"), english, seed=2)


def nothing_written(folder: Path) -> bool:
    return not [path for path in folder.rglob("*") if path.is_file()]


def test_a_part_of_the_units_gives_the_same_margins(files, tmp_path):
    files.write_shard(tmp_path / "units_0007-0008.parquet", range(7, 9))
    whole = pq.read_table(files.shard).to_pandas()
    part = pq.read_table(tmp_path / "units_0007-0008.parquet").to_pandas()
    expected = whole[whole["unit"] > 6].reset_index(drop=True)
    np.testing.assert_allclose(part["margin"], expected["margin"], atol=1e-5)
    assert part.drop(columns="margin").equals(expected.drop(columns="margin"))


def test_a_set_of_one_unit_gives_that_units_margins(files, tmp_path):
    sets = tmp_path / "sets.parquet"
    units = Result({"units": [{"unit": PLURAL_UNIT}, {"unit": 6}]})
    write_result(single_unit_sets(units), sets)
    shard = tmp_path / "long_range_0001-1000.parquet"
    tasks = {"nounpp": files.stimuli}
    numbers = range(1, 1001)
    write_set_shard(files.checkpoint, tasks, sets, numbers, files.context, "zero", COMPUTE, shard)
    margins = pq.read_table(shard).to_pandas()
    single = pq.read_table(files.shard).to_pandas()
    for number, unit in ((1, PLURAL_UNIT), (2, 6)):
        np.testing.assert_allclose(
            margins.loc[margins["set"] == number, "margin"],
            single.loc[single["unit"] == unit, "margin"],
            atol=1e-5,
        )


def test_no_discovered_unit_gives_a_shard_without_rows(files, tmp_path):
    sets = tmp_path / "sets.parquet"
    write_result(single_unit_sets(Result({"units": []})), sets)
    shard = tmp_path / "long_range_0001-1000.parquet"
    tasks = {"nounpp": files.stimuli}
    write_set_shard(
        files.checkpoint, tasks, sets, range(1, 1001), files.context, "zero", COMPUTE, shard
    )
    table = pq.read_table(shard)
    assert table.num_rows == 0
    assert table.schema.names == ["set", "task", "item", "margin"]
    assert read_metadata(shard)["stimuli_sha256"] == read_metadata(files.shard)["stimuli_sha256"]


def test_means_hold_one_value_for_every_unit(files, tmp_path):
    output = tmp_path / "values.parquet"
    write_means(files.checkpoint, files.stimuli, "nounpp", files.context, COMPUTE, output)
    table = pq.read_table(output)
    assert table["unit"].to_pylist() == list(range(1, 9))
    assert np.isfinite(table["mean"].to_numpy()).all()
    assert read_metadata(output)["config"]["task"] == "nounpp"


def test_compute_takes_precision_from_the_configuration_and_the_rest_from_the_job():
    resources = SimpleNamespace(device="cpu", sweep_mb=512, gpu_sweep_mb=0)
    assert compute_from("float64", resources, 3) == Compute("float64", "cpu", 0.5, 3)


@pytest.mark.parametrize(("largest", "kind"), [(32767, pa.int16()), (32768, pa.int32())])
def test_unit_numbers_fit_their_type(largest, kind):
    assert unit_array([1, largest]).type == kind
    assert unit_array([]).type == pa.int16()


def test_items_of_a_group_stand_in_alphabetical_order_of_the_tasks(files, other):
    vocabulary = read_vocabulary(files.checkpoint / "vocab.txt")
    paths = {"b": files.stimuli, "a": other.stimuli}
    group = read_group(paths, vocabulary)
    n = read_stimuli(other.stimuli).num_rows
    assert group.names == ("a", "b")
    assert group.task.tolist() == [0] * n + [1] * (len(group.task) - n)
    swapped = read_group(dict(reversed(paths.items())), vocabulary)
    assert swapped.sha256 == group.sha256
    assert swapped.items.prefixes == group.items.prefixes


def refused(*parts: str):
    """Expect a `UserError` with these parts, in this order."""
    return pytest.raises(UserError, match="(?s)" + ".*".join(parts))


def test_states_of_another_precision_are_refused(files, tmp_path):
    with refused(r"units_0006-0008\.safetensors", "another model or precision", "Delete"):
        files.write_shard(tmp_path / "units_0006-0008.parquet", compute=Compute("float64", "cpu"))
    assert nothing_written(tmp_path)


@pytest.mark.parametrize("units", [range(5, 7), range(8, 10)])
def test_units_without_states_are_refused(files, tmp_path, units):
    with refused(r"\.safetensors", f"units {units[0]} to {units[-1]}", "Delete"):
        files.write_shard(tmp_path / "units.parquet", units)
    assert nothing_written(tmp_path)


def test_a_truncated_file_of_states_is_refused(files, tmp_path):
    folder = tmp_path / "context"
    folder.mkdir()
    path = folder / files.states.name
    path.write_bytes(files.states.read_bytes()[:-100])
    broken = Files(files.folder, Path(files.context.path).parent)
    broken.states = path
    with refused(str(path), "Delete it and run the workflow again"):
        broken.write_shard(tmp_path / "out" / "units_0006-0008.parquet")
    assert nothing_written(tmp_path / "out")


def test_verb_forms_that_the_model_lacks_are_refused(files, tmp_path):
    table = read_stimuli(files.stimuli)
    forms = ["zorps", *table["correct"].to_pylist()[1:]]
    tokens = table["tokens"].to_pylist()
    tokens[0][table["verb_position"][0].as_py()] = "zorps"
    for name, values in (("correct", forms), ("tokens", tokens)):
        column = table.schema.get_field_index(name)
        table = table.set_column(column, name, pa.array(values, table.schema.field(name).type))
    write_parquet(table, tmp_path / "in" / "nounpp.parquet", make_metadata(kind="stimuli"))
    with refused("zorps", "nounpp", "leave these items out"):
        write_intact(
            files.checkpoint,
            tmp_path / "in" / "nounpp.parquet",
            files.context,
            COMPUTE,
            tmp_path / "out" / "nounpp.parquet",
        )
    assert nothing_written(tmp_path / "out")


def test_a_memory_limit_below_one_intervention_is_refused_with_its_key(files, tmp_path):
    with refused("cannot work within", r"ablation\.memory"):
        files.write_shard(tmp_path / "units.parquet", compute=Compute(device="cpu", memory=1e-7))
    assert nothing_written(tmp_path)


def test_metadata_of_a_table_that_carries_some_already_are_replaced(tmp_path):
    for seed in (1, 2):
        table = pa.table({"a": [1]}) if seed == 1 else pq.read_table(tmp_path / "1.parquet")
        write_parquet(table, tmp_path / f"{seed}.parquet", make_metadata(seed=seed))
        assert read_metadata(tmp_path / f"{seed}.parquet")["seed"] == seed


def test_lineage_gathers_the_hashes_of_files_that_come_from_several_test_sets(tmp_path):
    for name, hashes in (("a", ["x", "y"]), ("b", "z")):
        metadata = make_metadata(checkpoint_sha256="c", stimuli_sha256=hashes)
        write_json({}, tmp_path / name / "file.json", metadata)
    found = lineage([tmp_path / "a" / "file.json", tmp_path / "b" / "file.json"])
    assert found["stimuli_sha256"] == ["x", "y", "z"]
