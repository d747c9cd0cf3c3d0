"""The regression of depth from end to end, on a network whose depth units are known."""

import logging
import shutil

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.depth_network import (
    CLOSINGS,
    CONTEXT,
    LAYER_SIZES,
    LEFT,
    depth_network,
    write_depth_corpus,
)
from support.number_network import flip_sign, save_checkpoint

from lstm_units.activations.reader import open_activations
from lstm_units.analyses.depth.outliers import outliers
from lstm_units.analyses.depth.regression import Procedure, alpha_grid
from lstm_units.analyses.depth.regressors import (
    activity_regressors,
    embedding_regressors,
    frequency,
    position_regressors,
    word_regressors,
)
from lstm_units.analyses.depth.write_activations import write_depth_activations
from lstm_units.analyses.depth.write_baselines import write_baseline_regression
from lstm_units.analyses.depth.write_permuted_outliers import write_permuted_outliers
from lstm_units.analyses.depth.write_regression import write_unit_regression
from lstm_units.analyses.depth.write_scores import write_depth_scores
from lstm_units.depth_corpus.sample import read_depth_sample
from lstm_units.errors import ConfigurationError, UserError
from lstm_units.interventions.model_inputs import Compute, Context
from lstm_units.io.files import make_metadata, read_metadata, write_parquet
from lstm_units.models.cell import lstm_step_ref

PROCEDURE = Procedure(alphas=alpha_grid(1e-5, 1e5, 11), seed=2)
PERMUTATIONS = 100
BASELINES = (
    "position_frequency",
    "words",
    "embeddings",
    "layer_1",
    "layer_2",
    "untrained_1",
)
PREDICTION_TYPES = {
    "sentence": pa.int32(),
    "position": pa.int16(),
    "open_nodes": pa.int16(),
    "fold": pa.int16(),
    "predicted": pa.float64(),
    "predicted_covariate_removed": pa.float64(),
    "predicted_covariate_absent": pa.float64(),
}


class Run:
    """The files of one model in a folder of its own."""

    def __init__(self, folder, model):
        self.folder = folder
        folder.mkdir()
        self.sentences, self.positions, self.counts = write_depth_corpus(folder)
        (folder / "context.txt").write_text(CONTEXT)
        self.checkpoint = save_checkpoint(model, folder / "model")
        self.activations()

    def activations(self, name="activations", seed=None, maximum_unknown=0.01):
        write_depth_activations(
            self.checkpoint,
            self.sentences,
            self.positions,
            Context(self.folder / "context.txt"),
            Compute(device="cpu"),
            "hidden",
            "all",
            maximum_unknown,
            self.folder / name,
            seed,
        )

    def units(self, dump="activations", permutations=0, procedure=PROCEDURE, name=""):
        outputs = {
            "predictions": self.folder / f"predictions/{name or 'units'}.parquet",
            "coefficients": self.folder / f"coefficients{name}.parquet",
            "permuted": self.folder / f"permuted_coefficients{name}.parquet",
        }
        write_unit_regression(
            self.folder / dump,
            self.positions,
            self.sentences,
            self.counts,
            procedure=procedure,
            permutations=permutations,
            **outputs,
        )
        counted = self.folder / f"permutations{name}.parquet"
        write_permuted_outliers(outputs["permuted"], 3.0, 4, "zero", counted)
        return {**outputs, "counted": counted}

    def baseline(self, name, dump=None, procedure=PROCEDURE):
        output = self.folder / f"predictions/{name}.parquet"
        write_baseline_regression(
            name,
            self.positions,
            self.sentences,
            self.counts,
            procedure=procedure,
            output=output,
            dump=self.folder / (dump or "activations"),
            checkpoint=self.checkpoint,
        )
        return output


def r2(path, column="predicted"):
    table = pd.read_parquet(path)
    depth = table["open_nodes"]
    return 1 - ((depth - table[column]) ** 2).sum() / ((depth - depth.mean()) ** 2).sum()


def found_units(path):
    table = pd.read_parquet(path).pivot(index="fold", columns="unit", values="coefficient")
    found = outliers(table.to_numpy())
    return table.columns[found.beyond].tolist(), table.columns[found.stable(4)].tolist()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    run = Run(tmp_path_factory.mktemp("depth") / "planted", depth_network())
    run.activations("untrained", seed=1)
    run.outputs = run.units(permutations=PERMUTATIONS)
    for name in BASELINES:
        run.baseline(name, "untrained" if name.startswith("untrained") else None)
    return run


