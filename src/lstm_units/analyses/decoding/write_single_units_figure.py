"""The step of an experiment that draws all units by what they tell at subject and attractor."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from lstm_units.analyses.decoding.single_units_figure import unit_decoding_figure
from lstm_units.io.figure_style import save_figure
from lstm_units.io.files import lineage, read_json, read_metadata
from lstm_units.stimuli.aligned_items import read_aligned_items


def write_unit_decoding_figure(
    unit_decoding: str | Path,
    stimuli: str | Path,
    short_range: str | Path,
    long_range: str | Path,
    outputs: Sequence[str | Path],
) -> None:
    """Draw every unit: AUC at the subject against AUC at the attractor.

    Parameters
    ----------
    unit_decoding : path
        From `lstm_units.analyses.decoding.write_single_units.write_unit_decoding`.
    stimuli : path
        ``stimuli/{task}.parquet`` of the task of `unit_decoding`.
    short_range, long_range : path
        ``units/short_range.json`` and ``units/long_range.json``.
    outputs : sequence of path
        Each ends in ``.pdf`` or ``.png``.
    """
    made = read_metadata(unit_decoding)
    short = read_json(short_range)
    figure = unit_decoding_figure(
        pd.read_parquet(unit_decoding),
        read_aligned_items(stimuli).select(made["config"]["conditions"]),
        short,
        read_json(long_range),
    )
    metadata = lineage(
        [unit_decoding],
        kind="figure of decoding from single units",
        config={**made["config"], "criteria": short["criteria"]},
    )
    for path in outputs:
        save_figure(figure, path, metadata)
