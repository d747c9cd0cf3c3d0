"""Depth regressed on the activity of all units, on permuted depth, and on baselines.

Lakretz et al. 2019, Section 4.3; the fits are those of `lstm_units.analyses.depth.nested_ridge`.
"""

import logging
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from sklearn.metrics import r2_score

from lstm_units.activations.reader import ActivationDump
from lstm_units.analyses.depth.nested_ridge import (
    NestedFit,
    Procedure,
    blocks,
    nested_ridge,
    outer_splits,
    permute_within_positions,
)
from lstm_units.analyses.depth.regressors import Regressors, build_regressors
from lstm_units.analyses.depth.scores import UNITS
from lstm_units.depth_corpus.sample import DepthSample
from lstm_units.errors import ConfigurationError
from lstm_units.io.files import make_metadata
from lstm_units.io.results import Result
from lstm_units.io.unit_columns import unit_array
from lstm_units.runtime.console import progress
from lstm_units.statistics.standardisation import name_constant_units

if TYPE_CHECKING:
    from lstm_units.models.language_model import LanguageModel

log = logging.getLogger(__name__)


def regress_units(
    sample: DepthSample,
    dump: ActivationDump,
    word_counts: Result,
    *,
    procedure: Procedure,
    permutations: int,
) -> tuple[Result, Result, Result]:
    """Regress depth on all units and the word's frequency, then permuted depth.

    Parameters
    ----------
    dump : ActivationDump
        Of one variable, on the sentences of `sample`.
    word_counts : Result
        From `lstm_units.analyses.depth.regressors.read_word_frequencies`.
    permutations : int
        Number of times that depth is permuted within positions and everything is fitted anew, the
        penalties included; may be 0.

    Returns
    -------
    predictions : Result
        ``sentence, position, open_nodes, fold`` (1-based, the outer fold whose model predicted the
        row), ``predicted, predicted_covariate_removed`` (the covariate's coefficient set to 0),
        ``predicted_covariate_absent`` (fitted without it); null where there is none. The metadata
        hold the penalties that were chosen in each fold.
    coefficients : Result
        ``unit, layer, fold, coefficient``, of standardised activities.
    permuted : Result
        ``permutation, r2, coefficients``; the latter is a list of all units' coefficients fold
        after fold, in the order of `coefficients`.

    Raises
    ------
    ConfigurationError
        If `permutations` is negative, or there are too few sentences for the folds.
    UserError
        If the inputs do not fit each other.
    """
    if permutations < 0:
        raise ConfigurationError(f"permutations is {permutations}; write 0 or more")
    regressors = build_regressors(UNITS, sample, procedure.name, word_counts=word_counts, dump=dump)
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
    _name_constant(regressors, fit, dump)

    layer_of = {u: layer for layer in dump.layers for u in dump.units([layer])}
    units = np.repeat(np.array(regressors.units), procedure.folds)
    coefficients = {
        "unit": unit_array(units.tolist()),
        "layer": pa.array([layer_of[unit] for unit in units.tolist()], pa.int16()),
        "fold": pa.array(np.tile(np.arange(1, procedure.folds + 1), n_units), pa.int16()),
        "coefficient": pa.array(fit.coefficients[:, :n_units, 0].T.ravel()),
    }
    flat = pa.array(np.concatenate(permuted_coefficients).ravel(), pa.float32())
    permuted = {
        "permutation": pa.array(np.arange(1, permutations + 1), pa.int32()),
        "r2": pa.array(r2s[1:], pa.float64()),
        "coefficients": pa.FixedSizeListArray.from_arrays(flat, procedure.folds * n_units),
    }

    def result(columns: dict[str, pa.Array], kind: str, **config: int) -> Result:
        metadata = make_metadata(
            kind=kind,
            config={"procedure": procedure.to_json(), **config},
            seed=procedure.seed,
            stimuli_sha256=sample.sha256,
            **regressors.made,
        )
        return Result(pa.table(columns), metadata, kind)

    return (
        _predictions(sample, regressors, procedure, fit, absent),
        result(coefficients, "coefficients of depth"),
        result(permuted, "coefficients of permuted depth", permutations=permutations),
    )


def regress_baseline(
    name: str,
    sample: DepthSample,
    *,
    procedure: Procedure,
    word_counts: Result | None = None,
    dump: ActivationDump | None = None,
    model: "LanguageModel | None" = None,
) -> Result:
    """Regress depth on a baseline, on the folds that the units have with the same seed.

    Parameters
    ----------
    name, sample, word_counts, dump, model
        For `lstm_units.analyses.depth.regressors.build_regressors`.

    Returns
    -------
    Result
        Predictions, as from `regress_units`.

    Raises
    ------
    ConfigurationError
        If there are no such regressors, or there are too few sentences for the folds.
    UserError
        If the dump lacks the layer, or the inputs do not fit each other.
    """
    regressors = build_regressors(
        name, sample, procedure.name, word_counts=word_counts, dump=dump, model=model
    )
    splits = outer_splits(sample.sentence, procedure)
    depth = sample.open_nodes.astype(float)[:, None]
    fit = nested_ridge(regressors.matrix, depth, splits, procedure, regressors.covariate)
    if dump is not None:
        _name_constant(regressors, fit, dump)
    return _predictions(sample, regressors, procedure, fit)


def _name_constant(regressors: Regressors, fit: NestedFit, dump: ActivationDump) -> None:
    units = np.array(regressors.units, dtype=int)
    constant = units[fit.silent[: len(units)]].tolist()
    name_constant_units(constant, dump.model_layer_sizes, "words")


def _predictions(
    sample: DepthSample,
    regressors: Regressors,
    procedure: Procedure,
    fit: NestedFit,
    absent: NestedFit | None = None,
) -> Result:
    """Arrange out-of-fold predictions; `absent` are those without the covariate."""
    alphas = {"included": fit.alphas[:, 0].tolist()}
    if absent is not None:
        alphas["absent"] = absent.alphas[:, 0].tolist()
    edge = {procedure.alphas[0], procedure.alphas[-1]}
    at_edge = sum(alpha in edge for chosen in alphas.values() for alpha in chosen)
    if at_edge:
        log.info(
            "%s: in %d of %d fits the penalty is at the edge of the grid; a wider one may fit "
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
        config={"procedure": procedure.to_json()},
        alphas=alphas,
        seed=procedure.seed,
        stimuli_sha256=sample.sha256,
        **regressors.made,
    )
    return Result(table, metadata, f"the predictions from {regressors.name}")