def test_the_planted_units_hold_depth_between_them(run):
    dump = open_activations(run.folder / "activations")
    table = pd.read_parquet(run.positions)
    values = dump.read("hidden", units=[CLOSINGS, LEFT], items=np.unique(table["sentence"]))
    total = values[table["sentence"], table["position"]].sum(axis=1)
    assert np.corrcoef(total, table["open_nodes"])[0, 1] > 0.999


def test_depth_is_read_from_exactly_the_planted_units(run):
    assert r2(run.outputs["predictions"]) > 0.999
    beyond, stable = found_units(run.outputs["coefficients"])
    assert beyond == stable == [CLOSINGS, LEFT]


def test_permuted_depth_gives_fewer_stable_outliers(run):
    table = pd.read_parquet(run.outputs["counted"])
    assert table["permutation"].tolist() == list(range(1, PERMUTATIONS + 1))
    assert (table["n_stable"] <= table["n_outliers"]).all()
    assert table["n_outliers"].max() > 0, "a null without outliers would show nothing"
    assert np.quantile(table["n_stable"], 0.99) < 2
    assert table["r2"].max() < 0.1


def test_flipping_signs_of_units_changes_neither_outliers_nor_r2(run, tmp_path):
    model = depth_network()
    flipped = (CLOSINGS, LEFT, 3, 17, LAYER_SIZES[0] + 1, LAYER_SIZES[0] + 50)
    for unit in flipped:
        model = flip_sign(model, unit)
    other = Run(tmp_path / "flipped", model)
    outputs = other.units(permutations=20)
    assert found_units(outputs["coefficients"]) == found_units(run.outputs["coefficients"])
    for column in PREDICTION_TYPES:
        before, after = (pd.read_parquet(o["predictions"])[column] for o in (run.outputs, outputs))
        np.testing.assert_allclose(after, before, rtol=1e-4)
    before, after = (pd.read_parquet(o["coefficients"]) for o in (run.outputs, outputs))
    sign = np.where(after["unit"].isin(flipped), -1, 1)
    np.testing.assert_allclose(
        after["coefficient"] * sign, before["coefficient"], rtol=0.02, atol=1e-3
    )
    before, after = (pd.read_parquet(o["counted"])[:20] for o in (run.outputs, outputs))
    assert (before[["n_outliers", "n_stable"]] == after[["n_outliers", "n_stable"]]).all(axis=None)


def test_an_untrained_network_has_no_more_stable_outliers_than_its_permutations(run):
    outputs = run.units("untrained", permutations=PERMUTATIONS, name="of_untrained")
    _, stable = found_units(outputs["coefficients"])
    assert len(stable) <= np.quantile(pd.read_parquet(outputs["counted"])["n_stable"], 0.99)
    assert r2(outputs["predictions"]) < 0.6


def test_units_beat_every_baseline(run, tmp_path):
    paths = {"units": run.outputs["predictions"]}
    paths |= {name: run.folder / f"predictions/{name}.parquet" for name in BASELINES}
    scores, comparisons = tmp_path / "scores.parquet", tmp_path / "comparisons.parquet"
    write_depth_scores(
        paths,
        confidence=0.95,
        bootstrap_samples=300,
        seed=4,
        scores=scores,
        comparisons=comparisons,
    )
    table = pd.read_parquet(comparisons).set_index("baseline")
    assert table.index.tolist() == [
        *BASELINES,
        "units (covariate removed)",
        "units (covariate absent)",
    ]
    assert (table["ci_low"][[b for b in BASELINES if b != "layer_2"]] > 0.1).all()
    # The second layer reads the first, so its random units hold the closings too.
    assert table["difference"]["layer_2"] > 0
    # Frequency is random here: it explains nothing.
    assert table["difference"][-2:].abs().max() < 1e-3
    assert pq.read_schema(scores).field("fold").type == pa.int16()
    whole = pd.read_parquet(scores).query("fold.isna()")
    assert whole["ci_low"].notna().all()
    metadata = read_metadata(scores)
    assert metadata["checkpoint_sha256"] == read_metadata(paths["units"])["checkpoint_sha256"]
    assert metadata["config"]["procedure"]["folds"] == 5


