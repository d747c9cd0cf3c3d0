"""Figure 1: what theory asks, what is drawn and labelled, no overlap, one size, equal bytes."""

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from matplotlib.colors import to_hex
from matplotlib.legend import Legend
from support.figure_checks import check_texts, visible_texts, with_long_words

from lstm_units.analyses.dynamics.figure import (
    ALL_ROWS,
    condition_looks,
    dynamics_figure,
    ideal_column,
    unit_column,
)
from lstm_units.analyses.dynamics.figure1 import (
    figure1,
    ideal_figure,
    number_figure,
    unit_figure,
)
from lstm_units.analyses.dynamics.ideal_time_course import ideal_time_course
from lstm_units.errors import UserError
from lstm_units.io.files import make_metadata
from lstm_units.io.results import Result
from lstm_units.plots.marks import NEUTRAL, NUMBERS
from lstm_units.stimuli.aligned_items import align_items
from lstm_units.stimuli.generation import generate

SINGULAR, PLURAL = (mark.color for mark in NUMBERS.values())
UNITS = (3, 5, 8, 9, 12)


@pytest.fixture(scope="module")
def stimuli(english):
    return generate(english, "nounpp", 3, True, 1)


@pytest.fixture(scope="module")
def items(stimuli):
    return align_items(stimuli, "nounpp")


def dynamics(items, units=UNITS, variables=ALL_ROWS, empty=()):
    """Dynamics whose mean is known from unit, variable, position and condition."""
    rng = np.random.default_rng(0)
    keys = itertools.product(
        units, variables, range(items.n_positions), sorted(set(items.condition.tolist()))
    )
    rows = [
        (
            unit,
            2,
            variable,
            position,
            condition,
            0 if condition in empty else 7,
            np.nan if condition in empty else rng.uniform(0, 1) * (3 if variable == "cell" else 1),
            np.nan if condition in empty else 0.1,
        )
        for unit, variable, position, condition in keys
    ]
    names = ("unit", "layer", "variable", "position", "condition", "n", "mean", "sd")
    return pd.DataFrame(rows, columns=names)


def entry(unit, role, number, layer=2):
    found = role == "long-range"
    return {"unit": unit, "layer": layer, "role": role, "number": number, "found": found}


SHOWN = [
    entry(3, "long-range", "singular"),
    entry(5, "nearest", "plural"),
    entry(8, "named", None),
    entry(9, "arbitrary", None),
]


def legend_texts(figure):
    legends = [a for a in figure.get_children() if isinstance(a, Legend)]
    return [text.get_text() for legend in legends for text in legend.get_texts()]


def panel(figure, row, n_rows=5, column=0):
    return figure.axes[column * n_rows + row]


def data_lines(axis):
    """The lines of conditions, without the marks of zero and of attractors."""
    return [line for line in axis.lines if line.get_marker() in ("v", "^", "o")]


def test_the_ideal_unit_stores_at_the_subject_and_keeps_to_the_verb():
    course = ideal_time_course("plural", 1, 5, 7)
    values = course.set_index(["variable", "number", "position"])["value"].unstack()
    nan = np.nan
    for number, sign in (("singular", -1), ("plural", 1)):
        expected = {
            "input_gate": [0, 1, 0, 0, 0, 0, 0],
            "forget_gate": [nan, 0, 1, 1, 1, nan, nan],
            "candidate": [nan, sign, nan, nan, nan, nan, nan],
            "cell": [nan, sign, sign, sign, sign, nan, nan],
            "output_gate": [nan, nan, nan, nan, 1, nan, nan],
        }
        for variable, row in expected.items():
            np.testing.assert_array_equal(values.loc[variable, number], row)


def test_the_ideal_course_obeys_the_equation_of_the_cell():
    """cell = forget_gate * cell before + input_gate * candidate, whatever is not prescribed."""
    course = ideal_time_course("singular", 1, 5, 7).set_index(["variable", "number", "position"])
    values = course["value"].unstack().fillna(0.3)
    for number in ("singular", "plural"):
        gates = {name: values.loc[name, number] for name in values.index.levels[0]}
        cell = 0.77  # whatever was there
        for position in range(5):
            cell = gates["forget_gate"][position] * cell
            cell += gates["input_gate"][position] * gates["candidate"][position]
            if position >= 1:
                assert cell == gates["cell"][position]


