"""Congruent and incongruent, by the numbers of subject and attractors."""

import pyarrow as pa
import pytest

from lstm_units.io.files import make_metadata, write_parquet
from lstm_units.io.result_files import ResultFiles
from lstm_units.stimuli.aligned_items import align_items
from lstm_units.stimuli.congruence import (
    COLUMNS,
    ConditionNumbers,
    condition_numbers,
    incongruent_items,
    read_conditions,
)
from lstm_units.stimuli.generation import generate

S, P = "singular", "plural"


@pytest.mark.parametrize(
    ("subject", "attractors", "incongruent"),
    [
        (S, [P], True),
        (P, [P], False),
        (S, [S, P], True),  # one of several is enough
        (S, [], False),
        (S, None, False),
        (S, [None, P], True),  # an unknown number differs from none
        (S, [None], False),
        (None, [P], False),
    ],
)
def test_an_item_is_incongruent_by_an_attractor_of_another_number(subject, attractors, incongruent):
    assert incongruent_items([subject], [attractors]).tolist() == [incongruent]


@pytest.mark.parametrize(
    ("subjects", "attractors", "expected"),
    [
        ([S, S], [[P], [P]], (S, True, False)),
        ([S, S], [[S], [S]], (S, False, True)),
        ([S, S], [[P], [S]], (S, False, False)),
        ([P, P], [[S, P], [P, S]], (P, True, False)),
        ([S, S], [[], None], (S, False, False)),  # nothing to carry the number over
        ([S, P], [[P], [S]], (None, False, False)),  # of no one number
        ([S, P], [[S], [P]], (None, False, True)),
        ([None, None], [[P], [S]], (None, False, False)),
    ],
)
def test_a_condition_is_what_all_its_items_are(subjects, attractors, expected):
    assert condition_numbers(subjects, attractors) == ConditionNumbers(*expected)


def test_conditions_are_described_by_their_items_whatever_their_names(tmp_path):
    for task, names in (("one", ("SS", "PP")), ("two", ("SP",))):
        table = pa.table([names, [S] * len(names), [[P]] * len(names)], names=list(COLUMNS))
        write_parquet(table, tmp_path / "stimuli" / f"{task}.parquet", make_metadata())
    places = [("one", "SS"), ("one", "PP"), ("two", "SP")]
    across = ConditionNumbers(S, True, False)
    assert read_conditions(ResultFiles(tmp_path)) == dict.fromkeys(places, across)


def test_the_letters_of_generated_conditions_say_the_same(english):
    items = align_items(generate(english, "nounpp", 3, True, 1), "nounpp")
    assert items.incongruent.tolist() == [name in ("SP", "PS") for name in items.condition]
