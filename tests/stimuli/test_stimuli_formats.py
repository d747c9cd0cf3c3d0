import re

import pytest
import yaml
from support.made_files import write_stimuli

from lstm_units.config.schema import schema
from lstm_units.errors import StimuliError
from lstm_units.stimuli.formats import (
    read_linzen,
    read_minimal_pairs,
    read_released,
    read_test_set,
    write_linzen,
    write_released,
)
from lstm_units.stimuli.generation import generate
from lstm_units.stimuli.language_tables import read_language
from lstm_units.stimuli.table import SCHEMA, check_stimuli, read_stimuli, scored_items

RELEASED = """The boy near the cars greets\tsingular_plural\tcorrect\tid1
The boy near the cars greet\tsingular_plural\twrong\tid1
The men near the car greet\tplural_singular\tcorrect\tid2
The men near the car greets\tplural_singular\twrong\tid2
"""
TEXT = "the keys to the cabinet are here . <eos>\nthe key opens it . <eos>\n"
GOLD = "5\tare\tis\t1\n2\topens\topen\t0\n"
PAIRS = """source\tprefix\tgood\tbad\tcondition\tsubject_position\tframe
a\tThe boy near the cars\tgreets\tgreet\tSP\t1\t7
\tThe boys\tgreet\tgreets\tP\t\t
"""
TASKS = ("simple", "adv", "adv_adv", "adv_conjunction", "namepp", "nounpp", "nounpp_adv")


def write(path, text):
    path.write_text(text)
    return path


# The released format


def test_released_items_with_tables_know_their_words(tmp_path, english):
    table = read_released(write(tmp_path / "a.txt", RELEASED), english)
    first, second = table.to_pylist()
    assert " ".join(first["tokens"]) == "The boy near the cars greets"
    assert (first["subject_position"], first["attractor_positions"], first["verb_position"]) == (
        1,
        [4],
        5,
    )
    assert (first["correct"], first["wrong"], first["condition"]) == ("greets", "greet", "SP")
    assert (first["subject_lemma"], first["attractor_lemmas"]) == ("boy", ["car"])
    assert (second["subject_lemma"], second["attractor_lemmas"]) == ("man", ["car"])
    assert (second["subject_number"], second["attractor_numbers"]) == ("plural", ["singular"])
    assert [first["frame"], second["frame"]] == [0, 1]
    assert second["lemmas"] == ["The", "man", "near", "the", "car", "greet"]
    assert (second["released_number"], second["released_id"]) == ("plural_singular", "id2")


def test_released_items_without_tables_leave_the_unknown_empty(tmp_path):
    row = read_released(write(tmp_path / "a.txt", RELEASED)).to_pylist()[0]
    assert (row["condition"], row["subject_number"], row["verb_position"]) == ("SP", "singular", 5)
    for name in ("subject_position", "attractor_positions", "subject_lemma", "verb_lemma", "frame"):
        assert row[name] is None
    # How many nouns lie between is not the file's to say: namePP names its subject only.
    assert row["n_attractors"] is None


def test_the_same_words_have_the_same_frame_in_every_condition(tmp_path, english):
    text = RELEASED.replace("The men", "The boys")
    table = read_released(write(tmp_path / "a.txt", text), english)
    assert table["frame"].to_pylist() == [0, 0]


def test_sentences_of_no_known_task_are_imported_without_lemmas(tmp_path, english):
    path = write(tmp_path / "a.txt", RELEASED.replace("boy", "dragon"))
    assert read_released(path, english)["subject_lemma"].null_count == 2
    with pytest.raises(StimuliError, match=r"a\.txt, line 1: .*dragon.* task nounpp"):
        read_released(path, english, "nounpp")


def test_a_wrong_form_of_another_verb_does_not_fit(tmp_path, english):
    path = write(
        tmp_path / "a.txt", swap(RELEASED, 2, RELEASED.splitlines()[1].replace("greet", "admire"))
    )
    assert read_released(path, english)["wrong"].to_pylist() == ["admire", "greets"]
    with pytest.raises(StimuliError, match=r"a\.txt, line 1"):
        read_released(path, english, "nounpp")


