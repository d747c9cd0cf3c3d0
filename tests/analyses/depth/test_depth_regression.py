"""The regression of depth from end to end, on a network whose depth units are known."""

import logging
from dataclasses import replace

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
from support.number_network import save_checkpoint
from support.scripts import run_script

from lstm_units.activations.reader import ActivationDump, open_activations
from lstm_units.analyses.depth.activations import unknown_share
from lstm_units.analyses.depth.nested_ridge import Procedure, alpha_grid
from lstm_units.analyses.depth.outliers import permuted_outliers, unit_outliers
from lstm_units.analyses.depth.regression import regress_baseline, regress_units
from lstm_units.analyses.depth.regressors import (
    build_regressors,
    frequency,
    read_word_frequencies,
    word_regressors,
)
from lstm_units.analyses.depth.scores import depth_scores
from lstm_units.depth_corpus.sample import read_depth_sample
from lstm_units.errors import ConfigurationError, UserError
from lstm_units.io.files import make_metadata, write_parquet
from lstm_units.models.checkpoints import load_language_model
from lstm_units.models.vocabulary import Vocabulary

PROCEDURE = Procedure(alphas=alpha_grid(1e-5, 1e5, 11), seed=2)
PERMUTATIONS = 100
BASELINES = ("position_frequency", "words", "embeddings", "layer_1", "layer_2", "untrained_1")
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
    """The corpus and dumps of one model in a folder of its own, and its regressions."""

    def __init__(self, folder, model):
        self.folder = folder
        folder.mkdir()
        self.sentences, self.positions, self.counts = write_depth_corpus(folder)
        (folder / "context.txt").write_text(CONTEXT)
        self.checkpoint = save_checkpoint(model, folder / "model")
        self.activations()
        self.sample = read_depth_sample(self.sentences, self.positions)
        self.dump = open_activations(folder / "activations")
        self.word_counts = read_word_frequencies(self.counts)

    def activations(self, name="activations", script="depth_activations", **params):
        """Dump the model's activations, or those of an untrained network."""
        settings = {"variable": "hidden", "layers": "all", "maximum_unknown": 0.01}
        context = {"path": self.folder / "context.txt", "case": "true"}
        run_script(
            f"depth/{script}",
            input={
                "weights": self.checkpoint / "model.safetensors",
                "sentences": self.sentences,
                "positions": self.positions,
            },
            params={"context": context, **settings, **params},
            resources={"sweep_mb": 1024, "gpu_sweep_mb": 0, "device": "cpu"},
            output={"dump": self.folder / name},
        )

    def units(self, dump=None, permutations=0, procedure=PROCEDURE):
        """Predictions, coefficients, permuted coefficients, and their outliers."""
        found = regress_units(
            self.sample,
            dump or self.dump,
            self.word_counts,
            procedure=procedure,
            permutations=permutations,
        )
        counted = permuted_outliers(
            found[2], threshold=3.0, minimum_folds=4, deviations_from="zero"
        )
        return (*found, counted)


def r2(predictions, column="predicted"):
    table = predictions.frame
    depth = table["open_nodes"]
    return 1 - ((depth - table[column]) ** 2).sum() / ((depth - depth.mean()) ** 2).sum()


def found_units(coefficients):
    unit, _, found = unit_outliers(coefficients.frame, 3.0, "zero")
    return unit[found.beyond].tolist(), unit[found.stable(4)].tolist()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    run = Run(tmp_path_factory.mktemp("depth") / "planted", depth_network())
    run.activations("untrained", "depth_untrained", seed=1)
    run.untrained = open_activations(run.folder / "untrained")
    run.found = run.units(permutations=PERMUTATIONS)
    run.model = load_language_model(run.checkpoint)
    inputs = {"word_counts": run.word_counts, "model": run.model, "procedure": PROCEDURE}
    run.baselines = {
        name: regress_baseline(name, run.sample, dump=dump, **inputs)
        for name in BASELINES
        for dump in [run.untrained if name == "untrained_1" else run.dump]
    }
    return run


@pytest.mark.parametrize("name", ["nested", "paper"])
def test_depth_is_read_from_exactly_the_planted_units(run, name):
    procedure = replace(PROCEDURE, name=name)
    found = run.found if name == "nested" else run.units(procedure=procedure)
    predictions, coefficients = found[:2]
    assert r2(predictions) > 0.999
    assert found_units(coefficients) == ([CLOSINGS, LEFT], [CLOSINGS, LEFT])
    assert predictions.config["procedure"]["name"] == name


def test_permuted_depth_gives_fewer_stable_outliers(run):
    table = run.found[3].frame
    assert table["permutation"].tolist() == list(range(1, PERMUTATIONS + 1))
    assert (table["n_stable"] <= table["n_outliers"]).all()
    assert table["n_outliers"].max() > 0, "a null without outliers would show nothing"
    assert np.quantile(table["n_stable"], 0.99) < 2
    assert table["r2"].max() < 0.1


