"""Random sets: matched, redrawable, fair draws; and what a family tests."""

import re
from collections import Counter

import numpy as np
import pytest
from scipy import stats

from lstm_units.analyses.controls.random_sets import (
    FAMILIES,
    UnitSet,
    control_sets,
    draw_set,
    draw_sets,
    family_set,
    sets_table,
)
from lstm_units.errors import ConfigurationError, InterventionError, UserError
from lstm_units.io.files import make_metadata
from lstm_units.io.results import Result
from lstm_units.io.unit_numbers import layer_of_units

SIZES = (20, 30)
TESTED = (3, 17, 25, 30, 41)  # two units of the first layer, three of the second
LAYER = dict(enumerate(layer_of_units(SIZES), start=1))


def layers(units):
    return Counter(LAYER[unit] for unit in units)


def test_the_tested_set_is_number_0_and_random_ones_follow():
    sets = draw_sets(TESTED[::-1], SIZES, 50, seed=1)
    assert sets[0] == UnitSet(0, TESTED, None)
    assert [chosen.number for chosen in sets] == list(range(51))
    for chosen in sets:
        assert len(set(chosen.units)) == len(TESTED)
        assert list(chosen.units) == sorted(chosen.units)
    assert len({chosen.units for chosen in sets}) > 45


def test_matched_by_layer_every_set_has_the_tested_sets_layers():
    assert {tuple(layers(s.units).items()) for s in draw_sets(TESTED, SIZES, 200, 1)} == {
        ((1, 2), (2, 3))
    }
    mixed = {layers(s.units)[1] for s in draw_sets(TESTED, SIZES, 200, 1, match="all")}
    assert len(mixed) > 3  # over all layers the counts vary


def test_a_set_is_redrawn_from_its_own_seed_alone():
    for match in ("layer", "all"):
        sets = draw_sets(TESTED, SIZES, 20, 5, match, excluded=(50,))
        assert len({chosen.seed for chosen in sets}) == 21
        for chosen in sets[1:]:
            assert 0 <= chosen.seed < 2**63
            assert draw_set(chosen.seed, TESTED, SIZES, match, (50,)) == chosen.units


def test_more_sets_leave_the_earlier_ones_as_they_are():
    assert draw_sets(TESTED, SIZES, 100, 5)[:31] == draw_sets(TESTED, SIZES, 30, 5)


def test_another_seed_gives_other_sets():
    assert draw_sets(TESTED, SIZES, 30, 5)[1:] != draw_sets(TESTED, SIZES, 30, 6)[1:]


@pytest.mark.parametrize("match", ["layer", "all"])
def test_every_unit_that_is_not_excluded_is_drawn_equally_often(match):
    excluded = (1, 2, 50)
    sets = draw_sets(TESTED, SIZES, 3000, 7, match, excluded)[1:]
    drawn = Counter(unit for chosen in sets for unit in chosen.units)
    assert not set(excluded) & set(drawn)
    assert set(TESTED) <= set(drawn)  # the tested units belong to the null
    pools = [range(3, 21), range(21, 50)] if match == "layer" else [range(3, 50)]
    for pool in pools:
        assert stats.chisquare([drawn[unit] for unit in pool]).pvalue > 0.001


def test_a_set_of_all_units_of_a_layer_has_one_random_set():
    sets = draw_sets(range(1, 21), SIZES, 10, 0)
    assert {chosen.units for chosen in sets} == {tuple(range(1, 21))}


def test_too_few_units_are_refused():
    needed = r"2 units of layer 1 .* there are 1 .*match: all.*exclude_long_range: false"
    with pytest.raises(UserError, match=needed):
        draw_set(0, (1, 2), SIZES, excluded=tuple(range(2, 21)))
    with pytest.raises(UserError, match="of all layers together") as raised:
        draw_set(0, (1, 2), SIZES, "all", excluded=tuple(range(2, 51)))
    assert "match" not in str(raised.value)
    with pytest.raises(UserError, match="unit 3 is tested and excluded at once"):
        draw_sets(TESTED, SIZES, 10, 0, excluded=(3,))
    with pytest.raises(UserError, match="0 random sets were asked for"):
        draw_sets(TESTED, SIZES, 0, 0)
    with pytest.raises(UserError, match="match is 'layers'; write one of layer, all"):
        draw_sets(TESTED, SIZES, 1, 0, match="layers")
    with pytest.raises(InterventionError, match="unit 51 does not exist"):
        draw_sets((51,), SIZES, 1, 0)