def test_a_fixed_attractor_need_not_be_named(tmp_path, english):
    text = (
        "The boy near Sue greets\tsingular\tcorrect\t1\n"
        "The boy near Sue greet\tsingular\twrong\t1\n"
    )
    path = write(tmp_path / "a.txt", text)
    assert read_released(path)["condition"].to_pylist() == ["S"]
    table = read_released(path, english)
    assert table["condition"].to_pylist() == ["SS"]
    assert table["attractor_lemmas"].to_pylist() == [["Sue"]]
    write_released(table, tmp_path / "b.txt")
    assert (tmp_path / "b.txt").read_text() == text


def test_generated_items_survive_the_released_format(tmp_path, english):
    table = generate(english, "nounpp", 30, True, 1)
    write_released(table, tmp_path / "a.txt")
    back = read_released(tmp_path / "a.txt", english)
    for name in table.column_names:
        if name not in ("tokens", "lemmas"):
            assert back[name].to_pylist() == table[name].to_pylist(), name
    assert scored_items(back).prefixes == scored_items(table).prefixes


def swap(text, line, new):
    lines = text.splitlines()
    lines[line - 1 : line] = [new] if new is not None else []
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (swap(RELEASED, 2, "The boy greet"), "line 2: 1 tab-separated fields, expected 4"),
        (swap(RELEASED, 2, None), "line 2: the third field is 'correct', expected 'wrong'"),
        (RELEASED.replace("singular_plural", "dual"), "line 1: the number is 'dual'"),
        (swap(RELEASED, 1, "greets\tsingular\tcorrect\t1"), "line 1: the sentence 'greets'"),
        (swap(RELEASED, 4, None), "line 3: the wrong line"),
        (
            swap(RELEASED, 4, "The men near the car greets\tplural_singular\twrong\tid3"),
            "lines 3 and 4",
        ),
        (
            swap(RELEASED, 4, "The boy near the car greets\tplural_singular\twrong\tid2"),
            "lines 3 and 4",
        ),
        (
            swap(RELEASED, 2, "The boy near the cars greets\tsingular_plural\twrong\tid1"),
            "lines 1 and 2: the correct and",
        ),
        (
            RELEASED + "".join(RELEASED.splitlines(keepends=True)[:2]),
            "lines 5 and 6: the same sentence with the same forms is lines 1 and 2 already",
        ),
        ("", "is empty"),
    ],
)
def test_wrong_released_lines_are_named(tmp_path, text, expected):
    with pytest.raises(StimuliError) as caught:
        read_released(write(tmp_path / "mine.txt", text))
    assert str(tmp_path / "mine.txt") in str(caught.value)
    assert expected in str(caught.value)


def test_conditions_without_letters_cannot_be_released(tmp_path):
    table = read_linzen(write(tmp_path / "t", TEXT), write(tmp_path / "g", GOLD))
    with pytest.raises(StimuliError, match="condition '1' of item 0 has no place"):
        write_released(table, tmp_path / "a.txt")
    assert not (tmp_path / "a.txt").exists()


@pytest.mark.golden
@pytest.mark.parametrize("task", TASKS)
def test_released_files_come_back_byte_for_byte(published_data, tmp_path, english, task):
    source = published_data / "na_tasks_2019" / f"{task}.txt"
    for language in (None, english):
        table = read_released(source, language)
        write_stimuli(table, tmp_path / "t.parquet", {})
        write_released(read_stimuli(tmp_path / "t.parquet"), tmp_path / "t.txt")
        assert (tmp_path / "t.txt").read_bytes() == source.read_bytes()


@pytest.mark.golden
@pytest.mark.parametrize("task", TASKS)
def test_released_files_are_understood_whole(published_data, english, task):
    table = read_released(published_data / "na_tasks_2019" / f"{task}.txt", english)
    assert table.equals(
        read_released(published_data / "na_tasks_2019" / f"{task}.txt", english, task)
    )
    template = english.task(task)
    assert list(dict.fromkeys(table["condition"].to_pylist())) == list(template.conditions)
    for row in table.to_pylist():
        named = {slot.name: row["lemmas"][template.position(slot)] for slot in template.slots}
        assert template.realise(row["condition"], named, complete=False) == (
            row["tokens"],
            row["wrong"],
        )


