"""Activations and decoding for use from Python."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from lstm_units.activations.dump import dump_activations as write_dump
from lstm_units.activations.dump import sentences_of, tokens_sha256
from lstm_units.activations.reader import ActivationDump, open_activations
from lstm_units.analyses.decoding import over_time as decoding
from lstm_units.analyses.decoding.cross_validation import draw_splits, tied_nouns
from lstm_units.analyses.decoding.generalisation import Classifier
from lstm_units.api.checks import (
    compute_within,
    first_double,
    names_list,
    number,
    whole_number,
    whole_numbers,
)
from lstm_units.api.files import check_dump_folder
from lstm_units.api.models import context_from
from lstm_units.api.stimuli import stimuli_table
from lstm_units.config.analysis_plan import SPLIT_KINDS
from lstm_units.errors import ConfigurationError, UserError
from lstm_units.interventions.model_inputs import Context
from lstm_units.models.language_model import LanguageModel
from lstm_units.models.variables import VARIABLES
from lstm_units.stimuli.aligned_items import align_items
from lstm_units.stimuli.table import scored_sha256


def dump_activations(
    model: LanguageModel,
    stimuli: pd.DataFrame,
    folder: str | Path,
    *,
    variables: Sequence[str] = VARIABLES,
    layers: str | Sequence[int] = "all",
    float_type: str | None = None,
    context: str | Path | Context | None = None,
    memory: float | None = None,
) -> ActivationDump:
    """Write the activations of the intact model on complete sentences into a folder.

    Parameters
    ----------
    model : LanguageModel
    stimuli : DataFrame
        Of one task. Words that the model does not know are read as its unknown word, but verb
        forms that it does not know are refused (`known_items` leaves such items out).
    folder : path
        Its name names the task, such as ``activations/nounpp``. An earlier dump there is replaced,
        if the folder holds nothing else.
    variables : sequence of str
        Of hidden, cell, input_gate, forget_gate, output_gate, candidate.
    layers : "all" or sequence of int
        A list, range or array. Counted from 1.
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
        If the folder holds anything that is not of a dump, or cannot be written; as in `score`.

    Examples
    --------
    >>> import tempfile
    >>> import lstm_units
    >>> model = lstm_units.load_checkpoint("models/wikipedia650")
    >>> stimuli = lstm_units.make_stimuli("nounpp", items_per_condition=5, seed=1)
    >>> folder = tempfile.mkdtemp() + "/nounpp"
    >>> dump = lstm_units.dump_activations(model, stimuli, folder, variables=["cell"], layers=[2])
    >>> dump.read("cell", units=[651, 652], condition="SP", positions=range(6)).shape
    (5, 6, 2)
    """
    folder = Path(folder)
    if not re.fullmatch(r"\w[\w.-]*", folder.name):
        raise UserError(
            f"the folder is called {folder.name!r}, but its name names the task; expected letters, "
            "digits, _, - and ."
        )
    variables = names_list(variables, "variables", '["cell"]')
    if not (isinstance(layers, str) and layers == "all"):
        layers = whole_numbers(layers, "layers", "[2]")
    check_dump_folder(folder)
    write_dump(
        model,
        sentences_of(stimuli_table(stimuli, folder.name), folder.name, model.vocabulary),
        context_from(context),
        folder,
        variables=variables,
        layers=layers,
        float_type=model.precision if float_type is None else float_type,
        memory=compute_within(memory).memory,
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
    cross_validation: str = "grouped",
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
        The stimuli that were dumped, words after the verb included.
    seed : int
        Of the splits and of the solver; 0 to 2**32 - 1.
    features : mapping of str to sequence of int, optional
        Sets of units to decode from, by names of your choice, each a list, range or array of
        distinct units; by default ``all``: every unit of the dump.
    variable : str
    label : str
        ``subject_number``, ``attractor_number`` (the first), ``attractor_2_number``, ...
    conditions : {"incongruent", "all"} or sequence of str
        ``incongruent``: items with an attractor of another number than the subject's.
    cross_validation : {"grouped", "random"}
        Whether lemmas are held out, or items whatever their words (as in the paper).
    splits, test_fraction
        Number of cross-validation splits (1 or more), and what part of the lemmas or items is
        tested (between 0 and 1).
    C, tolerance, max_iterations
        Of the classifier, all above 0.

    Returns
    -------
    DataFrame
        ``features, reference, replicate, split, train_position, test_position, n_units, auc,
        converged``; reference is ``none`` and replicate 0, as in the files of the workflow.

    Raises
    ------
    ConfigurationError
        If a variable, unit, label or condition does not exist, an option is out of its range, or
        too few items or lemmas are left.
    UserError
        If the dump was made from other stimuli: other words, also after the verb, or other forms.

    Examples
    --------
    >>> import tempfile
    >>> import lstm_units
    >>> model = lstm_units.load_checkpoint("models/wikipedia650")
    >>> stimuli = lstm_units.make_stimuli("nounpp", items_per_condition=20, seed=1)
    >>> folder = tempfile.mkdtemp() + "/nounpp"
    >>> dump = lstm_units.dump_activations(model, stimuli, folder, variables=["cell"], layers=[2])
    >>> table = lstm_units.decode(dump, stimuli, seed=1, splits=2)
    >>> table.groupby(["train_position", "test_position"])["auc"].mean().unstack().shape
    (7, 7)
    """
    if not isinstance(dump, ActivationDump):
        raise UserError(
            f"the dump is a {type(dump).__name__}; expected what dump_activations and "
            "open_activations return"
        )
    seed = whole_number(seed, "seed", 0, 2**32 - 1)
    splits = whole_number(splits, "splits", 1)
    max_iterations = whole_number(max_iterations, "max_iterations", 1)
    between = ("a number between 0 and 1, such as 0.2", lambda part: 0 < part < 1)
    test_fraction = number(test_fraction, "test_fraction", *between)
    C = number(C, "C", "a number above 0", lambda value: value > 0)
    tolerance = number(tolerance, "tolerance", "a number above 0", lambda value: value > 0)
    conditions = _check_conditions(conditions)
    for name, value in (("variable", variable), ("label", label)):
        if not isinstance(value, str):
            raise ConfigurationError(f"{name} is {value!r}; expected a name")
    if variable not in dump.variables:
        raise ConfigurationError(
            f"{dump.folder} holds {', '.join(dump.variables)}, but not {variable!r}; dump that "
            "too, or choose another variable"
        )
    if cross_validation not in SPLIT_KINDS:
        raise ConfigurationError(
            f"cross_validation is {cross_validation!r}; expected one of {', '.join(SPLIT_KINDS)}"
        )
    features = _check_features(features, dump)
    table = stimuli_table(stimuli, dump.task)
    _check_same_stimuli(dump, table)
    items = align_items(table, dump.task).select(conditions)
    singular = items.label(label)
    if singular.all() or not singular.any():
        raise ConfigurationError(
            f"nothing to decode: all {len(singular)} items have the same {label}; choose another "
            "label, or conditions with both numbers"
        )
    nouns = tied_nouns(items, label) if cross_validation == "grouped" else []
    drawn = draw_splits(
        cross_validation,
        singular,
        {noun: items.lemma(noun) for noun in nouns},
        splits=splits,
        test_fraction=test_fraction,
        seed=seed,
    )
    decoding.warn_of_agreeing_attractors(items, conditions)
    classifier = Classifier(C, tolerance, max_iterations, seed)
    analysis = decoding.Decoding(items, variable, label, drawn, classifier)
    return decoding.decode(analysis, dump, features)


