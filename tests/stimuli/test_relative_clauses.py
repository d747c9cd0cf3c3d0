"""Relative clauses: every noun and verb form checked against the lexicon table itself."""

from collections import Counter
from itertools import product

import pytest

from lstm_units.stimuli.aligned_items import align_items
from lstm_units.stimuli.balance import check_balance
from lstm_units.stimuli.generation import generate

ITEMS = 600
# Which noun each embedded verb belongs to is written down here anew, word by word: n and v are a
# noun and a verb, the figure says which noun (from the left) they are or agree with.
STRUCTURES = {
    "subject_relative": "The n1 that v1 the n2 v1 the n3 .",
    "double_subject_relative": "The n1 that v1 the n2 that v2 the n3 v1 the n4 .",
    "object_relative": "The n1 that the n2 v2 v1 the n3 .",
    "object_relative_without_that": "The n1 the n2 v2 v1 the n3 .",
}
NOUNS = {"subject_relative": 2, "double_subject_relative": 3}  # with a number of their own


@pytest.fixture(scope="module")
def forms(project):
    """Lemma and number of every form of persons and verbs, read without the package."""
    found = {"n": {}, "v": {}}
    path = project / "stimuli" / "english" / "lexicon.tsv"
    for line in path.read_text(encoding="utf-8").splitlines()[1:]:
        category, lemma, singular, plural = line.split("\t")[:4]
        kind = {"person": "n", "verb": "v"}.get(category)
        if kind:
            assert singular != plural
            found[kind] |= {singular: (lemma, "S"), plural: (lemma, "P")}
    return found


@pytest.fixture(scope="module")
def tables(english):
    return {task: generate(english, task, ITEMS, True, 2019) for task in STRUCTURES}


@pytest.fixture(scope="module")
def sentences(tables, forms):
    rows = {task: table.to_pylist() for task, table in tables.items()}
    return {task: list(parsed(rows[task], task, forms)) for task in STRUCTURES}


def conditions(task):
    return ["".join(letters) for letters in product("SP", repeat=NOUNS.get(task, 2))]


def parsed(table, task, forms):
    """Nouns and verbs of each sentence as (lemma, number, which noun), fixed words checked."""
    structure = STRUCTURES[task].split()
    for row in table:
        tokens = row["tokens"]
        assert len(tokens) == len(structure)
        nouns, verbs = [], []
        for token, place in zip(tokens, structure, strict=True):
            if place[0] in "nv" and place[1:].isdigit():
                lemma, number = forms[place[0]][token]
                (nouns if place[0] == "n" else verbs).append((lemma, number, int(place[1])))
            else:
                assert token == place
        yield row, nouns, verbs


@pytest.mark.parametrize("task", STRUCTURES)
def test_all_number_combinations_occur_equally_often(sentences, task):
    counts = Counter(
        "".join(number for _, number, _ in nouns[: NOUNS.get(task, 2)])
        for _, nouns, _ in sentences[task]
    )
    assert counts == dict.fromkeys(conditions(task), ITEMS)
    assert len(counts) in (4, 8)


@pytest.mark.parametrize("task", STRUCTURES)
def test_the_condition_names_the_numbers_in_the_sentence(sentences, task):
    letter = {"singular": "S", "plural": "P"}
    for row, nouns, _ in sentences[task]:
        numbers = "".join(number for _, number, _ in nouns)[: len(row["condition"])]
        assert row["condition"] == numbers
        known = [row["subject_number"], *row["attractor_numbers"]]
        assert "".join(letter[number] for number in known) == numbers


@pytest.mark.parametrize("task", STRUCTURES)
def test_every_verb_agrees_with_the_noun_it_belongs_to(sentences, task):
    seen = set()
    for _, nouns, verbs in sentences[task]:
        for place, (_, number, noun) in enumerate(verbs):
            assert number == nouns[noun - 1][1]
            seen.add((place, number))
    assert seen == set(product(range(STRUCTURES[task].count(" v")), "SP"))


@pytest.mark.parametrize("task", STRUCTURES)
def test_the_scored_verb_is_the_main_one_and_its_wrong_form_has_the_other_number(
    sentences, forms, task
):
    structure = STRUCTURES[task].split()
    main = max(place for place, name in enumerate(structure) if name.startswith("v"))
    assert structure[main] == "v1"
    for row, nouns, _ in sentences[task]:
        assert row["verb_position"] == main
        assert row["tokens"][main] == row["correct"]
        lemma, number = forms["v"][row["correct"]]
        assert number == nouns[0][1]
        other, wrong = forms["v"][row["wrong"]]
        assert other == lemma == row["verb_lemma"]
        assert wrong != number


@pytest.mark.parametrize("task", STRUCTURES)
def test_the_verb_has_an_object_and_the_sentence_ends(sentences, forms, task):
    for row, nouns, _ in sentences[task]:
        verb = row["verb_position"]
        assert row["tokens"][verb + 1] == "the"
        assert row["tokens"][verb + 2] in forms["n"]
        assert row["tokens"][verb + 3 :] == ["."]
        assert nouns[-1][1] == "S"


@pytest.mark.parametrize("task", STRUCTURES)
def test_words_are_balanced_and_no_sentence_occurs_twice(tables, task):
    assert check_balance(tables[task]).empty
    sentences = [tuple(tokens) for tokens in tables[task]["tokens"].to_pylist()]
    assert len(set(sentences)) == len(sentences) == ITEMS * len(conditions(task))


@pytest.mark.parametrize("task", STRUCTURES)
def test_items_can_be_compared_word_by_word(tables, task):
    items = align_items(tables[task], task)
    assert len(items) == ITEMS * len(conditions(task))
    structure = STRUCTURES[task].split()
    nouns = [place for place, name in enumerate(structure) if name[0] == "n"]
    assert (items.subject_position, *items.attractor_positions) == tuple(nouns[:-1])
    incongruent = sum(len(set(c)) > 1 for c in conditions(task))
    assert len(items.select("incongruent")) == ITEMS * incongruent
