"""What decoding brings."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from lstm_units.config.analysis_plan import (
    SPLIT_KINDS,
    analyses,
    finds_short_range,
    unit_decoding_task,
)
from lstm_units.config.rooms import Figure, Products, Room, each


def _over_time(config: Mapping[str, Any], model: str) -> Products:
    names = [f"{name}_{kind}" for name in analyses(config) for kind in SPLIT_KINDS]
    return Products(
        figures=tuple(analyses(config)),
        dumped=tuple(entry["task"] for entry in analyses(config).values()),
        audited=each("decoding/{}.parquet", names),
    )


def _single_units(config: Mapping[str, Any], model: str) -> Products:
    task, units = unit_decoding_task(config), "decoding/units.parquet"
    if task is None:
        return Products()
    return Products(
        figures=("unit_decoding",) if finds_short_range(config) else (),
        files=(units,),
        dumped=(task,),
        on_cards=(units, f"stimuli/{task}.parquet"),
    )


def products(config: Mapping[str, Any], model: str) -> Products:
    """Name what decoding over time and of single units makes of a model."""
    found = [_over_time(config, model), _single_units(config, model)]
    return Products(
        *(
            tuple(name for made in found for name in getattr(made, field.name))
            for field in fields(Products)
        )
    )


ROOM = Room(
    name="decoding",
    title="Decoding",
    products=products,
    figures=(
        Figure("unit_decoding", "single_units", 25),
        Figure("fig2", "across_time", 20),
        Figure("*", "across_time", 21, drawn_from="decoding/{}_*.parquet"),
    ),
)
