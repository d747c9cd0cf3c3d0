"""Decoding across time: planted codes, hold-outs by noun, references, and the plain loop."""

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from lstm_units.activations.reader import INDEX, open_activations, variable_path
from lstm_units.analyses.decoding.generalisation import (
    Classifier,
    DistinctItems,
    RowSpace,
    auc_with_ties,
    generalise,
)
from lstm_units.analyses.decoding.hold_outs import hold_outs, permuted_labels, tied_nouns
from lstm_units.analyses.decoding.over_time import (
    WITHOUT_LONG_RANGE,
    decoded_positions,
    feature_sets,
)
from lstm_units.analyses.decoding.write_over_time import warn_of_agreeing_attractors, write_decoding
from lstm_units.errors import ConfigurationError, UserError
from lstm_units.io.files import make_metadata, read_metadata, write_json, write_parquet
from lstm_units.stimuli.aligned_items import AlignedItems, read_aligned_items
from lstm_units.stimuli.table import read_stimuli, scored_sha256
from lstm_units.stimuli.write_generated import write_generated

SUBJECT, ATTRACTOR = 1, 4  # nounpp
SIZES = (3, 4)  # units 1-3 and 4-7
COLUMNS = [
    *("features", "reference", "replicate", "split", "train_position", "test_position"),
    *("n_units", "auc", "converged"),
]
CLASSIFIER = Classifier(seed=3)


def nouns(n_lemmas, items_per_form, seed=0):
    """Labels and lemmas of items whose noun comes in both numbers."""
    lemma = np.repeat([f"noun{k:02d}" for k in range(n_lemmas)], 2 * items_per_form)
    label = np.tile(np.repeat([True, False], items_per_form), n_lemmas)
    order = np.random.default_rng(seed).permutation(len(lemma))
    return label[order], lemma[order]


def draw(kind, label, lemma, **other):
    lemmas = None if lemma is None else {"subject_number": lemma}
    return hold_outs(kind, label, lemmas, **{"splits": 5, "test_fraction": 0.2, "seed": 7, **other})


# Hold-outs


@settings(max_examples=40, deadline=None)
@given(
    n_lemmas=st.integers(3, 12),
    items=st.integers(1, 4),
    fraction=st.sampled_from([0.1, 0.2, 0.4]),
    seed=st.integers(0, 1000),
)
def test_grouped_hold_outs_share_no_lemma_and_hold_out_both_forms(n_lemmas, items, fraction, seed):
    label, lemma = nouns(n_lemmas, items, seed)
    for train, test in draw("grouped", label, lemma, test_fraction=fraction, seed=seed):
        assert not set(lemma[train]) & set(lemma[test])
        assert sorted([*train, *test]) == list(range(len(label)))
        assert len(set(lemma[test])) == int(np.ceil(fraction * n_lemmas))
        assert label[test].mean() == 0.5  # both forms of each lemma


def test_random_hold_outs_are_a_fifth_of_the_items_with_both_numbers_and_share_lemmas():
    label, lemma = nouns(10, 10)
    for train, test in draw("random", label, None):
        assert len(test) == len(label) / 5
        assert sorted([*train, *test]) == list(range(len(label)))
        assert label[test].mean() == 0.5
        assert set(lemma[train]) & set(lemma[test])


def test_hold_outs_follow_the_seed():
    label, lemma = nouns(10, 5)
    for kind in ("grouped", "random"):
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
        ([True, False], ["a", "b"], "grouped", "decoding.test_fraction = 0.2"),
        ([True, False], ["a", "a"], "random", "2 items are too few for random"),
        ([True, False], ["a", "a"], "by_verb", "by_verb"),
    ],
)
def test_hold_outs_that_cannot_be_drawn_say_what_to_change(label, lemma, kind, message):
    with pytest.raises(ConfigurationError, match=message):
        draw(kind, np.array(label), np.array(lemma))


# Every noun that gives the label away


def two_nouns(n_items=600, incongruent=True, shared=False, seed=0, sizes=(12, 9)):
    """Items of a subject and an attractor drawn from separate lemmas, or from the same."""
    rng = np.random.default_rng(seed)
    subject = rng.integers(sizes[0], size=n_items)
    attractor = rng.integers(sizes[1], size=n_items)
    if shared:
        attractor = (subject + 1 + attractor) % sizes[0]
    label = rng.random(n_items) < 0.5
    other = ~label if incongruent else rng.random(n_items) < 0.5
    names = np.array([f"noun{k:02d}" for k in range(60)])
    number = np.array(["plural", "singular"])
    return AlignedItems(
        task="two_nouns",
        item=np.arange(n_items, dtype=np.int32),
        condition=np.full(n_items, "SP"),
        subject_position=1,
        verb_position=3,
        attractor_positions=(2,),
        n_positions=5,
        words=("The", "boy", "cars", "sees", "."),
        subject_number=number[label.astype(int)],
        attractor_numbers=number[other.astype(int)][:, None],
        subject_lemma=names[subject].astype(object),
        attractor_lemmas=names[attractor + (0 if shared else 30)].astype(object)[:, None],
    )


