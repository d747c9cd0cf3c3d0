"""Captions of Figures 1a to 1c and of single units over time."""

from lstm_units.io.captions import About, Caption, kept
from lstm_units.io.wording import units_named

_NUMBERS = {"fig1a": "singular", "fig1b": "plural"}
_ITEMS = {"right": "items that the intact model answers rightly", "all": "all items"}


def time_course(about: About, stem: str) -> Caption:
    """Caption Figures 1a and 1b."""
    side = _NUMBERS[stem]
    shown = about.shown()
    found = [unit["unit"] for unit in shown if unit["found"] and unit["number"] == side]
    both = [unit["unit"] for unit in shown if unit["found"] and unit["number"] is None]
    nearest = [u["unit"] for u in shown if u["role"] == "nearest" and u["number"] == side]
    which = []
    if both:
        which.append(f"long-range {units_named(both)}, found for no single number of the subject")
    if found:
        which.append(f"long-range {units_named(found)}, found for {side} subjects")
    elif nearest:
        which.append(
            f"unit {nearest[0]}, which comes nearest to a long-range unit for {side} subjects; it "
            "does not meet the criteria"
        )
    elif not both:
        which.append(f"no unit: none was found for {side} subjects")
    whose = ", and of ".join(which)
    task, data = _dynamics(about)
    return Caption(
        f"Figure 1{stem[-1]}: time course of gates and cell, {side}",
        kept(
            [
                f"Candidate, gates and cell of {whose}.",
                _averaged(about, task),
                "The right column is the ideal time course: a drawing, as in the paper. A unit's "
                "sign is arbitrary, so the distance between curves counts, not which is above.",
            ]
        ),
        f"Curves of candidate, input gate, forget gate, cell and output gate over the words of "
        f"{about.label(task)}, by condition: {whose}.",
        (*data, "units/shown.json"),
    )


def _dynamics(about: About) -> tuple[str | None, tuple[str, ...]]:
    tasks = about.option("dynamics", "tasks") or [
        name.split("/")[1].removesuffix(".parquet")
        for name in about.files.matching("dynamics/*.parquet")
    ]
    task = tasks[0] if tasks else None
    name = f"dynamics/{task}.parquet"
    return task, (name,) if about.files.path(name) else ()


def _averaged(about: About, task: str | None) -> str | None:
    name = f"dynamics/{task}.parquet"
    table = about.files.frame(name, ["condition", "n"])
    if table is None:
        return None
    sizes = table.astype({"condition": str}).groupby("condition")["n"].max()
    counts = ", ".join(f"{condition} {n:,}" for condition, n in sizes.items())
    items = _ITEMS.get(about.made(name).get("items"), "items")
    return f"Mean and SD over the {items} of {about.label(task)} ({counts})."


def unit_dynamics(about: About, stem: str) -> Caption:
    """Caption the time course of any unit."""
    _, task, unit = stem.split("/")
    unit = unit.removeprefix("unit_")
    return Caption(
        f"Time course of unit {unit}, {about.label(task)}",
        kept([f"Candidate, gates and cell of unit {unit}.", _averaged(about, task)]),
        f"Curves of candidate, gates and cell of unit {unit} over the words of "
        f"{about.label(task)}, by condition.",
        (f"dynamics/{task}.parquet",),
    )


def ideal(about: About, stem: str) -> Caption:
    """Caption Figure 1c."""
    return Caption(
        "Figure 1c: ideal time course",
        (
            "What a unit does that takes in the subject's number and nothing else, keeps it until "
            "the verb, and gives it to the verb. A drawing, as in the paper; nothing is measured.",
        ),
        "Drawn curves: the input gate is open at the subject only, the forget gate from there to "
        "the verb, the cell keeps one value for singular and another for plural subjects, the "
        "output gate opens before the verb.",
    )
