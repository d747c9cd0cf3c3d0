"""Connectivity where some layers were not dumped: what is left out, and that all outputs say so."""

from dataclasses import replace

import networkx as nx
import pandas as pd
import pytest
from matplotlib.text import Text
from support.connected_network import (
    FOUND,
    OTHER_SYNTAX,
    PLURAL,
    SINGULAR,
    STAND_INS,
    SYNTAX,
    SYNTAX_FOUND,
    connected_network,
    shown_entry,
    unit_entry,
    write_files,
)
from support.made_files import write_activations

from lstm_units.analyses.connectivity.afferents import COLUMNS
from lstm_units.analyses.connectivity.figure import afferents_figure
from lstm_units.analyses.connectivity.known_units import known_units
from lstm_units.analyses.connectivity.mutual_figure import mutual_connections_figure
from lstm_units.analyses.connectivity.table import (
    connectivity_table,
    write_connectivity_summary,
    write_connectivity_table,
)
from lstm_units.analyses.connectivity.verdicts import verdicts
from lstm_units.analyses.connectivity.write_afferents import write_afferents
from lstm_units.analyses.connectivity.write_figure4 import write_figure4
from lstm_units.analyses.connectivity.write_graph import write_connectivity_graph
from lstm_units.errors import ConfigurationError
from lstm_units.interventions.model_inputs import Compute, Context
from lstm_units.io.files import read_json, read_metadata

SHORT_RANGE = 50
SHOWN = {"units": FOUND}


@pytest.fixture(scope="module")
def files(tmp_path_factory, project):
    """The planted network with its lists of units, and all its layers dumped."""
    folder = tmp_path_factory.mktemp("connectivity")
    language = project / "stimuli" / "english"
    (folder / "context.txt").write_text("The boy .\n", encoding="utf-8")
    model = connected_network(language, folder / "context.txt")
    return write_files(folder, model, language, short_range=[unit_entry(SHORT_RANGE)])


@pytest.fixture(scope="module")
def table(files):
    output = files.folder / "connectivity" / "afferents.parquet"
    write_afferents(*files.arguments, 3.0, output)
    return pd.read_parquet(output)


def texts(figure):
    return [t for t in figure.findobj(Text) if t.get_text().strip() and t.get_visible()]


def write_all(files, folder, layers):
    """Dump some layers only, and write every output; give them and the rows of afferents."""
    dump = folder / "activations" / "nounpp"
    context = Context(str(files.folder / "context.txt"))
    write_activations(
        *(files.checkpoint, files.stimuli, context, Compute("float64", "cpu")),
        *(("hidden",), layers, "float64", dump),
    )
    names = ("a.parquet", "t.csv", "t.md", "s.json", "g.graphml", "fig4a.png", "fig4b.png")
    outputs = {name: folder / name for name in names}
    afferents, shown, syntax = outputs["a.parquet"], files.shown, files.syntax
    write_afferents(*replace(files, dump=dump).arguments, 3.0, afferents)
    write_connectivity_table(afferents, shown, syntax, [outputs["t.csv"], outputs["t.md"]])
    write_connectivity_summary(afferents, shown, syntax, outputs["s.json"])
    write_connectivity_graph(afferents, shown, syntax, files.short_range, outputs["g.graphml"])
    write_figure4(afferents, shown, syntax, [outputs["fig4a.png"]], [outputs["fig4b.png"]])
    assert all(path.stat().st_size > 0 for path in outputs.values())
    assert read_metadata(afferents)["config"]["layers"] == layers
    return outputs, pd.read_parquet(afferents)


def test_without_the_layer_below_all_other_rows_are_the_same(files, table, tmp_path, caplog):
    with caplog.at_level("INFO", logger="lstm_units"):
        outputs, found = write_all(files, tmp_path, [2])
    said = "activations.layers leaves out layer 1: nothing from there is measured"
    assert f"connectivity: {said}." in caplog.text
    expected = table[table["connection"] == "recurrent"].reset_index(drop=True)
    pd.testing.assert_frame_equal(
        found.astype({"connection": str, "gate": str, "target_kind": str}),
        expected.astype({"connection": str, "gate": str, "target_kind": str}),
    )
    assert said in outputs["t.md"].read_text()
    summary = read_json(outputs["s.json"])
    assert said in summary["summary"]
    assert summary["layers"] == [2]
    assert all(v["met"] and v["testable"] for v in summary["verdicts"].values())
    graph = nx.read_graphml(outputs["g.graphml"], force_multigraph=True)
    assert graph.graph["left_out"] == f"{said}."
    assert graph.number_of_edges() == expected["outlier_mean"].sum() > 0


def test_without_the_layer_of_the_units_every_output_says_why(files, tmp_path, caplog):
    with caplog.at_level("INFO", logger="lstm_units"):
        outputs, found = write_all(files, tmp_path, [1])
    said = (
        "activations.layers leaves out layer 2: nothing from there is measured, and units "
        f"{SINGULAR} (long-range), {{}}{SYNTAX} (syntax), {PLURAL} (long-range), {OTHER_SYNTAX} "
        "(syntax) are left out."
    )
    with_short_range = said.format(f"{SHORT_RANGE} (short-range), ")
    assert f"connectivity: {with_short_range}" in caplog.text
    assert "no unit is left" in caplog.text
    assert len(found) == 0 and found.columns.tolist() == list(COLUMNS)
    assert len(pd.read_csv(outputs["t.csv"])) == 0
    assert said.format("") in outputs["t.md"].read_text()
    summary = read_json(outputs["s.json"])
    assert said.format("") in summary["summary"]
    assert summary["summary"].count("is not tested: unit") == 2
    assert not any(unit["measured"] for unit in summary["units"])
    assert not any(v["testable"] for v in summary["verdicts"].values())
    graph = nx.read_graphml(outputs["g.graphml"])
    assert len(graph) == 0
    assert graph.graph["left_out"] == with_short_range


