"""What each analysis found in each of several models, as the entries of ``models.json``."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lstm_units.analyses.depth.scores import overall_r2
from lstm_units.claims.criteria import ClaimCriteria
from lstm_units.comparison.replication import replicates
from lstm_units.errors import ConfigurationError, UserError
from lstm_units.io.files import make_metadata
from lstm_units.io.result_files import ResultFiles
from lstm_units.io.results import Result
from lstm_units.statistics.significance import wilson_interval
from lstm_units.stimuli.congruence import Conditions

KINDS = ("long_range", "short_range", "syntax")


@dataclass(frozen=True)
class ModelEntry:
    """A model to compare, and what the configuration says of it.

    Parameters
    ----------
    training_run : str or None
        Models of one run are checkpoints of one training.
    training_step : int or None
        Given if `training_run` is.
    untrained_like : str or None
        The checkpoint whose shape it has, if it is untrained.
    """

    name: str
    files: ResultFiles
    training_run: str | None = None
    training_step: int | None = None
    untrained_like: str | None = None


def compare_models(
    entries: Sequence[ModelEntry], criteria: ClaimCriteria, labels: Mapping[str, str]
) -> Result:
    """Describe several models, and judge whether the findings replicate over them.

    Parameters
    ----------
    criteria : ClaimCriteria
        ``networks, sizes`` (C24) and ``confidence``.
    labels : mapping of str to str
        Names of the tasks in print, in the order of the tasks.

    Returns
    -------
    Result
        JSON: ``models``, see `describe_model`; ``training_runs``, the models of each run in the
        order of its steps; ``replication``, the verdict on C24; ``labels``.

    Raises
    ------
    ConfigurationError
        As `in_order`.
    UserError
        As `describe_model`.
    """
    models = [describe_model(entry, labels, criteria.confidence) for entry in in_order(entries)]
    used = ("networks", "sizes", "confidence")
    return Result(
        {
            "models": models,
            "training_runs": training_runs(models),
            "replication": replicates(models, criteria).to_json(),
            "labels": dict(labels),
        },
        make_metadata(
            kind="models side by side",
            config={name: getattr(criteria, name) for name in used},
            checkpoints={model["model"]: model["sha256"] for model in models},
        ),
        "the models side by side",
    )


def in_order(models: Sequence[ModelEntry]) -> list[ModelEntry]:
    """Put models of one training run beside each other, in the order of their steps.

    A run stands where its first model stood; all else keeps its order.

    Raises
    ------
    ConfigurationError
        If a model of a training run has no step, or two of one run have the same.
    """
    runs: dict[str, list[ModelEntry]] = {}
    for model in models:
        if model.training_run is not None:
            if model.training_step is None:
                raise ConfigurationError(
                    f"checkpoints.{model.name} names a training_run, but no training_step; write "
                    "the number of steps after which it was saved"
                )
            runs.setdefault(model.training_run, []).append(model)
    for run, members in runs.items():
        members.sort(key=lambda model: model.training_step or 0)
        for one, other in itertools.pairwise(members):
            if one.training_step == other.training_step:
                raise ConfigurationError(
                    f"checkpoints.{one.name} and checkpoints.{other.name} have the same "
                    f"training_step {one.training_step} of the training_run {run}; give each its "
                    "own, or leave one out of models"
                )
    ordered: list[ModelEntry] = []
    for model in models:
        group = [model] if model.training_run is None else runs.pop(model.training_run, [])
        ordered += group
    return ordered


def describe_model(
    entry: ModelEntry, labels: Mapping[str, str], confidence: float
) -> dict[str, Any]:
    """Collect what was found in one model.

    Parameters
    ----------
    labels : mapping of str to str
        Names of the tasks in print; its order is that of the tasks.
    confidence : float
        Level of the intervals of accuracies (Wilson).

    Returns
    -------
    dict
        An entry of ``models.json``, JSON types. ``accuracy`` has a row per task and condition of
        the intact model. ``long_range``, ``short_range``, ``syntax`` are lists of ``unit, layer``,
        null where such units were not searched; ``r2`` is null where depth was not regressed.

    Raises
    ------
    UserError
        If ``claims.json`` or ``checkpoint/model.json`` is missing, or a file is damaged.
    """
    files = entry.files
    shape, claims = files.json("checkpoint/model.json"), files.json("claims.json")
    for name, found in (("checkpoint/model.json", shape), ("claims.json", claims)):
        if found is None:
            raise UserError(
                f"{files.folder / name} is missing, so {entry.name} cannot be compared with other "
                "models; run the workflow for this model first"
            )
    units = {kind: files.json(f"units/{kind}.json") for kind in KINDS}
    scores = files.frame("depth/scores.parquet")
    r2 = None if scores is None else overall_r2(scores)
    return {
        "model": entry.name,
        **{key: shape[key] for key in ("layer_sizes", "vocabulary_size", "tied", "sha256")},
        "training_run": entry.training_run,
        "training_step": entry.training_step,
        "untrained_like": entry.untrained_like,
        "accuracy": _accuracy(files, labels, confidence),
        **{kind: _units(units[kind]) for kind in KINDS},
        "r2": None
        if r2 is None
        else {
            name: round(float(r2[column]), 6)
            for name, column in (("value", "r2"), ("low", "ci_low"), ("high", "ci_high"))
        },
        "verdicts": {id: verdict["verdict"] for id, verdict in claims["verdicts"].items()},
        "counts": claims["summary"],
    }


def training_runs(models: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return the names of the models of each training run, in the order of `models`.

    Parameters
    ----------
    models : sequence of mapping
        Entries of ``models.json``.
    """
    runs: dict[str, list[str]] = {}
    for model in models:
        if model["training_run"] is not None:
            runs.setdefault(model["training_run"], []).append(model["model"])
    return runs


