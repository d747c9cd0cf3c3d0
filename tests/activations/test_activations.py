"""Activation dumps: agreement with torch, each distinct prefix once, and what the reader reads."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from support.made_files import (
    write_activations,
    write_generated,
    write_intact,
    write_known_items,
    write_stimuli,
)
from support.planted_network import write_planted_network

from lstm_units.activations import dump as activation_dump
from lstm_units.activations.dump import Sentences, dump_activations, plan_dump, walk_bytes
from lstm_units.activations.reader import VARIABLES, open_activations, variable_path
from lstm_units.errors import UserError
from lstm_units.interventions.model_inputs import Compute, Context
from lstm_units.interventions.prefix_trie import build_trie
from lstm_units.interventions.sweep_reference import torch_lstm
from lstm_units.io.files import make_metadata, read_metadata
from lstm_units.io.results import read_result, require_same
from lstm_units.models.cell import lstm_step_ref
from lstm_units.models.checkpoints import CheckpointSource, convert_checkpoint
from lstm_units.models.vocabulary import read_vocabulary
from lstm_units.stimuli.table import read_stimuli

COMPUTE = Compute(device="cpu", memory=0.1)
TYPES = {"float32": torch.float32, "float64": torch.float64}
CONTEXT = [2, 3, 1, 5]  # rows of the random models' words
# The third sentence begins the fourth; the last word of the sixth is unknown to the model.
SENTENCES = ("a b c d", "a b c e f", "b a", "b a c d", "a b c d", "c d e f a unheard", "f")
ITEMS = np.array([0, 1, 2, 5, 6, 9, 10])
CONDITIONS = ["SS", "SP", "SS", "PP", "SP", "SS", "PP"]


class Read:
    """A context of words of the random models, which is in no file."""

    def ids(self, vocabulary, ablated):
        return CONTEXT

    def metadata(self, vocabulary):
        return {}


def dump(model, folder, sentences=SENTENCES, item=ITEMS, condition=CONDITIONS, **options):
    """Dump random sentences after a context; `options` replace the defaults below."""
    n = len(sentences)
    tokens = [sentence.split() for sentence in sentences]
    dump_activations(
        model,
        Sentences(Path(folder).name, item[:n], condition[:n], tokens, "stimuli"),
        Read(),
        folder,
        **{"float_type": model.precision, **options},
    )
    return open_activations(folder)


def values_ref(model, sentence):
    """Every variable of every layer at every word, one sentence and one word at a time."""
    states = [(model.embedding.new_zeros(1, n),) * 2 for n in model.layer_sizes]
    rows = []
    for word in [*CONTEXT, *model.vocabulary.ids(sentence.split())]:
        below = model.embedding[word : word + 1]
        row = []
        for depth, layer in enumerate(model.layers):
            step = lstm_step_ref(layer, below, *states[depth])
            states[depth] = step["hidden"], step["cell"]
            below = step["hidden"]
            row.append(step)
        rows.append(row)
    rows = rows[len(CONTEXT) :]
    return {
        variable: np.stack([torch.cat([s[variable][0] for s in row]).numpy() for row in rows])
        for variable in VARIABLES
    }


def expected(model, variable, sentences=SENTENCES):
    """Values of shape (items, positions, units), NaN behind the end of a sentence."""
    values = [values_ref(model, sentence)[variable] for sentence in sentences]
    whole = np.full((len(values), max(map(len, values)), model.n_units), np.nan)
    for row, value in zip(whole, values, strict=True):
        row[: len(value)] = value
    return whole


SHAPES = [
    {"layer_sizes": (5, 7)},
    {"layer_sizes": (6,)},
    {"layer_sizes": (4, 9, 3), "embedding_size": 2},
    {"layer_sizes": (3, 8), "tied": True},
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(("float_type", "tolerance"), [("float32", 1e-5), ("float64", 1e-12)])
def test_hidden_and_cell_are_those_of_torch_lstm(
    random_model, tmp_path, shape, float_type, tolerance
):
    model = random_model(dtype=TYPES[float_type], **shape)
    found = dump(model, tmp_path / "task")
    lstms = [torch_lstm(layer) for layer in model.layers]
    for row, sentence in enumerate(SENTENCES):
        states = [None] * len(lstms)
        words = [*CONTEXT, *model.vocabulary.ids(sentence.split())]
        for place, word in enumerate(words):
            outputs = model.embedding[word].view(1, -1)
            for depth, lstm in enumerate(lstms):
                with torch.no_grad():
                    outputs, states[depth] = lstm(outputs, states[depth])
            position = place - len(CONTEXT)
            if position < 0:
                continue
            for which, variable in enumerate(("hidden", "cell")):
                value = torch.cat([state[which][0] for state in states]).numpy()
                read = found.read(variable, items=[ITEMS[row]], positions=[position])
                np.testing.assert_allclose(read[0, 0], value, atol=tolerance, rtol=0)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(("float_type", "tolerance"), [("float32", 1e-5), ("float64", 1e-12)])
def test_all_variables_are_those_of_the_gate_equations(
    random_model, tmp_path, shape, float_type, tolerance
):
    model = random_model(dtype=TYPES[float_type], scale=1.5, **shape)
    found = dump(model, tmp_path / "task")
    for variable in VARIABLES:
        read = found.read(variable)
        assert read.dtype == np.dtype(float_type)
        np.testing.assert_allclose(read, expected(model, variable), atol=tolerance, rtol=0)


def test_each_distinct_prefix_is_stored_once(random_model, tmp_path):
    found = dump(random_model(), tmp_path / "task")
    # The unknown word is the model's <unk>, no sentence holds that one otherwise.
    prefixes = {
        tuple(sentence.split()[: n + 1])
        for sentence in SENTENCES
        for n in range(len(sentence.split()))
    }
    assert found.n_nodes == len(prefixes)
    for layer in (1, 2):
        for variable in VARIABLES:
            table = pq.ParquetFile(variable_path(found.folder, layer, variable)).read()
            assert table["node"].to_pylist() == list(range(len(prefixes)))
            assert table.schema.names[1:] == list(map(str, found.units([layer])))
    node_of = {}
    for row, sentence in enumerate(SENTENCES):
        words = sentence.split()
        for position in range(len(words)):
            node = found.node[row, position]
            assert node_of.setdefault(tuple(words[: position + 1]), node) == node
        assert (found.node[row, len(words) :] == -1).all()
    assert sorted(node_of.values()) == list(range(len(prefixes)))


def test_the_index_gives_back_the_sentences(random_model, tmp_path):
    found = dump(random_model(), tmp_path / "task")
    index = pq.ParquetFile(found.folder / "index.parquet").read().to_pandas()
    assert list(index.columns) == ["item", "position", "token", "node", "condition"]
    by_item = index.groupby("item", sort=True)
    assert [" ".join(words) for _, words in by_item["token"]] == list(SENTENCES)
    assert [list(p) for _, p in by_item["position"]] == [
        list(range(len(s.split()))) for s in SENTENCES
    ]
    assert [set(c) for _, c in by_item["condition"]] == [{c} for c in CONDITIONS]
    assert found.item.tolist() == ITEMS.tolist()
    assert found.condition.tolist() == CONDITIONS
    kinds = [str(field.type) for field in pq.read_schema(found.folder / "index.parquet")]
    assert kinds == [
        "int32",
        "int16",
        "dictionary<values=string, indices=int32, ordered=0>",
        "int32",
        "dictionary<values=string, indices=int32, ordered=0>",
    ]


@pytest.mark.parametrize("row_group", [1, 3, 4])
def test_small_row_groups_and_chunks_change_no_value(
    random_model, tmp_path, monkeypatch, row_group
):
    model = random_model()
    whole = dump(model, tmp_path / "whole")
    monkeypatch.setattr(activation_dump, "ROW_GROUP", row_group)
    monkeypatch.setattr(activation_dump, "_CHUNK", 2)
    small = dump(model, tmp_path / "small")
    for layer in (1, 2):
        for variable in VARIABLES:
            parquet = pq.ParquetFile(variable_path(small.folder, layer, variable))
            assert parquet.read(["node"])["node"].to_pylist() == list(range(whole.n_nodes))
            file = parquet.metadata
            sizes = [file.row_group(group).num_rows for group in range(file.num_row_groups)]
            assert sum(sizes) == whole.n_nodes
            assert set(sizes[:-1]) <= {row_group}
            assert 0 < sizes[-1] <= row_group
    for variable in VARIABLES:
        np.testing.assert_allclose(small.read(variable), whole.read(variable), atol=1e-12, rtol=0)
        part = small.read(variable, units=[9, 2], items=[9, 0], positions=[3, 0])
        np.testing.assert_allclose(
            part,
            whole.read(variable)[[5, 0]][:, [3, 0]][:, :, [8, 1]],
            atol=1e-12,
            rtol=0,
        )


def test_row_groups_hold_4096_nodes_at_most(random_model, tmp_path):
    rng = np.random.default_rng(0)
    sentences = [" ".join(rng.choice(list("abcdef"), 7)) for _ in range(1500)]
    model = random_model((2,), dtype=torch.float32)
    options = {"item": np.arange(1500), "condition": ["S"] * 1500, "variables": ("cell",)}
    found = dump(model, tmp_path / "task", sentences, **options)
    assert found.n_nodes > 4096
    file = pq.ParquetFile(variable_path(found.folder, 1, "cell")).metadata
    assert [file.row_group(group).num_rows for group in range(file.num_row_groups)] == [
        4096,
        found.n_nodes - 4096,
    ]


def test_less_memory_gives_smaller_row_groups_and_walks_that_fit(random_model):
    rng = np.random.default_rng(0)
    sentences = {tuple(rng.integers(2, 8, 8).tolist()) for _ in range(2000)}
    model, trie = random_model((40, 60), dtype=torch.float32), build_trie(sorted(sentences))
    choices = VARIABLES, (1, 2), "float32"
    sizes = []
    for memory in (1e9, 2e7, 1e7):
        size = plan_dump(model, trie, *choices, memory)
        assert size.row_group * 100 * 6 * 4 + walk_bytes(model, size.walk) <= memory
        sizes.append((size.row_group, size.walk.max_children))
    assert sizes[0][0] == 4096
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > sizes[1] > sizes[2]
    with pytest.raises(UserError, match=r"within .* GiB: they need .* Give more memory"):
        plan_dump(model, trie, *choices, 1e5)


def test_little_memory_changes_no_value(random_model, tmp_path):
    rng = np.random.default_rng(0)
    sentences = [" ".join(rng.choice(list("abcdef"), 7)) for _ in range(300)]
    model = random_model((40, 60), dtype=torch.float32)
    options = {"item": np.arange(300), "condition": ["S"] * 300}
    whole = dump(model, tmp_path / "whole", sentences, **options)
    small = dump(model, tmp_path / "small", sentences, memory=2.85e6 / 2**30, **options)
    groups = [
        pq.ParquetFile(variable_path(found.folder, 1, "cell")).num_row_groups
        for found in (whole, small)
    ]
    assert groups[0] == 1 < groups[1]
    for variable in VARIABLES:
        np.testing.assert_allclose(small.read(variable), whole.read(variable), atol=1e-5, rtol=0)


def test_half_floats_are_rounded_single_floats(random_model, tmp_path):
    model = random_model(dtype=torch.float32)
    single = dump(model, tmp_path / "single")
    half = dump(model, tmp_path / "half", float_type="float16")
    stored = pq.read_schema(variable_path(half.folder, 1, "cell"))
    assert str(stored.field("1").type) == "halffloat"
    for variable in VARIABLES:
        read = half.read(variable)
        assert read.dtype == np.float32
        assert np.array_equal(
            read, single.read(variable).astype(np.float16).astype(np.float32), equal_nan=True
        )


def test_some_units_conditions_items_and_positions_are_part_of_all(random_model, tmp_path):
    found = dump(random_model((5, 7, 2)), tmp_path / "task")
    assert found.layer_sizes == {1: 5, 2: 7, 3: 2}
    assert found.units() == list(range(1, 15))
    assert found.units([3, 1]) == [1, 2, 3, 4, 5, 13, 14]
    assert found.n_positions == 6
    rng = np.random.default_rng(1)
    whole = found.read("cell")
    assert whole.shape == (7, 6, 14)
    for _ in range(30):
        units = rng.choice(np.arange(1, 15), rng.integers(1, 9))  # repeated units too
        rows = rng.permutation(7)[: rng.integers(1, 7)]
        positions = rng.permutation(6)[: rng.integers(1, 6)]
        read = found.read("cell", units=units, items=ITEMS[rows], positions=positions)
        assert np.array_equal(read, whole[rows][:, positions][:, :, units - 1], equal_nan=True)
        nodes = found.nodes(ITEMS[rows], positions)
        assert np.array_equal(nodes, found.nodes()[rows][:, positions])
        at_nodes = found.read_nodes("cell", units=units)
        assert np.array_equal(read[nodes >= 0], at_nodes[nodes[nodes >= 0]])
        assert np.isnan(read[nodes < 0]).all()
    for chosen, rows in (("SS", [0, 2, 5]), (["SP", "PP"], [1, 3, 4, 6])):
        read = found.read("hidden", layers=[2], condition=chosen)
        assert np.array_equal(read, found.read("hidden")[rows][:, :, 5:12], equal_nan=True)
    both = found.read("hidden", items=[9, 1, 0], condition="SS")
    assert np.array_equal(both, found.read("hidden")[[5, 0]], equal_nan=True)
    assert found.read("hidden", items=[]).shape == (0, 6, 14)
    assert found.read("hidden", units=[]).shape == (7, 6, 0)


def test_only_what_is_asked_for_is_read(random_model, tmp_path, monkeypatch):
    monkeypatch.setattr(activation_dump, "ROW_GROUP", 4)
    found = dump(random_model((5, 7)), tmp_path / "task")
    whole = found.read("cell")
    read_row_group = pq.ParquetFile.read_row_group
    calls = []

    def spy(self, group, columns=None, **options):
        calls.append((group, columns))
        return read_row_group(self, group, columns=columns, **options)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", spy)
    node = int(found.nodes(items=[9], positions=[4])[0, 0])
    value = found.read("cell", units=[8], items=[9], positions=[4])
    assert calls == [(node // 4, ["8"])]
    assert value[0, 0, 0] == whole[5, 4, 7]
    # Neither another variable nor another layer is opened.
    for path in found.folder.rglob("variable=*.parquet"):
        if path != variable_path(found.folder, 2, "cell"):
            path.write_bytes(b"")
    assert np.array_equal(found.read("cell", layers=[2]), whole[:, :, 5:], equal_nan=True)


def test_a_lost_folder_or_file_is_named_with_what_to_do(random_model, tmp_path):
    with pytest.raises(UserError, match=r"none.*none.*delete it and run the workflow"):
        open_activations(tmp_path / "none")
    found = dump(random_model(), tmp_path / "task")
    lost = variable_path(found.folder, 2, "cell")
    lost.rename(tmp_path / "cell")
    with pytest.raises(UserError, match=r"layer=2/variable=cell.parquet is missing\. If the workf"):
        open_activations(found.folder)
    with pytest.raises(UserError, match="delete it and run"):
        found.read("cell")
    found.read("cell", layers=[1])


def test_a_damaged_file_is_named_with_what_to_do(random_model, tmp_path):
    found = dump(random_model(), tmp_path / "task")
    path = variable_path(found.folder, 2, "cell")
    whole = path.read_bytes()
    column = pq.ParquetFile(path).metadata.row_group(0).column(3)
    end = column.data_page_offset + column.total_compressed_size
    for damaged in (
        whole[: len(whole) // 2],
        b"",
        # A flipped bit among the last values of a column: compression alone would not notice.
        *(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in range(end - 40, end)),
    ):
        path.write_bytes(damaged)
        with pytest.raises(UserError, match=r"variable=cell.*delete it and run"):
            found.read("cell", layers=[2])
    index = found.folder / "index.parquet"
    index.write_bytes(index.read_bytes()[:-30])
    with pytest.raises(UserError, match=r"index\.parquet cannot be used.*delete it and run"):
        open_activations(found.folder)


def test_a_file_of_another_run_is_refused(random_model, tmp_path):
    found = dump(random_model(), tmp_path / "task")
    fewer = dump(random_model(), tmp_path / "fewer", SENTENCES[:2])
    other = dump(random_model(), tmp_path / "other")  # another task in the metadata
    for folder, match in ((fewer.folder, "rows"), (other.folder, "another run")):
        path = variable_path(found.folder, 1, "hidden")
        path.write_bytes(variable_path(folder, 1, "hidden").read_bytes())
        with pytest.raises(UserError, match=match):
            found.read("hidden")


def test_what_was_not_dumped_or_is_not_there_is_refused(random_model, tmp_path):
    model = random_model((5, 7, 2))
    found = dump(model, tmp_path / "task", variables=("cell",), layers=(2,))
    assert found.units() == list(range(6, 13))
    np.testing.assert_allclose(found.read("cell"), expected(model, "cell")[:, :, 5:12])
    for read, match in (
        (lambda: found.read("hidden"), r"holds cell, but not hidden; dump it"),
        (lambda: found.read("gate"), r"no variable 'gate'; expected one of hidden, cell"),
        (lambda: found.read("cell", layers=[1]), r"not hold layer 1, only layers 2; dump"),
        (lambda: found.read("cell", units=[5]), "unit 5 of layer 1"),
        (lambda: found.read_nodes("cell", units=[13]), "unit 13 of layer 3"),
        (lambda: found.read("cell", units=[15]), "numbered 1 to 14"),
        (lambda: found.read("cell", units=[0]), "numbered 1 to 14"),
        (lambda: found.units([4]), "layers are 1 to 3"),
        (lambda: found.read("cell", condition="XX"), "no condition XX; it has PP, SP, SS"),
        (lambda: found.read("cell", items=[3]), "no item 3"),
        (lambda: found.read("cell", items=[11]), "no item 11"),
        (lambda: found.read("cell", positions=[6]), "position 6 .* 0 to 5"),
        (lambda: found.read("cell", positions=[-1]), "position -1"),
    ):
        with pytest.raises(UserError, match=match):
            read()
    with pytest.raises(ValueError, match="whole numbers"):
        found.read("cell", items=np.ones(7, dtype=bool))


def test_reading_a_dump_needs_no_torch():
    code = "import sys, lstm_units.activations.reader; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# Dumps of a task


@pytest.fixture(scope="module")
def experiment(tmp_path_factory, project):
    """Checkpoint, stimuli with 2 items per condition, context, and intact scores."""
    folder, english = tmp_path_factory.mktemp("experiment"), project / "stimuli" / "english"
    context = Context(str(english / "context.txt"))
    source = folder / "source"
    write_planted_network(source, english, english / "context.txt")
    convert_checkpoint(CheckpointSource(source), folder / "checkpoint")
    raw, stimuli = folder / "raw" / "nounpp.parquet", folder / "stimuli" / "nounpp.parquet"
    write_generated(english, "nounpp", 4, True, 1, raw)
    write_known_items(raw, folder / "checkpoint", stimuli)
    intact = folder / "intact" / "nounpp.parquet"
    write_intact(folder / "checkpoint", stimuli, context, COMPUTE, intact)
    return folder / "checkpoint", stimuli, context, intact


def write(experiment, output, variables=VARIABLES, layers="all", float_type="float32", **options):
    checkpoint, stimuli, context, _ = experiment
    stimuli = options.get("stimuli", stimuli)
    write_activations(checkpoint, stimuli, context, COMPUTE, variables, layers, float_type, output)


def test_a_dump_holds_complete_sentences_and_belongs_to_the_intact_scores(experiment, tmp_path):
    checkpoint, stimuli, context, intact = experiment
    output = tmp_path / "activations" / "nounpp"
    write(experiment, output, ["cell", "hidden"], float_type="float64")
    found, table = open_activations(output), read_stimuli(stimuli)
    assert found.task == "nounpp"
    assert (found.variables, found.layers) == (("hidden", "cell"), (1, 2))
    index = pq.ParquetFile(output / "index.parquet").read().to_pandas()
    sentences = [list(words) for _, words in index.groupby("item")["token"]]
    assert sentences == table["tokens"].to_pylist()
    assert found.item.tolist() == table["item"].to_pylist()
    assert found.condition.tolist() == table["condition"].to_pylist()
    require_same(found, read_result(intact), stimuli_sha256="version of the stimuli")
    for path in output.rglob("*.parquet"):
        assert read_metadata(path) == found.metadata
    assert found.metadata["config"] == {
        **context.metadata(read_vocabulary(checkpoint / "vocab.txt")),
        "variables": ["hidden", "cell"],
        "layers": [1, 2],
        "layer_sizes": [5, 3],
        "float_type": "float64",
        "precision": "float64",
    }


def test_the_decoder_on_the_dump_gives_the_intact_margins(experiment, tmp_path):
    from lstm_units.models.checkpoints import load_language_model

    checkpoint, stimuli, _, intact = experiment
    write(experiment, tmp_path / "nounpp")
    found, table = open_activations(tmp_path / "nounpp"), read_stimuli(stimuli)
    model = load_language_model(checkpoint)
    before_verb = table["verb_position"].to_pylist()[0] - 1
    hidden = torch.from_numpy(found.read("hidden", layers=[2], positions=[before_verb])[:, 0])
    forms = [model.vocabulary.ids(table[name].to_pylist()) for name in ("correct", "wrong")]
    correct, wrong = (
        (hidden * model.decoder_weight[rows]).sum(dim=1) + model.decoder_bias[rows]
        for rows in forms
    )
    margin = pq.ParquetFile(intact).read()["margin"].to_numpy()
    np.testing.assert_allclose((correct - wrong).numpy(), margin, atol=1e-5)


def test_equal_runs_write_equal_bytes_and_replace_what_is_there(experiment, tmp_path):
    output, again = tmp_path / "one" / "nounpp", tmp_path / "two" / "nounpp"
    write(experiment, output, variables=("hidden",))
    write(experiment, again)
    write(experiment, again, variables=("hidden",))
    names = sorted(p.relative_to(output) for p in output.rglob("*") if p.is_file())
    assert names == sorted(p.relative_to(again) for p in again.rglob("*") if p.is_file())
    assert len(names) == 3
    assert all((output / n).read_bytes() == (again / n).read_bytes() for n in names)
    assert [p.name for p in again.parent.iterdir()] == ["nounpp"]


def test_words_after_the_verb_are_part_of_the_dump_and_its_hash(experiment, tmp_path):
    _, stimuli, _, _ = experiment
    table = read_stimuli(stimuli)
    tokens = table["tokens"].to_pylist()
    tokens[0] = [*tokens[0][:-1], "the", tokens[0][-1]]
    column = table.schema.get_field_index("tokens")
    changed = table.set_column(column, table.schema.field("tokens"), [tokens])
    write_stimuli(changed, tmp_path / "nounpp.parquet", make_metadata(kind="stimuli"))
    write(experiment, tmp_path / "a" / "nounpp")
    write(experiment, tmp_path / "b" / "nounpp", stimuli=tmp_path / "nounpp.parquet")
    before, after = (open_activations(tmp_path / name / "nounpp") for name in "ab")
    assert after.n_positions == before.n_positions + 1
    assert np.isnan(after.read("cell", positions=[before.n_positions])[1:]).all()
    assert np.isfinite(after.read("cell")[0]).all()
    assert before.metadata["stimuli_sha256"] == after.metadata["stimuli_sha256"]
    assert before.metadata["tokens_sha256"] != after.metadata["tokens_sha256"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": [3]}, r"layers is \[3\], but the model's layers are 1, 2"),
        ({"layers": []}, r"layers is \[\]"),
        ({"variables": ["gate"]}, r"variables is \['gate'\]; expected some of hidden"),
        ({"variables": []}, r"variables is \[\]"),
        ({"float_type": "double"}, "float_type is 'double'; expected one of float16"),
        ({"float_type": "float32"}, "float32 needs a model in float32, but this one is in float64"),
        ({"memory": 1e-9}, "cannot be written within"),
    ],
)
def test_a_wrong_value_is_named_and_nothing_written(random_model, tmp_path, options, message):
    with pytest.raises(UserError, match=message):
        dump(random_model(), tmp_path / "task", **options)
    assert not list(tmp_path.iterdir())


def test_a_failure_half_way_leaves_what_was_there(random_model, tmp_path, monkeypatch):
    def fail(*_):
        raise RuntimeError("half-way")

    model = random_model()
    with monkeypatch.context() as broken, pytest.raises(RuntimeError, match="half-way"):
        broken.setattr(activation_dump, "make_index", fail)
        dump(model, tmp_path / "task")
    assert not list(tmp_path.iterdir())
    found = dump(model, tmp_path / "task")
    monkeypatch.setattr(activation_dump, "make_index", fail)
    with pytest.raises(RuntimeError, match="half-way"):
        dump(model, tmp_path / "task")
    assert [path.name for path in tmp_path.iterdir()] == ["task"]
    assert np.isfinite(found.read_nodes("cell")).all()
