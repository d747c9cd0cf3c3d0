"""How well each single unit tells a noun's number at every position: a rank statistic, no fitting.

With one unit there is nothing to fit: a linear classifier has only a sign to choose. Trained at
the noun and tested at another position (generalisation across time, Lakretz et al. 2019, Section
4.2), its AUC is the unit's own AUC there, with the sign that is right at the noun.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from lstm_units.activations.reader import ActivationDump
from lstm_units.analyses.decoding.features import decoded_positions
from lstm_units.errors import ConfigurationError, NotRun, UserError
from lstm_units.io.files import make_metadata
from lstm_units.io.results import Result
from lstm_units.stimuli.aligned_items import AlignedItems

_BLOCK_VALUES = 2**22  # values that are read at a time


@dataclass(frozen=True)
class LemmaDraws:
    """Bootstrap samples of lemmas, in each of which both classes occur.

    Parameters
    ----------
    weights : ndarray of float, shape (samples, lemmas)
        How often each lemma was drawn.
    drawn : int
        Samples drawn; those without items of one of the classes were dropped.
    """

    weights: np.ndarray
    drawn: int


def draw_lemmas(positive: np.ndarray, negative: np.ndarray, samples: int, seed: int) -> LemmaDraws:
    """Draw lemmas with replacement, as many as there are: a cluster bootstrap.

    Parameters
    ----------
    positive, negative : ndarray of shape (lemmas,)
        Items of each class that each lemma has. Where every lemma has both, no sample is dropped.

    Returns
    -------
    LemmaDraws
        Without samples if there are fewer than two lemmas.
    """
    lemmas = len(positive)
    if lemmas < 2:
        return LemmaDraws(np.empty((0, lemmas)), 0)
    rng = np.random.default_rng([seed, *b"unit decoding"])
    weights = rng.multinomial(lemmas, np.full(lemmas, 1 / lemmas), size=samples).astype(float)
    usable = (weights @ positive > 0) & (weights @ negative > 0)
    return LemmaDraws(weights[usable], samples)


def lemma_wins(values: np.ndarray, positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
    """Count, for each pair of lemmas, how often a positive item lies above a negative one.

    Entry [u, k, l] is the sum, over the positive items i of lemma k and the negative items j of
    lemma l, of [x_i > x_j] + [x_i = x_j] / 2 for unit u. Its sum over k and l is the Mann-Whitney U
    statistic with midranks. Counts are whole or half numbers, so they are exact.

    Parameters
    ----------
    values : ndarray of shape (nodes, units)
        One row for each distinct prefix.
    positive, negative : ndarray of shape (nodes, lemmas)
        Items of each class and lemma that share each prefix.

    Returns
    -------
    ndarray of float, shape (units, lemmas, lemmas)
    """
    nodes, units = values.shape
    lemmas = positive.shape[1]
    positive, negative = positive.astype(float), negative.astype(float)
    order = np.argsort(values, axis=0)
    ranked = np.take_along_axis(values, order, axis=0)
    new = np.ones((nodes, units), dtype=bool)
    new[1:] = ranked[1:] != ranked[:-1]
    wins = np.empty((units, lemmas, lemmas))
    below = np.zeros((nodes + 1, lemmas))
    for unit in range(units):
        rows = order[:, unit]
        start = np.flatnonzero(new[:, unit])  # of each run of equal values
        end = np.append(start[1:], nodes)
        np.cumsum(negative[rows], axis=0, out=below[1:])
        tied = np.add.reduceat(positive[rows], start, axis=0)
        wins[unit] = tied.T @ ((below[start] + below[end]) / 2)
    return wins


def bootstrap_auc(
    wins: np.ndarray, positive: np.ndarray, negative: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """AUC of each unit when lemma k counts w_k times: (w' wins w) / (w' positive)(w' negative).

    An item of a lemma drawn twice stands twice among the items, so this is exactly the AUC of the
    resampled items, without ranking them again.

    Parameters
    ----------
    wins : ndarray of shape (units, lemmas, lemmas)
        From `lemma_wins`.
    positive, negative : ndarray of shape (lemmas,)
        Items of each class that each lemma has.
    weights : ndarray of shape (samples, lemmas)

    Returns
    -------
    ndarray of shape (units, samples)
    """
    by_lemma = np.ascontiguousarray(weights.T, dtype=float)  # (lemmas, samples)
    pairs = (weights @ positive) * (weights @ negative)
    draws = np.empty((len(wins), len(weights)))
    for unit, table in enumerate(wins):
        draws[unit] = np.einsum("ks,ks->s", table @ by_lemma, by_lemma)
    return draws / pairs


def unit_decoding(
    dump: ActivationDump,
    items: AlignedItems,
    *,
    variable: str,
    label: str,
    conditions: str | Sequence[str],
    confidence: float,
    bootstrap_samples: int,
    seed: int,
) -> Result:
    """Decode a noun's number from every unit of a dump at every position.

    Parameters
    ----------
    items : AlignedItems
        All items of the dump.
    conditions : {"all", "incongruent"} or sequence of str
        Which items, see `lstm_units.stimuli.aligned_items.AlignedItems.select`.
    variable, label, confidence, bootstrap_samples, seed
        Of `decode_units`.

    Returns
    -------
    Result
        The table of `decode_units`.
    """
    settings = {
        "variable": variable,
        "label": label,
        "confidence": confidence,
        "bootstrap_samples": bootstrap_samples,
        "seed": seed,
    }
    table = decode_units(dump, items.select(conditions), **settings)
    conditions = conditions if isinstance(conditions, str) else list(conditions)
    metadata = make_metadata(
        kind="decoding from single units",
        task=items.task,
        config={**settings, "conditions": conditions},
        seed=seed,
        checkpoint_sha256=dump.metadata["checkpoint_sha256"],
        stimuli_sha256=dump.metadata["stimuli_sha256"],
    )
    rows = pa.Table.from_pandas(table, preserve_index=False)
    return Result(rows, metadata, "the decoding of single units")


def decode_units(
    dump: ActivationDump,
    items: AlignedItems,
    variable: str = "cell",
    label: str = "subject_number",
    *,
    confidence: float = 0.95,
    bootstrap_samples: int = 1000,
    seed: int = 2019,
) -> pd.DataFrame:
    """AUC of a noun's number from every single unit at every position, with lemma-wise intervals.

    The sign of a unit is arbitrary. It is fixed where the labelled noun stands: a unit whose AUC
    is below 1/2 there is flipped, at all positions alike. So an AUC near 0 later on means that the
    unit has come to say the opposite. Where the AUC is exactly 1/2 at the noun, the next position
    where it is not decides.

    Intervals are percentile intervals of a bootstrap over the lemmas of the labelled noun, both of
    whose number forms are drawn together: items that share a noun are not independent. The sign
    stays that of all items, so an interval may reach below 1/2 at the noun itself. An interval
    from 20 lemmas is a rough one, and it allows for no other word of the items: at an attractor,
    whose lemmas are not drawn, it is rather too narrow. Where all items are told apart it has no
    width, which says only that no lemma is an exception.

    Parameters
    ----------
    items : AlignedItems
        The items to use, of the task of `dump`. Swaps show in incongruent items only.
    variable : str
        Which of the variables of `dump`; the paper decodes ``cell``.
    label : str
        Of the form `lstm_units.stimuli.aligned_items.LABEL`.
    confidence : float
        Level of the intervals.

    Returns
    -------
    DataFrame
        ``unit, layer`` (1-based), ``position`` (0-based), ``auc, ci_low, ci_high``, ``sign`` (-1 if
        the unit was flipped) and ``n_samples`` (bootstrap samples in which both numbers occur);
        sorted by unit and position. Without two lemmas, or where lemmas are unknown, the intervals
        are NaN.

    Raises
    ------
    ConfigurationError
        If a setting is out of range, the task has no such label, the items have one number only,
        or `dump` lacks the variable.
    UserError
        If `dump` comes from other stimuli or holds values that are not numbers.
    """
    _check_settings(confidence, bootstrap_samples)
    singular = items.label(label)
    if singular.all() or not singular.any():
        raise NotRun(
            f"all {len(items)} chosen items of {items.task} have the same {label}; "
            "choose conditions with both numbers"
        )
    # Items of unknown lemmas count as of one, which leaves nothing to resample.
    known = items.lemma(label) if items.knows_lemma(label) else np.full(len(items), "")
    lemmas, lemma = np.unique(known, return_inverse=True)
    positive = np.bincount(lemma[singular], minlength=len(lemmas)).astype(float)
    negative = np.bincount(lemma[~singular], minlength=len(lemmas)).astype(float)
    draws = draw_lemmas(positive, negative, bootstrap_samples, seed)
    positions = decoded_positions(items)
    nodes = _nodes(dump, items, positions)
    at_position = [_at_position(column, singular, lemma, len(lemmas)) for column in nodes.T]

    units = list(dump.units())
    layer_of = {unit: layer for layer in dump.layers for unit in dump.units([layer])}
    size = max(1, _BLOCK_VALUES // dump.n_nodes)
    auc = np.empty((len(units), len(positions)))
    low, high = np.full_like(auc, np.nan), np.full_like(auc, np.nan)
    tail = (1 - confidence) / 2
    for first in range(0, len(units), size):
        block = units[first : first + size]
        here = slice(first, first + len(block))
        values = dump.read_nodes(variable, units=block)
        for place, (distinct, ups, downs) in enumerate(at_position):
            chosen = values[distinct]
            if not np.isfinite(chosen).all():
                raise UserError(
                    f"the activations of {items.task} hold values of {variable} that are not "
                    "numbers; check the weights of the checkpoint"
                )
            wins = lemma_wins(chosen, ups, downs)
            auc[here, place] = wins.sum(axis=(1, 2)) / (positive.sum() * negative.sum())
            if len(draws.weights):
                drawn = bootstrap_auc(wins, positive, negative, draws.weights)
                low[here, place], high[here, place] = np.quantile(drawn, [tail, 1 - tail], axis=1)
    flipped = _flipped(auc, items.position(label))
    auc[flipped] = 1 - auc[flipped]
    low[flipped], high[flipped] = 1 - high[flipped], 1 - low[flipped]
    repeats = len(positions)
    return pd.DataFrame(
        {
            "unit": np.repeat(np.array(units, dtype=np.int32), repeats),
            "layer": np.repeat(np.array([layer_of[u] for u in units], dtype=np.int16), repeats),
            "position": np.tile(positions.astype(np.int16), len(units)),
            "auc": auc.ravel(),
            "ci_low": low.ravel(),
            "ci_high": high.ravel(),
            "sign": np.repeat(np.where(flipped, -1, 1).astype(np.int8), repeats),
            "n_samples": np.int32(len(draws.weights)),
        }
    )


def _flipped(auc: np.ndarray, noun: int) -> np.ndarray:
    """Return which units to flip, given the AUC (units, positions) of the values as they are."""
    n_positions = auc.shape[1]
    from_noun = auc[:, [*range(noun, n_positions), *range(noun)]]
    telling = from_noun != 0.5
    first = from_noun[np.arange(len(auc)), telling.argmax(axis=1)]  # 1/2 if no position tells
    return first < 0.5


def _check_settings(confidence: float, bootstrap_samples: int) -> None:
    if not 0 < confidence < 1:
        raise ConfigurationError(f"confidence is {confidence}; write a number between 0 and 1")
    if bootstrap_samples < 100:
        raise ConfigurationError(f"bootstrap_samples is {bootstrap_samples}; write 100 or more")


def _nodes(dump: ActivationDump, items: AlignedItems, positions: np.ndarray) -> np.ndarray:
    """Return the node of each item at each position, shape (items, positions)."""
    nodes = dump.nodes(items=items.item, positions=positions)
    if (nodes < 0).any():
        short = items.item[(nodes < 0).any(axis=1)]
        raise UserError(
            f"the activations of {items.task} end before the last word of item {short[0]}: they "
            "come from other stimuli. Delete the activations and run the workflow again"
        )
    return nodes


def _at_position(
    column: np.ndarray, singular: np.ndarray, lemma: np.ndarray, n_lemmas: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the distinct nodes at a position, and the items of each lemma that share each.

    Returns
    -------
    distinct : ndarray of shape (nodes,)
    positive, negative : ndarray of shape (nodes, lemmas)
    """
    distinct, place = np.unique(column, return_inverse=True)
    counts = np.zeros((2, len(distinct), n_lemmas))
    np.add.at(counts, (singular.astype(int), place.reshape(-1), lemma), 1)
    return distinct, counts[1], counts[0]
