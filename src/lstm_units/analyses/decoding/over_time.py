"""Generalisation across time: a decoder trained on one word and tested on every word.

Number at one word is read by a linear support vector machine from the values of many units, or of
one; its AUC on other words says whether number is held in the same units in the same way (Lakretz
et al. 2019, Section 4.2 and Figure 2; King and Dehaene 2014). An AUC near 0 is a code that has
swapped, not one that is lost.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from lstm_units.activations.reader import ActivationDump
from lstm_units.analyses.decoding.cross_validation import (
    Split,
    draw_splits,
    permuted_labels,
    tied_nouns,
)
from lstm_units.analyses.decoding.features import (
    WITHOUT_LONG_RANGE,
    decoded_positions,
    feature_sets,
)
from lstm_units.analyses.decoding.generalisation import Classifier, generalise
from lstm_units.errors import NotRun, UserError
from lstm_units.io.files import make_metadata
from lstm_units.io.results import Result, require_same
from lstm_units.io.unit_columns import arrow_table
from lstm_units.statistics.standardisation import name_constant_units, near_constant
from lstm_units.stimuli.aligned_items import AlignedItems

log = logging.getLogger(__name__)

REFERENCES = ("none", "permuted", "untrained")
_DECODED_ALONE = ("long-range", "nearest", "named")


def decoding_over_time(
    dump: ActivationDump,
    untrained: Sequence[ActivationDump],
    items: AlignedItems,
    long_range: Result,
    shown: Result,
    *,
    variable: str,
    label: str,
    conditions: str | Sequence[str],
    train_at: int | None,
    cross_validation: str,
    splits: int,
    test_fraction: float,
    C: float,
    tolerance: float,
    max_iterations: int = 10_000,
    permutations: int,
    seed: int,
) -> Result:
    """Decode number with classifiers trained and tested at every word, beside two references.

    Parameters
    ----------
    untrained : sequence of ActivationDump
        Of untrained networks of the same shape on the same items; may be empty.
    items : AlignedItems
        All items of the dumps.
    long_range, shown : Result
        Lists of units, in JSON. The long-range, nearest and named units among those shown are
        decoded from alone too, where their layers were dumped.
    variable : str
        Such as ``"cell"``.
    label : str
        Of the form `lstm_units.stimuli.aligned_items.LABEL`.
    conditions : {"all", "incongruent"} or sequence of str
        Which items, see `lstm_units.stimuli.aligned_items.AlignedItems.select`.
    train_at : int or None
        0-based position at which permuted labels are learnt; None for that of the label's noun.
    cross_validation : {"grouped", "random"}
        Kind of splits, see `lstm_units.analyses.decoding.cross_validation.draw_splits`; ``grouped``
        holds out the lemmas of every noun of `tied_nouns` there. The number of the verb is that of
        the subject, but verbs are not held out: at the verb and after it the reference to read
        against is the untrained network.
    test_fraction : float
        Of the lemmas of each noun, or of the items.
    C, tolerance, max_iterations
        Of `lstm_units.analyses.decoding.generalisation.Classifier`.
    permutations : int
        Replicates of the labels permuted over lemmas; none where the lemmas are not known.

    Returns
    -------
    Result
        ``features, reference, replicate, split, train_position, test_position, n_units, auc,
        converged``, see `decode`. The references, replicates from 1, are decoded from all units but
        the long-range ones: ``permuted``, labels permuted over lemmas, trained at one position;
        ``untrained``, the untrained networks in their order.

    Raises
    ------
    ConfigurationError
        If a label, condition or position does not exist, too few items or lemmas are left, or
        lemmas to hold out are not known.
    UserError
        If a variable or unit was not dumped, or an input was made from another model.
    """
    require_same(dump, long_range, shown)
    _check_references(dump, untrained)
    items = items.select(conditions)
    trained_at = _train_position(items, label, train_at)
    removed = [unit["unit"] for unit in long_range.content["units"]]
    alone = [u["unit"] for u in shown.content["units"] if u["role"] in _DECODED_ALONE]
    alone = [unit for unit in alone if unit in dump.units()]
    features = feature_sets(dump, removed, alone)
    number = items.label(label)
    held_out = tied_nouns(items, label) if cross_validation == "grouped" else []
    lemmas = {noun: items.lemma(noun) for noun in held_out}
    lemma = items.lemma(label) if items.knows_lemma(label) else None
    drawn = draw_splits(
        cross_validation, number, lemmas, splits=splits, test_fraction=test_fraction, seed=seed
    )
    warn_of_agreeing_attractors(items, conditions)
    analysis = Decoding(
        items, variable, label, drawn, Classifier(C, tolerance, max_iterations, seed)
    )
    rest = features[WITHOUT_LONG_RANGE]
    tables = [decode(analysis, dump, features)]
    if permutations and lemma is not None:
        labels = permuted_labels(number, lemma, drawn, replicates=permutations, seed=seed)
        tables += _permuted(analysis, dump, rest, labels, trained_at)
    elif permutations:
        log.warning(
            "the items of %s do not all name the lemma that %s belongs to: labels are not "
            "permuted over lemmas, so that reference is missing",
            *(items.task, label),
        )
    tables += _untrained(analysis, untrained, rest)
    table = pd.concat(tables, ignore_index=True)
    n_fits, n_unconverged = _count_fits(table)
    if n_unconverged:
        log.warning(
            "%d of %d classifiers did not reach the tolerance of %g in %d iterations; the column "
            "converged says which",
            *(n_unconverged, n_fits, tolerance, max_iterations),
        )
    config = {
        "variable": variable,
        "label": label,
        "conditions": conditions if isinstance(conditions, str) else list(conditions),
        "train_at": trained_at,
        "cross_validation": cross_validation,
        "splits": splits,
        "test_fraction": test_fraction,
        "C": C,
        "tolerance": tolerance,
        "max_iterations": max_iterations,
        "permutations": permutations,
    }
    metadata = make_metadata(
        kind="decoding across time",
        task=items.task,
        config=config,
        seed=seed,
        checkpoint_sha256=dump.metadata["checkpoint_sha256"],
        untrained_sha256=[other.metadata["checkpoint_sha256"] for other in untrained],
        stimuli_sha256=dump.metadata["stimuli_sha256"],
        units_removed=[unit for unit in removed if unit in set(dump.units())],
        n_items=len(items),
        n_lemmas=None if lemma is None else len(set(lemma.tolist())),
        held_out=held_out,
        n_train_items=[len(train) for train, _ in drawn],
        n_test_items=[len(test) for _, test in drawn],
        n_classifiers=n_fits,
        n_not_converged=n_unconverged,
    )
    return Result(_arrow(table), metadata, "the decoding over time")


def _check_references(dump: ActivationDump, untrained: Sequence[ActivationDump]) -> None:
    """Refuse untrained networks that are not copies of the one of the dump."""
    for other in untrained:
        if other.model_layer_sizes != dump.model_layer_sizes or other.layers != dump.layers:
            raise UserError(
                f"{other.source} holds layers {other.layers} of a network of "
                f"{other.model_layer_sizes} units, {dump.source} layers {dump.layers} of one of "
                f"{dump.model_layer_sizes}: the reference must have the same shape. Delete the "
                "folder that is out of date and run the workflow again"
            )
        copied = other.metadata["config"].get("untrained_like") or "none"
        require_same(dump, Result(None, {"checkpoint_sha256": copied}, other.source))


def warn_of_agreeing_attractors(items: AlignedItems, conditions: str | Sequence[str]) -> None:
    """Say when the first attractor of incongruent items does not always disagree."""
    if conditions != "incongruent" or len(items.attractor_positions) < 2:
        return
    agreeing = int(items.agreeing[:, 0].sum())
    if agreeing:
        log.warning(
            "in %d of %d incongruent items of %s the first attractor has the subject's number and "
            "only another one differs, so an AUC cannot reach 0 there even for a unit that holds "
            "the number of the last noun; choose conditions in which it always differs",
            *(agreeing, len(items), items.task),
        )


def _train_position(items: AlignedItems, label: str, train_at: int | None) -> int:
    position = items.position(label) if train_at is None else train_at
    known = decoded_positions(items).tolist()
    if position not in known:
        raise NotRun(
            f"train_at is {position}, but the words of {items.task} that are decoded stand at "
            f"positions {known[0]} to {known[-1]}, counted from 0"
        )
    return position


def _count_fits(table: pd.DataFrame) -> tuple[int, int]:
    """Return how many classifiers there were, and how many of them did not converge."""
    keys = ["features", "reference", "replicate", "split", "train_position"]
    fits = table.drop_duplicates(keys)
    return len(fits), int((~fits["converged"]).sum())


def _arrow(table: pd.DataFrame) -> pa.Table:
    """Return the rows with the column types of the file contract."""
    small = ("replicate", "split", "train_position", "test_position")
    rows = arrow_table(table, n_units=pa.int32(), **dict.fromkeys(small, pa.int16()))
    # All references by name, whether they were computed or not.
    codes = pa.array(pd.Categorical(table["reference"], categories=REFERENCES).codes, pa.int32())
    reference = pa.DictionaryArray.from_arrays(codes, pa.array(REFERENCES))
    return rows.set_column(rows.column_names.index("reference"), "reference", reference)


@dataclass(frozen=True)
class Decoding:
    """What all decodings of one analysis share.

    Parameters
    ----------
    items : AlignedItems
        The items to decode, already selected.
    variable : str
        Such as ``"cell"``.
    label : str
        Of the form `lstm_units.stimuli.aligned_items.LABEL`.
    splits : sequence of (ndarray, ndarray)
        From `lstm_units.analyses.decoding.cross_validation.draw_splits`.
    """

    items: AlignedItems
    variable: str
    label: str
    splits: Sequence[Split]
    classifier: Classifier

    @property
    def positions(self) -> np.ndarray:
        """0-based positions."""
        return decoded_positions(self.items)

    def read(self, dump: ActivationDump, units: Sequence[int]) -> np.ndarray:
        """Read float32 values of shape (items, positions, units).

        In float32 the mean of a unit that is the same in all items is exact, so that it is
        standardised to 0 and not to a rounding error that a classifier could learn from.
        """
        values = dump.read(
            self.variable, units=units, items=self.items.item, positions=self.positions
        )
        return values.astype(np.float32, copy=False)

    def nearly_constant(self, values: np.ndarray) -> np.ndarray:
        """Return which units vary in the training items of a split, but no more than by rounding.

        Parameters
        ----------
        values : ndarray of shape (items, positions, units)

        Returns
        -------
        ndarray of bool, shape (units,)
        """
        largest = np.abs(values).max(axis=(0, 1))
        found = np.zeros(values.shape[2], dtype=bool)
        for train, _ in self.splits:
            spread, differ = values[train].std(axis=0, dtype=float), np.ptp(values[train], axis=0)
            found |= (near_constant(spread, largest) & (differ > 0)).any(axis=0)
        return found


def decode(
    analysis: Decoding, dump: ActivationDump, features: Mapping[str, Sequence[int]]
) -> pd.DataFrame:
    """Train at every position and test at every position.

    Parameters
    ----------
    features : mapping of str to sequence of int
        Sets of units by name; one is in memory at a time.

    Returns
    -------
    DataFrame
        ``features, reference, replicate, split, train_position, test_position, n_units, auc,
        converged``; reference is ``"none"`` and replicate 0. ``converged``: whether the solver
        reached its tolerance.

    Raises
    ------
    UserError
        If the variable or a unit was not dumped.
    """
    label = analysis.items.label(analysis.label)
    # What was not dumped is refused before anything is computed.
    every = sorted({unit for units in features.values() for unit in units})
    dump.read(analysis.variable, units=every, items=[])
    tables, constant = [], set()
    for name, units in features.items():
        values = analysis.read(dump, units)
        constant.update(np.array(units)[analysis.nearly_constant(values)].tolist())
        table = _table(
            *(analysis, values, label, analysis.positions),
            features=name,
            reference="none",
            replicate=0,
        )
        tables.append(table)
    name_constant_units(constant, dump.model_layer_sizes, f"items of {analysis.items.task}")
    return pd.concat(tables, ignore_index=True)


def _permuted(
    analysis: Decoding,
    dump: ActivationDump,
    units: Sequence[int],
    labels: np.ndarray,
    train_at: int,
) -> list[pd.DataFrame]:
    """Decode labels permuted over lemmas, (replicates, items); trained at one position."""
    values = analysis.read(dump, units)
    return [
        _table(
            *(analysis, values, label, [train_at]),
            features=WITHOUT_LONG_RANGE,
            reference="permuted",
            replicate=replicate,
        )
        for replicate, label in enumerate(labels, start=1)
    ]


def _untrained(
    analysis: Decoding, dumps: Sequence[ActivationDump], units: Sequence[int]
) -> list[pd.DataFrame]:
    """Decode from untrained networks, one in memory at a time; trained at every position."""
    label = analysis.items.label(analysis.label)
    return [
        _table(
            *(analysis, analysis.read(dump, units), label, analysis.positions),
            features=WITHOUT_LONG_RANGE,
            reference="untrained",
            replicate=replicate,
        )
        for replicate, dump in enumerate(dumps, start=1)
    ]


def _table(
    analysis: Decoding,
    values: np.ndarray,
    label: np.ndarray,
    train_at: Sequence[int] | np.ndarray,
    *,
    features: str,
    reference: str,
    replicate: int,
) -> pd.DataFrame:
    """Decode one set of units with one label; a row per split, train and test position."""
    auc, converged = generalise(values, label, analysis.splits, train_at, analysis.classifier)
    split, train, test = (index.ravel() for index in np.indices(auc.shape))
    return pd.DataFrame(
        {
            "features": features,
            "reference": reference,
            "replicate": replicate,
            "split": split,
            "train_position": np.asarray(train_at)[train],
            "test_position": analysis.positions[test],
            "n_units": values.shape[2],
            "auc": auc.ravel(),
            "converged": converged[split, train],
        }
    )
