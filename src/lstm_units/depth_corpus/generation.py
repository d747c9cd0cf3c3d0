"""Sentences of an exact length drawn from a weighted grammar.

``python -m lstm_units.depth_corpus.generation grammar.txt --length 12 --number 5`` prints some.
"""

import argparse
import logging
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from lstm_units.depth_corpus.grammar import Grammar, Symbol, WordList
from lstm_units.depth_corpus.grammar_file import read_grammar
from lstm_units.depth_corpus.sentences import DepthSentence, capitalised, open_nodes
from lstm_units.errors import StimuliError
from lstm_units.runtime.console import job

log = logging.getLogger(__name__)
# Draws for each sentence wanted, until a length is taken to have no more distinct ones.
_TRIES_PER_SENTENCE = 30


@dataclass(frozen=True)
class WordSlot:
    """A place for a word: which list, and which of its forms."""

    words: WordList
    form: int


@dataclass(frozen=True)
class Phrase:
    """A bracket with its parts; without a label its parts belong to the phrase above."""

    label: str | None
    parts: tuple["Phrase | WordSlot", ...]


@dataclass(frozen=True)
class Corpus:
    """Sentences of several lengths.

    Parameters
    ----------
    sentences : tuple of DepthSentence
        Sorted by length, then in the order in which they were drawn.
    per_length : dict of int to int
        Distinct sentences found for each length.
    exhausted : int
        Derivations drawn anew because a word list had too few lemmas for them.
    """

    sentences: tuple[DepthSentence, ...]
    per_length: dict[int, int]
    exhausted: int


class LengthSampler:
    """Draws derivations of a weighted grammar among those of an exact length.

    The weights of a symbol's productions, divided by their sum, are probabilities, and a
    derivation has the product of the probabilities of its productions. A derivation of a given
    length is drawn with that probability divided by the sum over all derivations of this length:
    the sums are tabulated for each symbol and number of words (the inside probabilities of Lari
    and Young, 1990, by length), and productions and the words of their parts are drawn in
    proportion to them. Nothing is drawn and thrown away because of its length.

    Parameters
    ----------
    longest : int
        Words of the longest sentences.
    """

    def __init__(self, grammar: Grammar, longest: int) -> None:
        self.grammar = grammar
        self.longest = longest
        self._inside: dict[Symbol, list[float]] = {}
        # For the parts of a right side from some place on: probability by number of words.
        self._rests: dict[tuple[Symbol, ...], list[float]] = {}
        self._productions: dict[tuple[Symbol, int], list[float]] = {}
        self._splits: dict[tuple[tuple[Symbol, ...], int], list[float]] = {}
        self._tabulate()

    def probability(self, length: int) -> float:
        """Return the probability that a sentence of the grammar has `length` words."""
        return self._inside[self.grammar.start][length]

    def draw(self, length: int, generator: np.random.Generator) -> Phrase:
        """Draw a derivation.

        Parameters
        ----------
        length : int
            Words; at most `longest`, and `probability` must be above 0.
        """
        return self._draw(self.grammar.start, length, generator)

    def _tabulate(self) -> None:
        size = self.longest + 1
        for symbol in self.grammar.word_forms:
            self._inside[symbol] = [0.0] * size
            self._inside[symbol][1] = 1.0
        for symbol in self.grammar.by_left:
            self._inside[symbol] = [0.0] * size
        for production in self.grammar.productions:
            for first in range(len(production.right) - 1):
                self._rests.setdefault(production.right[first:], [0.0] * size)
        weights = {
            symbol: sum(p.weight for p in productions)
            for symbol, productions in self.grammar.by_left.items()
        }
        for length in range(1, size):
            for rest, values in self._rests.items():
                # Each part has a word at least, so only smaller lengths are needed.
                values[length] = sum(self._split_weights(rest, length))
            for symbol in self.grammar.unary_order:
                self._inside[symbol][length] = sum(
                    p.weight / weights[symbol] * self._of_parts(p.right, length)
                    for p in self.grammar.by_left[symbol]
                )

    def _of_parts(self, parts: tuple[Symbol, ...], length: int) -> float:
        return (self._inside[parts[0]] if len(parts) == 1 else self._rests[parts])[length]

    def _split_weights(self, parts: tuple[Symbol, ...], length: int) -> list[float]:
        """Return the probability of the parts for each number of words of the first of them."""
        first = self._inside[parts[0]]
        return [
            first[words] * self._of_parts(parts[1:], length - words) for words in range(1, length)
        ]

    def _draw(self, symbol: Symbol, length: int, generator: np.random.Generator) -> Phrase:
        productions = self.grammar.by_left[symbol]
        if (symbol, length) not in self._productions:
            self._productions[symbol, length] = list(
                accumulate(p.weight * self._of_parts(p.right, length) for p in productions)
            )
        chosen = productions[_choose(self._productions[symbol, length], generator)]
        parts = []
        rest, left = chosen.right, length
        while rest:
            words = left
            if len(rest) > 1:
                if (rest, left) not in self._splits:
                    self._splits[rest, left] = list(accumulate(self._split_weights(rest, left)))
                words = 1 + _choose(self._splits[rest, left], generator)
            parts.append(self._draw_part(rest[0], words, generator))
            rest, left = rest[1:], left - words
        return Phrase(chosen.label, tuple(parts))

    def _draw_part(
        self, symbol: Symbol, length: int, generator: np.random.Generator
    ) -> Phrase | WordSlot:
        if symbol in self.grammar.word_forms:
            return WordSlot(*self.grammar.word_forms[symbol])
        return self._draw(symbol, length, generator)


