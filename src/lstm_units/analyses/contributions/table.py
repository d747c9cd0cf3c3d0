"""What the parts of the verb margin come to: means, and how often a part points the right way.

Lakretz et al. 2019 (Sections 4.2 and 5) remark that long-range units are almost always right and
that wrong answers come from elsewhere; this table puts numbers on it. A part that adds the same to
the singular form in every sentence points right wherever the subject is singular and knows nothing
of it, so shares are also given without that constant.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lstm_units.errors import UserError
from lstm_units.io.files import make_metadata, read_metadata
from lstm_units.io.published import task_rank
from lstm_units.io.seeds import seed_stream
from lstm_units.statistics.margins import condition_rank, read_columns
from lstm_units.statistics.resampling import bootstrap_sums, percentile_interval
from lstm_units.statistics.significance import wilson_interval

PARTS = ("long_range", "short_range", "rest", "bias")
MEASURES = ("margin", *PARTS)
GROUPS = ("long_range", "short_range")
ANSWERS = ("right", "wrong", "all")
ALL = "all"
RIGHT, WITHOUT_CONSTANT, CONSTANT = "_right", "_right_without_constant", "_constant"
SHARES = tuple(f"{group}{kind}" for group in GROUPS for kind in (RIGHT, WITHOUT_CONSTANT))
# What is left of a contribution without its constant is nothing up to this times the largest one:
# means are rounded.
_NOTHING = 1e-9
_EMPTY = "-"


@dataclass(frozen=True)
class Contributions:
    """Contributions of all tasks of a model.

    Parameters
    ----------
    by_task : dict of str to DataFrame
        ``item, condition, subject_number, right, margin, long_range, short_range, rest, bias,
        subject_lemma, verb_lemma``.
    units : dict
        ``long_range, short_range`` (1-based units of the last layer), ``n_rest, last_layer``, the
        units left out, and ``short_range_against``, as
        `lstm_units.analyses.contributions.write_contributions.write_contributions` records them.
    sources : dict
        ``checkpoint_sha256`` and ``stimuli_sha256`` by task.
    """

    by_task: dict[str, pd.DataFrame]
    units: dict[str, Any]
    sources: dict[str, Any]

    def metadata(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Describe a file made from them, as `lstm_units.io.files.make_metadata`."""
        return make_metadata(kind=kind, **self.sources, **fields)


def read_contributions(paths: Mapping[str, str | Path]) -> Contributions:
    """Read the contributions of several tasks.

    Parameters
    ----------
    paths : mapping of str to path
        ``contributions/{task}.parquet`` by task.

    Returns
    -------
    Contributions

    Raises
    ------
    UserError
        If there is no task, a file cannot be read, or the files come from several checkpoints or
        lists of units.
    """
    if not paths:
        raise UserError("no contributions were given: name at least one task in config.yaml")
    names = ["item", "condition", "subject_number", "right", *MEASURES]
    columns = [*names, "subject_lemma", "verb_lemma"]
    by_task, stimuli = {}, {}
    first: tuple[str | Path, dict[str, Any]] | None = None
    for task, path in paths.items():
        found = read_metadata(path)
        first = first or (path, found)
        for what, same in (
            ("checkpoint", found["checkpoint_sha256"] == first[1]["checkpoint_sha256"]),
            ("list of units", found["config"]["units"] == first[1]["config"]["units"]),
        ):
            if not same:
                raise UserError(
                    f"{path} was made from another {what} than {first[0]}. Delete the one that is "
                    "out of date, or both, and run the workflow again"
                )
        by_task[task] = read_columns(path, columns).to_pandas()
        stimuli[task] = found["stimuli_sha256"]
    sources = {"checkpoint_sha256": first[1]["checkpoint_sha256"], "stimuli_sha256": stimuli}
    return Contributions(by_task, first[1]["config"]["units"], sources)


