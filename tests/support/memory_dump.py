"""Activations in memory, in place of a folder."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass
class MemoryDump:
    """What decoding uses of a dump, of the variable ``cell``; notes how much is read at a time.

    Parameters
    ----------
    item : ndarray of shape (items,)
    node : ndarray of shape (items, positions)
    values : ndarray of shape (nodes, units)
    sizes : tuple of int
        Number of units of each layer.
    """

    item: np.ndarray
    node: np.ndarray
    values: np.ndarray
    sizes: tuple[int, ...] = (3, 4)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    source: str = "the activations"
    largest_read: int = 0

    @classmethod
    def of_items(cls, item: np.ndarray, values: np.ndarray, **fields: Any) -> "MemoryDump":
        """Give each word of each item a node of its own; values have (items, positions, units)."""
        node = np.arange(values[..., 0].size, dtype=np.int32).reshape(values.shape[:2])
        return cls(item, node, values.reshape(-1, values.shape[-1]), **fields)

    @property
    def n_nodes(self) -> int:
        return len(self.values)

    @property
    def layers(self) -> tuple[int, ...]:
        return tuple(range(1, len(self.sizes) + 1))

    @property
    def model_layer_sizes(self) -> tuple[int, ...]:
        return self.sizes

    def units(self, layers=None) -> list[int]:
        ends = np.cumsum(self.sizes)
        return [
            unit
            for layer in layers or self.layers
            for unit in range(ends[layer - 1] - self.sizes[layer - 1] + 1, ends[layer - 1] + 1)
        ]

    def nodes(self, items, positions) -> np.ndarray:
        return self.node[np.ix_(np.searchsorted(self.item, items), positions)]

    def read_nodes(self, variable, units) -> np.ndarray:
        assert variable == "cell"
        self.largest_read = max(self.largest_read, len(units))
        return self.values[:, np.array(units) - 1]

    def read(self, variable, units, items, positions=(0,)) -> np.ndarray:
        return self.read_nodes(variable, units)[self.nodes(np.array(items, int), positions)]
