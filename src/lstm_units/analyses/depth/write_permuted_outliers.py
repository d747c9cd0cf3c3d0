"""The step that counts the outliers of the regressions of permuted depth."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from lstm_units.analyses.depth.outliers import outliers
from lstm_units.errors import ConfigurationError
from lstm_units.io.files import lineage, read_metadata, write_parquet
from lstm_units.statistics.margins import read_columns


def write_permuted_outliers(
    permuted: str | Path,
    threshold: float,
    minimum_folds: int,
    deviations_from: str,
    output: str | Path,
) -> None:
    """Count the outliers of each regression of permuted depth.

    Parameters
    ----------
    permuted : path
        ``depth/permuted_coefficients.parquet``.
    threshold, deviations_from
        As in `lstm_units.analyses.depth.outliers.outliers`.
    minimum_folds : int
        Folds in which a unit must be beyond the threshold to count as stable; 0 asks for the mean
        only.
    output : path
        Parquet: ``permutation, n_outliers, n_stable, r2``.

    Raises
    ------
    ConfigurationError
        If a criterion is out of range.
    UserError
        If `permuted` is missing or damaged.
    """
    table = read_columns(permuted, ["permutation", "r2", "coefficients"])
    made = read_metadata(permuted)["config"]
    folds = made["procedure"]["folds"]
    if not 0 <= minimum_folds <= folds:
        raise ConfigurationError(
            f"syntax_units.minimum_folds is {minimum_folds}; write 0 to {folds} (depth.folds)"
        )
    column = table["coefficients"]
    shape = (len(table), folds, column.type.list_size // folds)
    counts = []
    for values in column.combine_chunks().flatten().to_numpy().reshape(shape).astype(float):
        found = outliers(values, threshold, deviations_from)
        counts.append((found.beyond.sum(), found.stable(minimum_folds).sum()))
    beyond, stable = np.array(counts, dtype=np.int32).reshape(-1, 2).T
    config = {
        **made,
        "threshold": threshold,
        "minimum_folds": minimum_folds,
        "deviations_from": deviations_from,
    }
    metadata = lineage([permuted], kind="outliers of permuted depth", config=config)
    counted = pa.table(
        {
            "permutation": table["permutation"],
            "n_outliers": pa.array(beyond),
            "n_stable": pa.array(stable),
            "r2": table["r2"],
        }
    )
    write_parquet(counted, output, metadata)
