"""Weights from the units of the last layer to the forms of verbs.

Lakretz et al. 2019, section 4.1 and Fig. 1d: the output weights of a number unit to singular verb
forms stand apart from those to plural ones.
"""

import logging
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from lstm_units.analyses.efferents.verb_pairs import VerbPair, known_pairs
from lstm_units.io.results import Result, made_from
from lstm_units.io.unit_columns import arrow_table
from lstm_units.models.language_model import LanguageModel
from lstm_units.statistics.significance import q_values

log = logging.getLogger(__name__)

# Below it the exact distribution of the signed-rank statistic is cheap; above it the normal
# approximation is as good.
_EXACT_PAIRS = 50


def efferents(
    model: LanguageModel, verb_pairs: Result, *, correction: str
) -> tuple[Result, Result]:
    """Measure the weights from the last layer's units to verb forms, and how far they stand apart.

    Pairs with a form that the model does not know are dropped, logged, and named in the metadata.

    Parameters
    ----------
    verb_pairs : Result
        From `lstm_units.analyses.efferents.verb_pairs.read_verb_pairs`.
    correction : str
        Of p for many units, see `segregation`.

    Returns
    -------
    weights, units : Result
        The tables of `efferent_weights` and `segregation`.

    Raises
    ------
    UserError
        If the model knows too few of the pairs.
    """
    pairs, dropped = known_pairs(verb_pairs.content, model.vocabulary, verb_pairs.source)
    if dropped:
        log.warning(
            "%s: the model lacks a form of %d pairs, which are left out: %s",
            verb_pairs.source,
            len(dropped),
            ", ".join("/".join(pair) for pair in dropped),
        )
    weights = efferent_weights(model, pairs)
    units = segregation(weights, len(model.layer_sizes), correction)
    made = made_from(
        model,
        stimuli_sha256=verb_pairs.metadata.get("stimuli_sha256"),
        dropped_pairs=[list(pair) for pair in dropped],
    )
    return (
        Result(arrow_table(weights), {**made, "kind": "efferent weights"}, "the efferent weights"),
        Result(
            arrow_table(units, layer=pa.int16(), n_pairs=pa.int32()),
            {**made, "kind": "efferent units", "config": {"correction": correction}},
            "the efferent units",
        ),
    )


def last_layer_units(layer_sizes: Sequence[int]) -> np.ndarray:
    """Return the 1-based numbers of the units of the last layer."""
    return np.arange(sum(layer_sizes) - layer_sizes[-1], sum(layer_sizes)) + 1


def efferent_weights(model: LanguageModel, pairs: Sequence[VerbPair]) -> pd.DataFrame:
    """Weights from every unit of the last layer to both forms of each verb.

    Parameters
    ----------
    model : LanguageModel
        A tied model reads its embedding as the decoder.
    pairs : sequence of VerbPair
        Words of the model.

    Returns
    -------
    DataFrame
        ``unit`` (1-based), ``singular``, ``plural`` (the forms), ``weight_singular``,
        ``weight_plural``; units in rising order, pairs in the order given.
    """
    units = last_layer_units(model.layer_sizes)
    weights = []
    for forms in zip(*pairs, strict=True):
        rows = model.decoder_weight[model.vocabulary.ids(forms)]
        weights.append(rows.double().cpu().numpy().T.ravel())  # (units * pairs,)
    return pd.DataFrame(
        {
            "unit": np.repeat(units, len(pairs)),
            "singular": [pair.singular for pair in pairs] * len(units),
            "plural": [pair.plural for pair in pairs] * len(units),
            "weight_singular": weights[0],
            "weight_plural": weights[1],
        }
    )


