"""Word counts: what a table must look like, and what a word it lacks counts."""

import logging

import numpy as np
import pytest

from lstm_units.errors import WordCountsError
from lstm_units.stimuli.word_frequency import count_words, log_frequency, read_word_counts


def write(tmp_path, content):
    path = tmp_path / "counts.tsv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_counts_are_read_with_case_and_odd_characters_kept(tmp_path):
    path = write(tmp_path, 'The\t3\r\nthe\t12\n"\t1\na\x0bb\u2028c\t0\n')
    assert read_word_counts(path) == {"The": 3, "the": 12, '"': 1, "a\x0bb\u2028c": 0}


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("a\t1\nb 2\n", r"line 2: found 'b 2'"),
        ("a\t1\nb\t2\t3\n", r"line 2"),
        ("a\t1\n\nb\t2\n", r"line 2: found ''"),
        ("\t1\n", r"line 1"),
        ("word\tcount\n", r"line 1: the count of 'word' is 'count'.*no header"),
        ("a\t-1\n", r"line 1: the count of 'a' is '-1'"),
        ("a\t1.5\n", r"'1\.5'"),
        ("a\t\u00b2\n", r"line 1: the count"),
        ("a\t1\nb\t1\na\t2\n", r"line 3: 'a' stands twice"),
        ("", r"is empty"),
        (b"\xff\xfe\t1\n", r"UTF-8"),
    ],
)
def test_a_bad_table_is_refused_with_its_line(tmp_path, content, found):
    path = write(tmp_path, content)
    with pytest.raises(WordCountsError, match=found) as raised:
        read_word_counts(path)
    assert str(path) in str(raised.value)


def test_a_missing_table_is_a_user_error(tmp_path):
    with pytest.raises(WordCountsError, match="cannot read the word counts"):
        read_word_counts(tmp_path / "none.tsv")


def test_a_word_that_the_table_lacks_counts_zero_and_is_reported(caplog):
    with caplog.at_level(logging.INFO, logger="lstm_units"):
        counts = count_words(["a", "b", "zz", "a"], {"a": 7, "b": 0}, "counts.tsv")
    np.testing.assert_array_equal(counts, [7, 0, 0, 7])
    assert "lacks 1 of 3 words (25.00 % of the tokens), which count 0: zz" in caplog.text


def test_a_table_that_knows_all_words_is_not_remarked_on(caplog):
    with caplog.at_level(logging.INFO, logger="lstm_units"):
        count_words(["a"], {"a": 7}, "counts.tsv")
    assert not caplog.text


def test_a_table_that_knows_less_than_half_of_the_words_is_refused():
    assert len(count_words(["a", "b"], {"a": 1}, "counts.tsv")) == 2
    with pytest.raises(WordCountsError, match=r"know 1 of the 3 words.*they lack b, c"):
        count_words(["a", "a", "a", "a", "b", "c"], {"a": 1, "x": 3}, "counts.tsv")


def test_log_frequency_is_the_natural_logarithm_of_one_more():
    np.testing.assert_allclose(log_frequency(np.array([0, np.e - 1, 99])), [0, 1, np.log(100)])
