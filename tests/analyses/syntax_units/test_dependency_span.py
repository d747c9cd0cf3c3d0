"""Spanning the dependency: AUCs against SciPy on all items, a planted unit, and what is refused."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.stats import mannwhitneyu
from support.made_files import write_activations, write_stimuli
from support.spanning_network import LAYER_SIZES, SPANNING, spanning_network

from lstm_units.activations.reader import open_activations
from lstm_units.analyses.syntax_units.dependency_span import (
    dependency_places,
    dependency_span,
    dependency_spans,
    span_scores,
)
from lstm_units.errors import ConfigurationError, UserError
from lstm_units.interventions.model_inputs import Compute, Context
from lstm_units.io.files import make_metadata
from lstm_units.stimuli.aligned_items import read_aligned_items
from lstm_units.stimuli.generation import generate

STRUCTURES = ("adv_conjunction", "nounpp", "subject_relative", "double_subject_relative")
CONTEXT = "The boys greet the girl . <eos>\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory, english):
    """Stimuli of four structures, 12 items per condition, and a context."""
    folder = tmp_path_factory.mktemp("span")
    for task in STRUCTURES:
        table = generate(english, task, 12, True, 1)
        write_stimuli(table, folder / f"{task}.parquet", make_metadata(stimuli_sha256=task))
    (folder / "context.txt").write_text(CONTEXT, encoding="utf-8")
    return folder


def dump_model(model, folder, name, tasks=STRUCTURES, layers="all", variable="cell"):
    """Dump the cells of a model on structures, and return the folder of each."""
    for task in tasks:
        write_activations(
            model,
            folder / f"{task}.parquet",
            Context(str(folder / "context.txt")),
            Compute("float32", "cpu"),
            [variable],
            layers,
            "float32",
            folder / name / task,
        )
    return {task: folder / name / task for task in tasks}


@pytest.fixture(scope="module")
def planted(folder, project):
    model = spanning_network(project / "stimuli" / "english", folder / "context.txt")
    model = replace(model, sha256="planted")
    return model, dump_model(model, folder, "planted")


def spans_of(dumps, folder, verb="neither"):
    return dependency_spans(
        [open_activations(path) for path in dumps.values()],
        [read_aligned_items(folder / f"{task}.parquet") for task in dumps],
        verb=verb,
    )


def scores_of(dumps, folder, verb="neither"):
    return spans_of(dumps, folder, verb).frame


def plain_auc(cell, inside, outside):
    """AUC of one unit over all items, from SciPy's U statistic; NaN behind the sentence's end."""
    groups = [cell[:, list(side)].ravel() for side in (inside, outside)]
    first, second = (group[~np.isnan(group)] for group in groups)
    return mannwhitneyu(first, second).statistic / (len(first) * len(second))


@pytest.mark.parametrize("verb", ["neither", "inside", "outside"])
@pytest.mark.parametrize("task", ["nounpp", "double_subject_relative"])
def test_auc_equals_the_u_statistic_over_all_items(folder, planted, task, verb):
    dump = open_activations(planted[1][task])
    items = read_aligned_items(folder / f"{task}.parquet")
    table = dependency_span(dump, items, verb=verb, block=5)
    assert table["unit"].tolist() == dump.units()
    at, end = items.subject_position, items.verb_position
    inside = range(at, end + (verb == "inside"))
    before, after = range(at), range(end + (verb != "outside"), dump.n_positions)
    cells = dump.read("cell", items=items.item)
    for row, cell in zip(table.itertuples(), np.moveaxis(cells, 2, 0), strict=True):
        assert row.auc == pytest.approx(plain_auc(cell, inside, [*before, *after]), abs=1e-12)
        assert row.auc_before == pytest.approx(plain_auc(cell, inside, before), abs=1e-12)
        assert row.auc_after == pytest.approx(plain_auc(cell, inside, after), abs=1e-12)


def test_items_that_begin_alike_count_each_and_to_the_end_of_its_sentence(folder, planted):
    task = "subject_relative"
    table = pq.read_table(folder / f"{task}.parquet")
    copies = np.arange(len(table)) % 5 + 1
    table = table.take(np.repeat(np.arange(len(table)), copies))
    number = np.concatenate([np.arange(n) for n in copies])
    objects = ("boy", "girl", "poet", "lawyer", "farmer")
    tokens = [
        [*words[:-2], objects[n], *words[-1:] * (row % 2)]  # with a full stop or without
        for row, (words, n) in enumerate(zip(table["tokens"].to_pylist(), number, strict=True))
    ]
    for name, values in (("tokens", tokens), ("item", np.arange(len(table)))):
        column = table.schema.get_field_index(name)
        kind = table.schema.field(column).type
        table = table.set_column(column, name, pa.array(values, kind))
    other = folder / "shorter"
    other.mkdir()
    write_stimuli(table, other / f"{task}.parquet", make_metadata(stimuli_sha256="x"))
    (other / "context.txt").write_text(CONTEXT, encoding="utf-8")
    dump = open_activations(dump_model(planted[0], other, "dumps", [task])[task])
    items = read_aligned_items(other / f"{task}.parquet")
    assert items.n_positions == dump.n_positions - 1
    cells = dump.read("cell", items=items.item)
    after = range(items.verb_position + 1, dump.n_positions)
    inside = range(items.subject_position, items.verb_position)
    found = dependency_span(dump, items)["auc_after"]
    expected = [plain_auc(cell, inside, after) for cell in np.moveaxis(cells, 2, 0)]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_dependency_ends_before_the_main_verb_not_before_an_embedded_one(folder):
    items = read_aligned_items(folder / "double_subject_relative.parquet")
    assert items.words[2] == items.words[6] == "that"
    assert dependency_places(items) == (1, 9)
    assert dependency_places(items, "inside") == (1, 10)
    assert dependency_places(items, "outside") == (1, 9)


@pytest.mark.parametrize("verb", ["neither", "outside"])
def test_planted_unit_spans_every_structure_perfectly_and_no_other_does(folder, planted, verb):
    table = scores_of(planted[1], folder, verb)
    best = table[table["unit"] == SPANNING]
    assert (best[["auc", "auc_before", "auc_after", "score"]] == 1).all().all()
    assert (best["sign"] == 1).all()
    rest = table[table["unit"] != SPANNING]
    assert rest["unit"].nunique() == sum(LAYER_SIZES) - 1
    assert rest["score"].max() < 0.9


def test_a_unit_that_closes_at_the_verb_is_not_perfect_if_the_verb_counts_as_inside(
    folder, planted
):
    table = scores_of(planted[1], folder, "inside")
    best = table[table["unit"] == SPANNING]
    assert (best["auc"] < 1).all()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_units_of_random_networks_do_not_span_the_dependency(folder, random_model, seed):
    tables = [pq.read_table(folder / f"{task}.parquet") for task in STRUCTURES]
    words = {w for t in tables for sentence in t["tokens"].to_pylist() for w in sentence}
    words |= {word for table in tables for word in table["wrong"].to_pylist()}
    model = random_model((30, 30), words=("<unk>", "<eos>", *sorted(words)), seed=seed)
    dumps = dump_model(model, folder, f"random{seed}")
    assert scores_of(dumps, folder)["score"].max() < 0.9


def row(unit, task, before, after):
    return {"unit": unit, "layer": 1, "task": task, "auc": 0.5} | {
        "auc_before": before,
        "auc_after": after,
    }


def test_score_is_the_worst_structure_and_side_with_one_sign():
    first = [row(1, "a", 1.0, 0.9), row(2, "a", 1.0, 1.0), row(3, "a", 0.0, 0.1)]
    second = [row(1, "b", 0.8, 0.95), row(2, "b", 0.0, 0.0), row(3, "b", 0.05, 0.2)]
    table = span_scores([pd.DataFrame(first), pd.DataFrame(second)])
    assert table["task"].astype(str).tolist() == ["a", "b"] * 3
    by_unit = table.drop_duplicates("unit").set_index("unit")
    # Unit 2 is perfect in both, but with different signs.
    assert by_unit["score"].to_dict() == {1: 0.8, 2: 0.0, 3: 0.8}
    assert by_unit["sign"].loc[[1, 3]].to_dict() == {1: 1, 3: -1}


def test_the_table_has_the_types_of_the_contract_and_names_structures_and_verb(folder, planted):
    result = spans_of(planted[1], folder)
    found = result.content
    assert {field.name: str(field.type) for field in found.schema} == {
        "unit": "int16",
        "layer": "int16",
        "task": "dictionary<values=large_string, indices=int8, ordered=0>",
        **dict.fromkeys(("auc", "auc_before", "auc_after", "score"), "float"),
        "sign": "int8",
    }
    assert found["unit"].to_pylist() == sorted([*range(1, sum(LAYER_SIZES) + 1)] * 4)
    np.testing.assert_array_equal(found["layer"], np.where(np.array(found["unit"]) <= 6, 1, 2))
    assert found["task"].to_pylist()[:4] == list(STRUCTURES)
    assert result.config == {"structures": list(STRUCTURES), "verb": "neither"}
    assert result.metadata["checkpoint_sha256"] == "planted"
    assert len(result.metadata["stimuli_sha256"]) == len(STRUCTURES)


def test_structures_without_words_on_both_sides_are_refused_by_name(folder):
    items = read_aligned_items(folder / "nounpp.parquet")
    for change, words in (
        ({"n_positions": items.verb_position + 1}, "end at the verb"),
        ({"subject_position": 0}, "the subject is the first word"),
        ({"verb_position": 1}, "does not follow the subject"),
    ):
        with pytest.raises(UserError, match=rf"nounpp is no structure to measure.*{words}"):
            dependency_places(replace(items, **change))
    with pytest.raises(UserError, match=r"verb is 'both'.*neither, inside, outside"):
        dependency_places(items, "both")


def test_activations_of_other_items_layers_or_models_are_refused(folder, planted):
    dump = open_activations(planted[1]["nounpp"])
    items = read_aligned_items(folder / "nounpp.parquet")
    with pytest.raises(UserError, match=r"holds other items of nounpp than its stimuli"):
        dependency_span(dump, items.subset(items.item < 24))
    with pytest.raises(ConfigurationError, match="no structure is named"):
        spans_of({}, folder)
    upper = dump_model(planted[0], folder, "upper", ["nounpp"], [2])
    with pytest.raises(UserError, match="nounpp and adv_conjunction hold other layers"):
        spans_of({**planted[1], **upper}, folder)
    other = dump_model(replace(planted[0], sha256="another"), folder, "changed", ["nounpp"])
    with pytest.raises(UserError, match="another checkpoint"):
        spans_of({**planted[1], **other}, folder)
    hidden = dump_model(planted[0], folder, "hidden", ["nounpp"], variable="hidden")
    with pytest.raises(UserError, match="but not cell"):
        spans_of(hidden, folder)
