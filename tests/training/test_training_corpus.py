"""Vocabulary, split, filter and order of a training corpus, against plain Python."""

from collections import Counter

import numpy as np
import pytest

from lstm_units.errors import UserError
from lstm_units.training.corpus import CorpusSettings, build_corpus, collect, iterate


def random_sentences(seed, n_articles=60, n_words=80):
    """Sentences of words whose frequencies differ widely."""
    random = np.random.default_rng(seed)
    share = 1 / np.arange(1, n_words + 1)
    for article in range(n_articles):
        for _ in range(random.integers(1, 12)):
            words = random.choice(n_words, size=random.integers(1, 15), p=share / share.sum())
            yield article, [f"w{word}" for word in words]


def sentences_of(corpus, part):
    """The sentences of a part, as tuples of words."""
    words, ids = corpus.words, corpus.ids[part].tolist()
    assert ids[-1] == 1
    text = " ".join(words[row] for row in ids).split(" <eos>")
    return [tuple(sentence.split()) for sentence in text[:-1]]


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("maximum_unknown", [0.1, 0.2, 1.0])
def test_a_corpus_is_what_plain_python_makes_of_the_text(seed, maximum_unknown):
    text = list(random_sentences(seed, n_articles=120))
    settings = CorpusSettings(
        vocabulary_size=30,
        required_words=("w79", "new"),
        maximum_unknown=maximum_unknown,
        seed=seed,
    )
    corpus = build_corpus(collect(text), settings)
    # The split is the corpus's own; everything else follows from it.
    by_part = {name: Counter(sentences_of(corpus, name)) for name in corpus.ids}
    assert corpus.words[:2] == ("<unk>", "<eos>")
    assert len(corpus.words) == len(set(corpus.words)) == 30
    known = set(corpus.words)

    def as_read(tokens):
        return tuple(word if word in known else "<unk>" for word in tokens)

    kept = Counter(
        as_read(tokens)
        for _, tokens in text
        if sum(word not in known for word in tokens) <= maximum_unknown * len(tokens)
    )
    assert sum(by_part.values(), Counter()) == kept
    counts = Counter(word for s, n in by_part["train"].items() for word in s * n)
    counts["<eos>"] = by_part["train"].total()
    assert corpus.counts.tolist() == [counts[word] for word in corpus.words]


def test_articles_stay_together_and_words_are_counted_in_training_only():
    text = [(a, [f"a{a}", "the"]) for a in range(40) for _ in range(1 + a % 3)]
    settings = CorpusSettings(100, validation=0.1, test=0.2, maximum_unknown=1.0, seed=5)
    corpus = build_corpus(collect(text), settings)
    assert corpus.statistics["articles"] == {"train": 28, "validation": 4, "test": 8}
    # Words of held-out articles alone are unknown to the model.
    assert len(corpus.words) == 2 + 28 + 1
    for part in ("validation", "test"):
        assert {s[0] for s in sentences_of(corpus, part)} == {"<unk>"}
    assert corpus.words[2] == "the"


def test_the_most_frequent_words_are_in_by_falling_frequency_and_required_ones_too():
    text = [(a, ["x"] * 5 + ["y"] * 3 + ["z"] * 3 + ["rare"]) for a in range(10)]
    corpus = build_corpus(collect(text), CorpusSettings(5, ("rare",), 1.0, seed=0))
    assert corpus.words == ("<unk>", "<eos>", "x", "y", "rare")


def test_chosen_sentences_of_the_training_part_and_a_share_of_the_others():
    text = [(a, ["yes" if n % 4 == 0 else "no", f"n{n}"]) for a in range(50) for n in range(40)]
    full = build_corpus(collect(text), CorpusSettings(50, seed=1))
    chosen = build_corpus(collect(text), CorpusSettings(50, chosen_words=("yes",), seed=1))
    some = build_corpus(
        collect(text), CorpusSettings(50, chosen_words=("yes",), share_of_others=0.25, seed=1)
    )
    n_yes = chosen.statistics["train"]["sentences"]
    assert n_yes * 4 == full.statistics["train"]["sentences"]
    assert {s[0] for s in sentences_of(chosen, "train")} == {"yes"}
    others = Counter(s[0] for s in sentences_of(some, "train"))["no"]
    assert 0.2 < others / (3 * n_yes) < 0.3
    for part in ("validation", "test"):
        assert np.array_equal(full.ids[part], chosen.ids[part])
        assert np.array_equal(full.ids[part], some.ids[part])


def test_the_seed_decides_split_and_order():
    text = collect(random_sentences(3))
    same = [build_corpus(text, CorpusSettings(90, seed=s)).ids["train"] for s in (1, 1, 2)]
    assert np.array_equal(same[0], same[1])
    assert not np.array_equal(same[0], same[2])


def test_more_words_than_two_bytes_hold_take_four():
    text = [(n // 100, [f"w{n}", f"v{n}"]) for n in range(40_000)]
    small = build_corpus(collect(text), CorpusSettings(2**16, maximum_unknown=1.0))
    large = build_corpus(collect(text), CorpusSettings(2**16 + 1, maximum_unknown=1.0))
    assert small.ids["train"].dtype == np.uint16
    assert large.ids["train"].dtype == np.uint32
    assert large.ids["train"].max() == 2**16


def test_articles_of_several_texts_are_counted_on():
    parts = [[(0, ["a"]), (2, ["b"])], [(0, ["c"])]]
    assert list(iterate(parts)) == [(0, ["a"]), (2, ["b"]), (3, ["c"])]


@pytest.mark.parametrize(
    ("sentences", "settings", "message"),
    [
        ([(0, ["a"]), (1, ["b"])], CorpusSettings(9), "2 articles, too few"),
        ([(n, ["a"]) for n in range(9)], CorpusSettings(3, ("b", "c")), "2 words must be in"),
        (
            [(n, [f"w{n}"]) for n in range(9)],
            CorpusSettings(9, maximum_unknown=0.0),
            "no sentence is left for the validation part",
        ),
        ([], CorpusSettings(9), "0 articles"),
    ],
)
def test_a_corpus_that_cannot_be_made_is_refused(sentences, settings, message):
    with pytest.raises(UserError, match=message):
        build_corpus(collect(sentences), settings)
