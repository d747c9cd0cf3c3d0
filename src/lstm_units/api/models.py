"""Models and their scores for use from Python: what the workflow does, without its files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from lstm_units.api.checks import (
    compute_within,
    device_name,
    names_list,
    statistics_options,
)
from lstm_units.api.files import check_conversion
from lstm_units.api.scores import ALONE, ITEMS, check_scores, item_hashes, score_results
from lstm_units.api.stimuli import language_folder, stimuli_table
from lstm_units.errors import CheckpointError, StimuliError
from lstm_units.interventions.intact import intact_scores
from lstm_units.interventions.model_inputs import PRECISIONS, Context, group_items
from lstm_units.models.checkpoints import (
    CheckpointSource,
    convert_checkpoint,
    convert_in_memory,
    load_language_model,
)
from lstm_units.models.language_model import LanguageModel
from lstm_units.runtime.devices import choose_device, exact_matrix_products
from lstm_units.statistics.agreement import intact_table

if TYPE_CHECKING:
    import torch

STAND_INS = ("model.RNNModel",)


def load_checkpoint(
    path: str | Path,
    vocabulary: str | Path | None = None,
    *,
    format: str = "auto",
    stand_ins: Sequence[str] = ("model.RNNModel",),
    unk: str = "<unk>",
    eos: str = "<eos>",
    part: str | None = None,
    embedding: str | None = None,
    decoder: str | None = None,
    layers: Sequence[str] | None = None,
    padding_rows: Literal["end"] | Sequence[int] | None = None,
    converted: str | Path | None = None,
    device: "str | torch.device" = "cpu",
    dtype: str = "float32",
) -> LanguageModel:
    """Load a language model.

    A pickle is read without running it; a checkpoint of another kind is converted first, and its
    log-probabilities are compared with those of ``torch.nn.LSTM``.

    Parameters
    ----------
    path : path
        A converted checkpoint (a folder with ``model.json``), or any that can be converted: a
        pickled module, a state dict, a safetensors file. With a converted checkpoint, the options
        from `vocabulary` to `converted` would have no effect and are refused.
    vocabulary : path, optional
        One word a line, in the order of the embedding rows; by default ``vocab.txt`` beside the
        weights. A converted checkpoint has its own.
    format : {"auto", "pickled_module", "state_dict", "safetensors"}
    stand_ins : sequence of str
        Classes that a pickle may hold besides those of torch.nn.
    unk, eos : str
        The words that stand for unknown words and for the end of a sentence.
    part : str, optional
        Where in the file the network is, such as ``model.student``: keys, places in lists and names
        of modules, joined by dots.
    embedding, decoder : str, optional
        Their matrices, or the modules that have them, where they are not found.
    layers : sequence of str, optional
        The recurrent modules, the lowest first.
    padding_rows : "end" or sequence of int, optional
        Rows of embedding and decoder that belong to no word, counted from 1, and are left out;
        ``end`` for all after the last word.
    converted : path, optional
        Folder that keeps the converted checkpoint, so that it need not be converted again. An
        earlier converted checkpoint there is replaced; other files of the same names are not.
    device : str or torch.device
        ``cpu``, ``cuda``, ``cuda:N`` or ``auto``.
    dtype : {"float32", "float64"}

    Returns
    -------
    LanguageModel

    Raises
    ------
    CheckpointError
        If a file is missing, damaged or of another kind, the vocabulary does not fit, an option has
        no effect, or a file that is not ours would be overwritten.
    ConfigurationError
        If there is no such device.

    Examples
    --------
    >>> import lstm_units
    >>> model = lstm_units.load_checkpoint("models/wikipedia650")
    >>> model.layer_sizes, len(model.vocabulary)
    ((650, 650), 24000)
    """
    path = Path(path)
    if not isinstance(dtype, str) or dtype not in PRECISIONS:
        raise CheckpointError(f"dtype is {dtype!r}; expected one of {', '.join(PRECISIONS)}")
    if not path.exists():
        raise CheckpointError(
            f"there is no checkpoint {path}; give the folder of a converted checkpoint, or a file "
            "of weights and its vocabulary"
        )
    exact_matrix_products()
    load = {"dtype": PRECISIONS[dtype], "device": choose_device(device_name(device))}
    stand_ins = tuple(names_list(stand_ins, "stand_ins", '["model.RNNModel"]')) if stand_ins else ()
    named = {
        "part": part,
        "embedding": embedding,
        "decoder": decoder,
        "layers": None if layers is None else tuple(names_list(layers, "layers", '["lstm"]')),
        "padding_rows": _padding_rows(padding_rows),
    }
    if (path / "model.json").is_file():
        if vocabulary is not None:
            raise CheckpointError(
                f"{path} is a converted checkpoint with a vocabulary of its own; leave "
                f"{vocabulary} out"
            )
        given = {
            "format": format != "auto",
            "stand_ins": stand_ins != STAND_INS,
            "unk": unk != "<unk>",
            "eos": eos != "<eos>",
            **{name: value is not None for name, value in named.items()},
            "converted": converted is not None,
        }
        if any(given.values()):
            names = [name for name, is_given in given.items() if is_given]
            raise CheckpointError(
                f"{path} is converted already, so {', '.join(names)} would have no effect; leave "
                "that out, or give the checkpoint that it was converted from"
            )
        return load_language_model(path, **load)
    words = None if vocabulary is None else Path(vocabulary)
    source = CheckpointSource(path, words, format, stand_ins, unk, eos, **named)
    if converted is not None:
        check_conversion(source.weights_file, source.vocabulary_file, Path(converted))
        convert_checkpoint(source, converted)
        return load_language_model(converted, **load)
    return convert_in_memory(source, **load)


def _padding_rows(rows: Any) -> Literal["end"] | tuple[int, ...] | None:
    if rows is None or rows == "end":
        return rows
    counted = isinstance(rows, Sequence) and not isinstance(rows, str)
    if not counted or not all(type(row) is int and row > 0 for row in rows):
        raise CheckpointError(f"padding_rows is {rows!r}; expected 'end' or a list of rows from 1")
    return tuple(rows)


def score(
    model: LanguageModel,
    stimuli: pd.DataFrame,
    *,
    context: str | Path | Context | None = None,
    memory: float | None = None,
) -> pd.DataFrame:
    """Score items with the intact model.

    Words before the verb that the model does not know are read as its unknown word, without a
    warning: ``word in model.vocabulary`` tells whether it knows a word.

    Parameters
    ----------
    model : LanguageModel
    stimuli : DataFrame
        From `make_stimuli` or `read_stimuli`.
    context : path or Context, optional
        Sentences read before each item: a text file, or a `Context` to choose the case too. By
        default the five sentences that come with the English stimuli, or none, with a warning, if
        the model knows less than half of their words.
    memory : float, optional
        GiB to use beyond the model, above 0; by default 1 on a CPU, and nine tenths of what is
        free on a GPU.

    Returns
    -------
    DataFrame
        ``item, condition, margin, logp_correct, logp_wrong, right``. The margin is log p(correct) -
        log p(wrong) after the words before the verb, in nats, stored as float32 whatever the type
        of the model. An item is right iff its margin is above 0; a tie is wrong (Lakretz et al.
        2019, Section 3). ``attrs`` holds a hash of each item's words and forms, by which
        `ablation_accuracy` knows whether margins are of the same stimuli.

    Raises
    ------
    UserError
        If the model lacks a verb form (`known_items` leaves such items out), the file of the
        context is missing or foreign to the model, or `memory` is no number above 0.

    Examples
    --------
    >>> import lstm_units
    >>> model = lstm_units.load_checkpoint("models/wikipedia650")
    >>> stimuli = lstm_units.make_stimuli("simple", items_per_condition=2, seed=1)
    >>> scores = lstm_units.score(model, stimuli)
    >>> scores[["item", "condition", "right"]]
       item condition  right
    0     0         S   True
    1     1         S   True
    2     2         P   True
    3     3         P   True
    """
    table = stimuli_table(stimuli)
    group = group_items({ALONE: table}, model.vocabulary)
    scores = intact_scores(model, group, context_from(context), compute_within(memory)).frame
    scores["condition"] = scores["condition"].astype(str)
    scores.attrs[ITEMS] = item_hashes(table)
    return scores


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
        Level of Wilson's interval, between 0 and 1.
    near_tie : float
        Items with a smaller absolute margin are counted in ``n_near_ties``, in nats.

    Returns
    -------
    DataFrame
        ``condition, n, accuracy, ci_low, ci_high, n_near_ties``; for several tasks, ``task`` first.

    Raises
    ------
    UserError
        If there are no scores, an item stands there twice, a margin is not a number, or an option
        is out of its range.

    Examples
    --------
    >>> import lstm_units
    >>> model = lstm_units.load_checkpoint("models/wikipedia650")
    >>> stimuli = lstm_units.make_stimuli("nounpp", items_per_condition=30, seed=1)
    >>> lstm_units.accuracy(lstm_units.score(model, stimuli)).round(2)
      condition   n  accuracy  ci_low  ci_high  n_near_ties
    0        SS  30      1.00    0.89     1.00            0
    1        SP  30      0.67    0.49     0.81            0
    2        PS  30      0.87    0.70     0.95            0
    3        PP  30      1.00    0.89     1.00            0
    """
    confidence, near_tie = statistics_options(confidence, near_tie)
    by_task = scores if isinstance(scores, Mapping) else {ALONE: scores}
    scored = score_results(check_scores(by_task))
    table = intact_table(scored, confidence=confidence, near_tie=near_tie).drop(columns="right")
    for name in ("task", "condition"):
        table[name] = table[name].astype(str)
    return table if isinstance(scores, Mapping) else table.drop(columns="task")


def context_from(context: str | Path | Context | None) -> Context:
    """Return the context to read; for None the shipped English one, for models that know it.

    Raises
    ------
    StimuliError
        If there is no such file.
    """
    if context is None:
        context = Context(str(language_folder("english") / "context.txt"), optional=True)
    if isinstance(context, str | Path):
        context = Context(str(context))
    if not isinstance(context, Context):
        raise StimuliError(f"context is {context!r}; expected the path of a text file or a Context")
    if not Path(context.path).is_file():
        raise StimuliError(f"there is no context {context.path}; give the path of a text file")
    return context