def test_predictions_have_the_columns_and_nulls_of_the_contract(run):
    for name in ("units", *BASELINES):
        path = run.folder / f"predictions/{name}.parquet"
        table = pq.read_table(path)
        assert dict(zip(table.column_names, table.schema.types, strict=True)) == PREDICTION_TYPES
        assert table["predicted"].null_count == 0
        no_removed = table["predicted_covariate_removed"].null_count
        assert no_removed == (len(table) if name == "words" else 0)
        no_absent = table["predicted_covariate_absent"].null_count
        assert no_absent == (0 if name == "units" else len(table))
        rows = pd.read_parquet(run.positions)
        for column in ("sentence", "position", "open_nodes"):
            assert table[column].to_pylist() == rows[column].tolist()
        folds = table.to_pandas().groupby("sentence")["fold"]
        assert (folds.nunique() == 1).all()
        assert set(folds.first()) == {1, 2, 3, 4, 5}
        alphas = read_metadata(path)["alphas"]
        assert len(alphas["included"]) == 5
        assert ("absent" in alphas) is (name == "units")


def test_coefficients_have_one_row_per_unit_and_fold(run):
    table = pq.read_table(run.outputs["coefficients"])
    assert table.schema.types == [pa.int16(), pa.int16(), pa.int16(), pa.float64()]
    table = table.to_pandas()
    assert table["unit"].tolist() == [u for u in range(1, 101) for _ in range(5)]
    assert table["fold"].tolist() == [1, 2, 3, 4, 5] * 100
    assert table["layer"].tolist() == [1] * 5 * LAYER_SIZES[0] + [2] * 5 * LAYER_SIZES[1]
    types = pq.read_schema(run.outputs["counted"]).types
    assert types == [pa.int32(), pa.int32(), pa.int32(), pa.float64()]


def test_outliers_of_permuted_depth_are_counted_without_fitting_again(run, tmp_path):
    permuted = pq.read_table(run.outputs["permuted"])
    width = 5 * sum(LAYER_SIZES)
    assert permuted.schema.types == [pa.int32(), pa.float64(), pa.list_(pa.float32(), width)]
    output = tmp_path / "counted.parquet"
    for threshold, folds, origin in ((2.0, 0, "mean"), (2.5, 5, "zero")):
        write_permuted_outliers(run.outputs["permuted"], threshold, folds, origin, output)
        counted = pd.read_parquet(output)
        for row in permuted.slice(0, 5).to_pylist():
            values = np.array(row["coefficients"]).reshape(5, -1)
            found = outliers(values, threshold, origin)
            one = counted.set_index("permutation").loc[row["permutation"]]
            assert one["n_outliers"] == found.beyond.sum()
            assert one["n_stable"] == found.stable(folds).sum()
    assert read_metadata(output)["config"]["threshold"] == 2.5


def test_a_dump_holds_each_sentence_up_to_its_last_sampled_word(run):
    dump = open_activations(run.folder / "activations")
    assert dump.variables == ("hidden",)
    assert dump.task == "depth"
    assert set(dump.condition) == {"depth"}
    assert dump.item.tolist() == list(range(150))
    assert dump.n_positions == 10
    assert dump.metadata["unknown_share"] == 0
    words = pd.read_parquet(run.sentences)["tokens"][7][:10]
    # Read by the gate-by-gate reference from the state after the context.
    model = depth_network()
    tokens = [*CONTEXT.split(), "<eos>", *words]
    states = [(model.embedding.new_zeros(1, n), model.embedding.new_zeros(1, n)) for n in (40, 60)]
    hidden = []
    for word in model.vocabulary.ids(tokens):
        below = model.embedding[word : word + 1]
        for depth, layer in enumerate(model.layers):
            step = lstm_step_ref(layer, below, *states[depth])
            states[depth] = (step["hidden"], step["cell"])
            below = step["hidden"]
        hidden.append(np.concatenate([state[0].numpy()[0] for state in states]))
    found = dump.read("hidden", items=[7])[0]
    np.testing.assert_allclose(found, hidden[-10:], atol=1e-6)


