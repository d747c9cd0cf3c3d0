"""Items word by word: positions, numbers and lemmas, and what cannot be aligned."""

import numpy as np
import pytest
from support.made_files import write_stimuli

from lstm_units.errors import NotRun, UserError
from lstm_units.io.files import make_metadata
from lstm_units.stimuli.aligned_items import align_items, read_aligned_items
from lstm_units.stimuli.generation import generate
from lstm_units.stimuli.table import make_stimuli

DOUBLE = "double_subject_relative"


def aligned(language, task, n=16):
    return align_items(generate(language, task, n, True, 1), task)


def rows(*changes):
    base = {
        "tokens": ["The", "boy", "near", "the", "cars", "greets", "the", "man", "."],
        "subject_position": 1,
        "attractor_positions": [4],
        "verb_position": 5,
        "correct": "greets",
        "wrong": "greet",
        "condition": "SP",
        "subject_number": "singular",
        "attractor_numbers": ["plural"],
        "subject_lemma": "boy",
        "attractor_lemmas": ["car"],
    }
    return make_stimuli([{**base, **change} for change in changes])


@pytest.mark.parametrize("task", ["simple", "nounpp", "object_relative", DOUBLE])
def test_numbers_and_lemmas_are_those_of_the_words_at_the_positions(english, task):
    table = generate(english, task, 16, True, 1)
    items = align_items(table, task)
    assert len(items) == table.num_rows
    assert items.words == tuple(table["tokens"][0].as_py())
    places = [(items.subject_position, items.subject_number, items.subject_lemma)]
    for which, position in enumerate(items.attractor_positions):
        numbers, lemmas = items.attractor_numbers[:, which], items.attractor_lemmas[:, which]
        places.append((position, numbers, lemmas))
    for position, numbers, lemmas in places:
        for tokens, number, lemma in zip(table["tokens"].to_pylist(), numbers, lemmas, strict=True):
            assert (tokens[position] == lemma) == (number == "singular"), tokens
    assert items.n_positions == len(items.words)


def test_labels_lemmas_and_positions_follow_the_name(english):
    items = aligned(english, DOUBLE)
    assert items.position("subject_number") == items.subject_position == 1
    assert items.position("attractor_number") == items.position("attractor_1_number") == 5
    assert items.position("attractor_2_number") == 9
    letters = np.array([list(condition) for condition in items.condition])
    for place, name in enumerate(("subject_number", "attractor_number", "attractor_2_number")):
        np.testing.assert_array_equal(items.label(name), letters[:, place] == "S")
    np.testing.assert_array_equal(items.lemma("attractor_2_number"), items.attractor_lemmas[:, 1])
    with pytest.raises(UserError, match="has 2 attractors, so it has no attractor_3"):
        items.label("attractor_3_number")
    with pytest.raises(UserError, match="'verb_number' is unknown"):
        items.position("verb_number")


def test_conditions_are_selected_by_name_or_by_congruence(english):
    items = aligned(english, "nounpp")
    assert items.select("all") is items
    chosen = items.select("incongruent")
    assert set(chosen.condition) == {"SP", "PS"}
    np.testing.assert_array_equal(chosen.item, items.item[np.isin(items.condition, ["SP", "PS"])])
    assert set(items.select(["SS", "PP"]).condition) == {"SS", "PP"}
    with pytest.raises(NotRun, match="has no condition XX; it has PP, PS, SP, SS"):
        items.select(["XX"])
    with pytest.raises(NotRun, match="simple has no incongruent items"):
        aligned(english, "simple").select("incongruent")


def test_any_attractor_of_another_number_makes_an_item_incongruent(english):
    chosen = aligned(english, DOUBLE).select("incongruent")
    assert set(chosen.condition) == {"SSP", "SPS", "SPP", "PSS", "PSP", "PPS"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"subject_position": 2}, "subject_position is 1, 2"),
        ({"attractor_positions": [2, 4]}, "attractor_positions is"),
        ({"attractor_positions": None}, "attractor_positions is"),
        ({"subject_number": None}, "singular or plural as subject_number"),
        ({"attractor_numbers": None}, "singular or plural as attractor_numbers"),
    ],
)
def test_items_of_several_structures_or_unknown_numbers_are_refused(change, message):
    with pytest.raises(NotRun, match=message):
        align_items(rows({}, change), "pairs")


def test_items_without_a_subject_position_are_refused():
    with pytest.raises(NotRun, match="subject_position is None"):
        align_items(rows({"subject_position": None}), "pairs")


def test_unknown_lemmas_are_refused_only_where_they_are_needed():
    items = align_items(rows({}, {"subject_lemma": None}), "pairs")
    assert items.label("subject_number").all()
    assert not items.knows_lemma("subject_number") and items.knows_lemma("attractor_number")
    with pytest.raises(NotRun, match="do not all name the lemma that subject_number"):
        items.lemma("subject_number")
    assert items.lemma("attractor_number").tolist() == ["car", "car"]


def test_the_shortest_sentence_gives_the_number_of_positions(tmp_path):
    longer = ["The", "boy", "near", "the", "cars", "greets", "the", "old", "man", "."]
    path = tmp_path / "pairs.parquet"
    write_stimuli(rows({}, {"tokens": longer}), path, make_metadata())
    items = read_aligned_items(path)
    assert items.task == "pairs"
    assert items.n_positions == 9
