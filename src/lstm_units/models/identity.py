"""Is this the published network? Golden weights and log-probabilities of the 2018 English model.

The model is the English LSTM of Gulordava et al. 2018 (NAACL, "Colorless green recurrent networks
dream hierarchically"), the one that Lakretz et al. 2019 (NAACL) took apart.
"""

import csv
import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from lstm_units.errors import CheckpointError, StimuliError
from lstm_units.io.unit_numbers import layer_and_index
from lstm_units.models.cell import lstm_step_ref
from lstm_units.models.language_model import LanguageModel
from lstm_units.models.variables import GATES

log = logging.getLogger(__name__)

_BATCH = 256
_GOLDEN_COLUMNS = (
    "sentence",
    "subject_number",
    "attractor_number",
    "correct",
    "wrong",
    "logp_correct",
    "logp_wrong",
)


@dataclass(frozen=True)
class _GoldenModel:
    layer_sizes: tuple[int, ...]
    vocabulary_rows: dict[str, int]
    recurrent_weights: tuple[tuple[str, int, int, float], ...]  # gate, unit, from_unit, weight


_GOLDEN_MODELS = {
    # Weights between the long-range units 776 and 988 and the syntax unit 1150 (Lakretz et al.
    # 2019, Section 4.4 and Figure 4, unscaled), read off the published checkpoint.
    "gulordava": _GoldenModel(
        layer_sizes=(650, 650),
        vocabulary_rows={"<eos>": 19, "<unk>": 62},
        recurrent_weights=(
            ("input_gate", 776, 1150, -3.06941867),
            ("input_gate", 988, 1150, -1.00195849),
            ("input_gate", 988, 776, 1.84796286),
            ("forget_gate", 776, 1150, 1.86666167),
            ("forget_gate", 988, 1150, 2.68526793),
            ("forget_gate", 988, 776, 2.30926108),
            ("forget_gate", 776, 988, 1.67384756),
            ("candidate", 988, 776, -3.40009308),
            ("output_gate", 988, 776, -1.6970458),
        ),
    ),
}


def check_identity(
    model: LanguageModel, name: str = "gulordava", tolerance: float = 1e-5
) -> pd.DataFrame:
    """Compare recurrent weights of a model with those of a published one.

    Parameters
    ----------
    name : str
        The published model: ``gulordava``.
    tolerance : float
        Largest absolute difference that still matches. The golden values have eight decimals.

    Returns
    -------
    DataFrame
        One row per weight: ``gate, unit, from_unit`` (1-based), ``expected, found, difference,
        match``.

    Raises
    ------
    CheckpointError
        If no model of that name is known, or the sizes of the layers or the rows of the special
        words are others.
    """
    if name not in _GOLDEN_MODELS:
        raise CheckpointError(
            f"identity {name!r} is unknown; write one of {', '.join(_GOLDEN_MODELS)} or leave "
            "it out"
        )
    golden = _GOLDEN_MODELS[name]
    if model.layer_sizes != golden.layer_sizes:
        raise CheckpointError(
            f"this is not the model {name!r}: its layers have {model.layer_sizes} units, expected "
            f"{golden.layer_sizes}. Check the weights, or leave identity out"
        )
    for word, row in golden.vocabulary_rows.items():
        if model.vocabulary.index.get(word) != row:
            raise CheckpointError(
                f"this is not the vocabulary of the model {name!r}: {word} stands in row "
                f"{model.vocabulary.index.get(word)}, expected {row} (0-based). Check "
                "that file, or leave identity out"
            )
    rows = []
    for gate, unit, from_unit, expected in golden.recurrent_weights:
        layer, index = layer_and_index(model.layer_sizes, unit)
        _, from_index = layer_and_index(model.layer_sizes, from_unit)
        row = GATES.index(gate) * model.layer_sizes[layer] + index
        found = float(model.layers[layer].weight_hh[row, from_index])
        rows.append((gate, unit, from_unit, expected, found))
    table = pd.DataFrame(rows, columns=["gate", "unit", "from_unit", "expected", "found"])
    table["difference"] = table["found"] - table["expected"]
    table["match"] = table["difference"].abs() <= tolerance
    return table


def compare_with_published(
    model: LanguageModel,
    name: str,
    context: Sequence[str] = (),
    golden: str | Path | None = None,
) -> pd.DataFrame:
    """Compare a model with a published network: golden weights, and items if they are given.

    Parameters
    ----------
    name : str
        The published network, see `check_identity`.
    context : sequence of str
        The words read before each golden item.
    golden : path, optional
        Golden items, see `check_golden_log_probabilities`.

    Returns
    -------
    DataFrame
        One row per golden weight, and one that counts the items.

    Raises
    ------
    CheckpointError
        If a weight or an item differs, or a file of the check is missing.
    """
    parts = [check_identity(model, name).assign(check="weight")]
    if golden:
        items = check_golden_log_probabilities(model, context, golden)
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
            "Use the published file, or do not claim that it is that network"
        )
    return table


