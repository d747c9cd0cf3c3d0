"""What reaches the gates of a unit from every unit of its layer and of the layer below.

Lakretz et al. 2019, section 4.4 and Fig. 4. The effective input from a source to a gate is the
weight times the source's activity. The sign of a unit is arbitrary: negating its hidden and cell
state with all its weights gives the same network. So a weight alone says nothing about whether a
gate is opened or closed; weight times activity does.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa

from lstm_units.activations.matched import require_items
from lstm_units.activations.reader import ActivationDump
from lstm_units.analyses.connectivity.known_units import (
    content_of,
    in_layers,
    known_units,
    left_out_sentence,
)
from lstm_units.errors import ConfigurationError, NotRun
from lstm_units.io.results import Result, made_from, require_same
from lstm_units.io.unit_columns import unit_array, unit_type
from lstm_units.io.unit_numbers import layer_and_index
from lstm_units.models.variables import GATES
from lstm_units.stimuli.aligned_items import AlignedItems

if TYPE_CHECKING:
    from lstm_units.models.language_model import LanguageModel

log = logging.getLogger(__name__)

# How a source's activity is read; those in SIGN_FREE do not depend on the sign of the source.
READINGS = ("raw", "oriented", "mean", "largest", "maximum")
SIGN_FREE = ("oriented", "mean", "largest")
COLUMNS = (
    *("target", "target_kind", "gate", "source", "source_layer", "connection", "weight"),
    *("activity_mean", "activity_largest", "activity_maximum", "activity_preferred"),
    *(f"{part}_{r}" for r in READINGS for part in ("input", "z", "rank", "outlier")),
    "input_preferred",
)


def afferents(
    model: "LanguageModel",
    dump: ActivationDump,
    items: AlignedItems,
    shown: Result,
    syntax: Result | None,
    short_range: Result | None,
    *,
    threshold: float,
) -> Result:
    """Measure what reaches the gates of the number, syntax and short-range units.

    Targets are the long-range units (or those that stand in), the syntax units (or the one that
    stands in) and the short-range units. Layers that were not dumped are left out, as targets and
    as sources.

    Parameters
    ----------
    dump : ActivationDump
        Of one task.
    items : AlignedItems
        All items of the dump.
    shown : Result
        The shown units.
    syntax, short_range : Result or None
        The syntax and the short-range units; None where they were not searched.
    threshold : float
        As in `afferent_table`.

    Returns
    -------
    Result
        The table of `afferent_table`; ``layers`` in its ``config`` are those that were dumped.

    Raises
    ------
    ConfigurationError
        If `threshold` is not above 0.
    UserError
        If the dump lacks the hidden state, they were made from different checkpoints, or the
        items are not those of the dump.
    """
    if not threshold > 0:
        raise ConfigurationError(
            f"the threshold is {threshold}; write a number of standard deviations above 0"
        )
    require_same(dump, model, *(units for units in (shown, syntax, short_range) if units))
    units = known_units(*map(content_of, (shown, syntax, short_range)))
    dump.read_nodes("hidden", units=[])  # for its check, which else depends on the units
    said = left_out_sentence(units, dump.layers)
    if said:
        log.info("%s", said)
    units = in_layers(units, dump.layers)
    if not units:
        log.info("no unit is left whose connections could be measured")
    layers = [
        layer for layer in source_layers(model.layer_sizes, list(units)) if layer in dump.layers
    ]
    table = afferent_table(
        model,
        source_activity(dump, items, layers),
        {unit: known.kinds[0] for unit, known in units.items()},
        {unit: known.number for unit, known in units.items() if known.number},
        threshold,
    )
    metadata = made_from(
        dump,
        kind="afferent connections",
        config={
            "task": items.task,
            "threshold": threshold,
            "dependency": [items.subject_position, items.verb_position - 1],
            "layers": list(dump.layers),
        },
        layer_sizes=list(model.layer_sizes),
    )
    return Result(_arrow(table), metadata, "the afferent connections")


def _arrow(table: pd.DataFrame) -> pa.Table:
    columns: dict[str, pa.Array] = {}
    for name in COLUMNS:
        values = table[name].to_numpy()
        if name in ("target", "source"):
            columns[name] = unit_array(values)
        elif name in ("target_kind", "gate", "connection"):
            columns[name] = pa.array(values.tolist(), pa.string()).dictionary_encode()
        elif name == "source_layer":
            columns[name] = pa.array(values.astype(np.int16))
        elif name.startswith("rank_"):
            columns[name] = pa.array(values.astype(unit_type(values)))
        elif name.startswith("outlier_"):
            columns[name] = pa.array(values.astype(bool))
        else:  # not-a-number is null: there is no such activity, or no spread
            columns[name] = pa.array(values.astype(float), pa.float64(), from_pandas=True)
    return pa.table(columns)


def source_activity(
    dump: ActivationDump, items: AlignedItems, layers: Sequence[int], *, block: int = 128
) -> pd.DataFrame:
    """Summarise the hidden state of every unit on the words before the verb.

    Parameters
    ----------
    dump : ActivationDump
        From `lstm_units.activations.reader.open_activations`; holds the hidden state.
    items : AlignedItems
        All items of the dump.
    layers : sequence of int
        1-based.
    block : int
        Units read at a time; bounds the memory.

    Returns
    -------
    DataFrame
        Index ``unit`` (1-based, rising); ``layer``; ``mean`` over the subject-verb dependency (from
        the subject to the word before the verb) of all items, ``singular`` and ``plural``: the same
        over items with such a subject (NaN without items); over all words before the verb:
        ``largest``, the hidden state of largest size with its sign, and ``maximum``, the largest
        value (what Lakretz et al. take: for a unit that is negative throughout, a value near 0).

    Raises
    ------
    UserError
        If the hidden state or a layer was not dumped, the items are not those of the dump, or no
        subject stands before the verb.
    """
    require_items(dump, items)
    if not 0 <= items.subject_position < items.verb_position:
        raise NotRun(
            f"in {items.task} the subject does not stand before the verb, so there is no "
            "subject-verb dependency to average over; choose another task"
        )
    nodes = dump.nodes(positions=np.arange(items.verb_position))  # (items, positions)
    before_verb = np.unique(nodes)
    # Items that begin alike share nodes: each counts as often as items pass through it.
    weights = {
        name: np.bincount(
            nodes[chosen, items.subject_position :].ravel(), minlength=dump.n_nodes
        ).astype(float)
        for name, chosen in (
            ("mean", np.ones(len(items), bool)),
            ("singular", items.subject_number == "singular"),
            ("plural", items.subject_number == "plural"),
        )
    }
    tables = []
    for layer in sorted(set(layers)):
        units = dump.units([layer])
        for start in range(0, len(units), block):
            some = units[start : start + block]
            values = dump.read_nodes("hidden", units=some).astype(float)  # (nodes, units)
            table = pd.DataFrame({"layer": layer}, index=pd.Index(some, name="unit"))
            for name, weight in weights.items():
                table[name] = _weighted_mean(values, weight)
            reached = values[before_verb]
            largest = np.abs(reached).argmax(axis=0)  # of equal sizes the first word counts
            table["largest"] = reached[largest, np.arange(len(some))]
            table["maximum"] = reached.max(axis=0)
            tables.append(table)
    if not tables:
        columns = ["layer", *weights, "largest", "maximum"]
        return pd.DataFrame(columns=columns, index=pd.Index([], name="unit", dtype=int))
    return pd.concat(tables)


def _weighted_mean(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Mean over rows, shape (columns,); NaN where all weights are 0."""
    rows = np.flatnonzero(weight)
    if not len(rows):
        return np.full(values.shape[1], np.nan)
    return (weight[rows, None] * values[rows]).sum(axis=0) / weight.sum()


