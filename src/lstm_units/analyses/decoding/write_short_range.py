"""The step of an experiment that finds the short-range units."""

from pathlib import Path

import pandas as pd

from lstm_units.analyses.decoding.short_range_units import ShortRangeCriteria, discover_short_range
from lstm_units.errors import ConfigurationError
from lstm_units.io.files import lineage, read_json, read_metadata, write_json
from lstm_units.stimuli.aligned_items import read_aligned_items


def write_short_range(
    unit_decoding: str | Path,
    efferents: str | Path,
    stimuli: str | Path,
    long_range: str | Path,
    criteria: ShortRangeCriteria,
    output: str | Path,
) -> None:
    """Discover the short-range units, with the evidence for each.

    Parameters
    ----------
    unit_decoding : path
        From `lstm_units.analyses.decoding.write_single_units.write_unit_decoding`, of the subject's number. Its
        metadata say which variable and items it is of.
    efferents : path
        ``efferents/units.parquet``.
    stimuli : path
        ``stimuli/{task}.parquet`` of the task of `unit_decoding`.
    long_range : path
        ``units/long_range.json``.
    criteria : ShortRangeCriteria
    output : path
        JSON, see `lstm_units.analyses.decoding.short_range_units.discover_short_range`.

    Raises
    ------
    ConfigurationError
        If `unit_decoding` is of another label than the subject's number, or as in
        `lstm_units.analyses.decoding.short_range_units.discover_short_range`.
    """
    made = read_metadata(unit_decoding)
    config = made["config"]
    if config["label"] != "subject_number":
        raise ConfigurationError(
            f"unit_decoding.label is {config['label']}; short-range units are found by the "
            "subject's number: write subject_number"
        )
    found = discover_short_range(
        pd.read_parquet(unit_decoding),
        pd.read_parquet(efferents),
        read_aligned_items(stimuli).select(config["conditions"]),
        read_json(long_range),
        criteria,
        variable=config["variable"],
    )
    metadata = lineage(
        [unit_decoding, efferents, long_range], kind="short-range units", config=config
    )
    # Only the decoding looked at items itself.
    metadata["stimuli_sha256"] = made["stimuli_sha256"]
    write_json(found, output, metadata)
