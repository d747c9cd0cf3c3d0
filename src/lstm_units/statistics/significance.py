"""Intervals and tests for paired right and wrong answers, vectorised over many models.

SciPy and statsmodels take a second to import, so each function imports what it uses.
"""

import numpy as np

from lstm_units.errors import ConfigurationError

CORRECTIONS = {"benjamini_hochberg": "bh", "benjamini_yekutieli": "by"}


def wilson_interval(right, n, confidence: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Wilson score interval of a proportion (Wilson 1927); NaN where there are no items.

    Parameters
    ----------
    right, n : array_like
        Right items and all items; `n` is broadcast against `right`.
    confidence : float
        Level of the interval, such as 0.95.

    Returns
    -------
    low, high : ndarray
    """
    from statsmodels.stats.proportion import proportion_confint

    right = np.asarray(right, float)
    n = np.asarray(n, float) + np.zeros_like(right)
    with np.errstate(invalid="ignore", divide="ignore"):
        low, high = proportion_confint(right, n, alpha=1 - confidence, method="wilson")
    return np.asarray(low), np.asarray(high)


def mcnemar_exact(lost, gained) -> np.ndarray:
    """Exact two-sided McNemar test: the p value of paired right and wrong answers.

    Under the null hypothesis each discordant pair falls to either side with probability 1/2, so p
    is twice the smaller binomial tail, at most 1, and 1 when no pair is discordant.

    Parameters
    ----------
    lost, gained : array_like of int
        Items that only the intact model, and only the ablated model, gets right.

    Returns
    -------
    ndarray
        p values, of the shape of the input.
    """
    from scipy.stats import binom

    lost, gained = np.asarray(lost), np.asarray(gained)
    tail = binom.cdf(np.minimum(lost, gained), lost + gained, 0.5)
    return np.minimum(1.0, 2.0 * tail)


def q_values(p, correction: str = "benjamini_hochberg") -> np.ndarray:
    """Adjust p values so that calling q < x significant keeps the false discovery rate below x.

    Parameters
    ----------
    p : array_like
        p values of the whole family of tests, of any shape.
    correction : {"benjamini_hochberg", "benjamini_yekutieli"}
        Benjamini and Hochberg (1995), or Benjamini and Yekutieli (2001), which holds under any
        dependence between the tests.

    Raises
    ------
    ConfigurationError
        If the correction is unknown.
    """
    from scipy.stats import false_discovery_control

    if correction not in CORRECTIONS:
        raise ConfigurationError(
            f"the correction {correction!r} is unknown; write {' or '.join(CORRECTIONS)}"
        )
    p = np.asarray(p, float)
    if not p.size:
        return p.copy()
    adjusted = false_discovery_control(p, axis=None, method=CORRECTIONS[correction])
    return adjusted.reshape(p.shape)