def same_checkpoints(models: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Return the names of models that are one and the same checkpoint, if there are any."""
    by_hash: dict[str, list[str]] = {}
    for model in models:
        by_hash.setdefault(model["sha256"], []).append(model["model"])
    return [names for names in by_hash.values() if len(names) > 1]


def task_accuracy(model: Mapping[str, Any], conditions: Conditions) -> dict[str, float]:
    """Return one accuracy per task: the mean of its conditions.

    Of conditions whose subjects have no one known number, such as those of natural text, larger
    ones count for more: there it is the share of all items.

    Parameters
    ----------
    model : mapping
        An entry of ``models.json``.
    """
    found: dict[str, float] = {}
    for task, rows in rows_by_task(model).items():
        weights = [1 if conditions[place(row)].subject_number else row["n"] for row in rows]
        total = sum(w * row["accuracy"] for w, row in zip(weights, rows, strict=True))
        found[task] = total / sum(weights)
    return found


def _accuracy(
    files: ResultFiles, labels: Mapping[str, str], confidence: float
) -> list[dict[str, Any]]:
    names = {
        name.removeprefix("intact/").removesuffix(".parquet"): name
        for name in files.matching("intact/*.parquet")
    }
    order = list(labels)
    rows = []
    for task in sorted(names, key=lambda t: (order.index(t) if t in order else len(order), t)):
        table = files.frame(names[task], ["condition", "right"])
        table["condition"] = table["condition"].astype(str)
        counts = table.groupby("condition", sort=False)["right"].agg(["sum", "size"])
        low, high = wilson_interval(counts["sum"], counts["size"], confidence)
        for place, (condition, (right, n)) in enumerate(
            zip(counts.index, counts.to_numpy(), strict=True)
        ):
            rows.append(
                {
                    "task": task,
                    "condition": condition,
                    "n": int(n),
                    "accuracy": round(int(right) / int(n), 9),
                    "ci_low": round(float(low[place]), 6),
                    "ci_high": round(float(high[place]), 6),
                }
            )
    return rows


def _units(found: Mapping[str, Any] | None) -> list[dict[str, int]] | None:
    if found is None:
        return None
    return [{"unit": int(u["unit"]), "layer": int(u["layer"])} for u in found["units"]]


def place(row: Mapping[str, Any]) -> tuple[str, str]:
    """Return task and condition of a row of ``accuracy``."""
    return row["task"], row["condition"]


def rows_by_task(model: Mapping[str, Any]) -> dict[str, list[Mapping[str, Any]]]:
    """Return the rows of ``accuracy`` of each task, in their order."""
    tasks: dict[str, list[Mapping[str, Any]]] = {}
    for row in model["accuracy"]:
        tasks.setdefault(row["task"], []).append(row)
    return tasks