@pytest.mark.golden
def test_no_released_nounpp_frame_occurs_in_all_conditions(published_data, english):
    table = read_released(published_data / "na_tasks_2019" / "nounpp.txt", english)
    frames = table.select(["frame", "condition"]).to_pandas()
    assert frames.groupby("frame")["condition"].nunique().max() < 4


# The Linzen format


def test_linzen_sentences_stay_complete(tmp_path):
    table = read_linzen(write(tmp_path / "t", TEXT), write(tmp_path / "g", GOLD))
    first, second = table.to_pylist()
    assert " ".join(first["tokens"]) == "the keys to the cabinet are here . <eos>"
    assert (first["verb_position"], first["correct"], first["wrong"]) == (5, "are", "is")
    assert (first["condition"], first["n_attractors"]) == ("1", 1)
    assert (second["condition"], second["n_attractors"]) == ("0", 0)
    assert first["subject_position"] is None
    write_linzen(table, tmp_path / "t2", tmp_path / "g2")
    assert ((tmp_path / "t2").read_text(), (tmp_path / "g2").read_text()) == (TEXT, GOLD)


@pytest.mark.parametrize(
    ("text", "gold", "expected"),
    [
        (TEXT, GOLD.splitlines()[0], "t has 2 lines, but"),
        (TEXT, GOLD.replace("\t0", ""), "g, line 2: 3 tab-separated fields, expected 4"),
        (TEXT, GOLD.replace("5\t", "-5\t"), "g, line 1: the position of the verb is '-5'"),
        (TEXT, GOLD.replace("5\t", "9\t"), "g, line 1: the verb's position is 9; expected 1 to 8"),
        (TEXT, GOLD.replace("2\t", "0\t"), "g, line 2: the verb's position is 0"),
        (TEXT, GOLD.replace("5\t", "6\t"), "g, line 1: the correct form is 'are', but word 6"),
        (TEXT, GOLD.replace("is", ""), "g, line 1: the verb form is ''"),
        (TEXT, GOLD.replace("\t1", "\tone"), "g, line 1: the number of attractors is 'one'"),
        (
            TEXT.splitlines()[0] + "\n" + TEXT.splitlines()[0],
            "5\tare\tis\t1\n5\tare\tis\t1",
            "line 2: the same sentence with the same forms is line 1 already",
        ),
    ],
)
def test_wrong_linzen_lines_are_named(tmp_path, text, gold, expected):
    with pytest.raises(StimuliError) as caught:
        read_linzen(write(tmp_path / "t", text), write(tmp_path / "g", gold))
    assert str(tmp_path) in str(caught.value)
    assert expected in str(caught.value)


def test_writing_linzen_needs_the_number_of_attractors(tmp_path):
    table = read_released(write(tmp_path / "a.txt", RELEASED))
    with pytest.raises(StimuliError, match="number of attractors of item 0 is not known"):
        write_linzen(table, tmp_path / "t", tmp_path / "g")


@pytest.mark.golden
def test_the_published_linzen_set_comes_back_byte_for_byte(published_data, tmp_path):
    text = published_data / "linzen_2018" / "subj_agr_filtered.text"
    gold = published_data / "linzen_2018" / "subj_agr_filtered.gold"
    table = read_linzen(text, gold)
    counts = table.to_pandas()["condition"].value_counts().to_dict()
    assert counts == {"0": 1972, "1": 1957, "2": 1943, "3": 1287, "4": 330}
    assert sum(table["verb_position"].to_pylist()) == 73004
    forms = [form for form in table["correct"].to_pylist() if form != form.lower()]
    assert sorted(forms) == ["Are", "Are", "Is", "Is"]
    write_stimuli(table, tmp_path / "t.parquet", {})
    write_linzen(read_stimuli(tmp_path / "t.parquet"), tmp_path / "t", tmp_path / "g")
    assert (tmp_path / "t").read_bytes() == text.read_bytes()
    assert (tmp_path / "g").read_bytes() == gold.read_bytes()


