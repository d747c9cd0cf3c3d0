import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstm_units.config.sweep_plan import (
    groups,
    layer_range,
    not_ablated,
    read_layer_sizes,
    shard_ranges,
    shards,
    swept_layers,
    unit_selection,
)
from lstm_units.errors import CheckpointError, ConfigurationError


def test_unit_selection_unites_numbers_and_ranges():
    assert unit_selection("all") == "all"
    assert unit_selection([776, "1-3", 2, "2 - 4"]) == [1, 2, 3, 4, 776]
    assert unit_selection("5-6") == [5, 6]


@pytest.mark.parametrize("entry", ["3-2", "0-4", 0, -1, "x", True, 1.5, None, "1-"])
def test_unit_selection_refuses_what_is_no_unit(entry):
    with pytest.raises(ConfigurationError, match=r"ablation\.units"):
        unit_selection([1, entry])


def test_the_published_shape_gives_twenty_equal_shards():
    cut = shards((650, 650), [1, 2], "all", 65)
    assert len(cut) == 20
    assert cut[0] == (1, 65) and cut[10] == (651, 715) and cut[-1] == (1236, 1300)
    assert shards((650, 650), [2], "all", 65) == cut[10:]


def test_a_selection_gives_runs_cut_at_the_grid():
    assert shards((650, 650), [1, 2], unit_selection(["1-13", "651-663"]), 13) == [
        (1, 13),
        (651, 663),
    ]
    assert shards((10,), [1], [2, 3, 4, 5, 6, 9], 4) == [(2, 4), (5, 6), (9, 9)]
    assert shards((4, 6), [1], [6], 4) == []


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=4),
    st.integers(1, 12),
    st.data(),
)
def test_shards_cover_the_selected_units_of_the_layers_once_and_never_span_two(sizes, size, data):
    n_units = sum(sizes)
    layers = data.draw(st.lists(st.integers(1, len(sizes)), unique=True, max_size=len(sizes)))
    units = data.draw(
        st.one_of(st.just("all"), st.lists(st.integers(1, n_units), unique=True, max_size=n_units))
    )
    layer_of = [layer for layer, n in enumerate(sizes, start=1) for _ in range(n)]
    cut = shards(sizes, layers, units, size)
    covered = [unit for first, last in cut for unit in range(first, last + 1)]
    wanted = [
        unit
        for unit in range(1, n_units + 1)
        if layer_of[unit - 1] in layers and (units == "all" or unit in units)
    ]
    assert covered == wanted
    for first, last in cut:
        start = layer_of.index(layer_of[first - 1]) + 1
        assert layer_of[first - 1] == layer_of[last - 1]
        assert (first - start) // size == (last - start) // size


def test_more_units_leave_complete_shards_as_they_are():
    few = shards((650, 650), [1, 2], unit_selection(["1-130"]), 65)
    more = shards((650, 650), [1, 2], unit_selection(["1-200"]), 65)
    assert few == more[:2]


@pytest.mark.parametrize("unit", [0, 11])
def test_a_unit_that_the_model_does_not_have_is_refused(unit):
    with pytest.raises(ConfigurationError, match=f"found unit {unit}, expected 1 to 10"):
        shards((4, 6), [1, 2], [3, unit], 4)


def test_all_layers_of_legacy_are_all_but_the_last():
    assert swept_layers((5, 5, 5), "zero", "all") == [1, 2, 3]
    assert swept_layers((5, 5, 5), "legacy", "all") == [1, 2]
    assert swept_layers((5,), "legacy", "all") == []
    assert swept_layers((5, 5), "mean", [2, 1]) == [1, 2]


def test_layers_that_a_mode_does_not_have_are_refused():
    with pytest.raises(ConfigurationError, match=r"layers\.legacy: found layer 2.*equals zero"):
        swept_layers((5, 5), "legacy", [1, 2])
    with pytest.raises(ConfigurationError, match=r"layers\.zero: found layer 3.*the model has 2"):
        swept_layers((5, 5), "zero", [3])


ABLATION = {"modes": ["zero"], "layers": {"zero": [2]}, "units": ["1-5"], "shard_size": 4}
TASK = {"tasks": ["a"], "task_definitions": {"a": {"group": "a", "sweep": True}}}


def test_a_mode_that_ablates_no_unit_of_a_model_says_why():
    config = {"models": ["m"], "ablation": ABLATION, **TASK}
    assert not_ablated(config, (4, 5), "zero") is None
    assert "`ablation.units` and `ablation.layers.zero`" in not_ablated(config, (5, 5), "zero")
    unswept = {"a": {"group": "a", "sweep": False}}
    found = not_ablated({**config, "task_definitions": unswept}, (4, 5), "zero")
    assert found == "all of `tasks` have `sweep: false`"


def test_of_several_models_each_ablates_what_it_has():
    config = {"models": ["m", "smaller"], "ablation": ABLATION, **TASK}
    assert shard_ranges(config, (4, 5), "zero") == [(5, 5)]
    assert shard_ranges(config, (4,), "zero") == []
    with pytest.raises(ConfigurationError, match="found layer 2"):
        shard_ranges({**config, "models": ["smaller"]}, (4,), "zero")


@pytest.mark.parametrize(("unit", "layer"), [(1, (1, 4)), (4, (1, 4)), (5, (5, 10)), (10, (5, 10))])
def test_a_unit_lies_between_the_ends_of_its_layer(unit, layer):
    assert layer_range((4, 6), unit) == layer


@pytest.mark.parametrize("unit", [0, 11])
def test_a_unit_beyond_the_last_layer_has_none(unit):
    with pytest.raises(ConfigurationError, match=f"no unit {unit} in 10"):
        layer_range((4, 6), unit)


def test_groups_keep_the_order_of_the_tasks_and_part_swept_from_unswept():
    config = {
        "tasks": ["c", "a", "linzen", "b"],
        "task_definitions": {
            "a": {"group": "short", "sweep": True},
            "b": {"group": "long", "sweep": True},
            "c": {"group": "short", "sweep": True},
            "linzen": {"group": "long", "sweep": False},
            "unused": {"group": "long", "sweep": True},
        },
    }
    assert groups(config) == {"short": ["c", "a"], "long": ["b"]}
    assert list(groups(config)) == ["short", "long"]
    assert groups(config, swept=False) == {"long": ["linzen"]}


def test_layer_sizes_come_from_the_converted_checkpoint(tmp_path, project):
    assert read_layer_sizes(project / "models" / "wikipedia650" / "model.json") == (650, 650)
    path = tmp_path / "model.json"
    path.write_text(json.dumps({"layer_sizes": [3, 5, 2]}))
    assert read_layer_sizes(path) == (3, 5, 2)


@pytest.mark.parametrize(
    "content", [None, "", "{", "[]", "{}", '{"layer_sizes": []}', '{"layer_sizes": [1.5]}', "3"]
)
def test_a_damaged_model_description_is_named(tmp_path, content):
    path = tmp_path / "model.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(CheckpointError, match=r"model\.json.*Delete the file"):
        read_layer_sizes(path)
