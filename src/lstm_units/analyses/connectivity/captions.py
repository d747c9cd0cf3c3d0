"""Captions of Figures 4a and 4b."""

from lstm_units.io.captions import About, Caption, kept
from lstm_units.io.wording import units_named


def mutual(about: About, stem: str) -> Caption:
    """Caption Figure 4a."""
    summary = about.files.json("connectivity/summary.json") or {}
    pairs = [
        unit for unit in summary.get("units", []) if {"long-range", "nearest"} & set(unit["kinds"])
    ]
    units = [unit["unit"] for unit in pairs]
    found = any("long-range" in unit["kinds"] for unit in pairs)
    which = f"long-range {units_named(units)}" if found else units_named(units)
    return Caption(
        "Figure 4a: connections among the long-range units",
        kept(
            [
                f"Recurrent weights W between {which}, to each gate, and effective input e: W "
                "times the mean hidden value of the source in items whose subject has the number "
                f"that the source serves, {about.label(summary.get('task'))}."
                if units
                else "No pair of units to show.",
                "A star marks a unit that only comes nearest; it does not meet the criteria."
                if not found and units
                else None,
                "A unit's sign is arbitrary, so the effective input is what counts.",
            ]
        ),
        f"Matrix of weights and effective inputs between {which or 'no units'}, by gate.",
        ("connectivity/afferents.parquet", "connectivity/summary.json"),
    )


def afferents(about: About, stem: str) -> Caption:
    """Caption Figure 4b."""
    summary = about.files.json("connectivity/summary.json") or {}
    made = about.made("connectivity/afferents.parquet")
    top = summary.get("top_syntax_unit")
    return Caption(
        "Figure 4b: what reaches the gates of the long-range units",
        kept(
            [
                "Effective input, weight times mean hidden value of the source from the subject to "
                f"the word before the verb ({about.label(made.get('task'))}), from every unit of "
                "the layer to each gate.",
                f"Lines: {made['threshold']:g} SD from the mean over all sources of a layer; units "
                "beyond them are numbered, as far as there is room."
                if made.get("threshold") is not None
                else None,
                f"The syntax unit is {top}." if top else "There is no syntax unit.",
                summary.get("summary"),
            ]
        ),
        "Histograms of the effective inputs from all units of a layer to each gate, outliers "
        f"beyond {made.get('threshold', 3):g} SD numbered.",
        ("connectivity/afferents.parquet", "connectivity/summary.json"),
    )