def tied_lemmas(items, label="subject_number"):
    return {noun: items.lemma(noun) for noun in tied_nouns(items, label)}


@pytest.mark.parametrize("label", ["subject_number", "attractor_number"])
def test_a_noun_is_tied_when_its_number_follows_from_the_label(label):
    both = ["subject_number", "attractor_number"]
    assert tied_nouns(two_nouns(), label) == both
    items = two_nouns(incongruent=False)
    assert tied_nouns(items, label) == [label]
    assert tied_nouns(items.subset(items.incongruent), label) == both
    assert tied_nouns(items.subset(~items.incongruent), label) == both
    mixed = ~items.incongruent
    mixed[np.flatnonzero(items.incongruent)[:1]] = True  # one exception unties them
    assert tied_nouns(items.subset(mixed), label) == [label]


def test_only_the_attractor_that_is_tied_is_held_out():
    items = two_nouns()
    free = np.random.default_rng(5).choice(["singular", "plural"], len(items))
    numbers = np.column_stack([free, items.attractor_numbers[:, 0]])
    items = replace(
        items,
        attractor_positions=(2, 3),
        attractor_numbers=numbers,
        attractor_lemmas=np.column_stack([items.attractor_lemmas[:, 0]] * 2),
    )
    assert tied_nouns(items, "subject_number") == ["subject_number", "attractor_2_number"]
    assert tied_nouns(items, "attractor_1_number") == ["attractor_number"]
    with pytest.raises(ConfigurationError, match="no attractor_3_number"):
        tied_nouns(items, "attractor_3_number")


@settings(max_examples=30, deadline=None)
@given(
    fraction=st.sampled_from([0.15, 0.2, 0.4]),
    seed=st.integers(0, 1000),
    shared=st.booleans(),
)
def test_no_tied_lemma_is_in_both_sets(fraction, seed, shared):
    items = two_nouns(shared=shared, seed=seed)
    lemmas, label = tied_lemmas(items), items.label("subject_number")
    arguments = {"splits": 4, "test_fraction": fraction, "seed": seed}
    drawn = hold_outs("grouped", label, lemmas, **arguments)
    everywhere = np.array(list(lemmas.values()))
    for train, test in drawn:
        held_out = set(everywhere[:, test].ravel())
        assert not held_out & set(everywhere[:, train].ravel())
        assert set(label[train]) == set(label[test]) == {True, False}
        # All items that can take part do: no more are dropped than need be.
        touched = np.isin(everywhere, list(held_out))
        assert set(test) == set(np.flatnonzero(touched.all(axis=0)))
        assert set(train) <= set(np.flatnonzero(~touched.any(axis=0)))
        if not shared:
            for noun in lemmas.values():
                n_lemmas = len(set(noun))
                expected = n_lemmas - int(np.ceil(fraction * n_lemmas))
                assert len(set(noun[train])) <= expected
    again = hold_outs("grouped", label, lemmas, **arguments)
    for one, other in zip(drawn, again, strict=True):
        assert np.array_equal(one[0], other[0])
        assert np.array_equal(one[1], other[1])


def test_with_one_tied_noun_the_sets_are_a_partition_drawn_as_scikit_learn_does():
    items = two_nouns(incongruent=False)
    label, lemmas = items.label("subject_number"), tied_lemmas(items)
    found = hold_outs("grouped", label, lemmas, splits=4, test_fraction=0.2, seed=7)
    (lemma,) = lemmas.values()
    expected = GroupShuffleSplit(4 * 1000, test_size=0.2, random_state=7).split(label, groups=lemma)
    for (train, test), (other_train, other_test) in zip(found, expected, strict=False):
        assert np.array_equal(train, np.sort(other_train))
        assert np.array_equal(test, np.sort(other_test))
        assert sorted([*train, *test]) == list(range(len(items)))


