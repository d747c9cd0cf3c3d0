"""What the weights to words bring."""

from collections.abc import Mapping
from typing import Any

from lstm_units.config.analysis_plan import (
    chosen_tasks,
)
from lstm_units.config.rooms import Figure, Products, Room, Table


def products(config: Mapping[str, Any], model: str) -> Products:
    """Name what it makes of a model."""
    if config["efferents"]["verb_pairs"] is None:
        return Products()
    units, with_words = "efferents/units.parquet", bool(chosen_tasks(config, "dynamics"))
    return Products(
        figures=("fig1d",),
        tables=("efferents",) if with_words else (),
        audited=("efferents/weights.parquet", units),
        on_cards=(units, "efferents/words.parquet") if with_words else (units,),
    )


ROOM = Room(
    name="efferents",
    title="Efferent weights",
    products=products,
    figures=(Figure("fig1d", "efferent_weights", 13),),
    tables=(Table("efferents", "Efferent weights of the shown units", 60, "efferents"),),
)
