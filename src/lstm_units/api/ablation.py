"""Ablations for use from Python: sweep, accuracy without each unit, long-range units."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from tqdm import tqdm

from lstm_units.analyses.long_range_units.conditions import Criteria
from lstm_units.analyses.long_range_units.discovery import STIMULI_COLUMNS, discover_long_range
from lstm_units.api.checks import compute_within, statistics_options, whole_numbers
from lstm_units.api.models import context_from
from lstm_units.api.scores import (
    ITEMS,
    check_margins,
    check_scores,
    check_stimuli_of_scores,
    item_hashes,
    score_results,
)
from lstm_units.api.stimuli import stimuli_tables
from lstm_units.errors import ConfigurationError, InterventionError
from lstm_units.interventions.ablate import context_states, unit_margins
from lstm_units.interventions.intact import mean_values
from lstm_units.interventions.model_inputs import Context, group_items
from lstm_units.io.results import Result
from lstm_units.io.unit_numbers import layer_and_index
from lstm_units.models.language_model import LanguageModel
from lstm_units.statistics.agreement import accuracy_table
from lstm_units.statistics.margins import Margins
from lstm_units.statistics.significance import CORRECTIONS


def sweep_units(
    model: LanguageModel,
    stimuli: Mapping[str, pd.DataFrame],
    units: Sequence[int] | None = None,
    *,
    mode: str = "zero",
    mean_over: str | None = None,
    context: str | Path | Context | None = None,
    memory: float | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """Ablate each of some units alone, and score all items without it.

    Parameters
    ----------
    model : LanguageModel
    stimuli : mapping of str to DataFrame
        By task.
    units : sequence of int, optional
        Numbered from 1 through all layers, as a list, range or array; all by default.
    mode : {"zero", "legacy", "mean"}
        What the unit's hidden value becomes: 0 wherever it is read (Lakretz et al. 2019,
        Section 2); 0 as in the code released with that paper, which spares the input of the next
        layer; its mean over a task.
    mean_over : str, optional
        The task of `stimuli` whose words give the means of mode ``mean``; only with that mode.
    context, memory
        As in `score`; the ablation is on while the context is read.
    progress : bool
        Whether to draw a progress bar.

    Returns
    -------
    DataFrame
        ``unit, task, item, margin``, sorted so; margins and ``attrs`` as in `score`.

    Raises
    ------
    InterventionError
        If the model has no such unit, the mode is unknown, or `mean_over` does not go with it.
    UserError
        As in `score`.

    Examples
    --------
    >>> import lstm_units
    >>> model = lstm_units.load_checkpoint("models/wikipedia650")
    >>> stimuli = lstm_units.make_stimuli("nounpp", items_per_condition=2, seed=1)
    >>> margins = lstm_units.sweep_units(model, {"nounpp": stimuli}, units=[651, 652])
    >>> margins.groupby("unit")["item"].count().to_dict()
    {651: 8, 652: 8}
    """
    chosen = _check_units(model, units)
    if mean_over is not None and mode != "mean":
        raise InterventionError(
            f"mean_over is {mean_over!r}, but mode {mode!r} has no means; leave it out, or choose "
            "mode 'mean'"
        )
    context, compute = context_from(context), compute_within(memory)
    tables = stimuli_tables(stimuli)
    group = group_items(tables, model.vocabulary)
    means = None
    if mode == "mean":
        if mean_over not in list(tables):
            raise InterventionError(
                f"mode 'mean' needs the task whose words give the means: mean_over is "
                f"{mean_over!r}; expected one of {', '.join(tables)}"
            )
        reference = group_items({mean_over: tables[mean_over]}, model.vocabulary)
        means = mean_values(model, reference, context, compute)
    states = context_states(model, context, mode, chosen, means)
    bar = partial(tqdm, desc="ablation", unit=" prefixes", disable=not progress)
    margins = unit_margins(model, group, states, chosen, compute, means, bar)
    table = margins.table().to_pandas()
    table.attrs[ITEMS] = {task: item_hashes(items) for task, items in tables.items()}
    return table


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
        ``unit, layer, task, condition, n, right, full_right, accuracy, full_accuracy, drop,
        relative_drop, ci_low, ci_high, p, q, n_near_ties``. p: exact two-sided McNemar test on
        the same items.

    Raises
    ------
    UserError
        If `margins` do not hold every item of `scores` once for each unit, a value is missing or
        not a number, or an item was another one when it was swept than when it was scored. The
        last is known from ``attrs`` of the two; where an operation of pandas has lost these, only
        the numbers of the items are compared.
    ConfigurationError
        If an option is out of its range.

    Examples
    --------
    >>> import lstm_units
    >>> model = lstm_units.load_checkpoint("models/wikipedia650")
    >>> stimuli = {"nounpp": lstm_units.make_stimuli("nounpp", items_per_condition=40, seed=1)}
    >>> scores = {task: lstm_units.score(model, items) for task, items in stimuli.items()}
    >>> margins = lstm_units.sweep_units(model, stimuli, units=[651, 832])
    >>> table = lstm_units.ablation_accuracy(model, scores, margins)
    >>> table[["unit", "condition", "accuracy", "full_accuracy", "drop"]]
       unit condition  accuracy  full_accuracy   drop
    0   651        SS     1.000          1.000  0.000
    1   651        SP     0.650          0.650  0.000
    2   651        PS     0.975          0.975  0.000
    3   651        PP     1.000          1.000  0.000
    4   832        SS     0.875          1.000  0.125
    5   832        SP     0.400          0.650  0.250
    6   832        PS     0.725          0.975  0.250
    7   832        PP     0.950          1.000  0.050
    """
    confidence, near_tie = statistics_options(confidence, near_tie)
    if correction not in list(CORRECTIONS):
        raise ConfigurationError(
            f"correction is {correction!r}; expected one of {', '.join(CORRECTIONS)}"
        )
    scores = check_scores(scores)
    margins = check_margins(scores, margins)
    table = accuracy_table(
        _in_memory(margins),
        score_results(scores),
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
    `lstm_units.analyses.long_range_units.discovery.discover_long_range`.

    Parameters
    ----------
    model : LanguageModel
    stimuli, scores, margins
        As in `sweep_units` and `ablation_accuracy`. The stimuli need ``subject_number`` and
        ``attractor_numbers``.
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
        If a task of the criteria is not among those given, or has no items with an attractor of
        another number than the subject's.
    UserError
        As in `ablation_accuracy`; also if an item has another condition in the stimuli than in the
        scores or, as far as ``attrs`` tells, other words or forms.

    Examples
    --------
    >>> import lstm_units
    >>> model = lstm_units.load_checkpoint("models/wikipedia650")
    >>> items = lstm_units.make_stimuli("nounpp_adv", items_per_condition=100, seed=1)
    >>> stimuli, scores = {"nounpp_adv": items}, {"nounpp_adv": lstm_units.score(model, items)}
    >>> margins = lstm_units.sweep_units(model, stimuli, units=range(826, 836))
    >>> criteria = lstm_units.Criteria(tasks=("nounpp_adv",))
    >>> found = lstm_units.find_long_range_units(model, stimuli, scores, margins, criteria)
    >>> [(unit["unit"], unit["confirmed"]) for unit in found["units"]], found["n_units"]
    ([(832, True)], 10)
    """
    criteria = Criteria() if criteria is None else criteria
    if not isinstance(criteria, Criteria):
        raise ConfigurationError(
            f"criteria is {criteria!r}; expected lstm_units.Criteria(...), or nothing"
        )
    scores = check_scores(scores)
    missing = [task for task in criteria.tasks if task not in scores]
    if missing:
        raise ConfigurationError(
            f"the criteria name the task {missing[0]!r}, which is not among those scored "
            f"({', '.join(scores)}); give it too, or name others in Criteria(tasks=...)"
        )
    ordered = check_margins(scores, margins)
    tables = stimuli_tables(stimuli)
    check_stimuli_of_scores(tables, scores, margins)
    return discover_long_range(
        _in_memory(ordered),
        score_results(scores),
        {task: Result(table.select(STIMULI_COLUMNS)) for task, table in tables.items()},
        model.layer_sizes,
        criteria,
        units=sorted(set(ordered["unit"].tolist())),
    )


def _check_units(model: LanguageModel, units: Sequence[int] | None) -> list[int]:
    if units is None:
        return list(range(1, model.n_units + 1))
    chosen = sorted(set(whole_numbers(units, "units", "[651, 652]", InterventionError)))
    if not chosen:
        raise InterventionError("units is empty; name one or more, or leave it out for all")
    for unit in chosen:
        layer_and_index(model.layer_sizes, unit)
    return chosen


def _in_memory(margins: pd.DataFrame) -> Margins:
    """Take margins of `check_margins` as the core reads those of shards."""
    return Margins((pa.Table.from_pandas(margins, preserve_index=False),))
