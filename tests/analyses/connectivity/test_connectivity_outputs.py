"""The table, the summary and the graph of connections, and the files of all outputs."""

import networkx as nx
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from support.connected_network import (
    FOUND,
    NUMBER_UNITS,
    OTHER_SYNTAX,
    PLURAL,
    SINGULAR,
    STAND_INS,
    SYNTAX,
    SYNTAX_FOUND,
    SYNTAX_MISSING,
    shown_entry,
    unit_entry,
)

from lstm_units.analyses.connectivity.afferents import COLUMNS, READINGS
from lstm_units.analyses.connectivity.figure4 import figure4
from lstm_units.analyses.connectivity.graph import strong_connections, write_graph
from lstm_units.analyses.connectivity.summary import connectivity_summary
from lstm_units.analyses.connectivity.table import connection_rows, connectivity_table
from lstm_units.errors import ConfigurationError, UserError
from lstm_units.io.files import make_metadata
from lstm_units.io.results import Result
from lstm_units.models.variables import GATES

SHORT_RANGE = 50
NOTHING = {"units": [], "top": None, "nearest": None}


def lists_of(shown, syntax, short_range=()):
    contents = {"shown": {"units": list(shown)}, "syntax": syntax}
    contents["short_range"] = {"units": list(short_range)}
    return {name: Result(content) for name, content in contents.items()}


# The afferents


def test_the_afferents_have_the_columns_of_the_contract(planted_afferents):
    table, schema = planted_afferents.content, planted_afferents.content.schema
    assert schema.names == list(COLUMNS)
    for name in ("target", "source", "source_layer", *(f"rank_{r}" for r in READINGS)):
        assert schema.field(name).type == pa.int16()
    for name in ("target_kind", "gate", "connection"):
        assert isinstance(schema.field(name).type, pa.DictionaryType)
    assert table["activity_preferred"].null_count == len(table) - 4 * 2 * 5
    # The word before the verb of "The boy near the car greets" is the fifth.
    config = {"task": "nounpp", "threshold": 3.0, "dependency": [1, 4], "layers": [1, 2]}
    assert planted_afferents.config == config
    assert planted_afferents.metadata["layer_sizes"] == [40, 60]


def test_targets_are_all_units_of_interest_under_their_first_kind(planted_table):
    kinds = planted_table.drop_duplicates("target").set_index("target")["target_kind"]
    assert kinds.astype(str).to_dict() == {
        SINGULAR: "long-range",
        PLURAL: "long-range",
        SYNTAX: "syntax",
        OTHER_SYNTAX: "syntax",
        SHORT_RANGE: "short-range",
    }
    assert planted_table.groupby("target").size().eq(4 * 100).all()


def test_the_threshold_decides_what_is_an_outlier(planted_files):
    table = planted_files.afferents(1.0).frame
    for reading in READINGS:
        beyond = table[f"z_{reading}"].abs() > 1
        assert beyond.equals(table[f"outlier_{reading}"])
        assert 0 < beyond.sum() < len(table)
    with pytest.raises(ConfigurationError, match="the threshold is 0"):
        planted_files.afferents(0)


def test_what_comes_from_another_checkpoint_is_refused(planted_files, planted_afferents):
    other = Result({"units": []}, make_metadata(checkpoint_sha256="another"), "the other list")
    expected = pytest.raises(UserError, match="the other list was made from another checkpoint")
    for name in ("shown", "syntax", "short_range"):
        with expected:
            planted_files.afferents(**{name: other})
    shown = planted_files.lists["shown"]
    for output in (connectivity_table, connectivity_summary, figure4):
        with expected:
            output(planted_afferents, shown, other)
    with expected:
        strong_connections(planted_afferents, shown, None, other)


