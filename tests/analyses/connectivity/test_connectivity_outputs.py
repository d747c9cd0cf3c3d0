"""Files, tables, figures and the graph of connectivity."""

import hashlib
import itertools
import os
import subprocess
import sys
from dataclasses import replace

import networkx as nx
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from matplotlib.text import Text
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
    connected_network,
    rewrite_units,
    shown_entry,
    unit_entry,
    write_files,
)

from lstm_units.analyses.connectivity.afferents import COLUMNS, READINGS
from lstm_units.analyses.connectivity.figure import afferents_figure
from lstm_units.analyses.connectivity.graph import connection_graph, write_graph
from lstm_units.analyses.connectivity.known_units import known_units
from lstm_units.analyses.connectivity.mutual_figure import mutual_connections_figure
from lstm_units.analyses.connectivity.table import (
    connectivity_table,
    write_connectivity_summary,
    write_connectivity_table,
)
from lstm_units.analyses.connectivity.write_afferents import write_afferents
from lstm_units.analyses.connectivity.write_figure4 import write_figure4
from lstm_units.analyses.connectivity.write_graph import write_connectivity_graph
from lstm_units.errors import ConfigurationError, UserError
from lstm_units.io.figure_style import FONT_SIZE, GREEN
from lstm_units.io.figure_style import PLURAL as PLURAL_COLOR
from lstm_units.io.figure_style import SINGULAR as SINGULAR_COLOR
from lstm_units.io.files import read_json, read_metadata
from lstm_units.models.variables import GATES

SHORT_RANGE = 50
FORMATS = ("csv", "md", "tex")


@pytest.fixture(scope="module")
def files(tmp_path_factory, project):
    """The planted network with its lists of units."""
    folder = tmp_path_factory.mktemp("connectivity")
    language = project / "stimuli" / "english"
    (folder / "context.txt").write_text("The boy .\n", encoding="utf-8")
    model = connected_network(language, folder / "context.txt")
    return write_files(folder, model, language, short_range=[unit_entry(SHORT_RANGE)])


@pytest.fixture(scope="module")
def afferents(files):
    output = files.folder / "connectivity" / "afferents.parquet"
    write_afferents(*files.arguments, 3.0, output)
    return output


@pytest.fixture(scope="module")
def table(afferents):
    return pd.read_parquet(afferents)


def with_units(files, folder, shown, syntax, short_range=()):
    """The same files with other lists of units."""
    names = {name: folder / f"{name}.json" for name in ("shown", "syntax", "short_range")}
    other = replace(files, **names)
    sha256 = read_metadata(files.shown)["checkpoint_sha256"]
    rewrite_units(other, sha256, shown, syntax, short_range)
    return other


# The file of afferents


def test_the_step_writes_the_columns_and_types_of_the_contract(files, afferents, tmp_path):
    write_afferents(*files.arguments, 3.0, tmp_path / "again.parquet")
    assert (tmp_path / "again.parquet").read_bytes() == afferents.read_bytes()
    schema = pq.read_schema(afferents)
    assert schema.names == list(COLUMNS)
    assert {"weight", "activity_mean", "input_mean", "z_mean", "rank_mean", "outlier_mean"} <= set(
        schema.names
    )
    for name in ("target", "source", "source_layer", *(f"rank_{r}" for r in READINGS)):
        assert schema.field(name).type == pa.int16()
    for name in ("target_kind", "gate", "connection"):
        assert isinstance(schema.field(name).type, pa.DictionaryType)
    found = pq.read_table(afferents)
    assert found["activity_preferred"].null_count == len(found) - 4 * 2 * 5
    metadata = read_metadata(afferents)
    # The word before the verb of "The boy near the car greets" is the fifth.
    assert metadata["config"] == {
        "task": "nounpp",
        "threshold": 3.0,
        "dependency": [1, 4],
        "layers": [1, 2],
    }
    assert metadata["layer_sizes"] == [40, 60]


