"""The step that regresses depth on a baseline: what the units' activity has to beat."""

from pathlib import Path
from typing import Any

from lstm_units.activations.reader import open_activations
from lstm_units.analyses.depth.regression import Procedure, nested_ridge, outer_splits
from lstm_units.analyses.depth.regressors import (
    EMBEDDINGS,
    POSITION_FREQUENCY,
    WORDS,
    Regressors,
    activity_regressors,
    check_name,
    embedding_regressors,
    frequency,
    position_regressors,
    word_regressors,
)
from lstm_units.analyses.depth.write_regression import write_predictions
from lstm_units.depth_corpus.sample import DepthSample, read_depth_sample
from lstm_units.io.files import sha256_file
from lstm_units.models.checkpoints import load_language_model


def write_baseline_regression(
    regressors: str,
    positions: str | Path,
    sentences: str | Path,
    word_counts: str | Path | None,
    *,
    procedure: Procedure,
    output: str | Path,
    dump: str | Path | None = None,
    checkpoint: str | Path | None = None,
) -> None:
    """Regress depth on a baseline, on the folds that the units have with the same seed.

    Parameters
    ----------
    regressors : str
        ``position_frequency``: position and frequency. ``words``: the word and the one before it.
        ``embeddings``: the word's embedding and frequency. ``layer_1`` and so on: the units of one
        layer and frequency. ``untrained_1`` and so on: all units of an untrained network and
        frequency.
    positions, sentences, procedure
        As in `lstm_units.analyses.depth.write_regression.write_unit_regression`.
    word_counts : path or None
        As there; not read for ``words``, which need none.
    output : path
        As in `lstm_units.analyses.depth.write_regression.write_predictions`.
    dump : path, optional
        For ``layer_1`` and so on the model's dump, for ``untrained_1`` that of the network.
    checkpoint : path, optional
        Folder of the converted checkpoint, for ``embeddings``.

    Raises
    ------
    ConfigurationError
        If there are no such regressors, or the dump lacks the layer.
    UserError
        If the files do not fit each other.
    """
    check_name(regressors)
    sample = read_depth_sample(sentences, positions)
    built, made = _build(regressors, sample, word_counts, procedure, dump, checkpoint)
    splits = outer_splits(sample.sentence, procedure)
    depth = sample.open_nodes.astype(float)[:, None]
    fit = nested_ridge(built.matrix, depth, splits, procedure, built.covariate)
    write_predictions(sample, built, procedure, fit, None, output, made)


def _build(
    name: str,
    sample: DepthSample,
    word_counts: str | Path | None,
    procedure: Procedure,
    dump: str | Path | None,
    checkpoint: str | Path | None,
) -> tuple[Regressors, dict[str, Any]]:
    """Return the regressors, and what the metadata record of their origin."""
    if name == WORDS:
        return word_regressors(sample), {}
    if word_counts is None:
        raise ValueError(f"{name} needs the word counts")
    made: dict[str, Any] = {"word_counts_sha256": sha256_file(word_counts)}
    covariate = frequency(sample, word_counts, procedure.name)
    if name == POSITION_FREQUENCY:
        return position_regressors(sample, covariate), made
    if name == EMBEDDINGS:
        if checkpoint is None:
            raise ValueError("embeddings need the checkpoint")
        model = load_language_model(checkpoint)
        rows = model.vocabulary.ids(sample.words)
        built = embedding_regressors(model.embedding.numpy(), rows, covariate)
        return built, {**made, "checkpoint_sha256": model.sha256}
    if dump is None:
        raise ValueError(f"{name} needs a dump of activations")
    opened = open_activations(dump)
    made |= {
        "checkpoint_sha256": opened.metadata["checkpoint_sha256"],
        "variable": opened.variables[0],
    }
    if "untrained_like" in opened.metadata["config"]:
        made["untrained_like"] = opened.metadata["config"]["untrained_like"]
    return activity_regressors(name, opened, sample, covariate), made
