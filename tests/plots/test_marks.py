"""What marks mean: one colour and shape for each role, and no other home for them."""

import ast
import itertools
import re
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb

import lstm_units
from lstm_units.plots.marks import NEUTRAL, NUMBERS, ROLES, number_mark, series_mark, unit_mark

HEX = re.compile("#[0-9A-Fa-f]{6}")
PACKAGE = Path(lstm_units.__file__).parent
ALL = {**NUMBERS, **ROLES}
# Machado, Oliveira and Fernandes 2009: how colours look without red, and without green, cones.
BLIND = {
    "protan": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "deutan": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "none": np.eye(3),
}


def linear(color):
    value = np.array(to_rgb(color))
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


@pytest.mark.parametrize("vision", BLIND)
def test_roles_differ_in_shape_and_in_colour(vision):
    assert len({mark.marker for mark in ALL.values()}) == len(ALL)
    seen = {role: np.clip(BLIND[vision] @ linear(mark.color), 0, 1) ** (1 / 2.2)
            for role, mark in ALL.items()}  # fmt: skip
    for one, other in itertools.combinations(seen, 2):
        assert np.abs(seen[one] - seen[other]).max() > 0.1, (one, other)


def test_series_and_the_neutral_mark_are_taken_for_no_role():
    looks = [series_mark(place) for place in range(60)]
    assert len(set(looks)) == 60
    for mark in (NEUTRAL, *(mark for mark, _ in looks)):
        assert mark.color not in {role.color for role in ALL.values()}
    assert not {mark.marker for mark, _ in looks} & {role.marker for role in ALL.values()}


def test_a_unit_that_only_comes_nearest_has_the_hollow_mark_of_its_role():
    for kind, number in (("", "singular"), ("", None), ("syntax", None), ("short-range", None)):
        nearest, found = (
            unit_mark(f"nearest {kind}".strip(), number),
            unit_mark(kind or "long-range", number),
        )
        assert (nearest.color, nearest.marker) == (found.color, found.marker)
        assert (found.filled, nearest.filled) == (True, False)
        assert "criteria not met" in nearest.label
    assert unit_mark("long-range", "plural").marker == number_mark("plural").marker
    assert number_mark(None) == NEUTRAL


def test_no_other_module_names_a_colour_or_a_mark():
    wrong = []
    for path in PACKAGE.rglob("*.py"):
        if path.parent.name == "plots":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            pairs = []
            if isinstance(node, ast.Call):
                pairs = [(word.arg, word.value) for word in node.keywords]
                if getattr(node.func, "attr", None) == "plot":  # plot(x, y, "o")
                    pairs += [("marker", value) for value in node.args]
            elif isinstance(node, ast.Dict):
                keys = [getattr(key, "value", None) for key in node.keys]
                pairs = zip(keys, node.values, strict=True)
            elif isinstance(node, ast.Constant) and HEX.fullmatch(str(node.value)):
                pairs = [("color", node)]
            for name, value in pairs:
                text = value.value if isinstance(value, ast.Constant) else None
                named = isinstance(name, str) and (name == "marker" or name.endswith("color"))
                if named and isinstance(text, str) and text not in ("white", "none"):
                    wrong.append(f"{path.relative_to(PACKAGE)}:{node.lineno} {name}={text}")
    assert not wrong
