"""What contributions come to: the table and the figure."""

import re
from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from lstm_units.analyses.contributions.figure import contributions_figure
from lstm_units.analyses.contributions.table import (
    contributions_legend,
    contributions_table,
    print_table,
)
from lstm_units.errors import UserError
from lstm_units.io.figure_style import FONT_SIZE, save_figure
from lstm_units.statistics.margins import condition_rank

STATISTICS = {"confidence": 0.95, "samples": 200, "seed": 1}
SUM = ["long_range", "short_range", "rest", "bias"]
UNITS = {
    "long_range": [7],
    "short_range": [8, 9],
    "long_range_in_lower_layers": [],
    "short_range_in_lower_layers": [],
    "both": [],
    "short_range_against": [],
    "n_rest": 4,
    "last_layer": 2,
}


def planted(conditions=("SS", "SP", "PS", "PP"), n=30, seed=0, lemmas=True) -> pd.DataFrame:
    """Long-range units are right (+1) but in every tenth item; the rest decides the answer."""
    rng = np.random.default_rng(seed)
    rows = []
    for condition in conditions:
        for item in range(n):
            right = item % 3 > 0
            long_range = -0.5 if item % 10 == 0 else 1.0
            rest = 2.0 + rng.normal(0, 0.2) if right else -2.0 - rng.normal(0, 0.2)
            rows.append(
                {
                    "condition": condition,
                    "subject_number": "singular" if condition[0] == "S" else "plural",
                    "right": right,
                    "long_range": long_range,
                    "short_range": 0.3 if right else -0.3,
                    "rest": rest,
                    "bias": 0.1,
                    "subject_lemma": f"noun {item % 6}" if lemmas else None,
                    "verb_lemma": f"verb {item // 6}" if lemmas else None,
                }
            )
    table = pd.DataFrame(rows)
    table.insert(0, "item", np.arange(len(table)))
    table["margin"] = table[SUM].sum(axis=1)
    return table


def row(table, task, condition, answer):
    chosen = table[
        (table[["task", "condition", "answer"]] == [task, condition, answer]).all(axis=1)
    ]
    assert len(chosen) == 1
    return chosen.iloc[0]


def test_the_table_finds_the_planted_means_and_shares():
    items = planted()
    table = contributions_table({"nounpp": items}, UNITS, **STATISTICS)
    assert len(table) == 5 * 3
    wrong = row(table, "nounpp", "SP", "wrong")
    assert (wrong["n"], wrong["long_range_right"]) == (10, 0.9)
    assert wrong["short_range_right"] == 0
    assert wrong["long_range"] == pytest.approx((9 - 0.5) / 10)
    assert wrong["short_range"] == pytest.approx(-0.3)
    chosen = items[(items["condition"] == "SP") & ~items["right"]]
    for name in ("margin", "rest"):
        assert wrong[name] == pytest.approx(chosen[name].mean())
    for end in ("low", "high"):
        assert wrong[f"bias_{end}"] == pytest.approx(0.1)  # a constant has no spread
    assert wrong["long_range_right_low"] < 0.9 < wrong["long_range_right_high"]
    # Of a share of 0, Wilson's interval.
    low, high = (wrong[f"short_range_right_{end}"] for end in ("low", "high"))
    assert (low, high) == pytest.approx((0, 0.2775), abs=1e-4)
    pooled = row(table, "nounpp", "all", "all")
    assert pooled["n"] == len(items)
    assert pooled["margin"] == pytest.approx(items["margin"].mean())


def test_parts_of_the_mean_add_up_in_every_row():
    table = contributions_table({"nounpp": planted()}, UNITS, **STATISTICS)
    np.testing.assert_allclose(table[SUM].sum(axis=1), table["margin"], atol=1e-12)
    for name in [*SUM, "margin"]:
        assert (table[f"{name}_low"] <= table[name] + 1e-12).all()
        assert (table[name] <= table[f"{name}_high"] + 1e-12).all()


def test_means_are_less_certain_when_words_differ_than_when_items_do():
    """With the lemma deciding the rest, resampling lemmas must widen the interval."""
    items = planted(n=60)
    noun = items["subject_lemma"].str[-1].astype(int)
    items["rest"] = np.where(items["right"], 1.0, -1.0) * noun
    crossed = contributions_table({"nounpp": items}, UNITS, **STATISTICS)
    unknown = items.assign(subject_lemma=None, verb_lemma=None)
    plain = contributions_table({"nounpp": unknown}, UNITS, **STATISTICS)

    def width(table):
        one = row(table, "nounpp", "all", "right")
        return one["rest_high"] - one["rest_low"]

    assert width(crossed) > 2 * width(plain)
    assert set(crossed["resampled"]) == {"subject and verb lemmas"}
    assert set(plain["resampled"]) == {"items"}
    legend = contributions_legend(plain, UNITS, 0.95)
    assert "bootstrap over items." in legend[0]
    assert legend[-1] == (
        "Brackets of shares: 95% Wilson intervals, which ignore that items share words."
    )


