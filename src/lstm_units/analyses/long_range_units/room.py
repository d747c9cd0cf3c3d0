"""What the search for long-range number units brings."""

from collections.abc import Mapping
from typing import Any

from lstm_units.config.analysis_plan import no_long_range
from lstm_units.config.rooms import Figure, Products, Room, Table, not_run
from lstm_units.config.sweep_plan import no_sweep


def products(config: Mapping[str, Any], model: str) -> Products:
    """Name what it makes of a model."""
    without = no_sweep(config)
    return Products(
        figures=() if without else ("units",),
        tables=("table1", "table2"),
        files=("units.json",),
        not_run=not_run("The ablation of each unit", without)
        + not_run("The search for long-range number units", no_long_range(config)),
    )


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
