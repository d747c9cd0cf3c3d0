"""The sampled words of the depth corpus: cut sentences, neighbours, and files that do not fit."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.depth_network import write_depth_corpus

from lstm_units.depth_corpus.sample import read_depth_sample
from lstm_units.errors import StimuliError
from lstm_units.io.files import make_metadata, write_parquet


def test_sentences_end_at_their_last_sampled_word_and_others_are_left_out(tmp_path):
    sentences, positions, _ = write_depth_corpus(tmp_path, n=20)
    rows = pd.read_parquet(positions)
    kept = rows[(rows["sentence"] % 2 == 0) & (rows["position"] <= 4 + rows["sentence"] % 5)]
    write_parquet(
        pq.read_table(positions).take(kept.index.to_numpy()), positions, make_metadata(kind="test")
    )
    sample = read_depth_sample(sentences, positions)
    tokens = pd.read_parquet(sentences)["tokens"]
    assert list(sample.tokens) == list(range(0, 20, 2))
    for number, words in sample.tokens.items():
        assert words == tuple(tokens[number][: 5 + number % 5])
    for row, (word, previous) in enumerate(zip(sample.words, sample.previous_words, strict=True)):
        sentence, position = sample.sentence[row], sample.position[row]
        assert [previous, word] == list(tokens[sentence][position - 1 : position + 1])
    np.testing.assert_array_equal(sample.open_nodes, kept["open_nodes"])


def test_the_first_word_has_no_previous_word(tmp_path):
    sentences, positions, _ = write_depth_corpus(tmp_path, n=5, positions=range(2))
    assert read_depth_sample(sentences, positions).previous_words[0] == ""


def test_the_hash_changes_with_words_read_positions_and_depths_only(tmp_path):
    sentences, positions, _ = write_depth_corpus(tmp_path, n=20)
    before = read_depth_sample(sentences, positions).sha256

    def changed(path, row, change):
        rows = pq.read_table(path)
        values = rows.to_pylist()
        change(values[row])
        other = tmp_path / "other.parquet"
        table = pa.Table.from_pylist(values, rows.schema)
        write_parquet(table, other, make_metadata(kind="test"))
        pair = (other, positions) if path == sentences else (sentences, other)
        return read_depth_sample(*pair).sha256

    assert changed(sentences, 3, lambda row: row["tokens"].append("more")) == before
    assert changed(sentences, 3, lambda row: row["tokens"].insert(0, "more")) != before
    assert changed(positions, 3, lambda row: row.update(open_nodes=9)) != before
    assert changed(positions, -1, lambda row: row.update(position=10)) != before


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda rows: rows[::-1], "not sorted"),
        (lambda rows: [rows[0], *rows], "names position 4 of sentence 0 twice"),
        (lambda rows: [*rows, {**rows[-1], "sentence": 999}], "sentence 999.*no such sentence"),
        (lambda rows: [*rows, {**rows[-1], "position": 40}], "position 40.*has 12 words"),
        (lambda rows: [{**rows[0], "position": -1}, *rows], "below 0"),
        (lambda rows: rows[:0], "no row"),
        (lambda rows: [{"sentence": 0}], "cannot read"),
    ],
)
def test_positions_that_do_not_fit_the_sentences_are_refused(tmp_path, change, found):
    sentences, positions, _ = write_depth_corpus(tmp_path, n=20)
    table = pq.read_table(positions)
    rows = change(table.to_pylist())
    schema = table.schema if len(rows) != 1 else None
    path = tmp_path / "changed.parquet"
    write_parquet(pa.Table.from_pylist(rows, schema), path, make_metadata(kind="test"))
    with pytest.raises(StimuliError, match=found) as raised:
        read_depth_sample(sentences, path)
    assert str(path) in str(raised.value)