def constant_preference(contribution: np.ndarray, subject_number: np.ndarray) -> float:
    """Return what a part adds to the singular form whatever the number of the subject.

    The contribution towards the singular form is the contribution where the subject is singular,
    and its negative where it is plural. The constant is halfway between its mean over singular and
    its mean over plural subjects, so it is 0 for a part that serves both alike. Items count as they
    are: where attractors are not balanced, a part that follows them shifts it.

    Parameters
    ----------
    contribution : ndarray of shape (items,)
        To the margin, log p(correct) - log p(wrong), in nats.
    subject_number : ndarray of shape (items,)
        ``"singular"`` or ``"plural"``.

    Returns
    -------
    float
        Nats; NaN when the number of a subject is not known, or only one number occurs.
    """
    sign = _sign(subject_number)
    if np.isnan(sign).any() or len(set(sign)) < 2:
        return float("nan")
    return float((contribution[sign > 0].mean() - contribution[sign < 0].mean()) / 2)


def contributions_table(
    by_task: Mapping[str, pd.DataFrame],
    units: Mapping[str, Any],
    *,
    confidence: float = 0.95,
    samples: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Mean contribution of each part, and how often it points to the right form.

    Parameters
    ----------
    by_task, units
        As in `Contributions`.
    confidence : float
        Level of the intervals.
    samples : int
        Bootstrap samples.
    seed : int
        Each row draws from a stream of its own, so a further task changes no other.

    Returns
    -------
    DataFrame
        One row per task, condition (and ``all`` of them) and answer (``right``, ``wrong``,
        ``all``): ``task, condition, answer, n``; for each of margin, long_range, short_range,
        rest and bias its mean, in nats, and ``{part}_low, {part}_high``, percentile intervals of
        a bootstrap crossed over subject and verb lemmas (over items where ``resampled`` says so).
        For the long-range and the short-range units: ``{group}_constant``, their
        `constant_preference` in the whole task; ``{group}_right``, the share of items in which
        their contribution is above 0; and ``{group}_right_without_constant``, the share in which
        it still is without the constant. Intervals of shares, ``_low`` and ``_high``, are of the
        same bootstrap, which does not estimate the constant anew; they are Wilson's where the
        share is 0 or 1, as no resample differs, or where items were resampled. A group without
        units has neither share nor constant (NaN); rows without items have no means; a single
        item has no interval of its means.
    """
    rows = []
    for task in sorted(by_task, key=task_rank):
        items = by_task[task]
        condition = items["condition"].astype(str).to_numpy()
        right = items["right"].to_numpy(dtype=bool)
        points, constants = _points_right(items, units)
        for name in [*sorted(set(condition), key=condition_rank), ALL]:
            here = np.ones(len(items), bool) if name == ALL else condition == name
            for answer in ANSWERS:
                chosen = here if answer == ALL else here & (right == (answer == "right"))
                rng = seed_stream(seed, "contributions", task, name, answer)
                row = {"task": task, "condition": name, "answer": answer, "n": int(chosen.sum())}
                row |= _summary(items[chosen], points[chosen], confidence, samples, rng)
                rows.append(row | constants)
    order = [f"{name}{end}" for name in MEASURES for end in ("", "_low", "_high")]
    order = ["task", "condition", "answer", "n", *order, "resampled"]
    for group in GROUPS:
        shares = [f"{group}{kind}" for kind in (RIGHT, WITHOUT_CONSTANT)]
        order += [group + CONSTANT]
        order += [f"{share}{end}" for share in shares for end in ("", "_low", "_high")]
    return pd.DataFrame(rows, columns=order)


def _sign(subject_number: np.ndarray) -> np.ndarray:
    """+1 where the subject is singular, -1 where it is plural, NaN where that is not known."""
    number = np.asarray(subject_number, dtype=object)
    return np.select([number == "singular", number == "plural"], [1.0, -1.0], np.nan)


def _points_right(
    items: pd.DataFrame, units: Mapping[str, Any]
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Whether each group points right in each item (1 or 0) by share, and the constants."""
    points, constants = {}, {}
    number = items["subject_number"].astype(object).to_numpy()
    for group in GROUPS:
        constants[group + CONSTANT] = float("nan")
        if not units[group] or not len(items):
            continue
        contribution = items[group].to_numpy(dtype=float)
        points[group + RIGHT] = contribution > 0
        constants[group + CONSTANT] = constant = constant_preference(contribution, number)
        if not np.isnan(constant):
            left = contribution - constant * _sign(number)
            nothing = _NOTHING * np.abs(contribution).max()
            points[group + WITHOUT_CONSTANT] = left > nothing
    return pd.DataFrame(points, index=items.index, dtype=float), constants


def _summary(
    items: pd.DataFrame, points: pd.DataFrame, confidence: float, samples: int, rng
) -> dict[str, Any]:
    """Means of the parts and shares of items in which they point right, with their intervals."""
    n, resampled = len(items), ""
    names = [*MEASURES, *points.columns]
    values = np.column_stack([items[list(MEASURES)].to_numpy(dtype=float), points.to_numpy()])
    if n > 1:
        counted = np.column_stack([values, np.ones(n)])
        lemmas = (items[name].astype(object).to_numpy() for name in ("subject_lemma", "verb_lemma"))
        drawn = bootstrap_sums(counted, *lemmas, samples, rng)
        resampled = drawn.resampled
        with np.errstate(invalid="ignore", divide="ignore"):
            draws = drawn.sums[:, :-1] / drawn.sums[:, -1:]  # a draw may hold no item
    result: dict[str, Any] = {"resampled": resampled}
    for place, name in enumerate(names):
        mean = low = high = float("nan")
        if n:
            mean = float(values[:, place].mean())
        if n and name in SHARES and (resampled in ("", "items") or mean in (0, 1)):
            low, high = map(float, wilson_interval(values[:, place].sum(), n, confidence))
        elif n > 1:
            low, high = percentile_interval(draws[:, place], confidence)
        result |= {name: mean, f"{name}_low": low, f"{name}_high": high}
    return result


def print_table(
    table: pd.DataFrame, units: Mapping[str, Any], labels: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Write the table for people: each mean and share in one cell with its interval.

    Parameters
    ----------
    table : DataFrame
        From `contributions_table`.
    units
        As in `Contributions`.
    labels : mapping of str to str, optional
        Names of tasks in print.

    Returns
    -------
    DataFrame
        Of text, but for ``n``; ``-`` where there is nothing. A group without units has no
        columns of shares.
    """
    shown = pd.DataFrame(
        {
            "task": [(labels or {}).get(task, task) for task in table["task"]],
            "condition": table["condition"],
            "answer": table["answer"],
            "n": table["n"],
        }
    )
    titles = {"margin": "margin", "rest": "rest", "bias": "bias"}
    titles |= {group: group.replace("_", "-") for group in GROUPS}
    for name in MEASURES:
        empty = name in GROUPS and not units[name]
        shown[titles[name]] = _cells(table, name, 1, 2, empty)
    for group in GROUPS:
        if units[group]:
            right, without = f"{titles[group]} right, %", f"{titles[group]} without constant, %"
            shown[right] = _cells(table, group + RIGHT, 100, 1, False)
            shown[without] = _cells(table, group + WITHOUT_CONSTANT, 100, 1, False)
    return shown


def _cells(table: pd.DataFrame, name: str, scale: float, decimals: int, empty: bool) -> list[str]:
    columns = [scale * table[column] for column in (name, f"{name}_low", f"{name}_high")]

    def text(value: float, low: float, high: float) -> str:
        if empty or np.isnan(value):
            return _EMPTY
        # Adding 0 turns a rounded -0.0 into 0.0.
        mean, *ends = (f"{round(x, decimals) + 0.0:.{decimals}f}" for x in (value, low, high))
        return mean if np.isnan(low) else f"{mean} [{ends[0]}, {ends[1]}]"

    return [text(*cell) for cell in zip(*columns, strict=True)]


def contributions_legend(
    table: pd.DataFrame,
    units: Mapping[str, Any],
    confidence: float,
    labels: Mapping[str, str] | None = None,
) -> list[str]:
    """Sentences to print below the table.

    Parameters
    ----------
    table : DataFrame
        From `contributions_table`.
    units
        As in `Contributions`.
    confidence : float
        As the table was made with.
    labels : mapping of str to str, optional
        Names of tasks in print.

    Returns
    -------
    list of str
    """
    how = sorted(set(table["resampled"]) - {""})
    drawn = "a bootstrap over subject and verb lemmas"
    if how == ["items"]:
        drawn = "a bootstrap over items"
    elif "items" in how:
        drawn += " (over items in rows where lemmas are not known or only one occurs)"
    legend = [
        "Mean contribution to the verb margin, log p(correct) - log p(wrong) in nats, by parts "
        "that add up to it: units of the last layer, and the decoder's bias. "
        f"Brackets: {confidence:.0%} intervals from {drawn}.",
        "; ".join(describe_group(units, group) for group in GROUPS)
        + f"; rest: the other {units['n_rest']} units of layer {units['last_layer']}.",
    ]
    for group in GROUPS:
        title = group.replace("_", "-")
        if not units[group]:
            legend.append(
                f"There is no {title} unit in layer {units['last_layer']}, so nothing is said of "
                "how often such units are right."
            )
        left_out = units[f"{group}_in_lower_layers"]
        if left_out:
            legend.append(
                f"{title} units of lower layers act through the last layer and are not counted: "
                f"{_listed(left_out)}."
            )
    if units["both"]:
        legend.append(f"Short-range too, but counted as long-range: {_listed(units['both'])}.")
    against = units["short_range_against"]
    if against:
        legend.append(
            f"Short-range, but push the verb form against the number they hold: {_listed(against)}."
        )
    groups = [group for group in GROUPS if units[group]]
    return legend + (_legend_of_shares(table, groups, confidence, labels or {}) if groups else [])


def _legend_of_shares(
    table: pd.DataFrame, groups: Sequence[str], confidence: float, labels: Mapping[str, str]
) -> list[str]:
    tasks = table.drop_duplicates("task")
    how = set(table["resampled"]) - {""}
    wilson = "Wilson intervals, which ignore that items share words"
    brackets = f"Brackets of shares: {confidence:.0%} {wilson}."
    if how != {"items"}:
        where = "the share is 0 or 100 or there is a single item"
        where += ", and where the bootstrap is over items" if "items" in how else ""
        brackets = f"Brackets of shares: the same bootstrap; {wilson}, where {where}."
    legend = [
        "right, %: percent of the items in which the units' own contribution is above 0, so points "
        "to the right form.",
        "without constant, %: the same once the units' constant is taken out, that is, what they "
        "add towards the singular form whatever the subject's number: the mean of their mean "
        "contributions towards it over singular and over plural subjects of the task. Where "
        "exactly nothing is left they do not point right.",
    ]
    for group in groups:
        constants = dict(zip(tasks["task"], tasks[group + CONSTANT], strict=True))
        known = [
            f"{value + 0.0:.3f} ({labels.get(task, task)})"
            for task, value in constants.items()
            if not np.isnan(value)
        ]
        unknown = [labels.get(task, task) for task, value in constants.items() if np.isnan(value)]
        title = group.replace("_", "-")
        if known:
            legend.append(
                f"Constant of the {title} units towards the singular form, in nats: "
                f"{', '.join(known)}."
            )
        if unknown:
            legend.append(
                f"No constant of the {title} units is known in {', '.join(unknown)}: it takes "
                "subjects of both numbers, and the number of each."
            )
    if tasks[[group + CONSTANT for group in groups]].notna().any(axis=None) and how != {"items"}:
        brackets += " The constant is not estimated anew in each sample."
    return [*legend, brackets]


def describe_group(units: Mapping[str, Any], group: str) -> str:
    """Name a group and its units, such as ``long-range: 2 units (776, 988)``."""
    numbers = units[group]
    title = group.replace("_", "-")
    if not numbers:
        return f"{title}: no unit"
    return f"{title}: {len(numbers)} unit{'s' * (len(numbers) > 1)} ({_listed(numbers)})"


def _listed(numbers: Sequence[int], most: int = 20) -> str:
    shown = ", ".join(map(str, numbers[:most]))
    return shown if len(numbers) <= most else f"{shown} and {len(numbers) - most} more"
