"""Whether each word occurs about equally often in each condition."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pyarrow as pa

from lstm_units.errors import StimuliError

EXPECTATIONS = ("words", "conditions")


def balance_table(table: pa.Table, expectation: str = "words") -> pd.DataFrame:
    """Count the words of each slot in each condition and compare with an even use.

    Slots are the subject, the attractors and the verb. Where the table has the lemma of every
    token and all sentences have the same length, as in generated tasks, so is every other position
    (counted from 0) that holds more than one lemma: prepositions, adverbs, objects. A slot whose
    lemmas are not known is left out, but a verb is named by its two forms then.

    Parameters
    ----------
    table : pyarrow.Table
        Stimuli of one task.
    expectation : {"words", "conditions"}
        ``words`` suits generated items: within a condition, all words of a slot occur equally
        often. ``conditions`` suits natural text, where words differ in frequency: each word is
        spread over the conditions as all items are.

    Returns
    -------
    DataFrame
        One row per slot, word and condition: ``slot, word, condition, n`` (items in the condition),
        ``count, expected, deviation`` (count - expected), ``relative`` (deviation / expected) and
        ``p``: the two-sided binomial probability of a count at least as unlikely when items are
        drawn at random with the expected share.
    """
    if expectation not in EXPECTATIONS:
        raise StimuliError(
            f"balance: expectation is {expectation!r}; expected {' or '.join(EXPECTATIONS)}"
        )
    conditions = pd.Series(table["condition"].to_pylist(), dtype=str)
    sizes = conditions.value_counts().sort_index()
    rows = []
    for slot, words in _slots(table).items():
        counts = pd.crosstab(words, conditions).reindex(columns=sizes.index, fill_value=0)
        known = counts.to_numpy().sum(axis=0)
        for word, line in counts.iterrows():
            for index, (condition, n) in enumerate(sizes.items()):
                if expectation == "words":
                    trials, share = int(known[index]), 1 / len(counts)
                else:
                    trials, share = int(line.sum()), float(known[index] / known.sum())
                rows.append((slot, word, condition, int(n), int(line.iloc[index]), trials, share))
    columns = ["slot", "word", "condition", "n", "count", "trials", "share"]
    frame = pd.DataFrame(rows, columns=columns)
    frame["expected"] = frame["trials"] * frame["share"]
    frame["deviation"] = frame["count"] - frame["expected"]
    frame["relative"] = frame["deviation"] / frame["expected"].where(frame["expected"] > 0, np.nan)
    frame["p"] = 1.0
    for (trials, share), cells in frame.groupby(["trials", "share"]):
        frame.loc[cells.index, "p"] = _binomial_p(cells["count"].to_numpy(), trials, share)
    return frame.drop(columns=["trials", "share"])


def check_balance(
    table: pa.Table,
    tolerance: float = 0.1,
    significance: float = 0.01,
    expectation: str = "words",
) -> pd.DataFrame:
    """Return the words that are used too often or too rarely in a condition.

    A word is flagged when its count deviates by more than `tolerance` of what is expected AND a
    fair draw would hardly do that: the first alone flags chance in small samples, the second alone
    flags trifles in large ones. Counts that must differ by up to one item because the pool does
    not divide the items are never flagged. One rule has no exception: when a word occurs in some
    conditions and never in another where five or more are expected, it is flagged.

    Parameters
    ----------
    tolerance : float
        Largest relative deviation that does not matter.
    significance : float
        Level of the binomial tests, corrected over all cells of the table by Holm's method.
    expectation : {"words", "conditions"}
        See `balance_table`.

    Returns
    -------
    DataFrame
        The flagged rows of `balance_table`; empty when the table is balanced.
    """
    frame = balance_table(table, expectation)
    if frame.empty:
        return frame
    from statsmodels.stats.multitest import multipletests

    unlikely = multipletests(frame["p"], alpha=significance, method="holm")[0]
    large = (frame["relative"].abs() > tolerance) & (frame["deviation"].abs() >= 1)
    absent = (frame["count"] == 0) & (frame["expected"] >= 5)
    return frame[(large & unlikely) | absent].reset_index(drop=True)


def require_balance(
    table: pa.Table, task: str, tolerance: float = 0.1, significance: float = 0.01
) -> pd.DataFrame:
    """Return `balance_table` of a generated task, or refuse a task that is not balanced.

    Parameters
    ----------
    table, tolerance, significance
        As in `check_balance`.
    task : str
        The task, for messages.

    Returns
    -------
    DataFrame
        As in `balance_table`.

    Raises
    ------
    StimuliError
        With the flagged words, see `check_balance`.
    """
    flagged = check_balance(table, tolerance, significance)
    if len(flagged):
        listed = "; ".join(
            f"{row.slot} {row.word} in {row.condition}: {row.count} instead of {row.expected:.1f}"
            for row in flagged.head(10).itertuples(name="Row")
        )
        raise StimuliError(
            f"task {task}: {len(flagged)} words are not used equally often ({listed}); give the "
            "slots of the template larger or more equal pools, or fewer items"
        )
    return balance_table(table)


def balance_of_tasks(
    stimuli: Mapping[str, pa.Table],
    generated: Mapping[str, bool],
    *,
    tolerance: float,
    significance: float,
) -> pd.DataFrame:
    """Count words per condition in every task; refuse a generated task that is not balanced.

    Imported tasks are counted, not refused: they are as their authors made them.

    Parameters
    ----------
    stimuli : mapping of str to pyarrow.Table
        By task.
    generated : mapping of str to bool
        Whether each task was generated from tables.
    tolerance, significance : float
        See `check_balance`.

    Returns
    -------
    DataFrame
        ``task`` and the columns of `balance_table`.

    Raises
    ------
    StimuliError
        If a generated task is not balanced.
    """
    parts = []
    for task, table in stimuli.items():
        if generated[task]:
            counts = require_balance(table, task, tolerance, significance)
        else:
            counts = balance_table(table, expectation="conditions")
        counts.insert(0, "task", task)
        parts.append(counts)
    return pd.concat(parts, ignore_index=True)


def _binomial_p(counts: np.ndarray, trials: int, share: float) -> np.ndarray:
    """Two-sided exact binomial test of many counts at once, as ``scipy.stats.binomtest``."""
    from scipy.stats import binom

    mass = binom.pmf(np.arange(trials + 1), trials, share)
    ordered = np.sort(mass)
    # Equally likely counts on the other side must not be missed by rounding.
    ranks = np.searchsorted(ordered, mass[counts] * (1 + 1e-7), side="right")
    return np.minimum(1.0, np.concatenate([[0.0], np.cumsum(ordered)])[ranks])


def _slots(table: pa.Table) -> dict[str, pd.Series]:
    """Return the words of each slot, one value per item, null where unknown."""
    slots: dict[str, pd.Series] = {}
    positions: dict[str, set[int | None]] = {}

    def add(name: str, words: list, places: list) -> None:
        column = pd.Series(words, dtype=object)
        if column.notna().any():
            slots[name] = column
            positions[name] = set(places)

    add("subject", table["subject_lemma"].to_pylist(), table["subject_position"].to_pylist())
    lemmas = [words or [] for words in table["attractor_lemmas"].to_pylist()]
    places = [entry or [] for entry in table["attractor_positions"].to_pylist()]
    for rank in range(max(map(len, lemmas), default=0)):
        add(
            f"attractor_{rank + 1}",
            [words[rank] if rank < len(words) else None for words in lemmas],
            [entry[rank] if rank < len(entry) else None for entry in places],
        )
    forms = zip(table["correct"].to_pylist(), table["wrong"].to_pylist(), strict=True)
    verbs = [
        lemma or "/".join(sorted(pair))
        for lemma, pair in zip(table["verb_lemma"].to_pylist(), forms, strict=True)
    ]
    add("verb", verbs, table["verb_position"].to_pylist())
    # Forms alone do not do: a form that shows its number belongs to some conditions only.
    sentences = table["lemmas"].to_pylist() if "lemmas" in table.column_names else []
    if len({len(sentence) for sentence in sentences}) == 1:
        named = set().union(*positions.values())
        for position, words in enumerate(zip(*sentences, strict=True)):
            if position not in named and len(set(words)) > 1:
                slots[f"position {position}"] = pd.Series(words, dtype=object)
    return slots
