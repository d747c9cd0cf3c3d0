"""Where an activation dump keeps what: `dump` writes it, `reader` reads it.

A dump is a folder, one per task. ``index.parquet`` says which node each word of each item is, one
row per word; ``layer={l}/variable={v}.parquet`` has one row per node and one column per unit. A
node is a distinct prefix: items that begin alike share the nodes of their common beginning. Nodes
are numbered in the order of the rows, so row r of every file is node r.
"""

from collections.abc import Sequence
from pathlib import Path


def variable_path(folder: str | Path, layer: int, variable: str) -> Path:
    """Return the file of one variable of one layer (1-based) in a dump."""
    return Path(folder) / f"layer={layer}" / f"variable={variable}.parquet"


def first_units(layer_sizes: Sequence[int]) -> dict[int, int]:
    """Return the number of the first unit of each layer, both 1-based."""
    return {layer: 1 + sum(layer_sizes[: layer - 1]) for layer in range(1, len(layer_sizes) + 1)}
