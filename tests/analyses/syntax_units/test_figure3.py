"""Figure 3: the cell of a unit over structures, and a sentence where there is none to draw."""

from dataclasses import replace

import numpy as np
import pytest
from support.figure_checks import LONG_LABEL, check_texts, visible_texts, with_long_words
from support.made_files import write_activations, write_stimuli
from support.spanning_network import SPANNING, spanning_network

from lstm_units.activations.reader import open_activations
from lstm_units.analyses.syntax_units.dependency_span import SIDES, dependency_spans
from lstm_units.analyses.syntax_units.figure3 import (
    Structure,
    cell_course,
    dependency_figure,
    figure3,
    unit_figure,
)
from lstm_units.errors import UserError
from lstm_units.interventions.model_inputs import Compute, Context
from lstm_units.io.files import make_metadata
from lstm_units.io.results import Result
from lstm_units.plots.marks import NUMBERS
from lstm_units.plots.style import COLUMN_WIDTH, TEXT_WIDTH
from lstm_units.stimuli.aligned_items import read_aligned_items
from lstm_units.stimuli.generation import generate
from lstm_units.stimuli.language_tables import read_language

SINGULAR, PLURAL = (mark.color for mark in NUMBERS.values())
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
            write_activations(
                model,
                folder / f"{task}.parquet",
                Context(str(folder / "context.txt")),
                Compute("float32", "cpu"),
                ["cell"],
                layers,
                "float32",
                folder / name / task,
            )
    return folder


def inputs(folder, name="activations"):
    """Dumps and items of the structures."""
    return (
        [open_activations(folder / name / task) for task in TASKS],
        [read_aligned_items(folder / f"{task}.parquet") for task in TASKS],
    )


def structures(folder, unit=SPANNING):
    for task, dump, items in zip(TASKS, *inputs(folder), strict=True):
        yield Structure(
            label=LABELS[task],
            words=items.words,
            subject=items.subject_position,
            verb=items.verb_position,
            course=cell_course(dump, items, unit),
            auc={"auc": 0.9, "auc_before": 1.0, "auc_after": 0.8},
        )


def test_course_of_a_cell_is_the_mean_over_the_items_of_a_number(folder):
    (dump, _), (items, _) = inputs(folder)
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
    plain = list(structures(folder))
    check_texts(dependency_figure(plain, "unit 7 (layer 2)", width=width))
    long = [replace(s, label=LONG_LABEL, words=with_long_words(s.words)) for s in plain]
    check_texts(dependency_figure(long, "unit 7 (layer 2)", width=width))


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


def syntax(folder, **found):
    """Syntax units as they are found; none by default."""
    made = open_activations(folder / "activations" / "nounpp").metadata
    content = {"units": [], "top": None, "nearest": None, "verb": "neither", **found}
    metadata = make_metadata(checkpoint_sha256=made["checkpoint_sha256"], stimuli_sha256=["d"])
    return Result(content, metadata)


def title(figure):
    return figure.texts[0].get_text()


def test_figure3_shows_the_top_unit_or_says_that_none_met_the_criteria(folder):
    sides = {side: dict.fromkeys(TASKS, 0.75) for side in SIDES}
    best = {"unit": SPANNING, "layer": 2, **sides}
    other = {"unit": 3, "layer": 1, **dict.fromkeys(sides)}
    drawn = [
        figure3(*inputs(folder), syntax(folder, **found), LABELS)
        for found in (
            {"units": [best, best], "top": best},
            {"units": [best], "top": best},
            {"nearest": other},
        )
    ]
    assert [title(figure.content) for figure in drawn] == [
        f"unit {SPANNING} (layer 2), best of 2 syntax units",
        f"unit {SPANNING} (layer 2), syntax unit",
        "unit 3 (layer 1), nearest to a syntax unit (criteria not met)",
    ]
    auc = "\nAUC 0.75 (before 0.75, after 0.75)"
    assert [axis.get_title() for axis in drawn[0].content.axes] == [
        f"{LABELS[task]}{auc}" for task in TASKS
    ]
    assert [axis.get_title() for axis in drawn[2].content.axes] == list(LABELS.values())
    assert drawn[2].config == {"unit": 3, "structures": list(TASKS), "verb": "neither"}


def sentence(figure):
    check_texts(figure.content)
    (text,) = visible_texts(figure.content)
    return text.get_text().replace("\n", " ")


def test_where_there_is_nothing_to_draw_a_sentence_says_why(folder):
    assert sentence(figure3(*inputs(folder), syntax(folder), LABELS)) == (
        "No unit to show: all that were regressed on depth are long-range units."
    )
    lower = {"unit": 3, "layer": 1, **dict.fromkeys(SIDES)}
    reason = "The cells of layer 1 were not dumped."
    upper, items = inputs(folder, "upper")
    for found, said in (
        ({"units": [lower, lower], "top": lower}, "best of 2 syntax units"),
        ({"nearest": lower}, "nearest to a syntax unit (criteria not met)"),
    ):
        figure = figure3(upper, items, syntax(folder, **found), LABELS)
        assert sentence(figure) == f"Not drawn: unit 3 (layer 1), {said}. {reason}"
    # One structure without the layer is enough; a unit whose layer is there is drawn.
    mixed = [inputs(folder)[0][0], upper[1]]
    assert "Not drawn" in sentence(figure3(mixed, items, syntax(folder, nearest=lower), LABELS))
    here = {**lower, "unit": SPANNING, "layer": 2}
    assert figure3(upper, items, syntax(folder, units=[here], top=here), LABELS).content.axes


def test_any_unit_can_be_drawn_with_the_auc_of_its_sign(folder):
    span = dependency_spans(*inputs(folder))
    table = span.frame
    unit = int(table.loc[(table["sign"] < 0) & (table["score"] > 0.3), "unit"].iloc[0])
    figure = unit_figure(*inputs(folder), span, unit, {}).content
    rows = table[table["unit"] == unit].set_index("task")
    layer, score = rows[["layer", "score"]].iloc[0]
    assert title(figure) == f"unit {unit} (layer {layer:.0f}), score {score:.2f}"
    for axis, task in zip(figure.axes, TASKS, strict=True):
        assert axis.get_title().startswith(f"{task}\nAUC {1 - rows.at[task, 'auc']:.2f} (before")
    with pytest.raises(UserError, match="holds no unit 999"):
        unit_figure(*inputs(folder), span, 999, {})
