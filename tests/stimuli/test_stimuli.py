import numpy as np
import pyarrow as pa
import pytest
from support.made_files import write_stimuli

from lstm_units.errors import StimuliError
from lstm_units.io.files import make_metadata, read_metadata, write_parquet
from lstm_units.stimuli.table import (
    SCHEMA,
    check_stimuli,
    make_stimuli,
    read_context_words,
    read_stimuli,
    scored_items,
    scored_sha256,
)


def row(**changes):
    return {
        "tokens": ["The", "boy", "near", "the", "cars", "greets", "her", "."],
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
        "verb_lemma": "greet",
        "frame": 0,
        "n_attractors": 1,
    } | changes


def other(**changes):
    tokens = ["The", "boys", "near", "the", "car", "greet", "her", "."]
    return row(tokens=tokens, correct="greet", wrong="greets", condition="PS", **changes)


def test_a_table_comes_back_from_disk_as_it_was(tmp_path):
    table = make_stimuli([row(), other()], {"source": ["a", "b"]})
    write_stimuli(table, tmp_path / "layer=1" / "t.parquet", make_metadata(seed=3))
    back = read_stimuli(tmp_path / "layer=1" / "t.parquet")
    assert back.equals(table)
    assert back.column_names == [*SCHEMA.names, "source"]
    assert read_metadata(tmp_path / "layer=1" / "t.parquet")["seed"] == 3


def test_unknown_values_are_null():
    bare = {
        k: v
        for k, v in row().items()
        if k in ("tokens", "verb_position", "correct", "wrong", "condition")
    }
    table = make_stimuli([bare])
    check_stimuli(table, "t")
    assert table["subject_position"].null_count == table["attractor_positions"].null_count == 1


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], "no items"),
        ([row(verb_position=8)], "position is 8; expected 1 to 7"),
        ([row(verb_position=-1)], "position is -1"),
        ([row(tokens=["greets", "her"], verb_position=0)], "position is 0, but a network needs"),
        ([row(verb_position=4)], "is 'cars', but the correct form is 'greets'"),
        ([row(wrong="greets")], "are both 'greets'"),
        ([row(subject_position=9)], "subject's position is 9"),
        ([row(subject_position=5)], "and not the verb's 5"),
        ([row(attractor_positions=[8])], "attractor's position is 8"),
        ([row(attractor_positions=[2, 4])], "attractor_positions has 2 entries"),
        ([row(subject_number="dual")], "number is 'dual'"),
        ([row(item=1)], "row 0 holds item 1"),
        ([row(), other(item=0)], "row 1 holds item 0 after item 0"),
        ([row(), other(), row(item=2, condition="PP")], "is item 0 ("),
        ([row(tokens=["The", "", "near", "the", "cars", "greets"])], "a token is empty"),
        ([row(condition=None)], "condition has empty values"),
    ],
)
def test_wrong_items_are_refused_with_their_place(rows, expected):
    with pytest.raises(StimuliError, match=r"^mine") as caught:
        check_stimuli(make_stimuli(rows), "mine")
    assert expected in str(caught.value)


def test_same_sentence_with_other_forms_or_object_is_no_duplicate():
    longer = row(tokens=[*row()["tokens"][:6], "him", "."])
    check_stimuli(make_stimuli([row(), longer, row(wrong="greeted")]), "mine")


def test_wrong_columns_are_named():
    table = make_stimuli([row()])
    with pytest.raises(StimuliError, match="column 3 is 'verb_position', expected 'attractor_p"):
        check_stimuli(table.drop_columns(["attractor_positions"]), "mine")
    wide = table.set_column(4, "verb_position", pa.array([5], pa.int64()))
    with pytest.raises(StimuliError, match="verb_position has type int64, expected int16"):
        check_stimuli(wide, "mine")


def test_the_case_of_the_correct_form_may_differ_from_the_sentence():
    check_stimuli(make_stimuli([row(correct="Greets", wrong="Greet")]), "mine")


def test_gaps_are_allowed_only_on_request():
    table = make_stimuli([row(item=2), other(item=5)])
    check_stimuli(table, "mine", gaps=True)
    with pytest.raises(StimuliError, match="row 0 holds item 2"):
        check_stimuli(table, "mine")
    assert scored_items(table).item.tolist() == [2, 5]


def test_a_damaged_file_is_named(tmp_path):
    path = tmp_path / "t.parquet"
    with pytest.raises(StimuliError, match=r"t\.parquet"):
        read_stimuli(path)
    path.write_bytes(b"PAR1 truncated")
    with pytest.raises(StimuliError, match=r"t\.parquet"):
        read_stimuli(path)
    write_parquet(pa.table({"unit": [1]}), path, {})
    with pytest.raises(StimuliError, match="column 0 is 'unit', expected 'item'"):
        read_stimuli(path)


