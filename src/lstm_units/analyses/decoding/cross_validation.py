"""Cross-validation splits of the items to decode, and labels permuted over lemmas.

A task repeats a few nouns in hundreds of items. When items are held out at random, the nouns of
the test items are in the training set too, and a decoder can name their number by heart: even an
untrained network then reaches an AUC of 1 at the noun. So lemmas are held out, not items; the
random splits of the paper stand beside them.

The noun that is decoded is not always the only one to know by heart. In incongruent items with one
attractor, the attractor's number is the opposite of the subject's, so a decoder trained at the
attractor learns attractors. The lemmas of every noun that gives the label away are held out.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit

from lstm_units.config.analysis_plan import SPLIT_KINDS
from lstm_units.errors import ConfigurationError, NotRun
from lstm_units.stimuli.aligned_items import AlignedItems

Split = tuple[np.ndarray, np.ndarray]  # places of the training items, places of the test items
_TRIES = 1000  # draws per split or replicate before it counts as impossible


def tied_nouns(items: AlignedItems, label: str) -> list[str]:
    """Name the nouns from whose number the label is known.

    Parameters
    ----------
    items : AlignedItems
        The items to decode, already selected.
    label : str
        Of the form `lstm_units.stimuli.aligned_items.LABEL`.

    Returns
    -------
    list of str
        The noun that is decoded, and each other one whose number is equal to its number in all
        items, or the opposite in all; named as labels, the subject first, then the attractors.

    Raises
    ------
    ConfigurationError
        If the task has no such noun.
    """
    number, position = items.label(label), items.position(label)
    names = ["subject_number"]
    for place in range(1, len(items.attractor_positions) + 1):
        names.append("attractor_number" if place == 1 else f"attractor_{place}_number")
    found = []
    for name in names:
        equal = items.label(name) == number
        if items.position(name) == position or equal.all() or not equal.any():
            found.append(name)
    return found


def draw_splits(
    kind: str,
    label: np.ndarray,
    lemmas: Mapping[str, np.ndarray] | None,
    *,
    splits: int,
    test_fraction: float,
    seed: int,
) -> list[Split]:
    """Draw training and test sets.

    Parameters
    ----------
    kind : {"grouped", "random"}
        ``grouped``: a fraction of the lemmas of each noun is held out, with both number forms.
        The test set is the items all of whose nouns are held out, the training set those none of
        whose nouns is; with more than one noun the other items take no part. Each noun's lemmas
        are drawn on their own, unless nouns share lemmas: then one draw holds out a lemma wherever
        it stands. Draws that leave only one number in either set are drawn again.
        ``random``: a fraction of the items is held out whatever their words, as in Lakretz et al.
        (2019), Section 4.2; ours are stratified, so that both numbers are in both sets.
    label : ndarray of bool, shape (items,)
        True for singular.
    lemmas : mapping of str to ndarray of str, shape (items,)
        The lemmas of each noun of `tied_nouns`; may be None for ``random``.
    test_fraction : float
        Of the lemmas of each noun, or of the items.

    Returns
    -------
    list of (ndarray of int, ndarray of int)
        Places of the training items and of the test items, both ascending.

    Raises
    ------
    ConfigurationError
        If all labels are equal, or there are too few lemmas or items.
    """
    if kind not in SPLIT_KINDS:
        raise ConfigurationError(
            f"cross-validation splits {kind!r} are unknown; expected {' or '.join(SPLIT_KINDS)}"
        )
    counts = np.bincount(label.astype(int), minlength=2)
    if counts.min() == 0:
        raise NotRun(
            f"nothing to decode: all {len(label)} items have the same number; choose another "
            "label, or conditions with both numbers"
        )
    if kind == "random":
        return _random(label, splits, test_fraction, seed)
    if not lemmas:
        raise ConfigurationError("grouped splits need the lemma of every item")
    return _grouped(label, list(lemmas.values()), splits, test_fraction, seed)


def _random(label: np.ndarray, splits: int, test_fraction: float, seed: int) -> list[Split]:
    draw = StratifiedShuffleSplit(splits, test_size=test_fraction, random_state=seed)
    try:
        found = [
            (np.sort(train), np.sort(test))
            for train, test in draw.split(np.zeros(len(label)), label)
        ]
    except ValueError as error:  # a class of one item, or a fraction of less than an item each
        raise _too_few(f"{len(label)} items", test_fraction, f"random splits: {error}") from error
    if not all(_has_both(label, split) for split in found):
        raise _too_few(f"{len(label)} items", test_fraction, "random splits")
    return found


def _grouped(
    label: np.ndarray, lemmas: Sequence[np.ndarray], splits: int, test_fraction: float, seed: int
) -> list[Split]:
    names, code = np.unique(np.stack(lemmas), return_inverse=True)
    code = code.reshape(len(lemmas), len(label))
    vocabularies = _vocabularies(code)
    what = " and ".join(_listed(names[vocabulary]) for vocabulary in vocabularies)
    for vocabulary in vocabularies:
        if np.ceil(test_fraction * len(vocabulary)) >= len(vocabulary):
            kind = "splits grouped by lemma"
            raise _too_few(_listed(names[vocabulary]), test_fraction, kind)
    draws = [
        ShuffleSplit(splits * _TRIES, test_size=test_fraction, random_state=_seed(seed, place))
        for place in range(len(vocabularies))
    ]
    found: list[Split] = []
    for drawn in zip(*map(ShuffleSplit.split, draws, vocabularies), strict=True):
        held_out = np.zeros(len(names), dtype=bool)
        for vocabulary, (_, test) in zip(vocabularies, drawn, strict=True):
            held_out[vocabulary[test]] = True
        items = held_out[code]
        split = (np.flatnonzero(~items.any(axis=0)), np.flatnonzero(items.all(axis=0)))
        if _has_both(label, split):
            found.append(split)
        if len(found) == splits:
            return found
    raise _too_few(what, test_fraction, "splits grouped by lemma")


def _vocabularies(code: np.ndarray) -> list[np.ndarray]:
    """Return the lemmas of each noun, as ascending codes; nouns that share lemmas have one."""
    found: list[set[int]] = []
    for noun in code:
        lemmas = set(noun.tolist())
        shared = [other for other in found if other & lemmas]
        found = [other for other in found if not other & lemmas] + [lemmas.union(*shared)]
    return [np.array(sorted(lemmas)) for lemmas in found]


def _seed(seed: int, place: int) -> int:
    """Return the seed of the draws of one vocabulary, which must not move with another's."""
    return int(np.random.SeedSequence([seed, place]).generate_state(1)[0]) if place else seed


def _listed(names: np.ndarray) -> str:
    return f"{len(names)} lemmas ({', '.join(names[:5])}{', ...' if len(names) > 5 else ''})"


def _too_few(what: str, test_fraction: float, kind: str) -> NotRun:
    return NotRun(
        f"{what} are too few for {kind}: with test_fraction = {test_fraction:g} no training and "
        "test sets with both numbers in each can be drawn. Change that fraction, choose conditions "
        "with more items, or another task"
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
        From `draw_splits`.

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
        raise NotRun(
            f"labels cannot be permuted over {len(names)} lemmas so that every training and test "
            "set keeps both labels; ask for no permutations, choose conditions with more lemmas, "
            "or another task"
        )
    return np.array(drawn, dtype=bool).reshape(replicates, len(label))
