"""Several models side by side, as a table for machines and as a page to read."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from lstm_units.claims.catalogue import every_claim
from lstm_units.comparison.describe import (
    KINDS,
    place,
    rows_by_task,
    same_checkpoints,
    task_accuracy,
)
from lstm_units.comparison.replication import size_name
from lstm_units.io.results import Result
from lstm_units.io.table_formats import format_markdown
from lstm_units.io.verdict import FAILS, HOLDS, NOT_TESTABLE, with_interval
from lstm_units.stimuli.congruence import Conditions

NOT_RUN = "not run"
_OVER_MODELS = "C24"


def models_frame(compared: Result, conditions: Conditions) -> pd.DataFrame:
    """Return one row per model, for ``models.csv``.

    Parameters
    ----------
    compared : Result
        From `lstm_units.comparison.describe.compare_models`.

    Returns
    -------
    DataFrame
        ``model, layers, units_per_layer, vocabulary_size, tied, training_run, training_step,
        untrained_like, mean_accuracy`` (of the tasks), ``accuracy_{task}`` (see `task_accuracy`),
        ``accuracy_{task}_{condition}`` of tasks with attractors; for each kind of units ``n_``,
        ``_units`` and ``_layers`` (separated by spaces); ``depth_r2`` with ``_low`` and ``_high``;
        ``C1`` to ``C24``, the last one the same for all. A cell is empty where an analysis was not
        run or a model lacks a task.
    """
    models, replication = compared.content["models"], compared.content["replication"]
    rows = []
    tasks = dict.fromkeys(task for model in models for task in rows_by_task(model))
    shown = _attractor_conditions(models, conditions)
    for model in models:
        means = task_accuracy(model, conditions)
        single = {place(row): row["accuracy"] for row in model["accuracy"]}
        row: dict[str, Any] = {
            "model": model["model"],
            "layers": len(model["layer_sizes"]),
            "units_per_layer": " ".join(map(str, _collapsed(model["layer_sizes"]))),
            **{key: model[key] for key in ("vocabulary_size", "tied")},
            **{key: model[key] for key in ("training_run", "training_step", "untrained_like")},
            "mean_accuracy": sum(means.values()) / len(means) if means else None,
        }
        for task in tasks:
            row[f"accuracy_{task}"] = means.get(task)
            for condition in shown.get(task, ()):
                row[f"accuracy_{task}_{condition}"] = single.get((task, condition))
        for kind in KINDS:
            units = model[kind]
            row[f"n_{kind}"] = None if units is None else len(units)
            row[f"{kind}_units"] = " ".join(str(u["unit"]) for u in units or ())
            row[f"{kind}_layers"] = " ".join(map(str, sorted({u["layer"] for u in units or ()})))
        r2 = model["r2"] or {}
        row |= {"depth_r2": r2.get("value")}
        row |= {f"depth_r2_{bound}": r2.get(bound) for bound in ("low", "high")}
        row |= {id: model["verdicts"].get(id) for id in every_claim()}
        row[_OVER_MODELS] = replication["verdict"]
        rows.append(row)
    whole = ["training_step", *(f"n_{kind}" for kind in KINDS)]
    return pd.DataFrame(rows).astype(dict.fromkeys(whole, "Int64")).round(6)


def models_page(compared: Result, conditions: Conditions) -> str:
    """Return ``models.md``: quantities as rows, models as columns, under small headings.

    Parameters
    ----------
    compared : Result
        From `lstm_units.comparison.describe.compare_models`.
    """
    keys = ("models", "replication", "labels")
    models, replication, labels = (compared.content[key] for key in keys)
    parts = ["# Models side by side\n"]
    parts += [
        f"{' and '.join(names)} are one and the same checkpoint.\n"
        for names in same_checkpoints(models)
    ]
    for heading, rows, note in (
        ("Network", _network_rows(models), ""),
        (
            "Accuracy of the intact model (%)",
            _accuracy_rows(models, labels, conditions),
            "A task's accuracy is the mean of its conditions, or the share of all items of natural "
            "text; in brackets the interval of a condition.",
        ),
        ("Units found", _unit_rows(models), ""),
        ("Depth", _depth_rows(models), "R² of all units over held-out sentences, with interval."),
        (
            "Verdicts on the claims",
            _verdict_rows(models),
            f"{_OVER_MODELS}, {every_claim()[_OVER_MODELS].claim}, is about all models: "
            f"{replication['verdict']}. {_sentence(replication['measured'])}"
            f"{_sentence(replication['reason'])}".strip(),
        ),
    ):
        columns = ["", *(model["model"] for model in models)]
        table = pd.DataFrame([[name, *cells] for name, cells in rows], columns=columns)
        parts.append(f"## {heading}\n")
        parts.append(format_markdown(table, legend=[note] if note else []))
    comment = json.dumps(dict(compared.metadata), sort_keys=True).replace("--", "- -")
    return "\n".join(parts) + f"\n<!-- {comment} -->\n"


def _attractor_conditions(
    models: Sequence[Mapping[str, Any]], conditions: Conditions
) -> dict[str, list[str]]:
    found: dict[str, dict[str, None]] = {}
    for model in models:
        for row in model["accuracy"]:
            numbers = conditions[place(row)]
            if numbers.congruent or numbers.incongruent:
                found.setdefault(row["task"], {})[row["condition"]] = None
    return {task: list(names) for task, names in found.items()}


def _collapsed(sizes: Sequence[int]) -> Sequence[int]:
    return sizes[:1] if len(set(sizes)) == 1 else sizes


def _network_rows(models: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[str]]]:
    rows = [
        ("layers x units", [size_name(model["layer_sizes"]) for model in models]),
        ("words in the vocabulary", [f"{model['vocabulary_size']:,}" for model in models]),
        ("embedding and decoder tied", ["yes" if model["tied"] else "no" for model in models]),
    ]
    if any(model["untrained_like"] for model in models):
        rows.append(("untrained, like", [model["untrained_like"] or "" for model in models]))
    if any(model["training_run"] for model in models):
        rows.append(("training run", [model["training_run"] or "" for model in models]))
        steps = [model["training_step"] for model in models]
        rows.append(("training step", ["" if step is None else f"{step:,}" for step in steps]))
    return rows


def _accuracy_rows(
    models: Sequence[Mapping[str, Any]], labels: Mapping[str, str], conditions: Conditions
) -> list[tuple[str, list[str]]]:
    means = [task_accuracy(model, conditions) for model in models]
    tasks = dict.fromkeys(task for model in models for task in rows_by_task(model))
    rows = [
        (
            "mean of the tasks",
            [f"{100 * sum(m.values()) / len(m):.1f}" if m else NOT_RUN for m in means],
        )
    ]
    shown = _attractor_conditions(models, conditions)
    for task in tasks:
        label = labels.get(task, task)
        rows.append((label, [f"{100 * m[task]:.1f}" if task in m else NOT_RUN for m in means]))
        for condition in shown.get(task, ()):
            cells = []
            for model in models:
                row = next(
                    (r for r in rows_by_task(model).get(task, ()) if r["condition"] == condition),
                    None,
                )
                values = [100 * row[k] for k in ("accuracy", "ci_low", "ci_high")] if row else []
                cells.append(with_interval(*values, 1) if values else NOT_RUN)
            rows.append((f"{label} {condition}", cells))
    return rows


def _unit_rows(models: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[str]]]:
    def words(units: Sequence[Mapping[str, int]] | None) -> str:
        if units is None:
            return NOT_RUN
        by_layer: dict[int, list[str]] = {}
        for unit in sorted(units, key=lambda u: (u["layer"], u["unit"])):
            by_layer.setdefault(unit["layer"], []).append(str(unit["unit"]))
        listed = "; ".join(f"layer {layer}: {', '.join(u)}" for layer, u in by_layer.items())
        return f"{len(units)} ({listed})" if units else "0"

    return [
        (f"{kind.replace('_', '-')} units", [words(model[kind]) for model in models])
        for kind in KINDS
    ]


def _depth_rows(models: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[str]]]:
    cells = [
        with_interval(*(model["r2"][key] for key in ("value", "low", "high")))
        if model["r2"]
        else NOT_RUN
        for model in models
    ]
    return [("R² of depth", cells)]


def _verdict_rows(models: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[str]]]:
    rows = [
        (verdict, [str(model["counts"].get(verdict, 0)) for model in models])
        for verdict in (HOLDS, FAILS, NOT_TESTABLE)
    ]
    for id, claim in every_claim().items():
        if id != _OVER_MODELS:
            cells = [model["verdicts"].get(id, "") for model in models]
            rows.append((f"{id} {claim.claim}", cells))
    return rows


def _sentence(text: str | None) -> str:
    return f"{text[0].upper()}{text[1:]}. " if text else ""