def test_targets_are_all_units_of_interest_under_their_first_kind(table):
    kinds = table.drop_duplicates("target").set_index("target")["target_kind"]
    assert kinds.astype(str).to_dict() == {
        SINGULAR: "long-range",
        PLURAL: "long-range",
        SYNTAX: "syntax",
        OTHER_SYNTAX: "syntax",
        SHORT_RANGE: "short-range",
    }
    assert table.groupby("target").size().eq(4 * 100).all()


def test_the_threshold_decides_what_is_an_outlier(files, tmp_path):
    write_afferents(*files.arguments, 1.0, tmp_path / "low.parquet")
    table = pd.read_parquet(tmp_path / "low.parquet")
    for reading in READINGS:
        beyond = table[f"z_{reading}"].abs() > 1
        assert beyond.equals(table[f"outlier_{reading}"])
        assert 0 < beyond.sum() < len(table)
    with pytest.raises(ConfigurationError, match=r"connectivity\.threshold is 0"):
        write_afferents(*files.arguments, 0, tmp_path / "none.parquet")


def test_files_of_another_checkpoint_are_refused(files, afferents, project, tmp_path):
    language = project / "stimuli" / "english"
    model = connected_network(language, files.folder / "context.txt", seed=1)
    other = write_files(tmp_path / "other", model, language)
    output = tmp_path / "a.parquet"
    with pytest.raises(UserError, match="another checkpoint"):
        write_afferents(*replace(files, checkpoint=other.checkpoint).arguments, 3.0, output)
    for name in ("shown", "syntax", "short_range"):
        mixed = replace(files, **{name: getattr(other, name)})
        with pytest.raises(UserError, match=f"{name}.json was made from another checkpoint"):
            write_afferents(*mixed.arguments, 3.0, output)
    assert not output.exists()
    for write, paths in (
        (write_connectivity_table, [tmp_path / "t.csv"]),
        (write_connectivity_summary, tmp_path / "s.json"),
    ):
        with pytest.raises(UserError, match="another checkpoint"):
            write(afferents, files.shown, other.syntax, paths)


def test_lists_that_were_not_searched_are_empty_ones(files, tmp_path):
    checkpoint, dump, stimuli, shown, *_ = files.arguments
    afferents = tmp_path / "afferents.parquet"
    write_afferents(checkpoint, dump, stimuli, shown, None, None, 3.0, afferents)
    kinds = pd.read_parquet(afferents)["target_kind"].astype(str)
    assert set(kinds) == {"long-range"}
    outputs = {name: tmp_path / name for name in ("t.md", "s.json", "g.graphml", "a.png", "b.png")}
    write_connectivity_table(afferents, shown, None, [outputs["t.md"]])
    write_connectivity_summary(afferents, shown, None, outputs["s.json"])
    write_connectivity_graph(afferents, shown, None, None, outputs["g.graphml"])
    write_figure4(afferents, shown, None, [outputs["a.png"]], [outputs["b.png"]])
    assert all(path.stat().st_size > 0 for path in outputs.values())
    assert read_json(outputs["s.json"])["top_syntax_unit"] is None


# Tables and summary


def test_the_table_has_every_pair_and_gate_once(table):
    shown = {"units": FOUND}
    found = connectivity_table(table, shown, SYNTAX_FOUND)
    pairs = [(t, s) for t in (SINGULAR, PLURAL) for s in (SINGULAR, PLURAL, SYNTAX, OTHER_SYNTAX)]
    assert list(zip(found["target"], found["source"], strict=True)) == [
        pair for pair in pairs for _ in GATES
    ]
    assert found["gate"].tolist() == list(GATES) * len(pairs)
    keys = ["target", "source", "gate"]
    expected = table.astype({"gate": str}).set_index(keys)
    for name in ("weight", "input_mean", "z_raw", "rank_largest", "input_preferred"):
        np.testing.assert_array_equal(
            found.set_index(keys)[name].astype(float),
            expected.loc[pd.MultiIndex.from_frame(found[keys]), name].astype(float),
        )


