"""Caption of Figure 1d."""

from lstm_units.io.captions import About, Caption, kept
from lstm_units.io.wording import count, number


def efferent_weights(about: About, stem: str) -> Caption:
    """Caption Figure 1d."""
    name = "efferents/units.parquet"
    table = about.files.frame(name)
    shown = about.shown()
    facts = []
    pairs = None
    if table is not None and len(table):
        pairs = int(table["n_pairs"].max())
        rows = table.set_index("unit")
        for unit in shown:
            if unit["unit"] in rows.index:
                row = rows.loc[unit["unit"]]
                facts.append(
                    f"{unit['unit']} ({unit['role']}) {number(row['separability'])}, percentile "
                    f"{number(row['percentile'], 1)} of its layer"
                )
    return Caption(
        "Figure 1d: efferent weights",
        kept(
            [
                "Decoder weights from the shown units to singular and plural verb forms"
                + (f", {count(pairs, 'pair')}." if pairs else "."),
                f"Separability, |mean singular - mean plural| / (SD + SD): {'; '.join(facts)}."
                if facts
                else None,
                "q is the exact Wilcoxon signed-rank test on the pairs, adjusted over the layer. "
                "Units below the last layer have no weights to words.",
            ]
        ),
        "Strips of marks: the decoder weight of each shown unit to each singular and plural verb "
        f"form. Separability: {'; '.join(facts) or 'no unit of the last layer is shown'}.",
        ("efferents/weights.parquet", name, "units/shown.json"),
    )
