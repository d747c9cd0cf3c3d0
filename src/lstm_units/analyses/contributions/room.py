"""What direct logit attribution brings."""

from collections.abc import Mapping
from typing import Any

from lstm_units.config.analysis_plan import (
    chosen_tasks,
    no_short_range,
    no_task,
)
from lstm_units.config.rooms import Figure, Products, Room, Table, each, not_run


def products(config: Mapping[str, Any], model: str) -> Products:
    """Name what it makes of a model."""
    tasks = chosen_tasks(config, "contributions")
    why = no_task(config, "contributions", "tasks") or no_short_range(config)
    if why:
        return Products(not_run=not_run("Contributions to the verb margin", why))
    files = each("contributions/{}.parquet", tasks)
    return Products(figures=("contributions",), tables=("contributions",), audited=files)


ROOM = Room(
    name="contributions",
    title="Contributions to the verb margin",
    products=products,
    figures=(Figure("contributions", "contributions", 30),),
    tables=(Table("contributions", "What kinds of units add to the verb margin", 50),),
)
