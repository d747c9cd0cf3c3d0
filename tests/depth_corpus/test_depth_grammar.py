"""Reading grammars, and drawing sentences of an exact length from them."""

import math
from collections import Counter
from itertools import product

import numpy as np
import pytest
from scipy.stats import chisquare

from lstm_units.depth_corpus.generation import (
    LengthSampler,
    WordSlot,
    bracket,
    draw_sentences,
    draw_words,
    generate_depth_corpus,
    main,
    word_slots,
)
from lstm_units.depth_corpus.grammar import Symbol
from lstm_units.depth_corpus.grammar_file import read_grammar
from lstm_units.depth_corpus.sentences import open_nodes
from lstm_units.errors import StimuliError

# Recursive, with a choice of structures at every length, unary productions and three parts.
SMALL = """\
start Sentence
variable n = singular plural
2 S Sentence -> Phrase[n] Verb[n]
1 S Sentence -> Phrase[n] Adverb Verb[n]
3 NP Phrase[n] -> The Noun[n]
1 - Phrase[n] -> Bare[n]
1 NP Phrase[n] -> Phrase[n] With
0.5 - Bare[singular] -> Name
1.5 - Bare[plural] -> Noun[plural]
1 - Bare[singular] -> The Name
1 PP With -> Near Phrase[singular]
2 PP With -> Near Phrase[plural]
words D repeat The
    the
words P repeat Near
    near
words Adv repeat Adverb
    often
words Name repeat Name
    Mary
words N repeat Noun[singular, plural]
    boy boys
words V repeat Verb[singular, plural]
    runs run
"""


@pytest.fixture
def grammar_of(tmp_path):
    def read(text):
        path = tmp_path / "grammar.txt"
        path.write_text(text)
        return read_grammar(path)

    return read


@pytest.fixture(scope="module")
def english(project):
    return read_grammar(project / "stimuli" / "english" / "depth_grammar.txt")


def enumerate_derivations(grammar, symbol, length):
    """All trees of `symbol` with `length` words, as bracketings with their probabilities.

    Plain recursion over every production and every way of dividing the words.
    """
    if symbol in grammar.word_forms:
        words, form = grammar.word_forms[symbol]
        return [(f"[{words.label} {words.entries[0][form]} ]", 1.0)] if length == 1 else []
    productions = grammar.by_left[symbol]
    total = sum(p.weight for p in productions)
    found = []
    for p in productions:
        for sizes in product(range(1, length + 1), repeat=len(p.right)):
            if sum(sizes) != length:
                continue
            parts = [
                enumerate_derivations(grammar, part, size)
                for part, size in zip(p.right, sizes, strict=True)
            ]
            for combination in product(*parts):
                text = " ".join(part for part, _ in combination)
                if p.label is not None:
                    text = f"[{p.label} {text} ]"
                chance = math.prod(weight for _, weight in combination)
                found.append((text, p.weight / total * chance))
    return found


# Drawing


@pytest.mark.parametrize("length", [2, 3, 4, 5, 6, 7])
def test_probability_of_a_length_is_the_sum_over_all_derivations(grammar_of, length):
    grammar = grammar_of(SMALL)
    expected = sum(weight for _, weight in enumerate_derivations(grammar, grammar.start, length))
    assert LengthSampler(grammar, 9).probability(length) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("length", [3, 5, 6])
def test_derivations_are_drawn_with_their_probability_given_the_length(grammar_of, length):
    grammar = grammar_of(SMALL)
    expected = Counter()
    for text, weight in enumerate_derivations(grammar, grammar.start, length):
        expected[text] += weight
    sampler, generator = LengthSampler(grammar, 8), np.random.default_rng(5)
    drawn = Counter()
    n = 6000
    for _ in range(n):
        phrase = sampler.draw(length, generator)
        drawn[bracket(phrase, draw_words(word_slots(phrase), generator))] += 1
    assert set(drawn) <= set(expected)
    total = sum(expected.values())
    common = [text for text in expected if n * expected[text] / total >= 5]
    observed = [drawn[text] for text in common]
    wanted = [n * expected[text] / total for text in common]
    rest = [n - sum(observed)], [n - sum(wanted)]
    if rest[1][0] > 5:
        observed, wanted = observed + rest[0], wanted + rest[1]
    assert len(wanted) >= 5
    assert chisquare(observed, np.array(wanted) * sum(observed) / sum(wanted)).pvalue > 1e-3


