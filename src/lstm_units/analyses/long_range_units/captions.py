"""Captions of the figure of all units."""

from lstm_units.io.captions import About, Caption, kept
from lstm_units.io.wording import count, listing, percent

_CORRECTIONS = {
    "benjamini_hochberg": "Benjamini-Hochberg",
    "benjamini_yekutieli": "Benjamini-Yekutieli",
}


def units(about: About, stem: str) -> Caption:
    """Caption the figure of all units at a glance."""
    sweeps = []
    data = about.files.matching("ablation/*/accuracy.parquet")
    items, correction = "", None
    for name in sorted(data, key=lambda name: "zero" not in name):
        table = about.files.frame(name, ["unit", "task", "condition", "n"])
        made = about.made(name)
        correction = _CORRECTIONS.get(made.get("correction"), made.get("correction"))
        sweeps.append(f"{count(table['unit'].nunique(), 'unit')} in mode {name.split('/')[1]}")
        n = int(table.drop_duplicates(["task", "condition"])["n"].sum())
        items = f"{n:,} items of {count(table['task'].nunique(), 'task')}"
    criteria = about.files.settings("units/long_range.json")
    outliers = None
    if criteria:
        outliers = (
            f"Numbered dots are outliers: the accuracy changes by more than "
            f"{percent(criteria['relative_drop'], 0)} of the intact one, at q < "
            f"{criteria['maximum_q']} (exact McNemar test, adjusted after {correction} over all "
            "units and conditions of a mode). A number with a plus counts those without room for "
            "theirs."
        )
    return Caption(
        "All units at a glance",
        kept(
            [
                f"Change in accuracy, in percentage points, when one unit is ablated: "
                f"{listing(sweeps)}, on {items}. One strip per task and condition, one dot per "
                "unit.",
                outliers,
                "The height of a dot within its strip means nothing.",
            ]
        ),
        "Strips of dots, one per task and condition, by layer and ablation mode: the change in "
        f"accuracy with each single unit ablated, of {listing(sweeps)}.",
        tuple(data),
    )
