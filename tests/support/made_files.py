"""Files of the workflow for tests, made by the functions that its scripts call."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from lstm_units.activations.dump import dump_activations, precision_for, sentences_of
from lstm_units.interventions.ablate import (
    context_states,
    set_margins,
    unit_margins,
    write_margins,
)
from lstm_units.interventions.context_states import read_states, write_states
from lstm_units.interventions.intact import intact_scores, mean_values
from lstm_units.interventions.known_items import known_items
from lstm_units.interventions.model_inputs import (
    PRECISIONS,
    Compute,
    Context,
    Group,
    group_items,
    loaded_model,
)
from lstm_units.io.files import make_metadata, read_json, write_parquet
from lstm_units.io.results import read_result, write_result
from lstm_units.models.language_model import LanguageModel
from lstm_units.models.vocabulary import Vocabulary, read_vocabulary
from lstm_units.stimuli.generation import generated_stimuli
from lstm_units.stimuli.language_tables import read_language
from lstm_units.stimuli.table import check_stimuli, read_stimuli


def write_frame(frame: pd.DataFrame, path: Path, **metadata: Any) -> None:
    table = pa.Table.from_pandas(frame, preserve_index=False)
    write_parquet(table, path, make_metadata(**metadata))


def write_stimuli(table: pa.Table, path: Path, metadata: Mapping[str, Any]) -> None:
    check_stimuli(table, str(path), gaps=True, same_forms=True)
    write_parquet(table, path, metadata)


def write_generated(
    language: Path, template: str, items: int | str, matched: bool, seed: int, output: Path
) -> None:
    """Generate a task; the stem of the output names it."""
    stimuli = generated_stimuli(
        read_language(language),
        template,
        task=Path(output).stem,
        items_per_condition=items,
        matched=matched,
        seed=seed,
    )
    write_result(stimuli, output)


def write_known_items(stimuli: Path, checkpoint: Path, output: Path) -> None:
    """Keep the items of a generated task that a model knows, all of them."""
    description = read_json(checkpoint / "model.json")
    kept, _ = known_items(
        read_stimuli(stimuli),
        read_vocabulary(checkpoint / "vocab.txt", description["unk"], description["eos"]),
        description["sha256"],
        task=output.stem,
        generated=True,
        on_unknown_form="error",
    )
    write_result(kept, output)


def read_group(stimuli: Mapping[str, Path], vocabulary: Vocabulary) -> Group:
    return group_items({task: read_stimuli(path) for task, path in stimuli.items()}, vocabulary)


def write_intact(
    checkpoint: Path, stimuli: Path, context: Context, compute: Compute, output: Path
) -> None:
    """Score a task; the stem of the output names it."""
    with loaded_model(checkpoint, compute) as model:
        group = read_group({Path(output).stem: stimuli}, model.vocabulary)
        write_result(intact_scores(model, group, context, compute), output)


def write_means(
    checkpoint: Path, stimuli: Path, task: str, context: Context, compute: Compute, output: Path
) -> None:
    with loaded_model(checkpoint, compute) as model:
        group = read_group({task: stimuli}, model.vocabulary)
        write_result(mean_values(model, group, context, compute), output)


def write_context_states(
    checkpoint: Path,
    context: Context,
    mode: str,
    units: Sequence[int],
    compute: Compute,
    output: Path,
    means: Path | None = None,
) -> None:
    with loaded_model(checkpoint, compute) as model:
        constants = None if means is None else read_result(means)
        write_states(context_states(model, context, mode, units, constants), output)


def write_shard(
    checkpoint: Path,
    stimuli: Mapping[str, Path],
    states: Path,
    units: Sequence[int],
    compute: Compute,
    output: Path,
    means: Path | None = None,
) -> None:
    """Ablate units one by one, in the mode of the states."""
    with loaded_model(checkpoint, compute) as model:
        group = read_group(stimuli, model.vocabulary)
        constants = None if means is None else read_result(means)
        margins = unit_margins(model, group, read_states(states), units, compute, constants)
        write_margins(margins, output)


def write_set_shard(
    checkpoint: Path,
    stimuli: Mapping[str, Path],
    sets: Path,
    numbers: range,
    context: Context,
    mode: str,
    compute: Compute,
    output: Path,
) -> None:
    with loaded_model(checkpoint, compute) as model:
        group = read_group(stimuli, model.vocabulary)
        chosen = read_result(sets, ["set", "unit"])
        margins = set_margins(model, group, chosen, numbers, context, mode, compute)
        write_margins(margins, output)


def write_activations(
    model: LanguageModel | Path,
    stimuli: Path,
    context: Context,
    compute: Compute,
    variables: Sequence[str],
    layers: str | Sequence[int],
    float_type: str,
    folder: Path,
) -> None:
    """Dump a task; the name of the folder names it, and a path stands for a checkpoint."""
    precision = precision_for(float_type)
    if isinstance(model, LanguageModel):
        loaded = nullcontext(model.to(PRECISIONS[precision]))
    else:
        loaded = loaded_model(model, replace(compute, precision=precision))
    with loaded as network:
        dump_activations(
            network,
            sentences_of(read_stimuli(stimuli), Path(folder).name, network.vocabulary),
            context,
            folder,
            variables=variables,
            layers=layers,
            float_type=float_type,
            memory=compute.memory,
        )
