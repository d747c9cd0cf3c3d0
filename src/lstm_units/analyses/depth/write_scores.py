"""The step that scores the predictions of depth and compares units with baselines."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa

from lstm_units.analyses.depth.scores import UNITS, score_predictions
from lstm_units.errors import UserError
from lstm_units.io.files import make_metadata, read_metadata, write_parquet


def write_depth_scores(
    predictions: Mapping[str, str | Path],
    *,
    confidence: float,
    bootstrap_samples: int,
    seed: int,
    scores: str | Path,
    comparisons: str | Path,
) -> None:
    """Score the predictions of depth from all regressors.

    Parameters
    ----------
    predictions : mapping of str to path
        ``depth/predictions/{regressors}.parquet`` by regressors; ``units`` among them.
    confidence, bootstrap_samples, seed
        As in `lstm_units.analyses.depth.scores.score_predictions`.
    scores, comparisons : path
        Parquet with the columns of `lstm_units.analyses.depth.scores.score_predictions`.

    Raises
    ------
    UserError
        If the predictions come from different models, stimuli or procedures, or as in
        `lstm_units.analyses.depth.scores.score_predictions`.
    """
    made = {name: read_metadata(path) for name, path in predictions.items()}
    if UNITS in made:
        _check_origin(made, predictions)
    tables = {name: pd.read_parquet(path) for name, path in predictions.items()}
    config = {"confidence": confidence, "bootstrap_samples": bootstrap_samples}
    tables_out = score_predictions(tables, **config, seed=seed)
    config["procedure"] = made[UNITS]["config"]["procedure"]
    for table, path, kind in zip(
        tables_out,
        (scores, comparisons),
        ("scores of depth", "comparisons of depth"),
        strict=True,
    ):
        metadata = make_metadata(
            kind=kind,
            config=config,
            seed=seed,
            checkpoint_sha256=made[UNITS]["checkpoint_sha256"],
            stimuli_sha256=made[UNITS]["stimuli_sha256"],
        )
        write_parquet(pa.Table.from_pandas(table, preserve_index=False), path, metadata)


def _check_origin(made: Mapping[str, dict], paths: Mapping[str, str | Path]) -> None:
    units = made[UNITS]
    for name, other in made.items():
        model = other.get("untrained_like", other.get("checkpoint_sha256"))
        for what, same in (
            # Some baselines, such as the words, know no model.
            ("checkpoint", model in (None, units["checkpoint_sha256"])),
            ("version of the depth corpus", other["stimuli_sha256"] == units["stimuli_sha256"]),
            ("procedure", other["config"]["procedure"] == units["config"]["procedure"]),
        ):
            if not same:
                raise UserError(
                    f"{paths[name]} was made with another {what} than {paths[UNITS]}. Delete the "
                    "one that is out of date, or both, and run the workflow again"
                )
