"""Decoding from single units: exact against scikit-learn, and against brute-force resampling."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score
from support.memory_dump import MemoryDump
from support.noun_items import crossed_items

from lstm_units.analyses.decoding.single_units import (
    bootstrap_auc,
    decode_units,
    draw_lemmas,
    lemma_wins,
)
from lstm_units.errors import UserError
from lstm_units.statistics.resampling import percentile_interval

SAMPLES = 200


def without_lemmas(items):
    return replace(items, subject_lemma=np.full(len(items), None, dtype=object))


def make_dump(items, seed=0, digits=1, n_units=7):
    """Random values with many ties; items that begin alike share their nodes."""
    keys, node = {}, np.empty((len(items), items.n_positions), dtype=np.int32)
    attractors = items.attractor_lemmas[:, 0]
    rows = zip(items.subject_lemma, items.subject_number, attractors, strict=True)
    for row, (lemma, number, place) in enumerate(rows):
        for position in range(items.n_positions):
            known = (lemma, number)[: 2 * (position > 0)]
            key = (position, *known, *(place,)[: position > 3])
            node[row, position] = keys.setdefault(key, len(keys))
    rng = np.random.default_rng(seed)
    return MemoryDump(items.item, node, rng.normal(size=(len(keys), n_units)).round(digits))


def per_item(dump, unit, position):
    return dump.values[dump.node[:, position], unit - 1]


def decode(dump, items, **options):
    return decode_units(dump, items, bootstrap_samples=SAMPLES, **options)


@pytest.mark.parametrize("digits", [0, 1, 12])
@pytest.mark.parametrize("label", ["subject_number", "attractor_number"])
def test_auc_is_that_of_scikit_learn_with_ties(digits, label):
    items = crossed_items()
    dump = make_dump(items, digits=digits)
    table = decode(dump, items, label=label).set_index(["unit", "position"])
    ties = 0
    for unit in dump.units():
        sign = table.loc[(unit, 0), "sign"]
        assert (
            roc_auc_score(items.label(label), sign * per_item(dump, unit, items.position(label)))
            >= 0.5
        )
        for position in range(7):
            values = per_item(dump, unit, position)
            ties += len(values) - len(np.unique(values))
            expected = roc_auc_score(items.label(label), sign * values)
            assert table.loc[(unit, position), "auc"] == pytest.approx(expected, abs=1e-12)
    assert ties > 100


def test_a_bootstrap_sample_is_the_auc_of_the_resampled_items():
    items = crossed_items(lonely=2)
    dump = make_dump(items)
    singular = items.label("subject_number")
    names, lemma = np.unique(items.subject_lemma.astype(str), return_inverse=True)
    positive = np.bincount(lemma[singular], minlength=len(names))
    negative = np.bincount(lemma[~singular], minlength=len(names))
    weights = draw_lemmas(positive, negative, 50, seed=3).weights
    values = np.column_stack([per_item(dump, unit, 4) for unit in dump.units()])
    one_hot = np.eye(len(names))[lemma]
    wins = lemma_wins(values, one_hot * singular[:, None], one_hot * ~singular[:, None])
    drawn = bootstrap_auc(wins, positive, negative, weights)
    for sample, weight in enumerate(weights):
        again = np.repeat(np.arange(len(items)), weight[lemma].astype(int))
        for unit in range(values.shape[1]):
            expected = roc_auc_score(singular[again], values[again, unit])
            assert drawn[unit, sample] == pytest.approx(expected, abs=1e-12)


def test_intervals_are_the_percentiles_of_that_bootstrap():
    items = crossed_items()
    dump = make_dump(items)
    table = decode(dump, items, confidence=0.8, seed=5).set_index(["unit", "position"])
    singular = items.label("subject_number")
    names, lemma = np.unique(items.subject_lemma.astype(str), return_inverse=True)
    counts = [np.bincount(lemma[chosen], minlength=len(names)) for chosen in (singular, ~singular)]
    weights = draw_lemmas(*counts, SAMPLES, seed=5).weights
    for unit, position in ((1, 1), (3, 4), (7, 6)):
        row = table.loc[(unit, position)]
        values = row["sign"] * per_item(dump, unit, position)
        draws = []
        for weight in weights:
            again = np.repeat(np.arange(len(items)), weight[lemma].astype(int))
            draws.append(roc_auc_score(singular[again], values[again]))
        low, high = percentile_interval(np.array(draws), 0.8)
        assert row["ci_low"] == pytest.approx(low, abs=1e-12)
        assert row["ci_high"] == pytest.approx(high, abs=1e-12)
        assert row["ci_low"] < row["ci_high"]


def test_a_unit_that_swaps_goes_from_one_to_zero_and_one_that_holds_stays():
    items = crossed_items()
    dump = make_dump(items)
    subject = np.where(items.label("subject_number"), 1.0, -1.0)
    for position in range(items.n_positions):
        held = subject if position > 0 else 0 * subject
        swapped = -held if position >= 4 else held
        dump.values[dump.node[:, position], 0] = -held
        dump.values[dump.node[:, position], 1] = swapped
    table = decode(dump, items).pivot(index="unit", columns="position", values="auc")
    assert table.loc[1].tolist() == [0.5, 1, 1, 1, 1, 1, 1]
    assert table.loc[2].tolist() == [0.5, 1, 1, 1, 0, 0, 0]
    rows = decode(dump, items).set_index(["unit", "position"])
    assert rows.loc[(1, 1), "sign"] == -1
    assert rows.loc[(2, 4), ["ci_low", "ci_high"]].tolist() == [0, 0]


def test_rows_name_unit_layer_and_position_up_to_one_word_after_the_verb():
    items = crossed_items()
    dump = make_dump(items)
    table = decode(dump, items)
    columns = ["unit", "layer", "position", "auc", "ci_low", "ci_high", "sign", "n_samples"]
    assert table.columns.tolist() == columns
    assert table.groupby("unit")["position"].agg(list).tolist() == [list(range(7))] * 7
    assert table.groupby("layer")["unit"].unique().map(list).to_dict() == {
        1: [1, 2, 3],
        2: [4, 5, 6, 7],
    }
    short = replace(items, n_positions=6)
    assert decode(dump, short)["position"].max() == 5


def test_samples_without_one_of_the_numbers_are_dropped_and_counted():
    drawn = draw_lemmas(np.array([1, 1, 0]), np.array([0, 0, 1]), 1000, seed=0)
    # P(all three draws miss the third lemma) + P(all hit it) = 8/27 + 1/27.
    assert drawn.drawn == 1000
    assert len(drawn.weights) == pytest.approx(1000 * 2 / 3, abs=60)
    assert (drawn.weights[:, 2] > 0).all()
    assert (drawn.weights[:, :2].sum(axis=1) > 0).all()
    items = crossed_items(n_lemmas=2, lonely=1)
    table = decode(make_dump(items), items)
    assert 0 < table["n_samples"].iloc[0] < SAMPLES
    assert np.isfinite(table[["ci_low", "ci_high"]]).all(axis=None)


def test_one_lemma_gives_no_interval():
    items = crossed_items(n_lemmas=1)
    table = decode(make_dump(items), items)
    assert table[["ci_low", "ci_high"]].isna().all(axis=None)
    assert (table["n_samples"] == 0).all()
    assert table["auc"].notna().all()


def test_unknown_lemmas_give_the_same_auc_and_no_interval():
    items = crossed_items()
    dump = make_dump(items)
    table, known = decode(dump, without_lemmas(items)), decode(dump, items)
    assert table[["ci_low", "ci_high"]].isna().all(axis=None)
    pd.testing.assert_series_equal(table["auc"], known["auc"])


def test_units_are_read_in_blocks_and_the_seed_decides_everything(monkeypatch):
    items = crossed_items()
    dump = make_dump(items)
    whole = decode(dump, items)
    assert dump.largest_read == 7
    monkeypatch.setattr("lstm_units.analyses.decoding.single_units._BLOCK_VALUES", 3 * dump.n_nodes)
    dump.largest_read = 0
    pd.testing.assert_frame_equal(decode(dump, items), whole)
    assert dump.largest_read == 3
    assert not decode(dump, items, seed=1)["ci_low"].equals(whole["ci_low"])


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({}, {"label": "verb_number"}, "label 'verb_number' is unknown"),
        ({}, {"confidence": 1.0}, "confidence is 1.0"),
        ({"subject_number": np.full(60, "plural")}, {}, "same subject_number"),
    ],
)
def test_what_cannot_be_decoded_is_refused(change, options, message):
    items = crossed_items()
    dump = make_dump(items)
    with pytest.raises(UserError, match=message):
        decode(dump, replace(items, **change), **options)
    with pytest.raises(UserError, match="bootstrap_samples is 3"):
        decode_units(dump, items, bootstrap_samples=3)


def test_a_dump_of_other_stimuli_or_with_broken_values_is_refused():
    items = crossed_items()
    dump = make_dump(items)
    short = dump.node.copy()
    short[7, 6:] = -1
    with pytest.raises(UserError, match=f"item {items.item[7]}"):
        decode(replace(dump, node=short), items)
    dump.values[dump.node[3, 2], 5] = np.nan
    with pytest.raises(UserError, match="not numbers"):
        decode(dump, items)