def test_a_further_task_changes_no_row_of_the_others():
    one = contributions_table({"simple": planted(("S", "P"))}, UNITS, **STATISTICS)
    both = {"nounpp": planted(seed=3), "simple": planted(("S", "P"))}
    two = contributions_table(both, UNITS, **STATISTICS)
    assert list(dict.fromkeys(two["task"])) == ["simple", "nounpp"]
    pd.testing.assert_frame_equal(two[two["task"] == "simple"].reset_index(drop=True), one)


def test_without_units_there_is_no_share():
    units = {**UNITS, "long_range": []}
    items = planted().assign(long_range=0.0)
    table = contributions_table({"nounpp": items}, units, **STATISTICS)
    shares = ("right", "right_without_constant")
    names = [f"long_range_{share}{end}" for share in shares for end in ("", "_low", "_high")]
    assert table[[*names, "long_range_constant"]].isna().all(axis=None)
    assert table["short_range_right"].notna().all()
    shown = print_table(table, units)
    assert set(shown["long-range"]) == {"-"}
    assert [name for name in shown if "%" in name] == [
        "short-range right, %",
        "short-range without constant, %",
    ]
    assert "-" not in set(shown["short-range"])
    assert "There is no long-range unit in layer 2" in " ".join(
        contributions_legend(table, units, 0.95)
    )


def test_conditions_without_items_and_single_items_are_said_so():
    items = planted(("S", "P")).query("condition == 'P' or right").reset_index(drop=True)
    only = items.index[(items["condition"] == "P") & ~items["right"]]
    items = items.drop(index=only[1:])
    table = contributions_table({"simple": items}, UNITS, **STATISTICS)
    none, single = row(table, "simple", "S", "wrong"), row(table, "simple", "P", "wrong")
    assert none["n"] == 0 and np.isnan(none["margin"]) and np.isnan(none["long_range_right"])
    assert single["n"] == 1 and np.isfinite(single["margin"]) and np.isnan(single["margin_low"])
    shown = print_table(table, UNITS)
    assert shown.loc[none.name, "margin"] == "-"
    assert "[" not in shown.loc[single.name, "margin"]


def test_cells_for_people_hold_mean_and_interval_without_minus_zero():
    items = planted().assign(bias=-0.001)
    shown = print_table(contributions_table({"nounpp": items}, UNITS, **STATISTICS), UNITS)
    assert set(shown["bias"]) == {"0.00 [0.00, 0.00]"}
    for cell in shown["rest"]:
        mean, low, high = map(float, re.fullmatch(r"(\S+) \[(\S+), (\S+)\]", cell).groups())
        assert low <= mean <= high


def test_conditions_stand_in_the_papers_order():
    names = ["PP", "SPS", "PS", "S", "SSS", "SP", "PSS", "P", "SS", "SSP"]
    assert sorted(names, key=condition_rank) == [
        *("S", "P", "SS", "SP", "PS", "PP", "SSS", "SSP", "SPS", "PSS")
    ]


EIGHT = ("SSS", "SSP", "SPS", "SPP", "PSS", "PSP", "PPS", "PPP")


def table_of(tasks, units=UNITS):
    return contributions_table(tasks, units, **STATISTICS)


@pytest.fixture(scope="module")
def table():
    tasks = {"simple": planted(("S", "P")), "nounpp": planted(seed=1), "double": planted(EIGHT)}
    return table_of(tasks)


@pytest.fixture(scope="module")
def figure(table):
    return contributions_figure(table, UNITS, {"nounpp": "nounPP", "double": "double relative"})


def marks(axis):
    return [line for line in axis.lines if line.get_marker() not in ("None", "")]


def test_each_task_has_a_panel_of_means_and_one_of_shares(figure):
    titles = [axis.get_title() for axis in figure.axes]
    assert [title for title in titles if title] == ["simple", "nounPP", "double relative"]
    labels = {axis.get_ylabel().replace("\n", " ") for axis in figure.axes}
    assert labels == {"mean contribution (nats)", "points right (%)", ""}
    assert any("rightly : wrongly" in text.get_text() for text in figure.texts)


def test_marks_stand_at_the_means_of_the_table(figure, table):
    axis = next(axis for axis in figure.axes if axis.get_title() == "nounPP")
    drawn = sorted(float(line.get_ydata()[0]) for line in marks(axis))
    rows = table[(table["task"] == "nounpp") & (table["condition"] != "all")]
    rows = rows[rows["answer"] != "all"]
    np.testing.assert_allclose(drawn, np.sort(rows[[*SUM, "margin"]].to_numpy().ravel()))
    assert len({axis.get_ylim() for axis in figure.axes if axis.get_title()}) == 1
    low, high = axis.get_ylim()
    assert low < min(drawn) and max(drawn) < high


def test_shares_are_those_of_the_table(figure, table):
    axis = figure.axes[1 + [a.get_title() for a in figure.axes].index("nounPP")]
    rows = table[(table["task"] == "nounpp") & (table["condition"] != "all")]
    rows = rows[rows["answer"] != "all"]
    for kind, crosses in (("right", False), ("right_without_constant", True)):
        drawn = [line for line in marks(axis) if (line.get_marker() == "x") == crosses]
        heights = sorted(float(line.get_ydata()[0]) for line in drawn)
        expected = rows[[f"{group}_{kind}" for group in ("long_range", "short_range")]]
        np.testing.assert_allclose(heights, np.sort(100 * expected.to_numpy().ravel()))


