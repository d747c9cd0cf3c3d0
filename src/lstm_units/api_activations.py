"""Activations and decoding for use from Python."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from lstm_units import decoding
from lstm_units.activation_layout import INDEX, VARIABLES
from lstm_units.activations import ActivationDump, open_activations
from lstm_units.aligned_items import align_items
from lstm_units.api import context_from
from lstm_units.api_stimuli import stimuli_files, stimuli_table
from lstm_units.errors import ConfigurationError, UserError
from lstm_units.generalisation import Classifier
from lstm_units.hold_outs import hold_outs, tied_nouns
from lstm_units.language_model import LanguageModel
from lstm_units.model_inputs import PRECISIONS, Compute, Context
from lstm_units.steps_activations import compute_in, write_model_activations
from lstm_units.steps_decoding import warn_of_agreeing_attractors
from lstm_units.stimuli import scored_sha256


def dump_activations(
    model: LanguageModel,
    stimuli: pd.DataFrame,
    folder: str | Path,
    *,
    variables: Sequence[str] = VARIABLES,
    layers: str | Sequence[int] = "all",
    float_type: str | None = None,
    context: str | Path | Context | None = None,
    memory: float = 1.0,
) -> ActivationDump:
    """Write the activations of the intact model on complete sentences into a folder.

    Parameters
    ----------
    model : LanguageModel
    stimuli : DataFrame
        Of one task. Words that the model does not know are read as its unknown word.
    folder : path
        Its name names the task, such as ``activations/nounpp``. An earlier dump there is replaced.
    variables : sequence of str
        Of hidden, cell, input_gate, forget_gate, output_gate, candidate.
    layers : "all" or sequence of int
        Counted from 1.
    float_type : {"float16", "float32", "float64"}, optional
        How values are stored; by default the precision of the model. float64 needs a model in
        float64, the others one in float32.
    context, memory
        As in `score`.

    Returns
    -------
    ActivationDump
        Reads chosen units, items and positions from the folder.

    Raises
    ------
    ConfigurationError
        If the model has no such layer, or a variable or float type is unknown or does not fit.
    UserError
        If the folder holds something else than a dump, or cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> import lstm_units
    >>> model = lstm_units.load_checkpoint("models/wiki650")
    >>> stimuli = lstm_units.make_stimuli("nounpp", items_per_condition=5, seed=1)
    >>> folder = tempfile.mkdtemp() + "/nounpp"
    >>> dump = lstm_units.dump_activations(model, stimuli, folder, variables=["cell"], layers=[2])
    >>> dump.read("cell", units=[651, 652], condition="SP", positions=range(6)).shape
    (5, 6, 2)
    """
    folder = Path(folder)
    own = {precision: name for name, precision in PRECISIONS.items()}[model.dtype]
    chosen = own if float_type is None else float_type
    compute = compute_in(Compute(memory=memory, device=str(model.device)), chosen)
    if compute.precision != own:
        raise ConfigurationError(
            f"float_type is {chosen!r}, but the model computes in {own}; load it with "
            f'dtype="{compute.precision}"'
        )
    if folder.exists() and not (folder / INDEX).is_file() and _in_use(folder):
        raise UserError(
            f"{folder} exists and holds no activations; give a folder that does not exist, since "
            "what is there would be replaced"
        )
    with stimuli_files({folder.name: stimuli}) as paths:
        write_model_activations(
            *(model, paths[folder.name], context_from(context), compute),
            *(variables, layers, chosen, folder),
        )
    return open_activations(folder)


def decode(
    dump: ActivationDump,
    stimuli: pd.DataFrame,
    *,
    seed: int,
    features: Mapping[str, Sequence[int]] | None = None,
    variable: str = "cell",
    label: str = "subject_number",
    conditions: str | Sequence[str] = "incongruent",
    hold_out: str = "grouped",
    splits: int = 5,
    test_fraction: float = 0.2,
    C: float = 1.0,
    tolerance: float = 1e-5,
    max_iterations: int = 10_000,
) -> pd.DataFrame:
    """Decode a noun's number at every word with classifiers trained at every word.

    A linear support vector machine is trained at one position and tested at all (Lakretz et al.
    2019, Section 4.2; King and Dehaene 2014). An AUC near 0 is a code that has swapped, not one
    that is lost. The reference curves of the workflow (permuted labels, untrained networks) are not
    computed here.

    Parameters
    ----------
    dump : ActivationDump
        From `dump_activations` or `open_activations`.
    stimuli : DataFrame
        The stimuli that were dumped.
    seed : int
        Of the hold-outs and of the solver.
    features : mapping of str to sequence of int, optional
        Sets of units to decode from, by names of your choice; by default ``all``: every unit of the
        dump.
    variable : str
    label : str
        ``subject_number``, ``attractor_number`` (the first), ``attractor_2_number``, ...
    conditions : {"incongruent", "all"} or sequence of str
        ``incongruent``: items with an attractor of another number than the subject's.
    hold_out : {"grouped", "random"}
        Whether lemmas are held out, or items whatever their words (as in the paper).
    splits, test_fraction
        Number of hold-outs, and what part of the lemmas or items is tested.
    C, tolerance, max_iterations
        Of the classifier, see `lstm_units.generalisation.Classifier`.

    Returns
    -------
    DataFrame
        ``features, reference, replicate, split, train_position, test_position, n_units, auc,
        converged``; reference is ``none`` and replicate 0, as in the files of the workflow.

    Raises
    ------
    ConfigurationError
        If a variable, unit, label or condition does not exist, or too few items or lemmas are left.
    UserError
        If the dump was made from other stimuli.

    Examples
    --------
    >>> import tempfile
    >>> import lstm_units
    >>> model = lstm_units.load_checkpoint("models/wiki650")
    >>> stimuli = lstm_units.make_stimuli("nounpp", items_per_condition=20, seed=1)
    >>> folder = tempfile.mkdtemp() + "/nounpp"
    >>> dump = lstm_units.dump_activations(model, stimuli, folder, variables=["cell"], layers=[2])
    >>> table = lstm_units.decode(dump, stimuli, seed=1, splits=2)
    >>> table.groupby(["train_position", "test_position"])["auc"].mean().unstack().shape
    (7, 7)
    """
    table = stimuli_table(stimuli, dump.task)
    if scored_sha256({dump.task: table}) != dump.metadata["stimuli_sha256"]:
        raise UserError(
            f"{dump.folder} was made from other stimuli than those given; dump the activations of "
            "these, or give those"
        )
    items = align_items(table, dump.task).select(conditions)
    number = items.label(label)
    nouns = tied_nouns(items, label) if hold_out == "grouped" else []
    drawn = hold_outs(
        hold_out,
        number,
        {noun: items.lemma(noun) for noun in nouns},
        splits=splits,
        test_fraction=test_fraction,
        seed=seed,
    )
    warn_of_agreeing_attractors(items, conditions)
    classifier = Classifier(C, tolerance, max_iterations, seed)
    analysis = decoding.Decoding(items, variable, label, drawn, classifier)
    return decoding.decode(analysis, dump, features or {"all": dump.units()})


def _in_use(folder: Path) -> bool:
    return not folder.is_dir() or any(folder.iterdir())
