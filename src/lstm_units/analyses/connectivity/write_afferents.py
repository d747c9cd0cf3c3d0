"""The step that measures what reaches the gates of the number, syntax and short-range units."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from lstm_units.activations.layout import INDEX
from lstm_units.activations.reader import open_activations
from lstm_units.analyses.connectivity.afferents import (
    COLUMNS,
    afferent_table,
    source_activity,
    source_layers,
)
from lstm_units.analyses.connectivity.known_units import (
    in_layers,
    known_units,
    left_out_sentence,
    read_units,
)
from lstm_units.errors import ConfigurationError, UserError
from lstm_units.io.files import lineage, write_parquet
from lstm_units.io.unit_columns import unit_array, unit_type
from lstm_units.models.checkpoints import load_language_model
from lstm_units.stimuli.aligned_items import read_aligned_items

log = logging.getLogger(__name__)

_WORDS = ("target_kind", "gate", "connection")


def write_afferents(
    checkpoint: str | Path,
    dump_folder: str | Path,
    stimuli: str | Path,
    shown: str | Path,
    syntax: str | Path | None,
    short_range: str | Path | None,
    threshold: float,
    output: str | Path,
) -> None:
    """Write ``connectivity/afferents.parquet``, the table of `connectivity.afferent_table`.

    Targets are the long-range units (or those that stand in), the syntax units (or the one that
    stands in) and the short-range units. Layers that were not dumped are left out, as targets and
    as sources; ``layers`` in the metadata are those that were dumped.

    Parameters
    ----------
    checkpoint : path
        Folder of a converted checkpoint.
    dump_folder, stimuli : path
        ``activations/{task}`` and ``stimuli/{task}.parquet`` of one task.
    shown : path
        ``units/shown.json``.
    syntax, short_range : path or None
        ``units/syntax.json`` and ``units/short_range.json``; None where they were not searched.
    threshold : float
        As in `lstm_units.analyses.connectivity.afferents.afferent_table`.
    output : path

    Raises
    ------
    ConfigurationError
        If the dump lacks the hidden state, or `threshold` is not above 0.
    UserError
        If the files were made from different checkpoints or stimuli.
    """
    if not threshold > 0:
        raise ConfigurationError(
            f"connectivity.threshold is {threshold}; write a number of standard deviations above 0"
        )
    dump = open_activations(dump_folder)
    items = read_aligned_items(stimuli)
    model = load_language_model(checkpoint)
    if dump.metadata.get("checkpoint_sha256") != model.sha256:
        raise UserError(
            f"{dump_folder} was made from another checkpoint than {checkpoint}. Delete the one "
            "that is out of date, or both, and run the workflow again"
        )
    index = Path(dump_folder) / INDEX
    units = known_units(*read_units(index, shown, syntax, short_range))
    dump.read_nodes("hidden", units=[])  # for its check, which else depends on the units
    said = left_out_sentence(units, dump.layers)
    if said:
        log.info("connectivity: %s", said)
    units = in_layers(units, dump.layers)
    if not units:
        log.info("connectivity: no unit is left whose connections could be measured")
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
    metadata = lineage(
        [index],
        kind="afferent connections",
        config={
            "task": items.task,
            "threshold": threshold,
            "dependency": [items.subject_position, items.verb_position - 1],
            "layers": list(dump.layers),
        },
        layer_sizes=list(model.layer_sizes),
    )
    write_parquet(_arrow(table), output, metadata)


def _arrow(table: pd.DataFrame) -> pa.Table:
    columns: dict[str, pa.Array] = {}
    for name in COLUMNS:
        values = table[name].to_numpy()
        if name in ("target", "source"):
            columns[name] = unit_array(values)
        elif name in _WORDS:
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
