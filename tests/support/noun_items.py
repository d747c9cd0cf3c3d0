"""Items whose nouns and numbers are known, without words to read."""

import numpy as np

from lstm_units.stimuli.aligned_items import AlignedItems

WORDS = ("The", "boy", "near", "the", "cars", "greets", "the", "man", ".")


def nouns(n_lemmas, items_per_form, seed=0):
    """Labels and lemmas of items whose noun comes in both numbers."""
    lemma = np.repeat([f"noun{k:02d}" for k in range(n_lemmas)], 2 * items_per_form)
    label = np.tile(np.repeat([True, False], items_per_form), n_lemmas)
    order = np.random.default_rng(seed).permutation(len(lemma))
    return label[order], lemma[order]


def nounpp_items(subject, attractor, subject_lemma, attractor_lemma) -> AlignedItems:
    """Items like those of nounpp from the number (True for singular) and lemma of each noun."""
    subject, attractor = (
        np.where(np.asarray(singular), "singular", "plural") for singular in (subject, attractor)
    )
    letters = {"singular": "S", "plural": "P"}
    return AlignedItems(
        task="nounpp",
        item=np.arange(len(subject), dtype=np.int32) * 2 + 1,
        condition=np.array(
            [letters[a] + letters[b] for a, b in zip(subject, attractor, strict=True)]
        ),
        subject_position=1,
        verb_position=5,
        attractor_positions=(4,),
        n_positions=len(WORDS),
        words=WORDS,
        subject_number=subject,
        attractor_numbers=attractor[:, None],
        subject_lemma=np.asarray(subject_lemma, dtype=object),
        attractor_lemmas=np.asarray(attractor_lemma, dtype=object)[:, None],
    )


def drawn_items(n_items=600, incongruent=True, shared=False, seed=0, sizes=(12, 9)) -> AlignedItems:
    """Items whose subject and attractor are drawn from separate lemmas, or from the same."""
    rng = np.random.default_rng(seed)
    subject = rng.integers(sizes[0], size=n_items)
    attractor = rng.integers(sizes[1], size=n_items)
    if shared:
        attractor = (subject + 1 + attractor) % sizes[0]
    label = rng.random(n_items) < 0.5
    other = ~label if incongruent else rng.random(n_items) < 0.5
    names = np.array([f"noun{k:02d}" for k in range(60)])
    return nounpp_items(label, other, names[subject], names[attractor + (0 if shared else 30)])


def crossed_items(n_lemmas=6, frames=5, lonely=0) -> AlignedItems:
    """Incongruent items of each noun in each frame; the first `lonely` nouns are singular only."""
    lemma, plural, frame = (index.ravel() for index in np.indices((n_lemmas, 2, frames)))
    kept = (lemma >= lonely) | (plural == 0)
    lemma, plural, frame = lemma[kept], plural[kept], frame[kept]
    names = [f"noun{k}" for k in lemma], [f"place{k}" for k in frame]
    return nounpp_items(plural == 0, plural == 1, *names)
