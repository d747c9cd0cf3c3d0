"""Captions of Figure 2 and of every unit decoded alone."""

from lstm_units.io.captions import About, Caption, kept
from lstm_units.io.wording import capital, count, listing, units_named


def across_time(about: About, stem: str) -> Caption:
    """Caption Figure 2, or another analysis over time."""
    names = about.files.matching(f"decoding/{stem}_*.parquet")
    made = {name.removesuffix(".parquet").rsplit("_", 1)[1]: about.made(name) for name in names}
    first = made.get("grouped") or next(iter(made.values()), {})
    task, label = first.get("task"), str(first.get("label", "number")).replace("_", " ")
    held = []
    for kind, facts in made.items():
        what = "random items" if kind == "random" else "nouns, both forms of a noun together,"
        sizes = facts.get("n_test_items") or []
        span = sorted({min(sizes, default=0), max(sizes, default=0)})
        tested = f"{' to '.join(f'{size:,}' for size in span)} test items"
        held.append(f"{what} held out ({count(len(sizes), 'cross-validation split')}, {tested})")
    variable = first.get("variable", "cell")
    refused = [facts.get("n_not_converged", 0) for facts in made.values()]
    of = [facts.get("n_classifiers", 0) for facts in made.values()]
    untrained = len(first.get("untrained_sha256") or [])
    removed = first.get("units_removed") or []
    curve = "all units"
    if removed:
        curve = f"all units but the long-range {units_named(removed)}"
    return Caption(
        ("Figure 2" if stem == "fig2" else capital(stem.replace("_", " ")))
        + f": {label} decoded across time",
        kept(
            [
                f"A linear support vector classifier (L2, C = {first.get('C', 1):g}, tolerance "
                f"{first.get('tolerance', 0):g}, features standardised on the training items) "
                f"learns the {label} from the {variable} of {curve} at "
                f"one word and is tested at every word: {first.get('n_items', 0):,} "
                f"{first.get('conditions', '')} items of {about.label(task)}, "
                f"{count(first.get('n_lemmas', 0), 'noun')}.",
                f"{capital(listing(held))}; mean and SD over splits. Seed "
                f"{first.get('seed', 'not known')}.",
                f"References: labels permuted over nouns "
                f"{count(first.get('permutations', 0), 'time')}, "
                f"{count(untrained, 'untrained network')} of the same shape.",
                "An AUC of 1 at the attractor means that the code of the subject is still there, "
                "0 that the same code now holds the attractor's number. Below: trained at every "
                "word, tested at every word.",
                f"{sum(refused):,} of {sum(of):,} classifiers did not converge within "
                f"{first['max_iterations']:,} iterations."
                if first.get("max_iterations")
                else None,
            ]
        ),
        f"Above, curves of AUC over the words of {about.label(task)} for classifiers of the "
        f"{label} trained at one word, by kind of cross-validation splits; below, matrices of "
        "training against test word for the trained and an untrained network.",
        tuple(names),
    )


def single_units(about: About, stem: str) -> Caption:
    """Caption the figure of every unit decoded alone."""
    name = "decoding/units.parquet"
    made = about.made(name)
    short = about.files.json("units/short_range.json") or {}
    criteria, units = short.get("criteria", {}), [u["unit"] for u in short.get("units", [])]
    found = f"{count(len(units), 'short-range unit')}" + (f" ({listing(units)})" if units else "")
    return Caption(
        "Every unit alone: number at the subject and at the attractor",
        kept(
            [
                f"AUC of the {str(made.get('label', 'number')).replace('_', ' ')} from the "
                f"{made.get('variable', 'cell')} of each single unit, {made.get('conditions', '')} "
                f"items of {about.label(made.get('task'))}"
                + (f" ({short['n_items']:,})." if short.get("n_items") else "."),
                "The sign is fixed at the subject and kept: 0 at the attractor means that the unit "
                "swapped to the attractor's number.",
                f"Shaded: AUC of at least {criteria['minimum_subject_auc']:g} at the subject and "
                f"at most {criteria['maximum_attractor_auc']:g} at the attractor. With an AUC of "
                f"verb forms of at least {criteria['minimum_efferent_auc']:g} these are the "
                f"criteria of a short-range unit; found: {found}."
                if criteria
                else None,
                f"Intervals in the file: {made['bootstrap_samples']:,} resamples of subject "
                f"lemmas, seed {made.get('seed', 'not known')}."
                if made.get("bootstrap_samples")
                else None,
            ]
        ),
        f"Scatter of all units by layer: AUC of number at the subject against AUC at the "
        f"attractor. {capital(found)}.",
        (name, "units/short_range.json"),
    )
