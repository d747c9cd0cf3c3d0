"""Relative clauses: every noun and verb form checked against the lexicon table itself."""

from collections import Counter, defaultdict
from itertools import product
from pathlib import Path

import pytest

from lstm_units.stimuli.aligned_items import align_items
from lstm_units.stimuli.balance import check_balance
from lstm_units.stimuli.generation import generate
from lstm_units.stimuli.language_tables import read_language

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
def tables(project):
    language = read_language(project / "stimuli" / "english")
    return {task: generate(language, task, ITEMS, True, 2019) for task in STRUCTURES}


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
def test_no_noun_and_no_verb_occurs_twice_in_a_sentence(sentences, task):
    for row, nouns, verbs in sentences[task]:
        lemmas = [lemma for lemma, *_ in (*nouns, *verbs)]
        assert len(set(lemmas)) == len(lemmas), row["tokens"]


@pytest.mark.parametrize("task", STRUCTURES)
def test_the_verb_has_an_object_and_the_sentence_ends(sentences, forms, task):
    for row, nouns, _ in sentences[task]:
        verb = row["verb_position"]
        assert row["tokens"][verb + 1] == "the"
        assert row["tokens"][verb + 2] in forms["n"]
        assert row["tokens"][verb + 3 :] == ["."]
        assert nouns[-1][1] == "S"


@pytest.mark.parametrize("task", STRUCTURES)
def test_conditions_share_their_frames(sentences, task):
    """In each frame, all conditions have the same lemmas at the same places."""
    frames = defaultdict(list)
    for row, nouns, verbs in sentences[task]:
        words = tuple(lemma for lemma, *_ in (*nouns, *verbs))
        frames[row["frame"]].append((row["condition"], words))
    assert len(frames) == ITEMS
    for entries in frames.values():
        assert sorted(condition for condition, _ in entries) == sorted(conditions(task))
        assert len({words for _, words in entries}) == 1
    assert len({words for entries in frames.values() for _, words in entries}) == ITEMS


@pytest.mark.parametrize("task", STRUCTURES)
def test_words_are_balanced_and_no_sentence_occurs_twice(tables, task):
    assert check_balance(tables[task]).empty
    sentences = [tuple(tokens) for tokens in tables[task]["tokens"].to_pylist()]
    assert len(set(sentences)) == len(sentences) == ITEMS * len(conditions(task))


@pytest.mark.parametrize("task", STRUCTURES)
def test_every_slot_uses_its_whole_pool_evenly_in_every_condition(sentences, forms, task):
    """Counted in the sentences: each lemma of a slot within a tenth of its fair share."""
    counts = defaultdict(Counter)
    for row, nouns, verbs in sentences[task]:
        for place, (lemma, *_) in enumerate(nouns):
            counts[row["condition"], "n", place][lemma] += 1
        for place, (lemma, *_) in enumerate(verbs):
            counts[row["condition"], "v", place][lemma] += 1
    pools = {kind: {lemma for lemma, _ in forms[kind].values()} for kind in "nv"}
    last = max(place for _, kind, place in counts if kind == "n")  # the object, drawn apart
    for (_, kind, place), used in counts.items():
        assert set(used) == pools[kind]
        if (kind, place) != ("n", last):
            fair = ITEMS / len(pools[kind])
            assert all(abs(count - fair) <= 0.1 * fair for count in used.values())


@pytest.mark.parametrize("task", STRUCTURES)
def test_items_can_be_compared_word_by_word(tables, task):
    items = align_items(tables[task], task)
    assert len(items) == ITEMS * len(conditions(task))
    structure = STRUCTURES[task].split()
    nouns = [place for place, name in enumerate(structure) if name[0] == "n"]
    assert (items.subject_position, *items.attractor_positions) == tuple(nouns[:-1])
    incongruent = sum(len(set(c)) > 1 for c in conditions(task))
    assert len(items.select("incongruent")) == ITEMS * incongruent


def test_an_object_relative_reads_as_it_should(tables):
    """The verb of the clause follows the attractor, the verb of the sentence the subject."""
    rows = tables["object_relative"].to_pylist()
    plural = next(row for row in rows if row["condition"] == "PS")
    the, subject, that, article, attractor, embedded, verb, *_ = plural["tokens"]
    assert (the, that, article) == ("The", "that", "the")
    assert embedded.endswith("s") and not verb.endswith("s")
    assert {embedded, verb}.isdisjoint({subject, attractor})


@pytest.mark.parametrize("task", STRUCTURES)
def test_the_default_model_knows_every_word(tables, project, task):
    path: Path = project / "models" / "wikipedia650" / "vocab.txt"
    known = set(path.read_text(encoding="utf-8").splitlines())
    words = {word for tokens in tables[task]["tokens"].to_pylist() for word in tokens}
    words |= set(tables[task]["wrong"].to_pylist())
    assert words <= known
