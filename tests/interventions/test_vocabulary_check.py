import json
from dataclasses import replace

import pytest

from lstm_units.errors import NotRun, StimuliError, UserError
from lstm_units.interventions.known_items import require_known_forms, select_known_items
from lstm_units.interventions.model_inputs import Context
from lstm_units.models.vocabulary import Vocabulary
from lstm_units.stimuli.formats import read_linzen
from lstm_units.stimuli.generation import generate
from lstm_units.stimuli.table import check_stimuli, make_stimuli

VOCABULARY = Vocabulary(("<unk>", "<eos>", "the", "boy", "boys", "cat", "sees", "see", "a"))


def item(sentence, wrong, verb=2):
    tokens = sentence.split()
    return {
        "tokens": tokens,
        "verb_position": verb,
        "correct": tokens[verb],
        "wrong": wrong,
        "condition": "S",
    }


IMPORTED = [
    item("the boy sees a unicorn", "see"),
    item("the boy greets a cat", "greet"),
    item("the wyvern sees a cat", "see"),
    item("the boy see it", "seeth"),
    item("a wyvern sees <unk>", "see"),
]


def test_imported_items_keep_their_numbers():
    kept, report = select_known_items(make_stimuli(IMPORTED), VOCABULARY, "mine", False, "drop")
    assert kept["item"].to_pylist() == [0, 2, 4]
    check_stimuli(kept, "mine", gaps=True)
    assert (report["n_items"], report["n_kept"]) == (5, 3)
    assert report["dropped"] == [
        {"item": 1, "correct": "greets", "wrong": "greet", "unknown": ["greets", "greet"]},
        {"item": 3, "correct": "see", "wrong": "seeth", "unknown": ["seeth"]},
    ]
    assert report["unknown_before_verb"] == {
        "tokens": 2,
        "types": 1,
        "share": 2 / 6,
        "most_frequent": [{"word": "wyvern", "count": 2}],
    }
    assert report["unknown_after_verb"]["most_frequent"] == [
        {"word": "<unk>", "count": 1},
        {"word": "unicorn", "count": 1},
    ]
    json.dumps(report)


def test_what_is_left_out_or_read_as_unknown_is_said(caplog):
    table = make_stimuli([*IMPORTED, item("the b\u200boy see it", "frobs")])
    with caplog.at_level("INFO"):
        select_known_items(table, VOCABULARY, "mine", False, "drop")
    assert caplog.messages == [
        "mine: left out are 3 of 6 items, whose verb forms the model does not know: "
        "'frobs' (1), 'greet' (1), 'greets' (1), 'seeth' (1)",
        "mine: read as <unk> are 2 of the words before the verbs (33.3 %): 'wyvern' (2)",
    ]


@pytest.mark.parametrize("symbol", ["<unk>", "<eos>"])
def test_symbols_are_no_verb_forms(symbol):
    table = make_stimuli([IMPORTED[0], item("the boy see it", symbol)])
    kept, report = select_known_items(table, VOCABULARY, "mine", False, "drop")
    assert kept["item"].to_pylist() == [0]
    assert report["dropped"][0]["unknown"] == [symbol]
    with pytest.raises(UserError, match=rf"the verb forms '{symbol}' of mine; leave"):
        require_known_forms({"mine": table}, VOCABULARY)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("the boy sees\nden Jungen <unk> a\n", None),
        ("the boy\nder Junge .\n", "knows 2 of the 5 words of the context"),
        ("the boy sees </s>\n", "has '</s>', but the model ends sentences with <eos>"),
        ("<s> the boy sees\n", "has '<s>', but the model"),
    ],
)
@pytest.mark.parametrize("case", ["true", "paper"])
def test_a_foreign_context_is_refused_or_left_out(tmp_path, text, named, case):
    path = tmp_path / "context.txt"
    path.write_text(text)
    context = Context(str(path), case)
    if named is None:
        assert len(context.ids(VOCABULARY, ablated=False)) == 9
        return
    with pytest.raises(StimuliError, match=named):
        context.ids(VOCABULARY, ablated=False)
    if "5 words" in named:
        optional = replace(context, optional=True)
        assert [optional.ids(VOCABULARY, ablated) for ablated in (True, False)] == [[], []]
        assert optional.unknown_words(VOCABULARY) == []
        assert optional.metadata(VOCABULARY)["context_sha256"] == ""


def test_unknown_forms_are_an_error_on_request():
    with pytest.raises(StimuliError, match=r"mine: 2 of 5 items .*'greet', 'greets', 'seeth'"):
        select_known_items(make_stimuli(IMPORTED), VOCABULARY, "mine", False, "error")
    known = make_stimuli([IMPORTED[0], IMPORTED[2]])
    kept, report = select_known_items(known, VOCABULARY, "mine", False, "error")
    assert kept.equals(known)
    assert report["dropped"] == []


@pytest.mark.parametrize("on_unknown_form", ["drop", "error"])
def test_generated_tasks_must_be_known_up_to_the_verb(on_unknown_form):
    with pytest.raises(StimuliError, match="lacks 'greet', 'greets', 'seeth', 'wyvern'; remove"):
        select_known_items(make_stimuli(IMPORTED), VOCABULARY, "own", True, on_unknown_form)
    # Words after the verb are not scored.
    table = make_stimuli(IMPORTED[:1])
    kept, report = select_known_items(table, VOCABULARY, "own", True, on_unknown_form)
    assert kept.equals(table)
    assert report["unknown_after_verb"]["tokens"] == 1


def test_nothing_left_is_not_run():
    table = make_stimuli([IMPORTED[1], IMPORTED[3]])
    with pytest.raises(NotRun, match="none of the 2 items of mine; it lacks 'greet', 'greets'"):
        select_known_items(table, VOCABULARY, "mine", False, "drop")


def test_case_matters():
    table = make_stimuli([item("The boy sees a cat", "see")])
    _, report = select_known_items(table, VOCABULARY, "mine", False, "drop")
    assert report["unknown_before_verb"]["most_frequent"] == [{"word": "The", "count": 1}]


def test_a_wrong_setting_is_named():
    with pytest.raises(StimuliError, match="on_unknown_form is 'keep'; expected drop or error"):
        select_known_items(make_stimuli(IMPORTED), VOCABULARY, "mine", False, "keep")


def test_long_lists_of_unknown_words_are_cut_short():
    table = make_stimuli([item(f"the w{n:02d} sees it", "see") for n in range(40)])
    with pytest.raises(StimuliError, match="'w29' and 10 more; remove"):
        select_known_items(table, VOCABULARY, "own", True, "drop")


def test_shipped_tasks_are_known_to_the_shipped_model(english, project):
    words = (project / "models/wikipedia650/vocab.txt").read_text().splitlines()
    vocabulary = Vocabulary(tuple(words))
    for task in english.tasks:
        table = generate(english, task, 60, True, 2019)
        kept, report = select_known_items(table, vocabulary, task, True, "drop")
        assert kept.equals(table)
        assert report["unknown_after_verb"]["tokens"] == 0


@pytest.mark.golden
def test_published_linzen_set_is_known_to_the_published_model(published_data):
    folder = published_data / "linzen_2018"
    table = read_linzen(folder / "subj_agr_filtered.text", folder / "subj_agr_filtered.gold")
    words = (published_data / "gulordava_vocab.txt").read_text().splitlines()
    kept, report = select_known_items(table, Vocabulary(tuple(words)), "linzen", False, "error")
    assert kept.equals(table)
    assert report["same_forms"] == [1605, 2422, 7192, 7330]
    unknown = report["unknown_before_verb"]
    assert unknown["tokens"] == 2216
