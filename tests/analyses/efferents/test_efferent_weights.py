"""Weights to verb forms: the pairs, segregation against brute force, and arbitrary signs."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from lstm_units.analyses.efferents.verb_pairs import VerbPair, known_pairs, read_verb_pairs
from lstm_units.analyses.efferents.weights import (
    efferent_weights,
    forms_auc,
    last_layer_units,
    segregation,
    signed_rank_test,
)
from lstm_units.errors import StimuliError, UserError
from lstm_units.statistics.significance import q_values

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


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("plural\tform\nadmires\tadmire\n", r"line 1: the header is 'plural\\tform'"),
        ("singular\tplural\nadmires admire\n", "line 2: 1 field separated by tabs"),
        ("singular\tplural\nlooks at\tlook\n", "line 2: .*expected a singular and a plural"),
        ("singular\tplural\nadmires\tadmire\n\nsees\t\n", "line 4"),
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
    with pytest.raises(UserError, match=r"2 of the 3 pairs .*pairs\.tsv \(it lacks f\)"):
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


@pytest.mark.golden
def test_the_shipped_verbs_are_the_eighteen_of_the_paper(published_data, project):
    text = (published_data / "singular_plural_verbs.txt").read_text(encoding="utf-8")
    published = {tuple(line.split()) for line in text.splitlines() if line.strip()}
    pairs = read_verb_pairs(project / "stimuli" / "english" / "verb_pairs.tsv").content
    assert len(pairs) == 18
    assert set(pairs) == published