def source_layers(layer_sizes: Sequence[int], targets: Sequence[int]) -> list[int]:
    """Return the 1-based layers whose units reach any of the targets: their own and those below."""
    own = {layer_and_index(layer_sizes, target)[0] + 1 for target in targets}
    return sorted(own | {layer - 1 for layer in own if layer > 1})


def afferent_table(
    model: "LanguageModel",
    activity: pd.DataFrame,
    targets: Mapping[int, str],
    numbers: Mapping[int, str],
    threshold: float = 3.0,
) -> pd.DataFrame:
    """Effective input to each gate of each target from every unit that is connected to it.

    Parameters
    ----------
    activity : DataFrame
        From `source_activity`, of the layers of `source_layers`. A layer that it lacks gives no
        rows.
    targets : mapping of int to str
        1-based units, and what each is (``target_kind``).
    numbers : mapping of int to {"singular", "plural"}
        The subject number that a source serves, where it serves one.
    threshold : float
        An input is an outlier beyond this many SD from the mean of the same layer's.

    Returns
    -------
    DataFrame
        `COLUMNS`; one row per target, gate (of `GATES`, in that order) and source, sorted so.
        ``connection`` is ``recurrent`` (from the target's own layer, itself included) or
        ``from_below``; ``input_{reading}`` is weight times activity. Readings: ``mean, largest,
        maximum`` as in `source_activity`; ``raw``, the weight alone; ``oriented``, the weight with
        the sign of each source chosen so that its mean activity is positive. ``preferred``: the
        mean in items whose subject has the number that the source serves; NaN for other sources.
        ``z``, ``rank`` (1 = largest in size, equal ones share the smallest rank) and ``outlier``
        are among the sources of one layer, for one target, gate and reading; the SD is that of the
        population, and z is NaN where all inputs are equal.

    Raises
    ------
    InterventionError
        If the model has no such target.

    Notes
    -----
    Negating a source with all its weights changes none of ``oriented, mean, largest, preferred``
    (`SIGN_FREE`), but does change ``raw`` and ``maximum``. Negating a target negates the input to
    its candidate, and leaves its three gates as they are. Among n sources no z is beyond
    sqrt(n - 1).
    """
    tables = []
    for target in sorted(targets):
        depth, index = layer_and_index(model.layer_sizes, target)
        layer = model.layers[depth]
        parts = [("recurrent", depth, layer.weight_hh)]
        if depth > 0:
            parts.insert(0, ("from_below", depth - 1, layer.weight_ih))
        for place, gate in enumerate(GATES):
            row = place * layer.size + index
            for connection, source_depth, matrix in parts:
                sources = activity[activity["layer"] == source_depth + 1]
                if sources.empty:
                    continue
                weight = matrix[row].double().cpu().numpy()  # (sources,)
                part = _readings(weight, sources, numbers, threshold)
                part = part.assign(
                    target=target,
                    target_kind=targets[target],
                    gate=gate,
                    source=sources.index.to_numpy(),
                    source_layer=source_depth + 1,
                    connection=connection,
                )
                tables.append(part)
    if not tables:
        return pd.DataFrame(columns=list(COLUMNS))
    return pd.concat(tables, ignore_index=True)[list(COLUMNS)]


