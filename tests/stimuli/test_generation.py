from collections import Counter, defaultdict
from itertools import product

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from lstm_units.errors import StimuliError
from lstm_units.io.seeds import seed_stream
from lstm_units.stimuli.frame_sampling import all_frames, count_frames, sample_frames
from lstm_units.stimuli.generation import generate, possible_items
from lstm_units.stimuli.language_tables import read_language
from lstm_units.stimuli.table import scored_sha256

POSSIBLE = {
    "simple": 300,
    "adv": 900,
    "adv_adv": 3600,
    "adv_conjunction": 2700,
    "namepp": 15000,
    "nounpp": 9000,
    "nounpp_adv": 27000,
}
PAPER = {
    "simple": "all",
    "adv": "all",
    "adv_adv": 900,
    "adv_conjunction": 600,
    "namepp": 900,
    "nounpp": 600,
    "nounpp_adv": 600,
}


@pytest.fixture(scope="module")
def tables(english):
    return {task: generate(english, task, n, True, 2019) for task, n in PAPER.items()}


def slot_counts(table):
    """Count the lemmas of each position in each condition."""
    counts = defaultdict(Counter)
    for condition, lemmas in zip(
        table["condition"].to_pylist(), table["lemmas"].to_pylist(), strict=True
    ):
        for position, lemma in enumerate(lemmas):
            counts[condition, position][lemma] += 1
    return counts


@pytest.mark.parametrize(("task", "number"), POSSIBLE.items())
def test_possible_items_are_those_of_the_paper(english, task, number):
    assert possible_items(english, task) == number


def test_the_seven_tasks_have_twelve_thousand_items(tables):
    assert sum(table.num_rows for table in tables.values()) == 12000
    for task, size in PAPER.items():
        counts = Counter(tables[task]["condition"].to_pylist())
        assert set(counts.values()) == {POSSIBLE[task] if size == "all" else size}


def test_all_makes_every_sentence_once(english, tables):
    person = english.lexicon.pool("person")
    verb = english.lexicon.pool("verb")
    table = tables["simple"]
    pairs = Counter(
        zip(
            table["condition"].to_pylist(),
            table["subject_lemma"].to_pylist(),
            table["verb_lemma"].to_pylist(),
            strict=True,
        )
    )
    assert pairs == Counter(product(("S", "P"), person, verb))


def test_agreement_and_positions_are_right(english, tables):
    forms = {w.lemma: (w.singular, w.plural) for w in english.lexicon.words}
    for table in tables.values():
        for row in table.to_pylist():
            plural = row["subject_number"] == "plural"
            tokens, verb = row["tokens"], row["verb_position"]
            assert row["condition"][0] == ("P" if plural else "S")
            assert tokens[row["subject_position"]] == forms[row["subject_lemma"]][plural]
            assert tokens[verb] == row["correct"] == forms[row["verb_lemma"]][plural]
            assert row["wrong"] == forms[row["verb_lemma"]][not plural]
            assert (row["n_attractors"], len(row["condition"]) - 1) == (
                len(row["attractor_lemmas"]),
                len(row["attractor_numbers"]),
            )
            for position, lemma, number, letter in zip(
                row["attractor_positions"],
                row["attractor_lemmas"],
                row["attractor_numbers"],
                row["condition"][1:],
                strict=True,
            ):
                assert tokens[position] == forms[lemma][number == "plural"]
                assert letter == ("P" if number == "plural" else "S")
            assert tokens[0] == "The"
            assert tokens[verb + 1] == "the" and tokens[-1] == "."


def test_no_stem_occurs_twice_in_a_sentence(english):
    content = {w.lemma for w in english.lexicon.words}
    for task in ("simple", "nounpp", "subject_relative", "double_subject_relative"):
        for matched in (True, False):
            for lemmas in generate(english, task, 150, matched, 5)["lemmas"].to_pylist():
                stems = [lemma for lemma in lemmas if lemma in content]
                assert len(stems) == len(set(stems)) > 2


def test_matched_conditions_share_all_words_and_unmatched_ones_do_not(english):
    for task in ("nounpp", "namepp", "double_subject_relative"):
        for matched in (True, False):
            table = generate(english, task, 100, matched, 5)
            frames, lemmas = defaultdict(list), defaultdict(set)
            for row in table.to_pylist():
                frames[row["condition"]].append(row["frame"])
                lemmas[row["frame"]].add(tuple(row["lemmas"]))
            one, *others = frames.values()
            assert [other == one for other in others] == [matched] * len(others)
            # The verb is the last lemma before the ending: frames name the words up to it.
            verb = table["verb_position"][0].as_py()
            assert all(len({words[: verb + 1] for words in e}) == 1 for e in lemmas.values())
            if matched:
                assert all(len(entry) == 1 for entry in lemmas.values())