def test_an_untrained_network_has_no_more_stable_outliers_than_its_permutations(run):
    predictions, coefficients, _, counted = run.units(run.untrained, PERMUTATIONS)
    _, stable = found_units(coefficients)
    assert len(stable) <= np.quantile(counted.frame["n_stable"], 0.99)
    assert r2(predictions) < 0.6


def test_units_beat_every_baseline(run):
    _, comparisons = depth_scores(
        [run.found[0], *run.baselines.values()], confidence=0.95, bootstrap_samples=300, seed=4
    )
    table = comparisons.frame.set_index("baseline")
    assert (table["ci_low"][[b for b in BASELINES if b != "layer_2"]] > 0.1).all()
    # The second layer reads the first, so its random units hold the closings too.
    assert table["difference"]["layer_2"] > 0
    # Frequency is random here: it explains nothing.
    assert table["difference"][-2:].abs().max() < 1e-3


def test_predictions_have_the_columns_and_nulls_of_the_contract(run):
    for name, result in {"units": run.found[0], **run.baselines}.items():
        table = result.content
        assert dict(zip(table.column_names, table.schema.types, strict=True)) == PREDICTION_TYPES
        assert table["predicted"].null_count == 0
        no_removed = table["predicted_covariate_removed"].null_count
        assert no_removed == (len(table) if name == "words" else 0)
        no_absent = table["predicted_covariate_absent"].null_count
        assert no_absent == (0 if name == "units" else len(table))
        for column in ("sentence", "position", "open_nodes"):
            np.testing.assert_array_equal(table[column], getattr(run.sample, column))
        folds = result.frame.groupby("sentence")["fold"]
        assert (folds.nunique() == 1).all()
        assert set(folds.first()) == {1, 2, 3, 4, 5}
        alphas = result.metadata["alphas"]
        assert len(alphas["included"]) == 5
        assert ("absent" in alphas) is (name == "units")
        assert ("word_counts_sha256" in result.metadata) is (name != "words")


def test_coefficients_have_one_row_per_unit_and_fold(run):
    _, coefficients, permuted, counted = run.found
    assert coefficients.content.schema.types == [pa.int16(), pa.int16(), pa.int16(), pa.float64()]
    table = coefficients.frame
    assert table["unit"].tolist() == [u for u in range(1, 101) for _ in range(5)]
    assert table["fold"].tolist() == [1, 2, 3, 4, 5] * 100
    assert table["layer"].tolist() == [1] * 5 * LAYER_SIZES[0] + [2] * 5 * LAYER_SIZES[1]
    row = pa.list_(pa.float32(), 5 * sum(LAYER_SIZES))
    assert permuted.content.schema.types == [pa.int32(), pa.float64(), row]
    assert counted.content.schema.types == [pa.int32(), pa.int32(), pa.int32(), pa.float64()]


def test_a_dump_holds_each_sentence_up_to_its_last_sampled_word(run):
    for dump in (run.dump, run.untrained):
        assert (dump.task, dump.variables, dump.layers) == ("depth", ("hidden",), (1, 2))
        assert dump.item.tolist() == list(range(150))
        assert dump.metadata["unknown_share"] == 0
        assert dump.metadata["stimuli_sha256"] == run.sample.sha256
        index = pd.read_parquet(dump.folder / "index.parquet")
        assert set(index["condition"]) == {"depth"}
        for item, words in index.groupby("item")["token"]:
            assert tuple(words) == run.sample.tokens[item]
    made = run.dump.metadata["checkpoint_sha256"]
    assert run.untrained.metadata["config"]["untrained_like"] == made


def test_a_penalty_at_the_edge_of_the_grid_is_reported(run, caplog):
    quick = Procedure(folds=4, inner_folds=2, alphas=(10.0, 100.0))
    with caplog.at_level(logging.INFO, logger="lstm_units"):
        run.units(procedure=quick)
    assert "units: in 8 of 8 fits the penalty is at the edge of the grid" in caplog.text


SENTENCE = 7


class SilentUnit(ActivationDump):
    """A dump whose unit 2 is silent but in one sentence, and unit 50 always."""

    def read_nodes(self, variable, units=None, layers=None):
        values = super().read_nodes(variable, units, layers).copy()
        noise = np.random.default_rng(0).normal(0, 1e-9, len(values))
        values[:, list(units).index(2)] = noise
        sampled = self.node[np.searchsorted(self.item, SENTENCE)]
        values[sampled[sampled >= 0], list(units).index(2)] = 1
        values[:, list(units).index(50)] = 0
        return values