def _readings(
    weight: np.ndarray, sources: pd.DataFrame, numbers: Mapping[int, str], threshold: float
) -> pd.DataFrame:
    """Return the inputs from the sources of one layer to one gate, in every reading."""
    if len(weight) != len(sources):
        raise ValueError(f"{len(weight)} weights, but the activity of {len(sources)} sources")
    from scipy.stats import rankdata

    mean = sources["mean"].to_numpy(float)
    activity = {
        "raw": np.ones(len(weight)),
        "oriented": np.sign(mean),
        "mean": mean,
        "largest": sources["largest"].to_numpy(float),
        "maximum": sources["maximum"].to_numpy(float),
    }
    columns: dict[str, np.ndarray] = {"weight": weight}
    columns |= {f"activity_{name}": activity[name] for name in ("mean", "largest", "maximum")}
    columns["activity_preferred"] = np.array(
        [sources.at[u, numbers[u]] if u in numbers else np.nan for u in sources.index], float
    )
    for reading in READINGS:
        effective = weight * activity[reading]
        z = z_scores(effective)
        columns[f"input_{reading}"] = effective
        columns[f"z_{reading}"] = z
        columns[f"rank_{reading}"] = rankdata(-np.abs(effective), method="min").astype(int)
        columns[f"outlier_{reading}"] = np.abs(z) > threshold
    columns["input_preferred"] = weight * columns["activity_preferred"]
    return pd.DataFrame(columns)


def z_scores(values: np.ndarray) -> np.ndarray:
    """Distance of each value from the mean of all, in SD of the population; NaN if all are equal.

    Parameters
    ----------
    values : ndarray of shape (n,)

    Returns
    -------
    ndarray of shape (n,)
    """
    if np.ptp(values) == 0:
        return np.full(len(values), np.nan)
    return (values - values.mean()) / values.std()