# Minimal pairs


def test_minimal_pairs_keep_further_columns(tmp_path):
    table = read_minimal_pairs(write(tmp_path / "p.tsv", PAIRS))
    first, second = table.to_pylist()
    assert first["tokens"] == ["The", "boy", "near", "the", "cars", "greets"]
    assert (first["verb_position"], first["subject_position"], first["frame"]) == (5, 1, 7)
    assert (first["wrong"], first["condition"], first["source"]) == ("greet", "SP", "a")
    assert (second["subject_position"], second["frame"], second["source"]) == (None, None, "")
    write_stimuli(table, tmp_path / "p.parquet", {})
    assert read_stimuli(tmp_path / "p.parquet").equals(table)


FIELDS = (
    ("prefix", "good", "bad", "condition", "subject_position", "note"),
    ('He said , " The boy', "greets", "greet", "S", "4", "a"),
    ("The boys , tired", "NA", "null", "P;x", "", ""),
)
PANDAS = (  # as DataFrame.to_csv writes numbers beside a gap
    "\tprefix\tgood\tbad\tcondition\tsubject_position\tnote\n"
    '0\t"He said , "" The boy"\tgreets\tgreet\tS\t4.0\ta\n'
    "1\tThe boys , tired\tNA\tnull\tP;x\t\t\n"
)


def lines(separator="\t", quote=str):
    return "".join(f"{separator.join(map(quote, row))}\n" for row in FIELDS)


def quoted(field):
    return '"' + field.replace('"', '""') + '"'


TAB = lines()
READ = {
    "byte-order mark and Windows ends": "\ufeff" + TAB.replace("\n", "\r\n") + "\r\n",
    "UTF-16, as Excel's Unicode text": TAB.replace("\n", "\r\n").encode("utf-16"),
    "old Macintosh": TAB.replace("\n", "\r"),
    "all quoted": lines(quote=quoted),
    "commas": lines(",", quoted),
    "semicolons": lines(";", lambda field: quoted(field) if ";" in field else field),
    "pandas": PANDAS,
    "pandas, read and written again": PANDAS.replace("\tprefix", "Unnamed: 0\tprefix"),
    "R's names of rows": PANDAS.removeprefix("\t"),
    "header in capitals": TAB.replace("prefix", "Prefix").replace("ct_pos", "CT Pos"),
    "trailing tabs": TAB.replace("\n", "\t\t\n"),
    "trailing tabs in rows": TAB.replace("\n", "\t\n").replace("note\t\n", "note\n"),
    "blank lines": TAB.replace("\n", "\n \t\t\t\n\n"),
    "spaces around fields": TAB.replace("\t", " \t "),
    "gap as NA": TAB.replace("P;x\t", "P;x\tNA"),
}


@pytest.mark.parametrize("habit", READ)
def test_tables_are_read_as_people_write_them(tmp_path, habit):
    content = READ[habit]
    path = tmp_path / "p.tsv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    first, second = read_minimal_pairs(path).to_pylist()
    assert first["tokens"] == [*FIELDS[1][0].split(), "greets"]
    assert (first["subject_position"], second["subject_position"]) == (4, None)
    assert second["tokens"] == ["The", "boys", ",", "tired", "NA"]
    assert [second[name] for name in ("wrong", "condition", "note")] == ["null", "P;x", ""]
    assert set(first) == {*(f.name for f in SCHEMA), "note"}