def test_a_refused_table_is_not_written(tmp_path):
    with pytest.raises(StimuliError):
        write_stimuli(make_stimuli([row(verb_position=8)]), tmp_path / "t.parquet", {})
    assert list(tmp_path.iterdir()) == []


def test_scored_items_are_the_words_before_the_verb():
    items = scored_items(make_stimuli([row(), other()]))
    assert items.item.dtype == np.int32
    assert items.prefixes[0] == ("The", "boy", "near", "the", "cars")
    assert items.correct == ("greets", "greet")
    assert items.wrong == ("greet", "greets")
    assert items.condition == ("SP", "PS")


def test_the_hash_covers_what_is_scored_and_nothing_else():
    base = scored_sha256({"t": make_stimuli([row(), other()])})
    unscored = row(tokens=[*row()["tokens"][:6], "nobody"], subject_lemma="x", condition="XX")
    assert scored_sha256({"t": make_stimuli([unscored, other(frame=7)], {"x": [1, 2]})}) == base
    changed = [
        [other(), row()],
        [row()],
        [row(wrong="greeted"), other()],
        [row(tokens=["A", *row()["tokens"][1:]]), other()],
        [row(), other(item=2)],
    ]
    hashes = {scored_sha256({"t": make_stimuli(rows)}) for rows in changed}
    assert len(hashes | {base}) == len(changed) + 1
    one, two = make_stimuli([row()]), make_stimuli([other()])
    assert scored_sha256({"a": one, "b": two}) != scored_sha256({"b": two, "a": one})


def test_words_do_not_run_together_in_the_hash():
    joined = row(tokens=["The boy", "greets"], verb_position=1)
    apart = row(tokens=["The", "boy", "greets"], verb_position=2)
    assert scored_sha256({"t": make_stimuli([joined])}) != scored_sha256(
        {"t": make_stimuli([apart])}
    )


def test_context_ends_every_line_and_follows_its_case(tmp_path):
    path = tmp_path / "context.txt"
    path.write_text("The River rose .\n\nIt is <UNK> . <eos>\n")
    true = ["The", "River", "rose", ".", "<eos>", "It", "is", "<UNK>", ".", "<eos>"]
    lower = ["the", "river", "rose", ".", "<eos>", "it", "is", "<UNK>", ".", "<eos>"]
    assert (
        read_context_words(path, "true") == read_context_words(path, "true", ablated=True) == true
    )
    assert (
        read_context_words(path, "lower")
        == read_context_words(path, "lower", ablated=True)
        == lower
    )
    assert read_context_words(path, "paper") == lower
    assert read_context_words(path, "paper", ablated=True) == true
    assert read_context_words(path, "true", eos="</s>")[4:6] == ["</s>", "It"]


def test_bad_context_is_refused(tmp_path):
    path = tmp_path / "context.txt"
    with pytest.raises(StimuliError, match=r"context\.txt: No such file"):
        read_context_words(path, "true")
    path.write_text(" \n")
    with pytest.raises(StimuliError, match=r"context\.txt is empty"):
        read_context_words(path, "true")
    with pytest.raises(StimuliError, match="'upper' is unknown; expected one of true, lower, p"):
        read_context_words(path, "upper")
    path.write_bytes(b"abc \xff")
    with pytest.raises(StimuliError, match=r"context\.txt is not UTF-8: byte 4,"):
        read_context_words(path, "true")


def test_shipped_context_is_known_and_free_of_stimulus_words(project):
    folder = project / "stimuli" / "english"
    context = read_context_words(folder / "context.txt", "true")
    vocabulary = set((project / "models/wikipedia650/vocab.txt").read_text().splitlines())
    assert set(context) <= vocabulary
    assert 60 <= len(context) <= 75
    assert context.count("<eos>") == 5
    content = set()
    for line in (folder / "lexicon.tsv").read_text().splitlines()[1:]:
        category, *forms = line.split("\t")
        if category in ("person", "place", "name", "verb", "matrix_verb"):
            content |= {form.lower() for form in forms if form}
    assert content
    assert not content & {word.lower() for word in context}


@pytest.mark.golden
def test_published_context_has_133_tokens_and_five_lose_their_word_in_lower_case(published_data):
    vocabulary = set((published_data / "gulordava_vocab.txt").read_text().splitlines())
    true = read_context_words(published_data / "context_2019.txt", "paper", ablated=True)
    lower = read_context_words(published_data / "context_2019.txt", "paper")
    assert len(true) == len(lower) == 133
    assert set(true) <= vocabulary
    assert len({word for word in lower if word not in vocabulary}) == 5