def test_items_are_sorted_by_condition_then_frame(tables):
    for task, table in tables.items():
        conditions = list(dict.fromkeys(table["condition"].to_pylist()))
        expected = {1: ["S", "P"], 2: ["SS", "SP", "PS", "PP"]}[len(conditions[0])]
        assert conditions == (
            [c for c in expected if c[1] == "S"] if task == "namepp" else expected
        )
        order = [conditions.index(c) for c in table["condition"].to_pylist()]
        keys = list(zip(order, table["frame"].to_pylist(), strict=True))
        assert keys == sorted(set(keys))
        assert table["item"].to_pylist() == list(range(table.num_rows))


@pytest.mark.parametrize("matched", [True, False])
def test_each_word_occurs_equally_often_in_each_condition(english, matched):
    for task, size in {**PAPER, "subject_relative": 130, "nounpp": 97}.items():
        template = english.task(task)
        counts = slot_counts(generate(english, task, size, matched, 3))
        for condition in template.conditions:
            for slot in template.slots:
                used = counts[condition, template.position(slot)]
                assert set(used) == set(slot.pool)
                assert max(used.values()) - min(used.values()) <= 1


def test_objects_are_nearly_balanced(tables):
    for task, table in tables.items():
        for (condition, position), used in slot_counts(table).items():
            if position == table["verb_position"][0].as_py() + 2:
                assert max(used.values()) - min(used.values()) <= 2, (task, condition)


def test_most_of_all_frames_are_balanced_too(english):
    for used in slot_counts(generate(english, "adv_adv", 3000, True, 3)).values():
        if set(used) <= set(english.lexicon.pool("verb")):
            assert set(used.values()) == {200}


def test_the_seed_decides_everything(english):
    for matched in (True, False):
        one = generate(english, "nounpp", 60, matched, 7)
        assert one.equals(generate(english, "nounpp", 60, matched, 7))
        assert not one.equals(generate(english, "nounpp", 60, matched, 8))


def edited(project, folder, edit):
    """Write the English tables with an edit of the tasks and read them."""
    folder.mkdir()
    source = project / "stimuli" / "english"
    (folder / "lexicon.tsv").write_text((source / "lexicon.tsv").read_text())
    tasks = yaml.safe_load((source / "tasks.yaml").read_text())
    (folder / "tasks.yaml").write_text(yaml.safe_dump(edit(tasks), sort_keys=False))
    return read_language(folder)


def test_objects_have_a_stream_of_their_own(project, tmp_path, english):
    def without_object(tasks):
        tasks["nounpp"]["ending"] = "."
        del tasks["nounpp"]["slots"]["object"]
        return tasks

    def other_objects(tasks):
        tasks["nounpp"]["slots"]["object"]["lemmas"] = ["farmer", "girl", "poet", "uncle"]
        return tasks

    languages = [
        edited(project, tmp_path / "a", without_object),
        edited(project, tmp_path / "b", other_objects),
    ]
    for matched in (True, False):
        base = generate(english, "nounpp", 60, matched, 7)
        for language in languages:
            table = generate(language, "nounpp", 60, matched, 7)
            assert table["tokens"] != base["tokens"]
            assert scored_sha256({"t": table}) == scored_sha256({"t": base})
            assert table["frame"] == base["frame"]


def test_two_words_after_the_verb_differ_too(project, tmp_path):
    def two_objects(tasks):
        tasks["simple"]["ending"] = "the {object} and the {second_object} ."
        tasks["simple"]["slots"]["second_object"] = dict(tasks["simple"]["slots"]["object"])
        return tasks

    language = edited(project, tmp_path / "a", two_objects)
    for lemmas in generate(language, "simple", "all", True, 1)["lemmas"].to_pylist():
        assert len({lemmas[1], lemmas[4], lemmas[7]}) == 3


def test_other_tasks_and_the_order_of_tables_change_nothing(project, tmp_path, english):
    def turned(tasks):
        tasks = dict(reversed(tasks.items()))
        tasks["copy"] = dict(tasks["nounpp"])
        for task in tasks.values():
            task["slots"] = dict(reversed(task["slots"].items()))
        return tasks

    language = edited(project, tmp_path / "a", turned)
    for task in ("nounpp", "simple"):
        base = generate(english, task, 60, True, 7)
        assert generate(language, task, 60, True, 7).equals(base)
    # The same template under another name is another draw.
    copy = generate(language, "copy", 60, True, 7)
    assert scored_sha256({"t": copy}) != scored_sha256(
        {"t": generate(english, "nounpp", 60, True, 7)}
    )


@pytest.mark.parametrize("size", [301, 0, -1, 2.5, True, "every"])
def test_impossible_numbers_say_what_is_possible(english, size):
    with pytest.raises(StimuliError, match=r"task simple: items_per_condition is .*300"):
        generate(english, "simple", size, True, 1)


def test_too_many_to_make_all_is_an_error(english):
    with pytest.raises(StimuliError, match="18673200 wanted, but at most 1000000"):
        generate(english, "double_subject_relative", "all", True, 1)


def test_forms_that_hide_the_number_are_refused(project, tmp_path):
    folder = tmp_path / "a"
    edited(project, folder, lambda tasks: tasks)
    text = (
        (folder / "lexicon.tsv").read_text().replace("place\tcat\tcat\tcats", "place\tcat\tcat\t")
    )
    (folder / "lexicon.tsv").write_text(text)
    with pytest.raises(StimuliError, match="the cat' stands for conditions SS and SP"):
        generate(read_language(folder), "nounpp", "all", True, 1)


