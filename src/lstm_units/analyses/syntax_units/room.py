"""What the search for syntax units brings."""

from collections.abc import Mapping
from typing import Any

from lstm_units.config.analysis_plan import (
    finds_syntax,
    named_units,
    no_syntax,
    structures,
)
from lstm_units.config.rooms import Figure, Products, Room, each, not_run


def products(config: Mapping[str, Any], model: str) -> Products:
    """Name what it makes of a model."""
    single = each("dependency/unit_{}", named_units(config, model))
    return Products(
        figures=("fig3", *single) if finds_syntax(config) else (),
        dumped=tuple(structures(config)),
        on_cards=("dependency_span.parquet",) if structures(config) else (),
        not_run=not_run("Syntax units", no_syntax(config)),
    )


ROOM = Room(
    name="syntax_units",
    title="Syntax units",
    products=products,
    figures=(
        Figure("fig3", "figure3", 41),
        Figure("dependency/unit_*", "unit_dependency", 91),
    ),
)
