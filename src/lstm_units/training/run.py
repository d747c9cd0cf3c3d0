"""A training run: from a corpus to the weights that are kept, and their perplexity."""

import contextlib
import hashlib
import json
import logging
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from lstm_units.config.training_settings import TrainingSettings, kept_steps, weights_file
from lstm_units.io.files import (
    atomic_folder,
    atomic_path,
    encode_metadata,
    make_metadata,
    read_json,
    sha256_file,
    write_text,
)
from lstm_units.io.results import Result
from lstm_units.models.vocabulary import read_vocabulary
from lstm_units.runtime.console import progress
from lstm_units.runtime.devices import exact_matrix_products, job_device
from lstm_units.training.loop import SAVE_EVERY, train
from lstm_units.training.loss import perplexity
from lstm_units.training.network import adopt_weights, new_network
from lstm_units.training.text import TrainingText

log = logging.getLogger(__name__)
_TYPES = {"float32": torch.float32, "float16": torch.float16}


@dataclass(frozen=True)
class StartingPoint:
    """A trained network to go on from.

    Parameters
    ----------
    tensors : mapping of str to Tensor
        Weights of a converted checkpoint.
    words : tuple of str
        Its vocabulary, special words under our names.
    sha256 : tuple of str
        Of the files of weights and vocabulary.
    """

    tensors: Mapping[str, Tensor]
    words: tuple[str, ...]
    sha256: tuple[str, str]


def read_starting_point(files: Sequence[str | Path]) -> StartingPoint | None:
    """Read a network to go on from; None where no file is given.

    Parameters
    ----------
    files : sequence of path
        Description, weights and vocabulary of a converted checkpoint, or none.

    Raises
    ------
    CheckpointError, UserError
        If a file is damaged.
    """
    if not files:
        return None
    description, weights, vocabulary = files
    shape = read_json(description)
    words = read_vocabulary(vocabulary, shape["unk"], shape["eos"]).words
    ours = {shape["unk"]: "<unk>", shape["eos"]: "<eos>"}
    return StartingPoint(
        load_file(weights),
        tuple(ours.get(word, word) for word in words),
        (sha256_file(weights), sha256_file(vocabulary)),
    )


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
    with job_device(setting, lock_directory) as device:
        yield device


def train_network(
    text: TrainingText,
    settings: TrainingSettings,
    device: torch.device,
    checkpoints: str | Path,
    history: str | Path,
    *,
    stored_as: str = "float32",
    start: StartingPoint | None = None,
    code: str = "",
    save_every: float = SAVE_EVERY,
) -> None:
    """Train a network; a training that was stopped goes on where it was.

    Parameters
    ----------
    text : TrainingText
        From `lstm_units.training.text.read_training_text`.
    checkpoints : path
        Folder that gets the weights that are kept, see
        `lstm_units.config.training_settings.weights_file`. Until then they and the state of the
        training are in ``unfinished`` beside it.
    history : path
        CSV, see `lstm_units.training.loop.train`.
    stored_as : {"float32", "float16"}
        Of the weights in their files.
    code : str
        Fingerprint of the code; what another code began is not gone on with.
    save_every : float
        Seconds between two savings of the state.

    Raises
    ------
    UserError
        If the training diverges, or a file cannot be written.
    CheckpointError
        If the network to start from does not fit.
    """
    facts = {
        "settings": asdict(settings) | {"layer_sizes": list(settings.layer_sizes)},
        "stored_as": stored_as,
        **text.files,
        "initial_sha256": None if start is None else list(start.sha256),
    }
    identity = hashlib.sha256(json.dumps([facts, code], sort_keys=True).encode()).hexdigest()
    network = new_network(settings, len(text.words))
    if settings.initial_bias == "frequency":
        network.set_bias_to_frequencies(text.counts)
    if start is not None:
        n_shared = adopt_weights(network, text.words, start.tensors, start.words)
        log.info(
            "%s of %s words start from the other network", f"{n_shared:,}", f"{len(text.words):,}"
        )
    network.to(device)
    unfinished = Path(checkpoints).with_name("unfinished")
    unfinished.mkdir(parents=True, exist_ok=True)

    def keep(step: int) -> None:
        metadata = make_metadata(
            kind="trained weights", config=facts, training_step=step, seed=settings.seed
        )
        tensors = {
            name: tensor.to(_TYPES[stored_as]).cpu().contiguous()
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


def measure_perplexity(
    text: TrainingText, settings: TrainingSettings, weights: str | Path, device: torch.device
) -> Result:
    """Measure the perplexity of a trained network on all of the validation and test parts.

    Always with float32 products, of the weights as they are stored.

    Parameters
    ----------
    weights : path
        From `train_network`.

    Returns
    -------
    Result
        JSON: ``validation`` and ``test``, each with ``perplexity`` and ``tokens``, the words that
        were predicted.
    """
    network = new_network(settings, len(text.words))
    network.load_tensors(load_file(weights))
    network.to(device)
    found = {}
    for part in progress(("validation", "test"), description="perplexity", unit="parts"):
        value, n_tokens = perplexity(network, getattr(text, part))
        found[part] = {"perplexity": round(value, 4), "tokens": n_tokens}
    metadata = make_metadata(
        kind="perplexity",
        weights_sha256=sha256_file(weights),
        ids_sha256=text.files["ids_sha256"],
    )
    return Result(found, metadata, "the perplexity")


@contextlib.contextmanager
def stop_request() -> Iterator[Callable[[], bool]]:
    """Turn SIGTERM and SIGINT into a request that the training asks for between two updates.

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