def _check_conditions(conditions: Any) -> str | list[str]:
    if isinstance(conditions, str) and conditions in ("incongruent", "all"):
        return conditions
    return names_list(conditions, "conditions", '["SP", "PS"], or one of "incongruent" and "all"')


def _check_features(features: Any, dump: ActivationDump) -> dict[str, list[int]]:
    """Return lists of units that the dump holds."""
    if features is None:
        return {"all": dump.units()}
    if not isinstance(features, Mapping) or not features:
        raise ConfigurationError(
            f"features is {features!r}; expected sets of units by names of your choice, such as "
            '{"unit 776": [776]}'
        )
    known = set(dump.units())
    checked = {}
    for name, units in features.items():
        if not isinstance(name, str):
            raise ConfigurationError(f"features has the key {name!r}; expected a name")
        what = f"features[{name!r}]"
        chosen = whole_numbers(units, what, "[776]")
        double = first_double(chosen)
        if not chosen or double is not None:
            found = "is empty" if double is None else f"names unit {double} twice"
            raise ConfigurationError(f"{what} {found}; expected one or more distinct units")
        last = sum(dump.model_layer_sizes)
        missing = [unit for unit in chosen if unit not in known]
        if missing and not 1 <= missing[0] <= last:
            raise ConfigurationError(
                f"{what}: unit {missing[0]} does not exist: the model's units are numbered 1 to "
                f"{last}"
            )
        if missing:
            raise ConfigurationError(
                f"{what}: {dump.folder} does not hold unit {missing[0]}, only those of layers "
                f"{', '.join(map(str, dump.layers))}; dump its layer too, or leave it out"
            )
        checked[name] = chosen
    return checked


def _check_same_stimuli(dump: ActivationDump, table: pa.Table) -> None:
    """Refuse other items, words or forms than those of the dump."""
    sentences = tokens_sha256(table["item"].to_pylist(), table["tokens"].to_pylist())
    found = {"stimuli_sha256": scored_sha256({dump.task: table}), "tokens_sha256": sentences}
    for key, value in found.items():
        if dump.metadata.get(key, value) != value:
            raise UserError(
                f"{dump.folder} was made from other stimuli than those given; dump the activations "
                "of these, or give those"
            )
