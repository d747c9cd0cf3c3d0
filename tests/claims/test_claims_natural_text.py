"""The claim on natural text (C19), on planted tables and on margins that the library writes."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from support.made_files import write_set_shard
from support.number_network import LONG_RANGE, number_network
from support.planted_results import (
    COMPUTE,
    CONTEXT,
    ENGLISH,
    measure,
    planted_audit,
    planted_results,
    write_answers,
)

from lstm_units.analyses.long_range_units.unit_lists import single_unit_sets
from lstm_units.claims.ablation import one_matters_on_natural_text
from lstm_units.errors import UserError
from lstm_units.interventions.model_inputs import Context
from lstm_units.io.files import make_metadata, write_json, write_parquet
from lstm_units.io.result_files import ResultFiles
from lstm_units.io.results import read_result, write_result
from lstm_units.io.verdict import FAILS, HOLDS, NOT_TESTABLE


def natural(
    folder: Path, drops: dict[int, float], n: int = 400, full: float = 0.9, doubtful=()
) -> ResultFiles:
    """Results on a swept Linzen set of two conditions, with the relative drop of each unit."""
    criteria = planted_audit().criteria
    names = ("minimum_loss", "maximum_q", "relative_drop", "minimum_intact", "maximum_units")
    known = {name: getattr(criteria, name) for name in names}
    entries = [{"unit": unit, "layer": 2, "confirmed": unit not in doubtful} for unit in drops]
    found = {"units": entries, "criteria": {**known, "mode": "zero"}}
    write_json(found, folder / "units" / "long_range.json", make_metadata())
    rows = [
        {
            "unit": unit,
            "layer": 2,
            "task": "linzen",
            "condition": condition,
            "n": size,
            "right": round(size * full * (1 - drop)),
            "full_right": round(size * full),
            "accuracy": full * (1 - drop),
            "full_accuracy": full,
            "relative_drop": drop,
            "ci_low": 0.0,
            "ci_high": 1.0,
            "q": 0.01,
        }
        for unit, drop in {**drops, 1: 0.5}.items()
        for condition, size in (("0", n // 2), ("1", n // 2))
    ]
    path = folder / "ablation" / "zero" / "accuracy.parquet"
    table = pa.Table.from_pandas(pd.DataFrame(rows), preserve_index=False)
    write_parquet(table, path, make_metadata())
    return ResultFiles(folder)


@pytest.mark.parametrize(
    ("drops", "expected"),
    [
        ({3: 0.2, 8: 0.05}, HOLDS),
        ({3: 0.2, 8: 0.15}, FAILS),
        ({3: 0.05, 8: 0.0}, FAILS),
        ({3: 0.2}, NOT_TESTABLE),
        ({}, NOT_TESTABLE),
        ({3: 0.2, 8: 0.0, 9: 0.05}, HOLDS),
    ],
)
def test_exactly_one_unit_matters_on_natural_text(tmp_path, drops, expected):
    verdict = one_matters_on_natural_text(
        natural(tmp_path, drops), planted_audit({"linzen": "linzen"})
    )
    assert verdict.verdict == expected
    if len(drops) > 1:
        assert measure(verdict, "unit 3, Linzen: relative drop").value == pytest.approx(drops[3])


def test_units_that_are_not_confirmed_are_not_compared(tmp_path):
    audit = planted_audit({"linzen": "linzen"})
    drops = {3: 0.2, 8: 0.15, 9: 0.05}
    assert one_matters_on_natural_text(natural(tmp_path, drops), audit).verdict == FAILS
    files = natural(tmp_path, drops, doubtful=[8])
    assert one_matters_on_natural_text(files, audit).verdict == HOLDS
    verdict = one_matters_on_natural_text(natural(tmp_path, drops, doubtful=[8, 9]), audit)
    assert verdict.verdict == NOT_TESTABLE
    assert verdict.reason.endswith("3 were found, 1 of them confirmed")


def test_a_linzen_set_that_was_not_swept_is_read_from_the_sets(tmp_path):
    """The same answers as margins of sets give the same drop, with a paired interval."""
    files = natural(tmp_path, {8: 0.0, 3: 0.0})
    (tmp_path / "ablation" / "zero" / "accuracy.parquet").unlink()
    n = 300
    right = np.arange(n) < 270
    write_answers(files, "linzen", {"0": right[:200], "1": right[200:]})
    found = read_result(tmp_path / "units" / "long_range.json")
    write_result(single_unit_sets(found), tmp_path / "controls/sets/long_range.parquet")
    margins = {1: np.where(right, 1.0, -1.0), 2: np.where(np.arange(n) < 216, 1.0, -1.0)}
    rows = [
        {"set": number, "task": task, "item": item, "margin": margin}
        for number, values in margins.items()
        for task, sign in (("linzen", 1), ("other", -1))
        for item, margin in enumerate(sign * values)
    ]
    folder = tmp_path / "ablation_sets" / "zero" / "natural"
    write_parquet(
        pa.Table.from_pandas(pd.DataFrame(rows), preserve_index=False),
        folder / "long_range_0001-1000.parquet",
        make_metadata(),
    )
    audit = planted_audit({"linzen": "linzen"})
    verdict = one_matters_on_natural_text(files, audit)
    assert verdict.verdict == HOLDS
    assert measure(verdict, "unit 8, Linzen: relative drop").value == 0
    found = measure(verdict, "unit 3, Linzen: relative drop")
    assert found.value == pytest.approx(0.2)
    # The share of 54 lost items among 270, each independent.
    assert found.high - found.low == pytest.approx(2 * 1.96 * np.sqrt(0.2 * 0.8 / 270), rel=0.15)
    assert "ablation_sets/zero/natural/long_range_0001-1000.parquet" in verdict.data
    write_answers(files, "linzen", {"0": right[:200]})
    with pytest.raises(UserError, match="does not hold the items"):
        one_matters_on_natural_text(files, audit)
    (folder / "long_range_0001-1000.parquet").unlink()
    verdict = one_matters_on_natural_text(files, audit)
    assert verdict.verdict == NOT_TESTABLE
    assert verdict.reason.startswith("no ablation of 8 and 3 on Linzen")


def test_a_set_shard_of_the_workflow_is_read(tmp_path):
    """An attractor task stands in for natural text; each unit loses one of its four conditions."""
    network = number_network(ENGLISH, CONTEXT)
    tasks = {"nounpp": 80, "nounpp_adv": 80}
    files = planted_results(tmp_path, network, tasks=tasks, modes=["zero"])
    (tmp_path / "ablation" / "zero" / "accuracy.parquet").unlink()
    sets = tmp_path / "controls" / "sets" / "long_range.parquet"
    write_result(single_unit_sets(read_result(tmp_path / "units" / "long_range.json")), sets)
    write_set_shard(
        tmp_path / "checkpoint",
        {"nounpp": tmp_path / "stimuli" / "nounpp.parquet"},
        sets,
        range(1, 1001),
        Context(str(CONTEXT)),
        "zero",
        COMPUTE,
        tmp_path / "ablation_sets" / "zero" / "noun" / "long_range_0001-1000.parquet",
    )
    verdict = one_matters_on_natural_text(files, planted_audit({"nounpp": "linzen"}))
    assert verdict.verdict == FAILS
    for unit in LONG_RANGE:
        assert measure(verdict, f"unit {unit}, nounPP: relative drop").value == 0.25
    assert "2 of 2 units matter" in verdict.reason
