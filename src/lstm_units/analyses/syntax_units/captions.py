"""Captions of Figure 3 and of single units over the structures."""

from collections.abc import Mapping
from typing import Any

from lstm_units.io.captions import About, Caption, kept
from lstm_units.io.wording import count, listing


def figure3(about: About, stem: str) -> Caption:
    """Caption Figure 3, the cell of the leading syntax unit."""
    syntax = about.files.json("units/syntax.json") or {}
    top, nearest = syntax.get("top"), syntax.get("nearest")
    unit = (top or nearest or {}).get("unit")
    shown = next((entry["unit"] for entry in about.shown() if entry["role"] == "syntax"), unit)
    if shown != unit:
        which = f"unit {shown}, chosen in the configuration"
    elif top:
        which = f"unit {unit}, the best-scored of {_counted(syntax)}"
    elif nearest:
        which = f"unit {unit}, which deviates most but is no syntax unit"
    else:
        which = "no unit"
    return _dependency(about, str(shown), f"Figure 3: cell of {which}")


def unit_dependency(about: About, stem: str) -> Caption:
    """Caption the cell of any unit over the structures of Figure 3."""
    return _dependency(about, stem.removeprefix("dependency/unit_"))


def _dependency(about: About, unit: str, title: str | None = None) -> Caption:
    name = "dependency_span.parquet"
    table = about.files.frame(name)
    facts = []
    if table is not None and unit.isdigit():
        rows = table[table["unit"] == int(unit)].astype({"task": str})
        facts = [
            f"{about.label(row.task)} {row.auc if row.sign > 0 else 1 - row.auc:.2f}"
            for row in rows.itertuples()
        ]
    made = about.made(name)
    minimum = about.files.settings("units/syntax.json").get("minimum_auc")
    return Caption(
        title or f"Cell of unit {unit} over four structures",
        kept(
            [
                "Mean and SD of the cell by number of the subject. Shaded: inside the dependency, "
                "from the subject to the word before the main verb; the verb's own word counts "
                f"{_verb(made.get('verb'))}.",
                f"AUC of the cell, inside against outside, with the unit's sign: {listing(facts)}."
                if facts
                else None,
                f"A unit is said to span the dependency at an AUC of at least {minimum:g} in each."
                if minimum is not None
                else None,
            ]
        ),
        f"Curves of the cell of unit {unit} over the words of "
        f"{count(max(len(facts), 1), 'structure')}. AUC inside against outside the dependency: "
        f"{listing(facts) or 'not known'}.",
        (name, "units/syntax.json"),
    )


def _counted(syntax: Mapping[str, Any]) -> str:
    return count(len(syntax.get("units", [])), "syntax unit")


def _verb(side: str | None) -> str:
    return {"inside": "inside", "outside": "outside"}.get(side or "", "on neither side")
