"""Items of several tasks laid end to end, with what their stimuli say."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from support.simulated_results import intact_rows

from lstm_units.errors import UserError
from lstm_units.io.results import Result
from lstm_units.statistics.intact_items import cell_numbers, lay_out_items, stimuli_of_items


def scores(items, condition, margin=None) -> Result:
    margin = np.ones(len(items)) if margin is None else margin
    return Result(intact_rows(items, condition, margin), source="intact/t.parquet")


def stimuli(items, subjects, attractors) -> Result:
    columns = {"item": items, "subject_number": subjects, "attractor_numbers": attractors}
    return Result(pa.table(columns), source="stimuli/t.parquet")


def test_tasks_stand_in_their_order_and_conditions_in_the_papers():
    found = lay_out_items(
        {"b": scores([5, 2, 0], ["PS", "SP", "SP"], [1.0, -1, 2]), "a": scores([1], ["all"])}
    )
    assert found.tasks == ("b", "a")
    assert found.item.tolist() == [0, 2, 5, 1]
    assert found.right.tolist() == [True, False, True, True]
    assert found.cells == (("b", "SP"), ("b", "PS"), ("a", "all"))
    assert found.cell.tolist() == [0, 0, 1, 2]
    assert found.span("a") == slice(3, 4)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "no task was given"),
        ({"t": scores([], [])}, "t.parquet holds no items: every item of t was dropped"),
        ({"t": scores([3, 3], ["S", "S"])}, "item 3 stands there twice"),
        ({"t": scores([3], [None])}, "an item has no condition"),
        ({"t": scores([3], ["S"], [np.nan])}, "item 3 of t has a margin that is not a number"),
    ],
)
def test_scores_that_are_not_whole_are_refused(given, message):
    with pytest.raises(UserError, match=message):
        lay_out_items(given)


def test_stimuli_take_the_order_of_the_items():
    intact = lay_out_items({"t": scores([1, 4], ["S", "S"])})
    given = stimuli([4, 1, 7], ["plural", "singular", None], [["singular"], [], None])
    found = stimuli_of_items({"t": given}, intact)["t"]
    pd.testing.assert_series_equal(
        found["subject_number"], pd.Series(["singular", "plural"], name="subject_number")
    )
    with pytest.raises(UserError, match="does not hold each scored item of t once"):
        stimuli_of_items({"t": stimuli([4], ["plural"], [[]])}, intact)
    with pytest.raises(UserError, match="no stimuli were given for the task t"):
        stimuli_of_items({}, intact)


def test_every_cell_has_the_numbers_of_its_items():
    intact = lay_out_items({"t": scores([0, 1, 2], ["SP", "SP", "x"])})
    given = stimuli([0, 1, 2], ["singular"] * 3, [["plural"], ["plural"], ["singular"]])
    found = cell_numbers(intact, stimuli_of_items({"t": given}, intact))
    assert [cell.incongruent for cell in found] == [True, False]
    assert [cell.congruent for cell in found] == [False, True]
