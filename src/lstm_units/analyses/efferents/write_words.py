"""The step that lists the words each unit raises and lowers most."""

from pathlib import Path

import pandas as pd
import pyarrow as pa

from lstm_units.analyses.efferents.weights import last_layer_units, strongest_activity, top_words
from lstm_units.errors import UserError
from lstm_units.io.files import make_metadata, read_metadata, write_parquet
from lstm_units.io.unit_columns import unit_array
from lstm_units.models.checkpoints import load_language_model
from lstm_units.stimuli.aligned_items import read_aligned_items


def write_efferent_words(
    checkpoint: str | Path,
    dynamics: str | Path,
    stimuli: str | Path,
    n_words: int,
    output: str | Path,
) -> None:
    """Write ``efferents/words.parquet``, the table of `lstm_units.analyses.efferents.weights.top_words`.

    Parameters
    ----------
    checkpoint : path
        Folder of a converted checkpoint.
    dynamics, stimuli : path
        ``dynamics/{task}.parquet`` and ``stimuli/{task}.parquet`` of one task. A unit's activity is
        its mean hidden state at the word before the verb.
    n_words : int
        Words per unit and direction.
    output : path

    Raises
    ------
    UserError
        If the dynamics come from another checkpoint, or lack the hidden state of the last layer.
    """
    model = load_language_model(checkpoint)
    source = read_metadata(dynamics)
    if source.get("checkpoint_sha256") != model.sha256:
        raise UserError(
            f"{dynamics} was made from another checkpoint than {checkpoint}. Delete it and run the "
            "workflow again"
        )
    items = read_aligned_items(stimuli)
    position = items.verb_position - 1
    rows = pd.read_parquet(
        dynamics, filters=[("variable", "==", "hidden"), ("position", "==", position)]
    )
    activity = strongest_activity(rows, position)
    units = last_layer_units(model.layer_sizes)
    missing = sorted(set(units.tolist()) - set(activity.index))
    if missing:
        raise UserError(
            f"{dynamics} holds no hidden state of unit {missing[0]} of the last layer; add layer "
            f"{len(model.layer_sizes)} to activations.layers and run the workflow again"
        )
    table = top_words(
        model.decoder_weight,
        model.vocabulary.words,
        activity.loc[units],
        len(model.layer_sizes),
        n_words,
    )
    columns = {name: pa.array(table[name].to_numpy()) for name in ("weight", "effect", "activity")}
    for name in ("direction", "word", "condition"):
        columns[name] = pa.array(table[name].tolist()).dictionary_encode()
    columns["unit"] = unit_array(table["unit"])
    for name in ("layer", "rank"):
        columns[name] = pa.array(table[name].to_numpy()).cast(pa.int16())
    metadata = make_metadata(
        kind="efferent words",
        checkpoint_sha256=model.sha256,
        stimuli_sha256=source.get("stimuli_sha256"),
        config={"task": items.task, "n_words": n_words, **(source.get("config") or {})},
    )
    write_parquet(pa.table({name: columns[name] for name in table.columns}), output, metadata)
