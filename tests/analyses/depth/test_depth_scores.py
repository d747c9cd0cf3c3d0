"""Scores of depth: exact against scikit-learn and against brute-force resampling."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.metrics import r2_score

from lstm_units.analyses.depth.scores import (
    bootstrap_r2,
    collect_predictions,
    depth_scores,
    overall_r2,
    score_predictions,
)
from lstm_units.errors import ConfigurationError, UserError
from lstm_units.io.files import make_metadata
from lstm_units.io.results import Result

SETTINGS = {"confidence": 0.95, "bootstrap_samples": 400, "seed": 3}


def make_tables(n=60, seed=0):
    """Predictions of growing error; position_frequency has a covariate, words has none."""
    rng = np.random.default_rng(seed)
    sentence = np.repeat(np.arange(n), rng.integers(1, 5, size=n))
    rows = len(sentence)
    depth = rng.integers(3, 9, size=rows)
    base = {
        "sentence": sentence,
        "position": np.arange(rows) % 5,
        "open_nodes": depth,
        "fold": sentence % 5 + 1,
    }

    def table(error, removed=None, absent=None):
        def noisy(size):
            return depth + size * rng.standard_normal(rows) if size else np.nan

        return pd.DataFrame(
            {
                **base,
                "predicted": noisy(error),
                "predicted_covariate_removed": noisy(removed),
                "predicted_covariate_absent": noisy(absent),
            }
        )

    return {
        "units": table(0.5, 0.55, 0.52),
        "words": table(1.0),
        "position_frequency": table(1.6, 1.7),
    }


def test_scores_are_those_of_scikit_learn_in_every_fold_and_in_all():
    tables = make_tables()
    scores, _ = score_predictions(tables, **SETTINGS)
    column = {
        "included": "predicted",
        "removed": "predicted_covariate_removed",
        "absent": "predicted_covariate_absent",
    }
    for row in scores.itertuples():
        table = tables[row.regressors]
        if not pd.isna(row.fold):
            table = table[table["fold"] == row.fold]
            assert np.isnan(row.ci_low)
            assert np.isnan(row.ci_high)
        else:
            assert row.ci_low < row.r2 < row.ci_high
        name = "predicted" if row.regressors == "words" else column[row.covariate]
        assert row.n == len(table)
        assert row.r2 == pytest.approx(r2_score(table["open_nodes"], table[name]), abs=1e-12)
    found = scores[["regressors", "covariate"]].drop_duplicates().itertuples(index=False)
    assert [tuple(row) for row in found] == [
        ("units", "included"),
        ("units", "removed"),
        ("units", "absent"),
        ("words", "absent"),
        ("position_frequency", "included"),
        ("position_frequency", "removed"),
    ]
    assert len(scores) == 6 * 6


def test_the_closed_form_bootstrap_is_that_of_rows_copied_out():
    tables = make_tables(n=25)
    units = tables["units"]
    observed = units["open_nodes"].to_numpy(dtype=float)
    predicted = np.column_stack([table["predicted"] for table in tables.values()])
    sentence = units["sentence"].to_numpy() * 7 + 2  # numbers with gaps
    scored = bootstrap_r2(observed, predicted, sentence, 30, np.random.default_rng(5))
    names = np.unique(sentence)
    times = np.random.default_rng(5).multinomial(25, np.full(25, 1 / 25), size=30)
    for draw, multiplicity in zip(scored.draws, times, strict=True):
        rows = np.concatenate(
            [
                np.tile(np.flatnonzero(sentence == name), n)
                for name, n in zip(names, multiplicity, strict=True)
            ]
        )
        expected = [r2_score(observed[rows], column[rows]) for column in predicted.T]
        np.testing.assert_allclose(draw, expected, rtol=1e-9, atol=1e-12)


def test_differences_are_paired_over_the_same_sentences():
    tables = make_tables()
    # The same errors and a little more: the difference is sure although each R2 is not.
    units = tables["units"]
    worse = units.copy()
    worse["predicted"] = units["open_nodes"] + 1.05 * (units["predicted"] - units["open_nodes"])
    scores, comparisons = score_predictions({"units": units, "layer_1": worse}, **SETTINGS)
    whole = scores[scores["fold"].isna() & (scores["covariate"] == "included")]
    whole = whole.set_index("regressors")
    row = comparisons.set_index("baseline").loc["layer_1"]
    assert row["difference"] == pytest.approx(whole["r2"]["units"] - whole["r2"]["layer_1"])
    assert 0 < row["ci_low"] < row["difference"] < row["ci_high"]
    overlap = whole["ci_high"]["layer_1"] - whole["ci_low"]["units"]
    assert overlap > 3 * (row["ci_high"] - row["ci_low"])


def test_units_are_compared_with_every_baseline_and_with_themselves_without_the_covariate():
    tables = make_tables()
    tables["layer_1"] = tables["units"].copy()
    scores, comparisons = score_predictions(tables, **SETTINGS)
    assert comparisons["baseline"].tolist() == [
        "words",
        "position_frequency",
        "layer_1",
        "units (covariate removed)",
        "units (covariate absent)",
    ]
    assert (comparisons["regressors"] == "units").all()
    r2 = scores[scores["fold"].isna()].set_index(["regressors", "covariate"])["r2"]
    for baseline, other in (
        ("words", ("words", "absent")),
        ("position_frequency", ("position_frequency", "included")),
        ("units (covariate removed)", ("units", "removed")),
        ("units (covariate absent)", ("units", "absent")),
    ):
        difference = comparisons.set_index("baseline")["difference"][baseline]
        assert difference == pytest.approx(r2["units", "included"] - r2[other], abs=1e-12)
    equal = comparisons.set_index("baseline").loc["layer_1"]
    # Which columns of a product are rounded alike depends on the processor.
    assert equal[["difference", "ci_low", "ci_high"]].tolist() == pytest.approx(
        [0, 0, 0], abs=1e-12
    )


def test_a_further_baseline_moves_no_interval():
    tables = make_tables()
    few, _ = score_predictions({"units": tables["units"]}, **SETTINGS)
    many, _ = score_predictions(tables, **SETTINGS)
    pd.testing.assert_frame_equal(few, many[many["regressors"] == "units"], rtol=1e-12)


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(200):
        sentence = np.repeat(np.arange(80), 3)
        depth = np.repeat(rng.standard_normal(80), 3)  # alike within a sentence
        error = np.repeat(0.5 * rng.standard_normal(80), 3)
        scored = bootstrap_r2(depth, (depth + error)[:, None], sentence, 300, rng)
        low, high = np.quantile(scored.draws[:, 0], [0.025, 0.975])
        covered += low <= 0.75 <= high
    assert 0.88 <= covered / 200 <= 0.99


def test_predictions_of_other_rows_are_refused():
    tables = make_tables()
    tables["words"].loc[3, "fold"] = 4 if tables["words"].loc[3, "fold"] != 4 else 5
    with pytest.raises(UserError, match="predictions from words are of other words or folds"):
        collect_predictions(tables)
    tables["words"] = tables["words"].iloc[:-1]
    with pytest.raises(UserError, match="predictions from words are of other words"):
        collect_predictions(tables)


def test_a_prediction_that_is_no_number_is_refused():
    tables = make_tables()
    tables["words"].loc[3, "predicted"] = np.nan
    with pytest.raises(UserError, match="predictions from words hold values"):
        score_predictions(tables, **SETTINGS)


def test_bad_settings_are_refused():
    tables = make_tables()
    with pytest.raises(ConfigurationError, match=r"confidence is 95"):
        score_predictions(tables, **{**SETTINGS, "confidence": 95})
    with pytest.raises(ConfigurationError, match="bootstrap_samples 0"):
        score_predictions(tables, **{**SETTINGS, "bootstrap_samples": 0})


def test_overall_r2_is_that_with_the_covariate_or_else_of_the_only_fit():
    tables = make_tables()
    scores, comparisons = score_predictions(tables, **SETTINGS)
    for name, covariate in (("units", "included"), ("words", "absent")):
        row = overall_r2(scores, name)
        assert row["covariate"] == covariate
        expected = r2_score(tables[name]["open_nodes"], tables[name]["predicted"])
        assert row["r2"] == pytest.approx(expected, abs=1e-12)
        assert row["ci_low"] < row["r2"] < row["ci_high"]
    assert overall_r2(scores, "layer_1") is None
    # Units without a covariate: the same everywhere, and no comparison with themselves.
    alone = tables["units"].drop(columns="predicted_covariate_removed")
    tables["units"] = alone.assign(
        predicted_covariate_removed=np.nan, predicted_covariate_absent=np.nan
    )
    scores, comparisons = score_predictions(tables, **SETTINGS)
    units, words = overall_r2(scores), overall_r2(scores, "words")
    assert units["covariate"] == "absent"
    differences = comparisons.set_index("baseline")["difference"]
    assert list(differences.index) == ["words", "position_frequency"]
    assert differences["words"] == pytest.approx(units["r2"] - words["r2"])


def made_predictions():
    """Predictions as files hold them: from the model, words alone, and an untrained network."""
    tables = make_tables()
    tables["untrained_1"] = tables.pop("position_frequency")
    origins = {
        "units": {"checkpoint_sha256": "c"},
        "words": {},
        "untrained_1": {"checkpoint_sha256": "u", "untrained_like": "c"},
    }
    return [
        Result(
            pa.Table.from_pandas(tables[name], preserve_index=False).replace_schema_metadata(),
            make_metadata(
                regressors=name,
                stimuli_sha256="s",
                config={"procedure": {"folds": 5, "seed": 2}},
                **origin,
            ),
            name,
        )
        for name, origin in origins.items()
    ]


@pytest.mark.parametrize(
    ("which", "changed", "what"),
    [
        (2, {"untrained_like": "another"}, "checkpoint"),
        (1, {"stimuli_sha256": "another"}, "version of the depth corpus"),
        (1, {"config": {"procedure": {"folds": 5, "seed": 99}}}, "procedure"),
    ],
)
def test_predictions_of_another_origin_are_refused(which, changed, what):
    predictions = made_predictions()
    other = predictions[which]
    predictions[which] = replace(other, metadata={**other.metadata, **changed})
    with pytest.raises(UserError, match=f"{other.source} was made from another {what}.* than unit"):
        depth_scores(predictions, **SETTINGS)
    with pytest.raises(UserError, match="no predictions from units"):
        depth_scores(predictions[1:], **SETTINGS)
