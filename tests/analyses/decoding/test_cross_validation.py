"""Cross-validation splits by item and by noun, and labels permuted over nouns."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import GroupShuffleSplit
from support.noun_items import drawn_items, nouns

from lstm_units.analyses.decoding.cross_validation import draw_splits, permuted_labels, tied_nouns
from lstm_units.analyses.decoding.generalisation import Classifier, generalise
from lstm_units.errors import NotRun, UserError


def draw(kind, label, lemmas=None, **other):
    """Splits of items of one noun, or of several by name."""
    if isinstance(lemmas, np.ndarray):
        lemmas = {"subject_number": lemmas}
    return draw_splits(
        kind, label, lemmas, **{"splits": 5, "test_fraction": 0.2, "seed": 7, **other}
    )


def tied_lemmas(items):
    return {noun: items.lemma(noun) for noun in tied_nouns(items, "subject_number")}


def partition(train, test, n_items):
    return sorted([*train, *test]) == list(range(n_items))


@settings(max_examples=40, deadline=None)
@given(
    n_lemmas=st.integers(3, 12),
    items=st.integers(1, 4),
    fraction=st.sampled_from([0.1, 0.2, 0.4]),
    seed=st.integers(0, 1000),
)
def test_grouped_splits_hold_out_both_forms_of_a_share_of_the_nouns(
    n_lemmas, items, fraction, seed
):
    label, lemma = nouns(n_lemmas, items, seed)
    for train, test in draw("grouped", label, lemma, test_fraction=fraction, seed=seed):
        assert not set(lemma[train]) & set(lemma[test])
        assert partition(train, test, len(label))
        assert len(set(lemma[test])) == int(np.ceil(fraction * n_lemmas))
        assert label[test].mean() == 0.5


def test_random_splits_hold_out_a_share_of_the_items_with_both_numbers_and_share_nouns():
    label, lemma = nouns(10, 10)
    for train, test in draw("random", label):
        assert len(test) == len(label) / 5
        assert partition(train, test, len(label))
        assert label[test].mean() == 0.5
        assert set(lemma[train]) & set(lemma[test])


@pytest.mark.parametrize("kind", ["grouped", "random"])
def test_splits_follow_the_seed(kind):
    label, lemma = nouns(10, 5)
    one, two, other = (draw(kind, label, lemma, seed=seed) for seed in (1, 1, 2))
    assert all(np.array_equal(a[1], b[1]) for a, b in zip(one, two, strict=True))
    assert not all(np.array_equal(a[1], b[1]) for a, b in zip(one, other, strict=True))


def test_test_sets_have_both_numbers_even_when_each_noun_has_one():
    lemma = np.repeat([f"noun{k}" for k in range(6)], 4)
    label = np.repeat([True, True, True, True, False, False], 4)
    for train, test in draw("grouped", label, lemma, test_fraction=0.34):
        assert set(label[train]) == set(label[test]) == {True, False}


@pytest.mark.parametrize(
    ("label", "lemma", "kind", "message"),
    [
        ([True] * 4, ["a", "b", "c", "d"], "grouped", "all 4 items have the same number"),
        ([True, False], ["a", "a"], "grouped", "1 lemmas .a. are too few"),
        ([True, False], ["a", "b"], "grouped", "with test_fraction = 0.2"),
        ([True, False], ["a", "a"], "random", "2 items are too few for random"),
        ([True, False], ["a", "a"], "by_verb", "by_verb"),
    ],
)
def test_splits_that_cannot_be_drawn_say_what_to_change(label, lemma, kind, message):
    with pytest.raises(UserError, match=message):
        draw(kind, np.array(label), np.array(lemma))


# Every noun that gives the label away


@pytest.mark.parametrize("label", ["subject_number", "attractor_number"])
def test_a_noun_is_tied_when_its_number_follows_from_the_label(label):
    both = ["subject_number", "attractor_number"]
    assert tied_nouns(drawn_items(), label) == both
    items = drawn_items(incongruent=False)
    assert tied_nouns(items, label) == [label]
    assert tied_nouns(items.subset(items.incongruent), label) == both
    assert tied_nouns(items.subset(~items.incongruent), label) == both
    mixed = ~items.incongruent
    mixed[np.flatnonzero(items.incongruent)[:1]] = True  # one exception unties them
    assert tied_nouns(items.subset(mixed), label) == [label]


def test_only_the_attractor_that_is_tied_is_held_out():
    items = drawn_items()
    free = np.random.default_rng(5).choice(["singular", "plural"], len(items))
    items = replace(
        items,
        attractor_positions=(2, 4),
        attractor_numbers=np.column_stack([free, items.attractor_numbers[:, 0]]),
        attractor_lemmas=np.column_stack([items.attractor_lemmas[:, 0]] * 2),
    )
    assert tied_nouns(items, "subject_number") == ["subject_number", "attractor_2_number"]
    assert tied_nouns(items, "attractor_1_number") == ["attractor_number"]
    with pytest.raises(NotRun, match="no attractor_3_number"):
        tied_nouns(items, "attractor_3_number")


@settings(max_examples=30, deadline=None)
@given(
    fraction=st.sampled_from([0.15, 0.2, 0.4]),
    seed=st.integers(0, 1000),
    shared=st.booleans(),
)
def test_no_tied_lemma_is_in_both_sets(fraction, seed, shared):
    items = drawn_items(shared=shared, seed=seed)
    lemmas, label = tied_lemmas(items), items.label("subject_number")
    everywhere = np.array(list(lemmas.values()))
    for train, test in draw("grouped", label, lemmas, test_fraction=fraction, seed=seed):
        held_out = set(everywhere[:, test].ravel())
        assert not held_out & set(everywhere[:, train].ravel())
        assert set(label[train]) == set(label[test]) == {True, False}
        # All items that can take part do: no more are dropped than need be.
        touched = np.isin(everywhere, list(held_out))
        assert set(test) == set(np.flatnonzero(touched.all(axis=0)))
        assert set(train) <= set(np.flatnonzero(~touched.any(axis=0)))
        for noun in [] if shared else lemmas.values():
            n_lemmas = len(set(noun))
            assert len(set(noun[train])) <= n_lemmas - int(np.ceil(fraction * n_lemmas))


def test_with_one_tied_noun_they_are_drawn_as_scikit_learn_does():
    items = drawn_items(incongruent=False)
    label, lemmas = items.label("subject_number"), tied_lemmas(items)
    (lemma,) = lemmas.values()
    expected = GroupShuffleSplit(5 * 1000, test_size=0.2, random_state=7).split(label, groups=lemma)
    for found, other in zip(draw("grouped", label, lemmas), expected, strict=False):
        assert all(np.array_equal(a, np.sort(b)) for a, b in zip(found, other, strict=True))


def test_the_lemmas_of_two_nouns_are_drawn_independently():
    """Which subjects are held out does not tell which attractors are."""
    items = drawn_items(sizes=(10, 10))
    label, lemmas = items.label("subject_number"), tied_lemmas(items)
    drawn = draw("grouped", label, lemmas, splits=200, test_fraction=0.5)
    first, second = (
        np.array([[name in set(noun[test]) for name in sorted(set(noun))] for _, test in drawn])
        for noun in lemmas.values()
    )
    both = np.corrcoef(first.T, second.T)[:10, 10:]
    assert np.abs(both).max() < 0.3  # 0.07 is one standard error of 200 draws


def test_too_few_lemmas_of_any_tied_noun_name_the_fraction():
    items = drawn_items(sizes=(12, 1))
    with pytest.raises(NotRun, match=r"1 lemmas .noun30.*test_fraction = 0.2"):
        draw("grouped", items.label("subject_number"), tied_lemmas(items))


def test_an_untrained_code_of_word_forms_is_known_by_heart_only_without_the_attractors():
    """Values name the noun form at its position; nothing says its number."""
    items = drawn_items(n_items=800, sizes=(20, 20))
    label, lemmas = items.label("subject_number"), tied_lemmas(items)
    subject = {"subject_number": lemmas["subject_number"]}
    rng = np.random.default_rng(3)
    found = {"subject only": [], "both": []}
    for _ in range(12):  # networks: one code may favour a number by chance
        values = np.empty((len(items), 2, 60), dtype=np.float32)
        for position, (noun, lemma) in enumerate(lemmas.items()):
            forms = np.array([f"{a}{b}" for a, b in zip(lemma, items.label(noun), strict=True)])
            _, place = np.unique(forms, return_inverse=True)
            values[:, position] = rng.normal(size=(place.max() + 1, 60))[place]
        for name, held_out in (("subject only", subject), ("both", lemmas)):
            splits = draw("grouped", label, held_out, splits=3, test_fraction=0.3, seed=1)
            auc, _ = generalise(values, label, splits, [0, 1], Classifier(seed=3))
            found[name].append(auc.mean(axis=0))
    assert np.mean(found["subject only"], axis=0)[1, 1] == 1
    assert np.abs(np.mean(found["both"], axis=0) - 0.5).max() < 0.15


# Permuted labels


def test_permuted_labels_keep_or_swap_both_forms_of_each_noun():
    label, lemma = nouns(6, 3)
    splits = draw("grouped", label, lemma)
    labels = permuted_labels(label, lemma, splits, replicates=40, seed=5)
    assert labels.shape == (40, len(label))
    for permuted in labels:
        swapped = [set(permuted[lemma == name] ^ label[lemma == name]) for name in set(lemma)]
        assert all(len(one) == 1 for one in swapped)
        assert set().union(*swapped) == {True, False}  # neither the labels nor their opposite
    again = permuted_labels(label, lemma, splits, replicates=40, seed=5)
    assert np.array_equal(labels, again)


def test_one_noun_cannot_be_permuted():
    label, lemma = nouns(1, 10)
    with pytest.raises(NotRun, match="ask for no permutations"):
        permuted_labels(label, lemma, draw("random", label), replicates=1, seed=0)
