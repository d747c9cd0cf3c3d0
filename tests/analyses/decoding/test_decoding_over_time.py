"""Decoding over time: planted units, references, what is recorded, and what is refused."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from support.memory_dump import MemoryDump
from support.noun_items import crossed_items, drawn_items

from lstm_units.analyses.decoding.features import (
    WITHOUT_LONG_RANGE,
    decoded_positions,
    feature_sets,
)
from lstm_units.analyses.decoding.over_time import decoding_over_time, warn_of_agreeing_attractors
from lstm_units.errors import NotRun, UserError
from lstm_units.io.results import Result
from lstm_units.stimuli.aligned_items import AlignedItems

SUBJECT, ATTRACTOR = 1, 4
SETTINGS = {
    "variable": "cell",
    "label": "subject_number",
    "conditions": "incongruent",
    "train_at": None,
    "cross_validation": "grouped",
    "splits": 2,
    "test_fraction": 0.2,
    "C": 1.0,
    "tolerance": 1e-5,
    "permutations": 2,
    "seed": 2019,
}
ROLES = {1: "long-range", 4: "nearest", 5: "named", 7: "named", 6: "arbitrary", 2: "syntax"}


def make_dump(items: AlignedItems, seed=0, planted=True, sha256="a", like=None) -> MemoryDump:
    """Unit 1 carries the subject's number to the end, unit 4 that of the last noun, others none."""
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 0.2, (len(items), items.n_positions, 7)).astype(np.float32)
    values[:, 0] = values[0, 0]
    if planted:
        subject, attractor = (
            np.where(items.label(name), 1, -1)[:, None]
            for name in ("subject_number", "attractor_number")
        )
        values[:, SUBJECT:, 0] += 2 * subject
        values[:, SUBJECT:ATTRACTOR, 3] += 2 * subject
        values[:, ATTRACTOR:, 3] += 2 * attractor
    metadata = {
        "checkpoint_sha256": sha256,
        "stimuli_sha256": "s",
        "config": {} if like is None else {"untrained_like": like},
    }
    source = f"the dump of {sha256}"
    return MemoryDump.of_items(items.item, values, metadata=metadata, source=source)


ITEMS = drawn_items(160, incongruent=False, sizes=(20, 10))
DUMP = make_dump(ITEMS)
UNTRAINED = [make_dump(ITEMS, int(name), False, name, like="a") for name in "12"]


def units(*listed, sha256="a") -> Result:
    return Result({"units": list(listed)}, {"checkpoint_sha256": sha256}, "the list")


def run(items=ITEMS, dump=DUMP, untrained=(), long_range=None, **changes) -> Result:
    return decoding_over_time(
        dump,
        untrained,
        items,
        long_range or units({"unit": 1}),
        units(*({"unit": unit, "role": role} for unit, role in ROLES.items())),
        **{**SETTINGS, **changes},
    )


@pytest.fixture(scope="module")
def decoded() -> dict[str, Result]:
    kinds = ("grouped", "random")
    return {kind: run(untrained=UNTRAINED, cross_validation=kind) for kind in kinds}


def curve(table: pd.DataFrame, features, at=SUBJECT, reference="none"):
    """The mean AUC at each word."""
    names = ["features", "reference", "train_position"]
    rows = table[(table[names].astype(object) == [features, reference, at]).all(axis=1)]
    return rows.groupby("test_position")["auc"].mean().to_numpy()


def test_the_table_has_every_set_and_the_references(decoded):
    table = decoded["grouped"].frame
    assert list(table.columns) == [
        *("features", "reference", "replicate", "split", "train_position", "test_position"),
        *("n_units", "auc", "converged"),
    ]
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
    assert table["auc"].between(0, 1).all() and table["converged"].all()


@pytest.mark.parametrize("kind", ["grouped", "random"])
def test_the_planted_units_are_found_over_time(decoded, kind):
    table = decoded[kind].frame
    assert curve(table, "unit_1").tolist() == [0.5] + [1.0] * 6
    assert curve(table, "unit_4").tolist() == [0.5, 1, 1, 1, 0, 0, 0]
    assert curve(table, WITHOUT_LONG_RANGE)[[0, 1, 4]].tolist() == [0.5, 1, 0]
    assert curve(table, "unit_4", at=ATTRACTOR)[[1, 4, 5]].tolist() == [0, 1, 1]
    # Few items are tested, so only the mean over words is near chance.
    untrained = curve(table, WITHOUT_LONG_RANGE, reference="untrained")
    assert np.abs(untrained - 0.5).mean() < 0.25


def test_what_differs_by_rounding_only_decodes_nothing_and_is_named(caplog):
    values = DUMP.read("cell", units=DUMP.units(), items=ITEMS.item, positions=range(8)).copy()
    sign = np.where(ITEMS.label("subject_number"), 1, -1)[:, None]
    values[:, 1:, 4] = np.float32(0.7) + np.float32(1e-7) * sign
    dump = MemoryDump.of_items(ITEMS.item, values, metadata=DUMP.metadata, source=DUMP.source)
    table = run(dump=dump, permutations=0).frame
    assert (table.loc[table["features"] == "unit_5", "auc"] == 0.5).all()
    (message,) = caplog.messages
    assert message.startswith("unit 5 (layer 2): nearly constant")


def test_the_attractors_number_is_decoded_with_attractors_held_out():
    found = run(label="attractor_number", conditions="all", permutations=1)
    table, made = found.frame, found.metadata
    assert set(table.loc[table["reference"] == "permuted", "train_position"]) == {ATTRACTOR}
    assert curve(table, "unit_4", at=ATTRACTOR)[4:].tolist() == [1, 1, 1]
    # Over all conditions the subject's number says nothing of the attractor's.
    assert abs(curve(table, "unit_4", at=ATTRACTOR)[1] - 0.5) < 0.25
    assert made["held_out"] == ["attractor_number"] and made["n_lemmas"] == 10
    sizes = zip(made["n_train_items"], made["n_test_items"], strict=True)
    assert {train + test for train, test in sizes} == {len(ITEMS)}