def test_colour_tells_the_subject_and_style_the_attractor(items):
    looks = condition_looks(items)
    assert list(looks) == ["SS", "SP", "PS", "PP"]
    assert [look.mark.color for look in looks.values()] == [SINGULAR, SINGULAR, PLURAL, PLURAL]
    assert [look.linestyle for look in looks.values()] == ["-", "--", "--", "-"]
    assert [look.mark.filled for look in looks.values()] == [True, False, False, True]
    assert looks["SS"].mark.marker != looks["PP"].mark.marker


def test_eight_conditions_look_different(english):
    nested = align_items(generate(english, "double_subject_relative", 2, True, 1), "nested")
    looks = condition_looks(nested)
    assert list(looks) == ["SSS", "SSP", "SPS", "SPP", "PSS", "PSP", "PPS", "PPP"]
    assert len(set(looks.values())) == 8
    assert all((look.mark.color == SINGULAR) == (name[0] == "S") for name, look in looks.items())
    assert all(looks[name].linestyle == "-" for name in ("SSS", "PPP"))
    figure = dynamics_figure([unit_column(dynamics(nested), 3, "unit 3")], nested, width=3.03)
    check_texts(figure)
    assert sum(text.endswith("n = 7") for text in legend_texts(figure)) == 8


def test_a_condition_of_both_subject_numbers_is_black(items):
    mixed = replace(items, condition=np.array(["all"] * len(items)))
    assert condition_looks(mixed)["all"].mark == NEUTRAL


def test_panels_show_mean_and_spread_up_to_the_word_after_the_verb(items):
    table = dynamics(items)
    figure = number_figure(table, items, SHOWN, "singular")
    axis = panel(figure, 3)
    lines = data_lines(axis)
    assert len(lines) == 4
    for line, condition in zip(lines, ("SS", "SP", "PS", "PP"), strict=True):
        rows = table[
            (table["unit"] == 3)
            & (table["variable"] == "cell")
            & (table["condition"] == condition)
            & (table["position"] <= items.verb_position + 1)
        ]
        np.testing.assert_array_equal(line.get_xdata(), range(items.verb_position + 2))
        np.testing.assert_array_equal(line.get_ydata(), rows["mean"])
        assert to_hex(line.get_color()).upper() == (SINGULAR if condition[0] == "S" else PLURAL)
    low, high = axis.get_ylim()
    assert all(low < y < high for line in lines for y in line.get_ydata())
    band = axis.collections[0].get_paths()[0].vertices[:, 1]
    first = lines[0].get_ydata()
    assert band.min() == pytest.approx((first - 0.1).min())
    assert band.max() == pytest.approx((first + 0.1).max())


def test_words_variables_units_and_conditions_are_named(items):
    figure = number_figure(dynamics(items), items, SHOWN, "singular")
    check_texts(figure)
    bottom = panel(figure, 4)
    words = [label.get_text() for label in bottom.get_xticklabels()]
    assert words == list(items.words[: items.verb_position + 2])
    texts = [text.get_text() for text in visible_texts(figure)]
    for name in ("candidate", "input\ngate", "forget\ngate", "cell", "output\ngate"):
        assert texts.count(name) == 1
    assert "word of an example" in texts
    assert panel(figure, 0).get_title() == "unit 3, long-range,\nsingular"
    assert panel(figure, 0, column=1).get_title() == "ideal time course"
    assert legend_texts(figure) == [
        *(f"{name}, n = 7" for name in ("SS", "SP", "PS", "PP")),
        "mean ± SD",
        "ideal, singular subject",
        "ideal, plural subject",
        "subject, verb",
        "attractor",
    ]


def test_a_stand_in_says_that_it_does_not_meet_the_criteria(items):
    figure = number_figure(dynamics(items), items, SHOWN, "plural")
    assert panel(figure, 0).get_title() == "unit 5, nearest, plural\n(criteria not met)"
    assert len(figure.axes) == 2 * 5


def test_a_unit_of_mixed_numbers_stands_in_both_figures(items):
    shown = [entry(8, "long-range", None)]
    for number in ("singular", "plural"):
        figure = number_figure(dynamics(items), items, shown, number)
        assert panel(figure, 0).get_title() == "unit 8, long-range,\nboth numbers"