def test_the_lemmas_of_two_nouns_are_drawn_independently():
    """Which subjects are held out does not tell which attractors are."""
    items = two_nouns(sizes=(10, 10))
    lemmas = tied_lemmas(items)
    drawn = hold_outs(
        "grouped", items.label("subject_number"), lemmas, splits=200, test_fraction=0.5, seed=1
    )
    first, second = (
        np.array([[name in set(noun[test]) for name in sorted(set(noun))] for _, test in drawn])
        for noun in lemmas.values()
    )
    both = np.corrcoef(first.T, second.T)[:10, 10:]
    assert np.abs(both).max() < 0.3  # 0.07 is one standard error of 200 draws


def test_too_few_lemmas_of_any_tied_noun_name_the_fraction():
    items = two_nouns(sizes=(12, 1))
    with pytest.raises(ConfigurationError, match=r"1 lemmas .noun30.*test_fraction = 0.2"):
        hold_outs(
            "grouped",
            items.label("subject_number"),
            tied_lemmas(items),
            splits=2,
            test_fraction=0.2,
            seed=0,
        )


def test_an_untrained_code_of_word_forms_is_known_by_heart_only_without_the_attractors():
    """Values name the noun form at its position; nothing says its number."""
    items = two_nouns(n_items=800, sizes=(20, 20))
    label, lemmas = items.label("subject_number"), tied_lemmas(items)
    rng = np.random.default_rng(3)
    found = {"subject only": [], "both": []}
    for _ in range(12):  # networks: one code may favour a number by chance
        values = np.empty((len(items), 2, 60), dtype=np.float32)
        for position, (noun, lemma) in enumerate(lemmas.items()):
            forms = np.array([f"{a}{b}" for a, b in zip(lemma, items.label(noun), strict=True)])
            _, place = np.unique(forms, return_inverse=True)
            values[:, position] = rng.normal(size=(place.max() + 1, 60))[place]
        for name, held_out in (
            ("subject only", {"subject_number": lemmas["subject_number"]}),
            ("both", lemmas),
        ):
            splits = hold_outs("grouped", label, held_out, splits=3, test_fraction=0.3, seed=1)
            auc, _ = generalise(values, label, splits, [0, 1], CLASSIFIER)
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
    with pytest.raises(ConfigurationError, match=r"decoding.permutations to 0"):
        permuted_labels(label, lemma, draw("random", label, None), replicates=1, seed=0)


# The decoder


def planted(label, lemma, noise=0.3, seed=0, memory=0):
    """Values of shape (items, positions, units): constant, then units of two kinds and noise.

    Unit 0 carries the number from position 1 on; units 1 and 2 carry it at 1 and 2, and swap it
    at 3. `memory` further units name the noun form at position 1, the same in all its items.
    """
    rng = np.random.default_rng(seed)
    sign = np.where(label, 1.0, -1.0)
    values = rng.normal(0, noise, (len(label), 4, 4 + memory))
    values[:, 0] = values[0, 0]
    values[:, 1:, 0] += 2 * sign[:, None]
    values[:, 1:3, 1:3] += 2 * sign[:, None, None]
    values[:, 3, 1:3] -= 2 * sign[:, None]
    if memory:
        forms = np.unique([f"{a}{b}" for a, b in zip(lemma, label, strict=True)])
        code = dict(zip(forms, rng.normal(size=(len(forms), memory)), strict=True))
        for row, (a, b) in enumerate(zip(lemma, label, strict=True)):
            values[row, 1] = np.concatenate([np.zeros(4), code[f"{a}{b}"]])
    return values.astype(np.float32)


@pytest.mark.parametrize("kind", ["grouped", "random"])
def test_a_code_that_stays_has_auc_1_and_a_code_that_swaps_0(kind):
    label, lemma = nouns(10, 4)
    values = planted(label, lemma)
    splits = draw(kind, label, lemma)
    stays, _ = generalise(values[..., [0]], label, splits, [1], CLASSIFIER)
    swaps, _ = generalise(values[..., [1, 2]], label, splits, [1], CLASSIFIER)
    assert np.array_equal(stays[:, 0, 1:], np.ones((5, 3)))
    assert np.array_equal(swaps[:, 0, 1:], np.tile([1.0, 1.0, 0.0], (5, 1)))
    back, _ = generalise(values[..., [1, 2]], label, splits, [3], CLASSIFIER)
    assert np.array_equal(back[:, 0, 1:], np.tile([0.0, 0.0, 1.0], (5, 1)))


