"""What the random-set controls bring."""

from collections.abc import Mapping
from typing import Any

from lstm_units.config.analysis_plan import (
    controls,
    no_control,
)
from lstm_units.config.rooms import Figure, Products, Room, Table, each, not_run


def products(config: Mapping[str, Any], model: str) -> Products:
    """Name what it makes of a model."""
    families, asked = controls(config), config["controls"]["run"]
    left_out = [
        not_run(f"Random sets, {family.replace('_', ' ')}", no_control(config, family))
        for family in asked
    ]
    return Products(
        figures=each("controls_{}", families),
        tables=("controls",) if families else (),
        audited=each("controls/tests/{}.parquet", families),
        not_run=sum(left_out, ()) if asked else not_run("Random sets", "`controls.run` is empty"),
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
            2,
        ),
    ),
)
