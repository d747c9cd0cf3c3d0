"""The step that puts the models of a run side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from lstm_units.claims.criteria import ClaimCriteria
from lstm_units.comparison.describe import ModelEntry, describe_model, in_order, training_runs
from lstm_units.comparison.replication import replicates
from lstm_units.comparison.table import models_frame, models_markdown
from lstm_units.io.files import make_metadata, write_json, write_text
from lstm_units.io.table_formats import format_csv

__all__ = ["ModelEntry", "write_models"]


def write_models(
    models: Sequence[ModelEntry],
    criteria: ClaimCriteria,
    labels: Mapping[str, str],
    json: str | Path,
    csv: str | Path,
    markdown: str | Path,
) -> None:
    """Write ``models.json``, ``models.csv`` and ``models.md``.

    Parameters
    ----------
    models : sequence of ModelEntry
        In the order of the configuration.
    criteria : ClaimCriteria
        ``networks, sizes`` (C24) and ``confidence``.
    labels : mapping of str to str
        Names of the tasks in print, in the order of the tasks.
    json : path
        ``models``, see `lstm_units.comparison.describe.describe_model`; ``training_runs``, the
        models of each run in the order of its steps; ``replication``, the verdict on C24;
        ``labels``.
    csv, markdown : path
        See `lstm_units.comparison.table.models_frame` and `lstm_units.comparison.table.models_markdown`.

    Raises
    ------
    ConfigurationError
        As in `lstm_units.comparison.describe.in_order`.
    UserError
        As in `lstm_units.comparison.describe.describe_model`.
    """
    ordered = in_order(models)
    described = [describe_model(entry, labels, criteria.confidence) for entry in ordered]
    replication = replicates(described, criteria).to_json()
    used = ("networks", "sizes", "confidence")
    metadata = make_metadata(
        kind="models side by side",
        config={key: value for key, value in asdict(criteria).items() if key in used},
        checkpoints={model["model"]: model["sha256"] for model in described},
    )
    result = {
        "models": described,
        "training_runs": training_runs(described),
        "replication": replication,
        "labels": dict(labels),
    }
    write_json(result, json, metadata)
    write_text(format_csv(models_frame(described, replication)), csv)
    write_text(models_markdown(described, replication, labels, metadata), markdown)
