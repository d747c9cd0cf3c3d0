"""What the search for long-range number units brings."""

from collections.abc import Mapping
from typing import Any

from lstm_units.config.rooms import Figure, Products, Room, Table


def products(config: Mapping[str, Any], model: str) -> Products:
    """Name what it makes of a model."""
    return Products(figures=("units",), tables=("table1", "table2"), files=("units.json",))


ROOM = Room(
    name="long_range_units",
    title="Long-range number units",
    products=products,
    figures=(Figure("units", "units", 0),),
    tables=(
        Table("table1", "Table 1: the tasks", 0),
        Table("table2", "Table 2 beside the paper's", 1),
    ),
)