@pytest.mark.parametrize("n_items", [235, 236, 237, 238, 239])
def test_words_that_are_equal_in_all_items_give_exactly_one_half(n_items):
    rng = np.random.default_rng(n_items)
    label = rng.random(n_items) < 0.5
    values = rng.normal(size=(n_items, 2, 301)).astype(np.float32)
    values[:, 0] = values[0, 0]
    splits = draw("random", label, None, test_fraction=0.45)
    auc, _ = generalise(values, label, splits, [0, 1], CLASSIFIER)
    assert np.array_equal(auc[:, :, 0], np.full((5, 2), 0.5))
    assert np.array_equal(auc[:, 0], np.full((5, 2), 0.5))


def test_the_auc_is_scikit_learns_but_for_rounding():
    rng = np.random.default_rng(0)
    for _ in range(20):
        label, value = rng.random(60) < 0.4, rng.normal(size=60).round(1)
        expected = roc_auc_score(label, value)
        assert auc_with_ties(label, value) == pytest.approx(expected, abs=1e-12)
        rounded = value + rng.normal(0, 1e-13, 60)
        assert auc_with_ties(label, rounded) == pytest.approx(expected, abs=1e-12)
        assert auc_with_ties(label, -value) == pytest.approx(1 - expected, abs=1e-12)


def plain_loop(values, label, splits, classifier):
    """Fit at each position and score at each, item by item, with scikit-learn alone."""
    positions = range(values.shape[1])
    auc = np.empty((len(splits), len(positions), len(positions)))
    for split, (train, test) in enumerate(splits):
        for at in positions:
            svm = LinearSVC(C=classifier.C, tol=1e-7, max_iter=100_000, dual=True, random_state=1)
            fitted = make_pipeline(StandardScaler(), svm).fit(values[train, at], label[train])
            for to in positions:
                auc[split, at, to] = roc_auc_score(
                    label[test], fitted.decision_function(values[test, to])
                )
    return auc


@pytest.mark.parametrize("repeated", [False, True])
@pytest.mark.parametrize("units", [1, 12])
def test_the_decoder_agrees_with_a_plain_loop(units, repeated):
    label, lemma = nouns(10, 3)
    rng = np.random.default_rng(units)
    values = rng.normal(size=(len(label), 3, units)).astype(np.float32)
    values[label] += rng.normal(size=(3, units)).astype(np.float32)
    if repeated:  # every item of a noun form has equal values, as at the noun itself
        forms = [f"{a}{b}" for a, b in zip(lemma, label, strict=True)]
        _, first, kind = np.unique(forms, return_index=True, return_inverse=True)
        values = values[first][kind]
    splits = draw("grouped", label, lemma)
    auc, converged = generalise(
        values, label, splits, [0, 1, 2], replace(CLASSIFIER, tolerance=1e-7)
    )
    assert converged.all()
    np.testing.assert_allclose(auc, plain_loop(values, label, splits, CLASSIFIER), atol=1e-12)


@pytest.mark.parametrize("units", [15, 100])
def test_items_counted_once_have_the_optimum_of_the_repeated_items(units):
    """However often each is repeated; with more units than items the primal solver misses it."""
    rng = np.random.default_rng(4)
    times = rng.integers(1, 30, 24)
    label = np.repeat(rng.random(24) < 0.5, times).astype(int)
    values = np.repeat(rng.normal(2, 1, (24, units)), times, axis=0).astype(np.float32)
    decoder = DistinctItems(CLASSIFIER.pipeline()).fit(values, label)
    exact = replace(CLASSIFIER, tolerance=1e-10, max_iterations=1_000_000).pipeline()
    expected = exact.fit(values.astype(float), label).decision_function(values)
    assert np.abs(expected).max() > 1
    np.testing.assert_allclose(decoder.decision_function(values), expected, atol=2e-4)


@pytest.mark.parametrize("shape", [(20, 90), (90, 20)])
def test_the_row_space_changes_no_decision(shape):
    rng = np.random.default_rng(2)
    values = rng.normal(size=shape)
    label = rng.random(shape[0]) < 0.5
    new = rng.normal(size=(50, shape[1]))
    svm = LinearSVC(tol=1e-10, max_iter=1_000_000, dual=True, random_state=0)
    expected = make_pipeline(svm).fit(values, label).decision_function(new)
    found = make_pipeline(RowSpace(), svm).fit(values, label).decision_function(new)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert RowSpace().fit(values).transform(new).shape[1] == min(shape)


def test_the_sign_of_a_unit_changes_nothing():
    label, lemma = nouns(10, 4)
    values = planted(label, lemma, noise=2.0)
    splits = draw("grouped", label, lemma)
    one, _ = generalise(values, label, splits, [1, 3], CLASSIFIER)
    flipped, _ = generalise(values * np.float32([1, -1, 1, -1]), label, splits, [1, 3], CLASSIFIER)
    assert 0.5 < one[:, 0, 1].mean() < 1
    np.testing.assert_allclose(flipped, one, atol=1e-6)


