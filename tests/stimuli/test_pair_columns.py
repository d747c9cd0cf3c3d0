"""Minimal pairs that say as much as generated items reach the same analyses."""

import pytest

from lstm_units.api.stimuli import read_stimuli
from lstm_units.errors import StimuliError
from lstm_units.stimuli.formats import read_minimal_pairs
from lstm_units.stimuli.generation import generate
from lstm_units.stimuli.pair_columns import PAIR_COLUMNS
from lstm_units.stimuli.table import SCHEMA


def as_pairs(row):
    verb = row["verb_position"]
    cells = row | {
        **{"prefix": row["tokens"][:verb], "rest": row["tokens"][verb + 1 :]},
        **{"good": row["correct"], "bad": row["wrong"]},
    }
    cells = {name: cells[name] for name in PAIR_COLUMNS}
    return "\t".join(
        " ".join(map(str, cell)) if isinstance(cell, list) else str(cell) for cell in cells.values()
    )


def test_pairs_with_all_columns_are_the_items_that_they_were_written_from(english, tmp_path):
    generated = generate(english, "nounpp", 20, True, 1).select(SCHEMA.names)
    path = tmp_path / "pairs.tsv"
    lines = ["\t".join(PAIR_COLUMNS), *map(as_pairs, generated.to_pylist())]
    path.write_text("\n".join(lines))
    assert read_minimal_pairs(path).equals(generated)


HEADER = "prefix\tgood\tbad\tcondition\tsubject_position\tn_attractors\t"
HEADER += "attractor_positions\tattractor_numbers\tattractor_lemmas"
PREFIX = "The boy near the cars behind the tree\tgreets\tgreet\tSPS"


def read(folder, cells, header=HEADER):
    path = folder / "pairs.tsv"
    path.write_text(f"{header}\n{PREFIX}\t{cells}\n")
    return read_minimal_pairs(path)


def test_several_attractors_stand_in_one_cell(tmp_path):
    (row,) = read(tmp_path, "1\t\t4 7\tplural singular\tcar tree").to_pylist()
    assert row["attractor_positions"] == [4, 7] and row["n_attractors"] == 2
    assert row["attractor_numbers"] == ["plural", "singular"]
    assert row["attractor_lemmas"] == ["car", "tree"]
    (row,) = read(tmp_path, "1\t\t\t\t").to_pylist()
    assert row["attractor_numbers"] is None and row["n_attractors"] is None


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ("1\t\t4\tplural singular\t", "attractor_positions tells of 1 attractors, attractor_num"),
        ("1\t1\t4 7\t\t", "attractor_positions tells of 2 attractors, n_attractors of 1"),
        ("1\t\t4 8\t\t", "attractor_positions is 8; expected 0 to 7, a word of the prefix"),
        ("1\t\t4,7\t\t", "attractor_positions is '4,7'; expected a whole number"),
        ("1\t\t1 7\t\t", "subject_position and attractor_positions are both 1"),
        ("1\t\t\tP S\t", "attractor_numbers holds 'P'; expected singular or plural for each"),
    ],
)
def test_attractors_that_do_not_fit_are_refused_with_the_line(tmp_path, cells, message):
    with pytest.raises(StimuliError, match=f"line 2: {message}"):
        read(tmp_path, cells)


@pytest.mark.parametrize(
    "header",
    [
        "sentence_good,sentence_bad",
        "prefix_good\tprefix_bad\tgood\tbad\tcondition",
        '{"two_prefix_prefix_good": "The boys", "two_prefix_prefix_bad": "The boy"}',
    ],
)
def test_pairs_that_part_before_the_word_are_told_what_they_need(tmp_path, header):
    with pytest.raises(StimuliError, match="needs a tool that scores whole sentences"):
        read(tmp_path, "", header)
    with pytest.raises(StimuliError, match="needs a tool that scores whole sentences"):
        read_stimuli(tmp_path / "pairs.tsv")


def test_sentences_in_place_of_forms_are_told_what_they_need(tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text("prefix\tgood\tbad\tcondition\nNow\tthe boys run\tthe boy run\tP\n")
    with pytest.raises(StimuliError, match=r"line 2: good and bad .* part before their last words"):
        read_minimal_pairs(path)
