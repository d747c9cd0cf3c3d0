"""C12 and C18 on planted predictions of depth, scored as the workflow scores them."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from lstm_units.analyses.depth.scores import score_predictions
from lstm_units.claims.criteria import Audit, ClaimCriteria
from lstm_units.claims.depth import depth_is_decodable, frequency_is_not_depth
from lstm_units.io.files import make_metadata, write_parquet
from lstm_units.io.result_files import ResultFiles
from lstm_units.io.verdict import FAILS, HOLDS, NOT_TESTABLE

AUDIT = Audit(ClaimCriteria(), {}, {})
ROWS = 1500
# SD of the errors of each set of regressors; that of depth is 1.7.
ERRORS = {
    "units": 0.8,
    "layer_1": 0.9,
    "untrained_1": 1.2,
    "position_frequency": 1.7,
    "words": 1.4,
    "embeddings": 1.4,
}


def depth_files(
    folder, errors=None, *, absent=0.0, removed=0.0, confidence=0.95, seed=0, twin=None
):
    """Write scores and comparisons.

    `absent` and `removed` are errors added without frequency; `twin` is a set of regressors that
    predicts what the units do, but for rounding.
    """
    rng = np.random.default_rng(seed)
    depth = np.arange(ROWS) % 6 + 3.0
    rows = pd.DataFrame(
        {
            "sentence": np.arange(ROWS) // 3,
            "position": np.arange(ROWS) % 6 + 7,
            "open_nodes": depth,
            "fold": np.arange(ROWS) // 3 % 5 + 1,
        }
    )
    tables = {}
    for name, sd in (ERRORS if errors is None else errors).items():
        predicted = depth + rng.normal(0, sd, ROWS)
        if name == twin:  # its errors are larger by a ten millionth
            predicted = depth + (tables["units"]["predicted"] - depth) * (1 + 1e-7)
        table = rows.assign(predicted=predicted, predicted_covariate_removed=np.nan)
        table["predicted_covariate_absent"] = np.nan
        if name != "words":
            noise = rng.normal(0, 1, ROWS)
            table["predicted_covariate_removed"] = predicted + removed * noise
            if name == "units" and absent is not None:
                table["predicted_covariate_absent"] = predicted + absent * noise
        tables[name] = table
    found = score_predictions(tables, confidence=confidence, bootstrap_samples=300, seed=1)
    metadata = make_metadata(config={"confidence": confidence, "bootstrap_samples": 300})
    for name, table in zip(("scores", "comparisons"), found, strict=True):
        path = folder / "depth" / f"{name}.parquet"
        write_parquet(pa.Table.from_pandas(table, preserve_index=False), path, metadata)
    return ResultFiles(folder)


def test_depth_that_is_read_better_than_from_any_baseline_holds(tmp_path):
    found = depth_is_decodable(depth_files(tmp_path), AUDIT)
    assert found.verdict == HOLDS
    assert found.reason is None
    r2, *differences = found.measures
    expected = 1 - 0.8**2 / np.var(np.arange(6))
    assert r2.value == pytest.approx(expected, abs=0.03)
    assert r2.low < r2.value < r2.high
    assert found.measured.startswith(f"R² {r2.value:.3f} [{r2.low:.3f}, {r2.high:.3f}]")
    assert len(differences) == 4
    assert all(m.low > 0 and m.met for m in differences)
    least = min(differences, key=lambda m: m.value)
    assert "untrained network 1" in least.name
    assert found.measured.endswith("(untrained network 1)")


@pytest.mark.parametrize("name", ["position_frequency", "words", "embeddings", "untrained_1"])
def test_a_baseline_as_good_as_the_units_fails(tmp_path, name):
    found = depth_is_decodable(depth_files(tmp_path, {**ERRORS, name: 0.8}), AUDIT)
    assert found.verdict == FAILS
    assert [m.met for m in found.measures].count(False) == 1
    assert "not shown to do better" in found.reason


def test_a_baseline_that_differs_by_rounding_only_fails(tmp_path):
    """As an untrained network does that is compared with itself."""
    found = depth_is_decodable(depth_files(tmp_path, twin="untrained_1"), AUDIT)
    assert found.verdict == FAILS
    (twin,) = (m for m in found.measures if "untrained" in m.name)
    assert 0 < twin.low < 1e-6
    assert "0.000 [0.000, 0.000] (untrained network 1)" in found.measured


def test_a_layer_of_the_model_is_no_baseline(tmp_path):
    found = depth_is_decodable(depth_files(tmp_path, {**ERRORS, "layer_1": 0.3}), AUDIT)
    assert found.verdict == HOLDS
    assert not any("layer" in m.name for m in found.measures)


def test_a_low_r2_fails_and_the_criterion_names_the_threshold(tmp_path):
    files = depth_files(tmp_path, {**ERRORS, "units": 1.0})
    assert depth_is_decodable(files, AUDIT).verdict == FAILS
    lower = replace(AUDIT, criteria=ClaimCriteria(depth_r2=0.57))
    found = depth_is_decodable(files, lower)
    assert found.verdict == HOLDS
    assert "> 0.57*" in found.criterion


def test_every_untrained_network_counts(tmp_path):
    errors = {**ERRORS, "untrained_2": 0.8}
    found = depth_is_decodable(depth_files(tmp_path, errors), AUDIT)
    assert found.verdict == FAILS
    failed, met = found.reason.split(". Met: ")
    assert "untrained network 2" in failed and "untrained network 1" not in failed
    assert "untrained network 1" in met


def test_a_baseline_that_was_not_run_leaves_the_claim_open_unless_it_fails_anyway(tmp_path):
    few = {name: sd for name, sd in ERRORS.items() if name != "untrained_1"}
    found = depth_is_decodable(depth_files(tmp_path / "a", few), AUDIT)
    assert found.verdict == NOT_TESTABLE
    assert "`depth.untrained`" in found.reason
    assert "Met: R² is above 0.7; the units do better than position and frequency," in found.reason
    found = depth_is_decodable(depth_files(tmp_path / "b", {**few, "words": 0.8}), AUDIT)
    assert found.verdict == FAILS
    few.pop("embeddings")
    found = depth_is_decodable(depth_files(tmp_path / "c", few), AUDIT)
    assert "word embedding" in found.reason


def test_frequency_that_changes_nothing_holds(tmp_path):
    found = frequency_is_not_depth(depth_files(tmp_path, removed=1.0), AUDIT)
    assert found.verdict == HOLDS
    absent, removed = found.measures
    assert absent.value == 0
    assert found.measured == "R² differs by 0.0000 [0.0000, 0.0000]"
    assert removed.value > 0.1  # setting the coefficient to 0 decides nothing
    assert removed.met is None


def test_frequency_that_explains_depth_fails(tmp_path):
    files = depth_files(tmp_path, absent=0.5)
    found = frequency_is_not_depth(files, AUDIT)
    assert found.verdict == FAILS
    assert found.measures[0].value == pytest.approx(0.25 / np.var(np.arange(6)), abs=0.03)
    wide = replace(AUDIT, criteria=ClaimCriteria(frequency_r2=0.2))
    found = frequency_is_not_depth(files, wide)
    assert found.verdict == HOLDS
    assert "0.2*" in found.criterion


def test_without_a_fit_without_frequency_it_is_not_testable(tmp_path):
    found = frequency_is_not_depth(depth_files(tmp_path, absent=None), AUDIT)
    assert found.verdict == NOT_TESTABLE
    assert "`depth.procedure: nested`" in found.reason


def test_the_level_of_the_intervals_is_that_of_the_file(tmp_path):
    found = depth_is_decodable(depth_files(tmp_path, confidence=0.9), AUDIT)
    assert "90% interval of its difference" in found.criterion