def test_lists_that_were_not_searched_are_empty_ones(planted_files):
    afferents = planted_files.afferents(syntax=None, short_range=None)
    assert set(afferents.frame["target_kind"].astype(str)) == {"long-range"}
    shown = planted_files.lists["shown"]
    assert connectivity_summary(afferents, shown, None).content["top_syntax_unit"] is None
    assert len(connectivity_table(afferents, shown, None).table) == 2 * 2 * 4
    assert len(strong_connections(afferents, shown, None, None)) >= 2
    assert len(figure4(afferents, shown, None)) == 2


# Tables and summary


def test_the_table_has_every_pair_and_gate_once(planted_table):
    shown = {"units": FOUND}
    found = connection_rows(planted_table, shown, SYNTAX_FOUND)
    pairs = [(t, s) for t in (SINGULAR, PLURAL) for s in (SINGULAR, PLURAL, SYNTAX, OTHER_SYNTAX)]
    assert list(zip(found["target"], found["source"], strict=True)) == [
        pair for pair in pairs for _ in GATES
    ]
    assert found["gate"].tolist() == list(GATES) * len(pairs)
    keys = ["target", "source", "gate"]
    expected = planted_table.astype({"gate": str}).set_index(keys)
    for name in ("weight", "input_mean", "z_raw", "rank_largest", "input_preferred"):
        np.testing.assert_array_equal(
            found.set_index(keys)[name].astype(float),
            expected.loc[pd.MultiIndex.from_frame(found[keys]), name].astype(float),
        )


def test_a_pair_without_a_connection_has_one_row(planted_table):
    syntax = {"units": [unit_entry(3, 1)], "top": unit_entry(3, 1), "nearest": None}
    shown = {"units": [shown_entry(7, "long-range", "singular", layer=1)]}
    to_singular = planted_table[planted_table["target"] == SINGULAR]
    lower = to_singular[to_singular["source"] <= 40].assign(target=7)
    upper = {"units": [unit_entry(SYNTAX)], "top": unit_entry(SYNTAX), "nearest": None}
    found = connection_rows(planted_table, {"units": FOUND}, syntax)
    assert found.loc[found["source"] == 3, "connection"].eq("from_below").all()
    found = connection_rows(lower, shown, upper)
    rows = found[found["source"] == SYNTAX]
    assert rows["connection"].tolist() == ["none"]
    assert rows["gate"].tolist() == [""]
    assert rows["weight"].isna().all()


def test_the_printed_table_has_few_digits_and_says_what_they_are(planted_files, planted_afferents):
    lists = planted_files.lists
    found = connectivity_table(planted_afferents, lists["shown"], lists["syntax"])
    rows, printed = found.table, found.printed
    here = (rows["target"] == SINGULAR) & (rows["source"] == SYNTAX)
    here &= rows["gate"] == "forget_gate"
    assert printed.loc[here, "z mean (rank)"].tolist() == [
        f"{rows.loc[here, 'z_mean'].item():.1f} (1)"
    ]
    legend = " ".join(found.legend)
    assert "positions 1 to 4" in legend
    assert "rank: rank by size of the input" in legend
    assert "Stands in" not in legend


def test_the_summary_says_what_is_planted(planted_files, planted_afferents):
    lists = planted_files.lists
    found = connectivity_summary(planted_afferents, lists["shown"], lists["syntax"]).content
    assert found["top_syntax_unit"] == SYNTAX
    assert {name: v["met"] for name, v in found["verdicts"].items()} == {
        name: True for name in ("gate_control", "scaling", "only_one", "mutual_inhibition")
    }
    assert found["summary"].startswith(f"From the syntax unit {SYNTAX} to the long-range unit")
    assert "It opens the forget gate and shuts the input gate" in found["summary"]
    assert "inhibit each other's" in found["summary"]
    assert "not tested" not in found["summary"]
    assert [unit["unit"] for unit in found["units"]] == [SINGULAR, SYNTAX, PLURAL, OTHER_SYNTAX]


