"""Sentences and tokens, and that the published vocabulary and context come out whole."""

import lzma
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstm_units.errors import UserError
from lstm_units.training.sentences import read_articles
from lstm_units.training.tokenisation import Tokeniser, split_piece

SENTENCES = {
    "Dr. J. Smith lives in the U.S. He likes it.": [
        "Dr. J. Smith lives in the U.S. .",
        "He likes it .",
    ],
    "The U.S. Army came. 15 men left!": ["The U.S. Army came .", "15 men left !"],
    "He doesn't know; they've gone, can't they?": [
        "He does n't know ; they 've gone , ca n't they ?"
    ],
    "the boys' cars and the boy's car": ["the boys ' cars and the boy 's car"],
    "O'Neill said “no” at five o’clock": ["O'Neill said “ no ” at five o'clock"],
    '"Go!" (He went.) Why?': ['" Go ! "', "( He went . )", "Why ?"],
    '"Yes," he said. "Never."': ['" Yes , " he said .', '" Never . "'],
    "It cost $15,000, or 5.5% of 3–1.": ["It cost $15,000 , or 5.5 % of 3–1 ."],
    "a well-known 19th-century and/or": ["a well-known 19th-century and/or"],
    "The end—or so... Then -- well": ["The end — or so ...", "Then -- well"],
    "see p. 5, etc. and e.g. this": ["see p. 5 , etc. and e.g. this"],
    "It was the 1990s. then": ["It was the 1990s . then"],
    "the word(s) [sic]": ["the word(s) [ sic ]"],
    "No. 5 has a no.": ["No. 5 has a no ."],
    "caf\u0065\u0301 a\u200bb": ["café ab"],
    "": [],
}


@pytest.mark.parametrize("text", SENTENCES)
def test_sentences_and_tokens(text):
    assert [" ".join(sentence) for sentence in Tokeniser().sentences(text)] == SENTENCES[text]


@given(st.text(alphabet="aB1.'’\"(),—-! s\u00e9$%", max_size=40))
def test_no_character_is_lost_but_spaces(text):
    tokens = [token for sentence in Tokeniser().sentences(text) for token in sentence]
    assert all(token and not re.search(r"\s", token) for token in tokens)
    kept = re.sub(r"[\s.-]", "", "".join(tokens))  # points may be added, runs of marks shortened
    assert kept == re.sub(r"[\s.-]", "", text.replace("’", "'"))


@given(st.text(alphabet="aB1.'\"(),—! s", max_size=40))
def test_what_was_seen_before_changes_nothing(text):
    small, large = Tokeniser(memory=1), Tokeniser()
    list(large.sentences(text))
    assert list(small.sentences(text)) == list(large.sentences(text))


@pytest.mark.golden
def test_words_of_the_published_vocabulary_are_single_tokens(published_data):
    lines = (published_data / "gulordava_vocab.txt").read_text(encoding="utf-8").split("\n")
    words = [word for word in lines if word and word not in ("<unk>", "<eos>")]
    split = [word for word in words if split_piece(word)[0] != (word,)]
    typographic = [word for word in split if "’" in word or word == "…"]
    assert len(words) > 49_000
    assert len(split) - len(typographic) <= 1, split  # ’ and … are made plain on purpose


@pytest.mark.golden
def test_the_published_context_comes_out_as_it_is(published_data):
    text = (published_data / "context_2019.txt").read_text(encoding="utf-8")
    sentences = [s.strip() for s in text.split("<eos>")][:5]
    for sentence in (s for s in sentences if "<unk>" not in s and '"' not in s):
        raw = re.sub(r" ([.,:;?!])", r"\1", sentence)
        assert [" ".join(s) for s in Tokeniser().sentences(raw)] == [sentence]


def test_articles_of_plain_and_compressed_text(tmp_path):
    text = "One.\nTwo.\n\n\n  \nThree.\n"
    plain, packed = tmp_path / "a.txt", tmp_path / "a.txt.xz"
    plain.write_text(text, encoding="utf-8")
    packed.write_bytes(lzma.compress(text.encode()))
    expected = [["One.", "Two."], ["Three."]]
    assert list(read_articles(plain)) == list(read_articles(packed)) == expected


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"good\nb\xe9d\n", "a.txt, line 2, is not UTF-8"),
        ("a.txt.xz", lzma.compress(b"word " * 5000)[:-20], "no whole .xz file"),
        ("a.txt.xz", b"plain", "no whole .xz file"),
        ("missing.txt", None, "cannot read the text"),
    ],
)
def test_bad_text_is_refused(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        list(read_articles(tmp_path / name))