def test_an_empty_set_has_no_random_sets():
    assert draw_sets((), SIZES, 10, 0) == []
    table = sets_table([])
    assert table.num_rows == 0 and table.schema.names == ["set", "unit", "seed"]


def test_families_test_the_units_of_their_lists():
    lists = {"syntax": [9, 3, 5], "long_range": [5, 12], "short_range": [7]}
    assert family_set("syntax", lists).units == (3, 9)
    assert family_set("syntax", lists).excluded == (5, 12)
    assert family_set("syntax", lists, exclude_long_range=False).units == (3, 5, 9)
    assert family_set("syntax", lists, exclude_long_range=False).excluded == ()
    assert family_set("short_range", lists).units == (7,)
    both = family_set("short_and_long_range", lists)
    assert (both.units, both.excluded, both.reason) == ((5, 7, 12), (), None)


def test_a_family_needs_its_lists():
    with pytest.raises(ConfigurationError, match="family syntax needs the list of long_range"):
        family_set("syntax", {"syntax": [3]})
    assert family_set("syntax", {"syntax": [3]}, exclude_long_range=False).units == (3,)
    with pytest.raises(ConfigurationError, match=r"unknown family of sets 'noun'.*short_range"):
        family_set("noun", {})


@pytest.mark.parametrize(
    ("family", "lists", "reason"),
    [
        ("syntax", {"syntax": [], "long_range": [1]}, "no syntax unit"),
        ("syntax", {"syntax": [1], "long_range": [1]}, "all syntax units .* are long-range"),
        ("short_range", {"short_range": []}, "no short-range unit"),
        ("short_and_long_range", {"short_range": [3], "long_range": []}, "no long-range unit"),
        ("short_and_long_range", {"short_range": [], "long_range": []}, "neither"),
    ],
)
def test_a_family_without_a_set_says_why(family, lists, reason):
    found = family_set(family, lists)
    assert found.units == ()
    assert re.search(reason, found.reason)


def listed(*units, checkpoint="a") -> Result:
    metadata = make_metadata(checkpoint_sha256=checkpoint)
    return Result({"units": [{"unit": unit} for unit in units]}, metadata, "a list")


def test_the_table_of_sets_says_how_they_were_drawn():
    lists = {"syntax": listed(3, 17, 40, 41), "long_range": listed(40, 50)}
    options = {"n_sets": 25, "match": "layer", "exclude_long_range": True, "seed": 4}
    found = control_sets("syntax", SIZES, lists, **options)
    assert [str(field.type) for field in found.content.schema] == ["int32", "int16", "int64"]
    rows = found.frame
    assert rows["set"].tolist() == np.repeat(range(26), 3).tolist()
    assert rows.loc[rows["set"] == 0, "unit"].tolist() == [3, 17, 41]
    assert rows.loc[rows["set"] == 0, "seed"].isna().all()
    assert rows[rows["set"] > 0].groupby("set")["seed"].nunique().eq(1).all()
    made = found.metadata
    assert (made["tested"], made["excluded"], made["reason"]) == ([3, 17, 41], [40, 50], None)
    assert (made["seed"], made["config"]["match"], made["config"]["n_sets"]) == (4, "layer", 25)
    assert made["checkpoint_sha256"] == "a"


@pytest.mark.parametrize("family", FAMILIES)
def test_without_a_set_there_are_no_rows_and_a_reason(family):
    short = [4] if family == "short_and_long_range" else []
    lists = {"syntax": listed(), "long_range": listed(), "short_range": listed(*short)}
    options = {"n_sets": 10, "match": "layer", "exclude_long_range": True, "seed": 4}
    found = control_sets(family, SIZES, lists, **options)
    assert found.content.num_rows == 0
    assert found.metadata["tested"] == []
    assert found.metadata["reason"].startswith("this model has n")
    lists["long_range"] = listed(3, checkpoint="b")
    with pytest.raises(UserError, match="was made from another checkpoint"):
        control_sets(family, SIZES, lists, **options)
