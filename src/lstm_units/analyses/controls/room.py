"""What the random-set controls bring."""

from collections.abc import Mapping
from typing import Any

from lstm_units.config.analysis_plan import (
    controls,
)
from lstm_units.config.rooms import Figure, Products, Room, Table, each


def products(config: Mapping[str, Any], model: str) -> Products:
    """Name what it makes of a model."""
    families = controls(config)
    return Products(
        figures=each("controls_{}", families),
        tables=("controls",) if families else (),
        audited=each("controls/tests/{}.parquet", families),
    )


ROOM = Room(
    name="controls",
    title="Random sets",
    products=products,
    figures=(
        Figure("controls_syntax", "controls", 50),
        Figure("controls_short_range", "controls", 51),
        Figure("controls_short_and_long_range", "controls", 52),
        Figure("controls_*", "controls", 53),
    ),
    tables=(
        Table(
            "controls",
            "Discovered units ablated together, against random sets",
            30,
            "controls.run",
            2,
        ),
    ),
)
