"""Efferents: verb pairs, segregation against brute force, words raised, and arbitrary signs."""

import logging
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from scipy import stats
from sklearn.metrics import roc_auc_score
from support.planted_network import LAYER_SIZES, PLURAL_UNIT, write_planted_network

from lstm_units.analyses.efferents.table import efferents_table, write_efferents_table
from lstm_units.analyses.efferents.verb_pairs import VerbPair, known_pairs, read_verb_pairs
from lstm_units.analyses.efferents.weights import (
    efferent_weights,
    forms_auc,
    last_layer_units,
    segregation,
    signed_rank_test,
    strongest_activity,
    top_words,
)
from lstm_units.analyses.efferents.write_weights import write_efferents
from lstm_units.analyses.efferents.write_words import write_efferent_words
from lstm_units.errors import StimuliError, UserError
from lstm_units.io.files import make_metadata, read_metadata, write_json, write_parquet
from lstm_units.models.checkpoints import CheckpointSource, convert_checkpoint, load_language_model
from lstm_units.statistics.significance import q_values
from lstm_units.stimuli.generation import generate
from lstm_units.stimuli.language_tables import read_language
from lstm_units.stimuli.table import write_stimuli

PAIRS = (VerbPair("a", "b"), VerbPair("c", "d"), VerbPair("e", "f"))


def weights_table(singular, plural):
    """A table of weights from arrays of shape (units, pairs)."""
    units, pairs = singular.shape
    return pd.DataFrame(
        {
            "unit": np.repeat(np.arange(1, units + 1), pairs),
            "weight_singular": singular.ravel(),
            "weight_plural": plural.ravel(),
        }
    )


@pytest.fixture
def random_weights():
    rng = np.random.default_rng(3)
    plural = rng.normal(size=(40, 18))
    return plural + rng.normal(0.5, 1, size=(40, 18)), plural


def test_the_shipped_pairs_are_those_of_the_paper(project):
    pairs = read_verb_pairs(project / "stimuli" / "english" / "verb_pairs.tsv")
    assert len(pairs) == 18
    assert {pair.plural for pair in pairs} >= {"believe", "say", "think", "admire"}
    assert pairs[0] == VerbPair("admires", "admire")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("plural\tsingular\nadmires\tadmire\n", r"line 1: found 'plural\\tsingular'"),
        ("singular\tplural\nadmires admire\n", "line 2: .*expected a singular and a plural"),
        ("singular\tplural\nadmires\tadmire\n\nsees\t\n", "line 4"),
        ("singular\tplural\nlooks at\tlook\n", "line 2"),
        ("singular\tplural\nsees\tsee\nsaw\tsee\n", "line 3: 'see' stands in line 2 already"),
        ("singular\tplural\ncan\tcan\n", "line 2: 'can' stands in line 2"),
    ],
)
def test_a_malformed_table_is_refused_with_its_line(tmp_path, text, message):
    path = tmp_path / "pairs.tsv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(StimuliError, match=rf"pairs.tsv, {message}"):
        read_verb_pairs(path)


def test_pairs_with_an_unknown_form_are_dropped_and_too_few_refused():
    known, dropped = known_pairs([*PAIRS, VerbPair("g", "a2")], set("abcdefg"), "pairs.tsv")
    assert known == PAIRS
    assert dropped == (VerbPair("g", "a2"),)
    with pytest.raises(UserError, match=r"efferents.verb_pairs: .* 2 of the 3 pairs.*lacks f"):
        known_pairs(PAIRS, set("abcde"), "pairs.tsv")


@pytest.mark.parametrize("tied", [False, True])
def test_weights_are_those_of_the_decoder(random_model, tied):
    model = random_model((5, 7), tied=tied)
    table = efferent_weights(model, PAIRS)
    assert len(table) == 7 * 3
    for row in table.itertuples():
        for form, weight in (
            (row.singular, row.weight_singular),
            (row.plural, row.weight_plural),
        ):
            word = model.vocabulary.index[form]
            assert weight == float(model.decoder_weight[word, row.unit - 6])
    assert list(last_layer_units(model.layer_sizes)) == list(range(6, 13))