def test_a_pair_without_a_connection_has_one_row(table):
    syntax = {"units": [unit_entry(3, 1)], "top": unit_entry(3, 1), "nearest": None}
    shown = {"units": [shown_entry(7, "long-range", "singular", layer=1)]}
    lower = table[(table["target"] == SINGULAR) & (table["source"] <= 40)].assign(target=7)
    upper = {"units": [unit_entry(SYNTAX)], "top": unit_entry(SYNTAX), "nearest": None}
    found = connectivity_table(table, {"units": FOUND}, syntax)
    assert found.loc[found["source"] == 3, "connection"].eq("from_below").all()
    found = connectivity_table(lower, shown, upper)
    rows = found[found["source"] == SYNTAX]
    assert rows["connection"].tolist() == ["none"]
    assert rows["gate"].tolist() == [""]
    assert rows["weight"].isna().all()


def test_the_step_prints_the_table_in_all_formats(files, afferents, tmp_path):
    outputs = [tmp_path / f"connectivity.{suffix}" for suffix in FORMATS]
    write_connectivity_table(afferents, files.shown, files.syntax, outputs)
    csv = pd.read_csv(outputs[0])
    assert len(csv) == 2 * 4 * 4
    markdown, latex = (path.read_text() for path in outputs[1:])
    row = csv[
        (csv["target"] == SINGULAR) & (csv["source"] == SYNTAX) & (csv["gate"] == "forget_gate")
    ].iloc[0]
    assert f"{row['z_mean']:.1f} (1)" in markdown
    assert "positions 1 to 4" in markdown
    assert "rank: rank by size of the input" in markdown
    assert "Stands in" not in markdown
    assert latex.count(r"\\") == 1 + len(csv)


def test_the_summary_says_what_is_planted(files, afferents, tmp_path):
    outputs = [tmp_path / name for name in ("a.json", "b.json")]
    for output in outputs:
        write_connectivity_summary(afferents, files.shown, files.syntax, output)
    assert outputs[0].read_bytes() == outputs[1].read_bytes()
    found = read_json(outputs[0])
    assert found["top_syntax_unit"] == SYNTAX
    assert {name: v["met"] for name, v in found["verdicts"].items()} == {
        name: True for name in ("gate_control", "scaling", "only_one", "mutual_inhibition")
    }
    assert found["summary"].startswith(f"From the syntax unit {SYNTAX} to the long-range unit")
    assert "It opens the forget gate and shuts the input gate" in found["summary"]
    assert "inhibit each other's" in found["summary"]
    assert "not tested" not in found["summary"]
    assert [unit["unit"] for unit in found["units"]] == [SINGULAR, SYNTAX, PLURAL, OTHER_SYNTAX]


def test_stand_ins_are_marked_and_not_tested(files, tmp_path):
    other = with_units(files, tmp_path / "units", STAND_INS, SYNTAX_MISSING)
    afferents = tmp_path / "connectivity" / "afferents.parquet"
    write_afferents(*other.arguments, 3.0, afferents)
    write_connectivity_summary(afferents, other.shown, other.syntax, tmp_path / "summary.json")
    summary = read_json(tmp_path / "summary.json")["summary"]
    assert f"From unit {SYNTAX} (no syntax unit) to unit {SINGULAR} (no long-range unit)" in summary
    assert summary.count("not tested") == 2
    write_connectivity_table(afferents, other.shown, other.syntax, [tmp_path / "t.md"])
    text = (tmp_path / "t.md").read_text()
    assert f"| {SINGULAR}*" in text and f"| {SYNTAX}*" in text
    assert "\\* Stands in where no unit was found" in text