@pytest.mark.parametrize("number", ["singular", "plural"])
def test_without_any_unit_a_panel_says_so_beside_the_ideal(items, number):
    figure = number_figure(None, items, [entry(9, "arbitrary", None)], number)
    check_texts(figure)
    texts = [text.get_text() for text in visible_texts(figure)]
    assert any(f"No long-range unit was found\nfor {number} subjects" in text for text in texts)
    assert {"candidate", "input\ngate", "cell"} <= set(texts)
    assert "ideal time course" in texts


def test_the_ideal_of_a_plural_unit_is_turned_around(items):
    for number, color in (("singular", SINGULAR), ("plural", PLURAL)):
        figure = dynamics_figure([ideal_column(items, number, 7)], items)
        stored = [
            line.get_color()
            for line in data_lines(panel(figure, 3))
            if np.nanmax(line.get_ydata()) == 1
        ]
        assert stored == [color]


def test_long_words_fit(items):
    long = replace(items, words=with_long_words(items.words))
    check_texts(number_figure(dynamics(long), long, SHOWN, "singular"))
    check_texts(ideal_figure(long))


def test_many_units_go_on_below(items):
    shown = [entry(unit, "long-range", "singular") for unit in UNITS]
    figure = number_figure(dynamics(items), items, shown, "singular")
    check_texts(figure)
    assert len(figure.axes) == 6 * 5
    assert figure.get_size_inches()[0] == pytest.approx(6.3)


def test_an_empty_condition_is_named_with_no_items(items):
    figure = number_figure(dynamics(items, empty=("PS",)), items, SHOWN, "singular")
    assert "PS, n = 0" in legend_texts(figure)
    line = data_lines(panel(figure, 0))[2]
    assert np.isnan(line.get_ydata()).all()


def test_variables_that_were_not_dumped_are_left_out(items):
    table = dynamics(items, variables=("cell", "hidden"))
    figure = dynamics_figure([unit_column(table, 3, "unit 3")], items, variables=ALL_ROWS)
    assert len(figure.axes) == 2
    with pytest.raises(UserError, match=r"none of candidate.*; dump them too"):
        number_figure(dynamics(items, variables=("hidden",)), items, SHOWN, "singular")
    with pytest.raises(UserError, match="no dynamics of unit 99"):
        unit_column(table, 99, "")


def test_a_long_range_unit_of_a_layer_that_was_not_dumped_is_named(items):
    hidden_layer = [{**SHOWN[0], "unit": 99, "layer": 1}]
    figure = number_figure(dynamics(items), items, hidden_layer, SHOWN[0]["number"])
    check_texts(figure)
    texts = [text.get_text() for axis in figure.axes for text in axis.texts]
    texts += [text.get_text() for text in figure.texts]
    assert any("layer 1\nwas not dumped" in text for text in texts)


@pytest.mark.parametrize(
    ("answers", "said"),
    [("right", "items that the model answers rightly"), ("all", "all items")],
)
def test_the_axis_says_which_items_are_averaged(items, answers, said):
    figure = number_figure(dynamics(items), items, SHOWN, "singular", answers)
    assert f"word of an example; {said}" in [text.get_text() for text in figure.texts]


def test_tasks_without_attractors_work(english):
    simple = align_items(generate(english, "simple", 4, True, 1), "simple")
    figure = number_figure(dynamics(simple), simple, SHOWN, "singular")
    assert "attractor" not in legend_texts(figure)
    check_texts(ideal_figure(simple))


def test_figures_of_results_say_what_they_were_made_from(items):
    metadata = make_metadata(checkpoint_sha256="c", stimuli_sha256="s", config={"items": "right"})
    table = Result(pa.Table.from_pandas(dynamics(items), preserve_index=False), metadata)
    for shown in (SHOWN, []):
        figures = figure1(table, items, Result({"units": shown}, metadata))
        titles = [panel(figure.content, 0).get_title() for figure in figures]
        assert len(titles) == 3 and ("unit 3" in titles[0] + titles[1]) == bool(shown)
        assert {figure.metadata["checkpoint_sha256"] for figure in figures} == {"c"}
    assert "unit 12" in panel(unit_figure(table, items, 12).content, 0).get_title()
    with pytest.raises(UserError, match="no dynamics of unit 99"):
        unit_figure(table, items, 99)
