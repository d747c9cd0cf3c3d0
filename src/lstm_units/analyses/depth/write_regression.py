"""The step that regresses depth on the activity of all units, and on permuted depth."""

import logging
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from sklearn.metrics import r2_score

from lstm_units.activations.reader import open_activations
from lstm_units.analyses.depth.regression import (
    NestedFit,
    Procedure,
    blocks,
    nested_ridge,
    outer_splits,
    permute_within_positions,
)
from lstm_units.analyses.depth.regressors import UNITS, Regressors, activity_regressors, frequency
from lstm_units.depth_corpus.sample import DepthSample, read_depth_sample
from lstm_units.errors import ConfigurationError
from lstm_units.io.files import make_metadata, sha256_file, write_parquet
from lstm_units.io.unit_columns import unit_array
from lstm_units.runtime.console import progress

log = logging.getLogger(__name__)


def write_unit_regression(
    dump: str | Path,
    positions: str | Path,
    sentences: str | Path,
    word_counts: str | Path,
    *,
    procedure: Procedure,
    permutations: int,
    predictions: str | Path,
    coefficients: str | Path,
    permuted: str | Path,
) -> None:
    """Regress depth on all units and the word's frequency, then permuted depth.

    Parameters
    ----------
    dump : path
        From `lstm_units.analyses.depth.write_activations.write_depth_activations`.
    positions, sentences : path
        As in `lstm_units.depth_corpus.sample.read_depth_sample`.
    word_counts : path
        As in `lstm_units.stimuli.word_frequency.read_word_counts`.
    procedure : Procedure
    permutations : int
        Number of times that depth is permuted within positions and everything is fitted anew, the
        penalties included; may be 0.
    predictions : path
        Parquet, see `write_predictions`.
    coefficients : path
        Parquet: ``unit, layer, fold, coefficient``, of standardised activities.
    permuted : path
        Parquet: ``permutation, r2, coefficients``; the latter is a list of all units' coefficients
        fold after fold, in the order of `coefficients`.

    Raises
    ------
    ConfigurationError
        If a setting is out of range.
    UserError
        If the files do not fit each other.
    """
    if permutations < 0:
        raise ConfigurationError(f"depth.permutations is {permutations}; write 0 or more")
    opened = open_activations(dump)
    sample = read_depth_sample(sentences, positions)
    covariate = frequency(sample, word_counts, procedure.name)
    regressors = activity_regressors(UNITS, opened, sample, covariate)
    splits = outer_splits(sample.sentence, procedure)
    depth = sample.open_nodes.astype(float)
    n_units = len(regressors.units)

    absent = nested_ridge(regressors.without_covariate(), depth[:, None], splits, procedure)
    r2s: list[float] = []
    permuted_coefficients: list[np.ndarray] = []
    with progress(total=permutations + 1, description="regression of depth", unit="fits") as bar:
        for block in blocks(permutations):
            targets = permute_within_positions(depth, sample.position, block, procedure.seed)
            fits = nested_ridge(regressors.matrix, targets, splits, procedure, regressors.covariate)
            r2s += r2_score(targets, fits.predicted, multioutput="raw_values").tolist()
            if block[0] == 0:
                fit = fits.target(0)
            kept = fits.coefficients[:, :n_units, 1 if block[0] == 0 else 0 :]
            permuted_coefficients.append(kept.transpose(2, 0, 1).astype(np.float32))
            bar.update(len(block))
    log.info("depth from %d units: R2 %.3f", n_units, r2s[0])

    made = {
        "checkpoint_sha256": opened.metadata["checkpoint_sha256"],
        "variable": opened.variables[0],
        "word_counts_sha256": sha256_file(word_counts),
    }
    write_predictions(sample, regressors, procedure, fit, absent, predictions, made)
    made = {**made, "stimuli_sha256": sample.sha256, "seed": procedure.seed}
    config = {"procedure": procedure_settings(procedure)}
    layer_of = {u: layer for layer in opened.layers for u in opened.units([layer])}
    units = np.repeat(np.array(regressors.units), procedure.folds)
    table = pa.table(
        {
            "unit": unit_array(units.tolist()),
            "layer": pa.array([layer_of[unit] for unit in units.tolist()], pa.int16()),
            "fold": pa.array(np.tile(np.arange(1, procedure.folds + 1), n_units), pa.int16()),
            "coefficient": pa.array(fit.coefficients[:, :n_units, 0].T.ravel()),
        }
    )
    write_parquet(
        table,
        coefficients,
        make_metadata(kind="coefficients of depth", config=config, **made),
    )
    config |= {"permutations": permutations}
    width = procedure.folds * n_units
    table = pa.table(
        {
            "permutation": pa.array(np.arange(1, permutations + 1), pa.int32()),
            "r2": pa.array(r2s[1:], pa.float64()),
            "coefficients": pa.FixedSizeListArray.from_arrays(
                pa.array(np.concatenate(permuted_coefficients).ravel(), pa.float32()), width
            ),
        }
    )
    metadata = make_metadata(kind="coefficients of permuted depth", config=config, **made)
    write_parquet(table, permuted, metadata)


