"""Ablations for use from Python: sweep, accuracy without each unit, long-range units."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import index
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from tqdm import tqdm

from lstm_units.agreement import accuracy_table
from lstm_units.api import context_from, intact_states, read_items, score_files
from lstm_units.api_stimuli import stimuli_files
from lstm_units.context_states import read_context
from lstm_units.discovery import discover_long_range
from lstm_units.errors import InterventionError, UserError
from lstm_units.files import make_metadata, write_parquet
from lstm_units.intact import mean_hidden
from lstm_units.interventions import single_units
from lstm_units.language_model import LanguageModel, layer_and_index
from lstm_units.long_range_conditions import Criteria
from lstm_units.model_inputs import Compute, Context, sweep_size
from lstm_units.prefix_trie import build_trie
from lstm_units.sweep import sweep
from lstm_units.unit_numbers import unit_type

_MARGINS = ["unit", "task", "item", "margin"]


def sweep_units(
    model: LanguageModel,
    stimuli: Mapping[str, pd.DataFrame],
    units: Sequence[int] | None = None,
    *,
    mode: str = "zero",
    mean_over: str | None = None,
    context: str | Path | Context | None = None,
    memory: float = 1.0,
    progress: bool = False,
) -> pd.DataFrame:
    """Ablate each of some units alone, and score all items without it.

    Parameters
    ----------
    model : LanguageModel
    stimuli : mapping of str to DataFrame
        By task.
    units : sequence of int, optional
        Numbered from 1 through all layers; all by default.
    mode : {"zero", "legacy", "mean"}
        What the unit's hidden value becomes, see `lstm_units.interventions`: 0 wherever it is read
        (Lakretz et al. 2019, Section 2); 0 as in the code released with that paper, which spares
        the input of the next layer; its mean over a task.
    mean_over : str, optional
        The task of `stimuli` whose words give the means of mode ``mean``.
    context, memory
        As in `score`; the ablation is on while the context is read.
    progress : bool
        Whether to draw a progress bar.

    Returns
    -------
    DataFrame
        ``unit, task, item, margin``, sorted so; margins as in `score`.

    Raises
    ------
    InterventionError
        If the model has no such unit, or the mode is unknown.
    UserError
        As in `score`.

    Examples
    --------
    >>> import lstm_units
    >>> model = lstm_units.load_checkpoint("models/wiki650")
    >>> stimuli = lstm_units.make_stimuli("nounpp", items_per_condition=2, seed=1)
    >>> margins = lstm_units.sweep_units(model, {"nounpp": stimuli}, units=[651, 652])
    >>> margins.groupby("unit")["item"].count().to_dict()
    {651: 8, 652: 8}
    """
    chosen = _check_units(model, units)
    context = context_from(context)
    size = sweep_size(Compute(memory=memory), model.device)
    with stimuli_files(stimuli) as paths:
        group = read_items(paths, model)
        means = None
        if mode == "mean":
            if mean_over not in paths:
                raise InterventionError(
                    f"mode 'mean' needs the task whose words give the means: mean_over is "
                    f"{mean_over!r}; expected one of {', '.join(paths)}"
                )
            reference = read_items({mean_over: paths[mean_over]}, model)
            means = mean_hidden(model, reference.items, intact_states(model, context), size)
    interventions = single_units(mode, chosen, means)
    states = read_context(model, interventions, context.ids(model.vocabulary, ablated=True))
    total = build_trie(group.items.prefixes).n_nodes * len(chosen)
    with tqdm(total=total, desc="ablation", unit=" prefixes", disable=not progress) as bar:
        margins = sweep(model, group.items, interventions, states, size, bar.update)
    n = len(group.items)
    return pd.DataFrame(
        {
            "unit": np.repeat(np.asarray(chosen, dtype=unit_type(chosen)), n),
            "task": pd.Categorical.from_codes(
                np.tile(group.task, len(chosen)), categories=list(group.names)
            ),
            "item": np.tile(group.number.astype(np.int32), len(chosen)),
            "margin": margins.astype(np.float32).ravel(),
        }
    )


def ablation_accuracy(
    model: LanguageModel,
    scores: Mapping[str, pd.DataFrame],
    margins: pd.DataFrame,
    *,
    confidence: float = 0.95,
    correction: str = "benjamini_hochberg",
    near_tie: float = 1e-4,
) -> pd.DataFrame:
    """Accuracy without each unit in each task and condition, compared with the intact model.

    Parameters
    ----------
    model : LanguageModel
    scores : mapping of str to DataFrame
        From `score`, by task: every task of `margins`.
    margins : DataFrame
        From `sweep_units`.
    confidence, near_tie
        As in `accuracy`.
    correction : {"benjamini_hochberg", "benjamini_yekutieli"}
        How q is made from p, over all rows of the table.

    Returns
    -------
    DataFrame
        ``unit, layer, task, condition, n, accuracy, full_accuracy, drop, relative_drop, ci_low,
        ci_high, p, q, n_near_ties``. p: exact two-sided McNemar test on the same items.

    Raises
    ------
    UserError
        If `margins` do not hold every item of `scores` once for each unit.

    Examples
    --------
    >>> import lstm_units
    >>> model = lstm_units.load_checkpoint("models/wiki650")
    >>> stimuli = {"simple": lstm_units.make_stimuli("simple", items_per_condition=20, seed=1)}
    >>> scores = {task: lstm_units.score(model, items) for task, items in stimuli.items()}
    >>> margins = lstm_units.sweep_units(model, stimuli, units=[651, 652])
    >>> table = lstm_units.ablation_accuracy(model, scores, margins)
    >>> table[["unit", "condition", "accuracy", "full_accuracy", "drop"]]
       unit condition  accuracy  full_accuracy  drop
    0   651         S      1.00           1.00  0.00
    1   651         P      0.60           0.65  0.05
    2   652         S      1.00           1.00  0.00
    3   652         P      0.65           0.65  0.00
    """
    with score_files(scores) as intact, _shard(scores, margins) as shard:
        table = accuracy_table(
            [shard],
            intact,
            model.layer_sizes,
            units=sorted(set(margins["unit"].tolist())),
            confidence=confidence,
            correction=correction,
            near_tie=near_tie,
        )
    for name in ("task", "condition"):
        table[name] = table[name].astype(str)
    return table


def find_long_range_units(
    model: LanguageModel,
    stimuli: Mapping[str, pd.DataFrame],
    scores: Mapping[str, pd.DataFrame],
    margins: pd.DataFrame,
    criteria: Criteria | None = None,
) -> dict[str, Any]:
    """Find the units without which the subject's number is lost across an attractor.

    Units are picked on one half of the lexical frames and measured again on the other (Lakretz et
    al. 2019, Section 4.1, with a confirmation of our own); see
    `lstm_units.discovery.discover_long_range`.

    Parameters
    ----------
    model : LanguageModel
    stimuli, scores, margins
        As in `sweep_units` and `ablation_accuracy`.
    criteria : Criteria, optional
        By default those of the workflow, which need the tasks nounpp and nounpp_adv. Its `mode`
        only says how `margins` were made.

    Returns
    -------
    dict
        As ``units/long_range.json``: ``units``, each with the evidence of both halves; ``summary``,
        a sentence; ``best_unit``, the one that comes nearest; and more.

    Raises
    ------
    ConfigurationError
        If a task of the criteria is not among those given.
    UserError
        As in `ablation_accuracy`.

    Examples
    --------
    >>> import lstm_units
    >>> model = lstm_units.load_checkpoint("models/wiki650")
    >>> stimuli = {"nounpp": lstm_units.make_stimuli("nounpp", items_per_condition=40, seed=1)}
    >>> scores = {task: lstm_units.score(model, items) for task, items in stimuli.items()}
    >>> margins = lstm_units.sweep_units(model, stimuli, units=range(651, 661))
    >>> criteria = lstm_units.Criteria(tasks=("nounpp",))
    >>> found = lstm_units.find_long_range_units(model, stimuli, scores, margins, criteria)
    >>> found["units"], found["n_units"]
    ([], 10)
    """
    with (
        stimuli_files(stimuli) as paths,
        score_files(scores) as intact,
        _shard(scores, margins) as shard,
    ):
        return discover_long_range(
            [shard],
            intact,
            paths,
            model.layer_sizes,
            criteria or Criteria(),
            units=sorted(set(margins["unit"].tolist())),
        )


def _check_units(model: LanguageModel, units: Sequence[int] | None) -> list[int]:
    if units is None:
        return list(range(1, model.n_units + 1))
    try:
        chosen = sorted({index(unit) for unit in units})
    except TypeError as error:
        raise InterventionError(
            f"units is {units!r}; expected whole numbers, counted from 1 through all layers"
        ) from error
    if not chosen:
        raise InterventionError("units is empty; name one or more, or leave it out for all")
    for unit in chosen:
        layer_and_index(model.layer_sizes, unit)
    return chosen


@contextmanager
def _shard(scores: Mapping[str, pd.DataFrame], margins: pd.DataFrame) -> Iterator[Path]:
    """Write margins as a shard into a folder that is removed afterwards."""
    table = pa.Table.from_pandas(_check_margins(scores, margins), preserve_index=False)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "shard.parquet"
        write_parquet(table, path, make_metadata(kind="ablation"))
        yield path


def _check_margins(scores: Mapping[str, pd.DataFrame], margins: pd.DataFrame) -> pd.DataFrame:
    """Sort margins by unit, task and item; refuse those of other items than the scores'."""
    tasks = list(scores)
    ordered = margins[_MARGINS].assign(task=margins["task"].astype(str))
    ordered = ordered.sort_values(["unit", "task", "item"], kind="stable", ignore_index=True)
    expected = sorted((task, int(item)) for task in tasks for item in scores[task]["item"])
    codes = {pair: place for place, pair in enumerate(expected)}
    pairs = zip(ordered["task"], ordered["item"], strict=True)
    found = np.fromiter((codes.get(pair, -1) for pair in pairs), np.int64, len(ordered))
    n_units = ordered["unit"].nunique()
    if n_units == 0 or not np.array_equal(found, np.tile(np.arange(len(expected)), n_units)):
        raise UserError(
            f"the margins do not hold every item of the scores ({', '.join(tasks)}; "
            f"{len(expected)} items) once for each unit; score and sweep the same stimuli"
        )
    return ordered
