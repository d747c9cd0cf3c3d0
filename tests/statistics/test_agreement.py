"""Accuracy tables: against brute force and statsmodels, streaming, and broken shards."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint
from support.simulated_results import NUMBER, intact_rows, write_results, write_shard

from lstm_units.errors import ConfigurationError, InterventionError, UserError
from lstm_units.io.results import Result
from lstm_units.statistics.agreement import (
    accuracy_table,
    intact_table,
    set_accuracy_table,
    unit_accuracy,
)
from lstm_units.statistics.intact_items import lay_out_items
from lstm_units.statistics.margins import Margins, open_margins, stream_margins
from lstm_units.statistics.significance import mcnemar_exact, q_values, wilson_interval


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return write_results(
        tmp_path_factory.mktemp("results"),
        frames=60,
        layer_sizes=(4, 6),
        planted={7: ({"PS"}, 2.5)},
        noise=1.0,
        shard_size=4,
    )


def table_of(results, **options) -> pd.DataFrame:
    return accuracy_table(
        results.margins, results.scores, results.layer_sizes, units=results.units, **options
    )


def scores(margin, items=None, condition=None) -> Result:
    """The intact model's scores of a task."""
    items = np.arange(len(margin)) if items is None else items
    condition = ["S"] * len(margin) if condition is None else condition
    return Result(intact_rows(items, condition, margin), source="the scores")


def one_shard(path, *blocks, key="unit", **metadata) -> Margins:
    return open_margins([write_shard(path, blocks, key, **metadata)], key)


def test_mcnemar_equals_statsmodels_on_every_small_table():
    lost, gained = np.meshgrid(np.arange(12), np.arange(12))
    expected = [
        mcnemar([[3, b], [c, 4]], exact=True).pvalue
        for b, c in zip(lost.ravel(), gained.ravel(), strict=True)
    ]
    expected[0] = 1.0  # statsmodels divides by no discordant pair
    np.testing.assert_allclose(mcnemar_exact(lost, gained).ravel(), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("correction", "name"), [("benjamini_hochberg", "fdr_bh"), ("benjamini_yekutieli", "fdr_by")]
)
def test_q_values_equal_statsmodels_over_the_whole_family(correction, name):
    p = np.random.default_rng(0).random((7, 5)) ** 3
    expected = multipletests(p.ravel(), method=name)[1].reshape(p.shape)
    np.testing.assert_allclose(q_values(p, correction), expected, rtol=1e-12)


def test_an_unknown_correction_is_named_with_the_choices():
    with pytest.raises(ConfigurationError, match=r"bonferroni.*benjamini_hochberg"):
        q_values([0.1], "bonferroni")


