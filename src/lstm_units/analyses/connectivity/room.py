"""What the connections bring."""

from collections.abc import Mapping
from typing import Any

from lstm_units.config.analysis_plan import (
    connectivity_task,
    no_task,
)
from lstm_units.config.rooms import Figure, Products, Room, Table, not_run


def products(config: Mapping[str, Any], model: str) -> Products:
    """Name what it makes of a model."""
    task = connectivity_task(config)
    if task is None:
        return Products(not_run=not_run("Connections", no_task(config, "connectivity", "task")))
    afferents = "connectivity/afferents.parquet"
    return Products(
        figures=("fig4a", "fig4b"),
        tables=("connectivity",),
        files=("connectivity/graph.graphml",),
        dumped=(task,),
        audited=("connectivity/summary.json", afferents),
        on_cards=(afferents,),
    )


ROOM = Room(
    name="connectivity",
    title="Connectivity",
    products=products,
    figures=(
        Figure("fig4a", "mutual", 60),
        Figure("fig4b", "afferents", 61),
    ),
    tables=(Table("connectivity", "Connections among long-range and syntax units", 40),),
)
