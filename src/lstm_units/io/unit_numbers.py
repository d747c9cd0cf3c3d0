"""Numbers of units: from 1 through all layers, as in the paper, wherever a user sees them."""

from collections.abc import Sequence

from lstm_units.errors import InterventionError


def layer_and_index(layer_sizes: Sequence[int], unit: int) -> tuple[int, int]:
    """Turn a unit's 1-based number into its layer and its index there, both 0-based.

    Parameters
    ----------
    layer_sizes : sequence of int
        Number of units of each layer.
    unit : int
        Numbered from 1 through all layers.

    Returns
    -------
    layer, index : int

    Raises
    ------
    InterventionError
        If the model has no such unit.

    Examples
    --------
    >>> layer_and_index((650, 650), 776)
    (1, 125)
    """
    if not 1 <= unit <= sum(layer_sizes):
        raise InterventionError(
            f"unit {unit} does not exist: the model's units are numbered 1 to {sum(layer_sizes)} "
            f"(layers of {', '.join(map(str, layer_sizes))} units)"
        )
    index = unit - 1
    for layer, size in enumerate(layer_sizes):
        if index < size:
            return layer, index
        index -= size
    raise AssertionError("unreachable: the unit is within the sum of the layer sizes")


def layer_of_units(layer_sizes: Sequence[int]) -> list[int]:
    """Return the 1-based layer of every unit, in the order of the unit numbers."""
    return [layer for layer, size in enumerate(layer_sizes, start=1) for _ in range(size)]
