"""What was found in a model, in five sentences that fit every outcome."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from lstm_units.analyses.depth.scores import overall_r2
from lstm_units.io.published import task_rank
from lstm_units.io.result_files import ResultFiles
from lstm_units.io.verdict import FAILS, HOLDS, NOT_TESTABLE
from lstm_units.io.wording import (
    capital,
    count,
    interval,
    listing,
    number,
    percent,
    probability,
    units_named,
)

# The claims that the paper is known for, first; a summary names so many of each verdict.
_TELLING = ("C4", "C15", "C13", "C14", "C12", "C10", "C2", "C11", "C9", "C8", "C1", "C16")
_NAMED = 3


@dataclass(frozen=True)
class Sentence:
    """A sentence of the summary, and the anchor of the section that it sums up."""

    text: str
    anchor: str
    section: str


def summary_sentences(
    files: ResultFiles,
    labels: Mapping[str, str],
    *,
    untrained_like: str | None = None,
    criteria: Mapping[str, Any] | None = None,
) -> tuple[Sentence, ...]:
    """Say in five sentences what was found in a model, and how sure it is.

    Parameters
    ----------
    files : ResultFiles
        Of the model.
    labels : mapping of str to str
        Names of tasks in print.
    untrained_like : str, optional
        The model whose shape this untrained network has.
    criteria : mapping, optional
        The section ``claims`` of the configuration; ``sets_p`` and ``syntax_p`` are used.

    Returns
    -------
    tuple of Sentence
        The network and how well it does the tasks; long-range units; short-range units, depth and
        syntax units; what sets of units carry and what drives the gates; the claims.
    """
    name, criteria = files.name, criteria or {}
    audited = "C4" in (files.json("claims.json") or {}).get("verdicts", {})
    long_range = (f"claim-{name}-C4", "C4") if audited else (f"model-{name}-cards", "unit cards")
    return (
        Sentence(_network(files, labels, untrained_like), f"model-{name}-table2", "Table 2"),
        Sentence(_long_range(files, labels), *long_range),
        Sentence(f"{_short_range(files)}; {_depth(files)}.", f"model-{name}-figures", "figures"),
        Sentence(
            f"{capital(_controls(files, labels, criteria))}; {_gates(files)}.",
            f"model-{name}-tables",
            "tables",
        ),
        Sentence(_claims(files), f"model-{name}-claims", "claims"),
    )


def intact_accuracy(files: ResultFiles) -> pd.DataFrame:
    """Accuracy of the intact model: ``task, condition, n, accuracy, incongruent``.

    A condition is incongruent if an attractor's number differs from the subject's; conditions of
    natural sentences that say nothing of attractors are not.
    """
    rows = []
    for name in files.matching("intact/*.parquet"):
        task = name.split("/")[1].removesuffix(".parquet")
        items = files.frame(name, ["condition", "right"]).astype({"condition": str})
        for condition, right in items.groupby("condition")["right"]:
            numbers = set(condition)
            rows.append(
                {
                    "task": task,
                    "condition": condition,
                    "n": len(right),
                    "accuracy": float(right.mean()),
                    "incongruent": numbers == {"S", "P"},
                }
            )
    table = pd.DataFrame(rows, columns=["task", "condition", "n", "accuracy", "incongruent"])
    order = sorted(range(len(table)), key=lambda row: task_rank(table["task"].iloc[row]))
    return table.iloc[order].reset_index(drop=True)


def network_in_words(files: ResultFiles) -> str:
    """Describe a network: ``two layers of 650 units, a vocabulary of 24,000 words``."""
    network = files.json("checkpoint/model.json")
    if network is None:
        return "a network of unknown shape"
    sizes = network["layer_sizes"]
    layers = count(len(sizes), "layer")
    units = f"{sizes[0]:,} units" if len(set(sizes)) == 1 else f"{listing(f'{s:,}' for s in sizes)}"
    return f"{layers} of {units}, a vocabulary of {network['vocabulary_size']:,} words"


def _network(files: ResultFiles, labels: Mapping[str, str], untrained_like: str | None) -> str:
    kind = f"an untrained network of the shape of {untrained_like}, " if untrained_like else ""
    opening = f"{files.name} ({kind}{network_in_words(files)})"
    table = intact_accuracy(files)
    if not len(table):
        return f"{opening} was not tested on any task."
    parts = []
    for incongruent, where in (
        (False, "without an attractor of the other number"),
        (True, "with one"),
    ):
        rows = table[table["incongruent"] == incongruent]
        if len(rows):
            where = (
                where if incongruent and parts else where.replace("with one", "with one attractor")
            )
            parts.append(
                f"{percent(rows['accuracy'].mean())} in {count(len(rows), 'condition')} {where}"
            )
    worst = table.loc[table["accuracy"].idxmin()]
    task = labels.get(worst["task"], worst["task"])
    return (
        f"{opening} was tested on {count(table['task'].nunique(), 'task')} with "
        f"{table['n'].sum():,} items; its mean accuracy is {listing(parts)} (lowest: {task} "
        f"{worst['condition']}, {percent(worst['accuracy'])})."
    )


def _long_range(files: ResultFiles, labels: Mapping[str, str]) -> str:
    found = files.json("units/long_range.json")
    if found is None:
        return "Long-range number units were not searched for."
    criteria, units = found["criteria"], found["units"]
    among = f"among {found['n_units']:,} units ablated one by one (mode {criteria['mode']})"
    if units:
        named = listing(
            f"{unit['unit']} (layer {unit['layer']}, "
            f"{unit['subject_number'] or 'mixed subject numbers'}, "
            f"{'confirmed' if unit['confirmed'] else 'not confirmed'} on held-out items)"
            for unit in units
        )
        text = f"{capital(count(len(units), 'long-range number unit'))} was found {among}: {named}"
        text = text if len(units) == 1 else text.replace(" was found", " were found", 1)
        if found["too_many"]:
            text += (
                f"; that is more than {criteria['maximum_units']}, so long-range number is not "
                "local in this model"
            )
        return text + "."
    text = f"No long-range number unit was found {among}"
    best = found["best_unit"]
    if best is None:
        tasks = listing(labels.get(task, task) for task in criteria["tasks"])
        return (
            f"{text}, and none could be: across an incongruent attractor the intact model is too "
            f"close to chance in {tasks}."
        )
    return (
        f"{text}; unit {best['unit']} (layer {best['layer']}) comes closest with a loss of "
        f"{number(best['loss'])} where {number(criteria['minimum_loss'])} is needed."
    )


def _short_range(files: ResultFiles) -> str:
    found = files.json("units/short_range.json")
    if found is None:
        return "Short-range units were not searched for"
    units = [unit["unit"] for unit in found["units"]]
    text = f"{capital(count(len(units), 'short-range unit'))}"
    if not units:
        return f"{text} was found among the {found['n_units']:,} units of the last layer".replace(
            "No short-range units was", "No short-range unit was"
        )
    verb = "carries" if len(units) == 1 else "carry"
    return f"{text} ({_numbers(units)}) {verb} the number of the nearest noun"


def _depth(files: ResultFiles) -> str:
    scores = files.frame("depth/scores.parquet")
    parts = []
    if scores is None:
        parts.append("tree depth was not decoded")
    else:
        row = overall_r2(scores)
        if row is not None:
            text = f"R² {number(row['r2'], 3)}{interval(row['ci_low'], row['ci_high'], 3)}"
            parts.append(f"tree depth is read from all units with {text}")
    syntax = files.json("units/syntax.json")
    if syntax is None:
        parts.append("syntax units were not searched for")
        return listing(parts)
    units = [unit["unit"] for unit in syntax["units"]]
    if not units:
        return listing([*parts, "no unit stands out as a syntax unit"])
    text = f"{count(len(units), 'syntax unit')} ({_numbers(units)}) "
    text += "stands out" if len(units) == 1 else "stand out"
    outliers = syntax["outliers"]
    if outliers.get("permuted_99") is not None:
        more = outliers["n_stable"] > outliers["permuted_99"]
        text += (
            f", {'more' if more else 'no more'} than permuted depth gives (99th percentile: "
            f"{outliers['permuted_99']:g}; {probability(outliers['p'])})"
        )
    spanning = [unit["unit"] for unit in syntax["units"] if unit.get("spans")]
    if spanning:
        text += f", and {units_named(spanning)} follow{'s' * (len(spanning) == 1)} the dependency"
    return listing([*parts, text])


def _controls(files: ResultFiles, labels: Mapping[str, str], criteria: Mapping[str, Any]) -> str:
    said = []
    for family, noun, level in (
        ("syntax", "the syntax units", criteria.get("syntax_p", 0.05)),
        ("short_range", "the short-range units", criteria.get("sets_p", 0.01)),
        ("short_and_long_range", "short- and long-range units", criteria.get("sets_p", 0.01)),
    ):
        tests = files.frame(f"controls/tests/{family}.parquet")
        if tests is None or not len(tests):
            continue
        tests = tests[tests["adjusted"]]
        # Claims C13 and C11 are about corrected and plain p values.
        below = tests[tests["p_holm" if family == "syntax" else "p"] < level]
        where = listing(
            f"{labels.get(str(r.task), r.task)} {r.condition}" for r in below.itertuples()
        )
        said.append(
            f"{noun} cost more accuracy than random sets in {len(below) or 'none'} of "
            f"{len(tests)} testable conditions" + (f" ({where})" if where else "")
        )
    if not said:
        return "no set of discovered units was tested against random sets"
    return f"ablated together, {listing(said)}"


def _gates(files: ResultFiles) -> str:
    summary = files.json("connectivity/summary.json")
    if summary is None:
        return "the connections among the units were not studied"
    verdicts, top = summary["verdicts"], summary["top_syntax_unit"]
    control, inhibition = verdicts["gate_control"], verdicts["mutual_inhibition"]
    if not control["testable"]:
        driven = f"whether a syntax unit drives the gates could not be tested ({control['reason']})"
    else:
        driven = (
            f"syntax unit {top} {'drives' if control['met'] else 'does not drive'} the gates of "
            "the long-range units"
        )
    if not inhibition["testable"]:
        return driven
    return (
        f"{driven}, and long-range units of different number "
        f"{'inhibit' if inhibition['met'] else 'do not inhibit'} each other"
    )


def _claims(files: ResultFiles) -> str:
    audit = files.json("claims.json")
    if audit is None:
        return "The claims of the paper were not audited."
    verdicts = audit["verdicts"]
    parts = []
    for verdict, one, many in (
        (HOLDS, "holds", "hold"),
        (FAILS, "fails", "fail"),
        (NOT_TESTABLE, "cannot be tested", "cannot be tested"),
    ):
        ids = [id for id, entry in verdicts.items() if entry["verdict"] == verdict]
        telling = _telling(ids)
        amount = {0: "none", 1: "one"}.get(len(ids), f"{len(ids)}")
        text = f"{amount} {one if len(ids) == 1 else many}"
        parts.append(text + (f" ({telling})" if telling else ""))
    total = count(len(verdicts), "claim")
    return f"Of {total} of the paper about a single network, {listing(parts)}."


def _telling(ids: Sequence[str]) -> str:
    ranked = sorted(
        ids, key=lambda id: (_TELLING.index(id) if id in _TELLING else len(_TELLING), int(id[1:]))
    )
    named = ranked[:_NAMED]
    return (", ".join(named)) + (" among them" if len(ids) > len(named) else "") if named else ""


def _numbers(units: Sequence[int]) -> str:
    return units_named(units).split(" ", 1)[1]
