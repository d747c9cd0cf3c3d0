"""Figure 3: the cell of a unit over structures, and a sentence where there is none to draw."""

import numpy as np
import pandas as pd
import pytest
from support.figure_checks import check_texts, visible_texts
from support.spanning_network import SPANNING, spanning_network

from lstm_units.activations.reader import open_activations
from lstm_units.activations.write_dump import write_model_activations
from lstm_units.analyses.syntax_units.figure import (
    Structure,
    cell_course,
    dependency_figure,
    no_unit_figure,
)
from lstm_units.analyses.syntax_units.write_figure3 import write_figure3, write_unit_dependency
from lstm_units.analyses.syntax_units.write_span import write_dependency_span
from lstm_units.errors import UserError
from lstm_units.interventions.model_inputs import Compute, Context
from lstm_units.io.figure_style import COLUMN_WIDTH, PLURAL, SINGULAR, TEXT_WIDTH
from lstm_units.io.files import make_metadata, write_json
from lstm_units.stimuli.aligned_items import read_aligned_items
from lstm_units.stimuli.generation import generate
from lstm_units.stimuli.language_tables import read_language
from lstm_units.stimuli.table import write_stimuli

TASKS = ("nounpp", "double_subject_relative")
LABELS = {"nounpp": "nounPP", "double_subject_relative": "double subject relative"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, project):
    """Stimuli of two structures, and dumps of all layers and of the upper one alone."""
    folder = tmp_path_factory.mktemp("figures")
    (folder / "context.txt").write_text("The boys greet the girl . <eos>\n", encoding="utf-8")
    language = project / "stimuli" / "english"
    model = spanning_network(language, folder / "context.txt")
    for task in TASKS:
        table = generate(read_language(language), task, 12, True, 1)
        write_stimuli(table, folder / f"{task}.parquet", make_metadata(stimuli_sha256=task))
        for name, layers in (("activations", "all"), ("upper", [2])):
            write_model_activations(
                model,
                folder / f"{task}.parquet",
                Context(str(folder / "context.txt")),
                Compute("float32", "cpu"),
                ["cell"],
                layers,
                "float32",
                folder / name / task,
            )
    write_dependency_span(*inputs(folder), "neither", folder / "dependency_span.parquet")
    return folder


def inputs(folder):
    return (
        {task: folder / "activations" / task for task in TASKS},
        {task: folder / f"{task}.parquet" for task in TASKS},
    )


def structures(folder, unit=SPANNING):
    for task in TASKS:
        items = read_aligned_items(folder / f"{task}.parquet")
        yield Structure(
            label=LABELS[task],
            words=items.words,
            subject=items.subject_position,
            verb=items.verb_position,
            course=cell_course(open_activations(folder / "activations" / task), items, unit),
            auc={"auc": 0.9, "auc_before": 1.0, "auc_after": 0.8},
        )


