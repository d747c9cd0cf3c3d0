"""Figures 4a and 4b: what is drawn, marked and numbered."""

import numpy as np
import pandas as pd
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
from support.figure_checks import check_texts, visible_texts

from lstm_units.analyses.connectivity.figure4a import mutual_connections_figure
from lstm_units.analyses.connectivity.figure4b import afferents_figure
from lstm_units.analyses.connectivity.known_units import known_units
from lstm_units.plots.marks import unit_mark

SHORT_RANGE = 50


def figures(table, shown=FOUND, syntax=SYNTAX_FOUND, top=SYNTAX):
    units = known_units({"units": shown}, syntax)
    long_range = [known for known in units.values() if known.long_range]
    return (
        mutual_connections_figure(table, long_range),
        afferents_figure(table, units, top, 3.0),
    )


@pytest.mark.parametrize(
    ("shown", "syntax"),
    [(FOUND, SYNTAX_FOUND), (STAND_INS, SYNTAX_MISSING), (FOUND[:1], SYNTAX_FOUND)],
)
def test_texts_have_one_size_do_not_overlap_and_lie_inside(planted_table, shown, syntax):
    for figure in figures(planted_table, shown, syntax):
        check_texts(figure)


def test_the_titles_of_three_columns_are_apart(planted_table):
    third = planted_table[planted_table["target"] == SINGULAR].assign(target=SINGULAR + 1)
    shown = [FOUND[0], STAND_INS[1], shown_entry(SINGULAR + 1, "nearest", "singular")]
    _, figure = figures(pd.concat([planted_table, third]), shown)
    assert len([axis for axis in figure.axes if axis.get_title()]) == 3
    check_texts(figure)
    assert figure.get_figheight() < 8  # inches


def test_figure_4a_has_weight_and_input_of_every_pair_and_gate(planted_table):
    figure, _ = figures(planted_table)
    found = [text.get_text() for text in visible_texts(figure)]
    rows = planted_table[
        planted_table["target"].isin(NUMBER_UNITS) & planted_table["source"].isin(NUMBER_UNITS)
    ]
    cells = [text for text in found if text.startswith("W ") and "\ne " in text]
    expected = [f"W {row.weight:.2f}\ne {row.input_preferred:.2f}" for row in rows.itertuples()]
    expected = [text.replace("-0.00", "0.00").replace("-", "\u2212") for text in expected]
    assert sorted(cells) == sorted(expected)
    assert len(cells) == 16
    for label in ("input gate", "forget gate", "candidate", "output gate"):
        assert label in found
    assert f"to {SINGULAR} (singular)" in found
    assert not any("*" in text for text in found)
    starred = [text.get_text() for text in visible_texts(figures(planted_table, STAND_INS)[0])]
    assert f"to {SINGULAR}* (singular)" in starred
    assert any("criteria not met" in text for text in starred)


def test_the_colours_of_figure_4a_are_centred_at_zero(planted_table):
    figure, _ = figures(planted_table)
    (mesh,) = [m for m in figure.axes[0].collections if m.get_array() is not None]
    low, high = mesh.get_clim()
    assert low == -high
    assert np.abs(mesh.get_array()).max() == pytest.approx(high)


def test_figure_4b_marks_and_numbers_the_planted_units(planted_table):
    _, figure = figures(planted_table)
    panels = [axis for axis in figure.axes if axis.get_ylabel()]
    assert [axis.get_ylabel() for axis in panels] == [
        *("input gate", "forget gate", "candidate", "output gate")
    ] * 2
    for axis in panels[:2]:  # to the singular unit
        gate = axis.get_ylabel().replace(" ", "_")
        rows = planted_table[
            (planted_table["target"] == SINGULAR) & (planted_table["gate"] == gate)
        ]
        rows = rows[rows["connection"] == "recurrent"].set_index("source")["input_mean"]
        marks = {
            (line.get_color(), line.get_marker(), line.get_xdata()[0])
            for line in axis.lines
            if line.get_marker() != "None"
        }
        for unit, role, number in (
            (SYNTAX, "syntax", None),
            (OTHER_SYNTAX, "syntax", None),
            (SINGULAR, "long-range", "singular"),
            (PLURAL, "long-range", "plural"),
        ):
            mark = unit_mark(role, number)
            assert (mark.color, mark.marker, rows[unit]) in marks
        lines = sorted(x for line in axis.lines for x in line.get_xdata() if line.get_ls() == "--")
        edge = 3 * rows.std(ddof=0)
        np.testing.assert_allclose(
            sorted(set(lines)), [rows.mean() - edge, rows.mean() + edge], rtol=1e-9
        )
        numbers = {text.get_text() for text in axis.texts}
        assert {str(SYNTAX), str(SINGULAR), str(PLURAL)} <= numbers
    legend = {text.get_text() for text in figure.legends[0].get_texts()}
    assert {"top syntax unit", "syntax unit", "mean \u00b1 3 SD"} <= legend
    assert {"long-range unit, singular", "long-range unit, plural"} <= legend


