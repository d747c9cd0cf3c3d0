"""The step of an experiment that draws the contributions of units to the verb margin."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lstm_units.analyses.contributions.figure import contributions_figure
from lstm_units.analyses.contributions.table import contributions_table, read_contributions
from lstm_units.io.figure_style import save_figure


def write_contributions_figure(
    contributions_by_task: Mapping[str, str | Path],
    labels: Mapping[str, str],
    statistics: Mapping[str, Any],
    outputs: Sequence[str | Path],
) -> None:
    """Draw the mean contributions by task, condition and answer.

    Parameters
    ----------
    contributions_by_task, labels, statistics
        As in `lstm_units.analyses.contributions.write_table.write_contributions_table`.
    outputs : sequence of path
        Each ends in ``.pdf`` or ``.png``.
    """
    found = read_contributions(contributions_by_task)
    table = contributions_table(found.by_task, found.units, **statistics)
    figure = contributions_figure(table, found.units, labels)
    metadata = found.metadata("figure of contributions", config=dict(statistics))
    for path in outputs:
        save_figure(figure, path, metadata)
