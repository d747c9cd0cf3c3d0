"""From sentences to what a language model is trained on: vocabulary, split, filter, order."""

import logging
from array import array
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from lstm_units.errors import UserError
from lstm_units.io.files import (
    atomic_path,
    encode_metadata,
    make_metadata,
    sha256_file,
    write_json,
    write_text,
)
from lstm_units.io.results import Result
from lstm_units.runtime.console import progress
from lstm_units.training.sentences import read_sentences, words_of

log = logging.getLogger(__name__)
PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class CorpusSettings:
    """How a corpus is made from sentences.

    Parameters
    ----------
    vocabulary_size : int
        Words of the model, `unk` and `eos` among them.
    required_words : collection of str
        Words that are in the vocabulary however rare they are.
    maximum_unknown : float
        Largest share of tokens of a sentence that may be unknown words; other sentences are left
        out, as in Gulordava et al. 2018.
    chosen_words : collection of str
        With any given, sentences of the training part that hold none of them are left out.
    share_of_others : float
        Share of these sentences that is kept all the same, drawn at random.
    validation, test : float
        Shares of the articles.
    unk, eos : str
        Words 1 and 2 of the vocabulary.
    """

    vocabulary_size: int
    required_words: Collection[str] = ()
    maximum_unknown: float = 0.05
    chosen_words: Collection[str] = ()
    share_of_others: float = 0.0
    validation: float = 0.01
    test: float = 0.01
    seed: int = 0
    unk: str = "<unk>"
    eos: str = "<eos>"


@dataclass(frozen=True)
class Sentences:
    """Sentences of a text as numbers of words, in the order of the text.

    Parameters
    ----------
    words : tuple of str
        Every different token.
    ids : ndarray of uint32, shape (tokens,)
        Places in `words`.
    starts : ndarray of int64, shape (sentences + 1,)
        Where each sentence begins in `ids`; the last entry is the number of tokens.
    articles : ndarray of int32, shape (sentences,)
        The article of each sentence, 0-based.
    """

    words: tuple[str, ...]
    ids: np.ndarray
    starts: np.ndarray
    articles: np.ndarray


@dataclass(frozen=True)
class Corpus:
    """What a language model is trained on.

    Parameters
    ----------
    words : tuple of str
        The vocabulary: unknown word, end of sentence, then by falling frequency in the training
        part.
    counts : ndarray of int64, shape (words,)
        How often each word stands in the training part as it is read, `eos` and `unk` included.
    ids : dict of str to ndarray of uint16 or uint32
        For ``train``, ``validation`` and ``test``: the sentences one after the other in random
        order, each followed by `eos`, as rows of the vocabulary.
    statistics : dict
        Numbers of articles, sentences and tokens, and of what was left out.
    """

    words: tuple[str, ...]
    counts: np.ndarray
    ids: dict[str, np.ndarray]
    statistics: dict[str, Any]


def training_corpus(
    sentences: Sequence[str | Path],
    required: Sequence[str | Path] = (),
    chosen: str | Path | None = None,
    **settings: Any,
) -> Result:
    """Make a training corpus of tokenised texts.

    Parameters
    ----------
    sentences : sequence of paths
        From `lstm_units.training.sentences.tokenise_text`; they are read sentence by sentence.
    required : sequence of paths
        Files of words that the vocabulary must have: Parquet of stimuli (their complete sentences
        and both verb forms) or of depth sentences, or text with words between white space.
    chosen : path, optional
        Text with words between white space: sentences without any of them are left out of the
        training part, see `CorpusSettings`.
    **settings
        Further fields of `CorpusSettings`.

    Returns
    -------
    Result
        It holds a `Corpus`; its statistics count each required word too.

    Raises
    ------
    UserError
        If a file cannot be read, or the corpus cannot be made.
    """
    required_words = sorted({word for path in required for word in words_of(path)})
    chosen_words = frozenset(words_of(chosen)) if chosen else frozenset()
    if chosen and not chosen_words:
        raise UserError(
            f"{chosen} holds no word to choose sentences by; name words, or leave it out"
        )
    with progress(description="reading sentences", unit="sentences") as bar:

        def counted(path: str | Path) -> Iterator[tuple[int, list[str]]]:
            for sentence in read_sentences(path):
                bar.update()
                yield sentence

        text = collect(iterate(map(counted, sentences)))
    corpus = build_corpus(
        text,
        CorpusSettings(required_words=required_words, chosen_words=chosen_words, **settings),
    )
    row = {word: place for place, word in enumerate(corpus.words)}
    occurrences = {word: int(corpus.counts[row[word]]) for word in required_words if word in row}
    absent = [word for word, count in occurrences.items() if not count]
    if absent:
        log.warning(
            "%d required words do not occur in the training part, so a model learns nothing of "
            "them: %s",
            len(absent),
            ", ".join(absent[:20]) + (" ..." if len(absent) > 20 else ""),
        )
    statistics = {
        **corpus.statistics,
        "vocabulary": len(corpus.words),
        "required_words": occurrences,
    }
    for part in PARTS:
        found = corpus.statistics[part]
        log.info(
            "%s: %s sentences, %s tokens, %.2f %% unknown; left out for unknown words: %s",
            part,
            f"{found['sentences']:,}",
            f"{found['tokens']:,}",
            100 * found["unknown"] / found["tokens"],
            f"{found['left_out_for_unknown_words']:,}",
        )
    metadata = make_metadata(
        config={**settings, "chosen_words": len(chosen_words)},
        seed=settings.get("seed"),
        sentences_sha256=[sha256_file(path) for path in sentences],
    )
    return Result(replace(corpus, statistics=statistics), metadata, "the corpus")