def test_numbers_of_items_are_kept_beside_our_own(tmp_path):
    table = read_minimal_pairs(write(tmp_path / "p.tsv", PAIRS.replace("source", "item")))
    assert (table["item"].to_pylist(), table["item_in_file"].to_pylist()) == ([0, 1], ["a", ""])


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (TAB.replace("boys", "gar\xe7on").encode("latin-1"), "line 3, is 0xE7, which Latin-1 and"),
        (TAB.replace("He", '" He'), "line 2: a field begins with a quotation mark and a space"),
        (TAB.replace("He", '"He'), "line 2: the quotation marks do not fit"),
        (TAB.replace("He said", '"He" said'), "line 2: the quotation marks do not fit"),
        (TAB.replace("He said", '"He\nsaid"'), "line 2: the quotation marks do not fit"),
        (lines(","), "line 2: 7 fields separated by commas, but the header has 6"),
        (TAB.replace("\tnote", "\t"), "line 2: field 6 is 'a', but the header has no name for it"),
        (TAB + TAB, "line 4: the header stands here again"),
        (TAB.replace("4", "4.5"), "line 2: subject_position is '4.5'"),
        (TAB.replace("\tgreets", "\tgreets\u200b it"), r"the verb form is 'greets\u200b it'"),
        (TAB.replace("\t", " "), "line 1: the header is"),
        (b"PK\x03\x04", "p.tsv is a zip archive, as Excel"),
        (TAB.replace("He said", "").replace(', " The boy', ""), "<eos> or what the model has"),
    ],
)
def test_tables_that_could_be_read_wrongly_are_refused(tmp_path, content, expected):
    path = tmp_path / "p.tsv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(StimuliError) as caught:
        read_minimal_pairs(path)
    assert expected in str(caught.value)


@pytest.mark.parametrize("wanted", [3, 30])
def test_all_faults_of_a_file_are_named_at_once(tmp_path, wanted):
    rows = "\tA\tB\tS\nThe boys\ta b\tB\tS\nThe\tA\n" * (wanted // 3)
    path = write(tmp_path / "p.tsv", "prefix\tgood\tbad\tcondition\n" + rows)
    with pytest.raises(StimuliError) as caught:
        read_minimal_pairs(path)
    first, *named = str(caught.value).splitlines()
    assert first == f"{path} has {wanted} faults{'; the first 20 are' * (wanted > 20)}:"
    places = [line.partition(":")[0] for line in named]
    assert places == [f"  line {n}" for n in range(2, 2 + min(wanted, 20))]


def test_duplicates_can_be_dropped(tmp_path, caplog):
    released = write(tmp_path / "a.txt", RELEASED * 2)
    text, gold = write(tmp_path / "t", TEXT * 2), write(tmp_path / "g", GOLD * 2)
    pairs = write(tmp_path / "p.tsv", PAIRS + PAIRS.partition("\n")[2])
    for read, files in ((read_released, [released]), (read_linzen, [text, gold])):
        assert read(*files, on_duplicate="drop").num_rows == 2
    caplog.clear()
    once = read_minimal_pairs(write(tmp_path / "once.tsv", PAIRS))
    assert read_minimal_pairs(pairs, on_duplicate="drop").equals(once)
    assert caplog.messages == [
        f"{pairs}: left out as duplicates are 2: line 4 (line 2), line 5 (line 3)"
    ]
    with pytest.raises(StimuliError, match="on_duplicate is 'keep'; expected error or drop"):
        read_minimal_pairs(pairs, on_duplicate="keep")


def test_sentences_that_begin_with_a_quotation_mark_survive(tmp_path):
    text = RELEASED.replace("The boy", '""" The boy').replace(" greets\t", ' greets"\t', 1)
    text = text.replace(" greet\t", ' greet"\t', 1)
    table = read_released(write(tmp_path / "a.txt", text))
    assert table["tokens"].to_pylist()[0][:2] == ['"', "The"]
    write_released(table, tmp_path / "b.txt")
    assert (tmp_path / "b.txt").read_text() == text


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("\tbad", "\twrong_form", "line 1: the header is"),
        ("source", "prefix", "line 1: the header is"),
        ("source", "tokens", "line 1: the name 'tokens' is used"),
        ("source", "lemmas", "line 1: the name 'lemmas' is used"),
        ("\t1\t7", "\t1", "line 2: 6 fields separated by tabs, but the header has 7"),
        ("\t1\t7", "\t5\t7", "line 2: subject_position is 5; expected 0 to 4"),
        ("\t1\t7", "\tx\t7", "line 2: subject_position is 'x'"),
        ("\t1\t7", "\t1\t99999999999", "line 2: frame is '99999999999'"),
        ("greets\tgreet\tSP", "greets\tgreets\tSP", "line 2: the correct and the wrong form"),
        ("greets\tgreet\tSP", "is greeting\tgreet\tSP", "line 2: the verb form is 'is greeting'"),
        ("greets\tgreet\tSP", "greets\t\tSP", "line 2: the verb form is ''"),
        ("greets\tgreet\tSP", "greets\tgreet\t", "line 2: the condition is empty"),
        ("\tThe boys\t", "\t\t", "line 3: the prefix is empty"),
        (
            "The boys\tgreet\tgreets",
            "The boy near the cars\tgreets\tgreet",
            "line 3: the same sentence",
        ),
    ],
)
def test_wrong_minimal_pairs_are_named(tmp_path, old, new, expected):
    assert old in PAIRS
    with pytest.raises(StimuliError) as caught:
        read_minimal_pairs(write(tmp_path / "p.tsv", PAIRS.replace(old, new, 1)))
    assert str(tmp_path / "p.tsv") in str(caught.value)
    assert expected in str(caught.value)


