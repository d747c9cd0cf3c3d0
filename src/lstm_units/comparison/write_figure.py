"""The step that draws what was found over the steps of a training run."""

from collections.abc import Sequence
from pathlib import Path

from lstm_units.comparison.figure import training_figure, training_table
from lstm_units.errors import UserError
from lstm_units.io.figure_style import save_figure
from lstm_units.io.files import make_metadata, read_json


def write_training_figure(models_json: str | Path, run: str, outputs: Sequence[str | Path]) -> None:
    """Draw the figure of `lstm_units.comparison.figure.training_figure` for one training run.

    Parameters
    ----------
    models_json : path
        ``models.json``.
    run : str
        Name of the training run.
    outputs : sequence of path
        Each ends in ``.pdf`` or ``.png``.

    Raises
    ------
    UserError
        If the file has no such run, or fewer than two models of it.
    """
    found = read_json(models_json)
    names = found["training_runs"].get(run, [])
    if len(names) < 2:
        known = ", ".join(found["training_runs"]) or "none"
        raise UserError(
            f"{models_json} holds {len(names)} models of the training run {run!r} (runs: {known}); "
            "at least two are needed. Name more of its checkpoints under models"
        )
    by_name = {model["model"]: model for model in found["models"]}
    chosen = [by_name[name] for name in names]
    figure = training_figure(training_table(chosen), found["labels"])
    metadata = make_metadata(
        kind="findings over training",
        config={"training_run": run},
        checkpoints={model["model"]: model["sha256"] for model in chosen},
    )
    for path in outputs:
        save_figure(figure, path, metadata)
