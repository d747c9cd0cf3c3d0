"""Reading activation dumps: the values of chosen units on chosen words, and nothing else from disk.

The layout is described in `activation_layout`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lstm_units.activations.layout import first_units, variable_path
from lstm_units.errors import NotRun, UserError
from lstm_units.io.files import INDEX, encode_metadata, read_metadata
from lstm_units.models.variables import VARIABLES

_TOGETHER = 64  # units


@dataclass(frozen=True)
class ActivationDump:
    """The activations of one task; made by `open_activations`.

    Parameters
    ----------
    folder : Path
    task : str
    variables : tuple of str
        The dumped ones, in the order of `VARIABLES`.
    layers : tuple of int
        The dumped ones, 1-based.
    model_layer_sizes : tuple of int
        Number of units of every layer of the model, dumped or not.
    item : ndarray of int32, shape (items,)
        Item numbers as in the stimuli; ascending, with gaps where items were dropped.
    condition : ndarray of str, shape (items,)
    node : ndarray of int32, shape (items, positions)
        The node of each word; -1 behind the end of a sentence.
    n_nodes : int
        Number of distinct prefixes.
    metadata : dict
        How the dump was made.
    """

    folder: Path
    task: str
    variables: tuple[str, ...]
    layers: tuple[int, ...]
    model_layer_sizes: tuple[int, ...]
    item: np.ndarray
    condition: np.ndarray
    node: np.ndarray = field(repr=False)
    n_nodes: int
    metadata: dict[str, Any] = field(repr=False)

    @property
    def source(self) -> str:
        """What messages call the dump: its folder."""
        return str(self.folder)

    @property
    def n_positions(self) -> int:
        """Number of words of the longest sentence."""
        return self.node.shape[1]

    @property
    def layer_sizes(self) -> dict[int, int]:
        """Number of units of each dumped layer, by its 1-based number."""
        return {layer: self.model_layer_sizes[layer - 1] for layer in self.layers}

    def units(self, layers: Sequence[int] | None = None) -> list[int]:
        """Return the 1-based numbers of the units of some dumped layers, in ascending order.

        Parameters
        ----------
        layers : sequence of int, optional
            1-based; all dumped layers by default.

        Raises
        ------
        UserError
            If a layer was not dumped.
        """
        chosen = sorted(set(self.layers if layers is None else map(int, layers)))
        for layer in chosen:
            self._check_layer(layer)
        first = first_units(self.model_layer_sizes)
        return [
            unit
            for layer in chosen
            for unit in range(first[layer], first[layer] + self.model_layer_sizes[layer - 1])
        ]

    def nodes(
        self,
        items: Sequence[int] | np.ndarray | None = None,
        positions: Sequence[int] | np.ndarray | None = None,
    ) -> np.ndarray:
        """Return the node of each word of some items.

        Parameters
        ----------
        items : sequence of int, optional
            Item numbers, in any order; all items by default.
        positions : sequence of int, optional
            0-based; all positions of the longest sentence by default.

        Returns
        -------
        ndarray of int32, shape (items, positions)
            -1 where the sentence is shorter.

        Raises
        ------
        UserError
            If the task has no such item, or no sentence is that long.
        """
        return self._nodes(self._rows(items, None), positions)

    def read(
        self,
        variable: str,
        units: Sequence[int] | np.ndarray | None = None,
        layers: Sequence[int] | None = None,
        items: Sequence[int] | np.ndarray | None = None,
        condition: str | Sequence[str] | None = None,
        positions: Sequence[int] | np.ndarray | None = None,
    ) -> np.ndarray:
        """Return a variable of some units on some words.

        Parameters
        ----------
        variable : str
            One of `VARIABLES`.
        units : sequence of int, optional
            1-based, in any order; by default all units of `layers`.
        layers : sequence of int, optional
            1-based; by default all dumped layers.
        items : sequence of int, optional
            Item numbers, in any order; all by default.
        condition : str or sequence of str, optional
            Keep only the items of these conditions.
        positions : sequence of int, optional
            0-based, in any order; all positions of the longest sentence by default.

        Returns
        -------
        ndarray of float32 or float64, shape (items, positions, units)
            In the order asked for. NaN where a sentence is shorter. A dump in float16 is returned
            in float32, so that sums over many words do not overflow or lose digits. Only the
            columns of the units, and the row groups with a node that is asked for, are read.

        Raises
        ------
        UserError
            If the variable, a layer or a unit was not dumped, the task has no such item, condition
            or position, or a file is missing or damaged.
        """
        wanted = self._wanted(variable, units, layers)
        nodes = self._nodes(self._rows(items, condition), positions)
        values = self._gather(variable, wanted, nodes.ravel())
        return values.reshape(*nodes.shape, values.shape[1])

    def read_nodes(
        self,
        variable: str,
        units: Sequence[int] | np.ndarray | None = None,
        layers: Sequence[int] | None = None,
    ) -> np.ndarray:
        """Return a variable of some units, each distinct prefix once.

        Parameters
        ----------
        variable, units, layers
            As in `read`.

        Returns
        -------
        ndarray of float32 or float64, shape (nodes, units)
            Row r is node r; `nodes` says which words it stands for.

        Raises
        ------
        UserError
            As in `read`.
        """
        wanted = self._wanted(variable, units, layers)
        return self._gather(variable, wanted, np.arange(self.n_nodes))

    def _gather(self, variable: str, wanted: np.ndarray, nodes: np.ndarray) -> np.ndarray:
        """Return values of shape (nodes, units), NaN for node -1; one row group at a time."""
        width = np.float64 if self.metadata["config"]["float_type"] == "float64" else np.float32
        values = np.full((len(nodes), len(wanted)), np.nan, dtype=width)
        order = np.argsort(nodes, kind="stable")
        ascending = nodes[order]
        first = first_units(self.model_layer_sizes)
        for layer in self.layers:
            last = first[layer] + self.model_layer_sizes[layer - 1]
            places = np.flatnonzero((wanted >= first[layer]) & (wanted < last))
            if len(places) == 0:
                continue
            columns, column_of = np.unique(wanted[places], return_inverse=True)
            names = [str(unit) for unit in columns.tolist()]
            for low, high, start, block in self._blocks(layer, variable, names, ascending):
                rows = ascending[low:high] - start
                # Some units at a time: nothing of full size is copied.
                for left in range(0, len(places), _TOGETHER):
                    some = slice(left, left + _TOGETHER)
                    part = np.stack([block[column] for column in column_of[some]], axis=1)
                    values[np.ix_(order[low:high], places[some])] = part[rows]
        return values

    def _blocks(
        self, layer: int, variable: str, columns: Sequence[str], nodes: np.ndarray
    ) -> Iterator[tuple[int, int, int, list[np.ndarray]]]:
        """Read the row groups that hold any of the ascending `nodes`.

        Yields the range of `nodes` that a row group holds, its first node, and its columns.
        """
        path = variable_path(self.folder, layer, variable)
        try:
            with pq.ParquetFile(path, page_checksum_verification=True) as file:
                self._check_file(path, file.metadata)
                start = 0
                for group in range(file.metadata.num_row_groups):
                    stop = start + file.metadata.row_group(group).num_rows
                    low, high = np.searchsorted(nodes, [start, stop]).tolist()
                    if low < high:
                        table = file.read_row_group(group, columns=list(columns))
                        yield low, high, start, [table[name].to_numpy() for name in columns]
                    start = stop
        except (OSError, pa.ArrowException, KeyError) as error:
            raise _damaged(self.folder, f"{path}: {error}") from error

    def _check_file(self, path: Path, file: pq.FileMetaData) -> None:
        if file.num_rows != self.n_nodes:
            raise _damaged(self.folder, f"{path} has {file.num_rows} rows, not {self.n_nodes}")
        # All files of a dump carry the same metadata; those of another run differ.
        found = {key.decode(): value.decode() for key, value in (file.metadata or {}).items()}
        if not encode_metadata(self.metadata).items() <= found.items():
            raise _damaged(self.folder, f"{path} comes from another run than its index")

    def _wanted(
        self,
        variable: str,
        units: Sequence[int] | np.ndarray | None,
        layers: Sequence[int] | None,
    ) -> np.ndarray:
        if variable not in VARIABLES:
            raise UserError(
                f"there is no variable {variable!r}; expected one of {', '.join(VARIABLES)}"
            )
        if variable not in self.variables:
            raise UserError(
                f"{self.folder} holds {', '.join(self.variables)}, but not {variable}; dump it too"
            )
        known = self.units(layers)
        if units is None:
            return np.asarray(known, dtype=np.int64)
        wanted = _integers(units, "units")
        missing = wanted[~np.isin(wanted, known)]
        if len(missing):
            raise self._no_unit(int(missing[0]), layers)
        return wanted

    def _no_unit(self, unit: int, layers: Sequence[int] | None) -> UserError:
        sizes = self.model_layer_sizes
        if not 1 <= unit <= sum(sizes):
            return UserError(
                f"unit {unit} does not exist: the model's units are numbered 1 to {sum(sizes)} "
                f"(layers of {', '.join(map(str, sizes))} units)"
            )
        layer = int(np.searchsorted(np.cumsum(sizes), unit)) + 1
        if layer in self.layers:
            return UserError(
                f"unit {unit} is in layer {layer}, but only layers "
                f"{', '.join(map(str, layers or ()))} were asked for"
            )
        return self._no_layer(layer, f"unit {unit} of layer {layer}")

    def _check_layer(self, layer: int) -> None:
        if layer not in self.layers:
            raise self._no_layer(layer, f"layer {layer}")

    def _no_layer(self, layer: int, what: str) -> UserError:
        n_layers = len(self.model_layer_sizes)
        if not 1 <= layer <= n_layers:
            return UserError(f"the model has no {what}; its layers are 1 to {n_layers}")
        return UserError(
            f"{self.folder} does not hold {what}, only layers {', '.join(map(str, self.layers))}; "
            "dump it too"
        )

    def _rows(
        self,
        items: Sequence[int] | np.ndarray | None,
        condition: str | Sequence[str] | None,
    ) -> np.ndarray:
        """Return the places of items among all items."""
        if items is None:
            rows = np.arange(len(self.item))
        else:
            wanted = _integers(items, "items")
            rows = np.searchsorted(self.item, wanted)
            unknown = wanted[self.item[np.minimum(rows, len(self.item) - 1)] != wanted]
            if len(unknown):
                raise UserError(
                    f"the activations of {self.task} have no item {unknown[0]}; its items are "
                    f"{len(self.item)} between {self.item[0]} and {self.item[-1]}. Run the "
                    "workflow again if the stimuli have changed"
                )
        if condition is None:
            return rows
        chosen = [condition] if isinstance(condition, str) else list(condition)
        known = sorted(set(self.condition.tolist()))
        for name in chosen:
            if name not in known:
                raise UserError(
                    f"the task {self.task} has no condition {name}; it has {', '.join(known)}"
                )
        return rows[np.isin(self.condition[rows], chosen)]

    def _nodes(self, rows: np.ndarray, positions: Sequence[int] | np.ndarray | None) -> np.ndarray:
        if positions is None:
            return self.node[rows]
        wanted = _integers(positions, "positions")
        outside = wanted[(wanted < 0) | (wanted >= self.n_positions)]
        if len(outside):
            raise UserError(
                f"position {outside[0]} does not exist: the positions of {self.task} are 0 to "
                f"{self.n_positions - 1}"
            )
        return self.node[np.ix_(rows, wanted)]


def open_activations(folder: str | Path) -> ActivationDump:
    """Open the activation dump of a task; reads the index, no activation.

    Parameters
    ----------
    folder : path
        ``activations/{task}``.

    Returns
    -------
    ActivationDump

    Raises
    ------
    UserError
        If the folder is missing, damaged, or lacks one of its files.
    NotRun
        If it says why there are no activations.
    """
    folder = Path(folder)
    path = folder / INDEX
    if not path.is_file():
        raise _damaged(folder, f"there is no {path}")
    try:
        # One file, not a dataset: folder names such as layer=1 must not become columns.
        metadata = read_metadata(path)
        index = pq.ParquetFile(path).read()
        columns = {name: index[name].to_numpy() for name in ("item", "position", "node")}
        conditions = np.asarray(index["condition"].to_pylist(), dtype=str)
        config = metadata["config"]
        variables, layers = tuple(config["variables"]), tuple(config["layers"])
        sizes, n_nodes = tuple(config["layer_sizes"]), metadata["n_nodes"]
        task, _ = metadata["task"], config["float_type"]
    except NotRun:
        raise
    except (UserError, OSError, pa.ArrowException, KeyError, TypeError) as error:
        raise _damaged(folder, f"{INDEX} cannot be used: {error}") from error
    for layer in layers:
        for variable in variables:
            if not variable_path(folder, layer, variable).is_file():
                raise _damaged(folder, f"{variable_path(folder, layer, variable)} is missing")
    item, first, row_of = np.unique(columns["item"], return_index=True, return_inverse=True)
    node = np.full((len(item), int(columns["position"].max()) + 1), -1, dtype=np.int32)
    node[row_of.reshape(-1), columns["position"]] = columns["node"]
    if not np.array_equal(np.unique(columns["node"]), np.arange(n_nodes)):
        raise _damaged(folder, f"{INDEX} does not name each of {n_nodes} nodes")
    return ActivationDump(
        folder=folder,
        task=task,
        variables=variables,
        layers=layers,
        model_layer_sizes=sizes,
        item=item.astype(np.int32),
        condition=conditions[first],
        node=node,
        n_nodes=n_nodes,
        metadata=metadata,
    )


def _integers(values: Sequence[int] | np.ndarray, name: str) -> np.ndarray:
    array = np.asarray(values)
    if array.size == 0:
        return np.zeros(0, dtype=np.int64)
    if array.ndim != 1 or not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"{name} must be a sequence of whole numbers, not {array.dtype}")
    return array.astype(np.int64)


def _damaged(folder: Path, what: str) -> UserError:
    return UserError(
        f"the activations in {folder} cannot be read: {what}. If the workflow made this folder, "
        "delete it and run the workflow again; otherwise give the folder of a dump"
    )