def test_a_long_range_unit_that_was_not_dumped_is_named_in_both_figures(table):
    shown = [*FOUND, shown_entry(5, "long-range", "plural", layer=1)]
    units = known_units({"units": shown}, SYNTAX_FOUND)
    long_range = [known for known in units.values() if known.long_range]
    upper = table[table["source_layer"] == 2]
    mutual = mutual_connections_figure(upper, long_range, [2])
    found = [text.get_text() for text in texts(mutual)]
    assert len([text for text in found if "\ne " in text and text.startswith("W ")]) == 16
    assert any(text.endswith("\nunit 5: in layer 1, not drawn") for text in found)
    marks = afferents_figure(upper, units, SYNTAX, 3.0, [2])
    assert len([axis for axis in marks.axes if axis.get_ylabel()]) == 8
    legend = [text.get_text() for text in marks.legends[0].get_texts()]
    assert "long-range unit 5: in layer 1, not drawn" in legend


def test_a_stand_in_that_was_not_dumped_is_not_called_a_unit_of_its_kind(table):
    shown = [*FOUND, shown_entry(5, "nearest", "plural", layer=1)]
    syntax = {"units": [], "top": None, "nearest": unit_entry(3, 1)}
    figure = afferents_figure(table, known_units({"units": shown}, syntax), 3, 3.0, [2])
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "unit 3 (no syntax unit): in layer 1, not drawn" in legend
    assert "unit 5 (no long-range unit): in layer 1, not drawn" in legend
    width, _ = figure.get_size_inches()
    box = figure.get_tightbbox(figure.canvas.get_renderer())
    assert box.x0 >= 0 and box.x1 <= width


def test_the_table_does_not_call_units_that_were_not_dumped_unconnected(table):
    syntax = {"units": [unit_entry(3, 1), unit_entry(SYNTAX)], "top": unit_entry(3, 1)}
    upper = table[table["source_layer"] == 2]
    found = connectivity_table(upper, SHOWN, syntax, [2])
    assert set(found["source"]) == {SINGULAR, PLURAL, SYNTAX}
    assert found["connection"].eq("recurrent").all()
    whole = connectivity_table(table, SHOWN, syntax)
    assert set(whole["source"]) == {3, SINGULAR, PLURAL, SYNTAX}


def test_the_empty_figures_give_the_reason(table):
    for units, layers, reason in (
        ([], [1, 2], "No long-range unit was found"),
        (list(known_units({"units": FOUND}, {"units": []}).values()), [1], "leaves out layer 2"),
    ):
        by_unit = {known.unit: known for known in units}
        for figure in (
            mutual_connections_figure(table, units, layers),
            afferents_figure(table, by_unit, None, 3.0, layers),
        ):
            (text,) = texts(figure)
            assert reason in text.get_text().replace("\n", " ")
            box = text.get_window_extent(figure.canvas.get_renderer())
            assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1
            assert figure.bbox.y0 <= box.y0 and box.y1 <= figure.bbox.y1


def test_a_dump_without_the_hidden_state_is_refused_whatever_the_units(files, tmp_path):
    dump = tmp_path / "activations" / "nounpp"
    context = Context(str(files.folder / "context.txt"))
    write_activations(
        *(files.checkpoint, files.stimuli, context, Compute("float64", "cpu")),
        *(("cell",), [1], "float64", dump),
    )
    with pytest.raises(ConfigurationError, match=r"not hidden.*activations\.variables"):
        write_afferents(*replace(files, dump=dump).arguments, 3.0, tmp_path / "a.parquet")


def test_what_is_about_a_layer_that_was_not_dumped_is_not_tested(table):
    lower = {"units": [unit_entry(3, 1)], "top": unit_entry(3, 1), "nearest": None}
    upper = table[table["source_layer"] == 2]
    found = verdicts(upper, SHOWN, lower, 3.0, [2])
    assert found["gate_control"] == {
        "met": None,
        "testable": False,
        "reason": "unit 3 is in layer 1, which activations.layers leaves out",
    }
    assert found["mutual_inhibition"] == {"met": True, "testable": True, "reason": None}
    # A second syntax unit: the first is still tested, but not that it is the only one.
    both = {**SYNTAX_FOUND, "units": [*SYNTAX_FOUND["units"], unit_entry(3, 1)]}
    found = verdicts(upper, SHOWN, both, 3.0, [2])
    assert found["gate_control"]["met"] and found["gate_control"]["testable"]
    assert not found["only_one"]["testable"]
    assert "unit 3 is in layer 1" in found["only_one"]["reason"]
    # Without any long-range unit that is the reason, whatever was dumped.
    found = verdicts(table.iloc[:0], {"units": STAND_INS}, SYNTAX_FOUND, 3.0, [1])
    assert found["gate_control"]["reason"] == "no long-range unit was found"
    found = verdicts(table.iloc[:0], SHOWN, SYNTAX_FOUND, 3.0, [1])
    for name in ("gate_control", "mutual_inhibition"):
        assert found[name]["met"] is None and not found[name]["testable"]
        assert f"unit {SINGULAR} is in layer 2" in found[name]["reason"]