def test_the_untrained_dump_says_whose_shape_it_has(run):
    trained = read_metadata(run.folder / "activations/index.parquet")
    untrained = read_metadata(run.folder / "untrained/index.parquet")
    assert untrained["config"]["untrained_like"] == trained["checkpoint_sha256"]
    assert untrained["config"]["untrained_seed"] == 1
    assert untrained["checkpoint_sha256"] != trained["checkpoint_sha256"]
    assert untrained["stimuli_sha256"] == trained["stimuli_sha256"]


def test_same_input_same_bytes(run):
    before = {name: path.read_bytes() for name, path in run.outputs.items()}
    after = run.units(permutations=PERMUTATIONS)
    assert {name: path.read_bytes() for name, path in after.items()} == before


def test_no_permutations_give_an_empty_table_with_its_columns(run):
    quick = Procedure(folds=2, inner_folds=2, alphas=(1.0,))
    with pytest.raises(ConfigurationError, match="minimum_folds is 4; write 0 to 2"):
        run.units(name="none", procedure=quick)
    quick = Procedure(folds=4, inner_folds=2, alphas=(1.0,))
    outputs = run.units(name="none", procedure=quick)
    table = pq.read_table(outputs["counted"])
    assert len(table) == 0
    assert table.column_names == ["permutation", "n_outliers", "n_stable", "r2"]
    assert read_metadata(outputs["counted"])["config"]["permutations"] == 0


def test_a_penalty_at_the_edge_of_the_grid_is_reported(run, caplog):
    quick = Procedure(folds=4, inner_folds=2, alphas=(10.0, 100.0))
    with caplog.at_level(logging.INFO, logger="lstm_units"):
        run.units(name="edge", procedure=quick)
    assert "edge: in" not in caplog.text
    assert "units: in 8 of 8 fits the penalty is at the edge of depth.alphas" in caplog.text


def test_the_papers_procedure_takes_raw_counts_and_finds_the_units_too(run):
    paper = Procedure("paper", alphas=PROCEDURE.alphas, seed=2)
    outputs = run.units(name="paper", procedure=paper)
    assert r2(outputs["predictions"]) > 0.999
    assert found_units(outputs["coefficients"])[1] == [CLOSINGS, LEFT]
    assert read_metadata(outputs["predictions"])["config"]["procedure"]["name"] == "paper"
    sample = read_depth_sample(run.sentences, run.positions)
    counts = dict(line.split("\t") for line in run.counts.read_text().splitlines())
    raw = frequency(sample, run.counts, "paper")
    np.testing.assert_array_equal(raw, [int(counts[word]) for word in sample.words])
    np.testing.assert_allclose(frequency(sample, run.counts, "nested"), np.log(raw + 1))


def test_regressors_hold_what_their_names_say(run):
    sample = read_depth_sample(run.sentences, run.positions)
    sentences = pd.read_parquet(run.sentences)["tokens"]
    covariate = np.arange(len(sample), dtype=float)

    words = word_regressors(sample)
    assert words.covariate is None
    assert (words.matrix.sum(axis=1) == 2).all()
    for one in (3, 200):
        same = (words.matrix == words.matrix[one]).all(axis=1)
        sentence, position = sample.sentence, sample.position
        pair = [tuple(sentences[s][p - 1 : p + 1]) for s, p in zip(sentence, position, strict=True)]
        assert same.tolist() == [other == pair[one] for other in pair]

    model = depth_network()
    rows = model.vocabulary.ids(sample.words)
    built = embedding_regressors(model.embedding.numpy(), rows, covariate)
    closings = [int(word[1]) for word in sample.words]
    np.testing.assert_array_equal(built.matrix[:, 0], closings)
    np.testing.assert_array_equal(built.matrix[:, built.covariate], covariate)
    assert built.matrix.shape[1] == model.embedding.shape[1] + 1

    built = position_regressors(sample, covariate)
    np.testing.assert_array_equal(built.matrix, np.column_stack([sample.position, covariate]))

    dump = open_activations(run.folder / "activations")
    for name, units in (("layer_1", range(1, 41)), ("layer_2", range(41, 101)), ("units", None)):
        built = activity_regressors(name, dump, sample, covariate)
        assert built.units == tuple(units or range(1, 101))
        assert built.matrix.shape[1] == len(built.units) + 1
        last = dump.read("hidden", units=built.units, items=[sample.sentence[-1]])
        np.testing.assert_array_equal(built.matrix[-1, :-1], last[0, sample.position[-1]])
        np.testing.assert_array_equal(built.without_covariate(), built.matrix[:, :-1])


