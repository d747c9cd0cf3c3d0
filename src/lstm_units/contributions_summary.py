"""What the parts of the verb margin come to: means, and how often a part points the right way.

Lakretz et al. 2019 (Sections 4.2 and 5) remark that long-range units are almost always right and
that wrong answers come from elsewhere; this table puts numbers on it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lstm_units.errors import UserError
from lstm_units.files import make_metadata, read_metadata
from lstm_units.frame_sampling import seed_stream
from lstm_units.margins import condition_rank, read_columns
from lstm_units.published import task_rank
from lstm_units.resampling import bootstrap_sums, percentile_interval
from lstm_units.significance import wilson_interval

PARTS = ("long_range", "short_range", "rest", "bias")
MEASURES = ("margin", *PARTS)
GROUPS = ("long_range", "short_range")
ANSWERS = ("right", "wrong", "all")
ALL = "all"
_EMPTY = "-"


@dataclass(frozen=True)
class Contributions:
    """Contributions of all tasks of a model.

    Parameters
    ----------
    by_task : dict of str to DataFrame
        ``item, condition, right, margin, long_range, short_range, rest, bias, subject_lemma,
        verb_lemma``.
    units : dict
        ``long_range, short_range`` (1-based units of the last layer), ``n_rest, last_layer``, and
        the units left out, as `lstm_units.steps_contributions.write_contributions` records them.
    sources : dict
        ``checkpoint_sha256`` and ``stimuli_sha256`` by task.
    """

    by_task: dict[str, pd.DataFrame]
    units: dict[str, Any]
    sources: dict[str, Any]

    def metadata(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Describe a file made from them, as `lstm_units.files.make_metadata`."""
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
    columns = ["item", "condition", "right", *MEASURES, "subject_lemma", "verb_lemma"]
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
        a bootstrap crossed over subject and verb lemmas (over items where ``resampled`` says so);
        ``{group}_right``: the share of items in which the contribution of the long-range or the
        short-range units is above 0, with Wilson intervals. A group without units has no share
        (NaN), and rows without items have no means; a single item has no interval.
    """
    rows = []
    for task in sorted(by_task, key=task_rank):
        items = by_task[task]
        condition = items["condition"].astype(str).to_numpy()
        right = items["right"].to_numpy(dtype=bool)
        for name in [*sorted(set(condition), key=condition_rank), ALL]:
            here = np.ones(len(items), bool) if name == ALL else condition == name
            for answer in ANSWERS:
                chosen = here if answer == ALL else here & (right == (answer == "right"))
                rng = seed_stream(seed, "contributions", task, name, answer)
                row = {"task": task, "condition": name, "answer": answer, "n": int(chosen.sum())}
                row |= _means(items[chosen], confidence, samples, rng)
                row |= _shares(items[chosen], units, confidence)
                rows.append(row)
    return pd.DataFrame(rows)


def _means(items: pd.DataFrame, confidence: float, samples: int, rng) -> dict[str, Any]:
    values = items[list(MEASURES)].to_numpy(dtype=float)
    result: dict[str, Any] = {}
    if len(items):
        counted = np.column_stack([values, np.ones(len(items))])
        lemmas = (items[name].astype(object).to_numpy() for name in ("subject_lemma", "verb_lemma"))
        drawn = bootstrap_sums(counted, *lemmas, samples, rng)
        with np.errstate(invalid="ignore", divide="ignore"):
            draws = drawn.sums[:, :-1] / drawn.sums[:, -1:]  # a draw may hold no item
    for place, name in enumerate(MEASURES):
        low = high = float("nan")
        if len(items) > 1:
            low, high = percentile_interval(draws[:, place], confidence)
        mean = float(values[:, place].mean()) if len(items) else float("nan")
        result |= {name: mean, f"{name}_low": low, f"{name}_high": high}
    result["resampled"] = drawn.resampled if len(items) > 1 else ""
    return result


def _shares(items: pd.DataFrame, units: Mapping[str, Any], confidence: float) -> dict[str, float]:
    result = {}
    for group in GROUPS:
        share = low = high = float("nan")
        if units[group] and len(items):
            right = int((items[group] > 0).sum())
            share = right / len(items)
            low, high = map(float, wilson_interval(right, len(items), confidence))
        name = f"{group}_right"
        result |= {name: share, f"{name}_low": low, f"{name}_high": high}
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
        Of text, but for ``n``; ``-`` where there is nothing.
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
        shown[f"{titles[group]} right, %"] = _cells(table, f"{group}_right", 100, 1, False)
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
    table: pd.DataFrame, units: Mapping[str, Any], confidence: float
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
    if any(units[group] for group in GROUPS):
        legend.append(
            "right, %: percent of the items in which the units' own contribution is above 0, so "
            f"points to the right form; brackets: {confidence:.0%} Wilson intervals. A unit that "
            "always prefers one number is right, too, wherever the subject has that number, so "
            "compare singular with plural subjects."
        )
    return legend


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