def test_course_of_a_cell_is_the_mean_over_the_items_of_a_number(folder):
    items = read_aligned_items(folder / "nounpp.parquet")
    dump = open_activations(folder / "activations" / "nounpp")
    course = cell_course(dump, items, 9)
    for number in ("singular", "plural"):
        chosen = items.item[items.subject_number == number]
        cell = dump.read("cell", units=[9], items=chosen)[:, :, 0]
        rows = course[course["number"] == number]
        assert rows["position"].tolist() == list(range(dump.n_positions))
        np.testing.assert_allclose(rows["mean"], cell.mean(axis=0), rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(rows["sd"], cell.std(axis=0, ddof=1), rtol=1e-4, atol=1e-6)
        assert set(rows["n"]) == {len(chosen)}


@pytest.mark.parametrize("width", [TEXT_WIDTH, COLUMN_WIDTH])
def test_figure3_has_no_text_over_another(folder, width):
    check_texts(dependency_figure(list(structures(folder)), "unit 7 (layer 2)", width=width))


def test_figure3_has_one_panel_per_structure_with_its_words_and_auc(folder):
    made = list(structures(folder))
    figure = dependency_figure(made, "unit 7 (layer 2)")
    for axis, structure in zip(figure.axes, made, strict=True):
        assert [t.get_text() for t in axis.get_xticklabels()] == list(structure.words)
        assert axis.get_title() == f"{structure.label}\nAUC 0.90 (before 1.00, after 0.80)"
        assert axis.get_ylim() == figure.axes[0].get_ylim()
        shaded = axis.patches[0].get_extents().transformed(axis.transData.inverted())
        inside = range(structure.subject, structure.verb)
        places = range(len(structure.words))
        assert [x for x in places if shaded.x0 < x < shaded.x1] == list(inside)
        lines = {line.get_color(): line for line in axis.lines if len(line.get_xdata()) > 2}
        for color, number in ((SINGULAR, "singular"), (PLURAL, "plural")):
            rows = structure.course[structure.course["number"] == number]
            np.testing.assert_allclose(lines[color].get_ydata(), rows["mean"])
            assert list(lines[color].get_xdata()) == list(range(len(structure.words)))
        assert lines[SINGULAR].get_linestyle() != lines[PLURAL].get_linestyle()
        assert lines[SINGULAR].get_marker() != lines[PLURAL].get_marker()
    assert figure.axes[0].get_ylabel() == "cell"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "singular subject, mean ± SD",
        "plural subject, mean ± SD",
        "inside the dependency",
        "main verb",
    ]


def test_the_verb_is_shaded_where_it_counts_as_inside(folder):
    made = list(structures(folder))
    for verb, expected in (("inside", True), ("neither", False), ("outside", False)):
        axis = dependency_figure(made, "unit", verb=verb).axes[0]
        shaded = axis.patches[0].get_extents().transformed(axis.transData.inverted())
        assert (shaded.x0 < made[0].verb < shaded.x1) == expected


def titles(monkeypatch):
    """Record the title and the structures of every figure that a step draws."""
    drawn = []

    def recorded(structures, title, **options):
        drawn.append((title, structures))
        return dependency_figure(structures, title, **options)

    monkeypatch.setattr(
        "lstm_units.analyses.syntax_units.write_figure3.dependency_figure", recorded
    )
    return drawn


def test_figure3_shows_the_top_unit_or_says_that_none_met_the_criteria(
    folder, tmp_path, monkeypatch
):
    drawn = titles(monkeypatch)
    sides = {side: dict.fromkeys(TASKS, 0.75) for side in ("auc", "auc_before", "auc_after")}
    best = {"unit": SPANNING, "layer": 2, **sides}
    other = {"unit": 3, "layer": 1, **dict.fromkeys(sides)}
    made = open_activations(folder / "activations" / "nounpp").metadata
    for found in (
        {"units": [best, best], "top": best, "nearest": None},
        {"units": [best], "top": best, "nearest": None},
        {"units": [], "top": None, "nearest": other},
    ):
        syntax = tmp_path / "units" / "syntax.json"
        write_json({**found, "verb": "neither"}, syntax, make_metadata(
            checkpoint_sha256=made["checkpoint_sha256"]))  # fmt: skip
        output = tmp_path / "fig3.png"
        write_figure3(*inputs(folder), syntax, LABELS, [output])
        assert output.stat().st_size > 10_000
    assert [title for title, _ in drawn] == [
        f"unit {SPANNING} (layer 2), best of 2 syntax units",
        f"unit {SPANNING} (layer 2), syntax unit",
        "unit 3 (layer 1), nearest to a syntax unit (criteria not met)",
    ]
    assert drawn[0][1][0].auc == dict.fromkeys(sides, 0.75)
    assert drawn[-1][1][0].auc == {}


def sentences(monkeypatch):
    """Record the figures that a step draws in place of Figure 3."""
    drawn = []

    def recorded(reason):
        drawn.append(no_unit_figure(reason))
        return drawn[-1]

    monkeypatch.setattr("lstm_units.analyses.syntax_units.write_figure3.no_unit_figure", recorded)
    return drawn


def sentence(figure):
    check_texts(figure)
    (text,) = visible_texts(figure)
    return text.get_text().replace("\n", " ")


