"""What number is decoded from: sets of units, at the words up to one after the verb."""

from collections.abc import Sequence

import numpy as np

from lstm_units.activations.reader import ActivationDump
from lstm_units.errors import NotRun
from lstm_units.stimuli.aligned_items import AFTER_VERB, AlignedItems

WITHOUT_LONG_RANGE = "without_long_range"


def decoded_positions(items: AlignedItems) -> np.ndarray:
    """Return the 0-based positions that are decoded."""
    return np.arange(min(items.verb_position + AFTER_VERB + 1, items.n_positions))


def feature_sets(
    dump: ActivationDump, long_range: Sequence[int], single: Sequence[int]
) -> dict[str, list[int]]:
    """Name the sets of units to decode from.

    Parameters
    ----------
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
        raise NotRun(f"{dump.source} holds no unit but the long-range ones; dump more layers")
    layers = {f"layer_{layer}": dump.units([layer]) for layer in dump.layers}
    return {WITHOUT_LONG_RANGE: rest, **layers, **{f"unit_{unit}": [unit] for unit in single}}
