"""The steps of an experiment that run the intact model: scores, and the constants of mode mean."""

import logging
from pathlib import Path

import numpy as np
import pyarrow as pa

from lstm_units.interventions.context_states import States, read_context
from lstm_units.interventions.intact import mean_hidden, score_intact
from lstm_units.interventions.interventions import Interventions
from lstm_units.interventions.model_inputs import (
    Compute,
    Context,
    loaded_model,
    model_metadata,
    read_group,
    sweep_size,
)
from lstm_units.io.files import write_parquet
from lstm_units.io.unit_columns import unit_array
from lstm_units.models.language_model import LanguageModel

log = logging.getLogger(__name__)


def write_intact(
    checkpoint: str | Path,
    stimuli: str | Path,
    context: Context,
    compute: Compute,
    output: str | Path,
) -> None:
    """Score one task with the intact model: ``item, condition, margin, logp_correct, ...``.

    Parameters
    ----------
    checkpoint : path
        Folder of a converted checkpoint.
    stimuli : path
        ``stimuli/{task}.parquet``.
    context : Context
    compute : Compute
    output : path
        ``intact/{task}.parquet``; its stem names the task. Margins and log-probabilities in nats.
    """
    task = Path(output).stem
    with loaded_model(checkpoint, compute) as model:
        group = read_group({task: stimuli}, model.vocabulary)
        states = _intact_states(model, context)
        scores = score_intact(model, group.items, states, sweep_size(compute, model.device))
    table = pa.table(
        {
            "item": pa.array(group.number, pa.int32()),
            "condition": pa.array(group.condition).dictionary_encode(),
            "margin": pa.array(scores.margin.astype(np.float32)),
            "logp_correct": pa.array(scores.logp_correct.astype(np.float32)),
            "logp_wrong": pa.array(scores.logp_wrong.astype(np.float32)),
            "right": pa.array(scores.margin > 0),
        }
    )
    unknown = context.unknown_words(model.vocabulary)
    if unknown:
        log.info(
            "the model does not know %d words of the context, which it reads as %s: %s",
            len(unknown),
            model.vocabulary.unk,
            " ".join(unknown),
        )
    config = {**context.metadata(), "unknown_context_words": unknown}
    write_parquet(table, output, model_metadata("intact", model, compute, group, **config))


def write_means(
    checkpoint: str | Path,
    stimuli: str | Path,
    task: str,
    context: Context,
    compute: Compute,
    output: str | Path,
) -> None:
    """Write the constants of mode ``mean``: ``unit, mean`` over the words of one task.

    Parameters
    ----------
    checkpoint, context, compute
        As in `write_intact`.
    stimuli : path
        Stimuli of `task`.
    task : str
    output : path
        Parquet, one row per unit of the model; units are 1-based.
    """
    with loaded_model(checkpoint, compute) as model:
        group = read_group({task: stimuli}, model.vocabulary)
        states = _intact_states(model, context)
        means = mean_hidden(model, group.items, states, sweep_size(compute, model.device))
    table = pa.table({"unit": unit_array(range(1, model.n_units + 1)), "mean": means.numpy()})
    metadata = model_metadata("means", model, compute, group, task=task, **context.metadata())
    write_parquet(table, output, metadata)


def _intact_states(model: LanguageModel, context: Context) -> States:
    words = context.ids(model.vocabulary, ablated=False)
    return read_context(model, Interventions("zero", ((),)), words)