def test_an_object_that_cannot_differ_is_refused(project, tmp_path):
    def one_object(tasks):
        tasks["simple"]["slots"]["object"]["lemmas"] = ["boy"]
        return tasks

    with pytest.raises(StimuliError, match="slot object: all its words occur earlier"):
        generate(edited(project, tmp_path / "a", one_object), "simple", "all", True, 1)


@pytest.mark.parametrize("language", ["english", "english_second"])
def test_every_word_is_in_the_shipped_vocabulary(project, language, request):
    words = set((project / "models/wikipedia650/vocab.txt").read_text().splitlines())
    assert_known(request.getfixturevalue(language), words)


@pytest.mark.golden
@pytest.mark.parametrize("language", ["english", "english_second"])
def test_every_word_is_in_the_published_vocabulary(published_data, language, request):
    words = set((published_data / "gulordava_vocab.txt").read_text().splitlines())
    assert_known(request.getfixturevalue(language), words)


def assert_known(english, words):
    forms = {form for w in english.lexicon.words for form in (w.singular, w.plural)}
    for task in english.tasks.values():
        forms |= {part for part in (*task.template, *task.ending) if isinstance(part, str)}
    assert len(forms) > 100
    assert forms <= words


@pytest.mark.golden
@pytest.mark.parametrize("task", ["simple", "adv", "adv_adv", "adv_conjunction", "nounpp"])
def test_released_sentences_are_among_ours(published_data, english, task):
    ours = set()
    table = generate(english, task, "all", True, 1)
    for tokens, verb in zip(
        table["tokens"].to_pylist(), table["verb_position"].to_pylist(), strict=True
    ):
        ours.add(" ".join(tokens[: verb + 1]))
    lines = (published_data / "na_tasks_2019" / f"{task}.txt").read_text().splitlines()
    released = {line.split("\t")[0] for line in lines if "\tcorrect\t" in line}
    assert released <= ours


LETTER_POOLS = st.lists(
    st.tuples(st.sets(st.sampled_from("abcdef"), min_size=1).map(sorted), st.booleans()),
    min_size=1,
    max_size=4,
)


@given(LETTER_POOLS)
@settings(max_examples=150, deadline=None)
def test_count_of_frames_is_the_length_of_the_list(slots):
    pools, repeat = zip(*slots, strict=True)
    frames = list(all_frames(pools, repeat))
    brute = [
        frame
        for frame in product(*pools)
        if all(
            repeat[i] or repeat[j] or frame[i] != frame[j]
            for i in range(len(pools))
            for j in range(i)
        )
    ]
    assert frames == brute
    assert count_frames(pools, repeat) == len(brute)


@given(LETTER_POOLS, st.floats(0, 1), st.integers(0, 99))
@settings(max_examples=150, deadline=None)
def test_samples_are_different_possible_frames_for_any_pools(slots, share, seed):
    pools, repeat = zip(*slots, strict=True)
    possible = set(all_frames(pools, repeat))
    size = round(share * len(possible))
    frames = sample_frames(pools, repeat, size, np.random.default_rng(seed))
    assert len(frames) == len(set(frames)) == size
    assert set(frames) <= possible
    if size < len(possible):
        with pytest.raises(StimuliError, match=f"only {len(possible)} are possible"):
            sample_frames(pools, repeat, len(possible) + 1, np.random.default_rng(seed))


def test_overlapping_pools_get_their_share_even_when_exchanges_do_not_suffice():
    # Slot 2 can only hold b where slot 1 holds a: an even use of a and b there is impossible.
    frames = sample_frames(["a", "ab", "vwxyz"], [False] * 3, 2, seed_stream(1))
    assert {frame[:2] for frame in frames} == {("a", "b")}
    for seed in range(2):
        pools = ["abcdefgh"] * 4
        frames = sample_frames(pools, [False] * 4, 800, seed_stream(seed))
        assert all(len(set(frame)) == 4 for frame in frames)
        assert len(set(frames)) == 800
        for slot in range(4):
            counts = Counter(frame[slot] for frame in frames)
            assert max(counts.values()) - min(counts.values()) <= 6


def test_every_frame_is_equally_likely():
    pools, repeat = ["abc", "abc", "xy"], [False, False, False]
    counts = Counter()
    draws, size = 3000, 4
    for seed in range(draws):
        counts.update(sample_frames(pools, repeat, size, seed_stream(seed, "t")))
    expected = draws * size / 12
    assert len(counts) == 12
    assert max(abs(count - expected) for count in counts.values()) < 5 * expected**0.5


def test_streams_with_different_names_differ():
    draws = {
        tuple(seed_stream(1, *names).integers(1 << 30, size=2))
        for names in [("ab", "c"), ("a", "bc"), ("ab",), ("c", "ab")]
    }
    assert len(draws) == 4
