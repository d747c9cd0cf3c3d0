"""Dynamics: the fast table over nodes against brute force over items, and what it refuses."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from support.made_files import write_activations, write_stimuli

from lstm_units.activations.reader import VARIABLES, open_activations
from lstm_units.analyses.dynamics.time_courses import dynamics_table, time_courses
from lstm_units.errors import ConfigurationError, UserError
from lstm_units.interventions.model_inputs import Compute, Context
from lstm_units.io.files import make_metadata, read_metadata, write_parquet
from lstm_units.io.results import read_result
from lstm_units.stimuli.aligned_items import read_aligned_items
from lstm_units.stimuli.generation import generate

SIZES = (5, 7)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, english, random_model):
    """Stimuli, dump and answers of a random model of 12 units on 120 items."""
    folder = tmp_path_factory.mktemp("dynamics")
    table = generate(english, "nounpp", 30, True, 1)
    write_stimuli(table, folder / "nounpp.parquet", make_metadata(stimuli_sha256="s"))
    words = sorted({word for tokens in table["tokens"].to_pylist() for word in tokens})
    words += sorted(set(table["wrong"].to_pylist()) - set(words))
    model = random_model(SIZES, words=("<unk>", "<eos>", *words))
    (folder / "context.txt").write_text("The boy .\n", encoding="utf-8")
    write_activations(
        model,
        folder / "nounpp.parquet",
        Context(str(folder / "context.txt")),
        Compute("float64", "cpu"),
        VARIABLES,
        "all",
        "float64",
        folder / "activations" / "nounpp",
    )
    answers = pa.table(
        {
            "item": table["item"],
            "condition": table["condition"],
            "right": pa.array(np.arange(len(table)) % 3 > 0),
        }
    )
    metadata = read_metadata(folder / "activations" / "nounpp" / "index.parquet")
    write_parquet(answers, folder / "intact.parquet", metadata)
    return folder


@pytest.fixture(scope="module")
def dump(folder):
    return open_activations(folder / "activations" / "nounpp")


@pytest.fixture(scope="module")
def items(folder):
    return read_aligned_items(folder / "nounpp.parquet")


def brute_force(dump, items, kept):
    """Every cell of the table from the values of every item."""
    rows = []
    for variable in dump.variables:
        values = dump.read(variable)  # (items, positions, units)
        for place, unit in enumerate(dump.units()):
            for position in range(dump.n_positions):
                for condition in ("SS", "SP", "PS", "PP"):
                    chosen = values[(items.condition == condition) & kept, position, place]
                    chosen = chosen[~np.isnan(chosen)]
                    rows.append(
                        {
                            "unit": unit,
                            "layer": 1 if unit <= SIZES[0] else 2,
                            "variable": variable,
                            "position": position,
                            "condition": condition,
                            "n": len(chosen),
                            "mean": chosen.mean() if len(chosen) else np.nan,
                            "sd": chosen.std(ddof=1) if len(chosen) > 1 else np.nan,
                        }
                    )
    keys = ["unit", "variable", "position", "condition"]
    return pd.DataFrame(rows).set_index(keys)


def compare(table, expected):
    table = table.assign(
        variable=table["variable"].astype(str), condition=table["condition"].astype(str)
    ).set_index(["unit", "variable", "position", "condition"])
    assert table.index.is_unique
    assert len(table) == len(expected)
    table = table.loc[expected.index]
    np.testing.assert_array_equal(table[["layer", "n"]], expected[["layer", "n"]])
    np.testing.assert_allclose(table["mean"], expected["mean"], atol=1e-12)
    np.testing.assert_allclose(table["sd"], expected["sd"], atol=1e-12)


@pytest.mark.parametrize("block", [1, 3, 64])
@pytest.mark.parametrize("keep", ["all", "some", "one", "none of PS"])
def test_moments_over_nodes_equal_those_over_items(dump, items, keep, block):
    kept = {
        "all": np.ones(len(items), bool),
        "some": np.random.default_rng(0).random(len(items)) < 0.4,
        "one": np.arange(len(items)) == 17,
        "none of PS": items.condition != "PS",
    }[keep]
    table = dynamics_table(dump, items, None if keep == "all" else kept, block=block)
    compare(table, brute_force(dump, items, kept))


def test_a_condition_without_items_is_empty_and_stays(dump, items):
    table = dynamics_table(dump, items, items.condition != "PS")
    rows = table[table["condition"] == "PS"]
    assert len(rows) == len(table) // 4
    assert (rows["n"] == 0).all()
    assert rows[["mean", "sd"]].isna().all().all()
    nothing = dynamics_table(dump, items, np.zeros(len(items), bool))
    assert nothing["mean"].isna().all()
    assert len(nothing) == len(table)


def test_equal_values_have_no_spread_at_all(dump, items):
    table = dynamics_table(dump, items)
    first = table[table["position"] == 0]  # "The" after the same context
    assert (first["sd"] == 0).all()
    assert (table.loc[table["position"] == 1, "sd"] > 0).all()


def test_rows_are_sorted_and_blocks_leave_no_trace(dump, items):
    table = dynamics_table(dump, items, block=2)
    pd.testing.assert_frame_equal(table, dynamics_table(dump, items, block=64))
    assert list(table["condition"].cat.categories) == ["SS", "SP", "PS", "PP"]
    codes = [
        table["unit"],
        table["variable"].cat.codes,
        table["position"],
        table["condition"].cat.codes,
    ]
    order = np.lexsort([np.asarray(code) for code in reversed(codes)])
    assert (order == np.arange(len(table))).all()


def test_items_of_another_run_are_refused(dump, items):
    with pytest.raises(UserError, match=r"activations/nounpp holds other items"):
        dynamics_table(dump, items.subset(np.arange(len(items)) > 0))
    turned = replace(items, condition=items.condition[::-1])
    with pytest.raises(UserError, match="other items"):
        dynamics_table(dump, turned)
    with pytest.raises(UserError, match="120 items, but 3 answers"):
        dynamics_table(dump, items, np.ones(3, bool))


@pytest.mark.parametrize("which", ["right", "all"])
def test_time_courses_have_the_types_of_the_contract(folder, dump, items, which):
    found = time_courses(dump, items, read_result(folder / "intact.parquet"), answers=which)
    schema = found.content.schema
    assert schema.names == [
        *("unit", "layer", "variable", "position", "condition", "n", "mean", "sd")
    ]
    assert (schema.field("unit").type, schema.field("mean").type) == (pa.int16(), pa.float32())
    assert isinstance(schema.field("variable").type, pa.DictionaryType)
    assert found.content["mean"].null_count == 0  # not-a-number stays a number
    assert found.config == {"items": which}
    assert found.metadata["stimuli_sha256"] == dump.metadata["stimuli_sha256"]
    kept = np.arange(len(items)) % 3 > 0 if which == "right" else np.ones(len(items), bool)
    table = found.frame.set_index(["unit", "variable", "position", "condition"])["mean"]
    expected = brute_force(dump, items, kept)["mean"]
    np.testing.assert_allclose(table.loc[expected.index], expected, rtol=1e-5, atol=1e-6)


def test_answers_of_another_model_are_refused(folder, dump, items):
    intact = read_result(folder / "intact.parquet")
    other = replace(intact, metadata=make_metadata(checkpoint_sha256="x"))
    with pytest.raises(UserError, match="another checkpoint than"):
        time_courses(dump, items, other, answers="right")
    with pytest.raises(UserError, match="other stimuli than"):
        time_courses(dump, items, replace(intact, content=intact.content[1:]), answers="right")
    with pytest.raises(ConfigurationError, match="'rihgt' are unknown"):
        time_courses(dump, items, intact, answers="rihgt")
