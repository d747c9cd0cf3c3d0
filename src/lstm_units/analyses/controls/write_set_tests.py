"""The step that tests an ablated set of units against random sets."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from lstm_units.analyses.controls.set_tests import control_table, count_sets, set_accuracy
from lstm_units.errors import UserError
from lstm_units.io.files import lineage, read_metadata, write_parquet

_TASK = pa.dictionary(pa.int16(), pa.string())
_COUNT, _SHARE = pa.int32(), pa.float64()
ACCURACY_SCHEMA = pa.schema(
    [
        ("set", pa.int32()),
        ("task", _TASK),
        ("condition", _TASK),
        ("n", _COUNT),
        ("right", _COUNT),
        ("accuracy", _SHARE),
    ]
)
TESTS_SCHEMA = pa.schema(
    [
        ("family", _TASK),
        ("task", _TASK),
        ("condition", _TASK),
        ("n", _COUNT),
        ("n_units", _COUNT),
        ("n_sets", _COUNT),
        ("full_accuracy", _SHARE),
        ("full_ci_low", _SHARE),
        ("observed", _SHARE),
        ("null_mean", _SHARE),
        ("null_sd", _SHARE),
        ("null_q01", _SHARE),
        ("null_q05", _SHARE),
        ("null_q50", _SHARE),
        ("null_q95", _SHARE),
        ("difference_to_full", _SHARE),
        ("difference_to_full_ci_low", _SHARE),
        ("difference_to_full_ci_high", _SHARE),
        ("difference_to_null", _SHARE),
        ("n_at_most", _COUNT),
        ("n_below", _COUNT),
        ("p", _SHARE),
        ("p_paper", _SHARE),
        ("p_holm", _SHARE),
        ("testable", pa.bool_()),
        ("adjusted", pa.bool_()),
        ("n_near_ties", _COUNT),
        ("n_near_ties_null", pa.int64()),
    ]
)


def write_control_tests(
    family: str,
    sets: str | Path,
    shards: Sequence[str | Path],
    intact_by_task: Mapping[str, str | Path],
    minimum_intact: float,
    confidence: float,
    near_tie: float,
    seed: int,
    accuracy: str | Path,
    tests: str | Path,
    pooled_tasks: Sequence[str] = (),
) -> None:
    """Write the accuracy of every set of a family, and the tests of the first against the others.

    Parameters
    ----------
    family : str
    sets : path
        From `lstm_units.analyses.controls.write_sets.write_control_sets`.
    shards : sequence of path
        From `lstm_units.interventions.write_ablation.write_set_shard`: all sets of the family on all tasks of
        `intact_by_task`.
    intact_by_task, near_tie
        As in `lstm_units.analyses.controls.set_tests.count_sets`.
    minimum_intact, confidence, seed
        As in `lstm_units.analyses.controls.set_tests.control_table`.
    accuracy : path
        Gets the table of `lstm_units.analyses.controls.set_tests.set_accuracy`.
    tests : path
        Gets the table of `lstm_units.analyses.controls.set_tests.control_table`. The metadata of both name the
        ``tested`` and ``excluded`` units and how the others were drawn. Without a set to test both
        have no row, and ``reason`` says why.
    pooled_tasks : sequence of str
        As in `lstm_units.analyses.controls.set_tests.count_sets`.
    """
    drawn = read_metadata(sets)
    if drawn["config"]["family"] != family:
        raise UserError(
            f"{sets} holds the family {drawn['config']['family']}, expected {family}. Delete it "
            "and run the workflow again"
        )
    statistics = {
        "minimum_intact": minimum_intact,
        "confidence": confidence,
        "near_tie": near_tie,
    }
    described: dict[str, Any] = {
        "seed": seed,
        **{key: drawn[key] for key in ("tested", "excluded", "reason")},
    }
    if not drawn["tested"]:
        accuracies, compared = pd.DataFrame(), pd.DataFrame()
        source = lineage([sets], config={**drawn["config"], **statistics}, **described)
    else:
        counted = count_sets(
            shards, intact_by_task, sets, near_tie=near_tie, pooled_tasks=pooled_tasks
        )
        accuracies = set_accuracy(counted)
        compared = control_table(
            counted, family, minimum_intact=minimum_intact, confidence=confidence, seed=seed
        )
        modes = sorted({read_metadata(path)["config"]["mode"] for path in shards})
        if len(modes) > 1:
            raise UserError(
                f"the shards of {family} come from several ablation modes ({', '.join(modes)}); "
                "give those of one"
            )
        config = {
            **drawn["config"],
            **statistics,
            "mode": modes[0],
            "pooled_tasks": sorted(set(pooled_tasks) & set(intact_by_task)),
        }
        lineage([sets, shards[0]])  # only for its check: sets have no stimuli
        source = lineage(shards, config=config, **described)
    for table, schema, path, kind in (
        (accuracies, ACCURACY_SCHEMA, accuracy, "accuracy of sets"),
        (compared, TESTS_SCHEMA, tests, "tests against random sets"),
    ):
        if table.empty:
            rows = schema.empty_table()
        else:
            rows = pa.Table.from_pandas(table, schema=schema, preserve_index=False)
        write_parquet(rows.replace_schema_metadata(), path, {**source, "kind": kind})