def test_a_list_with_few_words_makes_no_structure_rarer(grammar_of):
    text = """\
start S
1 S S -> Few Verb
1 S S -> Much Verb
words A once Few
    one
words B once Much
    a, b, c, d, e, f, g, h
words V repeat Verb
    runs, walks
"""
    sampler, generator = LengthSampler(grammar_of(text), 2), np.random.default_rng(0)
    slots = [word_slots(sampler.draw(2, generator))[0].words.name for _ in range(2000)]
    assert abs(slots.count("Few") - 1000) < 4 * math.sqrt(500)


def test_words_are_drawn_evenly_and_lemmas_once_across_lists(grammar_of):
    text = """\
start S
1 S S -> Noun Verb Noun
words N once Noun
    guard, boy, girl
words V once Verb
    guard, watch
"""
    grammar = grammar_of(text)
    phrase = LengthSampler(grammar, 3).draw(3, np.random.default_rng(0))
    generator = np.random.default_rng(1)
    drawn = [draw_words(word_slots(phrase), generator) for _ in range(3000)]
    assert all(len(set(words)) == 3 for words in drawn if words)
    first = Counter(words[0] for words in drawn if words)
    assert chisquare(list(first.values())).pvalue > 1e-3
    assert len(first) == 3


def test_an_exhausted_list_gives_no_words_and_the_structure_is_drawn_anew(grammar_of):
    text = """\
start S
1 S S -> Noun Noun Noun
1 S S -> Noun Verb Noun
words N once Noun
    boy, girl
words V repeat Verb
    run, walk
"""
    grammar = grammar_of(text)
    nouns = WordSlot(grammar.word_lists["Noun"], 0)
    assert draw_words([nouns] * 3, np.random.default_rng(0)) is None
    sentences, exhausted = draw_sentences(LengthSampler(grammar, 3), 3, 4, 0)
    assert {sentence.tokens for sentence in sentences} == {
        (a, verb, b) for a, b in (("Boy", "girl"), ("Girl", "boy")) for verb in ("run", "walk")
    }
    assert exhausted > 0


def test_too_few_sentences_are_taken_as_they_are_and_reported(grammar_of, caplog):
    with caplog.at_level("WARNING"):
        corpus = generate_depth_corpus(grammar_of(SMALL), 8, (1, 4), 0)
    assert corpus.per_length[1] == 0
    assert corpus.per_length[2] == 2  # Mary runs, Boys run
    assert len(corpus.sentences) == sum(corpus.per_length.values())
    assert "2 distinct sentences of 2 words instead of 8" in caplog.text
    with pytest.raises(StimuliError, match="no sentence of 1 to 1 words"):
        generate_depth_corpus(grammar_of(SMALL), 8, (1, 1), 0)


def test_a_length_does_not_depend_on_the_other_lengths(english):
    both = generate_depth_corpus(english, 4, (8, 9), 3).sentences
    assert both == (
        *generate_depth_corpus(english, 4, (8, 8), 3).sentences,
        *generate_depth_corpus(english, 4, (9, 9), 3).sentences,
    )
    assert both != generate_depth_corpus(english, 4, (8, 9), 4).sentences


def test_the_command_line_prints_sentences_with_trees(project, capsys, tmp_path):
    path = str(project / "stimuli" / "english" / "depth_grammar.txt")
    main([path, "--length", "9", "--number", "3"])
    blocks = capsys.readouterr().out.strip().split("\n\n")
    assert len(blocks) == 3
    for block in blocks:
        sentence, counts, bracketing = block.split("\n")
        words, found = open_nodes(bracketing)
        assert len(words) == 9
        assert sentence.lower().split() == [word.lower() for word in words]
        assert counts == " ".join(map(str, found))
    with pytest.raises(SystemExit):
        main([str(tmp_path / "missing.txt")])
    assert "missing.txt" in capsys.readouterr().err


# The file


def test_variables_are_expanded_and_agree(grammar_of):
    grammar = grammar_of(SMALL)
    subjects = [p.right for p in grammar.by_left[Symbol("Sentence")] if len(p.right) == 2]
    assert subjects == [
        (Symbol("Phrase", (n,)), Symbol("Verb", (n,))) for n in ("singular", "plural")
    ]
    assert grammar.word_types == {"the", "near", "often", "Mary", "boy", "boys", "runs", "run"}


