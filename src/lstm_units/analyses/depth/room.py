"""What the regression of depth brings."""

from collections.abc import Mapping
from typing import Any

from lstm_units.config.rooms import Figure, Products, Room, Table, not_run


def products(config: Mapping[str, Any], model: str) -> Products:
    """Name what it makes of a model."""
    if not config["depth"]["run"]:
        return Products(not_run=not_run("Depth", "`depth.run` is false"))
    return Products(
        figures=("depth",),
        tables=("depth",),
        files=("depth/comparisons.parquet",),
        audited=("depth/comparisons.parquet",),
        compared=("depth/scores.parquet",),
        on_cards=("depth/coefficients.parquet",),
    )


ROOM = Room(
    name="depth",
    title="Depth",
    products=products,
    figures=(Figure("depth", "depth", 40),),
    tables=(Table("depth", "Depth: R² of all units and of the baselines", 20, 1),),
)
