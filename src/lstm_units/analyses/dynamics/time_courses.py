"""What each unit does over time: mean and SD of its variables by condition and position.

Figure 1 of Lakretz et al. 2019 shows this for two units. Their caption speaks of all items; their
code keeps those that the network answers rightly. Both are possible here.

Items that share a prefix share its node, so each condition and position is a weighted mean over few
nodes: the weight is the number of items that pass through the node.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from lstm_units.activations.matched import require_items
from lstm_units.activations.reader import ActivationDump
from lstm_units.errors import ConfigurationError, UserError
from lstm_units.io.results import Result, made_from
from lstm_units.io.unit_columns import unit_array
from lstm_units.statistics.margins import condition_rank
from lstm_units.stimuli.aligned_items import AlignedItems

COLUMNS = ("unit", "layer", "variable", "position", "condition", "n", "mean", "sd")


@dataclass(frozen=True)
class _Cells:
    """Positions by conditions, and the nodes with their weights in each that has items.

    Nodes of one cell stand together, cells in rising order.
    """

    conditions: tuple[str, ...]
    n: np.ndarray  # (positions, conditions): items
    filled: np.ndarray  # (filled cells,): index into the flattened n
    start: np.ndarray  # (filled cells,): first entry of each
    node: np.ndarray  # (entries,)
    weight: np.ndarray  # (entries, 1)


def time_courses(
    dump: ActivationDump, items: AlignedItems, intact: Result, *, answers: str
) -> Result:
    """Measure what every unit of a dump does over time.

    Parameters
    ----------
    items : AlignedItems
        All items of the dump.
    intact : Result
        ``item, right``: which of them the intact model answers rightly.
    answers : {"right", "all"}
        Which items count; ``right`` is what the figure of Lakretz et al. 2019 shows.

    Returns
    -------
    Result
        The table of `dynamics_table`.

    Raises
    ------
    ConfigurationError
        If `answers` is another word.
    UserError
        If activations, stimuli and answers do not belong together.
    """
    if answers not in ("right", "all"):
        raise ConfigurationError(f"the items {answers!r} are unknown; write right or all")
    metadata = made_from(
        dump,
        intact,
        kind="dynamics",
        stimuli_sha256=dump.metadata.get("stimuli_sha256"),
        config={"items": answers},
    )
    if not np.array_equal(intact.frame["item"], items.item):
        raise UserError(
            f"{intact.source} was made from other stimuli than {dump.source}. Delete the one that "
            "is out of date, or both, and run the workflow again"
        )
    right = intact.frame["right"].to_numpy() if answers == "right" else None
    return Result(_arrow(dynamics_table(dump, items, right)), metadata, "the dynamics")


def _arrow(table: pd.DataFrame) -> pa.Table:
    """Return the rows with the column types of the file contract."""
    columns = {name: pa.Array.from_pandas(table[name]) for name in table.columns}
    columns["unit"] = unit_array(table["unit"])
    types = {"layer": pa.int16(), "position": pa.int16(), "n": pa.int32()}
    for name, type_ in (types | {"mean": pa.float32(), "sd": pa.float32()}).items():
        # Of the numpy array: from pandas, NaN would turn into null.
        columns[name] = pa.array(table[name].to_numpy()).cast(type_)
    return pa.table(columns)


def dynamics_table(
    dump: ActivationDump,
    items: AlignedItems,
    right: np.ndarray | None = None,
    *,
    block: int = 64,
) -> pd.DataFrame:
    """Mean and SD of every variable of every unit, by position and condition.

    Parameters
    ----------
    dump : ActivationDump
        From `lstm_units.activations.reader.open_activations`.
    items : AlignedItems
        All items of the dump.
    right : ndarray of bool, shape (items,), optional
        Keep only these items. A condition in which none is left has n = 0 and NaN throughout.
    block : int
        Units read at a time; bounds the memory beyond the result.

    Returns
    -------
    DataFrame
        ``unit`` (1-based), ``layer`` (1-based), ``variable``, ``position`` (0-based), ``condition``
        (the last three but position categorical), ``n`` (items), ``mean``, ``sd`` (of the sample,
        ddof = 1; NaN below two items). Rows in the order of these columns, variables as the dump
        lists them.

    Raises
    ------
    UserError
        If the items are not those of the dump, or `right` has another length.
    """
    require_items(dump, items)
    kept = np.ones(len(items), bool) if right is None else np.asarray(right, bool)
    if kept.shape != (len(items),):
        raise UserError(
            f"{dump.task} has {len(items)} items, but {len(kept)} answers were given; delete "
            f"intact/{dump.task}.parquet and run the workflow again"
        )
    cells = _cells(dump.nodes(), items.condition.astype(str), kept)
    tables = [
        _block_table(dump, layer, units[start : start + block], cells)
        for layer in dump.layers
        for units in [dump.units([layer])]
        for start in range(0, len(units), block)
    ]
    table = pd.concat(tables, ignore_index=True)
    for name, order in (("variable", dump.variables), ("condition", cells.conditions)):
        table[name] = pd.Categorical.from_codes(table[name], categories=list(order))
    return table


def _cells(nodes: np.ndarray, condition: np.ndarray, kept: np.ndarray) -> _Cells:
    """Count how many kept items of each condition pass through each node at each position."""
    conditions = tuple(sorted(set(condition.tolist()), key=condition_rank))
    code = np.array([conditions.index(name) for name in condition.tolist()], dtype=int)
    positions = nodes.shape[1]
    used = (nodes >= 0) & kept[:, None]  # (items, positions)
    item, position = np.nonzero(used)
    cell = position * len(conditions) + code[item]
    node = nodes[item, position]
    pairs, weight = np.unique(np.stack([cell, node], axis=1), axis=0, return_counts=True)
    pairs = pairs.reshape(-1, 2)
    filled, start = np.unique(pairs[:, 0], return_index=True)
    n = np.bincount(cell, minlength=positions * len(conditions))
    return _Cells(
        conditions,
        n.reshape(positions, len(conditions)),
        filled,
        start,
        pairs[:, 1],
        weight[:, None].astype(float),
    )


def _block_table(dump: ActivationDump, layer: int, units: list[int], cells: _Cells) -> pd.DataFrame:
    """Rows of some units; variable and condition as codes."""
    positions, conditions = cells.n.shape
    shape = (len(units), len(dump.variables), positions, conditions)
    mean, sd = np.empty(shape), np.empty(shape)
    for place, variable in enumerate(dump.variables):
        values = dump.read_nodes(variable, units=units).astype(float)  # (nodes, units)
        for target, found in zip((mean, sd), _moments(values, cells), strict=True):
            target[:, place] = found.T.reshape(len(units), positions, conditions)
    grid = np.indices(shape).reshape(4, -1)
    return pd.DataFrame(
        {
            "unit": np.asarray(units)[grid[0]],
            "layer": layer,
            "variable": grid[1],
            "position": grid[2],
            "condition": grid[3],
            "n": np.broadcast_to(cells.n, shape).ravel(),
            "mean": mean.ravel(),
            "sd": sd.ravel(),
        },
        columns=list(COLUMNS),
    )


def _moments(values: np.ndarray, cells: _Cells) -> tuple[np.ndarray, np.ndarray]:
    """Mean and sample SD of each cell, shape (cells, units); NaN where a cell has too few items."""
    mean = np.full((cells.n.size, values.shape[1]), np.nan)
    sd = mean.copy()
    if not len(cells.filled):
        return mean, sd
    n = cells.n.ravel()[cells.filled][:, None].astype(float)
    length = np.diff(np.append(cells.start, len(cells.node)))
    # Differences from a value of the cell: values that are all equal get an SD of exactly 0.
    origin = values[cells.node[cells.start]]
    apart = values[cells.node] - np.repeat(origin, length, axis=0)  # (entries, units)
    shift = np.add.reduceat(cells.weight * apart, cells.start, axis=0) / n
    apart -= np.repeat(shift, length, axis=0)
    squares = np.add.reduceat(cells.weight * apart**2, cells.start, axis=0)
    mean[cells.filled] = origin + shift
    with np.errstate(invalid="ignore", divide="ignore"):
        sd[cells.filled] = np.where(n > 1, np.sqrt(squares / (n - 1)), np.nan)
    return mean, sd
