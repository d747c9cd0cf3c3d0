"""Claims C9 and C20, efferent weights: planted networks and planted weights."""

import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from support.number_network import LAYER_SIZES, LONG_RANGE, LOWER, SHORT_RANGE, save_checkpoint
from support.planted_results import ENGLISH, planted_audit
from test_claims_gates import (
    assert_same_but_for_rounding,
    dumped_results,
    failing,
    flipped,
    planted,
    values_of,
    write_long_range,
)

from lstm_units.analyses.efferents.verb_pairs import read_verb_pairs
from lstm_units.analyses.efferents.weights import efferents, segregation
from lstm_units.claims.efferents import efferents_segregated, others_unsegregated, read_efferents
from lstm_units.claims.units import NONE_FOUND
from lstm_units.io.files import make_metadata, write_json, write_parquet
from lstm_units.io.result_files import ResultFiles
from lstm_units.io.results import write_result
from lstm_units.io.seeds import seed_stream
from lstm_units.io.verdict import FAILS, HOLDS, NOT_TESTABLE
from lstm_units.models.checkpoints import load_language_model

# In a layer of 8 units the top 5 % would be the first alone.
AUDIT = planted_audit(efferent_share=0.25)


def measure_efferents(folder, model) -> ResultFiles:
    """Measure the weights of another decoder on top of the same activations."""
    weights, units = efferents(
        model=load_language_model(save_checkpoint(model, folder)),
        verb_pairs=read_verb_pairs(ENGLISH / "verb_pairs.tsv"),
        correction="benjamini_hochberg",
    )
    write_result(weights, folder / "efferents" / "weights.parquet")
    write_result(units, folder / "efferents" / "units.parquet")
    return ResultFiles(folder)


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> ResultFiles:
    folder = tmp_path_factory.mktemp("efferents")
    dumped_results(folder, planted())
    return measure_efferents(folder, planted())


def with_decoder(unit_scale=1.0, noise=0.0):
    """Scale the weights of the long-range units to all words, and add noise to them."""
    model = planted()
    decoder = model.decoder_weight.clone()
    columns = [unit - len(LOWER) - 1 for unit in LONG_RANGE]
    generator = torch.Generator().manual_seed(3)
    drawn = torch.randn(len(decoder), len(columns), generator=generator)
    decoder[:, columns] = unit_scale * decoder[:, columns] + noise * drawn
    return replace(model, decoder_weight=decoder)


def test_planted_long_range_units_hold_with_the_planted_push(results):
    verdict = efferents_segregated(results, AUDIT)
    assert verdict.verdict == HOLDS and verdict.reason is None
    found = values_of(verdict)
    for unit in LONG_RANGE:
        assert found[f"unit {unit}, rank of its separability"][0] in (1, 2)
        # Weights 3 and -3, and hidden values of tanh(tanh(5)) and 0.
        push, low, high, met = found[f"unit {unit}, push towards the form of the subject's number"]
        assert push == pytest.approx(6 * np.tanh(np.tanh(5)), rel=0.05)
        assert low <= push <= high and met
    assert "rank 1 of 8" in verdict.measured and "rank 2 of 8" in verdict.measured
    assert ">= " not in verdict.criterion and "top 25 %*" in verdict.criterion


def test_unsegregated_weights_fail(copied):
    model = with_decoder(unit_scale=0.0, noise=0.1)
    verdict = efferents_segregated(measure_efferents(copied.folder, model), AUDIT)
    assert verdict.verdict == FAILS
    assert {f"unit {unit}, rank of its separability" for unit in LONG_RANGE} <= failing(verdict)
    assert "(expected <= 2 of 8)" in verdict.reason


def test_weights_against_the_units_own_number_fail_though_they_are_segregated(copied):
    verdict = efferents_segregated(measure_efferents(copied.folder, with_decoder(-1.0)), AUDIT)
    assert verdict.verdict == FAILS
    expected = {f"unit {u}, push towards the form of the subject's number" for u in LONG_RANGE}
    assert failing(verdict) == expected


