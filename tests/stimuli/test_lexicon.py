import pytest
import yaml

from lstm_units.errors import StimuliError
from lstm_units.stimuli.language_tables import read_language
from lstm_units.stimuli.lexicon import read_lexicon

LEXICON = """category\tlemma\tsingular\tplural\tgender
noun\tcat\tcat\tcats\tf
noun\tdog\tdog\tdogs\tm
noun\tsheep\tsheep\tsheep\tm
determiner\tdefinite\tle\tles\tm
determiner\tdefinite\tla\tles\tf
verb\tsee\tsees\tsee
verb\tput\tput\tput
adverb\toften\toften
"""
TASK = {
    "label": "Adv",
    "template": "{determiner} {subject} {adverb} {verb}",
    "ending": "{object} .",
    "slots": {
        "determiner": {
            "category": "determiner",
            "agrees_with": "subject",
            "agrees_in": ["gender"],
            "capitalise": True,
        },
        "subject": {"category": "noun", "number": "varies"},
        "adverb": {"category": "adverb"},
        "verb": {"category": "verb", "agrees_with": "subject", "lemmas": ["see"]},
        "object": {"category": "noun", "number": "plural"},
    },
}


def write(folder, lexicon=LEXICON, task=TASK, text=None):
    folder.mkdir(exist_ok=True)
    (folder / "lexicon.tsv").write_text(lexicon)
    (folder / "tasks.yaml").write_text(yaml.safe_dump({"t": task}) if text is None else text)
    return folder


def changed(**slots):
    """The task with some slots changed."""
    return TASK | {"slots": TASK["slots"] | slots}


def test_forms_follow_number_and_features(tmp_path):
    lexicon = read_lexicon(write(tmp_path) / "lexicon.tsv")
    assert lexicon.pool("noun") == ("cat", "dog", "sheep")
    assert lexicon.pool("determiner", {"gender": "f"}) == ("definite",)
    assert lexicon.word("determiner", "definite", {"gender": "f"}).form("singular") == "la"
    assert lexicon.word("determiner", "definite", {"gender": "m"}).form("plural") == "les"
    assert lexicon.word("adverb", "often", {"gender": "m"}).form("plural") == "often"
    with pytest.raises(StimuliError, match="'definite' has 2 rows that fit no feature at all"):
        lexicon.word("determiner", "definite", {})
    with pytest.raises(StimuliError, match="'cat' has no row for gender m"):
        lexicon.word("noun", "cat", {"gender": "m"})


def test_a_lexicon_may_come_from_a_spreadsheet(tmp_path):
    one = read_lexicon(write(tmp_path / "a") / "lexicon.tsv")
    quoted = LEXICON.replace("\t", '";"').replace("\n", '"\r\n"')
    two = read_lexicon(
        write(tmp_path / "b", lexicon=f'"{quoted}"'.removesuffix('""')) / "lexicon.tsv"
    )
    assert (two.words, two.feature_names) == (one.words, one.feature_names)


def test_the_order_of_rows_does_not_matter(tmp_path):
    lines = LEXICON.splitlines()
    turned = "\n".join([lines[0], *reversed(lines[1:])]) + "\n"
    one = read_lexicon(write(tmp_path / "a") / "lexicon.tsv")
    two = read_lexicon(write(tmp_path / "b", lexicon=turned) / "lexicon.tsv")
    for category in one.categories:
        assert one.pool(category) == two.pool(category)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("category\tlemma", "category\tword", "line 1: the header is"),
        ("\tgender", "\tlemma", "line 1: the header is"),
        ("noun\tdog\tdog\tdogs\tm", "noun\tdog\tdog\tdogs\tm\tx", "line 3: 6 fields"),
        ("noun\tdog\tdog", "noun\tdog\thot dog", "line 3: singular is 'hot dog'"),
        ("noun\tdog\tdog\t", "noun\tdog\t\t", "line 3: category, lemma and singular"),
        ("noun\tdog\tdog\tdogs\tm", "noun\tcat\tcat\tcats\tf", "line 3: noun 'cat' stands already"),
    ],
)
def test_a_wrong_row_is_named(tmp_path, old, new, expected):
    write(tmp_path, lexicon=LEXICON.replace(old, new, 1))
    with pytest.raises(StimuliError) as caught:
        read_lexicon(tmp_path / "lexicon.tsv")
    assert str(tmp_path / "lexicon.tsv") in str(caught.value)
    assert expected in str(caught.value)


def test_missing_and_empty_tables_are_named(tmp_path):
    with pytest.raises(StimuliError, match=r"lexicon\.tsv: No such file"):
        read_language(tmp_path)
    write(tmp_path, lexicon="category\tlemma\tsingular\tplural\n")
    with pytest.raises(StimuliError, match=r"lexicon\.tsv: no words after the header"):
        read_language(tmp_path)
    write(tmp_path)
    (tmp_path / "tasks.yaml").unlink()
    with pytest.raises(StimuliError, match=r"tasks\.yaml: No such file"):
        read_language(tmp_path)


