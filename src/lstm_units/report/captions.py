"""Captions of the figures, with the thresholds, counts and seeds that their data were made with."""

from collections.abc import Mapping
from typing import Any

from lstm_units.io.result_files import ResultFiles
from lstm_units.io.wording import capital, count, listing, number, percent, units_named
from lstm_units.report.caption import About, Caption, kept
from lstm_units.report.captions_syntax import (
    afferents_caption,
    controls_caption,
    dependency_caption,
    depth_caption,
    mutual_caption,
    spanning_caption,
)

_NUMBERS = {"fig1a": "singular", "fig1b": "plural"}
_ITEMS = {"right": "items that the intact model answers rightly", "all": "all items"}
_CORRECTIONS = {
    "benjamini_hochberg": "Benjamini-Hochberg",
    "benjamini_yekutieli": "Benjamini-Yekutieli",
}


def figure_caption(
    stem: str, files: ResultFiles, labels: Mapping[str, str], config: Mapping[str, Any]
) -> Caption:
    """Caption a figure of a model.

    Parameters
    ----------
    stem : str
        Its path under ``figures/``, without the ending.
    files : ResultFiles
        Of the model.
    labels : mapping of str to str
        Names of tasks in print.
    config : mapping
        The whole configuration, for thresholds that the files do not tell.

    Returns
    -------
    Caption
        A plain one for a figure that is not known.
    """
    about = About(files, labels, config)
    if stem in _CAPTIONS:
        return _CAPTIONS[stem](about, stem)
    if stem.startswith("controls_"):
        return controls_caption(about, stem.removeprefix("controls_"))
    if files.matching(f"decoding/{stem}_*.parquet"):
        return _decoding(about, stem)
    parts = stem.split("/")
    if parts[0] == "dynamics" and len(parts) == 3:
        return _unit_dynamics(about, parts[1], parts[2].removeprefix("unit_"))
    if parts[0] == "dependency" and len(parts) == 2:
        return dependency_caption(about, parts[1].removeprefix("unit_"))
    title = capital(parts[-1].replace("_", " "))
    return Caption(title, (), f"Figure: {title}")


def _units(about: About, stem: str) -> Caption:
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
    drop = about.option("discovery", "relative_drop")
    outliers = None
    if drop is not None:
        outliers = (
            f"Numbered dots are outliers: the accuracy changes by more than {percent(drop, 0)} of "
            f"the intact one, at q < {about.option('discovery', 'maximum_q')} (exact McNemar test, "
            f"adjusted after {correction} over all units and conditions of a mode). A number with "
            "a plus counts those without room for theirs."
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


def _time_course(about: About, stem: str) -> Caption:
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


def _unit_dynamics(about: About, task: str, unit: str) -> Caption:
    return Caption(
        f"Time course of unit {unit}, {about.label(task)}",
        kept([f"Candidate, gates and cell of unit {unit}.", _averaged(about, task)]),
        f"Curves of candidate, gates and cell of unit {unit} over the words of "
        f"{about.label(task)}, by condition.",
        (f"dynamics/{task}.parquet",),
    )


def _ideal(about: About, stem: str) -> Caption:
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


def _efferents(about: About, stem: str) -> Caption:
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


def _decoding(about: About, stem: str) -> Caption:
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
        held.append(f"{what} held out ({count(len(sizes), 'hold-out')}, {tested})")
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
                f"{capital(listing(held))}; mean and SD over hold-outs. Seed "
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
        f"{label} trained at one word, by kind of hold-out; below, matrices of training against "
        "test word for the trained and an untrained network.",
        tuple(names),
    )


def _unit_decoding(about: About, stem: str) -> Caption:
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


def _contributions(about: About, stem: str) -> Caption:
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


_CAPTIONS = {
    "units": _units,
    "fig1a": _time_course,
    "fig1b": _time_course,
    "fig1c": _ideal,
    "fig1d": _efferents,
    "unit_decoding": _unit_decoding,
    "contributions": _contributions,
    "depth": depth_caption,
    "fig3": spanning_caption,
    "fig4a": mutual_caption,
    "fig4b": afferents_caption,
}
