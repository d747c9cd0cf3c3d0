"""Caption of the contributions to the verb margin."""

from lstm_units.io.captions import About, Caption, kept
from lstm_units.io.wording import count, listing


def contributions(about: About, stem: str) -> Caption:
    """Caption what kinds of units add to the verb margin."""
    names = about.files.matching("contributions/*.parquet")
    tasks = [about.label(name.split("/")[1].removesuffix(".parquet")) for name in names]
    units = about.made(names[0]).get("units", {}) if names else {}
    kinds = [
        count(len(units.get("long_range", [])), "long-range unit"),
        count(len(units.get("short_range", [])), "short-range unit"),
        f"the other {units.get('n_rest', 0):,} units of the last layer",
        "the bias",
    ]
    return Caption(
        "What kinds of units add to the verb margin",
        kept(
            [
                f"Mean contribution to log p(correct) - log p(wrong), in nats, of {listing(kinds)} "
                f"in {listing(tasks)}, by condition, for items answered rightly and wrongly. The "
                "parts add up to the margin.",
                "Below: percent of items in which a kind of unit points to the right form; crosses "
                "leave out what it adds towards one form whatever the subject.",
                f"Intervals: {about.option('contributions', 'bootstrap_samples'):,} resamples, "
                f"crossed over subject and verb lemmas, seed "
                f"{about.option('contributions', 'seed')}."
                if about.option("contributions", "bootstrap_samples")
                else None,
            ]
        ),
        f"Means with intervals of the contributions of {listing(kinds)} to the verb margin, by "
        f"condition of {listing(tasks)}.",
        tuple(names),
    )