def write_corpus(
    corpus: Result,
    *,
    ids: str | Path,
    vocabulary: str | Path,
    counts: str | Path,
    statistics: str | Path,
) -> None:
    """Write a corpus.

    Parameters
    ----------
    corpus : Result
        From `training_corpus`.
    ids : path
        safetensors: rows of the vocabulary of each part.
    vocabulary : path
        Text, a word a line.
    counts : path
        TSV: word, occurrences in the training part.
    statistics : path
        JSON.

    Raises
    ------
    UserError
        If a file cannot be written.
    """
    made: Corpus = corpus.content
    with atomic_path(ids) as temporary:
        save_file(made.ids, temporary, metadata=encode_metadata(corpus.metadata))
    write_text("".join(f"{word}\n" for word in made.words), vocabulary)
    rows = zip(made.words, made.counts.tolist(), strict=True)
    write_text("".join(f"{word}\t{count}\n" for word, count in rows), counts)
    write_json(made.statistics, statistics, corpus.metadata)


def collect(sentences: Iterable[tuple[int, Sequence[str]]]) -> Sentences:
    """Give the words of sentences numbers, in the order in which they are first seen.

    Parameters
    ----------
    sentences : iterable of (int, sequence of str)
        Article and tokens of each sentence. Empty sentences are skipped.
    """
    index: defaultdict[str, int] = defaultdict()
    index.default_factory = index.__len__
    ids, lengths, articles = array("I"), array("I"), array("i")
    for article, tokens in sentences:
        if tokens:
            ids.extend(map(index.__getitem__, tokens))
            lengths.append(len(tokens))
            articles.append(article)
    starts = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(np.frombuffer(lengths, dtype=np.uintc), out=starts[1:])
    return Sentences(
        words=tuple(index),
        ids=np.array(ids, dtype=np.uint32),
        starts=starts,
        articles=np.array(articles, dtype=np.int32),
    )


def build_corpus(sentences: Sentences, settings: CorpusSettings) -> Corpus:
    """Split by article, choose the vocabulary, filter, shuffle.

    Words are counted in the training articles only. Whole articles go to one part, so that no
    sentence of validation or test has its neighbours in training. Each part is shuffled by
    sentence, as the sentences of Gulordava et al. 2018 were.

    Raises
    ------
    UserError
        If a part would have no article or no sentence, or the required words do not fit into the
        vocabulary.
    """
    part_of_article = _split_articles(sentences.articles, settings)
    lengths = np.diff(sentences.starts)
    part = part_of_article[sentences.articles]
    in_training = np.repeat(part == 0, lengths)
    counts = np.bincount(sentences.ids[in_training], minlength=len(sentences.words))
    words, rows = _vocabulary(sentences.words, counts, settings)
    ids = rows[sentences.ids]
    unknown = (
        np.add.reduceat(ids == 0, sentences.starts[:-1], dtype=np.int64)
        if len(lengths)
        else lengths
    )
    known_enough = unknown <= settings.maximum_unknown * lengths
    chosen = _chosen(sentences, part, settings)
    parts: dict[str, np.ndarray] = {}
    statistics: dict[str, Any] = {
        "articles": {n: int((part_of_article == k).sum()) for k, n in enumerate(PARTS)},
        "different_words_of_the_text": len(sentences.words),
    }
    for number, name in enumerate(PARTS):
        here = part == number
        kept = np.flatnonzero(here & known_enough & chosen)
        if not len(kept):
            raise UserError(
                f"no sentence is left for the {name} part of the corpus: of {int(here.sum()):,}, "
                f"{int((here & ~known_enough).sum()):,} have too many unknown words, and "
                f"{int((here & known_enough & ~chosen).sum()):,} others hold no chosen word. "
                "Give more text or a larger vocabulary_size, or raise maximum_unknown or "
                "share_of_others of the corpus"
            )
        # A stream of its own, so that a part does not depend on what is chosen for another.
        random = np.random.default_rng([settings.seed, number])
        parts[name] = _join(ids, sentences.starts, random.permutation(kept))
        statistics[name] = {
            "sentences": len(kept),
            "tokens": len(parts[name]),
            "unknown": int((parts[name] == 0).sum()),
            "left_out_for_unknown_words": int((here & ~known_enough).sum()),
            "left_out_by_choice": int((here & known_enough & ~chosen).sum()),
        }
    counted = np.bincount(parts["train"], minlength=len(words)).astype(np.int64)
    return Corpus(words, counted, parts, statistics)