def test_wilson_interval_equals_the_formula():
    z, right, n = 1.959963984540054, 57, 60
    centre = (right / n + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(right * (n - right) / n**3 + z**2 / (4 * n**2))
    np.testing.assert_allclose(wilson_interval(right, n), [centre - half, centre + half])


def test_accuracy_table_equals_brute_force(results):
    table = table_of(results, near_tie=0.05)
    frames = pd.concat(pq.read_table(path).to_pandas() for path in results.shards)
    frames["task"] = frames["task"].astype(str)
    intact = {task: pq.read_table(path).to_pandas() for task, path in results.intact.items()}
    assert len(table) == 10 * 10
    p = []
    for row in table.itertuples():
        whole = intact[row.task]
        whole = whole[whole["condition"] == row.condition]
        ablated = frames[(frames["unit"] == row.unit) & (frames["task"] == row.task)]
        margin = ablated.set_index("item")["margin"].loc[whole["item"]].to_numpy()
        before, after = whole["right"].to_numpy(), margin > 0
        assert row.layer == (1 if row.unit <= 4 else 2)
        assert (row.n, row.right, row.full_right) == (len(whole), after.sum(), before.sum())
        assert row.accuracy == after.mean()
        assert row.full_accuracy == before.mean()
        assert row.drop == pytest.approx(before.mean() - after.mean(), abs=1e-12)
        assert row.relative_drop == pytest.approx(row.drop / row.full_accuracy, abs=1e-12)
        assert row.n_near_ties == (np.abs(margin) < 0.05).sum()
        low, high = proportion_confint(after.sum(), len(after), method="wilson")
        assert (row.ci_low, row.ci_high) == pytest.approx((low, high))
        b, c = (before & ~after).sum(), (after & ~before).sum()
        p.append(mcnemar([[0, b], [c, 0]], exact=True).pvalue if b + c else 1.0)
    np.testing.assert_allclose(table["p"], p, rtol=1e-12)
    np.testing.assert_allclose(table["q"], multipletests(p, method="fdr_bh")[1], rtol=1e-12)
    assert table["n_near_ties"].sum() > 0
    planted = table[(table["unit"] == 7) & (table["condition"] == "PS")]
    assert (planted["q"] < 0.05).all()


def test_accuracy_table_has_the_contract_columns_and_types(results):
    statistics = {"confidence": 0.9, "correction": "benjamini_yekutieli", "near_tie": 0.05}
    result = unit_accuracy(
        results.margins, results.scores, results.layer_sizes, units=results.units, **statistics
    )
    schema = result.content.schema
    assert schema.names == [
        *("unit", "layer", "task", "condition", "n", "right", "full_right", "accuracy"),
        *("full_accuracy", "drop", "relative_drop", "ci_low", "ci_high", "p", "q", "n_near_ties"),
    ]
    assert schema.field("unit").type == pa.int16()
    assert {schema.field(name).type for name in ("n", "right", "full_right")} == {pa.int32()}
    assert pa.types.is_dictionary(schema.field("task").type)
    assert pa.types.is_dictionary(schema.field("condition").type)
    assert result.frame["unit"].is_monotonic_increasing
    assert (result.metadata["kind"], result.config) == ("accuracy", statistics)


def test_neither_the_order_of_shards_nor_where_they_are_changes_anything(results):
    table = table_of(results)
    backwards = open_margins(results.shards[::-1])
    in_memory = Margins(tuple(pq.read_table(path) for path in results.shards))
    for margins in (backwards, in_memory):
        again = accuracy_table(margins, results.scores, results.layer_sizes, units=results.units)
        pd.testing.assert_frame_equal(table, again)


def test_streaming_holds_one_row_group_at_a_time(results, monkeypatch):
    read = []
    original = pq.ParquetFile.read_row_group

    def watched(self, i, columns=None, **kw):
        read.append((i, tuple(columns)))
        return original(self, i, columns=columns, **kw)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", watched)
    stream = stream_margins(results.margins, lay_out_items(results.scores))
    next(stream)
    assert {i for i, _ in read} == {0}
    assert sum(1 for _ in stream) == 10 * 2 - 1


def test_a_tie_is_wrong_and_a_near_tie_is_counted():
    row = intact_table({"t": scores([0.0, 5e-5, -5e-5, 1.0, -1.0])}).iloc[0]
    assert (row["n"], row["right"], row["accuracy"], row["n_near_ties"]) == (5, 2, 0.4, 3)


def test_a_tie_of_an_ablated_network_is_wrong(tmp_path):
    block = (1, {"t": (np.arange(3), np.array([0.0, 1, -1], np.float32))})
    margins = one_shard(tmp_path / "units_0001-0001.parquet", block)
    row = accuracy_table(margins, {"t": scores([1.0, 1, 1])}, (1,), units=[1]).iloc[0]
    assert row["accuracy"] == 1 / 3


def test_gaps_in_item_numbers_are_dropped_items(tmp_path):
    items = np.array([0, 3, 4, 9])
    block = (1, {"t": (items, np.array([1.0, -1, 1, 1], np.float32))})
    margins = one_shard(tmp_path / "units_0001-0001.parquet", block)
    row = accuracy_table(margins, {"t": scores([1.0, 1, -1, 1], items)}, (1,), units=[1]).iloc[0]
    assert (row["accuracy"], row["full_accuracy"], row["drop"], row["p"]) == (0.75, 0.75, 0, 1)


def test_relative_drop_is_missing_where_the_intact_model_is_never_right(tmp_path):
    block = (1, {"t": (np.arange(2), np.array([1.0, -1], np.float32))})
    margins = one_shard(tmp_path / "units_0001-0001.parquet", block)
    row = accuracy_table(margins, {"t": scores([-1.0, -1])}, (1,), units=[1]).iloc[0]
    assert row["drop"] == -0.5
    assert np.isnan(row["relative_drop"])


TWO_TASKS = {"a": scores(np.ones(3)), "b": scores(np.ones(3))}


def rows(n=3, value=1.0, start=0):
    return np.arange(start, start + n), np.full(n, value, np.float32)


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ([(1, {"a": rows(), "b": rows()})], r"unit 2 is missing for the task a"),
        ([(1, {"a": rows(), "b": rows()}), (2, {"a": rows()})], r"unit 2 is missing for .* b"),
        ([(1, {"a": rows(2), "b": rows()})], r"unit 1 on a holds 2 rows .*\(1 missing, 0 unk"),
        ([(1, {"a": rows(3, start=1), "b": rows()})], r"1 missing, 1 unknown"),
        ([(1, {"a": rows(), "b": rows(value=np.nan)})], r"unit 1 has a margin that is not a num"),
        ([(1, {"a": rows(), "c": rows()})], r"holds the task 'c'"),
        ([(5, {"a": rows(), "b": rows()})], r"unit 5, outside the range of its name"),
        ([(1, {"a": rows(), "b": rows()})] * 2, r"unit 1 .*more than one shard"),
    ],
)
def test_a_wrong_shard_is_named_with_what_to_do(tmp_path, blocks, message):
    margins = one_shard(tmp_path / "units_0001-0002.parquet", *blocks)
    with pytest.raises(UserError, match=message) as caught:
        accuracy_table(margins, TWO_TASKS, (2,), units=[1, 2])
    assert "run the workflow again" in str(caught.value)


