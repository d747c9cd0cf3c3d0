"""Which items a decoder learns from and which it is tested on, and labels permuted over lemmas.

A task repeats a few nouns in hundreds of items. When items are held out at random, the nouns of
the test items are in the training set too, and a decoder can name their number by heart: even an
untrained network then reaches an AUC of 1 at the noun. So lemmas are held out, not items; the
random hold-outs of the paper stand beside them.
"""

from collections.abc import Sequence

import numpy as np
from sklearn.model_selection import GroupShuffleSplit, StratifiedShuffleSplit

from lstm_units.errors import ConfigurationError

HOLD_OUTS = ("grouped", "random")
Split = tuple[np.ndarray, np.ndarray]  # places of the training items, places of the test items
_TRIES = 1000  # draws per split or replicate before it counts as impossible


def hold_outs(
    kind: str,
    label: np.ndarray,
    lemma: np.ndarray | None,
    *,
    splits: int,
    test_fraction: float,
    seed: int,
) -> list[Split]:
    """Draw training and test sets.

    Parameters
    ----------
    kind : {"grouped", "random"}
        ``grouped``: a fraction of the lemmas is held out, with all their items and both number
        forms; draws that leave only one number in either set are drawn again. ``random``: a
        fraction of the items is held out whatever their words, as in Lakretz et al. (2019),
        Section 4.2; ours are stratified, so that both numbers are in both sets.
    label : ndarray of bool, shape (items,)
        True for singular.
    lemma : ndarray of str, shape (items,)
        The noun that `label` belongs to; may be None for ``random``.
    splits : int
    test_fraction : float
        Of the lemmas or of the items.
    seed : int

    Returns
    -------
    list of (ndarray of int, ndarray of int)
        Places of the training items and of the test items, both ascending.

    Raises
    ------
    ConfigurationError
        If all labels are equal, or there are too few lemmas or items.
    """
    if kind not in HOLD_OUTS:
        raise ConfigurationError(
            f"hold-outs {kind!r} are unknown; expected {' or '.join(HOLD_OUTS)}"
        )
    counts = np.bincount(label.astype(int), minlength=2)
    if counts.min() == 0:
        raise ConfigurationError(
            f"nothing to decode: all {len(label)} items have the same number; choose another "
            "decoding.label, or decoding.conditions with both numbers"
        )
    if kind == "random":
        return _random(label, splits, test_fraction, seed)
    if lemma is None:
        raise ConfigurationError("grouped hold-outs need the lemma of every item")
    return _grouped(label, lemma, splits, test_fraction, seed)


def _random(label: np.ndarray, splits: int, test_fraction: float, seed: int) -> list[Split]:
    draw = StratifiedShuffleSplit(splits, test_size=test_fraction, random_state=seed)
    try:
        found = [
            (np.sort(train), np.sort(test))
            for train, test in draw.split(np.zeros(len(label)), label)
        ]
    except ValueError as error:  # a class of one item, or a fraction of less than an item each
        raise _too_few(
            f"{len(label)} items", test_fraction, f"random hold-outs: {error}"
        ) from error
    if not all(_has_both(label, split) for split in found):
        raise _too_few(f"{len(label)} items", test_fraction, "random hold-outs")
    return found


def _grouped(
    label: np.ndarray, lemma: np.ndarray, splits: int, test_fraction: float, seed: int
) -> list[Split]:
    names = np.unique(lemma)
    n_test = int(np.ceil(test_fraction * len(names)))
    what = f"{len(names)} lemmas ({', '.join(names[:5])}{', ...' if len(names) > 5 else ''})"
    if n_test >= len(names):
        raise _too_few(what, test_fraction, "hold-outs grouped by lemma")
    draw = GroupShuffleSplit(splits * _TRIES, test_size=test_fraction, random_state=seed)
    found: list[Split] = []
    for train, test in draw.split(np.zeros(len(label)), groups=lemma):
        if _has_both(label, (train, test)):
            found.append((np.sort(train), np.sort(test)))
        if len(found) == splits:
            return found
    raise _too_few(what, test_fraction, "hold-outs grouped by lemma")


def _too_few(what: str, test_fraction: float, kind: str) -> ConfigurationError:
    return ConfigurationError(
        f"{what} are too few for {kind}: with decoding.test_fraction = {test_fraction:g} no "
        "training and test sets with both numbers in each can be drawn. Change that fraction, "
        "choose decoding.conditions with more items, or another task"
    )


def _has_both(label: np.ndarray, split: Split) -> bool:
    return all(label[places].any() and not label[places].all() for places in split)


def permuted_labels(
    label: np.ndarray,
    lemma: np.ndarray,
    splits: Sequence[Split],
    *,
    replicates: int,
    seed: int,
) -> np.ndarray:
    """Permute the labels over lemmas: each lemma keeps or swaps the labels of its two forms.

    The items of one noun form keep one label, so a decoder can still learn nouns by heart; what
    is gone is that the forms of one number share a label. A lemma that comes in one number only
    has its label drawn as well. The true labels and all labels swapped, which is the same task
    for an AUC, are drawn again; so are labels that leave a training or test set with one label,
    which is impossible when every lemma comes in both numbers equally often.

    Parameters
    ----------
    label : ndarray of bool, shape (items,)
    lemma : ndarray of str, shape (items,)
    splits : sequence of (ndarray, ndarray)
        From `hold_outs`.
    replicates, seed : int

    Returns
    -------
    ndarray of bool, shape (replicates, items)

    Raises
    ------
    ConfigurationError
        If there are too few lemmas for any other labels.
    """
    names, place = np.unique(lemma, return_inverse=True)
    place = place.reshape(-1)
    rng = np.random.default_rng([seed, 1])
    drawn: list[np.ndarray] = []
    for _ in range(replicates * _TRIES):
        if len(drawn) == replicates:
            break
        swapped = rng.random(len(names)) < 0.5
        labels = label ^ swapped[place]
        mixed = swapped.any() and not swapped.all()
        if mixed and all(_has_both(labels, split) for split in splits):
            drawn.append(labels)
    if len(drawn) < replicates:
        raise ConfigurationError(
            f"labels cannot be permuted over {len(names)} lemmas so that every training and test "
            "set keeps both labels; set decoding.permutations to 0, choose decoding.conditions "
            "with more lemmas, or another task"
        )
    return np.array(drawn, dtype=bool).reshape(replicates, len(label))
