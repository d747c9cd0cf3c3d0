"""The step of an experiment that decodes number across time, for one kind of hold-outs."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from lstm_units.activations.reader import INDEX, ActivationDump, open_activations
from lstm_units.analyses.decoding.generalisation import Classifier
from lstm_units.analyses.decoding.hold_outs import Split, hold_outs, permuted_labels, tied_nouns
from lstm_units.analyses.decoding.over_time import (
    REFERENCES,
    WITHOUT_LONG_RANGE,
    Decoding,
    decode,
    decode_permuted,
    decode_untrained,
    decoded_positions,
    feature_sets,
)
from lstm_units.errors import ConfigurationError, UserError
from lstm_units.io.files import lineage, make_metadata, read_json, write_parquet
from lstm_units.stimuli.aligned_items import AlignedItems, read_aligned_items
from lstm_units.stimuli.table import read_stimuli, scored_sha256

log = logging.getLogger(__name__)

_DECODED_ALONE = ("long-range", "nearest", "named")


def write_decoding(
    dump_folder: str | Path,
    untrained_folders: Sequence[str | Path],
    stimuli: str | Path,
    long_range: str | Path,
    shown: str | Path,
    *,
    variable: str,
    label: str,
    conditions: str | Sequence[str],
    train_at: int | None,
    hold_out: str,
    splits: int,
    test_fraction: float,
    C: float,
    tolerance: float,
    max_iterations: int = 10_000,
    permutations: int,
    seed: int,
    output: str | Path,
) -> None:
    """Write AUCs by training and test position, with the references.

    Parameters
    ----------
    dump_folder : path
        ``activations/{task}``.
    untrained_folders : sequence of path
        Activations of untrained networks of the same shape on the same items; may be empty.
    stimuli : path
        ``stimuli/{task}.parquet``.
    long_range, shown : path
        ``units/long_range.json`` and ``units/shown.json``, whose long-range, nearest and named
        units are decoded from alone too.
    variable : str
        Such as ``"cell"``.
    label : str
        As in `lstm_units.stimuli.aligned_items.LABEL`.
    conditions : {"all", "incongruent"} or sequence of str
        As in `lstm_units.stimuli.aligned_items.AlignedItems.select`.
    train_at : int or None
        0-based position at which permuted labels are learnt; None for that of the label's noun.
    hold_out : {"grouped", "random"}
        As in `lstm_units.analyses.decoding.hold_outs.hold_outs`; ``grouped`` holds out the lemmas of every noun
        that `lstm_units.analyses.decoding.hold_outs.tied_nouns` names. The number of the verb is that of the
        subject, but verbs are not held out: at the verb and after it the reference to read
        against is the untrained network.
    splits, test_fraction
        As in `lstm_units.analyses.decoding.hold_outs.hold_outs`.
    C, tolerance, max_iterations
        As in `lstm_units.analyses.decoding.generalisation.Classifier`.
    permutations : int
        Replicates of the labels permuted over lemmas; none where the lemmas are not known.
    seed : int
    output : path
        ``decoding/{analysis}_{hold_out}.parquet``: ``features, reference, replicate, split,
        train_position, test_position, n_units, auc, converged``.

    Raises
    ------
    ConfigurationError
        If a variable, unit, label, condition or position does not exist, too few items or
        lemmas are left, or lemmas to hold out are not known.
    UserError
        If an input is damaged or was made from another model or other stimuli.
    """
    dump = open_activations(dump_folder)
    untrained = [open_activations(folder) for folder in untrained_folders]
    items = read_aligned_items(stimuli).select(conditions)
    stimuli_sha256 = _check_inputs(dump, untrained, items, stimuli, (long_range, shown))
    trained_at = _train_position(items, label, train_at)
    removed = [unit["unit"] for unit in read_json(long_range)["units"]]
    alone = [u["unit"] for u in read_json(shown)["units"] if u["role"] in _DECODED_ALONE]
    features = feature_sets(dump, removed, alone)
    number = items.label(label)
    held_out = tied_nouns(items, label) if hold_out == "grouped" else []
    lemmas = {noun: items.lemma(noun) for noun in held_out}
    lemma = items.lemma(label) if items.knows_lemma(label) else None
    drawn = hold_outs(
        hold_out, number, lemmas, splits=splits, test_fraction=test_fraction, seed=seed
    )
    warn_of_agreeing_attractors(items, conditions)
    analysis = Decoding(
        items, variable, label, drawn, Classifier(C, tolerance, max_iterations, seed)
    )
    rest = features[WITHOUT_LONG_RANGE]
    tables = [decode(analysis, dump, features)]
    if permutations and lemma is not None:
        labels = permuted_labels(number, lemma, drawn, replicates=permutations, seed=seed)
        tables.append(decode_permuted(analysis, dump, rest, labels, trained_at))
    elif permutations:
        log.warning(
            "the items of %s do not all name the lemma that %s belongs to: labels are not "
            "permuted over lemmas, so that reference is missing from %s",
            *(items.task, label, output),
        )
    if untrained:
        tables.append(decode_untrained(analysis, untrained, rest))
    table = pd.concat(tables, ignore_index=True)
    n_fits, n_unconverged = _count_fits(table)
    if n_unconverged:
        log.warning(
            "%d of %d classifiers did not reach the tolerance of %g in %d iterations; see the "
            "column converged of %s",
            *(n_unconverged, n_fits, tolerance, max_iterations, output),
        )
    config = {
        "variable": variable,
        "label": label,
        "conditions": conditions if isinstance(conditions, str) else list(conditions),
        "train_at": trained_at,
        "hold_out": hold_out,
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
        stimuli_sha256=stimuli_sha256,
        units_removed=[unit for unit in removed if unit in set(dump.units())],
        n_items=len(items),
        n_lemmas=None if lemma is None else len(set(lemma.tolist())),
        held_out=held_out,
        **_sizes(drawn),
        n_classifiers=n_fits,
        n_not_converged=n_unconverged,
    )
    write_parquet(_arrow(table), output, metadata)


def _check_inputs(
    dump: ActivationDump,
    untrained: Sequence[ActivationDump],
    items: AlignedItems,
    stimuli: str | Path,
    unit_files: Sequence[str | Path],
) -> Any:
    """Check that all was made from the same stimuli and model; return the sha256 of the stimuli."""
    found = scored_sha256({items.task: read_stimuli(stimuli)})
    for other in (dump, *untrained):
        if other.metadata["stimuli_sha256"] != found:
            raise UserError(
                f"{other.folder} was made from other stimuli than {stimuli}. Delete the folder "
                f"{other.folder} and run the workflow again"
            )
        if other.model_layer_sizes != dump.model_layer_sizes or other.layers != dump.layers:
            raise UserError(
                f"{other.folder} holds layers {other.layers} of a network of "
                f"{other.model_layer_sizes} units, {dump.folder} layers {dump.layers} of one of "
                f"{dump.model_layer_sizes}: the reference must have the same shape. Delete the "
                "folder that is out of date and run the workflow again"
            )
    for other in untrained:
        if other.metadata["config"].get("untrained_like") != dump.metadata["checkpoint_sha256"]:
            raise UserError(
                f"{other.folder} was made from another checkpoint than {dump.folder}: the "
                "reference must be an untrained copy of the same network. Delete the folder "
                f"{other.folder} and run the workflow again"
            )
    for path in unit_files:
        lineage([dump.folder / INDEX, path])  # refuses units of another checkpoint
    return found


def warn_of_agreeing_attractors(items: AlignedItems, conditions: str | Sequence[str]) -> None:
    """Say when the first attractor of incongruent items does not always disagree."""
    if conditions != "incongruent" or len(items.attractor_positions) < 2:
        return
    agreeing = int((items.label("attractor_number") == items.label("subject_number")).sum())
    if agreeing:
        log.warning(
            "in %d of %d incongruent items of %s the first attractor has the subject's number and "
            "only another one differs, so an AUC cannot reach 0 there even for a unit that holds "
            "the number of the last noun; choose decoding.conditions in which it always differs",
            *(agreeing, len(items), items.task),
        )


def _sizes(drawn: Sequence[Split]) -> dict[str, list[int]]:
    """Return the number of training and of test items of each split."""
    return {
        "n_train_items": [len(train) for train, _ in drawn],
        "n_test_items": [len(test) for _, test in drawn],
    }


def _train_position(items: AlignedItems, label: str, train_at: int | None) -> int:
    position = items.position(label) if train_at is None else train_at
    known = decoded_positions(items).tolist()
    if position not in known:
        raise ConfigurationError(
            f"decoding.train_at is {position}, but the words of {items.task} that are decoded "
            f"stand at positions {known[0]} to {known[-1]}, counted from 0"
        )
    return position


def _count_fits(table: pd.DataFrame) -> tuple[int, int]:
    """Return how many classifiers there were, and how many of them did not converge."""
    keys = ["features", "reference", "replicate", "split", "train_position"]
    fits = table.drop_duplicates(keys)
    return len(fits), int((~fits["converged"]).sum())


def _arrow(table: pd.DataFrame) -> pa.Table:
    def names(column: str, known: Sequence[str]) -> pa.Array:
        codes = pd.Categorical(table[column], categories=list(known)).codes
        return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), pa.array(list(known)))

    return pa.table(
        {
            "features": names("features", list(dict.fromkeys(table["features"]))),
            "reference": names("reference", REFERENCES),
            "replicate": pa.array(table["replicate"], pa.int16()),
            "split": pa.array(table["split"], pa.int16()),
            "train_position": pa.array(table["train_position"], pa.int16()),
            "test_position": pa.array(table["test_position"], pa.int16()),
            "n_units": pa.array(table["n_units"], pa.int32()),
            "auc": pa.array(table["auc"], pa.float64()),
            "converged": pa.array(table["converged"], pa.bool_()),
        }
    )
