"""Captions of the controls against random sets."""

from lstm_units.io.captions import About, Caption, kept
from lstm_units.io.wording import capital, count, listing, units_named


def controls(about: About, stem: str) -> Caption:
    """Caption a control against random sets."""
    family = stem.removeprefix("controls_")
    name = f"controls/tests/{family}.parquet"
    made, table = about.made(name), about.files.frame(name)
    title = f"{capital(family.replace('_', ' '))} units against random sets"
    title = title.replace("range and", "- and").replace("Short range", "Short-range")
    title = title.replace("Short and long range", "Short- and long-range")
    if table is None or not len(table):
        reason = made.get("reason") or "there was nothing to ablate"
        return Caption(
            title, (f"Not tested: {reason}.",), f"No set was ablated: {reason}.", (name,)
        )
    tested = made.get("tested") or []
    below = table[table["adjusted"] & (table["p_holm"] < 0.05)]
    where = [f"{about.label(str(row.task))} {row.condition}" for row in below.itertuples()]
    outcome = (
        "After correction (Holm) the tested set is below the random ones at p < 0.05 in "
        f"{listing(where) or 'no condition'} "
        f"({count(int(table['adjusted'].sum()), 'condition')} tested)."
    )
    match = "as many of each layer" if made.get("match") == "layer" else "from all layers together"
    return Caption(
        title,
        kept(
            [
                f"Accuracy with {units_named(tested)} ablated together (mode {made.get('mode')}), "
                f"beside {made.get('n_sets', 0):,} random sets of {count(len(tested), 'unit')}, "
                f"{match}, seed {made.get('seed', 'not known')}.",
                "p counts random sets with at most as many right items; ties count against the "
                f"tested set. {outcome}",
                f"Not testable: conditions in which the lower bound of the intact accuracy is at "
                f"most {made['minimum_intact']:g}."
                if made.get("minimum_intact") is not None
                else None,
            ]
        ),
        f"Histograms of the accuracy with random sets ablated, by task and condition, with "
        f"marked lines for {units_named(tested)}. {outcome}",
        (name, f"controls/accuracy/{family}.parquet", f"controls/sets/{family}.parquet"),
    )