def test_segregation_against_brute_force(random_weights):
    singular, plural = random_weights
    table = segregation(weights_table(singular, plural), 2)
    for row, a, b in zip(table.itertuples(), singular, plural, strict=True):
        spread = np.std(a, ddof=1) + np.std(b, ddof=1)
        assert row.separability == pytest.approx(abs(a.mean() - b.mean()) / spread)
        wins = [(x > y) + 0.5 * (x == y) for x in a for y in b]
        assert row.auc == pytest.approx(np.mean(wins), abs=1e-12)
        labels = np.repeat([1, 0], 18)
        assert row.auc == pytest.approx(roc_auc_score(labels, [*a, *b]), abs=1e-12)
        expected = stats.wilcoxon(a, b, method="exact")
        assert (row.statistic, row.p) == pytest.approx((expected.statistic, expected.pvalue))
        smaller = (table["separability"] <= row.separability).mean()
        assert row.percentile == pytest.approx(100 * smaller)
    np.testing.assert_array_equal(table["q"], q_values(table["p"]))
    assert table["percentile"].max() == 100
    assert set(table["n_pairs"]) == {18}


def test_the_sign_of_a_unit_changes_only_what_is_signed(random_weights):
    singular, plural = random_weights
    table = segregation(weights_table(singular, plural), 2)
    negated = segregation(weights_table(-singular, -plural), 2)
    invariant = ["separability", "percentile", "statistic", "p", "q", "sd_singular", "sd_plural"]
    pd.testing.assert_frame_equal(table[invariant], negated[invariant])
    np.testing.assert_allclose(negated["auc"], 1 - table["auc"], atol=1e-12)
    np.testing.assert_array_equal(negated["mean_plural"], -table["mean_plural"])


def test_tied_weights_count_half():
    singular, plural = np.array([[1.0, 2.0, 2.0]]), np.array([[2.0, 2.0, 0.0]])
    assert forms_auc(singular, plural) == pytest.approx([(1 + 4 * 0.5 + 2 + 0) / 9])


def test_a_unit_without_weights_is_not_segregated(random_weights):
    singular, plural = (values.copy() for values in random_weights)
    singular[4] = plural[4] = 0.0
    row = segregation(weights_table(singular, plural), 2).iloc[4]
    assert (row["separability"], row["auc"], row["statistic"], row["p"]) == (0, 0.5, 0, 1)


def test_the_exact_test_counts_sign_patterns():
    differences = np.array([[1.0, 2.0, 3.0, 4.0], [-1.0, 2.0, 3.0, 4.0], [0.0, 2.0, 3.0, 4.0]])
    statistic, p = signed_rank_test(differences)
    assert list(statistic) == [0, 1, 0]
    # 2 of 16, 4 of 16, and without the zero 2 of 8 patterns are as far out.
    assert list(p) == pytest.approx([2 / 16, 4 / 16, 2 / 8])


def test_the_normal_approximation_takes_over_for_many_pairs():
    differences = np.random.default_rng(0).normal(0.2, 1, (3, 60))
    _, p = signed_rank_test(differences)
    exact = [stats.wilcoxon(row, method="exact").pvalue for row in differences]
    np.testing.assert_allclose(p, exact, atol=0.01)


def activities(values):
    """Dynamics of the hidden state at position 4 from {unit: {condition: mean}}."""
    rows = [
        (unit, 2, variable, position, condition, 3, mean + (position != 4) * 10, 0.1)
        for unit, means in values.items()
        for condition, mean in means.items()
        for variable in ("hidden", "cell")
        for position in (3, 4)
    ]
    names = ("unit", "layer", "variable", "position", "condition", "n", "mean", "sd")
    return pd.DataFrame(rows, columns=names)


def test_the_activity_is_the_largest_mean_in_size_with_its_sign():
    table = activities(
        {
            6: {"PS": 0.2, "SS": 0.3, "SP": -0.7, "PP": np.nan},
            7: {"PP": 0.5, "SS": -0.5, "PS": 0.5, "SP": 0.1},  # a tie: the paper's order decides
        }
    )
    activity = strongest_activity(table, 4)
    assert list(activity.index) == [6, 7]
    assert list(activity["condition"]) == ["SP", "SS"]
    assert list(activity["activity"]) == [-0.7, -0.5]