@pytest.mark.filterwarnings("error::sklearn.exceptions.ConvergenceWarning")
def test_a_solver_that_stops_early_is_recorded_without_a_warning():
    label, lemma = nouns(10, 4)
    values = planted(label, lemma, noise=2.0)
    splits = draw("grouped", label, lemma)
    early = replace(CLASSIFIER, max_iterations=2)
    assert not generalise(values, label, splits, [1], early)[1].any()
    assert generalise(values, label, splits, [1], CLASSIFIER)[1].all()
    with warnings.catch_warnings(), pytest.raises(ConvergenceWarning):
        warnings.simplefilter("error")
        early.pipeline().fit(values[:, 1], label)


def test_permuted_labels_are_learnt_by_heart_only_when_nouns_recur():
    """At the noun all items of a form are equal: random hold-outs repeat them in the test set."""
    label, lemma = nouns(12, 8)
    values = planted(label, lemma, memory=40)
    found = {}
    for kind, fraction in (("grouped", 0.5), ("random", 0.2)):
        splits = draw(kind, label, lemma, splits=2, test_fraction=fraction)
        labels = permuted_labels(label, lemma, splits, replicates=12, seed=1)
        found[kind] = np.mean(
            [generalise(values, one, splits, [1], CLASSIFIER)[0][:, 0, 1] for one in labels]
        )
    assert found["random"] == 1.0
    assert found["grouped"] == pytest.approx(0.5, abs=0.15)  # of 24 test sets of 6 nouns


def test_nothing_is_printed(capfd):
    label, lemma = nouns(5, 2)
    generalise(planted(label, lemma), label, draw("random", label, None), [1], CLASSIFIER)
    assert capfd.readouterr() == ("", "")


# The step


@pytest.fixture(scope="module")
def stimuli(project, tmp_path_factory):
    path = tmp_path_factory.mktemp("stimuli") / "nounpp.parquet"
    write_generated(project / "stimuli" / "english", "nounpp", 40, True, 2019, path)
    return path


def write_dump(
    folder,
    stimuli,
    seed=0,
    checkpoint="a",
    variables=("cell",),
    planted_number=True,
    untrained_like=None,
):
    """Write a dump by hand, one node per word.

    Unit 1 carries the subject's number to the end, unit 4 that of the last noun, the rest noise;
    without a planted number all is noise.
    """
    items = read_aligned_items(stimuli)
    tokens = [s[: items.n_positions] for s in read_stimuli(stimuli)["tokens"].to_pylist()]
    n_items, n_positions = len(items), items.n_positions
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 0.2, (n_items, n_positions, sum(SIZES))).astype(np.float32)
    values[:, 0] = values[0, 0]
    if planted_number:
        subject, attractor = (
            np.where(items.label(name), 1, -1)[:, None]
            for name in ("subject_number", "attractor_number")
        )
        values[:, SUBJECT:, 0] += 2 * subject
        values[:, SUBJECT:ATTRACTOR, 3] += 2 * subject
        values[:, ATTRACTOR:, 3] += 2 * attractor
    config = {
        "variables": list(variables),
        "layers": [1, 2],
        "layer_sizes": list(SIZES),
        "float_type": "float32",
    }
    if untrained_like is not None:
        config["untrained_like"] = untrained_like
    metadata = make_metadata(
        config=config,
        n_nodes=n_items * n_positions,
        task="nounpp",
        checkpoint_sha256=checkpoint,
        stimuli_sha256=scored_sha256({"nounpp": read_stimuli(stimuli)}),
        tokens_sha256="t",
    )
    nodes = np.arange(n_items * n_positions, dtype=np.int32)
    index = {
        "item": np.repeat(items.item, n_positions),
        "position": np.tile(np.arange(n_positions, dtype=np.int16), n_items),
        "token": pa.array([word for s in tokens for word in s]).dictionary_encode(),
        "node": nodes,
        "condition": pa.array(np.repeat(items.condition, n_positions)).dictionary_encode(),
    }
    write_parquet(pa.table(index), folder / INDEX, metadata)
    flat = values.reshape(-1, sum(SIZES))
    for layer, units in ((1, range(1, 4)), (2, range(4, 8))):
        for variable in variables:
            columns = {str(unit): flat[:, unit - 1] for unit in units}
            table = pa.table({"node": nodes, **columns})
            write_parquet(table, variable_path(folder, layer, variable), metadata)
    return folder