def test_units_that_are_silent_but_in_one_sentence_are_named_once_and_do_no_harm(run, caplog):
    quick = Procedure(folds=4, inner_folds=2, alphas=(1.0, 100.0))
    assert SENTENCE in run.sample.sentence
    dump = SilentUnit(**vars(run.dump))
    predictions, coefficients, *_ = run.units(dump, procedure=quick)
    (message,) = (text for text in caplog.messages if "constant" in text)
    assert message.startswith("unit 2 (layer 1), unit 50 (layer 2): nearly constant")
    assert r2(predictions) == pytest.approx(r2(run.units(procedure=quick)[0]), abs=0.02)
    weights = coefficients.frame.query("unit == 2")["coefficient"]
    assert (weights == 0).sum() == 1, "in the fold that does not have the sentence"


def test_frequency_is_the_logarithm_of_counts_or_in_the_papers_procedure_the_counts(run):
    counts = run.word_counts.content
    raw = frequency(run.sample, run.word_counts, "paper")
    np.testing.assert_array_equal(raw, [counts[word] for word in run.sample.words])
    found = frequency(run.sample, run.word_counts, "nested")
    np.testing.assert_allclose(found, np.log(raw + 1))


def test_regressors_hold_what_their_names_say(run):
    sample, model, dump = run.sample, run.model, run.dump
    sentences = pd.read_parquet(run.sentences)["tokens"]

    words = word_regressors(sample)
    assert words.covariate is None
    assert (words.matrix.sum(axis=1) == 2).all()
    for one in (3, 200):
        same = (words.matrix == words.matrix[one]).all(axis=1)
        sentence, position = sample.sentence, sample.position
        pair = [tuple(sentences[s][p - 1 : p + 1]) for s, p in zip(sentence, position, strict=True)]
        assert same.tolist() == [other == pair[one] for other in pair]

    def build(name):
        inputs = {"word_counts": run.word_counts, "model": model, "dump": dump}
        built = build_regressors(name, sample, "nested", **inputs)
        expected = frequency(sample, run.word_counts, "nested")
        np.testing.assert_array_equal(built.matrix[:, built.covariate], expected)
        np.testing.assert_array_equal(built.without_covariate(), built.matrix[:, :-1])
        return built

    closings = [int(word[1]) for word in sample.words]
    values = build("embeddings").without_covariate()
    np.testing.assert_array_equal(values[:, 0], closings)
    assert values.shape[1] == model.embedding.shape[1]
    values = build("position_frequency").without_covariate()
    np.testing.assert_array_equal(values, sample.position[:, None])
    for name, units in (("layer_1", range(1, 41)), ("layer_2", range(41, 101)), ("units", None)):
        built = build(name)
        assert built.units == tuple(units or range(1, 101))
        last = dump.read("hidden", units=built.units, items=[sample.sentence[-1]])
        np.testing.assert_array_equal(built.matrix[-1, :-1], last[0, sample.position[-1]])


def test_regressors_that_cannot_be_built_are_refused(run, tmp_path):
    inputs = {"word_counts": run.word_counts, "dump": run.dump, "procedure": PROCEDURE}
    for name in ("layer", "untrained_0", "bag_of_words"):
        with pytest.raises(ConfigurationError, match=f"no regressors '{name}'"):
            regress_baseline(name, run.sample, **inputs)
    with pytest.raises(UserError, match="no layer 3; its layers are 1 to 2"):
        regress_baseline("layer_3", run.sample, **inputs)
    with pytest.raises(ValueError, match="position_frequency needs the word counts"):
        regress_baseline("position_frequency", run.sample, procedure=PROCEDURE)
    fewer = tmp_path / "positions.parquet"
    write_parquet(pq.read_table(run.positions).slice(0, 300), fewer, make_metadata(kind="test"))
    other = read_depth_sample(run.sentences, fewer)
    with pytest.raises(UserError, match="activations was made from another version of the depth"):
        regress_baseline("layer_1", other, **inputs)


def test_too_many_unknown_words_are_refused_and_named(run):
    """The model does not know two of the words."""
    known = [word for word in run.model.vocabulary.words if word not in ("c1_00", "c2_01")]
    vocabulary = Vocabulary(tuple(known))
    tokens = [word for words in run.sample.tokens.values() for word in words]
    first, second = tokens.count("c1_00"), tokens.count("c2_01")
    share = (first + second) / len(tokens)
    with pytest.raises(UserError, match=rf"{100 * share:.2f} % of the 1,500 tokens") as raised:
        unknown_share(run.sample, vocabulary, 0.01)
    for part in (str(run.positions), f"c1_00 ({first})", f"c2_01 ({second})", "grammar"):
        assert part in str(raised.value)
    assert unknown_share(run.sample, vocabulary, share) == share
    with pytest.raises(ConfigurationError, match="a share from 0 to 1"):
        unknown_share(run.sample, vocabulary, 5)