def test_missing_hidden_states_are_refused():
    table = activities({6: {"SS": np.nan}})
    with pytest.raises(UserError, match=r"dynamics.items: all"):
        strongest_activity(table, 4)
    with pytest.raises(UserError, match=r"activations.variables"):
        strongest_activity(table[table["variable"] == "cell"], 4)


def test_top_words_against_brute_force_and_unmoved_by_signs_and_constants():
    rng = np.random.default_rng(5)
    weight = torch.tensor(rng.normal(size=(30, 4)))
    words = [f"w{place}" for place in range(30)]
    activity = pd.DataFrame(
        {"condition": ["SS", "SP", "PS", "PP"], "activity": [0.5, -0.8, 0.1, -0.2]},
        index=pd.Index([6, 7, 8, 9], name="unit"),
    )
    table = top_words(weight, words, activity, 2, k=5)
    for column, unit in enumerate(activity.index):
        centred = weight[:, column].numpy() - weight[:, column].numpy().mean()
        effect = centred * activity.loc[unit, "activity"]
        order = np.argsort(effect)
        rows = table[table["unit"] == unit].set_index("direction")
        assert list(rows.loc["lowered", "word"]) == [words[place] for place in order[:5]]
        assert list(rows.loc["raised", "word"]) == [words[place] for place in order[::-1][:5]]
        np.testing.assert_allclose(rows.loc["raised", "effect"], effect[order[::-1][:5]])
        assert list(rows.loc["raised", "rank"]) == [1, 2, 3, 4, 5]
    negated = top_words(-weight, words, activity.assign(activity=-activity["activity"]), 2, k=5)
    unsigned = ["unit", "direction", "rank", "word", "effect", "condition"]
    pd.testing.assert_frame_equal(table[unsigned], negated[unsigned])
    shifted = top_words(weight + 100, words, activity, 2, k=5)
    pd.testing.assert_series_equal(table["word"], shifted["word"])


def test_equal_effects_keep_the_order_of_the_vocabulary_and_few_words_are_enough():
    activity = pd.DataFrame({"condition": ["SS"], "activity": [1.0]}, index=[6])
    weight = torch.tensor([[0.0], [1.0], [0.0], [1.0], [0.0]])
    table = top_words(weight, list("abcde"), activity, 2, k=3).set_index("direction")
    assert list(table.loc["raised", "word"]) == ["b", "d", "a"]
    assert list(table.loc["lowered", "word"]) == ["a", "c", "e"]
    assert len(top_words(weight, list("abcde"), activity, 2, k=50)) == 10


@pytest.fixture(scope="module")
def planted(tmp_path_factory, project):
    """The planted network, its stimuli, and dynamics in which unit 7 is active for plurals."""
    folder = tmp_path_factory.mktemp("planted")
    language = project / "stimuli" / "english"
    (folder / "context.txt").write_text("The boy greets .\n", encoding="utf-8")
    write_planted_network(folder / "source", language, folder / "context.txt")
    source = CheckpointSource(
        folder / "source" / "model.safetensors", folder / "source" / "vocab.txt"
    )
    convert_checkpoint(source, folder / "checkpoint")
    sha256 = load_language_model(folder / "checkpoint").sha256
    stimuli = generate(read_language(language), "nounpp", 5, True, 1)
    write_stimuli(stimuli, folder / "nounpp.parquet", make_metadata(stimuli_sha256="s"))
    active = {7: {"SS": 0.01, "PP": 0.9}, 6: {"SS": 0.1, "PP": 0.2}, 8: {"SS": -0.1, "PP": 0.0}}
    metadata = make_metadata(
        checkpoint_sha256=sha256, stimuli_sha256="s", config={"items": "right"}
    )
    dynamics = pa.Table.from_pandas(activities(active), preserve_index=False)
    write_parquet(dynamics, folder / "dynamics" / "nounpp.parquet", metadata)
    shown = [
        {"unit": 7, "layer": 2, "role": "long-range", "number": "plural", "found": True},
        {"unit": 6, "layer": 2, "role": "nearest", "number": "singular", "found": False},
        {"unit": 2, "layer": 1, "role": "named", "number": None, "found": False},
    ]
    write_json({"units": shown}, folder / "units" / "shown.json", metadata)
    return folder


