"""The models of a run side by side, as tables of the report."""

from collections.abc import Mapping, Sequence
from typing import Any

from lstm_units.claims.catalogue import every_claim
from lstm_units.comparison.describe import place
from lstm_units.io.verdict import FAILS, HOLDS, NOT_TESTABLE, with_interval
from lstm_units.io.wording import percent
from lstm_units.report.data import ReportSettings
from lstm_units.report.tables import FileLink, ReportTable, make_table
from lstm_units.stimuli.congruence import Conditions


def models_tables(
    models: Sequence[Mapping[str, Any]],
    conditions: Conditions,
    replication: Mapping[str, Any] | None,
    settings: ReportSettings,
    files: Sequence[FileLink],
) -> tuple[ReportTable, ...]:
    """Set models side by side.

    Parameters
    ----------
    models : sequence of mapping
        Entries ``models`` of ``models.json``.
    replication : mapping or None
        The verdict on C24 over all of them.
    files : sequence of FileLink
        Where the numbers are.

    Returns
    -------
    tuple of ReportTable
        An overview with one row per model, accuracy by condition, verdicts by claim.
    """
    return (
        _overview(models, conditions, files),
        _accuracy(models, settings, files),
        _verdicts(models, replication, files),
    )


def _overview(
    models: Sequence[Mapping[str, Any]], conditions: Conditions, files: Sequence[FileLink]
) -> ReportTable:
    rows = []
    for model in models:
        r2 = model.get("r2") or {}
        counts = model.get("counts") or {}
        of = model.get("training_run")
        rows.append(
            (
                model["model"],
                f"untrained, like {model['untrained_like']}"
                if model.get("untrained_like")
                else f"{of}, step {model['training_step']:,}"
                if of
                else "",
                " + ".join(f"{size:,}" for size in model["layer_sizes"]),
                f"{model['vocabulary_size']:,}",
                *(_mean(model, conditions, incongruent) for incongruent in (False, True)),
                *(_units(model.get(kind)) for kind in ("long_range", "short_range", "syntax")),
                with_interval(r2.get("value"), r2.get("low"), r2.get("high")) if r2 else "not run",
                *(counts.get(verdict, "") for verdict in (HOLDS, FAILS, NOT_TESTABLE)),
            )
        )
    return make_table(
        "models-overview",
        "Overview",
        (
            "model",
            "kind",
            "units by layer",
            "vocabulary",
            "accuracy, congruent",
            "accuracy, incongruent",
            "long-range units (layer)",
            "short-range units (layer)",
            "syntax units (layer)",
            "R² of depth",
            "claims that hold",
            "fail",
            "not testable",
        ),
        rows,
        notes=(
            "Accuracy: mean over the conditions with and without an attractor of the other number "
            "than the subject's.",
        ),
        files=files,
    )


def _mean(model: Mapping[str, Any], conditions: Conditions, incongruent: bool) -> str:
    shares = [
        row["accuracy"]
        for row in model["accuracy"]
        if conditions[place(row)].incongruent == incongruent
    ]
    return percent(sum(shares) / len(shares)) if shares else ""


def _units(units: Sequence[Mapping[str, Any]] | None, most: int = 8) -> str:
    if units is None:
        return "not run"
    named = [f"{unit['unit']} ({unit['layer']})" for unit in units[:most]]
    more = f" and {len(units) - most} more" if len(units) > most else ""
    return f"{len(units)}: {', '.join(named)}{more}" if units else "0"


def _accuracy(
    models: Sequence[Mapping[str, Any]], settings: ReportSettings, files: Sequence[FileLink]
) -> ReportTable:
    by_model = [
        {(row["task"], row["condition"]): row for row in model["accuracy"]} for model in models
    ]
    places = list(dict.fromkeys(place for rows in by_model for place in rows))
    return make_table(
        "models-accuracy",
        "Accuracy of the intact models, %",
        ("task", "condition", *(model["model"] for model in models)),
        [
            (settings.label(task), condition, *(_share(rows, task, condition) for rows in by_model))
            for task, condition in places
        ],
        files=files,
    )


def _share(rows: Mapping[tuple[str, str], Mapping[str, Any]], task: str, condition: str) -> str:
    row = rows.get((task, condition))
    if row is None:
        return "not run"
    return with_interval(100 * row["accuracy"], 100 * row["ci_low"], 100 * row["ci_high"], digits=1)


def _verdicts(
    models: Sequence[Mapping[str, Any]],
    replication: Mapping[str, Any] | None,
    files: Sequence[FileLink],
) -> ReportTable:
    names = [model["model"] for model in models]
    rows = []
    for id, claim in every_claim().items():
        verdicts = [(model.get("verdicts") or {}).get(id) for model in models]
        if any(verdicts):
            rows.append((id, claim.claim, *verdicts))
    notes = ()
    if replication:
        notes = (
            f"C24, over all of them: {replication['verdict']}. "
            f"{replication.get('reason') or replication['measured']}",
        )
    return make_table(
        "models-verdicts",
        "Verdicts",
        ("id", "claim", *names),
        rows,
        notes=notes,
        files=files,
        verdicts=names,
    )
