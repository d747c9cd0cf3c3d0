"""Generalisation across time: a decoder trained on one word and tested on every word.

Number at one word is read by a linear support vector machine from the values of many units, or of
one; its AUC on other words says whether number is held in the same units in the same way (Lakretz
et al. 2019, Section 4.2 and Figure 2; King and Dehaene 2014). An AUC near 0 is a code that has
swapped, not one that is lost.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lstm_units.activations.reader import ActivationDump
from lstm_units.analyses.decoding.generalisation import Classifier, generalise
from lstm_units.analyses.decoding.hold_outs import Split
from lstm_units.errors import ConfigurationError
from lstm_units.stimuli.aligned_items import AlignedItems

WITHOUT_LONG_RANGE = "without_long_range"
REFERENCES = ("none", "permuted", "untrained")
AFTER_VERB = 1  # words after the verb that are still decoded


def decoded_positions(items: AlignedItems, after_verb: int = AFTER_VERB) -> np.ndarray:
    """Return the 0-based positions that are decoded: up to `after_verb` words after the verb."""
    return np.arange(min(items.verb_position + after_verb + 1, items.n_positions))


def feature_sets(
    dump: ActivationDump, long_range: Sequence[int], single: Sequence[int]
) -> dict[str, list[int]]:
    """Name the sets of units to decode from.

    Parameters
    ----------
    dump : ActivationDump
    long_range : sequence of int
        The long-range units; may be empty.
    single : sequence of int
        Units to decode from alone.

    Returns
    -------
    dict of str to list of int
        ``without_long_range`` (all dumped units but the long-range ones), ``layer_1`` and so on,
        ``unit_776`` and so on, with the 1-based units.

    Raises
    ------
    ConfigurationError
        If nothing is left without the long-range units.
    """
    rest = [unit for unit in dump.units() if unit not in set(long_range)]
    if not rest:
        raise ConfigurationError(
            f"{dump.folder} holds no unit but the long-range ones; dump more layers "
            "(activations.layers in config.yaml)"
        )
    layers = {f"layer_{layer}": dump.units([layer]) for layer in dump.layers}
    return {WITHOUT_LONG_RANGE: rest, **layers, **{f"unit_{unit}": [unit] for unit in single}}


@dataclass(frozen=True)
class Decoding:
    """What all decodings of one analysis share.

    Parameters
    ----------
    items : AlignedItems
        The items to decode, already selected.
    variable : str
        Such as ``"cell"``.
    label : str
        As in `lstm_units.stimuli.aligned_items.LABEL`.
    splits : sequence of (ndarray, ndarray)
        From `lstm_units.analyses.decoding.hold_outs.hold_outs`.
    classifier : Classifier
    """

    items: AlignedItems
    variable: str
    label: str
    splits: Sequence[Split]
    classifier: Classifier

    @property
    def positions(self) -> np.ndarray:
        """0-based positions."""
        return decoded_positions(self.items)

    def read(self, dump: ActivationDump, units: Sequence[int]) -> np.ndarray:
        """Read float32 values of shape (items, positions, units).

        In float32 the mean of a unit that is the same in all items is exact, so that it is
        standardised to 0 and not to a rounding error that a classifier could learn from.
        """
        values = dump.read(
            self.variable, units=units, items=self.items.item, positions=self.positions
        )
        return values.astype(np.float32, copy=False)


def decode(
    analysis: Decoding, dump: ActivationDump, features: Mapping[str, Sequence[int]]
) -> pd.DataFrame:
    """Train at every position and test at every position.

    Parameters
    ----------
    analysis : Decoding
    dump : ActivationDump
    features : mapping of str to sequence of int
        Sets of units, see `feature_sets`; one is in memory at a time.

    Returns
    -------
    DataFrame
        ``features, reference, replicate, split, train_position, test_position, n_units, auc,
        converged``; reference is ``"none"`` and replicate 0. ``converged``: whether the solver
        reached its tolerance.

    Raises
    ------
    ConfigurationError
        If the variable or a unit was not dumped.
    """
    label = analysis.items.label(analysis.label)
    # What was not dumped is refused before anything is computed.
    every = sorted({unit for units in features.values() for unit in units})
    dump.read(analysis.variable, units=every, items=[])
    return pd.concat(
        [
            _table(
                analysis,
                analysis.read(dump, units),
                label,
                analysis.positions,
                features=name,
                reference="none",
                replicate=0,
            )
            for name, units in features.items()
        ],
        ignore_index=True,
    )


def decode_permuted(
    analysis: Decoding,
    dump: ActivationDump,
    units: Sequence[int],
    labels: np.ndarray,
    train_at: int,
    features: str = WITHOUT_LONG_RANGE,
) -> pd.DataFrame:
    """Decode labels that were permuted over lemmas, as a reference; trained at one position.

    Parameters
    ----------
    analysis : Decoding
    dump : ActivationDump
    units : sequence of int
    labels : ndarray of bool, shape (replicates, items)
        From `lstm_units.analyses.decoding.hold_outs.permuted_labels`.
    train_at : int
    features : str
        Name of the set of units.

    Returns
    -------
    DataFrame
        As in `decode`, reference ``"permuted"``, replicates from 1.
    """
    values = analysis.read(dump, units)
    return _together(
        _table(
            analysis,
            values,
            label,
            [train_at],
            features=features,
            reference="permuted",
            replicate=replicate,
        )
        for replicate, label in enumerate(labels, start=1)
    )


def decode_untrained(
    analysis: Decoding,
    dumps: Iterable[ActivationDump],
    units: Sequence[int],
    features: str = WITHOUT_LONG_RANGE,
) -> pd.DataFrame:
    """Decode from untrained networks of the same shape, as a reference; trained at every position.

    Parameters
    ----------
    analysis, units, features
        As in `decode_permuted`.
    dumps : iterable of ActivationDump
        One per untrained network; one is in memory at a time.

    Returns
    -------
    DataFrame
        As in `decode`, reference ``"untrained"``, replicates from 1 in the order of `dumps`.
    """
    label = analysis.items.label(analysis.label)
    return _together(
        _table(
            analysis,
            analysis.read(dump, units),
            label,
            analysis.positions,
            features=features,
            reference="untrained",
            replicate=replicate,
        )
        for replicate, dump in enumerate(dumps, start=1)
    )


def _together(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    found = list(tables)
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame()


def _table(
    analysis: Decoding,
    values: np.ndarray,
    label: np.ndarray,
    train_at: Sequence[int] | np.ndarray,
    *,
    features: str,
    reference: str,
    replicate: int,
) -> pd.DataFrame:
    """Decode one set of units with one label; a row per split, train and test position."""
    auc, converged = generalise(values, label, analysis.splits, train_at, analysis.classifier)
    split, train, test = (index.ravel() for index in np.indices(auc.shape))
    return pd.DataFrame(
        {
            "features": features,
            "reference": reference,
            "replicate": replicate,
            "split": split,
            "train_position": np.asarray(train_at)[train],
            "test_position": analysis.positions[test],
            "n_units": values.shape[2],
            "auc": auc.ravel(),
            "converged": converged[split, train],
        }
    )