def run_steps(planted, pairs, output):
    write_efferents(
        planted / "checkpoint",
        pairs,
        "benjamini_hochberg",
        output / "weights.parquet",
        output / "units.parquet",
    )
    write_efferent_words(
        planted / "checkpoint",
        planted / "dynamics" / "nounpp.parquet",
        planted / "nounpp.parquet",
        20,
        output / "words.parquet",
    )
    write_efferents_table(
        output / "units.parquet",
        output / "words.parquet",
        planted / "units" / "shown.json",
        [output / f"efferents.{suffix}" for suffix in ("csv", "md", "tex")],
        4,
    )


def test_the_planted_number_unit_is_found_segregated(planted, project, tmp_path):
    pairs = project / "stimuli" / "english" / "verb_pairs.tsv"
    run_steps(planted, pairs, tmp_path / "a")
    run_steps(planted, pairs, tmp_path / "b")
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
    units = pd.read_parquet(tmp_path / "a" / "units.parquet").set_index("unit")
    assert list(units.columns) == [
        *("layer", "n_pairs", "mean_singular", "mean_plural", "sd_singular", "sd_plural"),
        *("separability", "percentile", "auc", "statistic", "p", "q"),
    ]
    assert list(units.index) == [6, 7, 8]
    assert units["separability"].idxmax() == PLURAL_UNIT
    # It speaks against the singular forms of 15 verbs, and not at all to believe, say, think.
    assert units.loc[PLURAL_UNIT, "auc"] == pytest.approx(0.5 * 3 * 3 / 18**2)
    assert units.loc[PLURAL_UNIT, "percentile"] == 100
    assert units.loc[PLURAL_UNIT, "q"] < 0.001
    assert (units.drop(index=PLURAL_UNIT)["q"] > 0.05).all()
    weights = pq.read_table(tmp_path / "a" / "weights.parquet")
    assert weights.num_rows == 18 * LAYER_SIZES[-1]
    assert weights.schema.field("unit").type == pa.int16()
    words = pd.read_parquet(tmp_path / "a" / "words.parquet")
    verbs = read_verb_pairs(pairs)
    own = words[words["unit"] == PLURAL_UNIT].set_index("direction")
    assert set(own.loc["raised", "word"][:15]) <= {pair.plural for pair in verbs}
    assert set(own.loc["lowered", "word"][:15]) <= {pair.singular for pair in verbs}
    assert (own["condition"] == "PP").all()
    metadata = read_metadata(tmp_path / "a" / "words.parquet")
    assert metadata["config"] == {"task": "nounpp", "n_words": 20, "items": "right"}
    assert metadata["stimuli_sha256"] == "s"


def test_the_table_says_what_is_no_long_range_unit(planted, project, tmp_path):
    run_steps(planted, project / "stimuli" / "english" / "verb_pairs.tsv", tmp_path)
    text = (tmp_path / "efferents.md").read_text(encoding="utf-8")
    assert "| nearest*" in text
    assert "18 verbs" in text
    assert "Wilcoxon signed-rank test on the pairs (exact)" in text
    assert "it is not a long-range unit" in text
    assert "Units below the last layer have no weights to words" in text
    assert "None of these units" not in text
    csv = pd.read_csv(tmp_path / "efferents.csv")
    assert list(csv["unit"]) == [7, 6, 2]
    assert csv.loc[0, "auc_folded"] == pytest.approx(1 - 0.5 * 3 * 3 / 18**2)
    assert csv.loc[2, ["separability", "q", "raised"]].isna().all()
    assert len(csv.loc[0, "raised"].split()) == 4