def _choose(cumulative: Sequence[float], generator: np.random.Generator) -> int:
    # A place of weight 0 is never chosen. The minimum is for a product that is rounded up to the
    # sum: then it is the last place that has a weight.
    place = bisect_right(cumulative, generator.random() * cumulative[-1])
    return min(place, bisect_left(cumulative, cumulative[-1]))


def word_slots(phrase: Phrase) -> list[WordSlot]:
    """Return the places for words, from left to right."""
    slots = []
    for part in phrase.parts:
        slots.extend([part] if isinstance(part, WordSlot) else word_slots(part))
    return slots


def draw_words(slots: Sequence[WordSlot], generator: np.random.Generator) -> tuple[str, ...] | None:
    """Draw a word for each place, from left to right, each word of a list equally likely.

    From lists marked ``once`` no lemma is drawn that the sentence has already; None if a list has
    no lemma left.
    """
    used: set[str] = set()
    words = []
    for slot in slots:
        entries = slot.words.entries
        if slot.words.once:
            entries = [entry for entry in entries if entry[0] not in used]
            if not entries:
                return None
        entry = entries[int(generator.integers(len(entries)))]
        if slot.words.once:
            used.add(entry[0])
        words.append(entry[slot.form])
    return tuple(words)


def bracket(phrase: Phrase, words: Sequence[str]) -> str:
    """Write a tree with a word in each slot: ``[S [NP [D the ] [N boy ] ] [V greets ] ]``."""
    return _bracket(phrase, iter(words))


def _bracket(phrase: Phrase, words) -> str:
    inner = " ".join(
        f"[{part.words.label} {next(words)} ]"
        if isinstance(part, WordSlot)
        else _bracket(part, words)
        for part in phrase.parts
    )
    return inner if phrase.label is None else f"[{phrase.label} {inner} ]"


def draw_sentences(
    sampler: LengthSampler, length: int, number: int, seed: int
) -> tuple[list[DepthSentence], int]:
    """Draw distinct sentences of one length.

    The structure is drawn first and then filled with words, so that having few words of one kind
    makes no structure rarer. Only where a list has too few lemmas for a structure is another
    structure drawn.

    Parameters
    ----------
    length, number, seed : int
        The stream of random numbers depends on the length too, so other lengths may be added.

    Returns
    -------
    sentences : list of DepthSentence
        Fewer than `number` if the grammar has no more, or so few more that
        ``30 * number`` draws do not find them.
    exhausted : int
        Structures that had to be drawn anew.
    """
    if sampler.probability(length) == 0:
        return [], 0
    generator = np.random.default_rng([seed, length])
    found: dict[tuple[str, ...], DepthSentence] = {}
    exhausted = 0
    for _ in range(_TRIES_PER_SENTENCE * number):
        if len(found) == number:
            break
        phrase = sampler.draw(length, generator)
        words = draw_words(word_slots(phrase), generator)
        if words is None:
            exhausted += 1
            continue
        tokens = capitalised(words)
        if tokens not in found:
            bracketing = bracket(phrase, words)
            found[tokens] = DepthSentence(tokens, bracketing, open_nodes(bracketing)[1])
    return list(found.values()), exhausted


def generate_depth_corpus(
    grammar: Grammar, per_length: int, lengths: tuple[int, int], seed: int
) -> Corpus:
    """Draw distinct sentences of every length (Lakretz et al. 2019, Section 4.3).

    Parameters
    ----------
    per_length : int
        Sentences of each length; fewer where the grammar has not so many. The log says where.
    lengths : (int, int)
        Words of the shortest and of the longest sentences.

    Raises
    ------
    StimuliError
        If a number is impossible, or the grammar has no sentence of any of the lengths.
    """
    shortest, longest = lengths
    if per_length < 1 or not 1 <= shortest <= longest:
        raise StimuliError(
            f"{per_length} sentences of {shortest} to {longest} words: expected 1 sentence or "
            "more, and a first length of 1 or more that is not above the last"
        )
    sampler = LengthSampler(grammar, longest)
    sentences: list[DepthSentence] = []
    counts, exhausted = {}, 0
    for length in range(shortest, longest + 1):
        found, redrawn = draw_sentences(sampler, length, per_length, seed)
        if len(found) < per_length:
            log.warning(
                "%s: %d distinct sentences of %d words instead of %d",
                grammar.source, len(found), length, per_length,
            )  # fmt: skip
        sentences.extend(found)
        counts[length] = len(found)
        exhausted += redrawn
    if not sentences:
        raise StimuliError(
            f"{grammar.source}: the grammar has no sentence of {shortest} to {longest} words; "
            "change the lengths or the grammar"
        )
    return Corpus(tuple(sentences), counts, exhausted)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print sentences of a grammar with their trees and open nodes.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those of the command line by default.
    """
    parser = argparse.ArgumentParser(prog="python -m lstm_units.depth_corpus.generation")
    parser.add_argument("grammar", help="grammar file, such as stimuli/english/depth_grammar.txt")
    parser.add_argument("--length", type=int, default=12, help="words of each sentence")
    parser.add_argument("--number", type=int, default=5, help="sentences to print")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    with job(alone=True):
        corpus = generate_depth_corpus(
            read_grammar(options.grammar),
            options.number,
            (options.length, options.length),
            options.seed,
        )
        for sentence in corpus.sentences:
            print(" ".join(sentence.tokens))
            print(" ".join(map(str, sentence.open_nodes)))
            print(sentence.bracketing, end="\n\n")


if __name__ == "__main__":
    main()