@pytest.fixture(scope="module")
def inputs(stimuli, tmp_path_factory):
    """A trained dump, two untrained ones, and the units; unit 1 is the long-range unit."""
    folder = tmp_path_factory.mktemp("model")
    made = {
        "dump_folder": write_dump(folder / "activations" / "nounpp", stimuli),
        "untrained_folders": [
            write_dump(
                folder / f"untrained_{seed}" / "nounpp",
                stimuli,
                seed,
                checkpoint=str(seed),
                planted_number=False,
                untrained_like="a",
            )
            for seed in (1, 2)
        ],
        "stimuli": stimuli,
        "long_range": folder / "units" / "long_range.json",
        "shown": folder / "units" / "shown.json",
    }
    metadata = make_metadata(checkpoint_sha256="a", stimuli_sha256="s")
    long_range = {"unit": 1, "layer": 1, "subject_number": "singular"}
    write_json({"units": [long_range]}, made["long_range"], metadata)
    shown = [
        (1, "long-range"),
        (4, "nearest"),
        (5, "named"),
        (7, "named"),
        (6, "arbitrary"),
        (2, "syntax"),
    ]
    write_json(
        {"units": [{"unit": u, "layer": 2, "role": role, "number": None} for u, role in shown]},
        made["shown"],
        metadata,
    )
    return made


def run(inputs, output, **changes):
    settings = {
        "variable": "cell",
        "label": "subject_number",
        "conditions": "incongruent",
        "train_at": None,
        "hold_out": "grouped",
        "splits": 2,
        "test_fraction": 0.2,
        "C": 1.0,
        "tolerance": 1e-5,
        "permutations": 2,
        "seed": 2019,
    }
    write_decoding(**{**inputs, **settings, **changes}, output=output)
    return pd.read_parquet(output)