def test_the_sign_of_a_unit_changes_no_verdict_and_no_value(copied, tmp_path):
    dumped_results(tmp_path / "flipped", flipped())
    results, other = copied, measure_efferents(tmp_path / "flipped", flipped())
    for files in (results, other):
        write_shown(files.folder, units=(SHORT_RANGE, LAYER_SIZES[0] + 2), top=(SHORT_RANGE, 2))
    means = [x.frame("efferents/units.parquet").set_index("unit") for x in (results, other)]
    for unit in (*LONG_RANGE, SHORT_RANGE):
        assert means[0].loc[unit, "mean_singular"] == -means[1].loc[unit, "mean_singular"] != 0
    for claim in (efferents_segregated, others_unsegregated):
        assert_same_but_for_rounding(claim(results, AUDIT), claim(other, AUDIT))
        assert all(m.value is not None for m in claim(other, AUDIT).measures)


def test_a_threshold_that_only_one_unit_meets_fails(results):
    verdict = efferents_segregated(results, planted_audit(efferent_share=0.05))
    assert verdict.verdict == FAILS and "top 5 %*" in verdict.criterion
    assert len(failing(verdict)) == 1 and "(expected <= 1 of 8)" in verdict.reason


def test_what_cannot_be_tested_is_named(copied):
    write_long_range(copied.folder, {13: "singular", 3: "plural"})
    verdict = efferents_segregated(copied, AUDIT)
    assert verdict.verdict == NOT_TESTABLE
    assert "a unit of layer 1 has no weights to words" in verdict.reason
    assert "unit 13, rank of its separability" in verdict.reason  # holds
    write_long_range(copied.folder, LONG_RANGE)
    shutil.rmtree(copied.folder / "activations")
    verdict = efferents_segregated(copied, AUDIT)
    assert verdict.verdict == NOT_TESTABLE and "(`activations.tasks`)" in verdict.reason
    assert [m.met for m in verdict.measures if "rank" in m.name] == [True, True]
    shutil.rmtree(copied.folder / "efferents")
    verdict = efferents_segregated(copied, AUDIT)
    assert verdict.verdict == NOT_TESTABLE and "(`efferents.verb_pairs`)" in verdict.reason
    assert "(`efferents.verb_pairs`)" in others_unsegregated(copied, AUDIT).reason
    write_long_range(copied.folder, {})
    assert efferents_segregated(copied, AUDIT).reason == NONE_FOUND


def test_hidden_values_that_were_not_dumped_are_named(tmp_path):
    dumped_results(tmp_path, planted(), variables=["cell"])
    verdict = efferents_segregated(measure_efferents(tmp_path, planted()), AUDIT)
    assert verdict.verdict == NOT_TESTABLE
    assert "hidden was not dumped (`activations.variables`)" in verdict.reason


def test_redrawn_separabilities_are_those_of_redrawn_pairs(results):
    """`segregation` of each draw of verb pairs, one by one."""
    efferents = read_efferents(results, 5, 11)
    weights = results.frame("efferents/weights.parquet")
    n_pairs = len(weights) // LAYER_SIZES[1]
    times = seed_stream(11, "verb pairs").multinomial(n_pairs, np.full(n_pairs, 1 / n_pairs), 5)
    by_unit = weights.assign(pair=np.tile(np.arange(n_pairs), LAYER_SIZES[1]))
    for draw in range(5):
        pairs = np.repeat(np.arange(n_pairs), times[draw])
        again = pd.concat(rows.set_index("pair").loc[pairs] for _, rows in by_unit.groupby("unit"))
        known = segregation(again, 2)
        np.testing.assert_allclose(
            efferents.separability_draws[draw], known["separability"], rtol=1e-9
        )
        apart = known["mean_singular"] - known["mean_plural"]
        np.testing.assert_allclose(efferents.difference_draws[draw], apart, rtol=1e-9, atol=1e-12)
        unit = int(efferents.units[3])
        percentile = known["percentile"][3]
        assert efferents.percentile(unit)[1][draw] == pytest.approx(percentile)
        rank = (known["separability"] >= known["separability"][3]).sum()
        assert efferents.rank(unit)[1][draw] == rank


