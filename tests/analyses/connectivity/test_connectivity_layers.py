"""Connectivity where some layers were not dumped: what is left out, and that all outputs say so."""

from types import SimpleNamespace

import pandas as pd
import pytest
from support.connected_network import (
    FOUND,
    OTHER_SYNTAX,
    PLURAL,
    SINGULAR,
    STAND_INS,
    SYNTAX,
    SYNTAX_FOUND,
    unit_entry,
)
from support.made_files import write_activations

from lstm_units.activations.reader import open_activations
from lstm_units.analyses.connectivity.afferents import COLUMNS
from lstm_units.analyses.connectivity.graph import strong_connections
from lstm_units.analyses.connectivity.summary import connectivity_summary
from lstm_units.analyses.connectivity.table import connection_rows, connectivity_table
from lstm_units.analyses.connectivity.verdicts import verdicts
from lstm_units.errors import UserError
from lstm_units.interventions.model_inputs import Compute, Context

SHORT_RANGE = 50
SHOWN = {"units": FOUND}


def dump_some(files, folder, variables, layers):
    dump = folder / "activations" / "nounpp"
    context = Context(str(files.folder / "context.txt"))
    write_activations(
        *(files.checkpoint, files.stimuli, context, Compute("float64", "cpu")),
        *(variables, layers, "float64", dump),
    )
    return open_activations(dump)


def outputs_of(files, folder, layers):
    """Dump some layers only, and make every output but the figures."""
    afferents = files.afferents(dump=dump_some(files, folder, ("hidden",), layers))
    assert afferents.config["layers"] == layers
    shown, syntax, _ = files.lists.values()
    return SimpleNamespace(
        rows=afferents.frame,
        table=connectivity_table(afferents, shown, syntax),
        summary=connectivity_summary(afferents, shown, syntax).content,
        graph=strong_connections(afferents, **files.lists),
    )


def test_without_the_layer_below_all_other_rows_are_the_same(
    planted_files, planted_table, tmp_path, caplog
):
    with caplog.at_level("INFO", logger="lstm_units"):
        found = outputs_of(planted_files, tmp_path, [2])
    said = "he activations of layer 1 were not dumped: nothing from there is measured."
    assert f"t{said}" in caplog.text
    below = planted_table["connection"] == "from_below"
    words = dict.fromkeys(("connection", "gate", "target_kind"), str)
    pd.testing.assert_frame_equal(
        found.rows.astype(words), planted_table[~below].reset_index(drop=True).astype(words)
    )
    assert f"T{said}" in found.table.legend
    assert f"T{said}" in found.summary["summary"]
    assert found.summary["layers"] == [2]
    assert all(v["met"] and v["testable"] for v in found.summary["verdicts"].values())
    assert found.graph.graph["left_out"] == f"T{said}"
    assert found.graph.number_of_edges() == planted_table["outlier_mean"][~below].sum() > 0


def test_without_the_layer_of_the_units_every_output_says_why(planted_files, tmp_path, caplog):
    with caplog.at_level("INFO", logger="lstm_units"):
        found = outputs_of(planted_files, tmp_path, [1])
    said = (
        "he activations of layer 2 were not dumped: nothing from there is measured, and units "
        f"{SINGULAR} (long-range), {{}}{SYNTAX} (syntax), {PLURAL} (long-range), {OTHER_SYNTAX} "
        "(syntax) are left out."
    )
    with_short_range = said.format(f"{SHORT_RANGE} (short-range), ")
    assert f"t{with_short_range}" in caplog.text
    assert "no unit is left" in caplog.text
    assert len(found.rows) == 0 and found.rows.columns.tolist() == list(COLUMNS)
    assert len(found.table.table) == 0
    assert "T" + said.format("") in found.table.legend
    assert "T" + said.format("") in found.summary["summary"]
    assert found.summary["summary"].count("is not tested: unit") == 2
    assert not any(unit["measured"] for unit in found.summary["units"])
    assert not any(v["testable"] for v in found.summary["verdicts"].values())
    assert len(found.graph) == 0
    assert found.graph.graph["left_out"] == f"T{with_short_range}"


def test_the_table_does_not_call_units_that_were_not_dumped_unconnected(planted_table):
    syntax = {"units": [unit_entry(3, 1), unit_entry(SYNTAX)], "top": unit_entry(3, 1)}
    upper = planted_table[planted_table["source_layer"] == 2]
    found = connection_rows(upper, SHOWN, syntax, [2])
    assert set(found["source"]) == {SINGULAR, PLURAL, SYNTAX}
    assert found["connection"].eq("recurrent").all()
    whole = connection_rows(planted_table, SHOWN, syntax)
    assert set(whole["source"]) == {3, SINGULAR, PLURAL, SYNTAX}


def test_a_dump_without_the_hidden_state_is_refused_whatever_the_units(planted_files, tmp_path):
    dump = dump_some(planted_files, tmp_path, ("cell",), [1])
    with pytest.raises(UserError, match="not hidden"):
        planted_files.afferents(dump=dump)


def test_what_is_about_a_layer_that_was_not_dumped_is_not_tested(planted_table):
    lower = {"units": [unit_entry(3, 1)], "top": unit_entry(3, 1), "nearest": None}
    upper = planted_table[planted_table["source_layer"] == 2]
    found = verdicts(upper, SHOWN, lower, 3.0, [2])
    assert found["gate_control"] == {
        "met": None,
        "testable": False,
        "reason": "unit 3 is in layer 1, whose activations were not dumped",
    }
    assert found["mutual_inhibition"] == {"met": True, "testable": True, "reason": None}
    # A second syntax unit: the first is still tested, but not that it is the only one.
    both = {**SYNTAX_FOUND, "units": [*SYNTAX_FOUND["units"], unit_entry(3, 1)]}
    found = verdicts(upper, SHOWN, both, 3.0, [2])
    assert found["gate_control"]["met"] and found["gate_control"]["testable"]
    assert not found["only_one"]["testable"]
    assert "unit 3 is in layer 1" in found["only_one"]["reason"]
    # Without any long-range unit that is the reason, whatever was dumped.
    found = verdicts(planted_table.iloc[:0], {"units": STAND_INS}, SYNTAX_FOUND, 3.0, [1])
    assert found["gate_control"]["reason"] == "no long-range unit was found"
    found = verdicts(planted_table.iloc[:0], SHOWN, SYNTAX_FOUND, 3.0, [1])
    for name in ("gate_control", "mutual_inhibition"):
        assert found[name]["met"] is None and not found[name]["testable"]
        assert f"unit {SINGULAR} is in layer 2" in found[name]["reason"]