def test_a_header_alone_is_refused(tmp_path):
    with pytest.raises(StimuliError, match="no items after the header"):
        read_minimal_pairs(write(tmp_path / "p.tsv", PAIRS.splitlines()[0] + "\n"))


# The worked examples of docs/your-own-stimuli.md


@pytest.fixture(scope="module")
def examples(project, tmp_path_factory):
    """The files that the page shows: code blocks with a file name after the language."""
    folder = tmp_path_factory.mktemp("examples")
    page = (project / "docs" / "your-own-stimuli.md").read_text()
    for name, text in re.findall(r"^```\w+ (\S+)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_documented_task_is_made(project, examples):
    source = project / "stimuli" / "english"
    folder = examples / "mine"
    folder.mkdir()
    write(folder / "lexicon.tsv", (source / "lexicon.tsv").read_text())
    task = (examples / "two-attractors.yaml").read_text()
    write(folder / "tasks.yaml", (source / "tasks.yaml").read_text() + task)
    table = generate(read_language(folder), "two_attractors", 600, True, 2019)
    assert set(table["condition"].to_pylist()) == {"SSS", "SPP", "PSS", "PPP"}
    assert table.num_rows == 2400
    assert len(table["tokens"][0].as_py()) == 12


def test_documented_language_is_made(examples):
    language = read_language(examples / "german")
    table = generate(language, "nounpp_german", "all", True, 2019)
    assert table.num_rows == 4 * 240
    prefixes = set(map(" ".join, scored_items(table).prefixes))
    assert "Der Lehrer neben den Bäumen" in prefixes
    assert "Die Lehrer neben dem Baum" in prefixes
    assert "Die Mütter vor der Tür" in prefixes
    objects = {" ".join(tokens[-3:]) for tokens in table["tokens"].to_pylist()}
    assert objects == {"den Arzt .", "die Frau .", "das Kind .", "den Lehrer .", "die Mutter ."}
    check_stimuli(table, "german")


def test_documented_imports_are_read(examples, english):
    released = read_released(examples / "released.txt", english)
    assert released["subject_lemma"].to_pylist() == ["boy", "boy"]
    linzen = read_linzen(examples / "mine.text", examples / "mine.gold")
    assert linzen["correct"].to_pylist() == ["are", "writes"]
    pairs = read_minimal_pairs(examples / "mine.tsv")
    assert pairs["source"].to_pylist() == ["handmade", "handmade"]
    assert pairs["n_attractors"].to_pylist() == [2, 2]
    nonce = read_test_set("nonce", examples / "generated.tab")
    assert nonce["condition"].to_pylist() == ["original", "generated"]


def test_documented_settings_are_yaml_and_keys_are_complete(project):
    page = (project / "docs" / "your-own-stimuli.md").read_text()
    blocks = re.findall(r"^```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 4
    for block in blocks:
        assert yaml.safe_load(block).keys() <= schema()["properties"].keys()
    from lstm_units.stimuli.language_tables import _SLOT_SCHEMA, _TASK_SCHEMA

    for key in (*_SLOT_SCHEMA["properties"], *_TASK_SCHEMA["properties"]):
        assert f"\n| `{key}` |" in page