def test_the_words_need_no_word_counts_and_say_nothing_of_them(run, tmp_path):
    arguments = {"procedure": PROCEDURE, "output": tmp_path / "words.parquet"}
    write_baseline_regression("words", run.positions, run.sentences, None, **arguments)
    with_counts = run.folder / "predictions/words.parquet"
    assert arguments["output"].read_bytes() == with_counts.read_bytes()
    assert "word_counts_sha256" not in read_metadata(with_counts)
    assert "word_counts_sha256" in read_metadata(with_counts.with_name("embeddings.parquet"))
    with pytest.raises(ValueError, match="position_frequency needs the word counts"):
        write_baseline_regression(
            "position_frequency", run.positions, run.sentences, None, **arguments
        )


def test_unknown_regressors_are_refused(run):
    for name in ("layer", "untrained_0", "bag_of_words", "units"):
        with pytest.raises(ConfigurationError, match=f"no regressors '{name}'"):
            run.baseline(name)
    with pytest.raises(ConfigurationError, match="no layer 3; its layers are 1 to 2"):
        run.baseline("layer_3")


def test_too_many_unknown_words_are_refused_and_named(run, tmp_path):
    table = pq.read_table(run.sentences).to_pylist()
    for row in table[:20]:
        row["tokens"] = ["zebra", "gnu" if row["sentence"] % 2 else "zebra", *row["tokens"][2:]]
    changed = tmp_path / "sentences.parquet"
    write_parquet(pa.Table.from_pylist(table), changed, make_metadata(kind="test"))

    def dump(maximum):
        write_depth_activations(
            run.checkpoint,
            changed,
            run.positions,
            Context(run.folder / "context.txt"),
            Compute(device="cpu"),
            "hidden",
            [2],
            maximum,
            tmp_path / "dump",
        )

    with pytest.raises(UserError, match=r"2\.67 % of the 1,500 tokens") as raised:
        dump(0.01)
    for part in (str(changed), "zebra (30), gnu (10)", "depth.maximum_unknown", "grammar"):
        assert part in str(raised.value)
    assert not (tmp_path / "dump").exists()
    dump(40 / 1500)
    opened = open_activations(tmp_path / "dump")
    assert opened.metadata["unknown_share"] == pytest.approx(40 / 1500)
    assert opened.layers == (2,)
    with pytest.raises(ConfigurationError, match="a share from 0 to 1"):
        dump(5)


def test_activations_of_other_sentences_are_refused(run, tmp_path):
    table = pq.read_table(run.positions).slice(0, 300)
    fewer = tmp_path / "positions.parquet"
    write_parquet(table, fewer, make_metadata(kind="test"))
    with pytest.raises(UserError, match="made from other sentences or positions"):
        write_baseline_regression(
            "layer_1",
            fewer,
            run.sentences,
            run.counts,
            procedure=PROCEDURE,
            output=tmp_path / "out.parquet",
            dump=run.folder / "activations",
        )


@pytest.mark.parametrize("what", ["checkpoint", "procedure", "corpus"])
def test_scores_refuse_predictions_of_another_origin(run, tmp_path, what):
    other = tmp_path / "layer_1.parquet"
    shutil.copy(run.folder / "predictions/layer_1.parquet", other)
    metadata = read_metadata(other)
    if what == "checkpoint":
        metadata["checkpoint_sha256"] = "another"
    elif what == "corpus":
        metadata["stimuli_sha256"] = "another"
    else:
        metadata["config"]["procedure"]["seed"] = 99
    write_parquet(pq.read_table(other), other, metadata)
    with pytest.raises(UserError, match=f"layer_1.parquet was made with another .*{what}"):
        write_depth_scores(
            {"units": run.outputs["predictions"], "layer_1": other},
            confidence=0.95,
            bootstrap_samples=10,
            seed=1,
            scores=tmp_path / "scores.parquet",
            comparisons=tmp_path / "comparisons.parquet",
        )