def test_a_syntax_unit_that_cannot_be_drawn_is_named_in_the_legend(planted_table):
    syntax = {"units": [unit_entry(3, 1)], "top": unit_entry(3, 1), "nearest": None}
    _, figure = figures(planted_table, syntax=syntax, top=3)
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "syntax unit 3: in layer 1, not drawn" in legend


@pytest.mark.parametrize("count", [1, 3, 4])
def test_figures_of_any_number_of_long_range_units(planted_table, count):
    units = (SINGULAR, PLURAL, SHORT_RANGE, OTHER_SYNTAX)[:count]
    shown = [
        shown_entry(u, "long-range", n)
        for u, n in zip(units, ("singular", "plural", "plural", None), strict=False)
    ]
    mutual, distributions = figures(planted_table, shown)
    cells = [text for text in visible_texts(mutual) if text.get_text().startswith("W ")]
    assert len([c for c in cells if "\ne " in c.get_text()]) == 4 * count**2
    assert len([axis for axis in distributions.axes if axis.get_ylabel()]) == 4 * count


def test_a_long_range_unit_that_was_not_dumped_is_named_in_both_figures(planted_table):
    shown = [*FOUND, shown_entry(5, "long-range", "plural", layer=1)]
    units = known_units({"units": shown}, SYNTAX_FOUND)
    long_range = [known for known in units.values() if known.long_range]
    upper = planted_table[planted_table["source_layer"] == 2]
    mutual = mutual_connections_figure(upper, long_range, [2])
    found = [text.get_text() for text in visible_texts(mutual)]
    assert len([text for text in found if "\ne " in text and text.startswith("W ")]) == 16
    assert any(text.endswith("\nunit 5: in layer 1, not drawn") for text in found)
    marks = afferents_figure(upper, units, SYNTAX, 3.0, [2])
    assert len([axis for axis in marks.axes if axis.get_ylabel()]) == 8
    legend = [text.get_text() for text in marks.legends[0].get_texts()]
    assert "long-range unit 5: in layer 1, not drawn" in legend


def test_a_stand_in_that_was_not_dumped_is_not_called_a_unit_of_its_kind(planted_table):
    shown = [*FOUND, shown_entry(5, "nearest", "plural", layer=1)]
    syntax = {"units": [], "top": None, "nearest": unit_entry(3, 1)}
    figure = afferents_figure(planted_table, known_units({"units": shown}, syntax), 3, 3.0, [2])
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "unit 3 (no syntax unit): in layer 1, not drawn" in legend
    assert "unit 5 (no long-range unit): in layer 1, not drawn" in legend
    check_texts(figure)


def test_the_empty_figures_give_the_reason(planted_table):
    for units, layers, reason in (
        ([], [1, 2], "No long-range unit was found"),
        (
            list(known_units({"units": FOUND}, {"units": []}).values()),
            [1],
            "layer 2 were not dumped",
        ),
    ):
        by_unit = {known.unit: known for known in units}
        for figure in (
            mutual_connections_figure(planted_table, units, layers),
            afferents_figure(planted_table, by_unit, None, 3.0, layers),
        ):
            (text,) = visible_texts(figure)
            assert reason in text.get_text().replace("\n", " ")
            check_texts(figure)
