"""What was found in a model, under five heads and whatever the outcome."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from lstm_units.analyses.depth.scores import overall_r2
from lstm_units.io.published import task_rank
from lstm_units.io.result_files import ResultFiles
from lstm_units.io.verdict import FAILS, HOLDS, NOT_TESTABLE, with_interval
from lstm_units.io.wording import count, listing, percent
from lstm_units.stimuli.congruence import Conditions

# The claims that the paper is known for, first; a summary names so many of each verdict.
_TELLING = ("C4", "C15", "C13", "C14", "C12", "C10", "C2", "C11", "C9", "C8", "C1", "C16")
_NAMED = 3


@dataclass(frozen=True)
class Finding:
    """What a summary says of one matter, and the anchor of the section that it sums up."""

    text: str
    anchor: str
    section: str


def summarise(
    files: ResultFiles,
    labels: Mapping[str, str],
    conditions: Conditions,
    *,
    untrained_like: str | None = None,
) -> tuple[Finding, ...]:
    """Say under five heads what was found in a model, and how sure it is.

    What a result says of itself is quoted.

    Parameters
    ----------
    files : ResultFiles
        Of the model.
    labels : mapping of str to str
        Names of tasks in print.
    untrained_like : str, optional
        The model whose shape this untrained network has.

    Returns
    -------
    tuple of Finding
        The network and how well it does the tasks; long-range units; short-range units, depth and
        syntax units; what sets of units carry and what drives the gates; the claims.
    """
    name = files.name
    audited = "C4" in (files.json("claims.json") or {}).get("verdicts", {})
    long_range = (f"claim-{name}-C4", "C4") if audited else (f"model-{name}-cards", "unit cards")
    units = {
        kind: _quoted(files, f"units/{kind}.json", f"{title} were not searched for.")
        for kind, title in (
            ("long_range", "Long-range number units"),
            ("short_range", "Short-range units"),
            ("syntax", "Syntax units"),
        )
    }
    gates = _quoted(
        files, "connectivity/summary.json", "The connections among the units were not studied."
    )
    return (
        Finding(
            _network(files, labels, conditions, untrained_like), f"model-{name}-table2", "Table 2"
        ),
        Finding(units["long_range"], *long_range),
        Finding(
            f"{units['short_range']} {_depth(files)} {units['syntax']}",
            f"model-{name}-figures",
            "figures",
        ),
        Finding(f"{_controls(files, labels)} {gates}", f"model-{name}-tables", "tables"),
        Finding(_claims(files), f"model-{name}-claims", "claims"),
    )


def _quoted(files: ResultFiles, name: str, otherwise: str) -> str:
    """Return what a result says of itself."""
    found = files.json(name)
    return otherwise if found is None else found["summary"]


def intact_accuracy(files: ResultFiles, conditions: Conditions) -> pd.DataFrame:
    """Accuracy of the intact model: ``task, condition, n, accuracy, incongruent``."""
    rows = []
    for name in files.matching("intact/*.parquet"):
        task = name.split("/")[1].removesuffix(".parquet")
        items = files.frame(name, ["condition", "right"]).astype({"condition": str})
        for condition, right in items.groupby("condition")["right"]:
            rows.append(
                {
                    "task": task,
                    "condition": condition,
                    "n": len(right),
                    "accuracy": float(right.mean()),
                    "incongruent": conditions[task, condition].incongruent,
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


def _network(
    files: ResultFiles,
    labels: Mapping[str, str],
    conditions: Conditions,
    untrained_like: str | None,
) -> str:
    kind = f"an untrained network of the shape of {untrained_like}, " if untrained_like else ""
    opening = f"{files.name} ({kind}{network_in_words(files)})"
    table = intact_accuracy(files, conditions)
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


def _depth(files: ResultFiles) -> str:
    scores = files.frame("depth/scores.parquet")
    row = None if scores is None else overall_r2(scores)
    if row is None:
        return "Tree depth was not decoded."
    r2 = with_interval(row["r2"], row["ci_low"], row["ci_high"])
    return f"Tree depth is read from all units with R² {r2}."


def _controls(files: ResultFiles, labels: Mapping[str, str]) -> str:
    criteria = files.settings("claims.json").get("criteria")
    if criteria is None:
        return "What sets of units carry was not audited."
    said = []
    for family, noun, threshold in (
        ("syntax", "the syntax units", criteria["syntax_p"]),
        ("short_range", "the short-range units", criteria["sets_p"]),
        ("short_and_long_range", "short- and long-range units", criteria["sets_p"]),
    ):
        tests = files.frame(f"controls/tests/{family}.parquet")
        if tests is None or not len(tests):
            continue
        tests = tests[tests["adjusted"]]
        # Claims C13 and C11 are about corrected and plain p values.
        below = tests[tests["p_holm" if family == "syntax" else "p"] < threshold]
        where = listing(
            f"{labels.get(str(r.task), r.task)} {r.condition}" for r in below.itertuples()
        )
        said.append(
            f"{noun} cost more accuracy than random sets in {len(below) or 'none'} of "
            f"{len(tests)} testable conditions" + (f" ({where})" if where else "")
        )
    if not said:
        return "No set of discovered units was tested against random sets."
    return f"Ablated together, {listing(said)}."


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