@pytest.fixture(scope="module")
def decoded(inputs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("decoding")
    return {
        kind: (run(inputs, folder / f"main_{kind}.parquet", hold_out=kind), folder)
        for kind in ("grouped", "random")
    }


def curve(table, features, at=SUBJECT, reference="none"):
    rows = table[
        (table["features"] == features)
        & (table["reference"] == reference)
        & (table["train_position"] == at)
    ]
    return rows.groupby("test_position")["auc"].mean().to_numpy()


def test_the_table_has_every_set_and_the_untrained_networks_at_every_word(decoded):
    table, _ = decoded["grouped"]
    assert list(table.columns) == COLUMNS
    intact = table[table["reference"] == "none"]
    sizes = intact.groupby("features", observed=True)["n_units"].first().to_dict()
    single = {f"unit_{unit}": 1 for unit in (1, 4, 5, 7)}  # neither arbitrary nor syntax
    assert sizes == {WITHOUT_LONG_RANGE: 6, "layer_1": 3, "layer_2": 4, **single}
    # Two splits; seven words, up to one after the verb, in training and test.
    assert (intact.groupby("features", observed=True).size() == 2 * 7 * 7).all()
    others = table[table["reference"] != "none"]
    assert set(others["features"]) == {WITHOUT_LONG_RANGE}
    permuted = others[others["reference"] == "permuted"]
    assert set(permuted["train_position"]) == {SUBJECT}
    assert others.groupby(["reference", "replicate"], observed=True).size().to_dict() == {
        **{("permuted", replicate): 2 * 7 for replicate in (1, 2)},
        **{("untrained", replicate): 2 * 7 * 7 for replicate in (1, 2)},
    }
    assert table["auc"].between(0, 1).all()
    assert table["converged"].all()


def test_the_planted_units_are_found_over_time(decoded):
    for kind, (table, _) in decoded.items():
        assert curve(table, "unit_1").tolist() == [0.5] + [1.0] * 6
        assert curve(table, "unit_4").tolist() == [0.5, 1, 1, 1, 0, 0, 0]
        assert curve(table, WITHOUT_LONG_RANGE)[[0, 1, 4]].tolist() == [0.5, 1, 0]
        assert curve(table, "unit_4", at=ATTRACTOR)[[1, 4, 5]].tolist() == [0, 1, 1]
        untrained = curve(table, WITHOUT_LONG_RANGE, reference="untrained")
        # Grouped hold-outs have few test items here, so only the mean over words is near chance.
        far = np.abs(untrained - 0.5)
        assert (far.max() if kind == "random" else far.mean()) < 0.25


def test_attractor_number_is_decoded_with_attractor_lemmas_held_out(inputs, tmp_path):
    table = run(
        {**inputs, "untrained_folders": []},
        tmp_path / "attractor_grouped.parquet",
        label="attractor_number",
        conditions="all",
        permutations=1,
    )
    others = table[table["reference"] == "permuted"]
    assert set(others["train_position"]) == {ATTRACTOR}
    assert curve(table, "unit_4", at=ATTRACTOR)[4:].tolist() == [1, 1, 1]
    # Over all conditions the subject's number says nothing of the attractor's.
    assert abs(curve(table, "unit_4", at=ATTRACTOR)[1] - 0.5) < 0.2
    metadata = read_metadata(tmp_path / "attractor_grouped.parquet")
    items = read_aligned_items(inputs["stimuli"])
    assert metadata["n_lemmas"] == len(set(items.lemma("attractor_number"))) == 10
    assert metadata["held_out"] == ["attractor_number"]
    sizes = zip(metadata["n_train_items"], metadata["n_test_items"], strict=True)
    assert {train + test for train, test in sizes} == {len(items)}


def test_the_same_seed_gives_the_same_bytes(inputs, decoded, tmp_path):
    _, folder = decoded["random"]
    run(inputs, tmp_path / "again.parquet", hold_out="random")
    first = (folder / "main_random.parquet").read_bytes()
    assert (tmp_path / "again.parquet").read_bytes() == first


def test_metadata_say_how_it_was_made(decoded):
    metadata = read_metadata(decoded["grouped"][1] / "main_grouped.parquet")
    assert metadata["config"]["hold_out"] == "grouped"
    assert metadata["config"]["train_at"] == SUBJECT
    assert metadata["units_removed"] == [1]
    assert metadata["checkpoint_sha256"] == "a"
    assert metadata["untrained_sha256"] == ["1", "2"]
    assert (metadata["n_items"], metadata["n_lemmas"]) == (80, 20)
    # Seven sets and two untrained networks at seven words; two permutations at the noun.
    assert metadata["n_classifiers"] == 2 * (7 * 7 + 2 * 7 + 2)
    assert metadata["n_not_converged"] == 0
    assert metadata["held_out"] == ["subject_number", "attractor_number"]
    assert len(metadata["n_train_items"]) == len(metadata["n_test_items"]) == 2
    assert all(
        train + test < 80
        for train, test in zip(metadata["n_train_items"], metadata["n_test_items"], strict=True)
    )
    metadata = read_metadata(decoded["random"][1] / "main_random.parquet")
    assert metadata["held_out"] == []
    assert (metadata["n_train_items"], metadata["n_test_items"]) == ([64, 64], [16, 16])


def test_classifiers_that_did_not_converge_are_counted_in_one_line(inputs, tmp_path, caplog):
    made = {**inputs, "untrained_folders": []}
    table = run(made, tmp_path / "d.parquet", max_iterations=1, permutations=0)
    metadata = read_metadata(tmp_path / "d.parquet")
    keys = ["features", "reference", "replicate", "split", "train_position"]
    fits = table.drop_duplicates(keys)
    assert metadata["n_not_converged"] == (~fits["converged"]).sum() > 0
    assert [record.message for record in caplog.records] == [
        f"{metadata['n_not_converged']} of {len(fits)} classifiers did not reach the tolerance of "
        f"1e-05 in 1 iterations; see the column converged of {tmp_path / 'd.parquet'}"
    ]


def test_without_long_range_units_all_units_are_decoded(inputs, tmp_path):
    path = tmp_path / "units" / "long_range.json"
    write_json({"units": []}, path, make_metadata(checkpoint_sha256="a", stimuli_sha256="s"))
    made = {**inputs, "long_range": path, "untrained_folders": []}
    table = run(made, tmp_path / "d.parquet", permutations=0)
    assert set(table.loc[table["features"] == WITHOUT_LONG_RANGE, "n_units"]) == {7}
    assert set(table["reference"]) == {"none"}
    assert read_metadata(tmp_path / "d.parquet")["units_removed"] == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"variable": "hidden"}, "activations.variables"),
        ({"label": "attractor_2_number"}, "no attractor_2_number"),
        ({"conditions": ["SP"]}, "all 40 items have the same number"),
        ({"train_at": 7}, "decoding.train_at is 7"),
        ({"test_fraction": 0.99}, "decoding.test_fraction = 0.99"),
    ],
)
def test_what_cannot_be_decoded_is_refused(inputs, tmp_path, changes, message):
    with pytest.raises(ConfigurationError, match=message):
        run(inputs, tmp_path / "d.parquet", **changes)
    assert not (tmp_path / "d.parquet").exists()


