"""Syntax units: planted outliers with a planted score, and verdicts that no sign changes."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from lstm_units.analyses.syntax_units.syntax_units import find_syntax_units, outlier_counts
from lstm_units.errors import ConfigurationError, NotRun, UserError
from lstm_units.io.files import make_metadata
from lstm_units.io.results import Result

TASKS = ("adv_conjunction", "nounpp", "subject_relative")
UNITS, FOLDS = 200, 5
# Coefficients of planted units in the folds; the others are standard normal.
PLANTED = {
    20: [7, 7, 7, 7, 7],
    50: [-8, -8, -8, -8, -8],
    120: [6, 6, 6, 6, 6],
    150: [12, 12, 12, 0, 0],  # beyond on average, but in three folds only
}
SPANNING, LATE = 50, 120
PERMUTED = np.r_[np.zeros(60), np.ones(30), np.full(9, 2), 5].astype(int)


def coefficient_table(planted=None, seed=0):
    rng = np.random.default_rng(seed)
    values = np.repeat(rng.normal(0, 1, UNITS).clip(-2, 2)[None], FOLDS, axis=0)
    for unit, folds in (PLANTED if planted is None else planted).items():
        values[:, unit - 1] = folds
    fold, unit = np.indices(values.shape) + 1
    return pd.DataFrame(
        {
            "unit": unit.ravel().astype(np.int16),
            "layer": np.where(unit.ravel() <= 100, 1, 2).astype(np.int16),
            "fold": fold.ravel().astype(np.int16),
            "coefficient": values.ravel(),
        }
    )


def span_table(layers=(1, 2), seed=1):
    """AUCs around chance but for two units: one spans every structure, one not the last."""
    rng = np.random.default_rng(seed)
    rows = []
    for unit in range(1, UNITS + 1):
        layer = 1 if unit <= 100 else 2
        for place, task in enumerate(TASKS):
            auc = {side: rng.uniform(0.35, 0.65) for side in ("auc", "auc_before", "auc_after")}
            if unit == SPANNING:  # the cell is smaller inside
                auc = {"auc": 0.1, "auc_before": 0.02, "auc_after": 0.15}
            if unit == LATE:
                auc = dict.fromkeys(auc, 0.95 if place < 2 else 0.75)
            rows.append({"unit": unit, "layer": layer, "task": task, **auc})
    table = pd.DataFrame(rows)
    sides = table.groupby("unit")[["auc_before", "auc_after"]]
    larger, smaller = sides.min().min(axis=1), 1 - sides.max().max(axis=1)
    table["score"] = table["unit"].map(np.maximum(larger, smaller))
    table["sign"] = table["unit"].map(pd.Series(np.where(larger >= smaller, 1, -1), larger.index))
    single = dict.fromkeys(("auc", "auc_before", "auc_after", "score"), np.float32)
    types = {"unit": np.int16, "layer": np.int16, "sign": np.int8, "task": "category", **single}
    return table[table["layer"].isin(layers)].astype(types)


def permutation_table(counts=PERMUTED):
    return pd.DataFrame({"permutation": np.arange(len(counts)) + 1, "n_stable": counts})


CRITERIA = {"threshold": 3.0, "minimum_folds": 4, "deviations_from": "zero"}


def results(*, coefficients=None, permutations=None, span=None, long_range=(), **criteria):
    """The results that syntax units are found from."""
    tables = {
        "coefficients": coefficient_table() if coefficients is None else coefficients,
        "permutations": permutation_table() if permutations is None else permutations,
        "span": span_table() if span is None else span,
    }
    configs = {
        "permutations": {**CRITERIA, **criteria},
        "span": {"structures": list(TASKS), "verb": "neither"},
    }
    made = make_metadata(checkpoint_sha256="c", stimuli_sha256="s")
    found = {
        name: Result(
            pa.Table.from_pandas(table, preserve_index=False),
            {**made, "config": configs.get(name)},
            name,
        )
        for name, table in tables.items()
    }
    found["long_range"] = Result({"units": [{"unit": unit} for unit in long_range]}, made)
    return found


def find(minimum_auc=0.9, **changes):
    return find_syntax_units(**results(**changes), minimum_auc=minimum_auc).content


def test_planted_outliers_are_found_and_ranked_by_their_score():
    found = find()
    numbers = [entry["unit"] for entry in found["units"]]
    assert sorted(numbers) == [20, 50, 120]
    assert numbers[:2] == [SPANNING, LATE]
    scores = [entry["score"] for entry in found["units"]]
    assert scores == sorted(scores, reverse=True)
    assert scores[:2] == [0.85, 0.75]
    assert found["top"] == found["units"][0]
    assert found["nearest"] is None
    assert found["n_units"] == UNITS
    assert found["structures"] == list(TASKS)
    assert found["outliers"]["n_beyond"] == 4
    assert found["outliers"]["n_stable"] == 3


def test_evidence_is_read_with_the_sign_of_the_unit():
    best, late = find()["units"][:2]
    assert (best["layer"], late["layer"]) == (1, 2)
    assert best["coefficient"] == -8
    values = coefficient_table().query("fold == 1")["coefficient"].to_numpy().copy()
    values[149] = np.mean(PLANTED[150])
    assert best["deviation"] == pytest.approx(-8 / np.sqrt(np.mean(values**2)), rel=1e-5)
    assert best["folds_beyond"] == FOLDS
    assert best["higher_inside"] is False
    assert late["higher_inside"] is True
    assert best["auc"] == dict.fromkeys(TASKS, 0.9)
    assert best["auc_before"] == dict.fromkeys(TASKS, 0.98)
    assert best["auc_after"] == dict.fromkeys(TASKS, 0.85)
    # Exactly at the threshold counts, although single precision makes 0.1 a little more.
    assert (best["least_auc"], best["spans"]) == (0.9, True)
    assert (late["least_auc"], late["spans"]) == (0.75, False)


def test_spanning_asks_for_one_sign_in_all_structures():
    span = span_table()
    here = (span["unit"] == SPANNING) & (span["task"] == "nounpp")
    span.loc[here, "auc"] = np.float32(0.95)
    best = next(entry for entry in find(span=span)["units"] if entry["unit"] == SPANNING)
    assert best["least_auc"] == 0.1
    assert best["spans"] is False


def one_sided(span, unit):
    """A cell above all words before and below all words after: the smaller sign is three to one."""
    here = span["unit"] == unit
    for side, value in (("auc", 0.25), ("auc_before", 1), ("auc_after", 0), ("score", 0)):
        span.loc[here, side] = np.float32(value)
    span.loc[here, "sign"] = np.int8(1)
    return span


def test_the_least_auc_is_read_with_its_own_sign_and_says_which():
    best, late = find()["units"][:2]
    assert best["least_auc_higher_inside"] is best["higher_inside"] is False
    assert late["least_auc_higher_inside"] is late["higher_inside"] is True
    span = one_sided(span_table(), SPANNING)
    entry = next(e for e in find(span=span)["units"] if e["unit"] == SPANNING)
    assert (entry["score"], entry["higher_inside"]) == (0, True)
    assert entry["auc"] == dict.fromkeys(TASKS, 0.25)
    assert (entry["least_auc"], entry["least_auc_higher_inside"]) == (0.75, False)
    # Where both signs do equally well, it is that of the score.
    span.loc[span["unit"] == SPANNING, "auc"] = np.float32(0.5)
    for sign in (1, -1):
        span.loc[span["unit"] == SPANNING, "sign"] = np.int8(sign)
        entry = next(e for e in find(span=span)["units"] if e["unit"] == SPANNING)
        assert entry["least_auc_higher_inside"] is entry["higher_inside"] is (sign > 0)


def signless(found):
    """Leave out what names a sign, which is arbitrary."""
    text = json.dumps(found)
    assert '"higher_inside"' in text and '"least_auc_higher_inside"' in text
    result = json.loads(text)
    for entry in [*result["units"], result["top"], result["nearest"]]:
        if entry:
            del entry["higher_inside"], entry["least_auc_higher_inside"]
            entry["coefficient"] = abs(entry["coefficient"])
            entry["deviation"] = abs(entry["deviation"])
    result.pop("summary")
    return result


@pytest.mark.parametrize("planted", [PLANTED, {}])
def test_flipping_the_sign_of_units_changes_no_verdict(planted):
    rng = np.random.default_rng(3)
    flip = set(rng.permutation(UNITS)[:100] + 1) ^ {SPANNING}
    coefficients, span = coefficient_table(planted), span_table()
    assert flip & set(PLANTED)
    before = find(coefficients=coefficients, span=span)
    coefficients.loc[coefficients["unit"].isin(flip), "coefficient"] *= -1
    turned = span["unit"].isin(flip)
    for side in ("auc", "auc_before", "auc_after"):
        span.loc[turned, side] = 1 - span.loc[turned, side]
    span.loc[turned, "sign"] *= -1
    after = find(coefficients=coefficients, span=span)
    assert signless(after) == signless(before)
    assert after["summary"].replace("-", "") == before["summary"].replace("-", "")


def test_without_a_number_of_folds_the_mean_decides_as_in_the_paper():
    found = find(minimum_folds=0)
    assert len(found["units"]) == found["outliers"]["n_beyond"] > len(find()["units"])
    assert "in at least" not in found["summary"]
    assert "beyond 3 SD on average." in found["summary"]


def test_more_folds_may_be_asked_for_or_fewer():
    found = find(minimum_folds=3)
    assert 150 in [entry["unit"] for entry in found["units"]]
    assert next(e for e in found["units"] if e["unit"] == 150)["folds_beyond"] == 3
    assert find(threshold=100.0)["units"] == []


def test_deviations_from_the_mean_follow_the_paper():
    shifted = coefficient_table()
    shifted["coefficient"] += 50
    from_mean = find(coefficients=shifted, deviations_from="mean")
    assert {e["unit"] for e in from_mean["units"]} == {20, 50, 120}
    assert find(coefficients=shifted)["units"] == []


@pytest.mark.parametrize("sign", [1, -1])
def test_without_a_unit_the_largest_deviation_is_named_and_the_summary_says_so(sign):
    planted = {30: np.array([1.5, 2.5, 9, 1.5, 2.5]) * sign, 40: [2, 2, 2, 2, 3]}
    found = find(coefficients=coefficient_table(planted))
    assert found["units"] == []
    assert found["top"] is None
    assert found["nearest"]["unit"] == 30
    assert found["nearest"]["folds_beyond"] == 1
    assert "No syntax unit among 200 units" in found["summary"]
    assert "Unit 30 (layer 1) deviates most" in found["summary"]
    assert "it is no syntax unit" in found["summary"]


def test_long_range_units_are_marked_and_never_the_top():
    found = find(long_range=[SPANNING])
    assert found["units"][0]["unit"] == SPANNING
    assert found["units"][0]["long_range"] is True
    assert found["top"]["unit"] == LATE
    assert f"Long-range units among them: {SPANNING}." in found["summary"]
    rest = find(long_range=PLANTED)
    assert rest["top"] is None
    assert rest["nearest"]["unit"] not in PLANTED


def test_counts_are_compared_with_those_of_permuted_depth():
    counts = outlier_counts(4, 3, PERMUTED)
    assert counts["permuted_99"] == 5  # a count that occurred, the larger of two
    assert counts["p"] == (1 + 1) / (100 + 1)
    assert outlier_counts(4, 2, PERMUTED)["p"] == 11 / 101  # ties count against
    assert outlier_counts(0, 0, PERMUTED)["p"] == 1
    assert outlier_counts(9, 6, PERMUTED)["p"] == 1 / 101
    none = outlier_counts(9, 6, PERMUTED[:0])
    assert none["p"] is None
    assert none["permuted_99"] is None


def test_summary_says_what_was_found():
    assert find()["summary"] == (
        "3 syntax units among 200 units whose activity was regressed on depth: beyond 3 SD on "
        "average and in at least 4 of 5 folds. That is no more than the 99th percentile, 5, of 100 "
        "refits with depth permuted (p = 0.02). Unit 50 (layer 1) follows the dependency of "
        "subject and verb best (score 0.85). Spanning it in every structure, with AUCs of at "
        "least 0.9 against all words outside: 50."
    )
    one = find(permutations=permutation_table([0] * 9), minimum_auc=0.95)
    assert "more than the 99th percentile, 0, of 9 refits" in one["summary"]
    assert "None spans it in every structure: the least AUC of that unit is 0.90" in one["summary"]


@pytest.mark.parametrize(
    ("score", "best"),
    [(0.49, f"unit {LATE} of layer 2"), (0.0, f"unit {SPANNING} of layer 1")],  # at 0 all are equal
)
def test_a_unit_below_chance_is_not_said_to_follow_the_dependency(score, best):
    span = span_table()
    span["score"] = np.minimum(span["score"], np.float32(score))
    span.loc[span["unit"] == LATE, "score"] = np.float32(score)
    span.loc[span["unit"].isin([20, SPANNING]), "score"] = np.float32(score / 2)
    summary = find(span=span)["summary"]
    # What claims ask for is another number, and still said.
    assert summary.endswith(
        " None of the syntax units follows the dependency of subject and verb "
        f"(best: {best}, score {score:.2f}). Still, AUCs in every structure of at least 0.9 "
        "against all words outside: 50."
    )
    span.loc[span["unit"] == SPANNING, "auc"] = np.float32(0.5)
    assert find(span=span)["summary"].endswith(f"score {score:.2f}).")
    above = find(span=span_table().assign(score=np.float32(0.5)))["summary"]
    assert "follows the dependency of subject and verb best (score 0.50)" in above


def test_below_chance_units_that_were_not_asked_are_not_judged():
    span = span_table()
    span.loc[span["unit"] == LATE, "score"] = np.float32(0.3)
    marked = find(span=span, long_range=[SPANNING])
    assert marked["units"][0]["unit"] == SPANNING  # it follows the dependency, and is none of them
    assert (
        "None of the syntax units, long-range or unscored ones aside, follows the dependency of "
        "subject and verb (best: unit "
    ) in marked["summary"]
    alone = find(span=span, coefficients=coefficient_table().query("layer == 2"))
    assert (
        f" Unit {LATE} (layer 2) does not follow the dependency of subject and verb (score 0.30)."
    ) in alone["summary"]


def test_outliers_whose_cells_were_not_dumped_stand_last_without_a_score():
    found = find(span=span_table(layers=[2]))
    assert [entry["unit"] for entry in found["units"]] == [LATE, 50, 20]
    for entry in found["units"][1:]:
        assert entry["score"] is None
        assert entry["spans"] is None
    assert "Units of layer 1 have no score" in found["summary"]
    only = coefficient_table().query("layer == 1")
    with pytest.raises(NotRun, match=r"of layers 1, .* of layers 2; regress and"):
        find(coefficients=only, span=span_table(layers=[2]))


def test_layers_that_were_not_regressed_are_left_out():
    only = coefficient_table().query("layer == 2")
    found = find(coefficients=only)
    assert found["n_units"] == 100
    assert [entry["unit"] for entry in found["units"]] == [LATE]


def test_a_unit_that_lacks_a_fold_is_refused():
    table = coefficient_table()
    for broken in (table.iloc[1:], pd.concat([table, table.iloc[:1]]), table.iloc[:0]):
        with pytest.raises(UserError, match="not one per unit and fold"):
            find(coefficients=broken)


def test_results_that_do_not_fit_are_refused():
    with pytest.raises(ConfigurationError, match=r"minimum_auc is 0\.3"):
        find(minimum_auc=0.3)
    for name in ("coefficients", "span", "long_range"):
        found = results()
        metadata = {**found[name].metadata, "checkpoint_sha256": "another"}
        found[name] = Result(found[name].content, metadata)
        with pytest.raises(UserError, match="another checkpoint"):
            find_syntax_units(**found, minimum_auc=0.9)


def test_what_was_found_says_how():
    found = find_syntax_units(**results(), minimum_auc=0.9)
    assert found.content["verb"] == "neither"
    assert found.content["criteria"] == {**CRITERIA, "minimum_auc": 0.9}
    assert (found.metadata["checkpoint_sha256"], found.metadata["stimuli_sha256"]) == ("c", ["s"])