def test_without_units_every_output_says_so(files, tmp_path):
    other = with_units(files, tmp_path / "units", [], {"units": [], "top": None, "nearest": None})
    afferents = tmp_path / "connectivity" / "afferents.parquet"
    write_afferents(*other.arguments, 3.0, afferents)
    assert len(pd.read_parquet(afferents)) == 0
    assert pq.read_schema(afferents).names == list(COLUMNS)
    outputs = [tmp_path / f"connectivity.{suffix}" for suffix in FORMATS]
    write_connectivity_table(afferents, other.shown, other.syntax, outputs)
    assert "not tested" in outputs[1].read_text()
    write_connectivity_summary(afferents, other.shown, other.syntax, tmp_path / "summary.json")
    assert read_json(tmp_path / "summary.json")["verdicts"]["gate_control"]["met"] is None
    figures = [tmp_path / "a.png"], [tmp_path / "b.png"]
    write_figure4(afferents, other.shown, other.syntax, *figures)
    assert all(path.stat().st_size for paths in figures for path in paths)
    graph_path = tmp_path / "graph.graphml"
    write_connectivity_graph(afferents, other.shown, other.syntax, other.short_range, graph_path)
    assert len(nx.read_graphml(graph_path)) == 0


# Figures


def texts(figure):
    return [t for t in figure.findobj(Text) if t.get_text().strip() and t.get_visible()]


def figures(table, shown=FOUND, syntax=SYNTAX_FOUND, top=SYNTAX):
    units = known_units({"units": shown}, syntax)
    long_range = [known for known in units.values() if known.long_range]
    return (
        mutual_connections_figure(table, long_range),
        afferents_figure(table, units, top, 3.0),
    )


def test_all_text_has_one_size_and_lies_in_the_figure(table):
    for shown, syntax in (
        (FOUND, SYNTAX_FOUND),
        (STAND_INS, SYNTAX_MISSING),
        (FOUND[:1], SYNTAX_FOUND),
    ):
        for figure in figures(table, shown, syntax):
            for text in texts(figure):
                assert text.get_fontsize() == FONT_SIZE, text
            # In inches; what is drawn, so no tick beyond the limits of its axis.
            box = figure.get_tightbbox(figure.canvas.get_renderer())
            width, height = figure.get_size_inches()
            assert box.x0 >= 0 and box.x1 <= width
            assert box.y0 >= 0 and box.y1 <= height


def test_the_titles_of_three_columns_are_apart(table):
    third = table[table["target"] == SINGULAR].assign(target=SINGULAR + 1)
    shown = [FOUND[0], STAND_INS[1], shown_entry(SINGULAR + 1, "nearest", "singular")]
    _, figure = figures(pd.concat([table, third]), shown)
    figure.draw_without_rendering()
    titles = [axis.title for axis in figure.axes if axis.get_title()]
    boxes = [title.get_window_extent() for title in titles]
    assert len(boxes) == 3
    assert all(left.x1 < right.x0 for left, right in itertools.pairwise(boxes))
    assert boxes[-1].x1 <= figure.bbox.x1
    assert figure.get_figheight() < 8  # inches


def test_figure_4a_has_weight_and_input_of_every_pair_and_gate(table):
    figure, _ = figures(table)
    found = [text.get_text() for text in texts(figure)]
    rows = table[table["target"].isin(NUMBER_UNITS) & table["source"].isin(NUMBER_UNITS)]
    cells = [text for text in found if text.startswith("W ") and "\ne " in text]
    expected = [f"W {row.weight:.2f}\ne {row.input_preferred:.2f}" for row in rows.itertuples()]
    expected = [text.replace("-0.00", "0.00").replace("-", "\u2212") for text in expected]
    assert sorted(cells) == sorted(expected)
    assert len(cells) == 16
    for label in ("input gate", "forget gate", "candidate", "output gate"):
        assert label in found
    assert f"to {SINGULAR} (singular)" in found
    assert not any("*" in text for text in found)
    starred = [text.get_text() for text in texts(figures(table, STAND_INS)[0])]
    assert f"to {SINGULAR}* (singular)" in starred
    assert any("criteria not met" in text for text in starred)


