"""Whether a unit's cell spans the dependency of subject and verb, for every unit.

Lakretz et al. 2019, Section 4.3 and Figure 3: one syntax unit is active from the subject to the
verb, over relative clauses and attractors. They show it; here it is a number for every unit.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from lstm_units.activations.matched import require_items
from lstm_units.activations.reader import ActivationDump
from lstm_units.errors import ConfigurationError, NotRun, UserError
from lstm_units.io.results import Result, made_from
from lstm_units.io.unit_columns import unit_array
from lstm_units.stimuli.aligned_items import AlignedItems

VERB_SIDES = ("neither", "inside", "outside")
SIDES = ("auc", "auc_before", "auc_after")


def dependency_spans(
    dumps: Sequence[ActivationDump], items: Sequence[AlignedItems], *, verb: str = "neither"
) -> Result:
    """Measure in several structures how well the cell of each unit spans the dependency.

    Parameters
    ----------
    dumps : sequence of ActivationDump
        Of one model; they hold ``cell``.
    items : sequence of AlignedItems
        All items of each dump.
    verb : {"neither", "inside", "outside"}
        The side of the verb's own position, see `dependency_places`.

    Returns
    -------
    Result
        The table of `span_scores`. ``config`` names structures and `verb`.

    Raises
    ------
    ConfigurationError
        If there is no structure, one has no words before the subject or after the verb, or the
        cell was not dumped.
    UserError
        If the activations come from several models, or are of other items or of other layers.
    """
    if not dumps:
        raise ConfigurationError("no structure is named; name one at least, such as nounpp")
    tables = [
        dependency_span(*structure, verb=verb) for structure in zip(dumps, items, strict=True)
    ]
    config = {"structures": [dump.task for dump in dumps], "verb": verb}
    metadata = made_from(*dumps, kind="dependency span", config=config)
    return Result(_arrow(span_scores(tables)), metadata, "the span of the dependency")


def _arrow(table: pd.DataFrame) -> pa.Table:
    types = {"layer": pa.int16(), "sign": pa.int8()}
    types |= dict.fromkeys((*SIDES, "score"), pa.float32())
    return pa.table(
        {
            "unit": unit_array(table["unit"].tolist()),
            "task": pa.Array.from_pandas(table["task"]),
            **{name: pa.array(table[name].to_numpy()).cast(kind) for name, kind in types.items()},
        }
    ).select(["unit", "layer", "task", *SIDES, "score", "sign"])


def dependency_places(items: AlignedItems, verb: str = "neither") -> tuple[int, int]:
    """Return where the dependency of subject and main verb begins and where it ends.

    At the subject the dependency opens. The verb closes it: the network reads the verb at that
    position, so its state there is already that of a sentence whose verb is known, but a unit that
    resets only when the word is read may still look open. The verb's position therefore belongs to
    neither side unless asked otherwise.

    Parameters
    ----------
    verb : {"neither", "inside", "outside"}
        The side of the verb's own position.

    Returns
    -------
    first, last : int
        0-based positions of the first and the last word inside.

    Raises
    ------
    ConfigurationError
        If `verb` is another word, or the items have no words before the subject, after the verb,
        or the verb stands before the subject.
    """
    if verb not in VERB_SIDES:
        raise ConfigurationError(f"verb is {verb!r}; expected one of {', '.join(VERB_SIDES)}")
    subject, end = items.subject_position, items.verb_position
    fault = None
    if end <= subject:
        fault = f"the verb (position {end}) does not follow the subject (position {subject})"
    elif subject == 0:
        fault = "the subject is the first word, so nothing stands before the dependency"
    elif items.n_positions <= end + 1:
        fault = "some sentences end at the verb, so nothing stands after the dependency"
    if fault:
        raise NotRun(
            f"{items.task} is no structure to measure: {fault}; choose another one, such as a "
            "generated task with an object after the verb"
        )
    return subject, end if verb == "inside" else end - 1


def dependency_span(
    dump: ActivationDump,
    items: AlignedItems,
    *,
    verb: str = "neither",
    units: Sequence[int] | None = None,
    block: int = 64,
) -> pd.DataFrame:
    """How well the cell of each unit tells words inside the dependency from those outside.

    Inside are the words from the subject to the one before the main verb, outside before are the
    words before the subject, outside after those behind the verb, to the end of the sentence. The
    AUC is over all pairs of a word inside and a word outside, of any two items: the probability
    that the cell is larger inside, ties counted half.

    In the structures that come with the library every sentence has one word before the subject,
    "The". All items read it after the same context, so there ``auc_before`` compares the cells
    inside with a single value.

    Parameters
    ----------
    dump : ActivationDump
        Holds ``cell``.
    items : AlignedItems
        All items of the dump.
    verb : {"neither", "inside", "outside"}
        The side of the verb's own position, see `dependency_places`.
    units : sequence of int, optional
        1-based; all units of the dump by default.
    block : int
        Units read at a time; bounds the memory.

    Returns
    -------
    DataFrame
        ``unit`` (1-based), ``layer`` (1-based), ``task``, ``auc`` (inside against all outside),
        ``auc_before``, ``auc_after``. One row per unit, in the order of `units`.

    Raises
    ------
    ConfigurationError
        If the items have no words on one side.
    UserError
        If the dump lacks ``cell`` or a unit, the items are not those of the dump, or a cell is not
        a number.
    """
    first, last = dependency_places(items, verb)
    nodes = dump.nodes()
    require_items(dump, items)
    after = items.verb_position + (0 if verb == "outside" else 1)
    sides = {
        "inside": nodes[:, first : last + 1],
        "before": nodes[:, :first],
        "after": nodes[:, after:],
    }
    # A node is one prefix, so it stands at one position: no node is on two sides.
    counted = {name: np.unique(side[side >= 0], return_counts=True) for name, side in sides.items()}
    chosen = dump.units() if units is None else list(units)
    found = np.empty((len(chosen), len(SIDES)))
    for start in range(0, len(chosen), block):
        values = dump.read_nodes("cell", units=chosen[start : start + block])
        if np.isnan(values).any():
            raise UserError(
                f"the cells in {dump.source} hold values that are not numbers; check the "
                "checkpoint, delete the folder and run the workflow again"
            )
        for column, cell in enumerate(np.ascontiguousarray(values.T)):
            found[start + column] = _aucs(cell, counted)
    last_units = np.cumsum(dump.model_layer_sizes)
    return pd.DataFrame(
        {
            "unit": chosen,
            "layer": np.searchsorted(last_units, chosen) + 1,
            "task": items.task,
            **dict(zip(SIDES, found.T, strict=True)),
        }
    )


def _aucs(cell: np.ndarray, counted: dict[str, tuple[np.ndarray, np.ndarray]]) -> list[float]:
    """AUC of one unit against all, before and after; in whole numbers up to the last division."""
    node, weight = counted["inside"]
    larger, pairs = [], []
    for side in ("before", "after"):
        outside, times = counted[side]
        values = cell[outside]
        order = np.argsort(values, kind="stable")
        values = values[order]
        below = np.concatenate([[0], np.cumsum(times[order])])
        at_most = below[np.searchsorted(values, cell[node], "right")]
        less = below[np.searchsorted(values, cell[node], "left")]
        larger.append(int((weight * (less + at_most)).sum()))  # twice, so that ties are whole
        pairs.append(2 * int(weight.sum()) * int(times.sum()))
    return [
        sum(larger) / sum(pairs),
        larger[0] / pairs[0],
        larger[1] / pairs[1],
    ]


def span_scores(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Join the structures, and score each unit by the worst of them.

    With one sign of the unit for all structures, the score is the least AUC over the structures and
    both sides (before, after); the better of the two signs counts. So it does not depend on the
    unit's sign, and 1 means that in every structure one threshold on the cell separates the words
    inside from all words outside.

    Parameters
    ----------
    tables : sequence of DataFrame
        From `dependency_span`, one per structure, of the same units.

    Returns
    -------
    DataFrame
        The columns of `dependency_span` with ``score``, and ``sign``: 1 where the score is reached
        with the cell larger inside, -1 where with the cell smaller inside. Sorted by unit;
        structures in the order given.

    Raises
    ------
    UserError
        If the tables are not of the same units.
    """
    first = set(tables[0]["unit"])
    for table in tables[1:]:
        if set(table["unit"]) != first:
            raise UserError(
                f"the activations of {table['task'].iloc[0]} and {tables[0]['task'].iloc[0]} hold "
                "other layers; delete both and run the workflow again"
            )
    joined = pd.concat(tables, ignore_index=True)
    sides = joined.groupby("unit")[["auc_before", "auc_after"]]
    # Rounded, so that the last bits of 1 - AUC do not depend on the unit's sign.
    larger = sides.min().min(axis=1).round(12)
    smaller = (1 - sides.max().max(axis=1)).round(12)
    joined["score"] = joined["unit"].map(np.maximum(larger, smaller))
    joined["sign"] = joined["unit"].map(pd.Series(np.where(larger >= smaller, 1, -1), larger.index))
    joined["task"] = pd.Categorical(
        joined["task"], categories=[str(table["task"].iloc[0]) for table in tables]
    )
    return joined.sort_values(["unit", "task"], ignore_index=True)