# C20, on planted weights of a layer of 200 units (201 to 400)

SEGREGATED, ARBITRARY, SYNTAX = 250, (301, 302), 303


def write_weights(folder, strong=(SEGREGATED,), n_units=200, n_pairs=18, seed=0) -> ResultFiles:
    rng = np.random.default_rng(seed)
    units = np.repeat(np.arange(201, 201 + n_units), n_pairs)
    weights = pd.DataFrame(
        {
            "unit": units,
            "singular": [f"verb{k}s" for k in range(n_pairs)] * n_units,
            "plural": [f"verb{k}" for k in range(n_pairs)] * n_units,
        }
    )
    # Units differ in how far they are apart; those of interest are among the least.
    apart = rng.uniform(0.1, 0.5, n_units)
    apart[[unit - 201 for unit in (*ARBITRARY, SYNTAX)]] = 0.0
    apart[[unit - 201 for unit in strong]] = 3.0
    for name, sign in (("singular", 1), ("plural", -1)):
        noise = rng.normal(0, 0.2, len(units))
        weights[f"weight_{name}"] = sign * np.repeat(apart, n_pairs) + noise
    for name, table in (("weights", weights), ("units", segregation(weights, 2))):
        path = folder / "efferents" / f"{name}.parquet"
        write_parquet(pa.Table.from_pandas(table, preserve_index=False), path, make_metadata())
    return ResultFiles(folder)


def write_shown(folder, units=ARBITRARY, top=(SYNTAX, 2)) -> None:
    shown = [{"unit": unit, "layer": 2, "role": "arbitrary", "found": False} for unit in units]
    shown.append({"unit": SEGREGATED, "layer": 2, "role": "nearest", "found": False})
    write_json({"units": shown}, folder / "units" / "shown.json", make_metadata())
    best = None if top is None else {"unit": top[0], "layer": top[1]}
    write_json({"units": [], "top": best}, folder / "units" / "syntax.json", make_metadata())


def test_arbitrary_and_syntax_units_that_are_not_segregated_hold(tmp_path):
    files = write_weights(tmp_path)
    write_shown(tmp_path)
    verdict = others_unsegregated(files, planted_audit())
    assert verdict.verdict == HOLDS
    known = files.frame("efferents/units.parquet").set_index("unit")["percentile"]
    for measure, unit in zip(verdict.measures, (*ARBITRARY, SYNTAX), strict=True):
        assert f"unit {unit}" in measure.name and f"unit {unit}" in verdict.measured
        assert measure.value == pytest.approx(known[unit])
        assert measure.low <= measure.value <= measure.high


@pytest.mark.parametrize("strong", [ARBITRARY[1], SYNTAX])
def test_one_segregated_unit_among_them_fails(tmp_path, strong):
    write_shown(tmp_path)
    verdict = others_unsegregated(write_weights(tmp_path, strong=(strong,)), planted_audit())
    assert verdict.verdict == FAILS
    assert f"unit {strong}" in verdict.reason and len(failing(verdict)) == 1
    lenient = planted_audit(unsegregated_percentile=100.5)
    verdict = others_unsegregated(ResultFiles(tmp_path), lenient)
    assert verdict.verdict == HOLDS and "below percentile 100.5" in verdict.criterion


@pytest.mark.parametrize(
    ("shown", "reason"),
    [
        ({"top": None}, "none was found"),
        ({"top": (7, 1)}, "a unit of layer 1 has no weights to words"),
        ({"units": ()}, "none was drawn (`shown_units.arbitrary`)"),
    ],
)
def test_units_that_are_not_there_leave_a_part_untested(tmp_path, shown, reason):
    files = write_weights(tmp_path)
    write_shown(tmp_path, **shown)
    verdict = others_unsegregated(files, planted_audit())
    assert verdict.verdict == NOT_TESTABLE and reason in verdict.reason
    assert "Met: " in verdict.reason
    (tmp_path / "units" / "syntax.json").unlink()
    assert "(`depth.run`)" in others_unsegregated(files, planted_audit()).reason
