"""The steps that train a language model and measure its perplexity."""

import contextlib
import hashlib
import json
import logging
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from lstm_units.config.training_settings import TrainingSettings, kept_steps, weights_file
from lstm_units.errors import UserError
from lstm_units.io.files import (
    atomic_folder,
    atomic_path,
    encode_metadata,
    make_metadata,
    read_json,
    sha256_file,
    write_json,
    write_text,
)
from lstm_units.models.checkpoints import read_vocabulary
from lstm_units.runtime.console import progress
from lstm_units.runtime.devices import exact_matrix_products, job_device
from lstm_units.stimuli.word_frequency import read_word_counts
from lstm_units.training.initial_weights import adopt_weights
from lstm_units.training.loop import SAVE_EVERY, TrainingText, settings_as_json, train
from lstm_units.training.network import LSTMNetwork
from lstm_units.training.perplexity import perplexity

log = logging.getLogger(__name__)
_TYPES = {"float32": torch.float32, "float16": torch.float16}


@dataclass(frozen=True)
class TrainingInputs:
    """The files that a training reads.

    Parameters
    ----------
    ids, vocabulary, counts : path
        See `lstm_units.training.write_corpus.write_corpus`.
    initial : path, optional
        Folder of a converted checkpoint to go on from.
    """

    ids: str | Path
    vocabulary: str | Path
    counts: str | Path
    initial: str | Path | None = None


def training_inputs(files: Mapping[str, str]) -> TrainingInputs:
    """Pick the inputs of a training from named files.

    Parameters
    ----------
    files : mapping of str to str
        ``ids, vocabulary, counts``, and ``initial``, the ``model.json`` of a converted checkpoint,
        if there is one.

    Returns
    -------
    TrainingInputs
    """
    initial = files.get("initial")
    chosen = {key: files[key] for key in ("ids", "vocabulary", "counts")}
    return TrainingInputs(**chosen, initial=Path(initial).parent if initial else None)


def training_settings(run: Mapping[str, Any]) -> TrainingSettings:
    """Return the settings of an entry of ``training.runs``.

    Parameters
    ----------
    run : mapping
        From the checked configuration.
    """
    options = {key: value for key, value in run.items() if key in _SAME_NAMES}
    sizes = tuple(run["layers"])
    return TrainingSettings(
        layer_sizes=sizes, embedding_size=run["embedding"] or sizes[-1], **options
    )


_SAME_NAMES = frozenset(TrainingSettings.__dataclass_fields__) - {"layer_sizes", "embedding_size"}


@contextlib.contextmanager
def training_device(
    setting: str, threads: int, lock_directory: str | None = None
) -> Iterator[torch.device]:
    """Give the device to train on, a GPU for this process alone.

    Parameters
    ----------
    setting : str
        ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    threads : int
        CPU threads.
    lock_directory : str, optional
        See `lstm_units.runtime.devices.lease_device`.

    Yields
    ------
    torch.device
    """
    torch.set_num_threads(threads)
    exact_matrix_products()
    with job_device(setting, lock_directory, "training.device") as device:
        yield device


def write_training(
    inputs: TrainingInputs,
    run: Mapping[str, Any],
    device: torch.device,
    checkpoints: str | Path,
    history: str | Path,
    *,
    code: str = "",
    save_every: float = SAVE_EVERY,
) -> None:
    """Train a network; a training that was stopped goes on where it was.

    Parameters
    ----------
    inputs : TrainingInputs
    run : mapping
        An entry of ``training.runs``.
    device : torch.device
    checkpoints : path
        Folder that gets the weights after each kept step, see
        `lstm_units.config.training_settings.weights_file`. Until then they and the state of the
        training
        are in ``unfinished`` beside it.
    history : path
        CSV, see `lstm_units.training.loop.train`.
    code : str
        Fingerprint of the code; what another code began is not gone on with.
    save_every : float
        Seconds between two savings of the state.

    Raises
    ------
    UserError
        If a file cannot be read, or the training diverges.
    CheckpointError
        If the initial network does not fit.
    """
    settings = training_settings(run)
    text, words = _read_text(inputs)
    facts = {
        "settings": settings_as_json(settings),
        "stored_as": run["stored_as"],
        "ids_sha256": sha256_file(inputs.ids),
        "vocabulary_sha256": sha256_file(inputs.vocabulary),
        "initial_sha256": _hashes(inputs.initial),
    }
    identity = hashlib.sha256(json.dumps([facts, code], sort_keys=True).encode()).hexdigest()
    network = _new_network(settings, len(words))
    if settings.initial_bias == "frequency":
        network.set_bias_to_frequencies(text.counts)
    if inputs.initial is not None:
        known = _known_words(Path(inputs.initial))
        tensors = load_file(Path(inputs.initial) / "model.safetensors")
        n_shared = adopt_weights(network, words, tensors, known)
        log.info("%s of %s words start from the other network", f"{n_shared:,}", f"{len(words):,}")
    network.to(device)
    unfinished = Path(checkpoints).with_name("unfinished")
    unfinished.mkdir(parents=True, exist_ok=True)

    def keep(step: int) -> None:
        metadata = make_metadata(
            kind="trained weights", config=facts, training_step=step, seed=settings.seed
        )
        tensors = {
            name: tensor.to(_TYPES[run["stored_as"]]).cpu().contiguous()
            for name, tensor in network.tensors().items()
        }
        with atomic_path(unfinished / weights_file(step)) as temporary:
            save_file(tensors, temporary, metadata=encode_metadata(metadata))

    with stop_request() as stopped:
        rows = train(
            network,
            text,
            settings,
            unfinished,
            identity,
            keep,
            save_every=save_every,
            stopped=stopped,
        )
    with atomic_folder(checkpoints) as folder:
        for step in kept_steps(settings.steps, settings.checkpoints, settings.first_checkpoint):
            shutil.copyfile(unfinished / weights_file(step), folder / weights_file(step))
    write_text(pd.DataFrame(rows).to_csv(index=False, lineterminator="\n"), history)
    shutil.rmtree(unfinished)