def test_a_truncated_shard_is_named(tmp_path):
    path = tmp_path / "units_0001-0002.parquet"
    margins = one_shard(path, (1, {"a": rows(), "b": rows()}))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match=r"units_0001-0002.parquet: it cannot be read"):
        accuracy_table(margins, TWO_TASKS, (2,), units=[1, 2])


@pytest.mark.parametrize(
    ("one", "other", "message"),
    [
        ({"checkpoint_sha256": "x"}, {"checkpoint_sha256": "y"}, "another checkpoint"),
        ({"stimuli_sha256": "x"}, {"stimuli_sha256": "y"}, "another version of the stimuli"),
        ({"config": {"mode": "zero"}}, {"config": {"mode": "mean"}}, "another ablation mode"),
    ],
)
def test_shards_that_do_not_belong_together_are_refused_by_name(tmp_path, one, other, message):
    paths = [
        write_shard(tmp_path / name, [], **made)
        for name, made in (("units_0001-0002.parquet", one), ("units_0003-0004.parquet", other))
    ]
    expected = rf"units_0003-0004.*{message}.*units_0001-0002.*Delete"
    with pytest.raises(UserError, match=expected):
        open_margins(paths)
    # Groups of tasks, each in a folder of its own, have stimuli of their own.
    paths[1] = write_shard(tmp_path / "group" / "units_0001-0002.parquet", [], **other)
    if "stimuli_sha256" in one:
        assert open_margins(paths).metadata["stimuli_sha256"] == ["x", "y"]


def test_a_unit_outside_the_model_is_refused(tmp_path):
    blocks = [(unit, {"a": rows(), "b": rows()}) for unit in (1, 2)]
    margins = one_shard(tmp_path / "units_0001-0002.parquet", *blocks)
    with pytest.raises(InterventionError, match="unit 2 does not exist"):
        accuracy_table(margins, TWO_TASKS, (1,), units=[1, 2])


def test_sets_of_units_are_scored_like_units(tmp_path):
    intact = {"t": scores([1.0, 1, 1, 1, -1, 1], condition=list("SSSPPP"))}
    ablated = {0: [1, 1, -1, -1, -1, 1], 1: [1, 1, 1, 1, 1, 1]}
    blocks = [(s, {"t": (np.arange(6), np.array(m, np.float32))}) for s, m in ablated.items()]
    margins = one_shard(tmp_path / "pairs_0000-0001.parquet", *blocks, key="set")
    sets = Result(pa.table({"set": [0, 1, 1], "unit": pa.array([776, 3, 9], pa.int16())}))
    table = set_accuracy_table(margins, intact, sets).set_index(["set", "condition"])
    assert table["right"].tolist() == [2, 1, 3, 3]
    assert table["full_right"].tolist() == [3, 2] * 2
    np.testing.assert_allclose(table["accuracy"], [2 / 3, 1 / 3, 1, 1])
    np.testing.assert_allclose(table["drop"], [1 / 3, 1 / 3, 0, -1 / 3])
    assert table.loc[(0, "S"), "unit"] == 776
    assert pd.isna(table.loc[(1, "S"), "unit"])
    assert table.loc[(1, "S"), "n_units"] == 2


def test_a_set_without_results_is_named(tmp_path):
    margins = one_shard(tmp_path / "pairs_0000-0001.parquet", (0, {"t": rows()}), key="set")
    sets = Result(pa.table({"set": [0, 1], "unit": [1, 2]}))
    with pytest.raises(UserError, match="set 1 is missing"):
        set_accuracy_table(margins, {"t": scores(np.ones(3))}, sets)


@pytest.mark.golden
def test_published_log_probabilities_give_the_published_accuracy(published_data):
    """The intact Gulordava model on 4,000 nounPP items: SS .989 SP .867 PS .930 PP .987."""
    table = pd.read_csv(published_data / "nounpp_gulordava_logprobs.tsv", sep="\t")
    short = {number: letter for letter, number in NUMBER.items()}
    condition = table["subject_number"].map(short) + table["attractor_number"].map(short)
    margin = (table["logp_correct"] - table["logp_wrong"]).to_numpy()
    found = intact_table({"nounpp": scores(margin, condition=condition.tolist())})
    found = found.set_index("condition")
    assert found["n"].sum() == 4000
    expected = {"SS": 0.989, "SP": 0.867, "PS": 0.930, "PP": 0.987}
    for name, value in expected.items():
        assert found.loc[name, "accuracy"] == pytest.approx(value, abs=0.0005)