def test_inputs_of_another_model_or_other_stimuli_are_refused(project, inputs, tmp_path):
    path = tmp_path / "units" / "long_range.json"
    write_json({"units": []}, path, make_metadata(checkpoint_sha256="b", stimuli_sha256="s"))
    with pytest.raises(UserError, match="another checkpoint"):
        run({**inputs, "long_range": path}, tmp_path / "d.parquet")
    other = tmp_path / "stimuli" / "nounpp.parquet"
    write_generated(project / "stimuli" / "english", "nounpp", 20, True, 1, other)
    with pytest.raises(UserError, match="made from other stimuli"):
        run({**inputs, "stimuli": other}, tmp_path / "d.parquet")


def without(stimuli, column, path):
    """Write the stimuli with nothing in a column."""
    table = read_stimuli(stimuli)
    place = table.column_names.index(column)
    empty = pa.nulls(len(table), table.schema.field(place).type)
    path.parent.mkdir()
    write_parquet(table.set_column(place, table.schema.field(place), empty), path, make_metadata())
    return path


def test_items_without_lemmas_are_decoded_at_random_without_permuted_labels(
    inputs, tmp_path, caplog
):
    path = without(inputs["stimuli"], "subject_lemma", tmp_path / "stimuli" / "nounpp.parquet")
    made = {**inputs, "stimuli": path}
    with pytest.raises(ConfigurationError, match=r"subject_number belongs to.* cannot be grouped"):
        run(made, tmp_path / "d.parquet")
    table = run(made, tmp_path / "d.parquet", hold_out="random", splits=1)
    assert set(table["reference"]) == {"none", "untrained"}
    (record,) = caplog.records
    assert "labels are not permuted over lemmas" in record.getMessage()
    assert read_metadata(tmp_path / "d.parquet")["n_lemmas"] is None


def test_grouped_hold_outs_need_the_lemmas_of_every_tied_noun(inputs, tmp_path):
    path = without(inputs["stimuli"], "attractor_lemmas", tmp_path / "stimuli" / "nounpp.parquet")
    made = {**inputs, "stimuli": path, "untrained_folders": []}
    with pytest.raises(ConfigurationError, match="attractor_number belongs to"):
        run(made, tmp_path / "d.parquet")
    # Over all conditions the attractor does not give the subject's number away.
    arguments = {"conditions": "all", "permutations": 0, "splits": 1}
    assert len(run(made, tmp_path / "d.parquet", **arguments))


@pytest.mark.parametrize("like", ["b", None])
def test_an_untrained_network_of_another_model_is_refused(inputs, tmp_path, like):
    folder = write_dump(
        tmp_path / "untrained" / "nounpp", inputs["stimuli"], 3, "3", untrained_like=like
    )
    with pytest.raises(UserError, match="was made from another checkpoint") as caught:
        run({**inputs, "untrained_folders": [folder]}, tmp_path / "d.parquet")
    assert str(folder) in str(caught.value)


def test_attractors_that_agree_among_incongruent_items_are_reported(caplog):
    one = two_nouns(40)
    numbers = np.column_stack([one.attractor_numbers[:, 0], one.attractor_numbers[:, 0]])
    items = replace(
        one,
        attractor_positions=(2, 3),
        attractor_numbers=numbers,
        attractor_lemmas=np.column_stack([one.attractor_lemmas[:, 0]] * 2),
    )
    for quiet, conditions in ((one, "incongruent"), (items, "incongruent"), (items, "all")):
        warn_of_agreeing_attractors(quiet, conditions)
    assert not caplog.records
    numbers[:3, 0] = items.subject_number[:3]
    warn_of_agreeing_attractors(items, "all")
    assert not caplog.records
    warn_of_agreeing_attractors(items, "incongruent")
    (record,) = caplog.records
    assert "in 3 of 40 incongruent items of two_nouns the first attractor" in record.getMessage()


def test_words_end_one_after_the_verb_or_with_the_shortest_item(inputs):
    items = read_aligned_items(inputs["stimuli"])
    assert isinstance(items, AlignedItems)
    assert decoded_positions(items).tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert decoded_positions(replace(items, n_positions=6)).tolist() == [0, 1, 2, 3, 4, 5]


def test_a_dump_of_nothing_but_long_range_units_leaves_nothing_to_decode(inputs):
    dump = open_activations(inputs["dump_folder"])
    assert feature_sets(dump, [2], [2])["unit_2"] == [2]
    with pytest.raises(ConfigurationError, match=r"activations.layers"):
        feature_sets(dump, range(1, 8), [])