def test_the_metadata_say_how_it_was_made(decoded):
    grouped, random = (decoded[kind].metadata for kind in ("grouped", "random"))
    items = ITEMS.select("incongruent")
    n_items = len(items)
    assert grouped["config"]["cross_validation"] == "grouped"
    assert grouped["config"]["train_at"] == SUBJECT
    assert grouped["units_removed"] == [1]
    assert (grouped["checkpoint_sha256"], grouped["stimuli_sha256"]) == ("a", "s")
    assert grouped["untrained_sha256"] == ["1", "2"]
    assert (grouped["n_items"], grouped["n_lemmas"]) == (n_items, len(set(items.subject_lemma)))
    # Seven sets and two untrained networks at seven words; two permutations at the noun.
    assert grouped["n_classifiers"] == 2 * (7 * 7 + 2 * 7 + 2)
    assert grouped["n_not_converged"] == 0
    assert grouped["held_out"] == ["subject_number", "attractor_number"]
    assert random["held_out"] == []
    for made, whole in ((grouped, False), (random, True)):
        sizes = list(zip(made["n_train_items"], made["n_test_items"], strict=True))
        assert len(sizes) == 2 and all((sum(size) == n_items) == whole for size in sizes)


def test_classifiers_that_did_not_converge_are_counted_in_one_line(caplog):
    found = run(max_iterations=1, permutations=0)
    keys = ["features", "reference", "replicate", "split", "train_position"]
    fits = found.frame.drop_duplicates(keys)
    failed = int((~fits["converged"]).sum())
    assert found.metadata["n_not_converged"] == failed > 0
    (message,) = caplog.messages
    assert message.startswith(f"{failed} of {len(fits)} classifiers did not reach the tolerance of")


def test_without_long_range_units_all_units_are_decoded():
    found = run(long_range=units(), permutations=0)
    table = found.frame
    assert set(table.loc[table["features"] == WITHOUT_LONG_RANGE, "n_units"]) == {7}
    assert set(table["reference"]) == {"none"}
    assert found.metadata["units_removed"] == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"label": "attractor_2_number"}, "no attractor_2_number"),
        ({"conditions": ["SP"]}, "items have the same number"),
        ({"train_at": 7}, "train_at is 7, but .* positions 0 to 6"),
        ({"test_fraction": 0.99}, "test_fraction = 0.99"),
    ],
)
def test_what_cannot_be_decoded_is_refused(changes, message):
    with pytest.raises(NotRun, match=message):
        run(**changes)


def test_lists_and_networks_of_another_model_are_refused():
    with pytest.raises(UserError, match="the list was made from another checkpoint"):
        run(long_range=units(sha256="b"))
    for like in ("b", None):
        other = make_dump(ITEMS, 3, False, "3", like=like)
        with pytest.raises(UserError, match="the dump of 3 was made from another checkpoint"):
            run(untrained=[other])
    with pytest.raises(UserError, match="must have the same shape"):
        run(untrained=[replace(UNTRAINED[0], sizes=(4, 3))])


def test_items_without_lemmas_are_decoded_at_random_without_permuted_labels(caplog):
    items = replace(ITEMS, subject_lemma=np.full(len(ITEMS), None))
    with pytest.raises(NotRun, match=r"subject_number belongs to.* cannot be grouped"):
        run(items)
    found = run(items, cross_validation="random", splits=1)
    assert set(found.frame["reference"]) == {"none"}
    assert found.metadata["n_lemmas"] is None
    (message,) = caplog.messages
    assert "labels are not permuted over lemmas" in message


def test_grouped_splits_need_the_lemmas_of_every_tied_noun():
    items = replace(ITEMS, attractor_lemmas=np.full((len(ITEMS), 1), None))
    with pytest.raises(NotRun, match="attractor_number belongs to"):
        run(items)
    # Over all conditions the attractor does not give the subject's number away.
    assert run(items, conditions="all", permutations=0, splits=1).content.num_rows


def test_attractors_that_agree_among_incongruent_items_are_reported(caplog):
    one = crossed_items(4)
    numbers = np.column_stack([one.attractor_numbers[:, 0]] * 2)
    two = replace(one, attractor_positions=(2, 4), attractor_numbers=numbers)
    agreeing = numbers.copy()
    agreeing[:3, 0] = one.subject_number[:3]
    agreeing = replace(two, attractor_numbers=agreeing)
    for quiet, conditions in (
        *((one, "incongruent"), (two, "incongruent"), (two, "all"), (agreeing, "all")),
    ):
        warn_of_agreeing_attractors(quiet, conditions)
    assert not caplog.messages
    warn_of_agreeing_attractors(agreeing, "incongruent")
    (message,) = caplog.messages
    assert "in 3 of 40 incongruent items of nounpp the first attractor" in message


def test_words_end_one_after_the_verb_or_with_the_shortest_item():
    assert decoded_positions(ITEMS).tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert decoded_positions(replace(ITEMS, n_positions=6)).tolist() == [0, 1, 2, 3, 4, 5]


def test_nothing_but_long_range_units_leaves_nothing_to_decode():
    assert feature_sets(DUMP, [2], [2])["unit_2"] == [2]
    with pytest.raises(NotRun, match="no unit but the long-range ones"):
        feature_sets(DUMP, range(1, 8), [])
