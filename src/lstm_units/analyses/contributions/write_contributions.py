"""The step of an experiment that splits the verb margin into the contributions of units."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from lstm_units.analyses.contributions.parts import BIAS, REST, contributions
from lstm_units.errors import UserError
from lstm_units.interventions.context_states import read_context
from lstm_units.interventions.interventions import Interventions
from lstm_units.interventions.model_inputs import (
    Compute,
    Context,
    loaded_model,
    model_metadata,
    read_group,
    sweep_size,
)
from lstm_units.io.files import read_json, read_metadata, write_parquet
from lstm_units.io.unit_numbers import layer_and_index
from lstm_units.models.language_model import LanguageModel
from lstm_units.statistics.margins import read_columns

log = logging.getLogger(__name__)

# The parts must add up to the margin that the intact model got. Both are sums of float32 products
# there, so a margin of 100 nats is not known to better than the second term.
TOLERANCE, RELATIVE_TOLERANCE = 1e-4, 1e-6


def write_contributions(
    checkpoint: str | Path,
    stimuli: str | Path,
    context: Context,
    intact: str | Path,
    long_range: str | Path,
    short_range: str | Path,
    compute: Compute,
    output: str | Path,
) -> None:
    """Split the verb margin of every item of a task into long-range, short-range units and rest.

    Units of lower layers act through the last layer only: they are left out and named in the
    metadata. A unit that is both long-range and short-range counts as long-range.

    Parameters
    ----------
    checkpoint : path
        Folder of a converted checkpoint.
    stimuli : path
        ``stimuli/{task}.parquet``.
    context : Context
    intact : path
        ``intact/{task}.parquet``.
    long_range, short_range : path
        JSON whose ``units`` have a ``unit`` each (1-based). Short-range units of the last layer
        whose ``supports_its_number`` is false are named in the metadata, under
        ``config.units.short_range_against``.
    compute : Compute
    output : path
        ``contributions/{task}.parquet``; its stem names the task. Columns ``item, condition,
        right, margin`` (of the intact model), ``long_range, short_range, rest, bias`` (which add
        up to the margin; nats, float32), ``subject_number`` (singular or plural),
        ``subject_lemma, verb_lemma`` (these three null where not known), and ``unit_{number}`` for
        each long-range unit of the last layer.

    Raises
    ------
    UserError
        If the files come from several checkpoints, stimuli or contexts, or if the parts do not
        add up to the margins of `intact` within 1e-4.
    InterventionError
        If the model has no such unit.
    """
    task = Path(output).stem
    with loaded_model(checkpoint, compute) as model:
        group = read_group({task: stimuli}, model.vocabulary)
        units = _units_of_parts(model, long_range, short_range)
        metadata = model_metadata(
            "contributions", model, compute, group, **context.metadata(), units=units
        )
        known = _read_intact_scores(intact, metadata, group.number)
        for path in (long_range, short_range):
            _require_same("checkpoint", path, read_metadata(path), metadata, "checkpoint_sha256")
        words = context.ids(model.vocabulary, ablated=False)
        states = read_context(model, Interventions("zero", ((),)), words)
        parts = {name: units[name] for name in ("long_range", "short_range")}
        split = contributions(
            model,
            group.items,
            states,
            parts,
            sweep_size(compute, model.device),
            units["long_range"],
        )
    _require_sum(split, [*parts, REST, BIAS], known, intact)
    subjects = read_columns(stimuli, ["subject_number", "subject_lemma", "verb_lemma"])
    columns: dict[str, Any] = {
        "item": pa.array(group.number, pa.int32()),
        "condition": pa.array(group.condition).dictionary_encode(),
        "right": pa.array(known["right"].to_numpy()),
        "margin": pa.array(known["margin"].to_numpy().astype(np.float32)),
        **{name: pa.array(split[name].to_numpy().astype(np.float32)) for name in split.columns},
    }
    single = [name for name in split.columns if name.startswith("unit_")]
    for name in subjects.column_names:
        columns[name] = subjects[name].cast(pa.string()).combine_chunks().dictionary_encode()
    ordered = {name: columns[name] for name in columns if name not in single}
    write_parquet(pa.table({**ordered, **{n: columns[n] for n in single}}), output, metadata)


def _units_of_parts(
    model: LanguageModel, long_range: str | Path, short_range: str | Path
) -> dict[str, Any]:
    """Units of the last layer by part, and what was left out or counted elsewhere, 1-based."""
    found: dict[str, list[int]] = {}
    lower: dict[str, list[int]] = {}
    last = len(model.layers) - 1
    for name, path in (("long_range", long_range), ("short_range", short_range)):
        numbers = sorted({int(entry["unit"]) for entry in read_json(path)["units"]})
        layer = {unit: layer_and_index(model.layer_sizes, unit)[0] for unit in numbers}
        found[name] = [unit for unit in numbers if layer[unit] == last]
        lower[name] = [unit for unit in numbers if layer[unit] != last]
        if lower[name]:
            log.info(
                "%s units of lower layers act through the last layer only and are left out: %s",
                name.replace("_", "-"),
                ", ".join(map(str, lower[name])),
            )
    both = sorted(set(found["long_range"]) & set(found["short_range"]))
    found["short_range"] = [unit for unit in found["short_range"] if unit not in both]
    if both:
        log.info("counted as long-range, though short-range too: %s", ", ".join(map(str, both)))
    against = {
        int(entry["unit"])
        for entry in read_json(short_range)["units"]
        if entry.get("supports_its_number") is False  # null: not known
    }
    n_rest = model.layer_sizes[-1] - sum(map(len, found.values()))
    return {
        **found,
        "long_range_in_lower_layers": lower["long_range"],
        "short_range_in_lower_layers": lower["short_range"],
        "both": both,
        "short_range_against": sorted(against - set(lower["short_range"])),
        "n_rest": n_rest,
        "last_layer": last + 1,
    }


def _read_intact_scores(
    path: str | Path, metadata: dict[str, Any], items: np.ndarray
) -> pd.DataFrame:
    found = read_metadata(path)
    _require_same("checkpoint", path, found, metadata, "checkpoint_sha256")
    _require_same("version of the stimuli", path, found, metadata, "stimuli_sha256")
    for key in ("context_sha256", "context_case"):
        _require_same("context", path, found.get("config", {}), metadata["config"], key)
    table = read_columns(path, ["item", "margin", "right"]).to_pandas()
    if not np.array_equal(table["item"].to_numpy(), items):
        raise UserError(
            f"{path} does not hold the items of the stimuli in their order. Delete it and run the "
            "workflow again"
        )
    return table


def _require_same(
    what: str, path: str | Path, found: dict[str, Any], expected: dict[str, Any], key: str
) -> None:
    if found.get(key) != expected[key]:
        raise UserError(
            f"{path} was made from another {what}: its {key} is {found.get(key)}, expected "
            f"{expected[key]}. Delete it and run the workflow again"
        )


def _require_sum(
    split: pd.DataFrame, parts: list[str], known: pd.DataFrame, intact: str | Path
) -> None:
    total, margin = split[parts].sum(axis=1).to_numpy(), known["margin"].to_numpy().astype(float)
    wrong = ~np.isclose(total, margin, rtol=RELATIVE_TOLERANCE, atol=TOLERANCE)
    if wrong.any():
        worst = int(np.argmax(np.where(wrong, np.abs(total - margin), -1)))
        raise UserError(
            f"the contributions do not add up to the margins of {intact} in {int(wrong.sum())} of "
            f"{len(wrong)} items: in item {int(known['item'].iloc[worst])} their sum is "
            f"{total[worst]:.6g}, expected {margin[worst]:.6g} within {TOLERANCE:g}. The file is "
            "out of date or damaged; delete it and run the workflow again"
        )