def _split_articles(articles: np.ndarray, settings: CorpusSettings) -> np.ndarray:
    """Return the part (0 to 2) of every article."""
    n_articles = int(articles.max()) + 1 if len(articles) else 0
    held_out = [max(1, round(share * n_articles)) for share in (settings.validation, settings.test)]
    if n_articles <= sum(held_out):
        raise UserError(
            f"the text has {n_articles} articles, too few for a split into training, validation "
            "and test; blank lines end articles"
        )
    order = np.random.default_rng(settings.seed).permutation(n_articles)
    part = np.zeros(n_articles, dtype=np.int8)
    part[order[: held_out[0]]] = 1
    part[order[held_out[0] : sum(held_out)]] = 2
    return part


def _vocabulary(
    words: Sequence[str], counts: np.ndarray, settings: CorpusSettings
) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the vocabulary, and the row of every word of the text."""
    special = (settings.unk, settings.eos)
    number = {word: place for place, word in enumerate(words)}
    required = sorted(set(settings.required_words) - set(special))
    room = settings.vocabulary_size - len(special)
    if len(required) > room:
        raise UserError(
            f"{len(required):,} words must be in the vocabulary, but it has room for {room:,}; "
            "raise vocabulary_size of the corpus"
        )
    taken = set(required) | set(special)
    order = sorted(
        np.flatnonzero(counts).tolist(), key=lambda place: (-counts[place], words[place])
    )
    frequent = [words[place] for place in order if words[place] not in taken]
    chosen = required + frequent[: room - len(required)]

    def count(word: str) -> int:
        return int(counts[number[word]]) if word in number else 0

    chosen.sort(key=lambda word: (-count(word), word))
    vocabulary = (*special, *chosen)
    # The smallest type that holds the rows: corpora are large.
    kind = np.uint16 if len(vocabulary) <= 2**16 else np.uint32
    rows = np.zeros(len(words), dtype=kind)
    for row, word in enumerate(vocabulary):
        if row >= len(special) and word in number:
            rows[number[word]] = row
    return vocabulary, rows


def _chosen(sentences: Sentences, part: np.ndarray, settings: CorpusSettings) -> np.ndarray:
    """Which sentences hold a chosen word, are held out, or are drawn from the others."""
    n_sentences = len(part)
    if not settings.chosen_words or not n_sentences:
        return np.ones(n_sentences, dtype=bool)
    wanted = np.array([word in settings.chosen_words for word in sentences.words])
    holds_one = np.logical_or.reduceat(wanted[sentences.ids], sentences.starts[:-1])
    random = np.random.default_rng([settings.seed, len(PARTS)]).random(n_sentences)
    return holds_one | (part != 0) | (random < settings.share_of_others)


def _join(ids: np.ndarray, starts: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Put sentences one after the other in an order, each followed by row 1 (its end)."""
    lengths = starts[order + 1] - starts[order]
    ends = np.cumsum(lengths + 1)
    joined = np.empty(ends[-1], dtype=ids.dtype)
    joined[ends - 1] = 1
    inside = np.ones(len(joined), dtype=bool)
    inside[ends - 1] = False
    # Place in `ids` of each token: counted on from the start of its sentence.
    shift = np.repeat(starts[order] - np.concatenate([[0], np.cumsum(lengths)[:-1]]), lengths)
    joined[inside] = ids[np.arange(len(shift)) + shift]
    return joined


def iterate(parts: Iterable[Iterable[tuple[int, Sequence[str]]]]) -> Iterator[tuple[int, Sequence]]:
    """Chain the sentences of several texts; articles are numbered on through all of them.

    Parameters
    ----------
    parts : iterable of iterables of (int, sequence of str)
        Article, 0-based within its text, and tokens.

    Yields
    ------
    int, sequence of str
    """
    offset = 0
    for part in parts:
        last = -1
        for article, tokens in part:
            last = article
            yield offset + article, tokens
        offset += last + 1
