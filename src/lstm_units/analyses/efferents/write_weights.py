"""The step that measures the weights from the last layer's units to verb forms."""

import logging
from pathlib import Path

import pyarrow as pa

from lstm_units.analyses.efferents.verb_pairs import known_pairs, read_verb_pairs
from lstm_units.analyses.efferents.weights import efferent_weights, segregation
from lstm_units.io.files import make_metadata, sha256_file, write_parquet
from lstm_units.io.unit_columns import unit_array
from lstm_units.models.checkpoints import load_language_model

log = logging.getLogger(__name__)


def write_efferents(
    checkpoint: str | Path,
    verb_pairs: str | Path,
    correction: str,
    weights_output: str | Path,
    units_output: str | Path,
) -> None:
    """Write ``efferents/weights.parquet`` and ``efferents/units.parquet``.

    Pairs with a form that the model does not know are dropped, logged, and named in the metadata.

    Parameters
    ----------
    checkpoint : path
        Folder of a converted checkpoint.
    verb_pairs : path
        As in `lstm_units.analyses.efferents.verb_pairs.read_verb_pairs`.
    correction : str
        As in `lstm_units.statistics.significance.q_values`.
    weights_output, units_output : path
        Columns as in `lstm_units.analyses.efferents.weights.efferent_weights` and `segregation`.

    Raises
    ------
    UserError
        If the table is malformed, or the model knows too few of its pairs.
    """
    model = load_language_model(checkpoint)
    pairs, dropped = known_pairs(read_verb_pairs(verb_pairs), model.vocabulary, verb_pairs)
    if dropped:
        log.warning(
            "%s: the model lacks a form of %d pairs, which are left out: %s",
            verb_pairs,
            len(dropped),
            ", ".join("/".join(pair) for pair in dropped),
        )
    weights = efferent_weights(model, pairs)
    units = segregation(weights, len(model.layer_sizes), correction)
    common = {
        "checkpoint_sha256": model.sha256,
        "stimuli_sha256": sha256_file(verb_pairs),
        "dropped_pairs": [list(pair) for pair in dropped],
    }
    for table, path, fields in (
        (weights, weights_output, {"kind": "efferent weights"}),
        (units, units_output, {"kind": "efferent units", "config": {"correction": correction}}),
    ):
        columns = {name: pa.array(table[name].to_numpy()) for name in table.columns}
        columns["unit"] = unit_array(table["unit"])
        for name in ("singular", "plural"):
            if name in columns:
                columns[name] = pa.array(table[name].tolist()).dictionary_encode()
        for name, integer in (("layer", pa.int16()), ("n_pairs", pa.int32())):
            if name in columns:
                columns[name] = columns[name].cast(integer)
        write_parquet(pa.table(columns), path, make_metadata(**common, **fields))
