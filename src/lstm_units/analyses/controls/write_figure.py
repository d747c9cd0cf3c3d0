"""The step that draws an ablated set of units among random sets."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from lstm_units.analyses.controls.figure import controls_figure, no_set_figure
from lstm_units.analyses.controls.random_sets import FAMILIES
from lstm_units.io.figure_style import save_figure
from lstm_units.io.files import lineage, make_metadata, read_metadata


def write_controls_figure(
    accuracy: str | Path,
    tests: str | Path,
    sets: str | Path,
    family: str,
    labels: Mapping[str, str],
    outputs: Sequence[str | Path],
) -> None:
    """Draw ``figures/controls_{family}``; without a set the figure says why there is none.

    Parameters
    ----------
    accuracy, tests : path
        ``controls/accuracy/{family}.parquet`` and ``controls/tests/{family}.parquet``.
    sets : path
        ``controls/sets/{family}.parquet``, whose metadata names the tested units.
    family : str
    labels : mapping of str to str
        Names of tasks in print.
    outputs : sequence of path
        Each ends in ``.pdf`` or ``.png``.
    """
    drawn, made = read_metadata(sets), read_metadata(tests)
    name, tested = FAMILIES.get(family, family), drawn["tested"]
    if tested:
        ablated = f"{len(tested)} {name}" if len(tested) > 1 else name.removesuffix("s")
        figure = controls_figure(pd.read_parquet(accuracy), pd.read_parquet(tests), ablated, labels)
    else:
        figure = no_set_figure(name, drawn["reason"])
    lineage([tests, sets])  # only for its check: sets have no stimuli
    lineage([accuracy, tests])
    metadata = make_metadata(
        kind="figure of random-set controls",
        config=made["config"],
        tested=tested,
        checkpoint_sha256=made["checkpoint_sha256"],
        stimuli_sha256=made["stimuli_sha256"],
    )
    for path in outputs:
        save_figure(figure, path, metadata)