def test_agreement_runs_through_determiners_and_verbs(tmp_path):
    task = read_language(write(tmp_path)).task("t")
    lemmas = {"determiner": "definite", "adverb": "often", "verb": "see", "object": "dog"}
    assert task.conditions == ("S", "P")
    assert task.realise("S", lemmas | {"subject": "cat"}) == (
        ["La", "cat", "often", "sees", "dogs", "."],
        "see",
    )
    assert task.realise("P", lemmas | {"subject": "cat"}) == (
        ["Les", "cats", "often", "see", "dogs", "."],
        "sees",
    )


def test_parse_inverts_realise_and_refuses_what_does_not_agree(tmp_path):
    task = read_language(write(tmp_path)).task("t")
    for condition in task.conditions:
        for subject in ("cat", "dog", "sheep"):
            lemmas = {"determiner": "definite", "subject": subject, "adverb": "often"}
            lemmas["verb"] = "see"
            tokens, _ = task.realise(condition, lemmas, complete=False)
            assert task.parse(condition, tokens) == lemmas
    assert task.parse("S", ["Le", "cat", "often", "sees"]) is None
    assert task.parse("S", ["La", "cat", "often", "see"]) is None
    assert task.parse("S", ["La", "cow", "often", "sees"]) is None
    assert task.parse("S", ["La", "cat", "sees"]) is None
    assert task.parse("SS", ["La", "cat", "often", "sees"]) is None


def test_a_verb_without_number_is_refused(tmp_path):
    verb = {"category": "verb", "agrees_with": "subject"}
    task = read_language(write(tmp_path, task=changed(verb=verb))).task("t")
    lemmas = {"determiner": "definite", "subject": "cat", "adverb": "often", "verb": "put"}
    with pytest.raises(StimuliError, match="verb 'put' has the form 'put' for both numbers"):
        task.realise("S", lemmas, complete=False)


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        (TASK | {"tempalte": "x"}, "'tempalte' was unexpected"),
        ({k: v for k, v in TASK.items() if k != "ending"}, "'ending' is a required"),
        (changed(subject={"category": "noun", "number": "dual"}), "t.slots.subject.number"),
        (changed(subject={"category": "pronoun", "number": "varies"}), "no category 'pronoun'"),
        (
            changed(verb={"category": "verb", "agrees_with": "subject", "lemmas": ["eat"]}),
            "no verb eat",
        ),
        (changed(adverb={"category": "adverb", "lemmas": [False]}), "quotes"),
        (changed(adverb={"category": "adverb", "features": {"case": "x"}}), "column 'case'"),
        (changed(subject={"category": "noun"}), "slot subject: expected a place"),
        (changed(object={"category": "noun", "number": "varies"}), "slot object: only the subj"),
        (changed(verb={"category": "verb", "number": "singular"}), "agrees_with: subject"),
        (changed(adverb={"category": "adverb", "agrees_in": ["gender"]}), "needs `agrees_with`"),
        (changed(adverb={"category": "noun", "agrees_with": "adverb"}), "agrees with itself"),
        (changed(adverb={"category": "noun", "agrees_with": "nobody"}), "which is not a slot"),
        (changed(adverb={"category": "noun", "agrees_with": "object"}), "follows the verb"),
        (changed(extra={"category": "adverb"}), "slot extra occurs 0 times"),
        (TASK | {"template": "{subject} {adverb} {verb}"}, "slot determiner occurs 0 times"),
        (
            TASK | {"template": "{determiner} {subject} {verb} {adverb}"},
            "must end with {verb}",
        ),
        (TASK | {"ending": "{object} {thing} ."}, "{thing} is not described"),
        (TASK | {"ending": "{object}."}, "mixes a slot with other text"),
        (TASK | {"conditions": ["SS"]}, "'SS' is not one of S, P"),
    ],
)
def test_a_wrong_task_is_named(tmp_path, task, expected):
    with pytest.raises(StimuliError) as caught:
        read_language(write(tmp_path, task=task))
    assert str(tmp_path / "tasks.yaml") in str(caught.value)
    assert expected in str(caught.value)


@pytest.mark.parametrize("text", ["t: [", "t: {}\nt: {}\n", "", "- t\n"])
def test_wrong_yaml_is_named(tmp_path, text):
    with pytest.raises(StimuliError, match=r"tasks\.yaml"):
        read_language(write(tmp_path, text=text))


def test_a_task_given_twice_is_named(tmp_path):
    text = yaml.safe_dump({"t": TASK}) * 2
    with pytest.raises(StimuliError, match="the key 't' stands twice"):
        read_language(write(tmp_path, text=text))


def test_an_unknown_task_lists_the_known(tmp_path):
    with pytest.raises(StimuliError, match=r"has no task 'nounpp'; it has t\."):
        read_language(write(tmp_path)).task("nounpp")


def test_a_fixed_attractor_has_its_letter_in_the_condition(english):
    assert english.task("namepp").conditions == ("SS", "PS")
    assert english.task("nounpp").conditions == ("SS", "SP", "PS", "PP")
    assert english.task("simple").conditions == ("S", "P")


def test_the_subject_comes_first_in_a_condition_even_after_its_attractor(english):
    task = english.task("complement_clause")
    lemmas = {"attractor": "boy", "matrix_verb": "say", "subject": "girl", "verb": "know"}
    tokens, wrong = task.realise("SP", lemmas, complete=False)
    assert " ".join(tokens) == "The boys say that the girl knows"
    assert wrong == "know"