def procedure_settings(procedure: Procedure) -> dict[str, Any]:
    """Return the settings of a procedure as JSON types."""
    settings = asdict(procedure)
    return {**settings, "alphas": list(settings["alphas"])}


def write_predictions(
    sample: DepthSample,
    regressors: Regressors,
    procedure: Procedure,
    fit: NestedFit,
    absent: NestedFit | None,
    output: str | Path,
    made: Mapping[str, Any],
) -> None:
    """Write the out-of-fold predictions from one set of regressors.

    Parameters
    ----------
    sample : DepthSample
    regressors : Regressors
    procedure : Procedure
    fit : NestedFit
        Of depth on `regressors`.
    absent : NestedFit or None
        Of depth on `regressors` without the covariate.
    output : path
        Parquet: ``sentence, position, open_nodes, fold`` (1-based, the outer fold whose model
        predicted the row), ``predicted, predicted_covariate_removed`` (the covariate's coefficient
        set to 0), ``predicted_covariate_absent`` (fitted without it); null where there is none.
        Its metadata hold the penalties that were chosen in each fold.
    made : mapping
        What else the metadata record.
    """
    alphas = {"included": fit.alphas[:, 0].tolist()}
    if absent is not None:
        alphas["absent"] = absent.alphas[:, 0].tolist()
    edge = {procedure.alphas[0], procedure.alphas[-1]}
    at_edge = sum(alpha in edge for chosen in alphas.values() for alpha in chosen)
    if at_edge:
        log.info(
            "%s: in %d of %d fits the penalty is at the edge of depth.alphas; a wider grid may fit "
            "better",
            regressors.name,
            at_edge,
            sum(map(len, alphas.values())),
        )

    def column(values: np.ndarray | None) -> pa.Array:
        if values is None:
            return pa.nulls(len(sample), pa.float64())
        return pa.array(values[:, 0], pa.float64())

    table = pa.table(
        {
            "sentence": pa.array(sample.sentence, pa.int32()),
            "position": pa.array(sample.position, pa.int16()),
            "open_nodes": pa.array(sample.open_nodes, pa.int16()),
            "fold": pa.array(fit.fold + 1, pa.int16()),
            "predicted": column(fit.predicted),
            "predicted_covariate_removed": column(fit.predicted_removed),
            "predicted_covariate_absent": column(absent.predicted if absent else None),
        }
    )
    metadata = make_metadata(
        kind="predictions of depth",
        regressors=regressors.name,
        n_regressors=regressors.matrix.shape[1],
        config={"procedure": procedure_settings(procedure)},
        alphas=alphas,
        seed=procedure.seed,
        stimuli_sha256=sample.sha256,
        **made,
    )
    write_parquet(table, output, metadata)
