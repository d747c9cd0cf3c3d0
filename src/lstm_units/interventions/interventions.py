"""What an intervention is: a set of units and the way they are silenced.

Modes
-----
``zero``
    The hidden value of the unit is 0 wherever it is read: by its own layer's recurrence, by the
    next layer, by the decoder (Lakretz et al. 2019, Section 2: "fixed to zero").
``legacy``
    What the code released with that paper does: the unit loses its column in the recurrent weights
    of its layer, and in the decoder if it is in the last layer. Below the last layer the unit goes
    on driving the next layer.
``mean``
    The hidden value is replaced by a constant wherever it is read, the context included.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from lstm_units.errors import InterventionError
from lstm_units.io.unit_numbers import layer_and_index
from lstm_units.models.language_model import LanguageModel

MODES = ("zero", "legacy", "mean")


@dataclass(frozen=True)
class Interventions:
    """Sets of units, each silenced together.

    Parameters
    ----------
    mode : {"zero", "legacy", "mean"}
    sets : tuple of tuple of int
        1-based unit numbers. The empty set is the intact model.
    values : Tensor of shape (units,), optional
        For mode ``mean``: the constant of every unit of the model.
    """

    mode: str
    sets: tuple[tuple[int, ...], ...]
    values: Tensor | None = None

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise InterventionError(
                f"unknown ablation mode {self.mode!r}: expected one of {', '.join(MODES)}"
            )
        if self.mode == "mean" and self.values is None:
            raise InterventionError("mode 'mean' needs the mean hidden value of every unit")
        for units in self.sets:
            if len(set(units)) != len(units):
                raise InterventionError(f"the set {list(units)} names a unit twice")

    def subset(self, rows: Sequence[int]) -> "Interventions":
        """Return the interventions of some rows, in that order."""
        return Interventions(self.mode, tuple(self.sets[row] for row in rows), self.values)


def single_units(mode: str, units: Sequence[int], values: Tensor | None = None) -> Interventions:
    """Return one intervention per unit.

    Parameters
    ----------
    mode, values
        As in `Interventions`.
    units : sequence of int
        1-based unit numbers.

    Returns
    -------
    Interventions
        In the order of `units`.
    """
    return Interventions(mode, tuple((int(unit),) for unit in units), values)


@dataclass(frozen=True)
class Mask:
    """Which hidden values of one layer are overwritten, as index arrays.

    Parameters
    ----------
    rows, indices : Tensor of int64, shape (entries,)
        Row of the batch, and 0-based index of the unit within its layer.
    values : Tensor of shape (entries,)
    recurrence_only : bool
        Whether only the layer's own recurrence reads the overwritten value.
    """

    rows: Tensor
    indices: Tensor
    values: Tensor
    recurrence_only: bool

    def apply(self, hidden: Tensor) -> None:
        """Overwrite in place; `hidden` has shape (..., batch, units of the layer)."""
        if len(self.rows):
            hidden[..., self.rows, self.indices] = self.values

    def halved(self) -> "Mask":
        """Return the mask for hidden values kept at half their size (`lstm_units.models.cell`)."""
        return replace(self, values=self.values / 2)


def compile_masks(model: LanguageModel, interventions: Interventions) -> list[Mask]:
    """Turn sets of units into one mask per layer.

    Returns
    -------
    list of Mask
        From the first layer up; row i of the batch is intervention i.

    Raises
    ------
    InterventionError
        If the model has no such unit, or `values` does not have one value per unit.
    """
    values = interventions.values
    if values is not None and values.shape != (model.n_units,):
        raise InterventionError(
            f"expected one mean per unit, {model.n_units} values, found shape {tuple(values.shape)}"
        )
    entries: list[list[tuple[int, int, float]]] = [[] for _ in model.layers]
    for row, units in enumerate(interventions.sets):
        for unit in units:
            layer, index = layer_and_index(model.layer_sizes, unit)
            value = float(values[unit - 1]) if interventions.mode == "mean" else 0.0
            entries[layer].append((row, index, value))
    last = len(model.layers) - 1
    masks = []
    for layer, found in enumerate(entries):
        rows, indices, constants = zip(*found, strict=True) if found else ((), (), ())
        masks.append(
            Mask(
                torch.tensor(rows, dtype=torch.int64, device=model.device),
                torch.tensor(indices, dtype=torch.int64, device=model.device),
                torch.tensor(constants, dtype=model.dtype, device=model.device),
                recurrence_only=interventions.mode == "legacy" and layer < last,
            )
        )
    return masks


def lowest_layer(model: LanguageModel, units: Sequence[int]) -> int:
    """Return the lowest 0-based layer that a set of units touches; the first for no units.

    Parameters
    ----------
    units : sequence of int
        1-based unit numbers.

    Raises
    ------
    InterventionError
        If the model has no such unit.
    """
    return min((layer_and_index(model.layer_sizes, unit)[0] for unit in units), default=0)
