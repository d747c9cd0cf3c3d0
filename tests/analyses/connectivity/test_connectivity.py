"""Afferent connections: against products by hand, planted connections, signs, and bad input."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from support.connected_network import (
    FOUND,
    INHIBITION,
    NUMBER_UNITS,
    OTHER_SYNTAX,
    PLURAL,
    SINGULAR,
    STAND_INS,
    SYNTAX,
    SYNTAX_FOUND,
    SYNTAX_MISSING,
    connected_network,
    shown_entry,
    unit_entry,
    write_files,
)
from support.number_network import flip_sign

from lstm_units.activations.reader import open_activations
from lstm_units.analyses.connectivity.afferents import (
    READINGS,
    SIGN_FREE,
    afferent_table,
    source_activity,
    source_layers,
    z_scores,
)
from lstm_units.analyses.connectivity.known_units import known_units, top_syntax_unit
from lstm_units.analyses.connectivity.verdicts import (
    mutual_inhibition,
    syntax_to_long_range,
    verdicts,
)
from lstm_units.errors import UserError
from lstm_units.models.variables import GATES
from lstm_units.stimuli.aligned_items import read_aligned_items
from lstm_units.stimuli.generation import generate
from lstm_units.stimuli.language_tables import read_language

SHOWN = {"units": FOUND}
SIZES = (5, 7, 6)
TARGETS = {3: "a", 8: "b", 12: "b", 15: "c"}  # units of all three layers
NUMBERS = {8: "singular", 9: "plural"}


@pytest.fixture(scope="module")
def language(project):
    return project / "stimuli" / "english"


@pytest.fixture(scope="module")
def words(language):
    """All words of the task, and those of its context."""
    table = generate(read_language(language), "nounpp", 12, True, 1)
    found = {word for tokens in table["tokens"].to_pylist() for word in tokens}
    found |= set(table["wrong"].to_pylist()) | {"The", "boy", "."}
    return ("<unk>", "<eos>", *sorted(found))


@pytest.fixture(scope="module")
def model(random_model, words):
    """Three random layers of different sizes."""
    return random_model(SIZES, words=words)


@pytest.fixture(scope="module")
def files(tmp_path_factory, model, language):
    variables = ("hidden", "cell")
    return write_files(tmp_path_factory.mktemp("random"), model, language, variables=variables)


@pytest.fixture(scope="module")
def dump(files):
    return open_activations(files.dump)


@pytest.fixture(scope="module")
def items(files):
    return read_aligned_items(files.stimuli)


def table_of(files, model, targets=TARGETS, numbers=NUMBERS):
    dump, items = open_activations(files.dump), read_aligned_items(files.stimuli)
    activity = source_activity(dump, items, source_layers(model.layer_sizes, list(targets)))
    return afferent_table(model, activity, targets, numbers)


@pytest.fixture(scope="module")
def table(files, model):
    return table_of(files, model)


# The activity of the sources


@pytest.mark.parametrize("block", [2, 128])
def test_activity_over_nodes_equals_that_over_items(dump, items, block):
    found = source_activity(dump, items, [1, 2, 3], block=block)
    hidden = dump.read("hidden", positions=range(items.verb_position)).astype(float)
    inside = hidden[:, items.subject_position :]
    expected = {"mean": inside.mean(axis=(0, 1)), "maximum": hidden.max(axis=(0, 1))}
    for number in ("singular", "plural"):
        expected[number] = inside[items.subject_number == number].mean(axis=(0, 1))
    flat = hidden.reshape(-1, hidden.shape[2])
    expected["largest"] = np.array([max(column, key=abs) for column in flat.T])
    assert found.index.tolist() == list(range(1, sum(SIZES) + 1))
    assert found["layer"].tolist() == [1] * 5 + [2] * 7 + [3] * 6
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-12, atol=1e-15)


def test_items_of_one_number_have_no_mean_for_the_other(dump, items):
    singular = replace(items, subject_number=np.full(len(items), "singular"))
    found = source_activity(dump, singular, [2])
    assert found["plural"].isna().all()
    np.testing.assert_array_equal(found["singular"], found["mean"])


def test_items_of_another_run_are_refused(dump, items):
    with pytest.raises(UserError, match="holds other items"):
        source_activity(dump, items.subset(np.arange(len(items) - 1)), [1])
    with pytest.raises(UserError, match="choose another task"):
        source_activity(dump, replace(items, subject_position=items.verb_position), [1])


def test_missing_layers_and_variables_are_named(tmp_path, model, language, items):
    upper = write_files(tmp_path / "upper", model, language, layers=[2, 3])
    with pytest.raises(UserError, match="does not hold layer 1"):
        source_activity(open_activations(upper.dump), items, [1, 2])
    cells = write_files(tmp_path / "cells", model, language, variables=["cell"])
    with pytest.raises(UserError, match="not hidden"):
        source_activity(open_activations(cells.dump), items, [1])


# Weights and inputs


def test_inputs_are_products_of_the_models_weights_and_activities(table, model, dump, items):
    hidden = dump.read("hidden", positions=range(items.verb_position)).astype(float)
    hidden = hidden[:, items.subject_position :].mean(axis=(0, 1))  # (units,)
    starts = np.cumsum([0, *SIZES])
    n_rows = 0
    for target in TARGETS:
        depth = int(np.searchsorted(starts, target, side="left")) - 1
        index = target - 1 - starts[depth]
        layer = model.layers[depth]
        recurrent = dict(zip(GATES, layer.weight_hh.chunk(4, dim=0), strict=True))
        below = dict(zip(GATES, layer.weight_ih.chunk(4, dim=0), strict=True))
        for gate in GATES:
            rows = table[(table["target"] == target) & (table["gate"] == gate)]
            weights = recurrent[gate][index].numpy()
            sources = np.arange(starts[depth], starts[depth + 1])
            if depth:
                weights = np.concatenate([below[gate][index].numpy(), weights])
                sources = np.arange(starts[depth - 1], starts[depth + 1])
            n_rows += len(rows)
            assert rows["source"].tolist() == (sources + 1).tolist()
            np.testing.assert_array_equal(rows["weight"], weights)
            np.testing.assert_array_equal(rows["input_raw"], weights)
            np.testing.assert_allclose(rows["input_mean"], weights * hidden[sources], rtol=1e-11)
            own = rows["source_layer"] == depth + 1
            assert rows.loc[own, "connection"].eq("recurrent").all()
            assert rows.loc[~own, "connection"].eq("from_below").all()
    assert len(table) == n_rows  # the first layer has no units below


def test_rows_are_sorted_and_no_layer_is_read_in_vain(table):
    order = table[["target", "gate", "source"]].assign(gate=table["gate"].map(GATES.index))
    pd.testing.assert_frame_equal(order, order.sort_values(list(order)), check_dtype=False)
    assert source_layers(SIZES, [3]) == [1]
    assert source_layers(SIZES, [15]) == [2, 3]
    assert source_layers(SIZES, []) == []


def test_the_preferred_mean_is_that_of_the_number_a_source_serves(table, dump, items):
    activity = source_activity(dump, items, [2])
    for source, number in NUMBERS.items():
        rows = table[table["source"] == source]
        assert rows["activity_preferred"].eq(activity.at[source, number]).all()
        np.testing.assert_array_equal(
            rows["input_preferred"], rows["weight"] * activity.at[source, number]
        )
    others = table[~table["source"].isin(NUMBERS)]
    assert others[["activity_preferred", "input_preferred"]].isna().to_numpy().all()


def test_z_ranks_and_outliers_are_among_the_sources_of_one_layer(table):
    groups = table.groupby(["target", "gate", "connection"])
    for _, rows in groups:
        for reading in READINGS:
            values = rows[f"input_{reading}"].to_numpy()
            np.testing.assert_allclose(rows[f"z_{reading}"], stats.zscore(values), atol=1e-12)
            ranks = 1 + (np.abs(values)[:, None] < np.abs(values)).sum(axis=1)
            assert rows[f"rank_{reading}"].tolist() == ranks.tolist()
            # So few sources cannot reach 3 SD.
            assert rows[f"z_{reading}"].abs().max() <= np.sqrt(len(rows) - 1) < 3
            assert not rows[f"outlier_{reading}"].any()
    assert len(groups) == 4 * (1 + 2 + 2 + 2)


def test_equal_values_have_no_z():
    assert np.isnan(z_scores(np.full(7, 0.1))).all()
    np.testing.assert_array_equal(z_scores(np.array([-1.0, 1.0])), [-1, 1])


def test_a_layer_without_activity_gives_no_rows(table, model, dump, items):
    activity = source_activity(dump, items, [2])
    found = afferent_table(model, activity, {8: "b"}, NUMBERS)
    expected = table[(table["target"] == 8) & (table["connection"] == "recurrent")]
    pd.testing.assert_frame_equal(found, expected.reset_index(drop=True))


def test_a_network_of_one_layer_has_no_connections_from_below(
    random_model, words, tmp_path, language
):
    model = random_model((9,), words=words)
    table = table_of(write_files(tmp_path, model, language), model, {4: "x"}, {})
    assert len(table) == 4 * 9
    assert table["connection"].eq("recurrent").all()


def test_without_targets_there_are_no_rows(files, model):
    table = table_of(files, model, {}, {})
    assert table.empty
    assert {"target", "z_mean", "input_preferred"} <= set(table.columns)


# Signs


@pytest.mark.parametrize("unit", [2, 8, 10])
def test_the_sign_of_a_source_changes_only_raw_and_maximum(table, model, language, tmp_path, unit):
    """Unit 8 is a target too, of number singular; 2 and 10 are sources of it only."""
    flipped = flip_sign(model, unit)
    other = table_of(write_files(tmp_path, flipped, language), flipped)
    candidate = ((table["target"] == unit) & (table["gate"] == "candidate")).to_numpy()
    for reading in (*SIGN_FREE, "preferred"):
        expected = table[f"input_{reading}"].where(~candidate, -table[f"input_{reading}"])
        np.testing.assert_allclose(other[f"input_{reading}"], expected, rtol=1e-9, atol=1e-12)
        if reading != "preferred":
            expected = table[f"z_{reading}"].where(~candidate, -table[f"z_{reading}"])
            np.testing.assert_allclose(other[f"z_{reading}"], expected, rtol=1e-9, atol=1e-9)
            assert other[f"rank_{reading}"].equals(table[f"rank_{reading}"])
    affected = (table["source"] == unit).to_numpy() & ~candidate
    assert affected.any()
    for reading in ("raw", "maximum"):
        assert not np.isclose(
            other.loc[affected, f"input_{reading}"], table.loc[affected, f"input_{reading}"]
        ).any()


# Planted connections


@pytest.fixture(scope="module")
def planted(tmp_path_factory, language):
    """A function from a change of the planted network to its table of afferents."""
    folder = tmp_path_factory.mktemp("planted")

    def build(name, change=lambda model: model, **options):
        model = change(connected_network(language, **options))
        targets = {unit: "long-range" for unit in NUMBER_UNITS}
        return table_of(write_files(folder / name, model, language), model, targets, NUMBER_UNITS)

    return build


@pytest.fixture(scope="module")
def driven(planted):
    return planted("driven")


def test_the_planted_connections_are_found_and_no_other(driven):
    gates = driven[driven["gate"].isin(["input_gate", "forget_gate"])]
    own = gates[gates["connection"] == "recurrent"]
    assert set(own.loc[own["outlier_mean"], "source"]) == {SYNTAX}
    assert own.loc[own["source"] == SYNTAX, "rank_mean"].eq(1).all()
    found = verdicts(driven, SHOWN, SYNTAX_FOUND, 3.0)
    assert {name: (v["met"], v["testable"]) for name, v in found.items()} == {
        name: (True, True) for name in ("gate_control", "scaling", "only_one", "mutual_inhibition")
    }
    assert all(found["scaling"]["by_reading"][reading] for reading in SIGN_FREE)
    assert found["only_one"]["others"] == []


def test_inhibition_is_a_positive_weight_times_negative_activity(driven):
    table = mutual_inhibition(driven, SHOWN)
    gates = table[table["gate"].isin(["input_gate", "forget_gate"])]
    assert len(gates) == 4
    assert gates["weight"].eq(INHIBITION).all()
    assert (gates["activity_preferred"] < -0.5).all()
    assert gates["negative"].all()
    assert table["target_found"].all() and table["source_found"].all()
    assert table["target_number"].ne(table["source_number"]).all()


def test_without_planted_connections_none_are_found(planted):
    for seed in (0, 1):
        found = verdicts(planted(f"not{seed}", driven=False, seed=seed), SHOWN, SYNTAX_FOUND, 3.0)
        assert found["gate_control"]["met"] is False
        assert found["gate_control"]["testable"]
        assert not any(found["scaling"]["by_reading"][reading] for reading in SIGN_FREE)
        assert found["mutual_inhibition"]["met"] is False


def test_raw_weights_depend_on_the_sign_and_no_verdict_rests_on_them(planted, driven):
    flipped = planted("raw", lambda model: flip_sign(model, SYNTAX))
    for table, met in ((driven, True), (flipped, False)):
        found = verdicts(table, SHOWN, SYNTAX_FOUND, 3.0)["scaling"]
        assert found["by_reading"]["raw"] is met
        assert found["met"] is True


def test_another_syntax_unit_counts_only_if_it_reaches_all_long_range_units(driven):
    def with_z(targets):
        table = driven.copy()
        rows = table["source"].eq(OTHER_SYNTAX) & table["target"].isin(targets)
        table.loc[rows & table["gate"].eq("forget_gate"), "z_mean"] = -3.5
        return verdicts(table, SHOWN, SYNTAX_FOUND, 3.0)["only_one"]

    assert with_z([SINGULAR])["met"] is True
    both = with_z([SINGULAR, PLURAL])
    assert both["met"] is False
    assert both["others"] == [OTHER_SYNTAX]


def test_a_gate_driven_in_one_long_range_unit_is_not_enough(driven):
    rows = driven["source"].eq(SYNTAX) & driven["target"].eq(PLURAL)
    weak = driven.copy()
    weak.loc[rows & driven["gate"].eq("input_gate"), "z_mean"] = -2.9
    found = verdicts(weak, SHOWN, SYNTAX_FOUND, 3.0)
    assert found["gate_control"]["met"] is False
    assert found["scaling"]["met"] is False  # the other readings still say yes


# What is tested, and what is not


def test_the_number_without_a_long_range_unit_is_named(driven):
    def reason(units):
        return verdicts(driven, {"units": units}, SYNTAX_FOUND, 3.0)["mutual_inhibition"]["reason"]

    assert reason(FOUND) is None
    assert reason([FOUND[0], STAND_INS[1]]) == "no long-range unit serves plural subjects alone"
    assert reason([FOUND[1]]) == "no long-range unit serves singular subjects alone"
    for units in (STAND_INS, [STAND_INS[0]], []):
        assert reason(units) == "no long-range unit serves one subject number alone"


def test_a_syntax_unit_that_is_a_long_range_unit_itself_is_not_tested(driven):
    syntax = {"units": [unit_entry(SINGULAR)], "top": unit_entry(SINGULAR), "nearest": None}
    found = verdicts(driven, SHOWN, syntax, 3.0)["gate_control"]
    assert found["met"] is None and not found["testable"]
    assert "itself a long-range unit" in found["reason"]


def test_stand_ins_are_measured_but_not_tested(driven):
    found = verdicts(driven, {"units": STAND_INS}, SYNTAX_FOUND, 3.0)
    assert found["gate_control"] == {
        "met": True,
        "testable": False,
        "reason": "no long-range unit was found",
    }
    assert not any(verdict["testable"] for verdict in found.values())
    found = verdicts(driven, SHOWN, SYNTAX_MISSING, 3.0)
    assert found["gate_control"]["reason"] == "no syntax unit was found"
    assert found["mutual_inhibition"]["testable"]


def test_a_stand_in_beside_a_found_unit_is_left_out(driven):
    units = [FOUND[0], STAND_INS[1]]
    weak = driven.copy()
    weak.loc[driven["target"].eq(PLURAL), "z_mean"] = 0.0
    found = verdicts(weak, {"units": units}, SYNTAX_FOUND, 3.0)
    assert found["gate_control"] == {"met": True, "testable": True, "reason": None}
    assert not found["only_one"]["testable"]
    assert not found["mutual_inhibition"]["testable"]


def test_without_units_there_is_nothing_to_test(driven):
    empty = driven.iloc[:0]
    found = verdicts(empty, {"units": []}, SYNTAX_FOUND, 3.0)
    assert all(v["met"] is None and not v["testable"] for v in found.values())
    found = verdicts(driven, SHOWN, {"units": [], "top": None, "nearest": None}, 3.0)
    assert found["gate_control"]["met"] is None
    assert found["mutual_inhibition"]["met"] is True


def test_a_syntax_unit_of_another_layer_is_not_connected(files, model):
    """Unit 2 of the first layer reaches no gate of the third."""
    table = table_of(files, model, {15: "long-range"}, {})
    shown = {"units": [shown_entry(15, "long-range", "plural", layer=3)]}
    syntax = {"units": [unit_entry(2, 1)], "top": unit_entry(2, 1), "nearest": None}
    rows = syntax_to_long_range(table, shown, syntax)
    assert rows["gate"].tolist() == list(GATES)
    assert rows["connection"].eq("none").all()
    assert rows["weight"].isna().all()
    verdict = verdicts(table, shown, syntax, 3.0)["gate_control"]
    assert verdict["met"] is False and not verdict["testable"]
    assert "neither in the layer" in verdict["reason"]


def test_known_units_have_all_their_kinds_and_other_roles_do_not_count():
    shown = {"units": [*FOUND, shown_entry(60, "named"), shown_entry(61, "syntax")]}
    syntax = {"units": [unit_entry(SINGULAR), unit_entry(SYNTAX)], "top": unit_entry(SYNTAX)}
    units = known_units(shown, syntax, {"units": [unit_entry(SYNTAX)]})
    assert list(units) == sorted([SINGULAR, PLURAL, SYNTAX])
    assert units[SINGULAR].kinds == ("long-range", "syntax")
    assert units[SINGULAR].name == f"{SINGULAR} long-range (singular), syntax"
    assert units[SYNTAX].kinds == ("syntax", "short-range")
    assert top_syntax_unit(syntax) == SYNTAX
    assert top_syntax_unit(SYNTAX_MISSING) == SYNTAX
    assert known_units({"units": []}, SYNTAX_MISSING)[SYNTAX].kinds == ("nearest syntax",)


def test_a_long_range_unit_from_which_depth_can_be_read_is_no_source_of_itself(driven):
    syntax = {"units": [unit_entry(SYNTAX), unit_entry(PLURAL)], "top": unit_entry(SYNTAX)}
    assert set(syntax_to_long_range(driven, SHOWN, syntax)["source"]) == {SYNTAX}