def test_the_colours_of_figure_4a_are_centred_at_zero(table):
    figure, _ = figures(table)
    (mesh,) = [m for m in figure.axes[0].collections if m.get_array() is not None]
    low, high = mesh.get_clim()
    assert low == -high
    assert np.abs(mesh.get_array()).max() == pytest.approx(high)


def test_figure_4b_marks_and_numbers_the_planted_units(table):
    _, figure = figures(table)
    panels = [axis for axis in figure.axes if axis.get_ylabel()]
    assert [axis.get_ylabel() for axis in panels] == [
        *("input gate", "forget gate", "candidate", "output gate")
    ] * 2
    for axis in panels[:2]:  # to the singular unit
        gate = axis.get_ylabel().replace(" ", "_")
        rows = table[(table["target"] == SINGULAR) & (table["gate"] == gate)]
        rows = rows[rows["connection"] == "recurrent"].set_index("source")["input_mean"]
        marks = {
            (line.get_color(), line.get_marker()): line.get_xdata()[0]
            for line in axis.lines
            if line.get_marker() != "None"
        }
        assert marks[GREEN, "D"] == rows[SYNTAX]
        assert marks[GREEN, "o"] == rows[OTHER_SYNTAX]
        assert marks[SINGULAR_COLOR, "v"] == rows[SINGULAR]
        assert marks[PLURAL_COLOR, "^"] == rows[PLURAL]
        lines = sorted(x for line in axis.lines for x in line.get_xdata() if line.get_ls() == "--")
        edge = 3 * rows.std(ddof=0)
        np.testing.assert_allclose(
            sorted(set(lines)), [rows.mean() - edge, rows.mean() + edge], rtol=1e-9
        )
        numbers = {text.get_text() for text in axis.texts}
        assert {str(SYNTAX), str(SINGULAR), str(PLURAL)} <= numbers
    legend = {text.get_text() for text in figure.legends[0].get_texts()}
    assert {"top syntax unit", "other syntax unit", "mean \u00b1 3 SD"} <= legend
    assert {"long-range unit, singular", "long-range unit, plural"} <= legend


def test_numbers_in_figure_4b_do_not_overlap_and_none_is_lost(table):
    rng = np.random.default_rng(0)
    crowded = table.copy()
    # Two crowds of outliers, among which there is no room for all numbers.
    chosen = crowded["source"].between(41, 65)
    crowded.loc[chosen, "input_mean"] = rng.choice([-1, 1], chosen.sum()) * (
        6 + 0.3 * rng.standard_normal(chosen.sum())
    )
    crowded.loc[chosen, "outlier_mean"] = True
    crowded.loc[chosen, "rank_mean"] = rng.integers(1, 30, chosen.sum(), dtype=np.int16)
    _, figure = figures(crowded)
    figure.canvas.draw()
    lost = 0
    for axis in [axis for axis in figure.axes if axis.get_ylabel()]:
        notes = [text for text in axis.texts if text.get_text()]
        boxes = [text.get_window_extent(figure.canvas.get_renderer()) for text in notes]
        boxes = [box.shrunk(0.98, 0.8) for box in boxes]  # digits have no descenders
        for place, box in enumerate(boxes):
            assert not any(box.overlaps(other) for other in boxes[:place])
        hidden = [text.get_text() for text in notes if text.get_text().startswith("+")]
        lost += len(hidden)
        n_hidden = int(hidden[0][1:].split()[0]) if hidden else 0
        numbered = {SINGULAR, PLURAL, SYNTAX} | set(range(41, 66))
        assert len(notes) - len(hidden) + n_hidden == len(numbered)
    assert lost  # the crowds were dense enough for this test to mean something