def test_marks_of_shares_do_not_touch_side_by_side(figure):
    figure.draw_without_rendering()
    for axis in figure.axes:
        if not axis.get_title():
            places = sorted(float(line.get_xdata()[0]) for line in marks(axis))
            inches = axis.bbox.width / figure.dpi / (axis.get_xlim()[1] - axis.get_xlim()[0])
            assert 72 * inches * np.diff(places).min() > 3.9  # points; marks are 3.2 and an edge


def test_right_answers_are_filled_on_the_left_and_wrong_ones_hollow_on_the_right(figure):
    axis = next(axis for axis in figure.axes if axis.get_title() == "nounPP")
    for line in marks(axis):
        hollow = line.get_markerfacecolor() == "white"
        offset = line.get_xdata()[0] - round(float(line.get_xdata()[0]))
        assert hollow == (offset > 0)


def test_parts_differ_in_colour_and_marker(figure):
    axis = next(axis for axis in figure.axes if axis.get_title() == "nounPP")
    looks = {(line.get_color(), line.get_marker()) for line in marks(axis)}
    assert len(looks) == len({c for c, _ in looks}) == len({m for _, m in looks}) == 5


def test_conditions_are_labelled_with_their_counts(figure):
    index = [axis.get_title() for axis in figure.axes].index("nounPP")
    names = [label.get_text() for label in figure.axes[index + 1].get_xticklabels()]
    assert names == [f"{name}\n20 : 10" for name in ("SS", "SP", "PS", "PP")]


def test_the_legend_names_parts_and_numbers_of_units(figure, table):
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names[:2] == ["1 long-range unit", "2 short-range units"]
    assert len(names) == 7 and "without its constant preference" in names
    units = {**UNITS, "long_range": []}
    other = contributions_figure(table_of({"nounpp": planted()}, units), units)
    names = [text.get_text() for text in other.legends[0].get_texts()]
    assert names[0] == "no long-range unit"
    assert len(marks(other.axes[1])) == 8 * 2  # of the short-range units


def test_without_any_unit_no_share_is_drawn():
    units = {**UNITS, "long_range": [], "short_range": []}
    figure = contributions_figure(table_of({"nounpp": planted()}, units), units)
    assert [axis.get_title() for axis in figure.axes] == ["nounpp"]
    assert figure.axes[0].get_xticklabels()[0].get_text() == "SS\n20 : 10"
    assert len(marks(figure.axes[0])) == 8 * 3


@pytest.mark.parametrize("units", [UNITS, {**UNITS, "long_range": [], "short_range": []}])
def test_texts_have_one_size_do_not_overlap_and_lie_inside(units):
    tasks = {"simple": planted(("S", "P")), "nounpp": planted(), "double": planted(EIGHT)}
    tasks |= {name: planted(("S", "P"), seed=2) for name in ("adv", "adv_adv", "adv_conjunction")}
    table = table_of(tasks, units)
    table["n"] *= 97  # large counts
    figure = contributions_figure(table, units, {"double": "double subject relative"})
    figure.draw_without_rendering()
    renderer = figure.canvas.get_renderer()
    texts = [*figure.texts, *figure.legends[0].get_texts()]
    for axis in figure.axes:
        low, high = axis.get_ylim()
        texts += [axis.title, axis.yaxis.label, *axis.get_xticklabels()]
        # Labels of ticks beyond the limits exist, but are not drawn.
        texts += [text for text in axis.get_yticklabels() if low <= text.get_position()[1] <= high]
    texts = [text for text in texts if text.get_visible() and text.get_text()]
    assert {text.get_fontsize() for text in texts} == {FONT_SIZE}
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in texts]
    boxes = [(text, box) for text, box in boxes if box.width > 0]
    for (one, first), (two, second) in combinations(boxes, 2):
        overlap = (
            min(first.x1, second.x1) - max(first.x0, second.x0),
            min(first.y1, second.y1) - max(first.y0, second.y0),
        )
        assert min(overlap) <= 0.5, (one, two)
    legend = figure.legends[0].get_window_extent(renderer)
    assert all(axis.get_window_extent(renderer).y0 > legend.y1 for axis in figure.axes)
    for text, box in boxes:
        assert box.x0 >= 0 and box.y0 >= 0, text
        assert box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1, text


def test_equal_tables_give_equal_bytes(table, tmp_path):
    paths = [tmp_path / f"{number}.{kind}" for kind in ("png", "pdf") for number in (1, 2)]
    for path in paths:
        save_figure(contributions_figure(table, UNITS), path, {})
    contents = [path.read_bytes() for path in paths]
    assert contents[0] == contents[1] and contents[2] == contents[3]


def test_an_empty_table_is_refused(table):
    with pytest.raises(UserError, match="no contributions to draw"):
        contributions_figure(table.iloc[:0], UNITS)