def test_a_table_without_any_long_range_unit_says_so(planted, project, tmp_path):
    shown = [{"unit": 8, "layer": 2, "role": "arbitrary", "number": None, "found": False}]
    run_steps(planted, project / "stimuli" / "english" / "verb_pairs.tsv", tmp_path)
    metadata = read_metadata(planted / "units" / "shown.json")
    write_json({"units": shown}, tmp_path / "units" / "shown.json", metadata)
    arguments = (tmp_path / "units.parquet", tmp_path / "words.parquet")
    output = tmp_path / "none.md"
    write_efferents_table(*arguments, tmp_path / "units" / "shown.json", [output])
    assert "None of these units is a long-range unit" in output.read_text(encoding="utf-8")
    write_json({"units": []}, tmp_path / "units" / "shown.json", metadata)
    write_efferents_table(*arguments, tmp_path / "units" / "shown.json", [output])
    assert "None of these units is a long-range unit" in output.read_text(encoding="utf-8")


def test_the_printed_auc_is_folded(random_weights):
    singular, plural = random_weights
    words = pd.DataFrame(columns=["unit", "direction", "rank", "word", "condition"])
    shown = [
        {"unit": unit, "role": "named", "number": None, "found": False} for unit in range(1, 41)
    ]
    tables = [
        efferents_table(segregation(weights_table(s * singular, s * plural), 2), words, shown)
        for s in (1, -1)
    ]
    pd.testing.assert_frame_equal(*tables)
    assert (tables[0]["auc_folded"] >= 0.5).all()


def test_dropped_pairs_are_logged_and_recorded(planted, tmp_path, caplog):
    pairs = tmp_path / "pairs.tsv"
    rows = ["admires\tadmire", "knows\tknow", "zzz\tzz", "greets\tgreet"]
    pairs.write_text("\n".join(["singular\tplural", *rows]) + "\n", encoding="utf-8")
    outputs = (tmp_path / "weights.parquet", tmp_path / "units.parquet")
    with caplog.at_level(logging.WARNING):
        write_efferents(planted / "checkpoint", pairs, "benjamini_hochberg", *outputs)
    assert "zzz/zz" in caplog.text
    for output in outputs:
        assert read_metadata(output)["dropped_pairs"] == [["zzz", "zz"]]
    assert set(pd.read_parquet(outputs[1])["n_pairs"]) == {3}


def test_dynamics_of_another_checkpoint_or_layer_are_refused(planted, tmp_path):
    table = pq.read_table(planted / "dynamics" / "nounpp.parquet").replace_schema_metadata(None)
    arguments = (planted / "nounpp.parquet", 5, tmp_path / "words.parquet")
    path = tmp_path / "dynamics.parquet"
    write_parquet(table, path, make_metadata(checkpoint_sha256="other"))
    with pytest.raises(UserError, match="made from another checkpoint"):
        write_efferent_words(planted / "checkpoint", path, *arguments)
    right = read_metadata(planted / "dynamics" / "nounpp.parquet")
    write_parquet(table.filter(pa.compute.not_equal(table["unit"], 8)), path, right)
    with pytest.raises(UserError, match=r"unit 8 of the last layer; add layer 2"):
        write_efferent_words(planted / "checkpoint", path, *arguments)
    assert not (tmp_path / "words.parquet").exists()


def test_negating_a_unit_of_the_model_leaves_the_words(random_model):
    """The same network with a unit's hidden state and all its weights negated."""
    model = random_model((5, 7))
    flipped = model.decoder_weight.clone()
    flipped[:, 3] *= -1
    activity = pd.DataFrame(
        {"condition": "SS", "activity": np.linspace(-0.5, 0.7, 7)}, index=range(6, 13)
    )
    turned = activity.copy()
    turned.loc[9, "activity"] *= -1
    words = model.vocabulary.words
    table = top_words(model.decoder_weight, words, activity, 2, 4)
    other = top_words(replace(model, decoder_weight=flipped).decoder_weight, words, turned, 2, 4)
    unsigned = ["unit", "direction", "rank", "word", "effect"]
    pd.testing.assert_frame_equal(table[unsigned], other[unsigned])


@pytest.mark.golden
def test_the_shipped_verbs_are_the_eighteen_of_the_paper(published_data, project):
    text = (published_data / "singular_plural_verbs.txt").read_text(encoding="utf-8")
    published = {tuple(line.split()) for line in text.splitlines() if line.strip()}
    pairs = read_verb_pairs(project / "stimuli" / "english" / "verb_pairs.tsv")
    assert len(pairs) == 18
    assert {(pair.singular, pair.plural) for pair in pairs} == published
