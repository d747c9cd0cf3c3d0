"""The step that draws the regression of depth."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from lstm_units.activations.layout import INDEX
from lstm_units.activations.reader import open_activations
from lstm_units.analyses.depth.figure import Coefficients, depth_figure
from lstm_units.analyses.depth.outliers import unit_outliers
from lstm_units.errors import UserError
from lstm_units.io.figure_style import save_figure
from lstm_units.io.files import lineage, read_metadata


def write_depth_figure(
    coefficients: str | Path,
    predictions: str | Path,
    dump: str | Path,
    positions: str | Path,
    threshold: float,
    minimum_folds: int,
    deviations_from: str,
    scores: str | Path,
    outputs: Sequence[str | Path],
) -> None:
    """Draw coefficients, predicted depth, and the unit with the largest coefficient.

    Parameters
    ----------
    coefficients : path
        ``depth/coefficients.parquet``.
    predictions : path
        ``depth/predictions/units.parquet``.
    dump : path
        ``depth/activations``.
    positions : path
        ``stimuli/depth/positions.parquet``.
    threshold, minimum_folds, deviations_from
        As in `lstm_units.analyses.syntax_units.syntax_units.SyntaxCriteria`.
    scores : path
        ``depth/scores.parquet``.
    outputs : sequence of path
        Each ends in ``.pdf`` or ``.png``.

    Raises
    ------
    UserError
        If the files come from different models, or `scores` lacks the units' regression.
    """
    table = pd.read_parquet(coefficients)
    unit, layer, found = unit_outliers(table, threshold, deviations_from)
    marked = Coefficients(unit, found, threshold, minimum_folds)
    leading = marked.leading
    activations = open_activations(dump)
    variable = read_metadata(coefficients).get("variable", activations.variables[0])
    places = pd.read_parquet(positions)
    activity = pd.DataFrame(
        {
            "open_nodes": places["open_nodes"],
            "activity": unit_activity(activations, places, variable, leading),
        }
    )
    figure = depth_figure(
        marked,
        pd.read_parquet(predictions, columns=["open_nodes", "predicted"]),
        activity,
        r2=overall_r2(pd.read_parquet(scores), scores),
        leading=f"unit {leading} (layer {layer[unit == leading][0]})",
        variable=variable,
    )
    metadata = lineage(
        [coefficients, predictions, scores, Path(dump) / INDEX],
        kind="figure of the regression of depth",
        config={
            "threshold": threshold,
            "minimum_folds": minimum_folds,
            "deviations_from": deviations_from,
            "unit": leading,
        },
    )
    for path in outputs:
        save_figure(figure, path, metadata)


def unit_activity(activations, positions: pd.DataFrame, variable: str, unit: int) -> np.ndarray:
    """Read one unit's activity at the sampled words.

    Parameters
    ----------
    activations : ActivationDump
        Of the sentences; its items are sentence numbers.
    positions : DataFrame
        ``sentence, position``.
    variable : str
    unit : int
        1-based.

    Returns
    -------
    ndarray of float, shape (rows,)

    Raises
    ------
    UserError
        If the dump lacks a sentence or a word of it.
    """
    sentences, row = np.unique(positions["sentence"].to_numpy(), return_inverse=True)
    values = activations.read(variable, units=[unit], items=sentences)[:, :, 0]
    column = positions["position"].to_numpy()
    inside = column < values.shape[1]
    found = np.where(inside, values[row, np.minimum(column, values.shape[1] - 1)], np.nan)
    if np.isnan(found).any():
        lost = positions.iloc[int(np.flatnonzero(np.isnan(found))[0])]
        raise UserError(
            f"{activations.folder} has no activity at word {lost['position']} of sentence "
            f"{lost['sentence']}, which was sampled. Delete the folder and run the workflow again"
        )
    return found.astype(float)


def overall_r2(scores: pd.DataFrame, path: str | Path) -> tuple[float, float, float]:
    """Return R2 of all units over all folds, and its interval.

    Raises
    ------
    UserError
        If the scores lack them.
    """
    row = scores[
        (scores["regressors"] == "units")
        & (scores["covariate"] == "included")
        & scores["fold"].isna()
    ]
    if len(row) != 1:
        raise UserError(
            f"{path} does not hold one R2 of all units; delete it and run the workflow again"
        )
    value, low, high = row.iloc[0][["r2", "ci_low", "ci_high"]].astype(float)
    return value, low, high
