"""What a job that runs a model starts from: the checkpoint, the context, and a group of tasks."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from lstm_units.errors import NotRun
from lstm_units.interventions.context_states import States, read_context
from lstm_units.interventions.interventions import Interventions
from lstm_units.interventions.known_items import require_known_forms
from lstm_units.interventions.sweep import Items
from lstm_units.interventions.trie_reader import SweepSize
from lstm_units.io.files import make_metadata, sha256_file
from lstm_units.io.wording import words_listed
from lstm_units.models.checkpoints import load_language_model
from lstm_units.models.language_model import LanguageModel
from lstm_units.models.vocabulary import Vocabulary
from lstm_units.runtime.devices import exact_matrix_products, free_memory, job_device, memory_errors
from lstm_units.stimuli.table import read_context_words, scored_items, scored_sha256

log = logging.getLogger(__name__)

# What networks of other toolkits have at the ends of sentences.
_SYMBOLS = frozenset(
    {"<eos>", "<EOS>", "</s>", "</S>", "<s>", "<bos>", "<sep>", "<end>", "<|endoftext|>"}
    | {"[SEP]", "[CLS]", "[EOS]", "[BOS]"}
)
# The rest is for what PyTorch and cuBLAS take beside the tensors.
_GPU_SHARE = 0.9
PRECISIONS = {"float32": torch.float32, "float64": torch.float64}


@dataclass(frozen=True)
class Compute:
    """Where and how precisely a job computes; only `precision` may change results.

    Parameters
    ----------
    precision : {"float32", "float64"}
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    memory : float
        GiB that a sweep may use beyond the model.
    threads : int
        CPU threads of one job.
    gpu_memory : float, optional
        The same on a GPU; by default nine tenths of what is free there.
    """

    precision: str = "float32"
    device: str = "auto"
    memory: float = 1.0
    threads: int = 1
    gpu_memory: float | None = None


def compute_from(precision: str, resources: Any, threads: int) -> Compute:
    """Build `Compute` from a job's precision, resources and threads.

    Parameters
    ----------
    precision : {"float32", "float64"}
    resources : object with attributes ``sweep_mb``, ``gpu_sweep_mb`` and ``device``
        The memory of a sweep in MiB, and that on a GPU, where 0 stands for what is free.
    threads : int
    """
    gpu_memory = resources.gpu_sweep_mb / 1024 or None
    return Compute(precision, resources.device, resources.sweep_mb / 1024, threads, gpu_memory)


@dataclass(frozen=True)
class Context:
    """The sentences read before each item.

    Parameters
    ----------
    path : str
    case : {"true", "lower", "paper"}
    optional : bool
        Whether a model that knows less than half of the words reads none of them, as with the
        English context that nobody chose. Otherwise it is refused.
    """

    path: str
    case: str = "true"
    optional: bool = False

    def words(self, vocabulary: Vocabulary, ablated: bool) -> list[str]:
        """Return the words that an intact or an ablated network reads.

        They are none if the context is optional and the model knows less than half of it.

        Raises
        ------
        StimuliError
            If the file is missing or empty.
        NotRun
            If the model knows less than half of its words, or it ends sentences with another symbol
            than the model.
        """
        words = read_context_words(self.path, self.case, ablated, vocabulary.eos)
        content, n_known = self._known(vocabulary)
        if 2 * n_known < content:
            if self.optional:
                return []
            raise NotRun(
                f"the model knows {n_known} of the {content} words of the context {self.path}; "
                "give sentences of its language, split and cased as its vocabulary is"
            )
        foreign = {
            word
            for word, after in pairwise(words)
            if word in _SYMBOLS
            and word != vocabulary.eos
            and (word not in vocabulary or after == vocabulary.eos)
        }
        if foreign:
            raise NotRun(
                f"the context {self.path} has {words_listed(sorted(foreign))}, but the model ends "
                f"sentences with {vocabulary.eos}, which is added to each line; take them out"
            )
        return words

    def _known(self, vocabulary: Vocabulary) -> tuple[int, int]:
        """Return how many words the context has, symbols of ends apart, and how many are known."""
        words = read_context_words(self.path, self.case, ablated=True, eos=vocabulary.eos)
        content = [word for word in words if word not in (*_SYMBOLS, vocabulary.eos)]
        return len(content), sum(word in vocabulary for word in content)

    def ids(self, vocabulary: Vocabulary, ablated: bool) -> list[int]:
        """Return the vocabulary rows of `words`, and say in the log if there are none."""
        words = self.words(vocabulary, ablated)
        if not words:
            content, n_known = self._known(vocabulary)
            log.warning(
                "items are read without a context: the model knows %d of the %d words of %s",
                n_known,
                content,
                self.path,
            )
        return vocabulary.ids(words)

    def unknown_words(self, vocabulary: Vocabulary) -> list[str]:
        """Return the words, as the intact or an ablated model gets them, that it does not know."""
        words = {word for ablated in (False, True) for word in self.words(vocabulary, ablated)}
        return sorted(word for word in words if word not in vocabulary)

    def metadata(self, vocabulary: Vocabulary) -> dict[str, str]:
        """Return what a file that depends on the context records; no hash where none is read."""
        sha256 = sha256_file(self.path) if self.words(vocabulary, ablated=True) else ""
        return {"context_sha256": sha256, "context_case": self.case}


def intact_states(model: LanguageModel, context: Context) -> States:
    """Return the state of the intact model after the context, one row."""
    words = context.ids(model.vocabulary, ablated=False)
    return read_context(model, Interventions("zero", ((),)), words)


@contextmanager
def loaded_model(checkpoint: str | Path, compute: Compute) -> Iterator[LanguageModel]:
    """Load a converted checkpoint onto the device, alone on it if it is a GPU.

    Parameters
    ----------
    checkpoint : str or Path
        Folder of a converted checkpoint, or its file of weights.
    compute : Compute

    Yields
    ------
    LanguageModel
        The GPU is leased until the block ends, unless ``compute.device`` gives its number.

    Raises
    ------
    CheckpointError
        If the checkpoint cannot be loaded.
    ConfigurationError
        If there is no such device.
    UserError
        If no GPU can be leased, or its memory is full.
    """
    torch.set_num_threads(compute.threads)
    exact_matrix_products()
    with job_device(compute.device) as device, memory_errors(device):
        yield load_language_model(checkpoint, PRECISIONS[compute.precision], device)


def sweep_size(compute: Compute, device: torch.device) -> SweepSize:
    """Return how much to compute at a time: a GPU wants larger products, and no tiles.

    On a GPU that others use too, what is free now need not be free later; the sweep goes on with
    less then.
    """
    if device.type == "cuda":
        if compute.gpu_memory is None:
            memory = _GPU_SHARE * free_memory(device)
        else:
            memory = compute.gpu_memory * 2**30
        return SweepSize(memory=memory, rows=65536, tile_rows=65536)
    return SweepSize(memory=compute.memory * 2**30)


@dataclass(frozen=True)
class Group:
    """The items of a group of tasks end to end, tasks in alphabetical order."""

    items: Items
    task: np.ndarray  # index into `names`
    names: tuple[str, ...]
    number: np.ndarray  # of the item within its task
    condition: list[str]
    sha256: str


def group_items(stimuli: Mapping[str, pa.Table], vocabulary: Vocabulary) -> Group:
    """Put the items of a group of tasks together.

    Parameters
    ----------
    stimuli : mapping of str to pyarrow.Table
        By task.
    vocabulary : Vocabulary
        The words of the model.

    Raises
    ------
    UserError
        If a verb form is not in `vocabulary`.
    """
    names = tuple(sorted(stimuli))
    tables = {name: stimuli[name] for name in names}
    require_known_forms(tables, vocabulary)
    scored = [scored_items(tables[name]) for name in names]
    return Group(
        items=Items(
            tuple(tuple(vocabulary.ids(prefix)) for s in scored for prefix in s.prefixes),
            np.concatenate([vocabulary.ids(s.correct) for s in scored]),
            np.concatenate([vocabulary.ids(s.wrong) for s in scored]),
        ),
        task=np.repeat(np.arange(len(names)), [len(s.item) for s in scored]),
        names=names,
        number=np.concatenate([s.item for s in scored]),
        condition=[c for s in scored for c in s.condition],
        sha256=scored_sha256(tables),
    )


def model_metadata(kind: str, model: LanguageModel, group: Group, **config: Any) -> dict[str, Any]:
    """Return the metadata of a result made from a model and a group of tasks.

    Parameters
    ----------
    kind : str
        What the result is, such as ``"intact"``.
    model : LanguageModel
    group : Group
    **config
        What else it depends on, recorded beside the precision.
    """
    return make_metadata(
        kind=kind,
        config={"precision": model.precision, **config},
        checkpoint_sha256=model.sha256,
        stimuli_sha256=group.sha256,
    )
