"""The step of an experiment that finds the syntax units."""

from pathlib import Path

import pandas as pd

from lstm_units.analyses.syntax_units.syntax_units import SyntaxCriteria, find_syntax_units
from lstm_units.errors import UserError
from lstm_units.io.files import lineage, read_json, read_metadata, write_json


def write_syntax_units(
    coefficients: str | Path,
    permutations: str | Path,
    span: str | Path,
    long_range: str | Path,
    threshold: float,
    minimum_folds: int,
    deviations_from: str,
    output: str | Path,
    minimum_auc: float = 0.9,
) -> None:
    """Write ``units/syntax.json``: the syntax units, with the evidence for each.

    Parameters
    ----------
    coefficients, permutations : path
        ``depth/coefficients.parquet`` and ``depth/permutations.parquet``.
    span : path
        ``dependency_span.parquet``.
    long_range : path
        ``units/long_range.json``.
    threshold, minimum_folds, deviations_from, minimum_auc
        As in `lstm_units.analyses.syntax_units.syntax_units.SyntaxCriteria`.
    output : path
        JSON, see `lstm_units.analyses.syntax_units.syntax_units.find_syntax_units`.

    Raises
    ------
    ConfigurationError
        If a criterion is out of range, or as in `lstm_units.analyses.syntax_units.syntax_units.find_syntax_units`.
    UserError
        If the files come from different models, or the permutations were counted by other
        criteria.
    """
    criteria = SyntaxCriteria(threshold, minimum_folds, deviations_from, minimum_auc)
    counted = read_metadata(permutations).get("config", {})
    for key in ("threshold", "minimum_folds", "deviations_from"):
        asked = getattr(criteria, key)
        if counted.get(key, asked) != asked:
            raise UserError(
                f"{permutations} was counted with {key} {counted[key]}, not {asked}. Delete it and "
                "run the workflow again"
            )
    made = read_metadata(span)["config"]
    found = find_syntax_units(
        pd.read_parquet(coefficients),
        pd.read_parquet(permutations),
        pd.read_parquet(span),
        read_json(long_range),
        criteria,
        verb=made["verb"],
    )
    metadata = lineage([coefficients, permutations, span, long_range], kind="syntax units")
    write_json(found, output, metadata)
