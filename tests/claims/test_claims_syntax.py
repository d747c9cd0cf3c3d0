"""C13 and C14 on planted coefficients, time courses and random-set tests in the real schema."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from lstm_units.analyses.controls.set_tests import TESTS_SCHEMA, holm_over
from lstm_units.analyses.syntax_units.dependency_span import span_scores
from lstm_units.analyses.syntax_units.syntax_units import find_syntax_units
from lstm_units.claims.criteria import Audit, ClaimCriteria
from lstm_units.claims.syntax import least_folded_auc, spans_dependency, syntax_carries
from lstm_units.io.files import make_metadata, write_parquet
from lstm_units.io.result_files import ResultFiles
from lstm_units.io.results import Result, write_result
from lstm_units.io.verdict import FAILS, HOLDS, NOT_TESTABLE

STRUCTURES = ("adv_conjunction", "nounpp", "subject_relative", "double_subject_relative")
TASKS = {name: name for name in (*STRUCTURES, "nounpp_adv")}
LABELS = {"nounpp": "nounPP", "nounpp_adv": "nounPPAdv", "natural": "Linzen"}
AUDIT = Audit(ClaimCriteria(), TASKS, LABELS)
UNITS, FOLDS = 120, 5
PLANTED = {20: 7.0, 50: -8.0, 110: 6.0}
SPANNING, COUNTING = 50, 110
# AUC, before, after in every structure; the cell of the spanning unit is smaller inside.
AUCS = {SPANNING: (0.04, 0.1, 0.03), COUNTING: (0.93, 0.2, 0.99)}
FEW, MANY = [0] * 90 + [2] * 10, [0] * 90 + [4] * 10
INCONGRUENT = [("nounpp", "SP"), ("nounpp", "PS"), ("nounpp_adv", "SP"), ("nounpp_adv", "PS")]


def syntax_json(
    folder,
    planted=None,
    aucs=None,
    *,
    permuted=FEW,
    structures=STRUCTURES,
    long_range=(),
    layers=(1, 2),
    flipped=(),
):
    """Write ``units/syntax.json`` of a model with planted units; `flipped` are of negated sign."""
    rng = np.random.default_rng(3)
    values = np.tile(rng.normal(0, 1, UNITS).clip(-2, 2), (FOLDS, 1))
    for unit, coefficient in (PLANTED if planted is None else planted).items():
        values[:, unit - 1] = coefficient
    spans = rng.uniform(0.4, 0.6, (UNITS, len(structures), 3))
    for unit, three in (AUCS if aucs is None else aucs).items():
        spans[unit - 1] = three
    for unit in flipped:
        values[:, unit - 1] *= -1
        spans[unit - 1] = 1 - spans[unit - 1]
    fold, unit = np.indices(values.shape) + 1
    layer = np.where(np.arange(1, UNITS + 1) <= 60, 1, 2)
    coefficients = pd.DataFrame(
        {
            "unit": unit.ravel(),
            "layer": np.tile(layer, FOLDS),
            "fold": fold.ravel(),
            "coefficient": values.ravel(),
        }
    )
    tables = [
        pd.DataFrame(spans[:, place], columns=["auc", "auc_before", "auc_after"]).assign(
            unit=np.arange(1, UNITS + 1), layer=layer, task=task
        )
        for place, task in enumerate(structures)
    ]
    span = span_scores(tables)
    criteria = {"threshold": 3.0, "minimum_folds": 4, "deviations_from": "zero"}
    found = find_syntax_units(
        Result(pa.Table.from_pandas(coefficients)),
        Result(pa.table({"n_stable": permuted}), {"config": criteria}),
        Result(
            pa.Table.from_pandas(span[span["layer"].isin(layers)], preserve_index=False),
            {"config": {"verb": "neither"}},
        ),
        Result({"units": [{"unit": unit} for unit in long_range]}),
        minimum_auc=0.9,
    )
    write_result(found, folder / "units" / "syntax.json")
    return found.content


def control_parquet(folder, p, *, untestable=(), tested=(20, 50, 110), config=None):
    """Write ``controls/tests/syntax.parquet`` with these p values (by task and condition)."""
    cells = [(task, c) for task in dict.fromkeys(t for t, _ in p) for c in ("SS", "SP", "PS", "PP")]
    cells = [cell for cell in cells if cell in p or cell[1] in ("SS", "PP")]
    cells += [cell for cell in p if cell[1] == "all"]
    rows = []
    for task, condition in cells:
        low = 0.53 if (task, condition) in untestable else 0.85
        row = dict.fromkeys(TESTS_SCHEMA.names, 0)
        row |= {"family": "syntax", "task": task, "condition": condition}
        row |= {"n": 600, "n_units": 3, "n_sets": 1000, "full_accuracy": low + 0.03}
        row |= {"full_ci_low": low, "observed": low - 0.1, "null_mean": low}
        row |= {"difference_to_full": -0.13, "difference_to_full_ci_low": -0.16}
        row |= {"difference_to_full_ci_high": -0.1, "p": p.get((task, condition), 0.001)}
        row["testable"] = low > 0.55
        row["adjusted"] = row["testable"] and condition not in ("SS", "PP")
        rows.append(row)
    table = pd.DataFrame(rows, columns=TESTS_SCHEMA.names)
    if rows:
        table["p_holm"] = holm_over(table["p"].to_numpy(float), table["adjusted"].to_numpy(bool))
        arrow = pa.Table.from_pandas(table, schema=TESTS_SCHEMA, preserve_index=False)
    else:
        arrow = TESTS_SCHEMA.empty_table()
    metadata = make_metadata(
        config=config or {"minimum_intact": 0.55, "confidence": 0.95},
        tested=list(tested),
        excluded=[],
        reason=None if rows else "no syntax unit was found",
    )
    path = folder / "controls" / "tests" / "syntax.parquet"
    write_parquet(arrow.replace_schema_metadata(), path, metadata)


def carries(folder, p, *, audit=AUDIT, untestable=(), **syntax):
    syntax_json(folder, **syntax)
    control_parquet(folder, dict(zip(INCONGRUENT, p, strict=True)), untestable=untestable)
    return syntax_carries(ResultFiles(folder), audit)


# C13


def test_more_units_than_by_chance_whose_ablation_costs_agreement_hold(tmp_path):
    found = carries(tmp_path, [0.001, 0.01, 0.5, 0.6])
    assert found.verdict == HOLDS
    assert found.measures[0].value == 3
    assert found.measures[0].expected == "> 2*"
    p = {m.name: m.value for m in found.measures if m.name.endswith(", p")}
    assert list(p) == ["nounPP SP, p", "nounPP PS, p", "nounPPAdv SP, p", "nounPPAdv PS, p"]
    # Holm over four rows: congruent ones, with a smaller p, are not among them.
    assert p["nounPP SP, p"] == pytest.approx(0.004)
    assert p["nounPP PS, p"] == pytest.approx(0.03)
    intervals = [m for m in found.measures if m.low is not None]
    assert len(intervals) == 4
    assert "3 syntax units" in found.measured
    assert "2 of 4 testable conditions" in found.measured


def test_no_more_units_than_by_chance_fail_whatever_the_ablation_says(tmp_path):
    found = carries(tmp_path, [0.001] * 4, permuted=MANY)
    assert found.verdict == FAILS
    assert "> 4 are needed" in found.reason


def test_as_many_units_as_the_percentile_are_not_more(tmp_path):
    assert carries(tmp_path, [0.001] * 4, permuted=[0] * 90 + [3] * 10).verdict == FAILS


def test_an_ablation_like_that_of_random_sets_fails(tmp_path):
    found = carries(tmp_path, [0.001, 0.04, 0.5, 0.6])  # 0.04 is 0.12 after Holm
    assert found.verdict == FAILS
    assert "in 1 of 4 testable conditions, 2 are needed" in found.reason
    one = replace(AUDIT, criteria=ClaimCriteria(syntax_conditions=1, syntax_p=0.01))
    found = carries(tmp_path, [0.001, 0.04, 0.5, 0.6], audit=one)
    assert found.verdict == HOLDS
    assert "p < 0.01 in at least 1" in found.criterion


def test_it_fails_only_if_enough_conditions_could_be_tested(tmp_path):
    found = carries(tmp_path, [0.001] * 4, untestable=INCONGRUENT[1:])
    assert found.verdict == NOT_TESTABLE
    assert "2 conditions are needed, and only 1 can be tested (1 with p < 0.05)" in found.reason
    assert "there are more outlying units than by chance" in found.reason
    assert [m.met for m in found.measures[1:5]] == [True, None, None, None]
    assert "lower bound of 0.530" in found.measures[2].note
    found = carries(tmp_path, [0.9] * 4, untestable=INCONGRUENT[2:])
    assert found.verdict == FAILS
    assert carries(tmp_path, [0.001] * 4, untestable=INCONGRUENT[2:]).verdict == HOLDS


def test_natural_text_counts_where_it_is_given(tmp_path):
    syntax_json(tmp_path)
    p = dict(zip(INCONGRUENT, [0.001, 0.9, 0.9, 0.9], strict=True))
    control_parquet(tmp_path, p)
    natural = replace(AUDIT, tasks={**TASKS, "natural": "linzen"})
    assert syntax_carries(ResultFiles(tmp_path), natural).verdict == FAILS
    control_parquet(tmp_path, {**p, ("natural", "all"): 0.001})
    found = syntax_carries(ResultFiles(tmp_path), natural)
    assert found.verdict == HOLDS
    assert "Linzen, p" in [m.name for m in found.measures]


def test_roles_not_names_say_which_tasks_count(tmp_path):
    syntax_json(tmp_path)
    control_parquet(tmp_path, {("mine", "SP"): 0.001, ("mine", "PS"): 0.001})
    mine = replace(AUDIT, tasks={"mine": "nounpp"})
    assert syntax_carries(ResultFiles(tmp_path), mine).verdict == HOLDS
    found = syntax_carries(ResultFiles(tmp_path), replace(AUDIT, tasks={"mine": "other"}))
    assert found.verdict == NOT_TESTABLE
    assert all("controls.tasks.syntax" in m.note for m in found.measures[1:5])


def test_without_syntax_units_there_are_none_more_than_by_chance(tmp_path):
    syntax_json(tmp_path, planted={})
    control_parquet(tmp_path, {}, tested=())
    found = syntax_carries(ResultFiles(tmp_path), AUDIT)
    assert found.verdict == FAILS
    assert "no syntax unit was found" in found.reason
    assert "0 syntax units" in found.measured


def test_what_was_not_run_is_named(tmp_path):
    syntax_json(tmp_path)
    found = syntax_carries(ResultFiles(tmp_path), AUDIT)
    assert found.verdict == NOT_TESTABLE
    assert "`controls.run`" in found.reason
    assert found.data == ("units/syntax.json",)
    control_parquet(tmp_path, dict.fromkeys(INCONGRUENT, 0.001))
    syntax_json(tmp_path, permuted=[])
    found = syntax_carries(ResultFiles(tmp_path), AUDIT)
    assert found.verdict == NOT_TESTABLE
    assert "`depth.permutations`" in found.reason


def test_the_criterion_says_how_the_tests_were_made(tmp_path):
    syntax_json(tmp_path)
    p = dict.fromkeys(INCONGRUENT, 0.001)
    control_parquet(tmp_path, p)
    found = syntax_carries(ResultFiles(tmp_path), AUDIT)
    assert "random sets with as many units of each layer, Holm" in found.criterion
    control_parquet(tmp_path, p, config={"minimum_intact": 0.6, "match": "all"})
    found = syntax_carries(ResultFiles(tmp_path), AUDIT)
    assert "random sets with as many units, Holm" in found.criterion
    assert found.criterion.endswith("a lower bound > 0.6")


# C14


def spans(folder, audit=AUDIT, **syntax):
    syntax_json(folder, **syntax)
    return spans_dependency(ResultFiles(folder), audit)


def test_a_unit_that_spans_every_structure_holds(tmp_path):
    found = spans(tmp_path)
    assert found.verdict == HOLDS
    assert found.measured == "unit 50 (layer 1): least AUC 0.960 (score 0.90)"
    values = {m.name: m.value for m in found.measures}
    assert values["unit 50 (layer 1), least AUC"] == pytest.approx(0.96)
    assert values["unit 110 (layer 2), score"] == pytest.approx(0.2)


def test_a_unit_that_fails_in_one_structure_or_changes_its_sign_fails(tmp_path):
    weak = [(0.95, 0.95, 0.95)] * 3 + [(0.8, 0.9, 0.9)]
    found = spans(tmp_path, aucs={SPANNING: weak})
    assert found.verdict == FAILS
    assert "unit 50 (layer 1): least AUC 0.800" in found.measured
    turned = [(0.95, 0.95, 0.95)] * 2 + [(0.05, 0.05, 0.05)] * 2
    assert spans(tmp_path, aucs={SPANNING: turned}).verdict == FAILS
    lower = replace(AUDIT, criteria=ClaimCriteria(spanning_auc=0.8))
    found = spans(tmp_path, lower, aucs={SPANNING: weak})
    assert found.verdict == HOLDS
    assert ">= 0.8*" in found.criterion


def test_a_cell_that_counts_words_is_said_to_do_so(tmp_path):
    found = spans(tmp_path, aucs={COUNTING: AUCS[COUNTING]})
    assert found.verdict == HOLDS  # by the letter
    assert "(score 0.20); so low a score is that of a cell that counts words" in found.measured
    assert "counts words" not in spans(tmp_path).measured


@pytest.mark.parametrize("unit", [SPANNING, COUNTING, 20, 5])
def test_neither_verdict_depends_on_the_sign_of_a_unit(tmp_path, unit):
    p = dict(zip(INCONGRUENT, [0.001, 0.01, 0.5, 0.6], strict=True))
    found = []
    for name, flipped in (("as it is", ()), ("flipped", (unit,))):
        syntax_json(tmp_path / name, flipped=flipped)
        control_parquet(tmp_path / name, p)
        files = ResultFiles(tmp_path / name)
        found.append(
            [claim(files, AUDIT).to_json() for claim in (syntax_carries, spans_dependency)]
        )
    assert found[0] == found[1]


def test_only_syntax_units_that_are_no_long_range_units_count(tmp_path):
    found = spans(tmp_path, planted={20: 7.0}, aucs=AUCS)  # unit 50 spans, but is no outlier
    assert found.verdict == FAILS
    found = spans(tmp_path, long_range=[SPANNING], aucs={SPANNING: AUCS[SPANNING]})
    assert found.verdict == FAILS
    assert any("long-range unit, which does not count" in (m.note or "") for m in found.measures)
    found = spans(tmp_path, planted={})
    assert found.verdict == FAILS
    assert found.measured == "no syntax unit"


def test_structures_of_the_claim_that_are_missing_leave_it_open(tmp_path):
    found = spans(tmp_path, structures=STRUCTURES[:2])
    assert found.verdict == NOT_TESTABLE
    assert "subject relative, double subject relative are not among" in found.reason
    assert "unit 50 (layer 1): least AUC 0.960" in found.reason
    # What fails in some fails in all.
    assert spans(tmp_path, structures=STRUCTURES[:2], aucs={}).verdict == FAILS
    found = spans(tmp_path, replace(AUDIT, tasks={}), structures=("mine",))
    assert found.verdict == NOT_TESTABLE


def test_other_structures_do_not_count(tmp_path):
    aucs = {SPANNING: [AUCS[SPANNING]] * 4 + [(0.5, 0.5, 0.5)]}
    found = spans(tmp_path, structures=(*STRUCTURES, "object_relative"), aucs=aucs)
    assert found.verdict == HOLDS
    assert "does not count: object_relative" in found.measures[0].note
    assert syntax_json(tmp_path, structures=(*STRUCTURES, "x"), aucs=aucs)["top"]["spans"] is False


def test_units_without_a_dump_of_their_cells_leave_it_open(tmp_path):
    found = spans(tmp_path, layers=(2,), aucs={SPANNING: AUCS[SPANNING]})
    assert found.verdict == NOT_TESTABLE
    assert "`activations.layers`" in found.reason
    assert spans(tmp_path, layers=(1,)).verdict == HOLDS


def test_the_least_auc_equals_that_of_the_search(tmp_path):
    rng = np.random.default_rng(5)
    aucs = {unit: rng.uniform(0, 1, (4, 3)) for unit in PLANTED}
    for entry in syntax_json(tmp_path, aucs=aucs)["units"]:
        assert least_folded_auc(entry["auc"], STRUCTURES) == pytest.approx(entry["least_auc"])
    assert least_folded_auc({}, ()) is None