def test_a_syntax_unit_that_cannot_be_drawn_is_named_in_the_legend(table):
    syntax = {"units": [unit_entry(3, 1)], "top": unit_entry(3, 1), "nearest": None}
    _, figure = figures(table, syntax=syntax, top=3)
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "syntax unit 3: in layer 1, not drawn" in legend


@pytest.mark.parametrize("count", [1, 3, 4])
def test_figures_of_any_number_of_long_range_units(table, count):
    units = (SINGULAR, PLURAL, SHORT_RANGE, OTHER_SYNTAX)[:count]
    shown = [
        shown_entry(u, "long-range", n)
        for u, n in zip(units, ("singular", "plural", "plural", None), strict=False)
    ]
    mutual, distributions = figures(table, shown)
    cells = [text for text in texts(mutual) if text.get_text().startswith("W ")]
    assert len([c for c in cells if "\ne " in c.get_text()]) == 4 * count**2
    assert len([axis for axis in distributions.axes if axis.get_ylabel()]) == 4 * count


def test_figures_have_equal_bytes(files, afferents, tmp_path):
    written = []
    for name in ("one", "two"):
        outputs = [[tmp_path / f"{name}a.pdf"], [tmp_path / f"{name}b.png"]]
        write_figure4(afferents, files.shown, files.syntax, *outputs)
        written.append([path.read_bytes() for paths in outputs for path in paths])
    assert written[0] == written[1]


# The graph


def test_the_graph_has_the_planted_connections_and_reads_back_the_same(
    files, afferents, table, tmp_path
):
    path = tmp_path / "graph.graphml"
    write_connectivity_graph(afferents, files.shown, files.syntax, files.short_range, path)
    graph = nx.read_graphml(path, force_multigraph=True)
    strong = table[table["outlier_mean"]]
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
    units = known_units(*(read_json(p) for p in (files.shown, files.syntax, files.short_range)))
    written = connection_graph(strong, units, {})
    assert dict(graph.nodes(data=True)) == dict(written.nodes(data=True))
    edges = {key: data for *_, key, data in graph.edges(keys=True, data=True)}
    for *_, key, data in written.edges(keys=True, data=True):
        assert {name: edges[key][name] for name in data} == data


def test_the_graph_is_plain_graphml_with_unique_ids(files, afferents, tmp_path):
    from xml.etree import ElementTree

    path = tmp_path / "graph.graphml"
    write_connectivity_graph(afferents, files.shown, files.syntax, files.short_range, path)
    root = ElementTree.parse(path).getroot()
    space = "{http://graphml.graphdrawing.org/xmlns}"
    types = {key.get("attr.type") for key in root.iter(f"{space}key")}
    assert types <= {"string", "int", "long", "double"}
    ids = [edge.get("id") for edge in root.iter(f"{space}edge")]
    assert len(ids) == len(set(ids)) > 0


def test_the_graph_does_not_depend_on_the_hash_seed(files, afferents, tmp_path):
    code = (
        "import sys; from lstm_units.analyses.connectivity.write_graph import write_connectivity_graph; "
        "write_connectivity_graph(*sys.argv[1:])"
    )
    paths = [afferents, files.shown, files.syntax, files.short_range]
    digests = set()
    for seed in ("1", "2"):
        output = tmp_path / f"{seed}.graphml"
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", code, *map(str, paths), str(output)]
        subprocess.run(command, check=True, env=environment)
        digests.add(hashlib.sha256(output.read_bytes()).hexdigest())
    assert len(digests) == 1


def test_a_graph_is_written_whole_or_not_at_all(tmp_path):
    graph = nx.MultiDiGraph()
    graph.add_node("1", bad=[1, 2])
    with pytest.raises(nx.NetworkXError):
        write_graph(graph, tmp_path / "graph.graphml")
    assert list(tmp_path.iterdir()) == []