def write_perplexity(
    inputs: TrainingInputs,
    run: Mapping[str, Any],
    weights: str | Path,
    device: torch.device,
    output: str | Path,
) -> None:
    """Measure the perplexity of a trained network on all of the validation and test parts.

    Always with float32 products, of the weights as they are stored.

    Parameters
    ----------
    inputs : TrainingInputs
    run : mapping
        An entry of ``training.runs``.
    weights : path
        From `write_training`.
    device : torch.device
    output : path
        JSON: ``validation`` and ``test``, each with ``perplexity`` and ``tokens``, the words that
        were predicted.
    """
    settings = training_settings(run)
    ids = load_file(inputs.ids)
    words = read_vocabulary(inputs.vocabulary).words
    network = _new_network(settings, len(words))
    network.load_tensors(load_file(weights))
    network.to(device)
    found = {}
    for part in progress(("validation", "test"), description="perplexity", unit="parts"):
        value, n_tokens = perplexity(network, ids[part])
        found[part] = {"perplexity": round(value, 4), "tokens": n_tokens}
    metadata = make_metadata(
        kind="perplexity",
        weights_sha256=sha256_file(weights),
        ids_sha256=sha256_file(inputs.ids),
    )
    write_json(found, output, metadata)


@contextlib.contextmanager
def stop_request() -> Iterator[Callable[[], bool]]:
    """Turn SIGTERM and SIGINT into a request that the training asks for between two steps.

    Yields
    ------
    callable
        Whether one of the signals came. Signals can be handled in the main thread only; elsewhere
        the answer is always no.
    """
    came: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = {
        number: signal.signal(number, lambda signum, _frame: came.append(signum))
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _hashes(checkpoint: str | Path | None) -> list[str] | None:
    """Return the sha256 of weights and vocabulary of a converted checkpoint."""
    if checkpoint is None:
        return None
    return [sha256_file(Path(checkpoint) / name) for name in ("model.safetensors", "vocab.txt")]


def _known_words(checkpoint: Path) -> list[str]:
    """Return the words of a converted checkpoint, its special ones under our names."""
    shape = read_json(checkpoint / "model.json")
    words = read_vocabulary(checkpoint / "vocab.txt", shape["unk"], shape["eos"]).words
    ours = {shape["unk"]: "<unk>", shape["eos"]: "<eos>"}
    return [ours.get(word, word) for word in words]


def _new_network(settings: TrainingSettings, n_words: int) -> LSTMNetwork:
    return LSTMNetwork(
        n_words,
        settings.embedding_size,
        settings.layer_sizes,
        tied=settings.tied,
        dropout=settings.dropout,
        seed=settings.seed,
    )


def _read_text(inputs: TrainingInputs) -> tuple[TrainingText, tuple[str, ...]]:
    ids: dict[str, Tensor] = load_file(inputs.ids)
    words = read_vocabulary(inputs.vocabulary).words
    counts = read_word_counts(inputs.counts)
    if list(counts) != list(words):
        raise UserError(
            f"{inputs.counts} and {inputs.vocabulary} do not belong together; delete both and run "
            "the workflow again"
        )
    text = TrainingText(ids["train"], ids["validation"], torch.tensor(list(counts.values())))
    return text, words
