"""A text whose verbs agree with their subjects, with and without a noun in between."""

import itertools
import random
from collections.abc import Sequence
from pathlib import Path

SUBJECTS = (("boy", "boys"), ("girl", "girls"), ("man", "men"), ("kid", "kids"))
PLACES = (("car", "cars"), ("tree", "trees"), ("table", "tables"))
VERBS = (("greets", "greet"), ("knows", "know"), ("avoids", "avoid"))
PREPOSITIONS = ("near", "behind", "beside")
HELD_OUT = {("boy", "car"), ("man", "tree"), ("kid", "table")}  # pairs of lemmas, in no text


def agreement_sentence(draw: random.Random) -> list[str]:
    """A sentence with a correct verb; held-out pairs of subject and attractor do not occur."""
    number = draw.randrange(2)
    subject, verb = draw.choice(SUBJECTS), draw.choice(VERBS)
    words = ["The", subject[number]]
    if draw.random() < 0.4:
        places = [place for place in PLACES if (subject[0], place[0]) not in HELD_OUT]
        words += [draw.choice(PREPOSITIONS), "the", draw.choice(places)[draw.randrange(2)]]
    return [*words, verb[number], "the", draw.choice(SUBJECTS)[draw.randrange(2)], "."]


def agreement_items() -> list[tuple[list[str], str, str]]:
    """Prefix, correct and wrong form: incongruent, with the held-out pairs."""
    items = []
    for (subject, place), verb, number in itertools.product(HELD_OUT, VERBS, (0, 1)):
        nouns = next(n for n in SUBJECTS if n[0] == subject)
        places = next(n for n in PLACES if n[0] == place)
        prefix = ["The", nouns[number], "near", "the", places[1 - number]]
        items.append((prefix, verb[number], verb[1 - number]))
    return sorted(items)


def agreement_articles(n_articles: int, seed: int, sentences: int = 20) -> list[list[list[str]]]:
    """Articles of sentences of tokens."""
    draw = random.Random(seed)
    return [[agreement_sentence(draw) for _ in range(sentences)] for _ in range(n_articles)]


def write_text(articles: Sequence[Sequence[Sequence[str]]], path: Path) -> Path:
    """Write articles as raw text: a paragraph a line, points without a space before them."""
    paragraphs = (" ".join(" ".join(s).replace(" .", ".") for s in article) for article in articles)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{paragraph}\n\n" for paragraph in paragraphs), encoding="utf-8")
    return path
