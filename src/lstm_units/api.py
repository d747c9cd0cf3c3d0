"""Models and their scores for use from Python: what the workflow does, without its files.

Every function is a front of those that the workflow runs. Where these read files, the tables are
written into a folder that is removed afterwards.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pyarrow as pa

from lstm_units.agreement import intact_table
from lstm_units.api_stimuli import language_folder, stimuli_files
from lstm_units.checkpoints import CheckpointSource, convert_checkpoint, load_language_model
from lstm_units.context_states import States, read_context
from lstm_units.devices import choose_device, exact_matrix_products
from lstm_units.errors import CheckpointError, UserError
from lstm_units.files import make_metadata, write_parquet
from lstm_units.intact import score_intact
from lstm_units.interventions import Interventions
from lstm_units.language_model import LanguageModel
from lstm_units.margins import read_columns
from lstm_units.model_inputs import PRECISIONS, Compute, Context, Group, read_group, sweep_size

_SCORES = ["item", "condition", "margin"]


def load_checkpoint(
    path: str | Path,
    vocabulary: str | Path | None = None,
    *,
    format: str = "auto",
    stand_ins: Sequence[str] = ("model.RNNModel",),
    unk: str = "<unk>",
    eos: str = "<eos>",
    converted: str | Path | None = None,
    device: str = "cpu",
    dtype: str = "float32",
) -> LanguageModel:
    """Load a language model.

    A pickle is read without running it; a checkpoint of another kind is converted first, and its
    log-probabilities are compared with those of ``torch.nn.LSTM``.

    Parameters
    ----------
    path : path
        A converted checkpoint (a folder with ``model.json``), or any that can be converted: a
        pickled module, a state dict, a safetensors file.
    vocabulary : path, optional
        One word a line, in the order of the embedding rows; by default ``vocab.txt`` beside the
        weights. A converted checkpoint has its own.
    format : {"auto", "pickled_module", "state_dict", "safetensors"}
    stand_ins : sequence of str
        Classes that a pickle may hold besides those of torch.nn.
    unk, eos : str
        The words that stand for unknown words and for the end of a sentence.
    converted : path, optional
        Folder that keeps the converted checkpoint, so that it need not be converted again.
    device : str
        ``cpu``, ``cuda``, ``cuda:N`` or ``auto``.
    dtype : {"float32", "float64"}

    Returns
    -------
    LanguageModel

    Raises
    ------
    CheckpointError
        If a file is missing, damaged or of another kind, or the vocabulary does not fit.
    ConfigurationError
        If there is no such device.

    Examples
    --------
    >>> import lstm_units
    >>> model = lstm_units.load_checkpoint("models/wiki650")
    >>> model.layer_sizes, len(model.vocabulary)
    ((650, 650), 24000)
    """
    path = Path(path)
    if dtype not in PRECISIONS:
        raise CheckpointError(f"dtype is {dtype!r}; expected one of {', '.join(PRECISIONS)}")
    if not path.exists():
        raise CheckpointError(
            f"there is no checkpoint {path}; give the folder of a converted checkpoint, or a file "
            "of weights and its vocabulary"
        )
    exact_matrix_products()
    load = {"dtype": PRECISIONS[dtype], "device": choose_device(device)}
    if (path / "model.json").is_file():
        if vocabulary is not None:
            raise CheckpointError(
                f"{path} is a converted checkpoint with a vocabulary of its own; leave "
                f"{vocabulary} out"
            )
        return load_language_model(path, **load)
    source = CheckpointSource(
        path, None if vocabulary is None else Path(vocabulary), format, tuple(stand_ins), unk, eos
    )
    if not source.vocabulary_file.is_file():
        raise CheckpointError(
            f"there is no vocabulary {source.vocabulary_file}; give the file that lists the words "
            f"of {path}, one a line in the order of the embedding rows"
        )
    if converted is not None:
        convert_checkpoint(source, converted)
        return load_language_model(converted, **load)
    with TemporaryDirectory() as folder:
        convert_checkpoint(source, folder)
        return load_language_model(folder, **load)


def score(
    model: LanguageModel,
    stimuli: pd.DataFrame,
    *,
    context: str | Path | Context | None = None,
    memory: float = 1.0,
) -> pd.DataFrame:
    """Score items with the intact model.

    Parameters
    ----------
    model : LanguageModel
    stimuli : DataFrame
        From `make_stimuli` or `read_stimuli`.
    context : path or Context, optional
        Sentences read before each item: a text file, or a `Context` to choose the case too. By
        default the five sentences that come with the English stimuli.
    memory : float
        GiB to use beyond the model.

    Returns
    -------
    DataFrame
        ``item, condition, margin, logp_correct, logp_wrong, right``. The margin is log p(correct) -
        log p(wrong) after the words before the verb, in nats. An item is right iff its margin is
        above 0; a tie is wrong (Lakretz et al. 2019, Section 3).

    Raises
    ------
    UserError
        If the model lacks a verb form (`known_items` leaves such items out), or a file of the
        context is missing.

    Examples
    --------
    >>> import lstm_units
    >>> model = lstm_units.load_checkpoint("models/wiki650")
    >>> stimuli = lstm_units.make_stimuli("simple", items_per_condition=2, seed=1)
    >>> scores = lstm_units.score(model, stimuli)
    >>> scores[["item", "condition", "right"]]
       item condition  right
    0     0         S   True
    1     1         S   True
    2     2         P  False
    3     3         P   True
    """
    context = context_from(context)
    with stimuli_files({"stimuli": stimuli}) as paths:
        group = read_items(paths, model)
    states = intact_states(model, context)
    size = sweep_size(Compute(memory=memory), model.device)
    scores = score_intact(model, group.items, states, size)
    return pd.DataFrame(
        {
            "item": group.number.astype(np.int32),
            "condition": group.condition,
            "margin": scores.margin.astype(np.float32),
            "logp_correct": scores.logp_correct.astype(np.float32),
            "logp_wrong": scores.logp_wrong.astype(np.float32),
            "right": scores.margin > 0,
        }
    )


def accuracy(
    scores: pd.DataFrame | Mapping[str, pd.DataFrame],
    *,
    confidence: float = 0.95,
    near_tie: float = 1e-4,
) -> pd.DataFrame:
    """Accuracy of the intact model in each condition.

    Parameters
    ----------
    scores : DataFrame, or mapping of str to DataFrame
        From `score`; for several tasks, by their names.
    confidence : float
        Level of Wilson's interval.
    near_tie : float
        Items with a smaller absolute margin are counted in ``n_near_ties``, in nats.

    Returns
    -------
    DataFrame
        ``condition, n, accuracy, ci_low, ci_high, n_near_ties``; for several tasks, ``task`` first.

    Raises
    ------
    UserError
        If there are no scores, or one is not a number.

    Examples
    --------
    >>> import lstm_units
    >>> model = lstm_units.load_checkpoint("models/wiki650")
    >>> stimuli = lstm_units.make_stimuli("nounpp", items_per_condition=30, seed=1)
    >>> lstm_units.accuracy(lstm_units.score(model, stimuli)).round(2)
      condition   n  accuracy  ci_low  ci_high  n_near_ties
    0        SS  30      1.00    0.89     1.00            0
    1        SP  30      0.57    0.39     0.73            0
    2        PS  30      0.17    0.07     0.34            0
    3        PP  30      0.73    0.56     0.86            0
    """
    by_task = scores if isinstance(scores, Mapping) else {"stimuli": scores}
    with score_files(by_task) as intact:
        table = intact_table(intact, confidence=confidence, near_tie=near_tie)
    for name in ("task", "condition"):
        table[name] = table[name].astype(str)
    return table if isinstance(scores, Mapping) else table.drop(columns="task")


def context_from(context: str | Path | Context | None) -> Context:
    """Return the context to read: the shipped English one for None."""
    if isinstance(context, Context):
        return context
    if context is None:
        context = language_folder("english") / "context.txt"
    return Context(str(context))


def intact_states(model: LanguageModel, context: Context) -> States:
    """Return the state of the intact model after the context."""
    words = context.ids(model.vocabulary, ablated=False)
    return read_context(model, Interventions("zero", ((),)), words)


def read_items(paths: Mapping[str, Path], model: LanguageModel) -> Group:
    """Read the items of tasks as `lstm_units.model_inputs.read_group` does.

    Raises
    ------
    UserError
        If the model does not know a verb form; it says how to leave such items out.
    """
    for task, path in paths.items():
        forms = read_columns(path, ["correct", "wrong"]).to_pydict()
        unknown = {w for column in forms.values() for w in column if w not in model.vocabulary}
        if unknown:
            raise UserError(
                f"the model does not know the verb forms {', '.join(sorted(unknown)[:10])} of "
                f"{task}; leave these items out with lstm_units.known_items"
            )
    return read_group(paths, model.vocabulary)


@contextmanager
def score_files(scores: Mapping[str, pd.DataFrame]) -> Iterator[dict[str, Path]]:
    """Write scores as files of the intact model into a folder that is removed afterwards.

    Parameters
    ----------
    scores : mapping of str to DataFrame
        From `score`, by task.

    Yields
    ------
    dict of str to Path

    Raises
    ------
    UserError
        If they are no scores.
    """
    with TemporaryDirectory() as folder:
        paths = {}
        for task, frame in scores.items():
            if not isinstance(frame, pd.DataFrame) or not set(_SCORES) <= set(frame.columns):
                raise UserError(
                    f"the scores of {task} are no table with the columns {', '.join(_SCORES)}; "
                    "give what lstm_units.score returns"
                )
            table = pa.Table.from_pandas(frame[_SCORES], preserve_index=False)
            paths[task] = Path(folder) / f"{len(paths)}.parquet"
            write_parquet(table, paths[task], make_metadata(kind="intact"))
        yield paths
