"""The words that units raise and lower, against brute force."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch

from lstm_units.analyses.efferents.words import efferent_words, strongest_activity, top_words
from lstm_units.errors import UserError
from lstm_units.io.results import Result


def activities(values):
    """Dynamics of the hidden state at position 4 from {unit: {condition: mean}}."""
    rows = [
        (unit, 2, variable, position, condition, 3, mean + (position != 4) * 10, 0.1)
        for unit, means in values.items()
        for condition, mean in means.items()
        for variable in ("hidden", "cell")
        for position in (3, 4)
    ]
    names = ("unit", "layer", "variable", "position", "condition", "n", "mean", "sd")
    return pd.DataFrame(rows, columns=names)


def test_the_activity_is_the_largest_mean_in_size_with_its_sign():
    table = activities(
        {
            6: {"PS": 0.2, "SS": 0.3, "SP": -0.7, "PP": np.nan},
            7: {"PP": 0.5, "SS": -0.5, "PS": 0.5, "SP": 0.1},  # a tie: the paper's order decides
        }
    )
    activity = strongest_activity(table, 4)
    assert list(activity.index) == [6, 7]
    assert list(activity["condition"]) == ["SP", "SS"]
    assert list(activity["activity"]) == [-0.7, -0.5]


def test_missing_hidden_states_are_refused():
    table = activities({6: {"SS": np.nan}})
    with pytest.raises(UserError, match="answers no item"):
        strongest_activity(table, 4)
    with pytest.raises(UserError, match="dump the variable hidden"):
        strongest_activity(table[table["variable"] == "cell"], 4)


def test_top_words_against_brute_force_and_unmoved_by_signs_and_constants():
    rng = np.random.default_rng(5)
    weight = torch.tensor(rng.normal(size=(30, 4)))
    words = [f"w{place}" for place in range(30)]
    activity = pd.DataFrame(
        {"condition": ["SS", "SP", "PS", "PP"], "activity": [0.5, -0.8, 0.1, -0.2]},
        index=pd.Index([6, 7, 8, 9], name="unit"),
    )
    table = top_words(weight, words, activity, 2, k=5)
    for column, unit in enumerate(activity.index):
        centred = weight[:, column].numpy() - weight[:, column].numpy().mean()
        effect = centred * activity.loc[unit, "activity"]
        order = np.argsort(effect)
        rows = table[table["unit"] == unit].set_index("direction")
        assert list(rows.loc["lowered", "word"]) == [words[place] for place in order[:5]]
        assert list(rows.loc["raised", "word"]) == [words[place] for place in order[::-1][:5]]
        np.testing.assert_allclose(rows.loc["raised", "effect"], effect[order[::-1][:5]])
        assert list(rows.loc["raised", "rank"]) == [1, 2, 3, 4, 5]
    negated = top_words(-weight, words, activity.assign(activity=-activity["activity"]), 2, k=5)
    unsigned = ["unit", "direction", "rank", "word", "effect", "condition"]
    pd.testing.assert_frame_equal(table[unsigned], negated[unsigned])
    shifted = top_words(weight + 100, words, activity, 2, k=5)
    pd.testing.assert_series_equal(table["word"], shifted["word"])


def test_equal_effects_keep_the_order_of_the_vocabulary_and_few_words_are_enough():
    activity = pd.DataFrame({"condition": ["SS"], "activity": [1.0]}, index=[6])
    weight = torch.tensor([[0.0], [1.0], [0.0], [1.0], [0.0]])
    table = top_words(weight, list("abcde"), activity, 2, k=3).set_index("direction")
    assert list(table.loc["raised", "word"]) == ["b", "d", "a"]
    assert list(table.loc["lowered", "word"]) == ["a", "c", "e"]
    assert len(top_words(weight, list("abcde"), activity, 2, k=50)) == 10


def test_dynamics_of_another_checkpoint_or_without_a_unit_are_refused(random_model):
    model = replace(random_model((5, 2)), sha256="a")
    table = pa.Table.from_pandas(activities({6: {"SS": 0.2}, 7: {"SS": 0.1}}))
    items = SimpleNamespace(task="nounpp", verb_position=5)
    made = {"checkpoint_sha256": "a"}
    assert efferent_words(model, Result(table, made), items, n_words=3).content.num_rows == 12
    with pytest.raises(UserError, match="made from another checkpoint"):
        other = Result(table, {"checkpoint_sha256": "b"})
        efferent_words(model, other, items, n_words=3)
    with pytest.raises(UserError, match=r"unit 7 of the last layer; dump .* layer 2"):
        rest = table.filter(pa.compute.field("unit") == 6)
        efferent_words(model, Result(rest, made), items, n_words=3)