def test_stand_ins_are_marked_and_not_tested(planted_files):
    lists = lists_of(STAND_INS, SYNTAX_MISSING)
    afferents = planted_files.afferents(**lists)
    shown, syntax, _ = lists.values()
    summary = connectivity_summary(afferents, shown, syntax).content["summary"]
    assert f"From unit {SYNTAX} (no syntax unit) to unit {SINGULAR} (no long-range unit)" in summary
    assert summary.count("not tested") == 2
    found = connectivity_table(afferents, shown, syntax)
    assert f"{SINGULAR}*" in found.printed["target"].tolist()
    assert f"{SYNTAX}*" in found.printed["source"].tolist()
    assert found.legend[-1].startswith("* Stands in where no unit was found")


def test_without_units_every_output_says_so(planted_files):
    lists = lists_of([], NOTHING)
    afferents = planted_files.afferents(**lists)
    shown, syntax, short_range = lists.values()
    assert afferents.content.num_rows == 0 and afferents.content.schema.names == list(COLUMNS)
    assert "not tested" in " ".join(connectivity_table(afferents, shown, syntax).legend)
    summary = connectivity_summary(afferents, shown, syntax).content
    assert summary["verdicts"]["gate_control"]["met"] is None
    for figure in figure4(afferents, shown, syntax):
        (text,) = figure.content.texts
        assert text.get_text().startswith("No long-range unit was found")
    assert len(strong_connections(afferents, shown, syntax, short_range)) == 0


# The graph


def test_the_graph_has_the_planted_connections_and_reads_back_the_same(
    planted_files, planted_afferents, tmp_path
):
    path = tmp_path / "graph.graphml"
    made = strong_connections(planted_afferents, **planted_files.lists)
    write_graph(made, path)
    graph = nx.read_graphml(path, force_multigraph=True)
    strong = planted_afferents.frame[planted_afferents.frame["outlier_mean"]]
    assert graph.is_directed()
    assert graph.number_of_edges() == len(strong) > 0
    known = {SINGULAR, PLURAL, SYNTAX, OTHER_SYNTAX, SHORT_RANGE}
    assert {int(node) for node in graph} == known | set(strong["source"])
    assert graph.nodes[str(SINGULAR)] == {
        "unit": SINGULAR,
        "layer": 2,
        "kinds": "long-range",
        "name": f"{SINGULAR} long-range (singular)",
        "label": str(SINGULAR),
    }
    assert graph.nodes[str(SHORT_RANGE)]["kinds"] == "short-range"
    for gate, sign in (("input_gate", -1), ("forget_gate", 1)):
        for target in NUMBER_UNITS:
            edge = graph.edges[str(SYNTAX), str(target), f"{SYNTAX}-{target}-{gate}"]
            of_edge = strong["target"].eq(target) & strong["source"].eq(SYNTAX)
            row = strong[of_edge & strong["gate"].eq(gate)].iloc[0]
            assert edge["gate"] == gate
            assert edge["z"] == row["z_mean"]
            assert np.sign(edge["z"]) == sign
            assert edge["strength"] == abs(edge["z"])
            assert edge["connection_weight"] == row["weight"]
            assert edge["effective_input"] == row["input_mean"]
    assert graph.graph["threshold"] == 3.0
    assert graph.graph["task"] == "nounpp"
    assert dict(graph.nodes(data=True)) == dict(made.nodes(data=True))
    assert list(graph) == sorted(graph, key=int)
    edges = {key: data for *_, key, data in graph.edges(keys=True, data=True)}
    for *_, key, data in made.edges(keys=True, data=True):
        assert {name: edges[key][name] for name in data} == data


def test_a_graph_is_written_whole_or_not_at_all(tmp_path):
    graph = nx.MultiDiGraph()
    graph.add_node("1", bad=[1, 2])
    with pytest.raises(nx.NetworkXError):
        write_graph(graph, tmp_path / "graph.graphml")
    assert list(tmp_path.iterdir()) == []
