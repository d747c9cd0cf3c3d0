"""What the time courses bring."""

from collections.abc import Mapping
from typing import Any

from lstm_units.config.analysis_plan import (
    chosen_tasks,
    named_units,
    no_task,
    time_course_task,
)
from lstm_units.config.rooms import Figure, Products, Room, each, not_run


def products(config: Mapping[str, Any], model: str) -> Products:
    """Name what it makes of a model."""
    tasks = chosen_tasks(config, "dynamics")
    if not tasks:
        return Products(not_run=not_run("Dynamics", no_task(config, "dynamics", "tasks")))
    drawn, audited = tasks[0], time_course_task(config)
    single = each(f"dynamics/{drawn}/unit_{{}}", named_units(config, model))
    return Products(
        figures=("fig1a", "fig1b", "fig1c", *single),
        files=each("dynamics/{}.parquet", tasks),
        dumped=tuple(tasks),
        audited=(f"dynamics/{audited}.parquet", f"activations/{audited}"),
        on_cards=(f"dynamics/{drawn}.parquet", f"stimuli/{drawn}.parquet"),
    )


ROOM = Room(
    name="dynamics",
    title="Dynamics",
    products=products,
    figures=(
        Figure("fig1a", "time_course", 10),
        Figure("fig1b", "time_course", 11),
        Figure("fig1c", "ideal", 12),
        Figure("dynamics/*/unit_*", "unit_dynamics", 90),
    ),
)
