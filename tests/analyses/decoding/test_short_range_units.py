"""Short-range units by their criteria, what is said about the rest, and the figure of all units."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection
from matplotlib.patches import Rectangle
from support.figure_checks import check_texts
from support.noun_items import crossed_items

from lstm_units.analyses.decoding.short_range_units import (
    ShortRangeCriteria,
    discover_short_range,
    short_range_units,
)
from lstm_units.analyses.decoding.single_units_figure import draw_units
from lstm_units.errors import ConfigurationError, NotRun, UserError
from lstm_units.io.results import Result
from lstm_units.plots.marks import NUMBERS

CRITERIA = ShortRangeCriteria()
NONE = {"units": []}
# unit: (AUC of the efferents, AUC at the subject, AUC at the attractor)
PLANTED = {
    41: (0.95, 1.0, 0.02),  # short-range
    42: (0.03, 0.93, 0.08),  # the same, with its weights the other way round
    43: (0.60, 1.0, 0.0),  # not segregated
    44: (0.99, 0.88, 0.05),  # just misses the subject
    45: (0.99, 1.0, 1.0),  # long-range
}


def decoding_table(units=range(1, 81), planted=None, sign=1, width=0.03, seed=0):
    """Weak units, and the planted ones, at positions 0 to 6 of nounpp."""
    rng = np.random.default_rng(seed)
    rows = []
    for unit in units:
        subject, attractor = rng.uniform(0.5, 0.8), rng.uniform(0.3, 0.7)
        if unit in (planted or PLANTED):
            _, subject, attractor = (planted or PLANTED)[unit]
        for position in range(7):
            auc = 0.5 if position == 0 else subject if position < 4 else attractor
            rows.append(
                {
                    "unit": unit,
                    "layer": 1 if unit <= 40 else 2,
                    "position": position,
                    "auc": auc,
                    "ci_low": max(auc - width, 0),
                    "ci_high": min(auc + width, 1),
                    "sign": sign,
                }
            )
    return pd.DataFrame(rows)


def efferents_table(units=range(41, 81), planted=None, seed=1):
    rng = np.random.default_rng(seed)
    auc = rng.uniform(0.3, 0.7, len(units))
    for place, unit in enumerate(units):
        if unit in (planted or PLANTED):
            auc[place] = (planted or PLANTED)[unit][0]
    return pd.DataFrame(
        {
            "unit": list(units),
            "layer": 2,
            "auc": auc,
            "separability": 4 * np.abs(auc - 0.5),
            "q": 0.01,
        }
    )


def discover(table=None, efferents=None, items=None, long_range=NONE, criteria=CRITERIA, **kwargs):
    return discover_short_range(
        decoding_table() if table is None else table,
        efferents_table() if efferents is None else efferents,
        items or crossed_items(),
        long_range,
        criteria,
        **kwargs,
    )


def numbers(entries):
    return [entry["unit"] for entry in entries]


def test_units_that_meet_all_three_criteria_are_found_and_no_others():
    found = discover()
    assert numbers(found["units"]) == [41, 42]
    assert found["n_units"] == 40
    assert found["n_passing"] == {"efferents": 4, "subject": 4, "attractor": 4, "jointly": 2}
    assert found["summary"].startswith("2 short-range number units among the 40 units of the last")
    assert "41, 42" in found["summary"]


def test_units_of_other_layers_are_not_tested():
    table = decoding_table(planted={**PLANTED, 7: (0.99, 1.0, 0.0)})
    assert numbers(discover(table)["units"]) == [41, 42]


def test_evidence_holds_every_position_with_its_word_and_whether_intervals_clear():
    first, second = discover()["units"]
    assert first["at_subject"] == {
        "auc": 1.0,
        "ci_low": 0.97,
        "ci_high": 1.0,
        "interval_clears": True,
    }
    assert second["at_subject"]["interval_clears"] is True  # .93 - .03
    assert second["at_attractor"]["interval_clears"] is False  # .08 + .03
    assert second["efferents"] == {"auc": 0.97, "separability": 1.88, "q": 0.01}
    assert [row["word"] for row in first["positions"]] == list(crossed_items().words[:7])
    assert [row["auc"] for row in first["positions"]] == [0.5, 1, 1, 1, 0.02, 0.02, 0.02]


def test_whether_a_unit_supports_its_number_depends_on_both_signs_only_together():
    """A flip of a unit turns its weights and its state, and so its sign, around."""
    supports = {u["unit"]: u["supports_its_number"] for u in discover()["units"]}
    assert supports == {41: True, 42: False}
    turned = efferents_table()
    turned["auc"] = 1 - turned["auc"]
    assert discover(decoding_table(sign=-1), turned) == discover()
    assert discover(decoding_table(sign=-1))["units"][0]["supports_its_number"] is False
    gate = discover(variable="input_gate")
    assert [unit["supports_its_number"] for unit in gate["units"]] == [None, None]
    assert gate["variable"] == "input_gate"


def test_long_range_units_are_left_out_and_named():
    found = discover(long_range={"units": [{"unit": 42}, {"unit": 45}]})
    assert numbers(found["units"]) == [41]
    assert numbers(found["excluded"]) == [42]
    assert found["excluded"][0]["reason"] == "it is a long-range unit"
    assert found["n_passing"]["jointly"] == 2
    assert "Left out because long-range: 42." in found["summary"]


def test_the_nearest_unit_says_what_it_misses_and_by_how_much():
    near = discover()["nearest"]
    assert near["unit"] == 44
    assert near["shortfalls"] == {"subject": 0.02}
    strict = ShortRangeCriteria(1.0, 1.0, 0.0)
    found = discover(criteria=strict)
    assert found["units"] == []
    # 41 lacks .05 and .02, 44 lacks .12; the largest shortfall decides.
    assert found["nearest"]["unit"] == 41
    assert found["nearest"]["shortfalls"] == {"efferents": 0.05, "attractor": 0.02}
    assert found["summary"] == (
        "No short-range number unit among the 40 units of the last layer. Unit 41 comes closest: "
        "its efferent weights tell the numbers apart with AUC 0.950 where 1 is needed; its AUC at "
        "the attractor is 0.020 where at most 0 is allowed."
    )


def test_thresholds_themselves_are_met():
    exact = {50: (0.9, 0.9, 0.1), 51: (0.1, 0.9, 0.1)}
    found = discover(decoding_table(planted=exact), efferents_table(planted=exact))
    assert numbers(found["units"]) == [50, 51]


def test_with_several_attractors_the_first_counts():
    items = crossed_items()
    two = replace(
        items,
        attractor_positions=(4, 6),
        attractor_numbers=np.column_stack([items.attractor_numbers, items.subject_number]),
    )
    table = decoding_table()
    table.loc[table["position"] == 6, "auc"] = 0.9
    assert numbers(discover(table, items=two)["units"]) == [41, 42]
    turned = replace(two, attractor_numbers=two.attractor_numbers[:, ::-1])
    with pytest.raises(NotRun, match=r"first attractor of 60 of the 60"):
        discover(table, items=turned)


def test_congruent_items_are_refused_with_the_conditions_to_list():
    items = crossed_items()
    numbers_there = items.attractor_numbers.copy()
    numbers_there[:10] = items.subject_number[:10, None]
    condition = np.where(np.arange(len(items)) < 10, "SS", items.condition)
    mixed = replace(items, attractor_numbers=numbers_there, condition=condition)
    with pytest.raises(NotRun, match="choose the conditions PS, SP"):
        discover(items=mixed)


def test_a_task_without_an_attractor_is_refused():
    items = crossed_items()
    simple = replace(items, attractor_positions=(), attractor_numbers=np.empty((60, 0), dtype=str))
    with pytest.raises(NotRun, match="nounpp has no attractor"):
        discover(items=simple)


def test_tables_of_other_units_are_refused():
    with pytest.raises(ConfigurationError, match="dump layer 2 too"):
        discover(decoding_table(range(1, 41)))
    with pytest.raises(UserError, match="unit 61"):
        discover(decoding_table(range(1, 61)))


@pytest.mark.parametrize("key", ["minimum_efferent_auc", "maximum_attractor_auc"])
def test_criteria_out_of_range_are_refused(key):
    with pytest.raises(ConfigurationError, match=f"{key} is 1.2"):
        ShortRangeCriteria(**{key: 1.2})


def test_units_decoded_for_another_noun_are_refused():
    decoding = Result(None, {"config": {"label": "attractor_number", "conditions": "all"}})
    empty = Result({"units": []})
    with pytest.raises(ConfigurationError, match="decoded for attractor_number"):
        short_range_units(decoding, empty, crossed_items(), empty, CRITERIA)


def test_the_result_is_json_and_the_same_each_time():
    table = decoding_table()
    table[["ci_low", "ci_high"]] = np.nan
    found = discover(table)
    assert found["units"][0]["at_subject"]["interval_clears"] is None
    text = json.dumps(found, allow_nan=False)
    assert json.loads(text) == found
    shuffled = table.sample(frac=1, random_state=0)
    assert json.dumps(discover(shuffled, efferents_table().iloc[::-1])) == text


# The figure of all units


def draw(table=None, found=None, long_range=NONE, **kwargs):
    table = decoding_table() if table is None else table
    found = found or discover(table, long_range=long_range)
    return draw_units(table, crossed_items(), found, long_range, **kwargs)


LONG_RANGE = {
    "units": [
        {"unit": 45, "subject_number": "singular"},
        {"unit": 46, "subject_number": "plural"},
    ]
}


def marked(axis):
    """Marks by marker; grid lines have none."""
    lines = [line for line in axis.lines if line.get_marker() not in ("None", None, "")]
    return {
        line.get_marker(): [o for o in lines if o.get_marker() == line.get_marker()]
        for line in lines
    }


def test_every_unit_is_drawn_once_in_the_panel_of_its_layer():
    figure = draw(long_range=LONG_RANGE)
    assert [axis.get_title() for axis in figure.axes] == [
        "layer 1 (40 units)",
        "layer 2 (40 units)",
    ]
    for axis in figure.axes:
        bulk = sum(len(c.get_offsets()) for c in axis.collections if isinstance(c, PathCollection))
        assert bulk + sum(map(len, marked(axis).values())) == 40
    x, y = figure.axes[0].collections[0].get_offsets().T
    table = decoding_table().pivot(index="unit", columns="position", values="auc")
    np.testing.assert_array_equal(x, table.loc[:40, 1])
    np.testing.assert_array_equal(y, table.loc[:40, 4])


def test_long_and_short_range_units_differ_in_marker_and_colour_and_carry_numbers():
    axis = draw(long_range=LONG_RANGE).axes[1]
    marks = marked(axis)
    assert {marker: len(lines) for marker, lines in marks.items()} == {"v": 1, "^": 1, "s": 2}
    assert [marks[m][0].get_color() for m in "v^"] == [m.color for m in NUMBERS.values()]
    assert [float(v[0]) for v in marks["v"][0].get_data()] == pytest.approx([1.0, 1.0])
    assert sorted(text.get_text() for text in axis.texts) == ["41", "42", "45", "46"]


def test_the_region_of_the_criteria_is_shaded_in_the_last_layer_only():
    figure = draw()
    first, last = ([p for p in a.patches if isinstance(p, Rectangle)] for a in figure.axes)
    assert not first
    box = last[0].get_bbox()
    assert (box.x0, box.y1) == pytest.approx((0.9, 0.1))
    assert box.contains(1, 0)


def test_without_units_the_figure_says_so_and_shows_the_nearest():
    table = decoding_table()
    found = discover(table, criteria=ShortRangeCriteria(1.0, 1.0, 0.0))
    figure = draw(table, found)
    entries = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "no long-range unit found" in entries
    assert "no short-range unit found" in entries
    assert "nearest to a short-range unit (criteria not met)" in entries
    (mark,) = marked(figure.axes[1])["s"]
    assert mark.get_markerfacecolor() == "white"
    assert [text.get_text() for text in figure.axes[1].texts] == ["41"]


def test_marks_stand_side_by_side_in_a_crowd_and_every_number_is_shown_or_counted():
    crowd = {unit: (0.95, 1.0, 0.0) for unit in range(41, 53)}
    table = decoding_table(planted=crowd)
    figure = draw(table, discover(table, efferents_table(planted=crowd)))
    axis = figure.axes[1]
    figure.draw_without_rendering()
    at = [axis.transData.transform(np.ravel(line.get_data())) for line in marked(axis)["s"]]
    for place, one in enumerate(at):
        for other in at[:place]:
            assert np.abs(one - other).max() >= 3.9 * figure.dpi / 72
    named = [text for text in axis.texts if text.get_text().isdigit()]
    hidden = [text.get_text() for text in axis.texts if "without number" in text.get_text()]
    assert len(named) + sum(int(text[1:].split()[0]) for text in hidden) == 12
    assert len(named) >= 8


@pytest.mark.parametrize("width", [3.03, 6.3])
def test_axes_are_labelled_and_all_text_has_one_size_and_stays_within(width):
    figure = draw(long_range=LONG_RANGE, width=width)
    assert figure.get_supxlabel() == "AUC of the subject's number at the subject"
    assert figure.get_supylabel() == "AUC at the attractor"
    check_texts(figure)
    legend = figure.legends[0].get_window_extent()
    assert legend.y1 <= figure.axes[0].get_tightbbox().y0


def test_a_table_that_lacks_the_positions_is_refused():
    table = decoding_table()
    found = discover(table)
    with pytest.raises(UserError, match="no values at the subject and an attractor"):
        draw(table[table["position"] != 4], found)
