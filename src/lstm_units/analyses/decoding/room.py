"""What decoding brings."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from lstm_units.config.analysis_plan import (
    SPLIT_KINDS,
    analyses,
    finds_short_range,
    no_short_range,
    no_task,
    unit_decoding_task,
)
from lstm_units.config.rooms import Figure, Products, Room, each, not_run


def _over_time(config: Mapping[str, Any], model: str) -> Products:
    asked = config["decoding"]["run"]
    left_out = [
        not_run(f"Decoding, {name}", no_task(config, "decoding", "analyses", name, "task"))
        for name in asked
    ]
    names = [f"{name}_{kind}" for name in analyses(config) for kind in SPLIT_KINDS]
    return Products(
        figures=tuple(analyses(config)),
        dumped=tuple(entry["task"] for entry in analyses(config).values()),
        audited=each("decoding/{}.parquet", names),
        not_run=sum(left_out, ()) if asked else not_run("Decoding", "`decoding.run` is empty"),
    )


def _single_units(config: Mapping[str, Any], model: str) -> Products:
    task, units = unit_decoding_task(config), "decoding/units.parquet"
    left_out = not_run("Short-range units", no_short_range(config))
    if task is None:
        alone = not_run("Every unit alone", no_task(config, "unit_decoding", "task"))
        return Products(not_run=alone + left_out)
    return Products(
        figures=("unit_decoding",) if finds_short_range(config) else (),
        files=(units,),
        dumped=(task,),
        on_cards=(units, f"stimuli/{task}.parquet"),
        not_run=left_out,
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
