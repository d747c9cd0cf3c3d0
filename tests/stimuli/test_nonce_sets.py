"""The nonce sets of Gulordava et al. 2018, in both of their forms, made here."""

import pytest

from lstm_units.api.stimuli import read_stimuli
from lstm_units.errors import StimuliError
from lstm_units.stimuli.formats import read_test_set

HEADER = (
    *("pattern", "constr_id", "sent_id", "correct_number", "form", "class", "type", "prefix"),
    *("n_attr", "punct", "freq", "len_context", "len_prefix", "sent"),
)
# The word in the nonce sentence is another one than those compared.
ORIGINAL = "The keys near Graz are here . <eos>"
NONCE = 'The stones " near " Graz sleep here . <eos>'


def quoted(field):
    return '"{}"'.format(field.replace('"', '""')) if '"' in field else field


def line(sent_id, form, kind, prefix, sent, context="3", number="plur"):
    type_ = "original" if sent_id == "0" else "generated"
    values = ["L__NOUN_VERB_VERB", "4", sent_id, number, form, kind, type_, quoted(prefix)]
    return "\t".join([*values, "1", "False", "12", context, "0", quoted(sent)])


LINES = (
    line("0", "are", "correct", "The keys near <unk>", ORIGINAL),
    line("0", "is", "wrong", "The keys near <unk>", ORIGINAL),
    line("7", "shines", "wrong", 'The stones " near " Graz', NONCE, context="5"),
    line("7", "shine", "correct", 'The stones " near " Graz', NONCE, context="5"),
)
GOLD = (
    "L!NOUN_VERB_VERB!Number=Plur!Number=Sing\t4\t0\t4\tVERB\tMood=Ind|Number=Plur\t"
    "are\tis\tbe\t1\tNOUN\tThe keys near Graz are",
    "R!VERB_NOUN_CCONJ_VERB!Number=Sing!Number=Plur\t9\t7\t6\tVERB\tNumber=Sing\t"
    "shines\tshine\tshine\t2\tVERB\tThe original is not read",
)


def write_table(folder, lines=LINES):
    path = folder / "generated.tab"
    path.write_text("\n".join(["\t".join(HEADER), *lines]) + "\n")
    return path


def write_gold(folder, gold=GOLD, text=(ORIGINAL, NONCE)):
    (folder / "generated.text").write_text("".join(f"{sentence}\n" for sentence in text))
    (folder / "generated.gold").write_text("".join(f"{entry}\n" for entry in gold))
    return folder / "generated.text"


def test_a_table_gives_an_item_for_each_two_lines(tmp_path):
    table = read_test_set("nonce", write_table(tmp_path))
    first, second = table.to_pylist()
    assert first["tokens"] == ORIGINAL.split()
    assert second["tokens"][:7] == ["The", "stones", '"', "near", '"', "Graz", "shine"]
    assert (second["correct"], second["wrong"]) == ("shine", "shines")
    assert [row["condition"] for row in (first, second)] == ["original", "generated"]
    assert [row["subject_position"] for row in (first, second)] == [1, 1]
    assert first["subject_number"] == "plural" and first["n_attractors"] == 1
    assert first["frame"] == second["frame"] and second["sent_id"] == "7"


def test_text_and_gold_of_twelve_columns_give_the_same(tmp_path):
    table = read_test_set("nonce", write_gold(tmp_path), gold=tmp_path / "generated.gold")
    first, second = table.to_pylist()
    assert first["tokens"] == ORIGINAL.split() and first["subject_position"] == 1
    assert second["tokens"][6:] == ["shines", "here", ".", "<eos>"]
    assert second["subject_number"] == "singular" and second["verb_lemma"] == "shine"
    # What is agreed with is a verb, so the place of no subject is known.
    assert second["subject_position"] is None
    assert first["frame"] != second["frame"]


def test_the_format_is_told_though_all_its_files_lie_together(tmp_path):
    table, text = write_table(tmp_path), write_gold(tmp_path)
    assert read_stimuli(table)["sent_id"].tolist() == ["0", "7"]
    assert read_stimuli(text)["verb_lemma"].tolist() == ["be", "shine"]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (LINES[:3], "line 4: the other form of this item is missing"),
        ([*LINES, LINES[0]], "line 6: the correct form of this item stands in line 2 already"),
        ([line("0", "are", "right", "The keys", ORIGINAL)], "class is 'right'"),
        (
            [line("0", f, c, "A key", ORIGINAL) for f, c in (("are", "correct"), ("is", "wrong"))],
            "line 2: sent does not begin with the words of prefix",
        ),
        (
            [
                line("0", f, c, "The keys", ORIGINAL, number="dual")
                for f, c in (("are", "correct"), ("is", "wrong"))
            ],
            "correct_number is 'dual'; expected sing or plur",
        ),
    ],
)
def test_a_faulty_table_is_refused_with_the_line(tmp_path, lines, message):
    with pytest.raises(StimuliError, match=message):
        read_test_set("nonce", write_table(tmp_path, lines))


@pytest.mark.parametrize(
    ("gold", "message"),
    [
        (GOLD[:1], "has 2 lines, but .* has 1"),
        ((GOLD[0], "5\tare\tis\t0"), "line 2: 4 tab-separated fields, expected 12: pattern,"),
        ((GOLD[0], GOLD[1].replace("\t6\t", "\t60\t")), "line 2: the position of the word is 60"),
        ((GOLD[0], GOLD[1].replace("\t6\t", "\t0\t")), "position of the word is 0, but a network"),
    ],
)
def test_a_faulty_gold_file_is_refused_with_the_line(tmp_path, gold, message):
    with pytest.raises(StimuliError, match=message):
        read_test_set("nonce", write_gold(tmp_path, gold), gold=tmp_path / "generated.gold")