def check_golden_log_probabilities(
    model: LanguageModel,
    context_tokens: Sequence[str],
    golden_tsv_path: str | Path,
    tolerance: float = 1e-3,
) -> pd.DataFrame:
    """Compare log-probabilities of verb forms with published ones, item by item.

    Parameters
    ----------
    context_tokens : sequence of str
        Read first, in true case, from a zero state; every sentence starts from the state after
        them.
    golden_tsv_path : str or Path
        Columns ``sentence, subject_number, attractor_number, correct, wrong, logp_correct,
        logp_wrong``; a sentence ends with its correct verb form.
    tolerance : float
        Largest absolute difference that still matches.

    Returns
    -------
    DataFrame
        One row per line of the file, its columns with ``logp_correct`` and ``logp_wrong`` renamed
        to ``expected_correct`` and ``expected_wrong``; further ``found_correct, found_wrong``,
        ``difference`` (the larger absolute one of the two forms), ``match``, and ``same_answer``
        (whether the model prefers the form that the published one prefers).

    Raises
    ------
    StimuliError
        If the file is missing or malformed, or a verb form is unknown to the model.
    """
    table = _read_golden(Path(golden_tsv_path), model)
    state = [
        (model.embedding.new_zeros(1, size), model.embedding.new_zeros(1, size))
        for size in model.layer_sizes
    ]
    for word in model.vocabulary.ids(context_tokens):
        _, state = _step(model, torch.tensor([word]), state)

    prefixes = [tuple(model.vocabulary.ids(s.split()[:-1])) for s in table["sentence"]]
    by_length: dict[int, dict[tuple[int, ...], None]] = defaultdict(dict)
    for prefix in prefixes:
        by_length[len(prefix)][prefix] = None
    rows_of: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for row, prefix in enumerate(prefixes):
        rows_of[prefix].append(row)
    forms = torch.tensor(
        [
            [model.vocabulary.index[form] for form in table[column]]
            for column in ("correct", "wrong")
        ]
    )
    found = torch.empty(2, len(table), dtype=torch.float64)
    for same_length in by_length.values():
        distinct = list(same_length)
        for start in range(0, len(distinct), _BATCH):
            batch = distinct[start : start + _BATCH]
            logp = _log_probabilities(model, batch, state)
            for place, prefix in enumerate(batch):
                rows = rows_of[prefix]
                found[:, rows] = logp[place, forms[:, rows]].double().cpu()
    table["found_correct"], table["found_wrong"] = found[0].numpy(), found[1].numpy()
    differences = [table[f"found_{f}"] - table[f"expected_{f}"] for f in ("correct", "wrong")]
    table["difference"] = pd.concat(differences, axis=1).abs().max(axis=1)
    table["match"] = table["difference"] <= tolerance
    table["same_answer"] = (table["found_correct"] > table["found_wrong"]) == (
        table["expected_correct"] > table["expected_wrong"]
    )
    return table


def _read_golden(path: Path, model: LanguageModel) -> pd.DataFrame:
    try:
        table = pd.read_csv(
            path, sep="\t", quoting=csv.QUOTE_NONE, keep_default_na=False, encoding="utf-8"
        )
    except (OSError, ValueError) as error:
        raise StimuliError(f"cannot read the golden log-probabilities {path}: {error}") from error
    if missing := [column for column in _GOLDEN_COLUMNS if column not in table.columns]:
        raise StimuliError(
            f"{path}, line 1: no column {', '.join(missing)}; found {', '.join(table.columns)}"
        )
    for column in ("logp_correct", "logp_wrong"):
        if not pd.api.types.is_float_dtype(table[column]):
            raise StimuliError(f"{path}: column {column} holds something that is not a number")
    for line, (sentence, correct, wrong) in enumerate(
        zip(table["sentence"], table["correct"], table["wrong"], strict=True), start=2
    ):
        if len(words := sentence.split()) < 2 or words[-1] != correct:
            raise StimuliError(
                f"{path}, line {line}: {sentence!r} does not end with its correct form {correct!r}"
            )
        for form in (correct, wrong):
            if form not in model.vocabulary:
                raise StimuliError(
                    f"{path}, line {line}: the verb form {form!r} is not in the vocabulary of the "
                    "model; is it the vocabulary of the published one?"
                )
    return table.rename(
        columns={"logp_correct": "expected_correct", "logp_wrong": "expected_wrong"}
    )


def _step(
    model: LanguageModel, words: Tensor, state: list[tuple[Tensor, Tensor]]
) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
    """One word of every row; return the last layer's hidden (rows, units) and the new state."""
    inputs = model.embedding[words.to(model.device)]
    after = []
    for layer, (hidden, cell) in zip(model.layers, state, strict=True):
        step = lstm_step_ref(layer, inputs, hidden, cell)
        after.append((step["hidden"], step["cell"]))
        inputs = step["hidden"]
    return inputs, after


def _log_probabilities(
    model: LanguageModel, prefixes: list[tuple[int, ...]], state: list[tuple[Tensor, Tensor]]
) -> Tensor:
    """Log-probabilities (prefixes, words) after prefixes of one length, from a state of one row."""
    n = len(prefixes)
    rows = [(hidden.expand(n, -1), cell.expand(n, -1)) for hidden, cell in state]
    outputs = rows[-1][0]
    for words in torch.tensor(prefixes).T:
        outputs, rows = _step(model, words, rows)
    return torch.log_softmax(outputs @ model.decoder_weight.T + model.decoder_bias, dim=1)