def write_syntax(path, dump, **found):
    made = make_metadata(checkpoint_sha256=open_activations(dump).metadata["checkpoint_sha256"])
    write_json({"units": [], "top": None, "nearest": None, "verb": "neither", **found}, path, made)
    return path


def test_without_any_unit_figure3_is_a_sentence_that_says_what_to_do(folder, tmp_path, monkeypatch):
    drawn = sentences(monkeypatch)
    dumps, stimuli = inputs(folder)
    syntax = write_syntax(tmp_path / "units" / "syntax.json", dumps["nounpp"])
    outputs = [tmp_path / f"fig3.{suffix}" for suffix in ("png", "pdf")]
    write_figure3(dumps, stimuli, syntax, LABELS, outputs)
    first = [path.read_bytes() for path in outputs]
    write_figure3(dumps, stimuli, syntax, LABELS, outputs)
    assert [path.read_bytes() for path in outputs] == first
    assert sentence(drawn[0]) == (
        "No unit to show: all that were regressed on depth are long-range units. Name more layers "
        "under depth.layers in config.yaml."
    )


def test_a_unit_of_a_layer_that_was_not_dumped_gives_a_sentence(folder, tmp_path, monkeypatch):
    drawn = sentences(monkeypatch)
    _, stimuli = inputs(folder)
    dumps = {task: folder / "upper" / task for task in TASKS}
    sides = dict.fromkeys(("score", "auc", "auc_before", "auc_after"))
    lower = {"unit": 3, "layer": 1, **sides}
    path, output = tmp_path / "units" / "syntax.json", tmp_path / "fig3.png"
    for found in (
        {"units": [lower, lower], "top": lower},
        {"nearest": lower},
        {"units": [lower], "top": {**lower, "unit": SPANNING, "layer": 2}},
    ):
        syntax = write_syntax(path, dumps["nounpp"], **found)
        write_figure3(dumps, stimuli, syntax, LABELS, [output])
        assert output.stat().st_size > 0
    todo = "The cells of its layer were not dumped. Add 1 under activations.layers in config.yaml."
    # The third has its layer, and is drawn as ever.
    assert [sentence(figure) for figure in drawn] == [
        f"Not drawn: unit 3 (layer 1), best of 2 syntax units. {todo}",
        f"Not drawn: unit 3 (layer 1), nearest to a syntax unit (criteria not met). {todo}",
    ]
    # One structure without the layer is enough.
    write_figure3(
        {**inputs(folder)[0], TASKS[1]: dumps[TASKS[1]]},
        stimuli,
        write_syntax(path, dumps["nounpp"], nearest=lower),
        LABELS,
        [output],
    )
    assert len(drawn) == 3


def test_any_unit_can_be_drawn_with_the_auc_of_its_sign(folder, tmp_path, monkeypatch):
    drawn = titles(monkeypatch)
    span = folder / "dependency_span.parquet"
    table = pd.read_parquet(span)
    unit = int(table.loc[(table["sign"] < 0) & (table["score"] > 0.3), "unit"].iloc[0])
    outputs = [tmp_path / f"unit.{suffix}" for suffix in ("png", "pdf")]
    write_unit_dependency(*inputs(folder), span, unit, {}, outputs)
    first = [path.read_bytes() for path in outputs]
    write_unit_dependency(*inputs(folder), span, unit, {}, outputs)
    assert [path.read_bytes() for path in outputs] == first
    title, panels = drawn[0]
    rows = table[table["unit"] == unit].set_index("task")
    assert title == (
        f"unit {unit} (layer {rows['layer'].iloc[0]}), score {rows['score'].iloc[0]:.2f}"
    )
    for panel, task in zip(panels, TASKS, strict=True):
        assert panel.label == task
        assert panel.auc["auc"] == pytest.approx(1 - rows.at[task, "auc"])
    with pytest.raises(UserError, match=r"dependency_span\.parquet holds no unit 999"):
        write_unit_dependency(*inputs(folder), span, 999, {}, [tmp_path / "unit.png"])