def segregation(
    weights: pd.DataFrame, layer: int, correction: str = "benjamini_hochberg"
) -> pd.DataFrame:
    """Measure how far each unit's weights to singular forms lie from those to plural forms.

    A unit's sign is arbitrary: negating its weights turns means around and ``auc`` into 1 - ``auc``
    and leaves the rest as it is.

    Parameters
    ----------
    weights : DataFrame
        From `efferent_weights`; every unit has the same pairs in the same order.
    layer : int
        1-based layer of the units.
    correction : str
        Over the layer, see `lstm_units.statistics.significance.q_values`.

    Returns
    -------
    DataFrame
        ``unit, layer, n_pairs, mean_singular, mean_plural, sd_singular, sd_plural`` (SD of the
        sample, ddof = 1), ``separability`` = size of the difference of means / sum of the SDs, as
        in Fig. 1d (0 where the means are equal), ``percentile`` (0 to 100) = share of the layer's
        units with a smaller or equal separability, ``auc`` = P(weight to a singular form > weight
        to a plural form) over all pairs of forms, ties half, and a two-sided Wilcoxon signed-rank
        test on the pairs: ``statistic`` (the smaller rank sum), ``p``, ``q``. The test is exact up
        to 50 pairs.
    """
    units, n_pairs = np.unique(weights["unit"].to_numpy(), return_counts=True)
    shape = (len(units), int(n_pairs[0]))
    singular = weights["weight_singular"].to_numpy(float).reshape(shape)
    plural = weights["weight_plural"].to_numpy(float).reshape(shape)
    apart = np.abs(singular.mean(axis=1) - plural.mean(axis=1))
    spread = singular.std(axis=1, ddof=1) + plural.std(axis=1, ddof=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        separability = np.where(apart == 0, 0.0, apart / spread)
    from scipy.stats import rankdata

    statistic, p = signed_rank_test(singular - plural)
    return pd.DataFrame(
        {
            "unit": units,
            "layer": layer,
            "n_pairs": n_pairs,
            "mean_singular": singular.mean(axis=1),
            "mean_plural": plural.mean(axis=1),
            "sd_singular": singular.std(axis=1, ddof=1),
            "sd_plural": plural.std(axis=1, ddof=1),
            "separability": separability,
            "percentile": 100 * rankdata(separability, method="max") / len(units),
            "auc": forms_auc(singular, plural),
            "statistic": statistic,
            "p": p,
            "q": q_values(p, correction),
        }
    )


def forms_auc(singular: np.ndarray, plural: np.ndarray) -> np.ndarray:
    """Return P(singular > plural) over all pairs of a singular and a plural form, ties half.

    Parameters
    ----------
    singular, plural : ndarray of shape (units, forms)

    Returns
    -------
    ndarray of shape (units,)
        The Mann-Whitney U statistic of the singular forms over its maximum.
    """
    from scipy.stats import rankdata

    n = singular.shape[1]
    ranks = rankdata(np.concatenate([singular, plural], axis=1), axis=1)
    u = ranks[:, :n].sum(axis=1) - n * (n + 1) / 2
    return u / (n * plural.shape[1])


def signed_rank_test(differences: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two-sided Wilcoxon signed-rank test of each row; exact up to 50 pairs.

    Differences of 0 are left out; those of equal size share their mean rank.

    Parameters
    ----------
    differences : ndarray of shape (units, pairs)

    Returns
    -------
    statistic, p : ndarray of shape (units,)
        0 and 1 for a row of zeros.
    """
    statistic, p = np.zeros(len(differences)), np.ones(len(differences))
    # Rows with zeros go apart: the exact test is for the differences that are left.
    for row in np.flatnonzero((differences == 0).any(axis=1) & (differences != 0).any(axis=1)):
        left = differences[row][differences[row] != 0]
        [statistic[row]], [p[row]] = _wilcoxon(left[None])
    whole = (differences != 0).all(axis=1)
    if whole.any():
        statistic[whole], p[whole] = _wilcoxon(differences[whole])
    return statistic, p


def _wilcoxon(differences: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from scipy.stats import wilcoxon

    method = "exact" if differences.shape[1] <= _EXACT_PAIRS else "approx"
    result = wilcoxon(differences, axis=1, method=method)
    return result.statistic, result.pvalue
