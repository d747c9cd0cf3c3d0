"""The step of an experiment that decodes a noun's number from every single unit."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from lstm_units.activations.reader import open_activations
from lstm_units.analyses.decoding.single_units import unit_decoding
from lstm_units.errors import UserError
from lstm_units.io.files import make_metadata, write_parquet
from lstm_units.stimuli.aligned_items import read_aligned_items
from lstm_units.stimuli.table import read_stimuli, scored_sha256


def write_unit_decoding(
    dump_folder: str | Path,
    stimuli: str | Path,
    *,
    variable: str,
    label: str,
    conditions: str | Sequence[str],
    confidence: float,
    bootstrap_samples: int,
    seed: int,
    output: str | Path,
) -> None:
    """Write the AUC of a noun's number from every unit of a dump at every position.

    Parameters
    ----------
    dump_folder : path
        ``activations/{task}``.
    stimuli : path
        ``stimuli/{task}.parquet``.
    variable, label, confidence, bootstrap_samples, seed
        As in `lstm_units.analyses.decoding.single_units.unit_decoding`.
    conditions : {"all", "incongruent"} or sequence of str
        As in `lstm_units.stimuli.aligned_items.AlignedItems.select`.
    output : path
        Parquet with the columns of `lstm_units.analyses.decoding.single_units.unit_decoding`. Its metadata name the
        task and the settings.

    Raises
    ------
    UserError
        If the dump was made from other stimuli, or as in
        `lstm_units.analyses.decoding.single_units.unit_decoding`.
    """
    dump = open_activations(dump_folder)
    items = read_aligned_items(stimuli).select(conditions)
    found = scored_sha256({items.task: read_stimuli(stimuli)})
    if found != dump.metadata["stimuli_sha256"]:
        raise UserError(
            f"{dump_folder} was made from other stimuli than {stimuli}. Delete the folder "
            f"{dump_folder} and run the workflow again"
        )
    settings = {
        "variable": variable,
        "label": label,
        "confidence": confidence,
        "bootstrap_samples": bootstrap_samples,
        "seed": seed,
    }
    table = unit_decoding(dump, items, **settings)
    metadata = make_metadata(
        kind="decoding from single units",
        task=items.task,
        config={
            **settings,
            "conditions": conditions if isinstance(conditions, str) else list(conditions),
        },
        seed=seed,
        checkpoint_sha256=dump.metadata["checkpoint_sha256"],
        stimuli_sha256=found,
    )
    write_parquet(pa.Table.from_pandas(table, preserve_index=False), output, metadata)
