"""The steps of an experiment that bring a checkpoint in and say whether it is the right one."""

import logging
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from lstm_units.errors import CheckpointError
from lstm_units.io.files import sha256_file, write_text
from lstm_units.models.checkpoints import CheckpointSource, convert_checkpoint, load_language_model
from lstm_units.models.identity import check_golden_log_probabilities, check_identity
from lstm_units.stimuli.table import read_context_words

log = logging.getLogger(__name__)


def write_checkpoint(
    weights: str | Path,
    vocabulary: str | Path,
    output_directory: str | Path,
    *,
    format: str,
    stand_ins: Sequence[str],
    unk: str,
    eos: str,
    source_sha256: str | None = None,
    vocabulary_sha256: str | None = None,
) -> None:
    """Convert a checkpoint, after comparing its files with the hashes that are given.

    Parameters
    ----------
    weights, vocabulary, format, stand_ins, unk, eos
        As in `lstm_units.models.checkpoints.CheckpointSource`.
    output_directory : path
        As in `lstm_units.models.checkpoints.convert_checkpoint`.
    source_sha256, vocabulary_sha256 : str, optional
        Hexadecimal sha256 that `weights` and `vocabulary` must have.

    Raises
    ------
    CheckpointError
        If a hash differs, or the checkpoint cannot be converted.
    """
    for path, expected in ((weights, source_sha256), (vocabulary, vocabulary_sha256)):
        if expected is not None and (found := sha256_file(path)) != expected:
            raise CheckpointError(
                f"{path} has sha256 {found}, but config.yaml expects {expected}. Fetch the file "
                "again, or correct the key source_sha256 or vocabulary_sha256 of the checkpoint"
            )
    source = CheckpointSource(
        weights=Path(weights),
        vocabulary=Path(vocabulary),
        format=format,
        stand_ins=tuple(stand_ins),
        unk=unk,
        eos=eos,
    )
    convert_checkpoint(source, output_directory)


def write_identity(
    checkpoint: str | Path,
    name: str,
    output: str | Path,
    context: str | Path | None = None,
    golden: str | Path | None = None,
) -> None:
    """Compare a converted checkpoint with a published network: golden weights, and items if given.

    Parameters
    ----------
    checkpoint : path
        Folder of a converted checkpoint.
    name : str
        The published network, see `lstm_units.models.identity.check_identity`.
    output : path
        CSV: one row per golden weight, and one that counts the items if `golden` is given.
    context : path, optional
        The sentences read before each item; needed with `golden`.
    golden : path, optional
        Golden items, see `lstm_units.models.identity.check_golden_log_probabilities`.

    Raises
    ------
    CheckpointError
        If a weight or an item differs, or a file of the check is missing.
    """
    model = load_language_model(checkpoint)
    weights = check_identity(model, name)
    parts = [weights.assign(check="weight")]
    if golden:
        words = read_context_words(context, "true", eos=model.vocabulary.eos)
        items = check_golden_log_probabilities(model, words, golden)
        same = pd.DataFrame(
            {"expected": [len(items)], "found": [int(items["match"].sum())], "check": ["items"]}
        )
        parts.append(same.assign(match=same["expected"] == same["found"]))
        agree = float(items["same_answer"].mean())
        log.info("the same answer on %.2f %% of %d golden items", 100 * agree, len(items))
    table = pd.concat(parts, ignore_index=True)
    if not table["match"].all():
        wrong = table[~table["match"].astype(bool)]
        raise CheckpointError(
            f"the checkpoint is not the published network {name}: {len(wrong)} of {len(table)} "
            f"comparisons differ, the first of them:\n{wrong.head().to_string(index=False)}\n"
            f"Use the published file, or take `identity: {name}` out of config.yaml"
        )
    write_text(table.to_csv(index=False, lineterminator="\n"), output)
