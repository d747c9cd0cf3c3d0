"""What the weights to words bring."""

from collections.abc import Mapping
from typing import Any

from lstm_units.config.analysis_plan import (
    no_task,
)
from lstm_units.config.rooms import Figure, Products, Room, Table, not_run


def products(config: Mapping[str, Any], model: str) -> Products:
    """Name what it makes of a model."""
    if config["efferents"]["verb_pairs"] is None:
        why = "`efferents.verb_pairs` names no file"
        return Products(not_run=not_run("Efferent weights", why))
    units, without = "efferents/units.parquet", no_task(config, "dynamics", "tasks")
    return Products(
        figures=("fig1d",),
        tables=() if without else ("efferents",),
        audited=("efferents/weights.parquet", units),
        on_cards=(units,) if without else (units, "efferents/words.parquet"),
        not_run=not_run("Words of the efferent weights", without),
    )


ROOM = Room(
    name="efferents",
    title="Efferent weights",
    products=products,
    figures=(Figure("fig1d", "efferent_weights", 13),),
    tables=(Table("efferents", "Efferent weights of the shown units", 60),),
)