def test_a_label_over_a_single_part_adds_a_bracket_and_a_dash_none(grammar_of):
    text = "start S\n1 S S -> A V\n1 {} A -> B\n1 X B -> D N\n{}"
    lists = "words D repeat D\n  the\nwords N repeat N\n  boy\nwords V repeat V\n  runs\n"
    depths = {}
    for label in ("-", "U"):
        sampler = LengthSampler(grammar_of(text.format(label, lists)), 3)
        (sentence,), _ = draw_sentences(sampler, 3, 1, 0)
        depths[label] = sentence.open_nodes
    assert depths == {"-": (1, 2, 2), "U": (1, 2, 1)}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("2 S Sentence", "2 Sentence", "line 3: '2 Sentence.*expected a weight, a label"),
        ("2 S Sentence", "0 S Sentence", "line 3: the weight is 0; expected a number above 0"),
        ("2 S Sentence", "two S Sentence", "line 3: the weight is 'two'"),
        ("2 S Sentence", "nan S Sentence", "line 3: the weight is nan"),
        ("2 S Sentence", "2 [S Sentence", r"line 3: '2 \[S Sentence' stands before the arrow"),
        ("2 S Sentence ->", "2 S Sentence", "line 3: found .*expected a production"),
        ("2 S Sentence ->", "2 - Sentence ->", "line 3: no bracket would stand around"),
        ("-> The Noun[n]", "-> The Noum[n]", r"line 5: Noum\[singular\] is not defined"),
        ("-> The Noun[n]", "-> The Noun", r"line 5: the variable n stands once"),
        ("-> The Name", "-> The Name[plural]", r"line 10: Name\[plural\] .*there is Name"),
        ("> The Noun[n]", "> The Noun[n] Noun[m]", "line 5: 'm' is neither a variable nor"),
        ("-> The Noun[n]", "-> The, Noun[n]", "line 5: .* is no list of symbols"),
        ("-> The Noun[n]", "->", "line 5: nothing stands after the arrow"),
        ("start Sentence", "start Text", "line 1: Text is not defined"),
        ("start Sentence\n", "", "no line names the start"),
        ("start Sentence", "start Sentence\nstart Phrase", "line 2: .*in line 1 already"),
        ("variable n = singular", "variable n : singular", "line 2: found .*variable n ="),
        ("plural\n2 S", "plural plural\n2 S", "line 2: a value of n stands twice"),
        ("    boy boys", "    boy", r"line 22: 'boy' has 1 forms, .* has 2 \(singular, plural\)"),
        ("    boy boys", "", "line 21: the word list Noun is empty"),
        ("words N repeat", "words N", "line 21: found .*expected such as 'words N once"),
        ("words N repeat Noun", "words N repeat The", "line 21: the word list The stands in line"),
        ("[singular, plural]\n    boy", "[plural, plural]\n    boy", "line 21: the forms of Noun"),
        ("words D repeat The", "    x\nwords D repeat The", "line 13: an indented line"),
    ],
)
def test_faults_name_their_line(grammar_of, old, new, message):
    assert SMALL.count(old) >= 1
    text = SMALL.replace(old, new, 1)
    with pytest.raises(StimuliError, match=message):
        grammar_of(text)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1 X Loop -> The Loop", "line 13: Loop derives nothing"),
        ("1 X Alone -> The Adverb", "line 13: Alone is not reached from Sentence"),
        ("1 S Sentence -> Phrase[plural] Verb[plural]", "line 13: the same .* in line 3"),
        ("1 N Noun[plural] -> The The", r"line 13: Noun is a word list \(line 22\) too"),
        ("1 X Phrase[singular] -> With\n1 X With -> Phrase[singular]", "without end; cut it"),
        ("words X repeat Unused\n    a", "line 13: the word list Unused is not used"),
    ],
)
def test_faults_of_the_whole_name_their_line(grammar_of, line, message):
    lines = SMALL.split("\n")
    with pytest.raises(StimuliError, match=message):
        grammar_of("\n".join([*lines[:12], line, *lines[12:]]))
