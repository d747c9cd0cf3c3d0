"""What direct logit attribution brings."""

from collections.abc import Mapping
from typing import Any

from lstm_units.config.analysis_plan import (
    chosen_tasks,
    finds_short_range,
)
from lstm_units.config.rooms import Figure, Products, Room, Table, each


def products(config: Mapping[str, Any], model: str) -> Products:
    """Name what it makes of a model."""
    tasks = chosen_tasks(config, "contributions")
    if not tasks or not finds_short_range(config):
        return Products()
    files = each("contributions/{}.parquet", tasks)
    return Products(figures=("contributions",), tables=("contributions",), audited=files)


ROOM = Room(
    name="contributions",
    title="Contributions to the verb margin",
    products=products,
    figures=(Figure("contributions", "contributions", 30),),
    tables=(
        Table(
            "contributions", "What kinds of units add to the verb margin", 50, "contributions.tasks"
        ),
    ),
)
